"""What is remembered of the newest map that was ever seen."""

import asyncio
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.floor import Floor
from doorbus.testing import FakeClock


def _floor(folder: Path | None, root: str = "doorbus/v1", name: str = "roster") -> Floor:
    return Floor(folder, name, root, FakeClock())


async def test_it_is_remembered_by_whoever_comes_after(tmp_path: Path) -> None:
    folder = tmp_path / "floors"
    assert _floor(folder).version == -1

    await _floor(folder).lift(7)

    assert _floor(folder).version == 7
    assert stat.S_IMODE((folder / "roster.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_maps_and_roots_have_floors_of_their_own(tmp_path: Path) -> None:
    await _floor(tmp_path).lift(7)
    await _floor(tmp_path, root="doorbus/v2").lift(3)
    await _floor(tmp_path, name="gallery").lift(5)

    assert _floor(tmp_path).version == 7
    assert _floor(tmp_path, root="doorbus/v2").version == 3
    assert _floor(tmp_path, name="gallery").version == 5


async def test_of_two_that_share_a_file_the_higher_one_stays(tmp_path: Path) -> None:
    one, other = _floor(tmp_path), _floor(tmp_path)
    assert (one.version, other.version) == (-1, -1)

    await one.lift(9)
    await other.lift(8)

    assert _floor(tmp_path).version == 9


@given(st.lists(st.integers(0, 2**60)))
def test_it_never_falls(versions: list[int]) -> None:
    async def lift() -> None:
        floor = _floor(None)
        for count, version in enumerate(versions, 1):
            await floor.lift(version)
            assert floor.version == max(versions[:count])

    asyncio.run(lift())


async def test_a_file_that_hangs_delays_nothing_for_long_and_is_told(tmp_path: Path) -> None:
    """A named pipe that nobody writes to, where the file should be, holds up whoever reads it."""
    floor = _floor(tmp_path)
    assert floor.version == -1
    os.mkfifo(tmp_path / "roster.json")

    async with asyncio.timeout(10):
        await floor.lift(7)

    assert floor.version == 7
    assert "does the disk hang?" in (floor.problem or "")
    with (tmp_path / "roster.json").open("wb"):
        pass  # the reader goes on
    async with asyncio.timeout(10):
        while floor.problem:  # noqa: ASYNC110  # a file has no event
            await asyncio.sleep(0.01)
    assert _floor(tmp_path).version == 7


async def test_a_folder_that_cannot_be_written_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "floors").write_text("in the way")
    floor = _floor(tmp_path / "floors")

    await floor.lift(7)

    assert floor.version == 7
    assert "may this user write there?" in (floor.problem or "")
    assert floor.figures("roster")["floor_failures"] >= 1


@pytest.mark.parametrize("content", [b"", b"null", b'{"doorbus/v1": 1.5}', b'{"doorbus/v1": true}', bytes(100)])
def test_what_is_damaged_might_have_held_any_version_until_now(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "roster.json").write_bytes(content)
    floor = _floor(tmp_path)

    assert floor.version == int(FakeClock().now().timestamp() * 1000)
    assert floor.figures("roster") == {"roster_floor": floor.version, "floor_failures": 1}
