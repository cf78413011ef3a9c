"""Opening hours in OpenStreetMap's syntax. The only module that knows the opening_hours library.

The library is imported when the first expression is read: there is no build of it for ARMv6 (Pi Zero), and a door
without hours does not need it.
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from doorbus.wire.shifts import FallbackError, Shifts, split

_LIBRARY_MISSING = "the library opening-hours-py is not installed; install doorbus-actuator[hours]"


class HoursError(ValueError):
    """An expression, time zone or country that cannot be used; the text says what is wrong with it."""


class Closed:
    """Never open: what becomes of hours that cannot be read."""

    def open_at(self, moment: datetime) -> bool:  # noqa: ARG002  # the Protocol's
        """It never is."""
        return False


class Calendar:
    """Where a door stands: its time zone (IANA name) and country (ISO 3166 code such as DE, for public holidays)."""

    def __init__(self, time_zone: str, country: str | None = None) -> None:
        """Raises `HoursError` for a time zone that does not exist; the country is checked with the first expression."""
        try:
            self._zone = ZoneInfo(time_zone)
        except (LookupError, ValueError, OSError):
            raise HoursError(f"no time zone {time_zone!r}; use a name such as Europe/Berlin or UTC") from None
        self._country = country

    def hours(self, expression: str) -> "OpeningHours":
        """The hours that `expression` describes; raises `HoursError`."""
        try:
            library: Any = import_module("opening_hours")
        except ImportError:
            raise HoursError(_LIBRARY_MISSING) from None
        selectors = re.sub(r'"[^"]*"', "", expression)
        if re.search(r"\bSH\b", selectors):
            raise HoursError(f"{expression!r}: there is no calendar of school holidays (SH)")
        if re.search(r"\bPH\b", selectors) and self._country is None:
            raise HoursError(f"{expression!r}: public holidays (PH) need a country")
        if re.search(r"\b(sunrise|sunset|dawn|dusk)\b", selectors):
            raise HoursError(f"{expression!r}: times of the sun are not known here")

        def parse(text: str) -> Any:
            return library.OpeningHours(text, country=self._country)

        try:
            parsed = parse(expression)
            shifts = split(str(parsed))
        except library.UnknownCountryError:
            raise HoursError(f"no public holidays known of country {self._country!r}; codes look like DE") from None
        except library.ParserError as error:
            place = re.search(r"1:(\d+)", str(error))
            where = f" at character {place[1]}" if place else ""
            raise HoursError(
                f"{expression!r} is not opening hours{where}; they look like Mo-Fr 07:00-19:00; Sa 08:00-12:00; PH off"
            ) from None
        except FallbackError:
            raise HoursError(
                f"{expression!r}: || beside hours over midnight is not understood; write , instead, as in "
                "Mo-Fr 22:00-06:00, Sa 10:00-12:00"
            ) from None
        return OpeningHours(shifts, parse, self._zone)


class OpeningHours:
    """Hours of one expression: what the clock on the wall shows counts, and a shift belongs to the day it begins on."""

    def __init__(self, shifts: Shifts, parse: Callable[[str], Any], zone: ZoneInfo) -> None:
        self._begun = parse(shifts.begun)
        rest = (shifts.carried, shifts.cut, shifts.cut_carried)
        self._carried, self._cut, self._cut_carried = (None if text is None else parse(text) for text in rest)
        self._zone = zone

    def open_at(self, moment: datetime) -> bool:
        """Whether it is open at `moment` (aware); what the expression calls unknown is not open."""
        local = moment.astimezone(self._zone).replace(tzinfo=None)
        the_day_before = local - timedelta(days=1)
        if _covers(self._begun, local):
            return not _covers(self._cut_carried, the_day_before)
        return _covers(self._carried, the_day_before) and not _covers(self._cut, local)


def _covers(hours: Any, local: datetime) -> bool:
    return hours is not None and hours.is_open(local)


def local_zone() -> str:
    """IANA name of this machine's time zone; UTC where it does not say."""
    named = os.environ.get("TZ", "").removeprefix(":")
    place = os.path.realpath("/etc/localtime")
    for name in (named, place.partition("/zoneinfo/")[2]):
        if name and not Path(name).is_absolute():
            try:
                return str(ZoneInfo(name))
            except (LookupError, ValueError, OSError):
                continue
    return str(UTC)
