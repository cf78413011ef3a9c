"""Opening hours as a week: read back as they were written, and meaning what the doors make of them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.hours import Calendar
from doorbus_console.week import DAYS, MIDNIGHT, Range, Week, read, written

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


@st.composite
def days(draw: st.DrawFn) -> tuple[Range, ...]:
    """No hours, one range, or two of which the second may end on the next day."""
    moments = sorted(draw(st.sets(st.integers(0, MIDNIGHT - 1), min_size=4, max_size=4)))
    late = draw(st.integers(1, moments[0] or 1))
    ranges = ((moments[0], moments[1]), (moments[2], draw(st.sampled_from([moments[3], MIDNIGHT, late]))))
    return ranges[: draw(st.integers(0, 2))]


weeks = st.builds(Week, st.tuples(*[days()] * len(DAYS)), st.booleans()).filter(lambda week: week.mistake() is None)


@given(weeks)
def test_a_week_is_read_back_as_it_was_written(week: Week) -> None:
    assert read(written(week)) == week


@given(weeks, st.integers(0, 7 * MIDNIGHT - 1))
def test_a_week_means_to_a_door_what_it_shows(week: Week, minute: int) -> None:
    open_now = Calendar("UTC", "DE").hours(written(week)).open_at(MONDAY + timedelta(weeks=2, minutes=minute))

    day, at = divmod(minute, MIDNIGHT)
    today = any(start <= at < end if start < end else start <= at for start, end in week.days[day])
    yesterday = any(end <= start and at < end for start, end in week.days[day - 1])
    assert open_now == (today or yesterday)


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("Mo-Fr 07:00-19:00", "Mo-Fr 07:00-19:00"),
        (
            "Mo-Fr 07:00-12:00, 13:00-19:00; Sa 08:00-12:00; PH off",
            "Mo-Fr 07:00-12:00,13:00-19:00; Sa 08:00-12:00; PH off",
        ),
        ("24/7", "Mo-Su 00:00-24:00"),
        ("Mo-Su 08:00-20:00; We off", "Mo-Tu,Th-Su 08:00-20:00"),
        ("Fr-Mo 22:00-06:00", "Mo,Fr-Su 22:00-06:00"),
        ("Mo 07:00-19:00; Mo 08:00-09:00;", "Mo 08:00-09:00"),
    ],
)
def test_hours_that_a_week_can_show_are_shown(text: str, again: str) -> None:
    week = read(text)

    assert week is not None
    assert written(week) == again


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "off",
            "Mo-Fr sunrise-sunset",
            "Jan-Mar Mo 07:00-19:00",
            "PH 10:00-12:00; Mo 07:00-19:00",
            "week 1-10 Mo",
        ),
        *("Mo-Fr 07:00-09:00,10:00-11:00,12:00-13:00", "Mo 7:99-9:00", "Xx 07:00-19:00", "Mo 07:00-25:00", "PH off"),
        *(
            "2026 Dec 24 off",
            "Mo[1] 07:00-19:00",
            'Mo 07:00-19:00 "by appointment"',
            "Mo 07:00+",
            "Mo 22:00-06:00,05:00-07:00",
        ),
    ],
)
def test_hours_that_a_week_cannot_show_stay_a_text(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("ranges", [((60, 60),), ((60, 120), (120, 180)), ((600, 60), (700, 800)), ()])
def test_what_cannot_be_meant_is_a_sentence(ranges: tuple[Range, ...]) -> None:
    assert Week((ranges, *[()] * 6)).mistake()
