"""Holidays of one's own in opening hours."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.holidays import HolidaysError, with_holidays
from doorbus.wire.hours import Calendar

OFFICE = "Mo-Fr 07:00-19:00"


@pytest.mark.parametrize(
    ("hours", "holidays", "moment", "is_open"),
    [
        # Thursday 2026-12-24 and what is around it; times are those on the wall in Berlin
        (OFFICE, ["2026-12-24"], "2026-12-23T10:00+01:00", True),
        (OFFICE, ["2026-12-24"], "2026-12-24T10:00+01:00", False),
        (OFFICE, ["2026-12-24"], "2027-12-24T10:00+01:00", True),
        (OFFICE, ["Dec 24"], "2027-12-24T10:00+01:00", False),
        (OFFICE, ["Dec 24-31"], "2027-12-31T10:00+01:00", False),
        (OFFICE, ["2026-12-28/2027-01-08"], "2027-01-08T10:00+01:00", False),
        (OFFICE, ["2026-12-28/2027-01-08"], "2027-01-11T10:00+01:00", True),
        (OFFICE, ["easter +1 day"], "2027-03-29T10:00+02:00", False),
        # what PH means, and whether the country's are among them
        (f"{OFFICE}; PH off", ["2026-12-24"], "2026-12-24T10:00+01:00", False),
        (f"{OFFICE}; PH off", ["2026-12-24"], "2026-12-25T10:00+01:00", True),
        (f"{OFFICE}; PH off", ["2026-12-24", "PH"], "2026-12-25T10:00+01:00", False),
        (f"{OFFICE}; PH off", [], "2026-12-25T10:00+01:00", True),
        (f"{OFFICE}; PH 10:00-12:00", ["2026-12-24", "PH"], "2026-12-24T11:00+01:00", True),
        (f"{OFFICE}; PH 10:00-12:00", ["2026-12-24", "PH"], "2026-12-24T13:00+01:00", False),
        (f"{OFFICE}; PH 10:00-12:00", ["2026-12-24", "PH"], "2026-12-25T11:00+01:00", True),
        # leap day
        (OFFICE, ["Feb 29"], "2028-02-29T10:00+01:00", False),
        (OFFICE, ["Feb 29"], "2028-03-01T10:00+01:00", True),
        ("Feb 29 07:00-19:00", ["2032-02-29"], "2028-02-29T10:00+01:00", True),
        ("Feb 29 07:00-19:00", ["2032-02-29"], "2032-02-29T10:00+01:00", False),
        # midnight: a shift belongs to the day on which it begins
        ("Mo-Su 22:00-06:00", ["2026-12-24"], "2026-12-24T03:00+01:00", True),
        ("Mo-Su 22:00-06:00", ["2026-12-24"], "2026-12-24T23:00+01:00", False),
        ("Mo-Su 22:00-06:00", ["2026-12-24"], "2026-12-25T03:00+01:00", False),
        ("Mo-Su 22:00-06:00", ["2026-12-24"], "2026-12-25T22:00+01:00", True),
        ("24/7", ["2026-12-24"], "2026-12-23T23:59+01:00", True),
        ("24/7", ["2026-12-24"], "2026-12-24T00:00+01:00", False),
        ("24/7", ["2026-12-24"], "2026-12-25T00:00+01:00", True),
        # Sunday 2027-03-28 has no 02:30, Sunday 2027-10-31 has two
        ("24/7", ["2027-03-28"], "2027-03-28T01:59+01:00", False),
        ("24/7", ["2027-03-28"], "2027-03-28T23:59+02:00", False),
        ("24/7", ["2027-03-28"], "2027-03-29T00:00+02:00", True),
        ("Mo-Su 01:00-02:30", ["2027-10-30"], "2027-10-31T02:15+02:00", True),
        ("Mo-Su 01:00-02:30", ["2027-10-30"], "2027-10-31T02:15+01:00", True),
        ("Mo-Su 01:00-02:30", ["2027-10-31"], "2027-10-31T02:15+01:00", False),
        ("Mo-Su 22:00-03:30", ["2027-10-31"], "2027-10-31T03:15+01:00", True),
    ],
)
def test_the_days_that_are_named_take_the_place_of_the_public_holidays(
    hours: str,
    holidays: list[str],
    moment: str,
    is_open: bool,  # noqa: FBT001
) -> None:
    calendar = Calendar("Europe/Berlin", "DE")

    assert calendar.hours(with_holidays(hours, holidays)).open_at(datetime.fromisoformat(moment)) is is_open


@pytest.mark.parametrize(
    "holiday",
    [
        *(
            "24.12.",
            "2027-02-29",
            "2026-12-31/2026-12-24",
            "Mo",
            "Dec",
            "Dec 24 off; 24/7",
            "PH off",
            'Dec 24 "x"',
            "SH",
        ),
        *("Feb 30", "Jan 0", "2026 Nov 31", "Nov 31-Dec 2", "Dec 30-Apr 31"),
    ],
)
def test_a_day_that_is_none_is_refused_with_days_that_are(holiday: str) -> None:
    with pytest.raises(HolidaysError, match=r"is no holiday; they look like 2026-12-24"):
        with_holidays(OFFICE, [holiday])


@pytest.mark.parametrize("hours", ["Mo-Fr,PH 07:00-19:00", "PH,Su off", "PH Sa 09:00-10:00", "PH -1 day off"])
def test_holidays_that_share_a_rule_with_other_days_are_refused_with_the_spelling_that_works(hours: str) -> None:
    with pytest.raises(HolidaysError, match=r"PH stands in a rule of its own, such as Mo-Fr 07:00-19:00; PH off"):
        with_holidays(hours, ["Dec 24"])


def test_what_a_comment_says_of_holidays_is_no_rule() -> None:
    hours = with_holidays('Mo-Fr 07:00-19:00 "PH; by appointment"', ["2026-12-24"])

    assert not Calendar("UTC").hours(hours).open_at(datetime(2026, 12, 24, 10, tzinfo=UTC))
    assert Calendar("UTC").hours(hours).open_at(datetime(2026, 12, 23, 10, tzinfo=UTC))


@given(
    days=st.lists(st.dates(date(2026, 1, 1), date(2030, 12, 31)), max_size=6),
    asked=st.dates(date(2026, 1, 1), date(2030, 12, 31)),
)
def test_it_is_closed_on_just_the_days_that_are_named(days: list[date], asked: date) -> None:
    hours = Calendar("UTC").hours(with_holidays("24/7", [day.isoformat() for day in days]))

    for day in (asked, *days):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        assert hours.open_at(midnight) is (day not in days)
        assert hours.open_at(midnight + timedelta(hours=23, minutes=59)) is (day not in days)
