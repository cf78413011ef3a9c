"""Opening hours as people write them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.hours import Calendar, Closed, HoursError, local_zone

OFFICE = "Mo-Fr 07:00-19:00; PH off"
BERLIN = Calendar("Europe/Berlin", "DE")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T05:59", False),  # Monday 06:59 in Berlin
        ("2026-11-23T06:00", True),
        ("2026-11-23T17:59", True),
        ("2026-11-23T18:00", False),
        ("2026-11-22T12:00", False),  # Sunday
        ("2026-06-01T05:00", True),  # summer time
        ("2026-12-25T12:00", False),  # Friday, Christmas
    ],
)
def test_an_office_is_open_in_its_own_time_zone_and_on_no_public_holiday(moment: str, is_open: bool) -> None:  # noqa: FBT001
    assert BERLIN.hours(OFFICE).open_at(utc(moment)) is is_open


def test_any_time_zone_may_ask() -> None:
    hours = BERLIN.hours(OFFICE)
    assert hours.open_at(datetime(2026, 11, 23, 1, tzinfo=ZoneInfo("America/New_York")))
    assert hours.open_at(datetime.fromisoformat("2026-11-23T15:00:00+09:00"))


def test_hours_may_pass_midnight() -> None:
    night = Calendar("UTC").hours("Mo-Su 22:00-06:00")
    assert [night.open_at(utc(f"2026-11-23T{hour:02}:00")) for hour in (21, 22, 23, 3, 6)] == [
        False,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("expression", "open_at", "closed_at"),
    [
        (
            "Mo-Fr 22:00-16:45; Tu off",
            ["2026-11-24T16:04"],
            ["2026-11-24T22:30", "2026-11-25T16:04"],
        ),
        # Friday 2026-12-25 is Christmas
        ("Mo-Fr 22:00-06:00; PH off", ["2026-12-25T02:00"], ["2026-12-25T23:00", "2026-12-26T02:00"]),
        ("Mo-Fr 22:00-06:00, PH off", ["2026-12-25T02:00"], ["2026-12-25T23:00", "2026-12-26T02:00"]),
        # Friday 2026-05-01 is Labour Day
        ("Mo-Su 22:00-06:00; PH +1 day off", ["2026-05-02T02:00"], ["2026-05-02T23:00", "2026-05-03T02:00"]),
        ("PH +1 day 10:00-12:00", ["2026-05-02T11:00"], ["2026-05-01T11:00", "2026-05-03T11:00"]),
        ("PH -1 day 22:00-02:00", ["2026-04-30T23:00", "2026-05-01T01:00"], ["2026-05-01T23:00"]),
        ("Mo 22:00-30:00; Tu off", ["2026-11-24T05:59"], ["2026-11-24T06:00", "2026-11-24T22:00"]),
        ("Fr 22:00-02:00; Fr 10:00-12:00", ["2026-11-27T11:00"], ["2026-11-27T23:00", "2026-11-28T01:00"]),
        ("Fr 22:00-02:00, Fr 10:00-12:00", ["2026-11-27T11:00", "2026-11-28T01:00"], ["2026-11-28T02:00"]),
        ("Mo-Su 22:00-06:00; Tu 00:00-02:00 off", ["2026-11-24T02:00", "2026-11-25T01:00"], ["2026-11-24T01:00"]),
        ("Mo-Su 22:00-06:00; We 23:00-23:30 unknown", ["2026-11-24T01:00"], ["2026-11-25T23:10", "2026-11-26T01:00"]),
        (
            "24/7; Tu 23:00-02:00 off",
            ["2026-11-25T02:00"],
            ["2026-11-24T23:00", "2026-11-25T01:59"],
        ),
        ("08:00-08:00; Dec 24 off", ["2026-12-24T07:00", "2026-12-25T08:00"], ["2026-12-24T08:00", "2026-12-25T07:00"]),
        ('Mo 22:00-02:00 "; Tu off"', ["2026-11-24T01:00"], ["2026-11-24T03:00"]),
    ],
)
def test_a_shift_belongs_to_the_day_on_which_it_begins(
    expression: str, open_at: list[str], closed_at: list[str]
) -> None:
    hours = Calendar("UTC", "DE").hours(expression)

    assert [one for one in open_at if not hours.open_at(utc(one))] == []
    assert [one for one in closed_at if hours.open_at(utc(one))] == []


def test_a_fallback_beside_hours_over_midnight_is_refused_with_the_spelling_that_works() -> None:
    with pytest.raises(HoursError, match=r"\|\| beside hours over midnight.*write , instead"):
        BERLIN.hours("Mo-Fr 22:00-06:00 || Sa 10:00-12:00")
    assert BERLIN.hours("Mo-Fr 07:00-19:00 || Sa 10:00-12:00").open_at(utc("2026-11-28T10:00"))


DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
RULES = st.lists(
    st.tuples(
        st.sets(st.sampled_from(range(7)), min_size=1),
        st.one_of(st.none(), st.tuples(st.integers(0, 23), st.integers(0, 23))),
    ),
    min_size=1,
    max_size=4,
)


@given(rules=RULES, later=st.integers(0, 7 * 24 - 1))
def test_the_last_rule_that_names_a_day_says_what_begins_on_it(
    rules: list[tuple[set[int], tuple[int, int] | None]], later: int
) -> None:
    """Each rule names days and either a span of whole hours, which may pass midnight, or `off`."""
    texts = (
        ",".join(DAYS[day] for day in sorted(days)) + (" off" if span is None else f" {span[0]:02}:00-{span[1]:02}:00")
        for days, span in rules
    )
    hours = Calendar("UTC").hours("; ".join(texts))
    begins = dict.fromkeys(range(7)) | {day: span for days, span in rules for day in days}
    spans = [
        (24 * day + span[0], 24 * day + span[1] + (24 if span[1] <= span[0] else 0))
        for day, span in begins.items()
        if span is not None
    ]

    expected = any(begin <= hour < end for begin, end in spans for hour in (later, later + 7 * 24))
    assert hours.open_at(utc("2026-11-23T00:30") + timedelta(hours=later)) is expected


def test_hours_that_may_be_open_are_not() -> None:
    assert not Calendar("UTC").hours("Mo-Su unknown").open_at(utc("2026-11-23T12:00"))


def test_what_cannot_be_read_is_closed() -> None:
    assert not Closed().open_at(utc("2026-11-23T12:00"))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("Mo-Fr 7-", r"'Mo-Fr 7-' is not opening hours at character 7, '7'; they look like Mo-Fr 07:00-19:00"),
        ("", r"'' is not opening hours"),
        (" ", r"' ' is not opening hours"),
        ("Mo\u2013Fr 07:00-19:00", "at character 3, '\u2013'"),
        ("Mo-Fr 07:00", r"at character 12, where it ends"),
        ("sh off", r"school holidays"),
        ("always", r"'always' is not opening hours"),
        ("24/7; SH off", r"school holidays"),
        ("sunrise-sunset", r"times of the sun"),
        ("PH Mo-Fr 10:00-12:00", r"write PH,Mo-Fr for all of them"),
        ("Mo-Fr 07:00-19:00; PH +1 day Sa off", r"write PH,Mo-Fr for all of them"),
        ("Mo-Fr PH 10:00-12:00", r"write PH,Mo-Fr for all of them"),
        ("Mo-Fr 10:00-16:00/01:30", r"names moments"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_words(expression: str, message: str) -> None:
    with pytest.raises(HoursError, match=message):
        BERLIN.hours(expression)


@pytest.mark.parametrize(
    ("expression", "soon"),
    [
        ("Mo-Fr 07:00-19:00", True),
        ("24/7", True),
        ("Tu 22:00-06:00", True),
        ("2027 Jan 01 10:00-11:00", True),
        ("2020 Mo-Fr 07:00-19:00", False),
        ("Mo-Fr 07:00-19:00; 24/7 off", False),
        ("Mo-Su unknown", False),
        ("2035 Mo-Fr 07:00-19:00", False),
    ],
)
def test_it_is_known_whether_a_door_will_be_open_within_a_year(expression: str, *, soon: bool) -> None:
    assert BERLIN.hours(expression).open_within_a_year(utc("2026-11-23T12:00")) is soon


def test_public_holidays_need_a_country() -> None:
    with pytest.raises(HoursError, match="need a country"):
        Calendar("Europe/Berlin").hours(OFFICE)
    assert Calendar("Europe/Berlin").hours('Mo-Fr 07:00-19:00 "PH by appointment"').open_at(utc("2026-12-25T12:00"))


def test_a_country_that_is_none_is_refused() -> None:
    with pytest.raises(HoursError, match="country 'XX'"):
        Calendar("Europe/Berlin", "XX").hours(OFFICE)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "", "../etc/passwd", "/etc/localtime"])
def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(HoursError, match="no time zone"):
        Calendar(zone)


def test_the_machines_time_zone_is_one() -> None:
    assert ZoneInfo(local_zone()).key == local_zone()


def test_what_large_libraries_are_for_an_actuator_that_does_not_need_it_never_loads() -> None:
    code = (
        "import sys; from pathlib import Path; from doorbus.testing import FakeClock;"
        "from doorbus_actuator.guarded import Guarded; from doorbus_actuator.sqlite_journal import SqliteJournal;"
        "from doorbus_actuator.service import ActuatorService; from doorbus_actuator.settings import Actuator;"
        "from doorbus.runtime.floor import Floor; from doorbus.wire.signatures import Keyring;"
        "floor, journal = Floor(None, 'roster', 'r', FakeClock()), SqliteJournal(Path('j'), 1, 1);"
        "ActuatorService(Actuator(), Guarded({}), FakeClock(), Keyring(), floor, journal=journal);"
        "import doorbus_actuator.wiring;"
        "foreign = {'opening_hours', 'numpy', 'cv2', 'tensorflow', 'PIL', 'RPi', 'gpiod', 'cryptography', 'pyotp'};"
        "heavy = (foreign | {'typer', 'yaml', 'difflib', 'statistics', 'ctypes'}) & set(sys.modules);"
        "sys.exit(', '.join(heavy) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_library_hours_say_what_to_install() -> None:
    code = (
        "import sys; sys.modules['opening_hours'] = None; from doorbus.wire.hours import Calendar, HoursError\n"
        "try: Calendar('UTC').hours('24/7')\n"
        "except HoursError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "the library opening-hours-py is not installed; install doorbus-actuator[hours]\n"
