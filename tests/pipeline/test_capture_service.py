"""The capture service on a bus in memory, and as a process of its own."""

import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from doorbus.local.stack import free_port
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.session import Backoff
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.codec import Arrival
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Ask, Challenge, Decision, Doorbell, Frame, Health, Outcome, Reason, Trigger
from doorbus.wire.packet import Filter, Packet
from doorbus.wire.topics import Topics
from doorbus_capture.imaging import decode
from doorbus_capture.reader import CameraReader, Patience
from doorbus_capture.service import CaptureService
from doorbus_capture.settings import Capture
from doorbus_capture.sources.factory import maker
from doorbus_capture.sources.fakes import FakeSource, Happening, plain
from doorbus_capture.sources.source import Image

CLOCK = SystemClock()
QUICK = Patience(timeout_seconds=0.2, backoff=Backoff(first=0.01, longest=0.02))
ROOT = channels.DEFAULT_ROOT


def frame_in(packet: Packet) -> Frame:
    frame: Frame = channels.FRAME.codec.decode(packet, {}, Arrival(CLOCK.now(), "none"))
    return frame


class Watcher:
    """Somebody on the bus who sees the frames and the health of the camera."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[Packet] = asyncio.Queue()
        self.healths: asyncio.Queue[Packet] = asyncio.Queue()

    def deliver(self, packet: Packet) -> None:
        if "/frame/" in packet.topic:
            self.frames.put_nowait(packet)
        elif "/health/" in packet.topic:
            self.healths.put_nowait(packet)

    async def frame(self) -> Frame:
        """The next frame."""
        return frame_in(await self.frames.get())

    async def health(self, problem: str | None) -> Health:
        """The next health whose problem contains `problem`, or that has none."""
        while True:
            health = Health.model_validate_json((await self.healths.get()).payload)
            if (health.problem is None) if problem is None else (problem in (health.problem or "")):
                return health


@asynccontextmanager
async def watching(service: CaptureService) -> AsyncIterator[tuple[Watcher, MemoryBus]]:
    bus, watcher = MemoryBus(), Watcher()
    async with bus.connect(client_id="watcher", will=None, deliver=watcher.deliver) as connection:
        await connection.subscribe([Filter(f"{ROOT}/#")])
        async with running(service, bus, FakeClock()):
            yield watcher, bus


def capture(*sources: FakeSource, settings: Capture | None = None) -> CaptureService:
    left = iter(sources)
    reader = CameraReader(lambda: next(left), CLOCK, QUICK, chance=lambda: 0.0)
    return CaptureService(settings or Capture(fps=60, idle_fps=60), reader, CLOCK, run="r1")


def scene(levels: Iterator[int], *then: Happening) -> FakeSource:
    """A camera at 200 fps that shows these grey levels, each with a dark square in it, wandering."""

    def pictures() -> Iterator[Image | Happening]:
        for number, level in enumerate(levels):
            time.sleep(0.005)
            image = plain(level, 640, 480)
            left = number * 40 % 500
            image[100:300, left : left + 100] = 0
            yield image
        yield from then

    return FakeSource(pictures(), CLOCK)


def gone(source: FakeSource) -> FakeSource:
    source.let_go()
    return source


async def test_what_the_camera_sees_is_on_the_bus_with_its_metadata() -> None:
    begun = CLOCK.now()
    async with watching(capture(scene(itertools.repeat(150)))) as (watcher, _):
        packet = await watcher.frames.get()
        frames = [frame_in(packet), await watcher.frame()]
    assert packet.topic == f"{ROOT}/door/front/frame/porch"
    assert (packet.qos, packet.retain, packet.expiry, packet.content_type) == (0, False, 2, "image/jpeg")
    assert [frame.frame_id for frame in frames] == ["porch-r1-0", "porch-r1-1"]
    assert [frame.seq for frame in frames] == [0, 1]
    assert begun < frames[0].captured_at < frames[1].captured_at
    assert frames[0].label is None
    seen = decode(frames[0].jpeg)
    assert seen.shape == (480, 640, 3)


async def test_the_sample_camera_says_whom_it_shows(samples: Path) -> None:
    settings = Capture(scene_seconds=0.1, fps=60)
    make = maker(settings.address, settings.options(samples.parent), CLOCK)
    assert make is not None
    service = CaptureService(settings, CameraReader(make, CLOCK), CLOCK, run="r1")
    async with watching(service) as (watcher, _):
        labels: set[str | None] = set()
        while len(labels) < 5:
            frame = await watcher.frame()
            labels.add(frame.label)
            assert 5_000 < len(frame.jpeg) < 80_000
    assert labels == {"empty", "astronaut", "biden", "obama2", "obama3"}


async def test_frames_are_turned_cropped_and_made_to_fit() -> None:
    settings = Capture(rotate=90, crop="0,0.5,1,0.5", width=120, height=100, fps=60)
    async with watching(capture(scene(itertools.repeat(150)), settings=settings)) as (watcher, _):
        seen = decode((await watcher.frame()).jpeg)
    assert seen.shape == (80, 120, 3)


async def test_a_scene_without_motion_is_suppressed_and_counted() -> None:
    settings = Capture(fps=60, idle_fps=60, motion_hold_seconds=0, keepalive_seconds=3600)

    def pictures() -> Iterator[Image | Happening]:
        while True:
            time.sleep(0.005)
            yield plain(150)

    service = capture(FakeSource(pictures(), CLOCK), settings=settings)
    async with watching(service) as (watcher, _):
        await watcher.frame()
        async with asyncio.timeout(20):
            while service.figures()["frames_suppressed"] < 3:  # noqa: ASYNC110  # nothing is sent, so nothing tells
                await asyncio.sleep(0.01)
        assert watcher.frames.empty()
    assert service.figures()["frames_sent"] == 1


def statue() -> FakeSource:
    """Somebody who stands before the camera and does not move; only the sensor's noise does."""
    noise = np.random.default_rng(3)

    def pictures() -> Iterator[Image | Happening]:
        while True:
            time.sleep(0.005)
            yield noise.integers(148, 152, (480, 640, 3)).astype(np.uint8)

    return FakeSource(pictures(), CLOCK)


