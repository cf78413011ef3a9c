"""The people of a roster, their opening hours ready to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import structlog

from doorbus.wire.hours import Calendar, Closed, HoursError
from doorbus.wire.messages import RosterEntry
from doorbus.wire.snapshot import Snapshot, SnapshotReader
from doorbus_actuator.policy import Hours, Person

_log = structlog.get_logger("doorbus.actuator")

People = Mapping[str, Person]


@dataclass(frozen=True)
class Roster:
    """A whole roster. `unreadable_hours` counts the people to whom the door is closed, as nobody can say when not."""

    version: int
    people: People
    unreadable_hours: int


def reader(calendar: Calendar) -> SnapshotReader[RosterEntry, People]:
    """Collects the roster, and reads each shard once."""
    return SnapshotReader(RosterEntry, partial(_people, calendar))


def read(snapshot: Snapshot[People]) -> Roster:
    """The roster that a snapshot holds. Ten thousand people take a Pi Zero seconds when all of them are new."""
    people = {name: person for part in snapshot.parts() for name, person in part.items()}
    unreadable = sum(isinstance(person.hours, Closed) for person in people.values())
    _log.info("roster", version=snapshot.manifest.version, people=len(people), unreadable_hours=unreadable or None)
    return Roster(snapshot.manifest.version, people, unreadable)


def _people(calendar: Calendar, entries: tuple[RosterEntry, ...]) -> People:
    hours: dict[str | None, Hours | None] = {None: None}
    for expression in {entry.hours for entry in entries if entry.hours is not None}:
        try:
            hours[expression] = calendar.hours(expression)
        except HoursError as error:
            _log.warning("hours_unreadable", why=str(error))
            hours[expression] = Closed()
    return {entry.person: Person(entry, hours[entry.hours]) for entry in entries}
