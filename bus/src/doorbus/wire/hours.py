"""Opening hours in OpenStreetMap's syntax. The only module that knows the opening_hours library.

The library is imported when the first expression is read: there is no build of it for ARMv6 (Pi Zero), and a door
without hours does not need it.
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from doorbus.wire.shifts import Shifts

_LIBRARY_MISSING = "the library opening-hours-py is not installed; install doorbus-actuator[hours]"
_EXAMPLE = "Mo-Fr 07:00-19:00; Sa 08:00-12:00; PH off"
_DAY_OF_WEEK = "(?:Mo|Tu|We|Th|Fr|Sa|Su)"
_BESIDE_DAYS = re.compile(
    rf"\bPH(?:\s+[+-]\d+ days?)?\s+{_DAY_OF_WEEK}\b|\b{_DAY_OF_WEEK}(?:\[[^]]*\])?\s+PH\b", re.IGNORECASE
)
"""Holidays that fall on these days, by the language; the library reads them as holidays and these days."""
_DAYS_AFTER = re.compile(r"\bPH (?=\d+ days?\b)")
"""The library prints `PH +1 day` so, and does not read that."""
_POINTS = re.compile(r"\d\d:\d\d\s*/")
_MOST_LOOKED_AT = 500
"""Changes of opening hours that are looked through for a moment at which they are open."""
_FAR_DAYS = 366
"""Hours are looked through for so long: to look on to the year 9999 takes 17 s for some."""


class HoursError(ValueError):
    """An expression, time zone or country that cannot be used; the text says what is wrong with it."""


class LibraryMissingError(HoursError):
    """Nothing is known of the expression: what would read it is not installed."""


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

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return self._zone

    def check(self) -> None:
        """Raises `HoursError` for a country of which no public holidays are known."""
        if self._country is not None:
            _parsed("PH off", self._country)

    def hours(self, expression: str) -> "OpeningHours":
        """The hours that `expression` describes; raises `HoursError`."""
        if asks_for_country(expression) and self._country is None:
            raise HoursError(f"{expression!r}: public holidays (PH) need a country")
        return _hours(expression, self._country, self._zone)


def asks_for_country(expression: str) -> bool:
    """Whether it names public holidays, which differ from country to country."""
    return re.search(r"\bPH\b", _selectors(expression), re.IGNORECASE) is not None


def read_anywhere(expression: str) -> "OpeningHours":
    """The hours that `expression` describes where no public holiday is known; raises `HoursError`."""
    return _hours(expression, None, ZoneInfo("UTC"))


def _hours(expression: str, country: str | None, zone: ZoneInfo) -> "OpeningHours":
    from doorbus.wire.shifts import FallbackError, split  # noqa: PLC0415  # as the library: many a door has no hours

    parsed = _parsed(expression, country)
    try:
        return OpeningHours(split(_DAYS_AFTER.sub("PH +", str(parsed))), partial(_parsed, country=country), zone)
    except FallbackError:
        raise HoursError(
            f"{expression!r}: || beside hours over midnight is not understood; write , instead, as in "
            "Mo-Fr 22:00-06:00, Sa 10:00-12:00"
        ) from None


def _parsed(expression: str, country: str | None, **options: int) -> Any:
    try:
        library: Any = import_module("opening_hours")
    except ImportError:
        raise LibraryMissingError(_LIBRARY_MISSING) from None
    selectors = _selectors(expression)
    if not expression.strip():
        raise HoursError(f"{expression!r} is not opening hours; they look like {_EXAMPLE}")
    if re.search(r"\bSH\b", selectors, re.IGNORECASE):
        raise HoursError(f"{expression!r}: there is no calendar of school holidays (SH)")
    if re.search(r"\b(sunrise|sunset|dawn|dusk)\b", selectors, re.IGNORECASE):
        raise HoursError(f"{expression!r}: times of the sun are not known here")
    if _BESIDE_DAYS.search(selectors):
        raise HoursError(
            f"{expression!r}: PH beside days of the week is not understood; write PH,Mo-Fr for all of them"
        )
    if _POINTS.search(selectors):
        raise HoursError(f"{expression!r}: / between times names moments, at which nobody comes in; leave it out")
    try:
        return library.OpeningHours(expression, country=country, **options)
    except library.UnknownCountryError:
        raise HoursError(f"no public holidays known of country {country!r}; codes look like DE") from None
    except library.ParserError as error:
        place = re.search(r"1:(\d+)", str(error))
        where = _where(expression, int(place[1])) if place else ""
        raise HoursError(f"{expression!r} is not opening hours{where}; they look like {_EXAMPLE}") from None


def _where(expression: str, place: int) -> str:
    sign = expression[place - 1 : place]
    return f" at character {place}" + (f", {sign!r}" if sign else ", where it ends")


def _selectors(expression: str) -> str:
    """The expression without its comments."""
    return re.sub(r'"[^"]*"', "", expression)


class OpeningHours:
    """Hours of one expression: what the clock on the wall shows counts, and a shift belongs to the day it begins on."""

    def __init__(self, shifts: "Shifts", parse: Callable[..., Any], zone: ZoneInfo) -> None:
        self._shifts, self._parse = shifts, parse
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

    def open_within_a_year(self, after: datetime) -> bool:
        """Whether it is open at some time of the year that follows a moment (aware), as far as one can see."""
        local = after.astimezone(self._zone).replace(tzinfo=None)
        until = local + timedelta(days=_FAR_DAYS)
        return any(
            str(state) == "open"
            for text in (self._shifts.begun, self._shifts.carried)
            if text is not None
            for _, _, state, _ in islice(
                self._parse(text, max_interval_days=_FAR_DAYS).intervals(local, until), _MOST_LOOKED_AT
            )
        )


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
