"""What the recorder keeps and for how long, and the frames that it holds in memory: over any history."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from doorbus.wire.messages import Frame, Reason
from doorbus_recorder.keeping import Limits, kept_reasons, surplus
from doorbus_recorder.ring import Ring
from doorbus_recorder.settings import Recorder
from doorbus_recorder.store import Kept

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 3_000_000)), max_size=30),
    st.integers(1, 10),
    st.floats(0.5, 50),
    st.floats(0.1, 10),
)
def test_what_is_left_is_within_all_bounds_and_nothing_goes_that_fits(
    each: Sequence[tuple[int, int]], most: int, days: float, megabytes: float
) -> None:
    limits = Limits(max_recordings=most, max_days=days, max_megabytes=megabytes)
    kept = [
        Kept(f"{number:03}", NOW - timedelta(days=old), size)
        for number, (old, size) in enumerate(sorted(each, reverse=True))
    ]

    gone = surplus(kept, limits, NOW)

    left = [one for one in kept if one.id not in gone]
    assert len(left) <= most
    assert sum(one.bytes for one in left) <= megabytes * 1_000_000
    assert all(NOW - one.at <= timedelta(days=days) for one in left)
    assert left == kept[len(gone) :], "the oldest go first"
    if gone:
        last = kept[len(gone) - 1]
        with_last = [last, *left]
        assert (
            len(with_last) > most
            or sum(one.bytes for one in with_last) > megabytes * 1_000_000
            or NOW - last.at > timedelta(days=days)
        )


def test_age_counts_only_where_the_clock_is_believed() -> None:
    old = [Kept("001", NOW - timedelta(days=400), 10)]

    assert surplus(old, Limits(), NOW) == ["001"]
    assert surplus(old, Limits(), NOW, by_age=False) == []


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 400), st.integers(0, 5)), max_size=40))
def test_the_ring_never_holds_more_than_it_may_and_always_finds_what_it_holds(
    shown: Sequence[tuple[float, int, int]],
) -> None:
    ring, now = Ring(seconds=5, max_bytes=1000), 0.0
    came: dict[str, float] = {}
    for after, size, name in shown:
        now += after
        frame_id = f"f-{name}"
        there = ring.find("front", frame_id)
        fresh = there is None or there.at < now - 5
        ring.add("front", "porch", Frame(jpeg=bytes(size), frame_id=frame_id, captured_at=NOW), now)
        if fresh:
            came[frame_id] = now
        held = [found for one in came if (found := ring.find("front", one))]
        assert len(held) == len(ring)
        assert sum(len(each.frame.jpeg) for each in held) == ring.bytes <= 1000
        assert all(each.at >= now - 5 for each in held)
        assert all(each.at == came[each.frame.frame_id] for each in held), "another one of the id took its place"
    assert ring.find("back", "f-1") is None


def test_what_is_kept_is_named_by_reasons_of_denials() -> None:
    assert kept_reasons("granted") == {Reason.MATCHED, Reason.COMMANDED}
    assert kept_reasons(" NOT_LIVE, unknown_face,") == {Reason.NOT_LIVE, Reason.UNKNOWN_FACE}
    assert kept_reasons("") == frozenset()
    with pytest.raises(ValidationError, match="'strangers' is neither granted nor the reason of a denial"):
        Recorder(keep="strangers")
    with pytest.raises(ValidationError, match="'Front Door' is no id of a door"):
        Recorder(doors="front, Front Door")
