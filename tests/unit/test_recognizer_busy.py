"""How busy a recognizer says that it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus_recognizer.busy import WINDOW_SECONDS, Busy


def work(busy: Busy, began: float, ended: float) -> None:
    busy.end(busy.begin(began), ended)


def test_a_recognizer_without_work_is_not_busy() -> None:
    assert Busy(lanes=2, now=100.0).fraction(100.0) == 0.0
    assert Busy(lanes=2, now=100.0).fraction(500.0) == 0.0


def test_one_of_two_lanes_at_work_all_the_time_is_half_busy() -> None:
    busy = Busy(lanes=2, now=0.0)
    for second in range(60):
        work(busy, second, second + 1.0)

    assert busy.fraction(60.0) == pytest.approx(0.5)


def test_work_is_forgotten_after_the_window() -> None:
    busy = Busy(lanes=1, now=0.0)
    work(busy, 100.0, 105.0)

    assert busy.fraction(105.0) == pytest.approx(0.5)
    assert busy.fraction(105.0 + WINDOW_SECONDS / 2 + 2.5) == pytest.approx(0.25)
    assert busy.fraction(105.0 + WINDOW_SECONDS) == 0.0


def test_right_after_the_start_the_time_since_then_counts() -> None:
    busy = Busy(lanes=1, now=1000.0)
    work(busy, 1000.0, 1001.0)

    assert busy.fraction(1002.0) == pytest.approx(0.5)


def test_work_that_does_not_end_is_work_and_its_time_is_known() -> None:
    busy = Busy(lanes=2, now=0.0)
    hanging, other = busy.begin(100.0), busy.begin(103.0)
    busy.end(other, 104.0)

    assert busy.longest(200.0) == pytest.approx(100.0)
    assert busy.fraction(200.0) == pytest.approx(0.5)
    busy.end(hanging, 200.0)
    assert busy.longest(201.0) == 0.0


@given(
    lanes=st.integers(1, 4),
    spans=st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)).map(sorted)),
    now=st.floats(0, 100),
)
def test_the_fraction_stays_between_nothing_and_all(lanes: int, spans: list[list[float]], now: float) -> None:
    busy = Busy(lanes, 0.0)
    for began, ended in spans:
        work(busy, began, ended)

    assert 0.0 <= busy.fraction(now) <= 1.0
