"""Opening hours as a form: at any time, the hours of a week, or a text."""

import re
from http import HTTPStatus

from doorbus_console.web.forms import Form
from doorbus_console.web.problems import Problem
from doorbus_console.week import DAYS, MIDNIGHT, RANGES, Range, Week, read, written

_TIME = re.compile(r"(\d\d):(\d\d)(?::\d\d)?")


def shown(hours: str | None, schedule: str | None = None) -> dict[str, object]:
    """What a form shows of these hours: which way, and the fields of the week."""
    week = None if hours is None else read(hours)
    way = "schedule" if schedule else "any" if hours is None else "text" if week is None else "week"
    fields = {
        f"{day}{number}{edge}": _shown(ranges[number][at]) if number < len(ranges) else ""
        for day, ranges in zip(DAYS, (week or Week()).days, strict=True)
        for number in range(RANGES)
        for at, edge in enumerate(("from", "to"))
    }
    return {"way": way, "fields": fields, "holidays_closed": week is not None and week.holidays_closed, "text": hours}


def told(form: Form, before: str | None, schedule: str | None = None) -> tuple[str | None, str | None]:
    """The hours or the schedule that a form says; those before where it says none, or the same. Raises `Problem`."""
    way = form.get("hours_way")
    if way == "any":
        return None, None
    if way == "schedule":
        named = form.get("schedule") or schedule
        if named is None:
            raise _wrong("choose a schedule, or other hours")
        return (before if named == schedule else None), named
    if way == "text" or (not way and "hours" in form.fields):
        return form.get("hours") or None, None
    return (_week(form, before), None) if way == "week" else (before, schedule)


def _week(form: Form, before: str | None) -> str:
    days = tuple(tuple(sorted(_range(form, day, number) for number in _given(form, day))) for day in DAYS)
    week = Week(days, holidays_closed=form.get("holidays_closed") == "on")
    mistake = week.mistake()
    if mistake is not None:
        raise _wrong(mistake)
    return before if before is not None and read(before) == week else written(week)


def _given(form: Form, day: str) -> list[int]:
    return [n for n in range(RANGES) if form.get(f"{day}{n}from") or form.get(f"{day}{n}to")]


def _range(form: Form, day: str, number: int) -> Range:
    start, end = (_TIME.fullmatch(form.get(f"{day}{number}{edge}")) for edge in ("from", "to"))
    if start is None or end is None:
        raise _wrong(f"{day}: hours have a beginning and an end, such as 07:00 and 19:00")
    return int(start[1]) * 60 + int(start[2]), int(end[1]) * 60 + int(end[2]) or MIDNIGHT


def _shown(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _wrong(sentence: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", sentence)
