"""Opening hours as people write them."""

import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from doorbus_actuator.hours import Calendar, Closed, HoursError, local_zone

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


def test_hours_that_may_be_open_are_not() -> None:
    assert not Calendar("UTC").hours("Mo-Su unknown").open_at(utc("2026-11-23T12:00"))


def test_what_cannot_be_read_is_closed() -> None:
    assert not Closed().open_at(utc("2026-11-23T12:00"))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("Mo-Fr 7-", r"'Mo-Fr 7-' is not opening hours at character 7; they look like Mo-Fr 07:00-19:00"),
        ("", r"'' is not opening hours"),
        ("always", r"'always' is not opening hours"),
        ("24/7; SH off", r"school holidays"),
        ("sunrise-sunset", r"times of the sun"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_words(expression: str, message: str) -> None:
    with pytest.raises(HoursError, match=message):
        BERLIN.hours(expression)


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


def test_without_hours_the_library_is_never_loaded() -> None:
    code = (
        "import sys; from doorbus.testing import FakeClock; from doorbus_actuator.fakes import RecordingRelay;"
        "from doorbus_actuator.service import ActuatorService; from doorbus_actuator.settings import Actuator;"
        "ActuatorService(Actuator(), RecordingRelay(), FakeClock());"
        "heavy = {'opening_hours', 'numpy', 'cv2', 'tensorflow', 'RPi', 'cryptography'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_library_hours_say_what_to_install() -> None:
    code = (
        "import sys; sys.modules['opening_hours'] = None; from doorbus_actuator.hours import Calendar, HoursError\n"
        "try: Calendar('UTC').hours('24/7')\n"
        "except HoursError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "the library opening-hours-py is not installed; install doorbus-actuator[hours]\n"
