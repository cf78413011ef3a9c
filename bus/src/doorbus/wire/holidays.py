"""Holidays of one's own in opening hours: what `PH` stands for. Pure."""

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?:{'|'.join(_MONTHS)})"
_DAY = rf"(?:\d{{4}} )?{_MONTH} \d\d?"
_DAYS = re.compile(rf"{_DAY}(?:-(?:(?:\d{{4}} )?{_MONTH} )?\d\d?)?|(?:\d{{4}} )?easter(?: [+-]\d{{1,3}} days?)?")
_MONTH_AND_DAY = re.compile(rf"({_MONTH}) (\d\d?)")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:/(\d{4}-\d\d-\d\d))?")
_SEPARATOR = re.compile(r'("[^"]*")|(\s*(?:;|\|\||,(?=\s))\s*)')
_OF_ITS_OWN = re.compile(r'PH(?=\s*:?\s*(?:\d\d?:|off\b|closed\b|open\b|unknown\b|"|$))', re.IGNORECASE)
"""The beginning of a rule whose only days are the holidays."""
_ANYWHERE = re.compile(r"\bPH\b", re.IGNORECASE)
_COUNTRYS = "PH"
_EXAMPLES = "2026-12-24, 2026-12-24/2027-01-06, Dec 24, Dec 24-26, easter +1 day, or PH"


class HolidaysError(ValueError):
    """Days that are none, or hours that they do not fit into; the text says which, and the way out."""


def with_holidays(hours: str, holidays: Sequence[str]) -> str:
    """The hours with `holidays` for what they call PH; closed on these days where they say nothing of PH.

    A holiday `PH` is the country's. Raises `HolidaysError`.
    """
    days = tuple(dict.fromkeys(map(_selector, holidays)))
    own = ",".join(day for day in days if day != _COUNTRYS)
    selectors = [each for each in (own, _COUNTRYS if _COUNTRYS in days else "") if each]
    rules = list(_rules(hours))
    if not any(_ANYWHERE.search(_bare(rule)) for _, rule in rules):
        return "; ".join((hours, *(f"{each} off" for each in selectors)))
    meant = [(separator, text) for separator, rule in rules for text in _replaced(rule, selectors)]
    return "".join((separator if place else "") + text for place, (separator, text) in enumerate(meant)) or "off"


def _selector(holiday: str) -> str:
    """The days as opening hours name them."""
    text = " ".join(holiday.split())
    if text.upper() == _COUNTRYS:
        return _COUNTRYS
    iso = _ISO.fullmatch(text)
    try:
        days = [date.fromisoformat(day) for day in iso.groups() if day] if iso else []
    except ValueError:
        iso = None
        days = []
    if days and days == sorted(days):
        return "-".join(f"{day.year} {_MONTHS[day.month - 1]} {day.day:02}" for day in days)
    if iso is None and _DAYS.fullmatch(text) and all(_exists(*found) for found in _MONTH_AND_DAY.findall(text)):
        return text
    raise HolidaysError(f"{holiday!r} is no holiday; they look like {_EXAMPLES}")


def _exists(month: str, day: str) -> bool:
    """Whether a month ever has this day: 2028 is a leap year."""
    return 0 < int(day) <= monthrange(2028, _MONTHS.index(month) + 1)[1]


def _rules(hours: str) -> Iterator[tuple[str, str]]:
    """Each rule, and the separator before it."""
    separator, begun = "", 0
    for found in _SEPARATOR.finditer(hours):
        if found[2] is not None:
            yield separator, hours[begun : found.start()].strip()
            sign = found[2].strip()
            separator, begun = f" {sign} " if sign == "||" else f"{sign} ", found.end()
    yield separator, hours[begun:].strip()


def _replaced(rule: str, selectors: Sequence[str]) -> tuple[str, ...]:
    """The rule for each of the selectors, where it is about holidays."""
    if not _ANYWHERE.search(_bare(rule)):
        return (rule,)
    found = _OF_ITS_OWN.match(rule)
    if found is None or _ANYWHERE.search(_bare(rule[found.end() :])):
        raise HolidaysError(
            f"{rule!r}: with holidays of one's own, PH stands in a rule of its own, such as Mo-Fr 07:00-19:00; PH off"
        )
    return tuple(each + rule[found.end() :] for each in selectors)


def _bare(rule: str) -> str:
    """Without comments."""
    return re.sub(r'"[^"]*"', "", rule)
