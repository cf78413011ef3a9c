"""Opening hours as a week that people can fill in, and back. Pure.

What a week can show: up to two ranges a day, to the minute, the second also past midnight, and whether public holidays
are closed. Everything else in opening_hours stays a text.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
RANGES = 2
"""Most ranges of a day."""
MIDNIGHT = 24 * 60
_RULE = re.compile(r"([A-Z][a-z](?:[-,][A-Z][a-z])*) (off|[\d:, -]+)")
_RANGE = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)")

Range = tuple[int, int]
"""From and to, in minutes after midnight; a `to` that is not after `from` is on the next day."""


@dataclass(frozen=True)
class Week:
    """The ranges of each day from Monday on, earliest first, and whether public holidays are closed."""

    days: tuple[tuple[Range, ...], ...] = ((),) * len(DAYS)
    holidays_closed: bool = False

    def mistake(self) -> str | None:
        """What cannot be meant, in a sentence; None when all can."""
        for day, ranges in zip(DAYS, self.days, strict=True):
            if any(start == end for start, end in ranges):
                return f"{day}: it cannot end when it begins; a whole day is 00:00 to 00:00"
            if any(one[1] <= one[0] or two[0] <= one[1] for one, two in pairwise(ranges)):
                return f"{day}: the second hours must begin after the first have ended"
        return None if any(self.days) else "fill in at least one day"


def written(week: Week) -> str:
    """The week as opening_hours."""
    rules, told = [], set()
    for number, ranges in enumerate(week.days):
        if ranges and number not in told:
            same = [other for other, theirs in enumerate(week.days) if theirs == ranges]
            told |= set(same)
            rules.append(f"{_named(same)} {','.join(f'{_time(start)}-{_time(end)}' for start, end in ranges)}")
    return "; ".join([*rules, *(["PH off"] if week.holidays_closed else [])])


def read(text: str) -> Week | None:
    """The week that opening_hours describe; None where they say more than a week can show."""
    if text.strip() == "24/7":
        return Week((((0, MIDNIGHT),),) * len(DAYS))
    days: list[tuple[Range, ...]] = [()] * len(DAYS)
    rules = [rule.strip() for rule in text.strip().rstrip(";").split(";")]
    holidays_closed = rules[-1] == "PH off"
    for rule in rules[:-1] if holidays_closed else rules:
        found = _RULE.fullmatch(rule)
        named = None if found is None else _numbers(found[1])
        ranges = None if found is None else () if found[2] == "off" else _ranges(found[2])
        if named is None or ranges is None:
            return None
        for number in named:
            days[number] = ranges
    week = Week(tuple(days), holidays_closed)
    return week if week.mistake() is None else None


def _named(numbers: list[int]) -> str:
    """Days as `Mo-Fr,Su`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def _numbers(text: str) -> list[int] | None:
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not {first, last or first} <= set(DAYS):
            return None
        begin, end = DAYS.index(first), DAYS.index(last or first)
        numbers += [number % len(DAYS) for number in range(begin, end + 1 if end >= begin else end + 1 + len(DAYS))]
    return numbers


def _ranges(text: str) -> tuple[Range, ...] | None:
    ranges = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            return None
        start, end = (int(found[n]) * 60 + int(found[n + 1]) for n in (1, 3))
        if start >= MIDNIGHT or end > MIDNIGHT or int(found[2]) > 59 or int(found[4]) > 59:  # noqa: PLR2004  # minutes
            return None
        ranges.append((start, end or MIDNIGHT))
    return tuple(ranges) if len(ranges) <= RANGES else None


def _time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
