"""The capture service with another program's topic as its camera, on a bus in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from doorbus.testing import FakeClock, MemoryBus, matches, running
from doorbus.wire.channels import DEFAULT_ROOT
from doorbus.wire.messages import Health
from doorbus.wire.packet import Filter, Packet
from doorbus_capture.imaging import decode
from doorbus_capture.service import CaptureService
from doorbus_capture.settings import Capture
from support.capture import Listener, picture
from support.jpegs import refining

TOPIC = "frigate/porch/person/snapshot"
SOURCE = f"mqtt:{TOPIC}"


class Watcher(Listener):
    """Somebody who hears frames and health, and what the bridge was sent."""

    def __init__(self, bus: MemoryBus, clock: FakeClock) -> None:
        self.bus = bus
        super().__init__(clock)

    async def refused(self, reason: str) -> Health:
        """The health that tells of one such refusal."""
        while not (health := await self.healths.get()).refused.get(f"bridge.{reason}"):
            pass
        return health


@asynccontextmanager
async def bridging(bus: MemoryBus | None = None, **settings: object) -> AsyncIterator[Watcher]:
    bus, clock = bus or MemoryBus(), FakeClock()
    watcher = Watcher(bus, clock)
    service = CaptureService(Capture.model_validate({"source": SOURCE} | settings), None, clock, run="r1")
    async with bus.connect(client_id="watcher", will=None, deliver=watcher.deliver) as connection:
        await connection.subscribe([Filter(f"{DEFAULT_ROOT}/#")])
        async with asyncio.timeout(20), running(service, bus, clock):
            yield watcher


async def test_each_picture_becomes_a_frame_of_now() -> None:
    async with bridging() as watcher:
        for number, level in enumerate((50, 150)):
            watcher.bus.publish(Packet(TOPIC, picture(level), retain=True))  # as Frigate sends it
            frame = await watcher.frame()
            assert (frame.frame_id, frame.seq) == (f"porch-r1-{number}", number)
            assert frame.captured_at == watcher.clock.now()
            image = decode(frame.jpeg)
            assert image.shape == (240, 320, 3)
            watcher.clock.advance(1)


async def test_a_picture_that_brings_its_own_id_and_time_keeps_them() -> None:
    async with bridging() as watcher:
        metadata = (("frame_id", "mine-7"), ("captured_at", "2026-06-01T11:59:59Z"))
        watcher.bus.publish(Packet(TOPIC, picture(50), user=metadata))
        frame = await watcher.frame()
    assert frame.frame_id == "mine-7"
    assert (watcher.clock.now() - frame.captured_at).total_seconds() == 1


async def test_what_the_settings_say_of_a_camera_holds_here_too() -> None:
    async with bridging(rotate=90, width=64, height=64) as watcher:
        watcher.bus.publish(Packet(TOPIC, picture(50)))
        image = decode((await watcher.frame()).jpeg)
    assert image.shape == (64, 48, 3)


class CarelessBus(MemoryBus):
    """A broker that replays what it has kept although nobody asked for it."""

    def subscribe(self, client: object, filters: Sequence[Filter]) -> None:
        super().subscribe(client, [replace(one, replay=matches(one.topic, TOPIC)) for one in filters])  # type: ignore[arg-type]


async def test_what_the_broker_had_kept_is_refused_and_what_is_sent_now_is_taken() -> None:
    bus = CarelessBus()
    bus.publish(Packet(TOPIC, picture(50), retain=True))
    async with bridging(bus) as watcher:
        await watcher.refused("retained")
        assert watcher.frames.empty()
        watcher.bus.publish(Packet(TOPIC, picture(150), retain=True))
        assert (await watcher.frame()).seq == 0


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n", "not_a_picture"),
        (b"\xff\xd8\xff\xe0 no picture at all \xff\xd9", "not_a_picture"),
        (picture(50)[:500], "not_a_picture"),
        (picture(50)[:-1000] + b"\xff\xd9", "not_a_picture"),
        (picture(50) + bytes(8 * 1024 * 1024), "too_large"),
        (refining(7000, 7000, 30), "too_much_work"),
    ],
)
async def test_what_is_no_picture_is_refused_and_counted(payload: bytes, reason: str) -> None:
    async with bridging() as watcher:
        watcher.bus.publish(Packet(TOPIC, payload))
        await watcher.refused(reason)
        assert watcher.frames.empty()
        watcher.bus.publish(Packet(TOPIC, picture(50)))
        assert (await watcher.frame()).seq == 0


async def test_other_topics_of_the_program_are_not_listened_to() -> None:
    async with bridging() as watcher:
        assert {topic for topic in watcher.bus.topics() if topic.startswith("frigate")} == {TOPIC}


async def test_a_topic_that_was_never_heard_is_a_problem_and_one_that_falls_silent_is_not() -> None:
    async with bridging(timeout_seconds=5) as watcher:
        watcher.clock.advance(6)
        while (health := await watcher.healths.get()).problem is None:
            pass
        assert health.problem.startswith(f"DOORBUS_CAPTURE__SOURCE={SOURCE}: no picture yet")
        watcher.bus.publish(Packet(TOPIC, picture(50)))
        await watcher.frame()
        while (health := await watcher.healths.get()).problem is not None:
            pass
        watcher.clock.advance(3600)
        watcher.bus.publish(Packet(TOPIC, b""))
        health = await watcher.refused("empty")
    assert health.problem is None
    assert health.figures["last_frame_age_seconds"] == 3600
