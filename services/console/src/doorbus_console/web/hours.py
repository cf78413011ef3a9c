"""Opening hours as a form: at any time, the hours of a week, or a text."""

import re
from http import HTTPStatus

from doorbus_console.web.forms import Form
from doorbus_console.web.problems import Problem
from doorbus_console.week import DAYS, MIDNIGHT, RANGES, Range, Week, read, written

_TIME = re.compile(r"(\d\d):(\d\d)(?::\d\d)?")
WAYS = ("any", "week", "text")


def shown(hours: str | None) -> dict[str, object]:
    """What a form shows of these hours: which way, and the fields of the week."""
    week = None if hours is None else read(hours)
    way = "any" if hours is None else "text" if week is None else "week"
    fields = {
        f"{day}{number}{edge}": _shown(ranges[number][at]) if number < len(ranges) else ""
        for day, ranges in zip(DAYS, (week or Week()).days, strict=True)
        for number in range(RANGES)
        for at, edge in enumerate(("from", "to"))
    }
    return {"way": way, "fields": fields, "holidays_closed": week is not None and week.holidays_closed, "text": hours}


def told(form: Form, before: str | None) -> str | None:
    """The hours that a form says; those before where it says none, or the same. Raises `Problem`."""
    way = form.get("hours_way")
    if way == "any":
        return None
    if way != "week":
        return (form.get("hours") or None) if way == "text" or "hours" in form.fields else before
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
