"""Plots of a day and of figures, and what goes into a support bundle."""

import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Decision, Outcome, Reason, Trigger
from doorbus_console import bundle
from doorbus_console.plot import DAY, HEIGHT, WIDTH, day_of, dots, lines
from doorbus_console.scene import Happening
from doorbus_console.settings import Console

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def happening(ago: timedelta, **fields: object) -> Happening:
    given = {"outcome": Outcome.GRANTED, "reason": Reason.MATCHED, "trigger": Trigger.FACE, "at": NOW - ago}
    return Happening(1, "front", Decision.model_validate({**given, **fields}))


@given(st.lists(st.tuples(st.timedeltas(timedelta(0), 2 * DAY), st.floats(0, 1), st.floats(0, 20_000))))
def test_every_mark_of_a_day_stands_inside_its_plot(history: Sequence[tuple[timedelta, float, float]]) -> None:
    found = day_of([happening(ago, confidence=sure, latency_ms=ms) for ago, sure, ms in history], NOW)

    marks = [*found.who, *found.sure, *found.fast]
    assert all(0 <= one.x <= WIDTH and 0 <= one.y <= max(HEIGHT, found.height) for one in marks)
    assert found.granted == len(found.sure) == sum(ago < DAY for ago, _, _ in history)


def test_a_day_tells_who_came_most_and_how_fast_the_door_was() -> None:
    hour = timedelta(hours=1)
    found = day_of(
        [
            *(happening(n * hour, person="alice", latency_ms=100.0 * n) for n in (1, 2, 3)),
            happening(hour, outcome=Outcome.DENIED, reason=Reason.UNKNOWN_FACE, count=5),
        ],
        NOW,
    )

    assert (found.lanes, found.granted, found.refused) == (("alice", ""), 3, 5)
    assert (found.usual_ms, found.slowest_ms) == (200, 500)
    assert [one.granted for one in found.who] == [True, True, True, False]


def test_a_day_is_drawn_with_a_dot_for_each_place_that_has_one() -> None:
    hour = timedelta(hours=1)
    found = day_of([happening(hour, confidence=0.5), happening(hour, confidence=0.5), happening(2 * hour)], NOW)

    assert dots(found.sure, granted=True) == "M920 60h0"
    assert dots(found.sure, granted=False) == ""


def test_a_line_of_many_hours_has_no_more_points_than_it_is_wide() -> None:
    history = [(NOW + timedelta(minutes=n), {"queue": float(n)}) for n in range(360)]

    points = lines(history)["queue"].split()

    assert 50 < len(points) <= 100
    assert (points[0], points[-1]) == ("0.0,20.0", "100.0,0.0")


def test_figures_that_moved_have_a_line_and_others_none() -> None:
    minute = timedelta(minutes=1)
    history = [(NOW + n * minute, {"queue": float(n), "still": 7.0}) for n in range(3)]

    assert lines(history) == {"queue": "0.0,20.0 50.0,10.0 100.0,0.0"}
    assert lines(history[:1]) == {}


@pytest.mark.parametrize(
    "secret", ["/first?key=abc123", "?token=doorbus_abcdefghijklmnopqrstuvwxyz", "password=hunter2", "code=123456"]
)
def test_a_bundle_has_the_ends_of_logs_without_secrets(tmp_path: Path, secret: str) -> None:
    (tmp_path / "console.log").write_text("x" * 100_000 + f"\nlistening {secret} port=1\n")
    with zipfile.ZipFile(io.BytesIO(bundle.zipped(bundle.tails(tmp_path)))) as archive:
        (name,) = archive.namelist()
        text = archive.read(name).decode()

    assert name == "logs/console.log"
    assert "listening" in text
    assert "port=1" in text
    assert len(text) < 70_000
    assert secret.partition("=")[2] not in text


def test_a_bundle_names_versions_and_settings() -> None:
    assert "python 3" in bundle.versions()
    assert "port=8080" in bundle.settings(Console())