def about(frame_id: str, reason: Reason = Reason.AWAITING_VOTES, door: str = "front") -> Packet:
    told = Decision(outcome=Outcome.DENIED, reason=reason, trigger=Trigger.FACE, at=CLOCK.now(), frame_ids=(frame_id,))
    return Outbound(channels.DECISION, told, {"door": door}).packet(Topics())


CALM = Capture(fps=60, idle_fps=60, motion_hold_seconds=0, keepalive_seconds=3600)


async def test_somebody_who_stands_still_is_sent_at_full_rate_while_the_door_cannot_decide() -> None:
    async with watching(capture(statue(), settings=CALM)) as (watcher, bus), asyncio.timeout(20):
        first = await watcher.frame()
        bus.publish(about(first.frame_id))
        assert [(await watcher.frame()).seq for _ in range(10)] == list(range(1, 11))


def ring(door: str) -> Packet:
    return Outbound(channels.DOORBELL, Doorbell(at=CLOCK.now()), {"door": door}).packet(Topics())


async def test_the_doorbell_wakes_the_cameras_of_its_door_to_full_rate() -> None:
    settings = Capture(fps=60, idle_fps=5, motion_hold_seconds=0, keepalive_seconds=3600)
    async with watching(capture(statue(), settings=settings)) as (watcher, bus), asyncio.timeout(20):
        assert (await watcher.frame()).seq == 0
        bus.publish(ring("front"))
        assert [(await watcher.frame()).seq for _ in range(10)] == list(range(1, 11))


def ask(door: str, camera: str | None = None, what: Ask = Ask.BLINK) -> Packet:
    challenge = Challenge(ask=what, camera=camera, expires_at=CLOCK.now() + timedelta(seconds=8))
    return Outbound(channels.CHALLENGE, challenge, {"door": door}).packet(Topics())


@pytest.mark.parametrize("camera", [None, "porch"])
async def test_a_camera_sends_all_that_it_sees_of_whoever_is_asked_to_blink(camera: str | None) -> None:
    settings = Capture(fps=5, challenge_fps=60, idle_fps=5, motion_hold_seconds=0, keepalive_seconds=3600)
    async with watching(capture(statue(), settings=settings)) as (watcher, bus), asyncio.timeout(20):
        assert (await watcher.frame()).seq == 0
        bus.publish(ask("front", camera))
        assert [(await watcher.frame()).seq for _ in range(20)] == list(range(1, 21))


@pytest.mark.parametrize(
    "other",
    [
        ring("back"),
        ask("back"),
        ask("front", "yard"),
        ask("front", what=Ask.STEP_BACK),
        about("yard-r1-0"),
        about("porch-r0-0"),
        about("porch-r1-0", door="back"),
        about("porch-r1-0", Reason.OUTSIDE_HOURS),
    ],
    ids=[
        "another bell",
        "another door's challenge",
        "another camera's",
        "advice",
        "another camera",
        "another run",
        "another door",
        "decided",
    ],
)
async def test_what_was_decided_about_others_or_for_good_wakes_no_camera(other: Packet) -> None:
    service = capture(statue(), settings=CALM)
    async with watching(service) as (watcher, bus), asyncio.timeout(20):
        await watcher.frame()
        bus.publish(other)
        seen = service.figures()["frames_suppressed"]
        while service.figures()["frames_suppressed"] < seen + 10:  # noqa: ASYNC110  # nothing is sent, so nothing tells
            await asyncio.sleep(0.01)
        assert watcher.frames.empty()


