"""Rights of a person or a group as a form, and what of them somebody has changed."""

from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import ValidationError

from doorbus.wire.messages import Entitlement, Message, RosterEntry, SetGroup, Update
from doorbus.wire.mistakes import first_mistake
from doorbus_console.web import hours
from doorbus_console.web.forms import Form
from doorbus_console.web.problems import Problem

M = TypeVar("M", bound=Message)
_MINUTES = ("valid_from", "valid_until")
_ASKED = {"yes": True, "no": False}


def update_of(form: Form, entry: RosterEntry, doors: Iterable[str]) -> Update:
    """What of a person's rights the form changes; what is of a group or schedule stays so. Raises `Problem`."""
    group = form.get("group") or None if "group" in form.fields else entry.group
    return _changed(Update, {**_told(form, entry, doors), "group": group}, entry)


def group_of(form: Form, entry: Entitlement, doors: Iterable[str]) -> SetGroup:
    """What of a group's rights the form changes; raises `Problem`."""
    return _changed(SetGroup, _told(form, entry, doors), entry)


def moment(given: str, offset: str) -> datetime | None:
    """A moment as a browser writes it, in its own zone: `offset` is how many minutes UTC is ahead of it.

    Raises `Problem`.
    """
    if not given:
        return None
    try:
        told = datetime.fromisoformat(given)
        if told.tzinfo is not None:
            return told
        return datetime.fromtimestamp(told.replace(tzinfo=UTC).timestamp() + 60 * int(offset or 0), UTC)
    except (ValueError, OverflowError):
        raise _wrong(f"{given!r} is no time; give a day and a time") from None


def message_of(model: type[M], **fields: Any) -> M:
    """A message of what was filled in; raises `Problem`."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _wrong(str(first_mistake(error))) from None


def _told(form: Form, entry: Entitlement, doors: Iterable[str]) -> dict[str, Any]:
    every = form.get("every_door") == "on"
    times, schedule = hours.told(form, entry.hours, entry.schedule)
    asked = _ASKED.get(form.get("second_factor")) if "second_factor" in form.fields else entry.second_factor
    return {
        "name": form.get("name")[:128] or None,
        "enabled": form.get("enabled") == "on",
        "doors": None if every else tuple(door for door in doors if door in form.all("door")),
        **{name: moment(form.get(name), form.get("offset")) for name in _MINUTES},
        "hours": times,
        "schedule": schedule,
        "threshold": _number(form.get("threshold")),
        "second_factor": asked,
    }


def _changed(model: type[M], wish: dict[str, Any], entry: Entitlement) -> M:
    """The message with the fields that differ. A form knows no seconds."""
    changed = {name: value for name, value in wish.items() if _shown(name, value) != _shown(name, getattr(entry, name))}
    if "schedule" in changed:  # hours that happen to be the schedule's are still to be said
        changed["hours"] = wish["hours"]
    return message_of(model, **changed)


def _shown(name: str, value: Any) -> Any:
    if value is not None and name in _MINUTES:
        return value.replace(second=0, microsecond=0)
    return set(value) if value is not None and name == "doors" else value


def _number(given: str) -> float | None:
    try:
        return float(given) if given else None
    except ValueError:
        raise _wrong(f"{given!r} is no number") from None


def _wrong(sentence: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", sentence)
