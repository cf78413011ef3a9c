"""`doorbus recordings` and `doorbus review`, asked against a recorder on a bus in memory."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence
from rich.console import Console

from doorbus.cli.asking import Unanswered
from doorbus.cli.pictures import NoPicture, animation, in_blocks
from doorbus.cli.recordings import erase_recordings, show_recording, spread, tell_recordings, write_lapse
from doorbus.cli.review import say, tell_reviews
from doorbus.runtime.client import connect
from doorbus.wire.channels import REVIEW_DISCARD
from doorbus.wire.messages import DiscardReview, ListRecordings
from doorbus_recorder.fakes import MemoryStore
from support.jpegs import shot
from support.recorder import Watch, recorder


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    async with recorder(MemoryStore()) as one:
        yield one


async def kept(watch: Watch, *jpegs: bytes) -> None:
    for each, jpeg in enumerate(jpegs):
        watch.let_in(shot(jpeg), f"f-{each}")
        await watch.pass_time(1)


async def test_what_was_kept_is_listed_shown_and_erased(
    watch: Watch, jpeg: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await kept(watch, *[jpeg["obama"]] * 3)
    newest = (await watch.list()).recordings[0]
    path = tmp_path / "it.jpg"
    async with connect(watch.bus) as client:
        await tell_recordings(client, ListRecordings(), 20, json=True)
        told = [each for each in capsys.readouterr().out.splitlines() if each.startswith("{")]
        await show_recording(client, newest.recording, path, 20, boxes=False)
        shown = (await watch.get(newest.recording)).jpeg
        assert await erase_recordings(client, [], ListRecordings(person="alice", until=newest.at), 20) == 0
        assert [each.recording for each in (await watch.list()).recordings] == [newest.recording]
        assert await erase_recordings(client, [newest.recording, "no-such"], ListRecordings(), 20) == 1
        with pytest.raises(Unanswered, match="unknown_recording"):
            await show_recording(client, newest.recording, path, 20, boxes=False)

    assert len(told) == 3
    assert path.read_bytes() == shown
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_day_becomes_a_gif_of_its_pictures_and_a_day_without_any_is_told(
    watch: Watch, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    await kept(watch, jpeg["obama"], jpeg["biden"], jpeg["obama2"], jpeg["obama3"])
    path, day = tmp_path / "day.gif", watch.clock.now().replace(hour=0, minute=0, second=0)
    async with connect(watch.bus) as client:
        assert await write_lapse(client, ListRecordings(door="front", since=day), path, 20, boxes=True) == 0
        with pytest.raises(Unanswered, match="there is no picture to show"):
            await write_lapse(client, ListRecordings(until=datetime(2020, 1, 1, tzinfo=UTC)), path, 20, boxes=False)

    with Image.open(path) as gif:
        assert (gif.format, sum(1 for _ in ImageSequence.Iterator(gif)), gif.info["loop"]) == ("GIF", 4, 0)
        assert max(gif.size) <= 480


def test_pictures_that_cannot_be_read_are_left_out_of_a_gif(jpeg: dict[str, bytes]) -> None:
    made = animation([b"\xff\xd8\xff no", jpeg["biden"], jpeg["obama"][:200]], 0.3)

    with Image.open(io.BytesIO(made)) as gif:
        assert getattr(gif, "n_frames", 1) == 1
    with pytest.raises(NoPicture, match="no picture to show"):
        animation([], 0.3)


@given(st.integers(0, 500), st.integers(2, 200))
def test_of_many_pictures_some_are_chosen_evenly_with_the_first_and_the_last(number: int, most: int) -> None:
    ids = [f"{each:03}" for each in range(number)]

    chosen = spread(ids, most)

    assert len(chosen) == min(number, most)
    assert chosen == sorted(set(chosen))
    if ids:
        assert (chosen[0], chosen[-1]) == (ids[0], ids[-1])


def test_a_face_is_drawn_for_a_terminal_in_its_colours() -> None:
    red = io.BytesIO()
    Image.new("RGB", (64, 64), (250, 10, 10)).save(red, "JPEG")
    screen = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=80)

    screen.print(in_blocks(red.getvalue(), columns=8))

    assert isinstance(screen.file, io.StringIO)
    drawn = screen.file.getvalue()
    assert drawn.count("\N{UPPER HALF BLOCK}") == 8 * 4
    assert "38;2;2" in drawn
    with pytest.raises(NoPicture):
        in_blocks(b"\xff\xd8\xff no")


async def test_an_empty_inbox_is_told_and_an_entry_that_is_not_there_refused(
    watch: Watch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connect(watch.bus) as client, asyncio.timeout(30):
        assert await tell_reviews(client, tmp_path, 20) == 0
        assert await say(client, REVIEW_DISCARD, DiscardReview(), ("gone",), 20) == 1

    told = capsys.readouterr().out
    assert "0 faces wait for a word" in told
    assert "gone: unknown_entry" in told
