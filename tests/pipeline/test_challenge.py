"""Challenges with real pictures and the real models: all three services on the bus in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from doorbus.runtime.client import Client, connect
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Ask, Challenge, Decision, Enrol, Frame, Reason, Recognition, Result
from doorbus.wire.seal import Seal
from doorbus_actuator.fakes import FakeGuardian, FakeJournal, RecordingRelay
from doorbus_actuator.policy import LivenessMode
from doorbus_actuator.service import ActuatorService
from doorbus_actuator.settings import Actuator
from doorbus_enroller.fakes import MemoryStore
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import Enroller, EnrollerSettings
from doorbus_recognizer.faces import Image
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.service import RecognizerService
from doorbus_recognizer.settings import Recognizer
from doorbus_recognizer.vision import Vision
from likenesses import Meshes
from staging import closed, turned
from support.jpegs import shot
from support.signing import ENROLLERS, KEYS, RECOGNIZERS
from support.snapshots import nowhere
from support.staging import tilted, visit

PORCH = {"door": "front", "camera": "porch"}
CHANCE = {Ask.BLINK: 0.0, Ask.TURN_LEFT: 0.5, Ask.TURN_RIGHT: 0.99}
SWEEP = (10, 20, 30, 40, 50, 60, 50, 40, 30, 20, 10, 0)


class Porch:
    """A door that asks for something, and its camera."""

    def __init__(self, client: Client, clock: FakeClock, relay: RecordingRelay) -> None:
        self.client = client
        self.clock = clock
        self.relay = relay
        self.seen: list[Recognition] = []
        self.decisions: list[Decision] = []
        self.asked: list[Ask] = []

    async def hears(self, enough: Callable[[], bool]) -> None:
        """Listen until it is enough."""
        async with asyncio.timeout(10):
            async for event in self.client.events():
                match event.message:
                    case Recognition():
                        self.seen.append(event.message)
                    case Decision():
                        self.decisions.append(event.message)
                    case Challenge():
                        self.asked.append(event.message.ask)
                if enough():
                    return

    async def sees(self, views: Iterable[Image], pause: float = 0.1) -> None:
        for view in views:
            self.clock.advance(pause)
            jpeg = shot(cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
            frame = Frame(jpeg=jpeg, frame_id=f"f{len(self.seen)}", captured_at=self.clock.now())
            count = len(self.seen)
            await self.client.send(Outbound(channels.FRAME, frame, PORCH))
            await self.hears(lambda: len(self.seen) > count)  # noqa: B023 (it is over before count changes)

    async def asks(self, ask: Ask) -> None:
        if ask not in self.asked:
            await self.hears(lambda: ask in self.asked)

    async def decides(self, *reasons: Reason) -> Decision:
        if not [one for one in self.decisions if one.reason in reasons]:
            await self.hears(lambda: bool(self.decisions) and self.decisions[-1].reason in reasons)
        return next(one for one in self.decisions if one.reason in reasons)

    async def lets_in(self) -> bool:
        """Whether the door has opened, once nothing is asked any more."""
        self.clock.advance(8.0)
        await self.decides(Reason.MATCHED, Reason.CHALLENGE_FAILED)
        return True in self.relay.history


@pytest.fixture
def vision(weights: Path) -> Vision:
    return build_vision(weights_dir=weights)


@asynccontextmanager
async def porch(vision: Vision, samples: Path, ask: Ask, view: Image) -> AsyncIterator[Porch]:
    """The door has just asked for something, before a camera that shows `view`."""
    bus, clock, relay, seal = MemoryBus(), FakeClock(), RecordingRelay(), Seal(bytes(32))
    enrolling = EnrollerSettings(_env_file=None, instance="test", var=Path("nowhere"), enroller=Enroller())
    deciding = Actuator(time_zone="UTC", liveness=LivenessMode.CHALLENGE)
    heard = [channels.RECOGNITION, channels.DECISION, channels.CHALLENGE, channels.RESULT]
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
                deciding,
                FakeGuardian(relay, clock),
                clock,
                KEYS,
                nowhere("roster"),
                journal=FakeJournal(),
                chance=lambda: CHANCE[ask],
            ),
            bus,
            clock,
        ),
        connect(bus, heard) as client,
    ):
        jpeg = (samples / "obama.jpg").read_bytes()
        await client.send(Outbound(channels.ENROL, Enrol(jpeg=jpeg), {"person": "obama"}))
        async with asyncio.timeout(10):
            result: Result = (await client.expect(channels.RESULT, person="obama")).message
        assert result.error is None
        one = Porch(client, clock, relay)
        while not one.seen or one.seen[-1].faces[0].person is None:  # the gallery may come a moment after the result
            await one.sees([view])
        await one.sees([view])
        await one.asks(ask)
        yield one


@pytest.fixture
def lids(vision: Vision, samples: Path, weights: Path) -> Callable[[float], Image]:
    """A resident whose eyes are closed so far, from 0 to 1."""
    view = visit(samples, "obama3.jpg")
    person = Meshes(weights).likeness(view, vision.see(view)[0][0])
    return lambda how_far: closed(person, how_far) if how_far else view


@pytest.mark.parametrize("pause", [0.04, 0.1])
async def test_a_resident_whose_lids_are_seen_to_close_is_let_in(
    vision: Vision, samples: Path, lids: Callable[[float], Image], pause: float
) -> None:
    async with porch(vision, samples, Ask.BLINK, lids(0)) as one:
        await one.sees(map(lids, [0, 0, 0, 0, 0.2, 0.4, 1, 1, 0.4, 0.2, 0, 0]), pause)
        assert (await one.decides(Reason.MATCHED)).person == "obama"
        assert one.relay.energised


async def test_a_resident_who_blinks_too_fast_for_the_camera_is_asked_to_turn_too(
    vision: Vision, samples: Path, weights: Path, lids: Callable[[float], Image]
) -> None:
    mesh = Meshes(weights).of(lids(0))
    assert mesh is not None
    async with porch(vision, samples, Ask.BLINK, lids(0)) as one:
        await one.sees(map(lids, [0, 0, 0, 0, 1, 1, 0, 0]))
        await one.asks(Ask.TURN_LEFT)
        assert not one.relay.energised
        await one.sees([*[lids(0)] * 4, *(turned(lids(0), mesh, degrees) for degrees in range(5, 35, 5))])
        assert (await one.decides(Reason.MATCHED)).person == "obama"


async def test_who_keeps_the_eyes_open_or_closed_is_not(
    vision: Vision, samples: Path, lids: Callable[[float], Image]
) -> None:
    async with porch(vision, samples, Ask.BLINK, lids(0)) as one:
        await one.sees(map(lids, [*[0] * 8, *[1] * 4]))
        assert not await one.lets_in()


async def test_photos_of_open_and_closed_eyes_that_a_screen_swaps_let_nobody_in(
    vision: Vision, samples: Path, lids: Callable[[float], Image]
) -> None:
    both = np.rint((lids(0).astype(float) + lids(1)) / 2).astype(np.uint8)  # as on a frame on which the screen changes
    async with porch(vision, samples, Ask.BLINK, lids(0)) as one:
        await one.sees([*[lids(0)] * 4, lids(1), lids(1), both, *[lids(0)] * 3, both, lids(1), lids(0)], 0.04)
        assert not await one.lets_in()
        assert Ask.TURN_LEFT in one.asked


async def test_a_photo_with_closed_eyes_before_which_another_is_drawn_away_lets_nobody_in(
    vision: Vision, samples: Path, lids: Callable[[float], Image]
) -> None:
    views = [np.concatenate((lids(1)[:, :seam], lids(0)[:, seam:]), axis=1) for seam in range(260, 390, 20)]
    async with porch(vision, samples, Ask.BLINK, lids(0)) as one:
        await one.sees([*[lids(0)] * 4, *views, *[lids(1)] * 2, *views[::-1], lids(0), lids(0)], 0.04)
        assert not await one.lets_in()
        assert Ask.TURN_LEFT in one.asked


@pytest.mark.parametrize("name", ["obama2.jpg", "obama3.jpg"])
async def test_a_photo_that_is_tilted_does_not_blink(vision: Vision, samples: Path, name: str) -> None:
    view = visit(samples, name)
    async with porch(vision, samples, Ask.BLINK, view) as one:
        await one.sees([*[view] * 4, *(tilted(view, degrees) for degrees in SWEEP)])
        assert not await one.lets_in()


@pytest.mark.parametrize("ask", [Ask.TURN_LEFT, Ask.TURN_RIGHT])
@pytest.mark.parametrize("name", ["obama2.jpg", "obama3.jpg"])
async def test_a_photo_that_is_turned_turns_no_head(vision: Vision, samples: Path, name: str, ask: Ask) -> None:
    view = visit(samples, name)
    side = 1 if ask is Ask.TURN_LEFT else -1
    async with porch(vision, samples, ask, view) as one:
        await one.sees([*[view] * 4, *(tilted(view, 0, side * degrees) for degrees in SWEEP)])
        assert not await one.lets_in()


async def test_two_photos_of_which_one_is_turned_are_no_head_that_turns(vision: Vision, samples: Path) -> None:
    right, left = visit(samples, "obama2.jpg"), visit(samples, "obama3.jpg")
    async with porch(vision, samples, Ask.TURN_LEFT, right) as one:
        await one.sees([*[right] * 4, *[left] * 4, *[right] * 4, left])
        yaws = [recognition.faces[0].yaw or 0.0 for recognition in one.seen]
        assert max(yaws) - min(yaws) > 20
        assert not await one.lets_in()


@pytest.mark.parametrize(("ask", "side"), [(Ask.TURN_LEFT, 1), (Ask.TURN_RIGHT, -1)])
@pytest.mark.parametrize("name", ["obama2.jpg", "obama3.jpg"])
async def test_a_resident_who_turns_the_head_by_thirty_degrees_is_let_in(
    vision: Vision, samples: Path, weights: Path, *, name: str, ask: Ask, side: int
) -> None:
    view = visit(samples, name)
    mesh = Meshes(weights).of(view)
    assert mesh is not None
    async with porch(vision, samples, ask, view) as one:
        await one.sees([*[view] * 4, *(turned(view, mesh, side * degrees) for degrees in range(5, 35, 5))])
        assert (await one.decides(Reason.MATCHED)).person == "obama"


async def test_a_resident_who_turns_to_the_other_side_is_not(vision: Vision, samples: Path, weights: Path) -> None:
    view = visit(samples, "obama3.jpg")
    mesh = Meshes(weights).of(view)
    assert mesh is not None
    async with porch(vision, samples, Ask.TURN_LEFT, view) as one:
        await one.sees([*[view] * 4, *(turned(view, mesh, -degrees) for degrees in range(5, 35, 5))])
        assert not await one.lets_in()


def across(front: Image, aside: Image) -> list[Image]:
    """One is drawn before the other, from the left."""
    return [np.concatenate((aside[:, :seam], front[:, seam:]), axis=1) for seam in range(250, 400, 10)]


def down(front: Image, aside: Image) -> list[Image]:
    """One is drawn before the other, from above."""
    return [np.concatenate((aside[:seam], front[seam:]), axis=0) for seam in range(160, 320, 10)]


def fading(front: Image, aside: Image) -> list[Image]:
    """One fades into the other."""
    steps = [front + (aside.astype(float) - front) * step / 10 for step in range(1, 10)]
    return [np.rint(step).astype(np.uint8) for step in steps]


@pytest.mark.parametrize("between", [across, down, fading])
@pytest.mark.parametrize(("ask", "side"), [(Ask.TURN_LEFT, 1), (Ask.TURN_RIGHT, -1)])
@pytest.mark.parametrize("name", ["obama2.jpg", "obama3.jpg"])
async def test_two_photos_of_which_one_gives_way_to_the_other_are_no_head_that_turns(
    vision: Vision,
    samples: Path,
    weights: Path,
    *,
    name: str,
    ask: Ask,
    side: int,
    between: Callable[[Image, Image], list[Image]],
) -> None:
    view = visit(samples, name)
    mesh = Meshes(weights).of(view)
    assert mesh is not None
    aside = turned(view, mesh, side * 45)
    views = between(view, aside)
    async with porch(vision, samples, ask, view) as one:
        await one.sees([*[view] * 4, *views, *[aside] * 2, *views[::-1], *[view] * 3])
        assert not await one.lets_in()


async def test_it_is_looked_at_parts_of_the_face_only_while_a_turn_is_asked(vision: Vision, samples: Path) -> None:
    view = visit(samples, "obama3.jpg")
    async with porch(vision, samples, Ask.TURN_LEFT, view) as one:
        await one.sees([view])
        one.clock.advance(9.0)
        await one.sees([view])
        faces = [recognition.faces[0] for recognition in one.seen[-3:]]
        assert [face.sides_apart is None for face in faces] == [True, False, True]
        assert [face.ends_apart is None for face in faces] == [True, False, True]


async def test_a_head_of_which_nothing_is_seen_between_front_and_side_turns_nowhere(
    vision: Vision, samples: Path, weights: Path
) -> None:
    view = visit(samples, "obama3.jpg")
    mesh = Meshes(weights).of(view)
    assert mesh is not None
    async with porch(vision, samples, Ask.TURN_LEFT, view) as one:
        await one.sees([*[view] * 4, *[turned(view, mesh, 30)] * 4, *[view] * 4, turned(view, mesh, 30)])
        assert not await one.lets_in()


async def test_it_is_looked_at_the_eyes_only_while_a_blink_is_asked(vision: Vision, samples: Path) -> None:
    view = visit(samples, "obama3.jpg")
    async with porch(vision, samples, Ask.BLINK, view) as one:
        await one.sees([view])
        one.clock.advance(9.0)
        await one.sees([view])
        assert [recognition.faces[0].lids is None for recognition in one.seen[-3:]] == [True, False, True]


async def test_a_face_that_fills_the_frame_is_too_close(vision: Vision, samples: Path) -> None:
    near, view = visit(samples, "obama3.jpg", across=220), visit(samples, "obama3.jpg")
    async with porch(vision, samples, Ask.TURN_LEFT, view) as one:
        await one.sees([near])
        assert (await one.decides(Reason.TOO_CLOSE)).person == "obama"