async def test_a_camera_that_hangs_is_reported_in_health_and_opened_again() -> None:
    hanging, second = scene(iter([150, 10]), Happening.HANG), FakeSource([], CLOCK, hangs=True)
    service = capture(hanging, second, scene(itertools.repeat(90)))
    async with watching(service) as (watcher, _):
        await watcher.frame()
        sick = await watcher.health("no frame within 0.2 s")
        assert sick.problem == "DOORBUS_CAPTURE__SOURCE=sample: no frame within 0.2 s; is the camera reachable?"
        well = await watcher.health(None)
        assert well.figures["reopened"] >= 2
        assert well.figures["frames_sent"] >= 1
    gone(hanging)
    gone(second)


async def test_a_service_whose_camera_hangs_still_stops() -> None:
    hanging = scene(iter([150]), Happening.HANG)
    service = capture(hanging)
    async with watching(service) as (watcher, bus):
        await watcher.frame()
        await asyncio.to_thread(hanging.hanging.wait, 5)
    assert service.figures()["hung"] == 1
    assert b'"offline"' in bus.retained[f"{ROOT}/health/capture/test"].payload
    gone(hanging)


async def test_nothing_is_kept_for_later_while_the_broker_is_away() -> None:
    service = capture(scene(itertools.cycle([100, 150, 200])))
    async with watching(service) as (watcher, bus):
        await watcher.frame()
        bus.stop()
        missed = service.figures()["frames_sent"]
        while service.figures()["frames_sent"] < missed + 10:  # noqa: ASYNC110  # a figure has no event
            await asyncio.sleep(0.01)
        bus.start()
        back, late = asyncio.Event(), []

        def deliver(packet: Packet) -> None:
            if "/frame/" in packet.topic:
                late.append(packet)
                back.set()

        async with bus.connect(client_id="second", will=None, deliver=deliver) as connection:
            await connection.subscribe([Filter(f"{ROOT}/#")])
            await back.wait()
        first = frame_in(late[0])
        assert first.seq is not None
        assert first.seq >= missed + 10


async def test_without_a_camera_there_are_no_frames_and_no_problem() -> None:
    service = CaptureService(Capture(source="none"), None, CLOCK, run="r1")
    async with watching(service) as (watcher, _):
        health = await watcher.health(None)
        assert health.problem is None
        assert watcher.frames.empty()


async def test_a_frozen_camera_is_reported() -> None:
    def pictures() -> Iterator[Image | Happening]:
        for _ in itertools.count():
            time.sleep(0.005)
            yield plain(150)

    settings = Capture(source="rtsp://admin:hunter2@cam/live", frozen_seconds=0.1, fps=60, idle_fps=60)
    async with watching(capture(FakeSource(pictures(), CLOCK), settings=settings)) as (watcher, _):
        health = await watcher.health("frozen")
    assert health.problem == (
        "DOORBUS_CAPTURE__SOURCE=rtsp://cam/live: every picture is the same since 0.1 s; is the camera frozen?"
    )


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings of a process that finds no broker."""
    return os.environ | {
        "DOORBUS_VAR": str(tmp_path),
        "DOORBUS_BROKER__PORT": str(free_port()),
        "DOORBUS_CAPTURE__TIMEOUT_SECONDS": "0.3",
    }


async def test_a_process_whose_camera_hangs_in_opencv_says_so_and_ends_when_told(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    pipe = tmp_path / "camera.avi"
    os.mkfifo(pipe)  # opening it blocks inside OpenCV for ever: nobody writes
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "doorbus_capture",
        cwd=tmp_path,
        env=environment | {"DOORBUS_CAPTURE__SOURCE": str(pipe)},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        said = b""
        while b"no frame within 0.3 s" not in said:
            line = await process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGTERM)
        _, rest = await asyncio.wait_for(process.communicate(), 10)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert b"stopped" in rest


async def test_a_source_that_can_be_none_ends_the_process_at_once_and_shows_no_password(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "doorbus_capture",
        cwd=tmp_path,
        env=environment | {"DOORBUS_CAPTURE__SOURCE": "gopher://bob:hunter2@cam/x"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"gopher:// is not known here; give one of" in said
    assert b"hunter2" not in said
