"""What people are told of requests, and how they may name somebody. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from doorbus.wire.ids import id_of_name
from doorbus.wire.messages import (
    MAX_NAME,
    ErrorCode,
    Fault,
    ListedGroup,
    ListedGroups,
    ListedPeople,
    ListedPerson,
    ListedSchedule,
    ListedSchedules,
    Result,
    Update,
)
from doorbus_enroller.arrangements import Arrangements

MOST_LISTED = 200
"""A screen shows no more; with longer lists Home Assistant would keep nothing of them."""
LOOK = "look into the camera"
TURN = "turn a little"
_HINTS: Mapping[ErrorCode, str] = {
    ErrorCode.NO_FACE: LOOK,
    ErrorCode.SEVERAL_FACES: "only one person, please",
    ErrorCode.TOO_SMALL: "come closer",
    ErrorCode.BLURRED: "hold still",
    ErrorCode.TOO_DARK: "more light, please",
    ErrorCode.NOT_LIVE: "show your face, not a picture of it",
    ErrorCode.NOT_THE_SAME_PERSON: "this looks like somebody else",
    ErrorCode.ALREADY_SOMEONE_ELSE: "this face is enrolled already",
    ErrorCode.NO_RECOGNIZER: "no recognizer answers",
}
_DONE = {
    "enrol": "enrolled",
    "capture": "enrolled",
    "newcomer": "enrolled",
    "update": "changed",
    "manage": "changed",
    "remove": "removed",
    "remove_sample": "rid of a sample",
    "set_credential": "given a code",
    "remove_credential": "rid of a code",
}
_MAX_TEXT = 255


@dataclass(frozen=True)
class Names:
    """What everybody is called, who is disabled, and how many are in each group and on each schedule."""

    entries: tuple[ListedPerson, ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)
    schedules: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, shards: Iterable[bytes]) -> "Names":
        """Of the shards of a roster."""
        entries = [entry for shard in shards for entry in json.loads(shard)]
        groups, schedules = (
            Counter(filter(None, (entry.get(of) for entry in entries))) for of in ("group", "schedule")
        )
        return cls(tuple(map(_listed, entries)), groups, schedules)

    def called(self, person: str) -> str:
        """What somebody is called, enrolled or not."""
        return next((one.name for one in self.entries if one.person == person), spoken(person))

    def listed(self) -> ListedPeople:
        """The first by name."""
        by_name = sorted(self.entries, key=lambda one: (one.name.casefold(), one.person))
        return ListedPeople(count=len(by_name), people=tuple(by_name[:MOST_LISTED]))

    def grouped(self, arrangements: Arrangements) -> ListedGroups:
        """All groups, and how many people are in each."""
        groups = sorted(arrangements.groups.items())
        return ListedGroups(
            groups=tuple(
                ListedGroup.model_validate({**each.model_dump(), "people": self.groups.get(id_, 0)})
                for id_, each in groups
            )
        )

    def scheduled(self, arrangements: Arrangements) -> ListedSchedules:
        """All schedules, and how many people follow each."""
        schedules = sorted(arrangements.schedules.items())
        return ListedSchedules(
            schedules=tuple(
                ListedSchedule.model_validate({**each.model_dump(), "people": self.schedules.get(id_, 0)})
                for id_, each in schedules
            )
        )

    def who_is(self, who: str) -> str | Fault:
        """The id of whoever is called so: by the id, or by the name in any case."""
        wanted = " ".join(who.split())
        if any(one.person == wanted for one in self.entries):
            return wanted
        same = [one.person for one in self.entries if " ".join(one.name.split()).casefold() == wanted.casefold()]
        if len(same) == 1:
            return same[0]
        if same:
            ids = ", ".join(sorted(same)[:10])
            return Fault(code=ErrorCode.BAD_REQUEST, message=f"{len(same)} people are called {who}; name the id: {ids}")
        return Fault(code=ErrorCode.UNKNOWN_PERSON, message=f"nobody is enrolled as {who}")


def spoken(person: str) -> str:
    """An id as people say it."""
    return person.replace("_", " ").replace("-", " ").strip().capitalize() or person


def place_of(who: str) -> str:
    """The id under which it is told what became of a request about `who`."""
    return id_of_name(who) or "nobody"


def hint(taken: int, trouble: ErrorCode | None) -> str:
    """What somebody in front of a camera is to do."""
    if trouble is not None:
        return _HINTS.get(trouble, "wait a moment")
    return TURN if taken else LOOK


def progress(who: str, taken: int, asked: int, what: str) -> str:
    """How far an enrolment from a camera is."""
    return f"{who}: {taken} of {asked}, {what}"[:_MAX_TEXT]


def ended(who: str, result: Result, update: Update | None) -> str:
    """How a request ended."""
    done = _DONE.get(result.action, result.action)
    if result.error is not None:
        return f"{who} was not {done}: {result.error.message}"[:_MAX_TEXT]
    if update is not None and update.model_fields_set == {"enabled"}:
        done = "enabled" if update.enabled else "disabled"
    samples = f", {result.samples} {'sample' if result.samples == 1 else 'samples'}" if done == "enrolled" else ""
    if result.advice is not None:
        samples = f", {result.advice}"
    until = "" if result.valid_until is None else f", until {_minute(result.valid_until)}"
    warning = "" if result.warning is None else f"; {result.warning}"
    return f"{who} is {done}{samples}{until}{warning}"[:_MAX_TEXT]


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _listed(entry: Mapping[str, Any]) -> ListedPerson:
    person = entry["person"]
    name = (entry.get("name") or spoken(person))[:MAX_NAME]
    return ListedPerson(person=person, name=name, enabled=entry.get("enabled", True))
