"""Enroller, recognizer and actuator together on the bus in memory, with models that need no weights."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import pytest

from doorbus.runtime.client import Client, connect
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    Decision,
    Enrol,
    Frame,
    LockState,
    Outcome,
    Reason,
    RecogniseRequest,
    Recognition,
    Remove,
    Result,
)
from doorbus.wire.seal import Seal
from doorbus_actuator.fakes import FakeGuardian, FakeJournal, RecordingRelay
from doorbus_actuator.service import ActuatorService
from doorbus_actuator.settings import Actuator
from doorbus_enroller.fakes import MemoryStore
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import Enroller, EnrollerSettings
from doorbus_recognizer.calibration import Scale
from doorbus_recognizer.models.fakes import FakeDetector, FakeEmbedder, FakeLiveness, FakeMesh, portrait
from doorbus_recognizer.service import RecognizerService
from doorbus_recognizer.settings import Recognizer
from doorbus_recognizer.vision import Vision
from support.jpegs import shot
from support.signing import ENROLLERS, KEYS, RECOGNIZERS
from support.snapshots import nowhere

PORCH = {"door": "front", "camera": "porch"}


class House:
    """A door with all that belongs to it."""

    def __init__(self, client: Client, clock: FakeClock, relay: RecordingRelay) -> None:
        self.client = client
        self.clock = clock
        self.relay = relay
        self._frames = 0

    async def enrol(self, person: str) -> Result:
        await self.client.send(Outbound(channels.ENROL, Enrol(jpeg=_picture(person)), {"person": person}))
        result = await self.result(person)
        await self._until_seen_as(person, person)
        return result

    async def remove(self, person: str) -> Result:
        await self.client.send(Outbound(channels.REMOVE, Remove(), {"person": person}))
        result = await self.result(person)
        await self._until_seen_as(None, person)
        return result

    async def result(self, person: str) -> Result:
        async with asyncio.timeout(10):
            message: Result = (await self.client.expect(channels.RESULT, person=person)).message
        return message

    async def _until_seen_as(self, name: str | None, person: str) -> None:
        """The gallery may come a moment after the result."""
        request = RecogniseRequest(jpeg=_picture(person))
        response = (channels.RECOGNISE_REPLY, {"token": "me"})
        async with asyncio.timeout(10):
            while True:
                await self.client.send(Outbound(channels.RECOGNISE_REQUEST, request, response=response))
                if (await self.client.expect(channels.RECOGNISE_REPLY)).message.faces[0].person == name:
                    return

    async def show(self, person: str) -> Decision:
        """Show a face twice, a tenth of a second apart; the decision about the second frame."""
        for _ in range(2):
            self._frames += 1
            self.clock.advance(0.1)
            frame = Frame(jpeg=shot(_picture(person)), frame_id=f"f{self._frames}", captured_at=self.clock.now())
            await self.client.send(Outbound(channels.FRAME, frame, PORCH))
            async with asyncio.timeout(10):
                await self.client.expect(channels.RECOGNITION)
        self.clock.advance(1.0)  # denials that are alike are told once a second
        async with asyncio.timeout(10):
            while True:
                decision: Decision = (await self.client.expect(channels.DECISION)).message
                if decision.reason is not Reason.AWAITING_VOTES:
                    return decision

    def unlocked(self) -> bool:
        return self.relay.energised

    async def until(self, state: LockState) -> None:
        async with asyncio.timeout(10):
            while (await self.client.expect(channels.LOCK_STATE)).message is not state:
                pass


def _picture(person: str) -> bytes:
    return cv2.imencode(".jpg", portrait(person), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    bus, clock, relay, seal = MemoryBus(), FakeClock(), RecordingRelay(), Seal(bytes(32))
    vision = Vision(
        detector=FakeDetector(),
        mesh=FakeMesh(),
        embedder=FakeEmbedder(),
        liveness=FakeLiveness(),
        scale=Scale(likely=0.5, secure=0.6),
    )
    enrolling = EnrollerSettings(
        _env_file=None, instance="test", var=Path("nowhere"), enroller=Enroller(min_sharpness=0, min_size=0)
    )
    deciding = Actuator(time_zone="UTC", min_sharpness=0, min_quality=0)  # the faces are plain squares
    heard = [channels.RECOGNITION, channels.DECISION, channels.LOCK_STATE, channels.RESULT, channels.RECOGNISE_REPLY]
    async with (
        running(EnrollerService(enrolling, MemoryStore(), seal, ENROLLERS, clock), bus, clock),
        running(
            RecognizerService(
                vision, seal, RECOGNIZERS, Recognizer(), nowhere("gallery"), instance="test", clock=clock
            ),
            bus,
            clock,
        ),
        running(
            ActuatorService(
                deciding, FakeGuardian(relay, clock), clock, KEYS, nowhere("roster"), journal=FakeJournal()
            ),
            bus,
            clock,
        ),
        connect(bus, heard) as client,
    ):
        yield House(client, clock, relay)


async def test_from_an_empty_gallery_to_an_open_door_and_back() -> None:
    async with house() as one:
        stranger = await one.show("alice")
        assert (stranger.outcome, stranger.reason) == (Outcome.DENIED, Reason.UNKNOWN_FACE)

        assert (await one.enrol("alice")).error is None
        opened = await one.show("alice")
        assert (opened.outcome, opened.person, opened.frame_ids) == (Outcome.GRANTED, "alice", ("f3", "f4"))
        assert one.unlocked()

        one.clock.advance(3.0)
        await one.until(LockState.LOCKED)
        assert not one.unlocked()

        one.clock.advance(6.0)
        assert (await one.remove("alice")).error is None
        again = await one.show("alice")
        assert (again.outcome, again.reason) == (Outcome.DENIED, Reason.UNKNOWN_FACE)
        assert one.relay.history.count(True) == 1


async def test_the_picture_that_somebody_was_enrolled_from_is_recognised_as_the_very_same() -> None:
    async with house() as one:
        assert (await one.enrol("alice")).error is None
        frame = Frame(jpeg=_picture("alice"), frame_id="same", captured_at=one.clock.now())
        await one.client.send(Outbound(channels.FRAME, frame, PORCH))
        async with asyncio.timeout(10):
            seen: Recognition = (await one.client.expect(channels.RECOGNITION)).message
    (face,) = seen.faces
    assert face.person == "alice"
    assert face.similarity == pytest.approx(1.0, abs=1e-5)


async def test_enrolling_somebody_lets_nobody_else_in() -> None:
    async with house() as one:
        assert (await one.enrol("alice")).error is None
        decision = await one.show("mallory")
        assert (decision.outcome, decision.reason) == (Outcome.DENIED, Reason.UNKNOWN_FACE)
        assert not one.unlocked()
