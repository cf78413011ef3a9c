"""A recognizer with the real models, and whatever anybody may send as a picture."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from doorbus.runtime.client import Client, connect
from doorbus.runtime.settings import ServiceSettings
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels, exif
from doorbus.wire.codec import JPEG_START, Refused
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Embedded, EmbedRequest, ErrorCode, Frame, Health, Result
from doorbus.wire.packet import Packet
from doorbus.wire.seal import Seal
from doorbus.wire.templates import from_reply
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_capture.imaging import decode
from doorbus_enroller.fakes import MemoryStore
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import EnrollerSettings
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.service import RecognizerService
from doorbus_recognizer.settings import Recognizer
from support.garbage import KINDS, Sample, corpus
from support.jpegs import START, segment
from support.signing import ENROLLERS, RECOGNIZERS
from support.snapshots import nowhere

KEY = Seal(bytes(32))
WORDS = {ErrorCode.NOT_A_PICTURE, ErrorCode.TOO_LARGE}
HEALTH_SECONDS = 0.01
"""No frame is too old although time passes between two healths."""
ROUNDS = 3
"""So often each kind of garbage comes, different each time."""


@dataclass
class Lens:
    """In front of a recognizer: shows it pictures, and hears what it says of them."""

    bus: MemoryBus
    clock: FakeClock
    client: Client

    async def show(self, jpeg: bytes, camera: str) -> None:
        frame = Frame(jpeg=jpeg, frame_id=camera, captured_at=self.clock.now())
        await self.client.send(Outbound(channels.FRAME, frame, {"door": "front", "camera": camera}))

    async def embedded(self, jpeg: bytes) -> Embedded:
        request = EmbedRequest(jpeg=jpeg)
        await self.client.send(
            Outbound(channels.EMBED_REQUEST, request, response=(channels.EMBED_REPLY, {"token": "me"}))
        )
        async with asyncio.timeout(20):
            message: Embedded = (await self.client.expect(channels.EMBED_REPLY)).message
        return message

    async def enrolled(self, person: str, jpeg: bytes) -> Result:
        topic = TOPICS.topic(channels.ENROL, person=person)
        await self.client.send_packet(Packet(topic, jpeg, qos=1))
        async with asyncio.timeout(20):
            message: Result = (await self.client.expect(channels.RESULT, person=person)).message
        return message

    async def health(self) -> Health:
        self.clock.advance(1.5 * HEALTH_SECONDS)  # the sum of binary fractions may fall short of the time itself
        async with asyncio.timeout(20):
            message: Health = (await self.client.expect(channels.HEALTH)).message
        return message


@asynccontextmanager
async def seeing(weights: Path) -> AsyncIterator[Lens]:
    bus, clock = MemoryBus(), FakeClock()
    eyes = build_vision(weights_dir=weights, lanes=2)
    service = RecognizerService(eyes, KEY, RECOGNIZERS, Recognizer(), nowhere("gallery"), instance="r1", clock=clock)
    settings = ServiceSettings(_env_file=None, instance="r1", health_seconds=HEALTH_SECONDS)
    async with (
        running(service, bus, clock, settings),
        connect(bus, [channels.HEALTH, channels.EMBED_REPLY, channels.RESULT]) as client,
    ):
        yield Lens(bus, clock, client)


async def test_garbage_is_looked_at_or_refused_and_counted_and_nothing_else_is_said(
    weights: Path, samples: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    garbage = list(corpus(samples, ROUNDS * len(KINDS)))
    async with seeing(weights) as lens:
        for number, (_, jpeg) in enumerate(garbage):
            await lens.show(jpeg, f"c{number}")
        health = await lens.health()
        while sum(health.refused.values()) + health.figures.get("frames", 0) < len(garbage):
            health = await lens.health()
    said = capfd.readouterr().err

    assert health.figures["errors"] == 0
    assert health.figures["frames"] > len(garbage) / 3
    assert {reason.partition(".")[2] for reason in health.refused} == {
        "empty",
        "not_a_picture",
        "truncated",
        "too_large",
        "too_much_work",
    }
    assert said == ""


async def test_an_enroller_that_asks_about_garbage_gets_an_answer(weights: Path, samples: Path) -> None:
    """It asks about nothing that does not begin like a JPEG."""
    garbage = [(kind, jpeg) for kind, jpeg in corpus(samples, len(KINDS), seed=2) if jpeg.startswith(JPEG_START)]
    async with seeing(weights) as lens:
        for kind, jpeg in garbage:
            answer = await lens.embedded(jpeg)
            assert answer.error is None or answer.error in WORDS, kind
            assert not (answer.error and answer.faces), kind


async def test_whoever_sends_garbage_to_enrol_somebody_hears_what_came_of_it(
    weights: Path, samples: Path, tmp_path: Path
) -> None:
    garbage = list(corpus(samples, len(KINDS), seed=3))
    settings = EnrollerSettings(_env_file=None, instance="one", var=tmp_path, health_seconds=1e9)
    answers: Counter[ErrorCode | None] = Counter()
    async with seeing(weights) as lens:
        enroller = EnrollerService(settings, MemoryStore(), KEY, ENROLLERS, lens.clock)
        async with running(enroller, lens.bus, lens.clock, settings):
            for kind, content in garbage:
                answer = await lens.enrolled(kind.partition(" ")[0].strip(",").lower(), content)
                assert answer.error is None or answer.error.message, kind
                answers[None if answer.error is None else answer.error.code] += 1
    assert answers.total() == len(garbage)
    assert answers[None]
    assert answers[ErrorCode.NOT_A_PICTURE] > len(garbage) / 3
    assert answers[ErrorCode.TOO_LARGE]


async def test_whatever_a_camera_answers_is_a_picture_or_refused_and_nothing_else_is_said(
    samples: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcomes: Counter[str] = Counter()
    for _, content in corpus(samples, len(KINDS), seed=4):
        try:
            seen = decode(content)
        except Refused as refused:
            outcomes[refused.reason] += 1
        else:
            outcomes["a picture"] += 1
            assert seen.shape[2] == len("bgr")
            assert seen.dtype == np.uint8
    assert set(outcomes) == {"a picture", "not_a_picture", "too_large", "too_much_work"}
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_face_is_the_same_whichever_way_the_phone_was_held(
    weights: Path, samples: Path, orientation: int
) -> None:
    """The picture is turned back as it was taken, and EXIF says so."""
    upright = Sample.read(samples / "obama.jpg")
    quarters, mirrored = {1: (0, 0), 2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (1, 1), 6: (1, 0), 7: (3, 1), 8: (3, 0)}[
        orientation
    ]
    held = np.rot90(upright.pixels[:, ::-1] if mirrored else upright.pixels, quarters)
    turned = START + segment(0xE1, exif.saying(orientation)) + Sample.of(held).plain[2:]
    async with seeing(weights) as lens:
        (one,) = (await lens.embedded(upright.plain)).faces
        (other,) = (await lens.embedded(turned)).faces

    assert float(from_reply(one.template, KEY) @ from_reply(other.template, KEY)) > 0.97
    assert other.box == pytest.approx(one.box, abs=6)
