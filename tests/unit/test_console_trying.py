"""Which threshold the tries before a camera speak for."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Face, Verdict
from doorbus_console.trying import ENOUGH, KEPT, LEAST, Tries

SURE = st.floats(0, 1)
MANY = st.lists(SURE, min_size=ENOUGH, max_size=KEPT).map(tuple)


def known(confidence: float) -> Face:
    return Face(box=(0, 0, 9, 9), verdict=Verdict.MATCH, person="alice", confidence=confidence)


def stranger(confidence: float) -> Face:
    return Face(box=(0, 0, 9, 9), verdict=Verdict.UNKNOWN, confidence=confidence)


@pytest.mark.parametrize(
    ("known", "strangers", "threshold", "advised"),
    [
        ((0.97,) * ENOUGH, (0.2,), 0.8, 0.8),
        ((0.97,) * (ENOUGH - 1), (), 0.8, None),
        ((0.74,) * ENOUGH, (), 0.8, 0.69),
        ((0.62,) * ENOUGH, (), 0.8, LEAST),
        ((0.97,) * ENOUGH, (), 0.5, LEAST),
        ((0.97,) * ENOUGH, (0.85,), 0.8, 0.9),
        ((0.1, *(0.97,) * 19), (), 0.8, 0.8),
    ],
)
def test_the_threshold_lets_those_in_who_are_known_and_stays_where_it_does(
    known: tuple[float, ...], strangers: tuple[float, ...], threshold: float, advised: float | None
) -> None:
    assert Tries(known, strangers).advised(threshold) == advised


@given(MANY, st.lists(SURE, max_size=KEPT).map(tuple), SURE)
def test_what_is_advised_is_safe_and_stays_once_it_is_set(
    known: tuple[float, ...], strangers: tuple[float, ...], threshold: float
) -> None:
    tries = Tries(known, strangers)
    advised = tries.advised(threshold)

    assert advised is not None
    assert LEAST <= advised <= 1
    assert advised == 1 or tries.strangers_passing(advised) == 0
    assert tries.advised(advised) == advised


@given(st.lists(st.lists(st.builds(known, SURE) | st.builds(stranger, SURE), max_size=4), max_size=60))
def test_the_last_faces_count_and_no_others(frames: Sequence[Sequence[Face]]) -> None:
    tries = Tries()
    for frame in frames:
        tries = tries.seen(frame)

    faces = [face for frame in frames for face in frame]
    assert tries.known == tuple(one.confidence for one in faces if one.verdict is Verdict.MATCH)[-KEPT:]
    assert tries.strangers == tuple(one.confidence for one in faces if one.verdict is not Verdict.MATCH)[-KEPT:]
