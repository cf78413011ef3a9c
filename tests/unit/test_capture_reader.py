"""The reader keeps a camera open that hangs, fails or ends, and never waits for one that hangs."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import pytest
from structlog.testing import capture_logs

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.session import Backoff
from doorbus.testing import FakeClock
from doorbus_capture.reader import CameraReader, Patience
from doorbus_capture.sources.fakes import FakeSource, Happening, plain
from doorbus_capture.sources.source import Image, Shot

CLOCK = SystemClock()
QUICK = Patience(timeout_seconds=0.15, backoff=Backoff(first=0.01, longest=0.02))


class Cameras:
    """Hands out one fake after the other, and remembers them."""

    def __init__(self, *sources: FakeSource) -> None:
        self._left = iter(sources)
        self.opened: list[FakeSource] = []

    def __call__(self) -> FakeSource:
        self.opened.append(next(self._left))
        return self.opened[-1]


def camera(*script: Image | Happening, opens: bool = True, hangs: bool = False) -> FakeSource:
    return FakeSource(script, CLOCK, opens=opens, hangs=hangs)


def endless(twentieth: threading.Event) -> FakeSource:
    """A camera that goes on for ever at 250 fps, each picture one level brighter."""

    def pictures() -> Iterator[Image | Happening]:
        for number in itertools.count():
            time.sleep(0.004)
            yield plain(number % 256)
            if number == 20:
                twentieth.set()

    return FakeSource(pictures(), CLOCK)


@asynccontextmanager
async def reading(
    *sources: FakeSource,
) -> AsyncIterator[tuple[CameraReader, AsyncGenerator[Shot, None], Cameras]]:
    cameras = Cameras(*sources)
    reader = CameraReader(cameras, CLOCK, QUICK, chance=lambda: 0.0)
    reader.pace(500)
    async with aclosing(reader.shots()) as shots:
        yield reader, shots, cameras
    for source in sources:
        source.let_go()
    await reader.close()


async def level(shots: AsyncGenerator[Shot, None]) -> int:
    return int((await anext(shots)).image[0, 0, 0])


async def test_a_camera_that_hangs_is_left_alone_and_opened_again() -> None:
    hanging = camera(plain(1), Happening.HANG)
    async with reading(hanging, camera(plain(2))) as (reader, shots, cameras):
        assert await level(shots) == 1
        assert reader.problem is None
        assert await level(shots) == 2
        assert reader.reopened == 1
        assert reader.hung == 1
        assert cameras.opened == [hanging, cameras.opened[1]]
        assert "close" not in hanging.history  # nobody but the thread that hangs in it may touch it


async def test_a_camera_that_hangs_is_closed_by_its_own_thread_when_it_returns() -> None:
    hanging, well = camera(Happening.HANG), camera(plain(2))
    async with reading(hanging, well) as (reader, shots, _):
        assert await level(shots) == 2
        hanging.let_go()
        well.let_go()  # it hangs, too, once its pictures are over
        await reader.close()
        assert hanging.history[-1] == "close"
        assert reader.hung == 0


async def test_a_camera_that_hangs_while_it_is_opened_is_opened_again() -> None:
    async with reading(camera(hangs=True), camera(plain(3))) as (reader, shots, _):
        assert await level(shots) == 3
        assert reader.reopened == 1


async def test_a_camera_that_gives_no_frame_is_reported_until_the_next_frame() -> None:
    still_stuck = camera(hangs=True)
    async with reading(camera(Happening.HANG), still_stuck, camera(plain(1))) as (reader, shots, _):
        waiting = asyncio.ensure_future(level(shots))
        await asyncio.to_thread(still_stuck.hanging.wait, 5)
        assert reader.problem == "no frame within 0.15 s; is the camera reachable?"
        assert await waiting == 1
        assert reader.problem is None


@pytest.mark.parametrize("broken", [camera(opens=False), camera(Happening.FAIL)])
async def test_a_camera_that_fails_is_opened_again_after_a_pause(broken: FakeSource) -> None:
    async with reading(broken, camera(plain(5))) as (reader, shots, _):
        assert await level(shots) == 5
        assert reader.reopened == 1
        assert broken.history[-1] == "close"


async def test_pictures_that_come_and_go_are_counted_for_ten_minutes_and_a_camera_that_never_came_is_not() -> None:
    clock = FakeClock()
    flapping = [camera(plain(1), Happening.FAIL), camera(opens=False), camera(plain(2), Happening.FAIL)]
    reader = CameraReader(Cameras(*flapping, camera(plain(3))), clock, QUICK, chance=lambda: 0.0)
    async with aclosing(reader.shots()) as shots:
        assert [await level(shots) for _ in range(3)] == [1, 2, 3]
        assert (reader.lost_lately, reader.reopened) == (2, 3)

        clock.advance(600.0)
        assert reader.lost_lately == 0
    await reader.close()


async def test_a_camera_that_failed_is_not_told_as_one_that_hangs() -> None:
    with capture_logs() as told:
        async with reading(camera(opens=False), camera(Happening.FAIL), camera(plain(1))) as (reader, shots, _):
            assert await level(shots) == 1
            assert reader.hung == 0
    assert [line["hung"] for line in told if line["event"] == "source_lost"] == [0, 0]


async def test_a_picture_that_is_not_whole_is_missed_and_counted_and_the_source_goes_on() -> None:
    one_of_four: list[Image | Happening] = [plain(1), plain(2), plain(3), Happening.MISS] * 20
    with capture_logs() as logs:
        async with reading(camera(*one_of_four, plain(9))) as (reader, shots, _):
            reader.pace(1e9)  # none is skipped
            while await level(shots) != 9:
                assert reader.problem is None
            assert reader.missed == 20
            assert reader.reopened == 0
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("picture_missed", "a part of it is lost")]


async def test_a_source_whose_pictures_are_all_missed_is_lost_for_that_reason() -> None:
    async with reading(camera(*[Happening.MISS] * 100), camera(plain(7))) as (reader, shots, _):
        assert await level(shots) == 7
        assert reader.reopened == 1
        assert reader.missed == 10


async def test_a_camera_that_is_too_slow_to_miss_many_pictures_is_told_why_there_is_none() -> None:
    missing, stuck = camera(Happening.MISS, Happening.HANG), camera(hangs=True)
    async with reading(missing, stuck, camera(plain(7))) as (reader, shots, _):
        waiting = asyncio.ensure_future(level(shots))
        await asyncio.to_thread(stuck.hanging.wait, 5)
        assert reader.problem == "no frame within 0.15 s; a part of it is lost"
        assert await waiting == 7


async def test_what_has_ended_for_good_is_reported_and_not_opened_again() -> None:
    async with reading(camera(plain(1), Happening.END)) as (reader, shots, cameras):
        assert await level(shots) == 1
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(shots)
        assert reader.problem == "has ended"
        assert len(cameras.opened) == 1


async def test_only_the_newest_picture_is_handed_over() -> None:
    twentieth = threading.Event()
    async with reading(endless(twentieth)) as (reader, shots, _):
        first = await level(shots)
        await asyncio.to_thread(twentieth.wait, 5)
        assert await level(shots) >= 19 > first
        assert reader.superseded >= 19 - first - 1


async def test_pictures_that_are_not_wanted_yet_are_skipped_so_that_none_grows_old() -> None:
    source = endless(threading.Event())
    async with reading(source) as (reader, shots, _):
        reader.pace(20)
        await anext(shots)
        await anext(shots)
        await anext(shots)
        assert source.history.count("skip") > source.history.count("read")


async def test_not_more_than_a_few_threads_are_ever_left_hanging() -> None:
    hanging = [camera(hangs=True) for _ in range(4)]
    async with reading(*hanging, camera(plain(9))) as (reader, shots, cameras):
        waiting = asyncio.ensure_future(level(shots))
        await asyncio.to_thread(hanging[3].hanging.wait, 5)
        await asyncio.wait({waiting}, timeout=0.5)
        assert not waiting.done()
        assert reader.problem == "4 attempts to read it hang in the driver; plug it in again or restart this"
        assert len(cameras.opened) == 4
        assert reader.hung == 4
        hanging[0].let_go()
        assert await waiting == 9
        assert reader.problem is None


async def test_a_hanging_camera_does_not_keep_the_reader_from_closing() -> None:
    stuck = camera(plain(1), Happening.HANG)
    async with reading(stuck) as (reader, shots, _):
        assert await level(shots) == 1
        await asyncio.to_thread(stuck.hanging.wait, 5)
        await reader.close()
        assert reader.hung == 1
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "camera")
