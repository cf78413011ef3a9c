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

_MOST_NAMED = 10

People = Mapping[str, Person]


@dataclass(frozen=True)
class Roster:
    """A whole roster. `unreadable` are the people to whom the door is closed, as nobody can say when not, with why.

    `groups` are those that somebody is in.
    """

    version: int
    people: People
    unreadable: Mapping[str, str]
    groups: frozenset[str | None]

    def problem(self) -> str | None:
        """To whom the door is closed by hours that cannot be read."""
        if not self.unreadable:
            return None
        names = sorted(self.unreadable)
        more = f" and of {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return (
            f"the hours of {', '.join(names[:_MOST_NAMED])}{more} cannot be read, so the door is closed to them: "
            f"{self.unreadable[names[0]]}"
        )


@dataclass(frozen=True)
class Unreadable(Closed):
    """Hours that cannot be read, and why."""

    why: str


def reader(calendar: Calendar) -> SnapshotReader[RosterEntry, People]:
    """Collects the roster, and reads each shard once."""
    return SnapshotReader(RosterEntry, partial(_people, calendar))


def read(snapshot: Snapshot[People]) -> Roster:
    """The roster that a snapshot holds. Ten thousand people take a Pi Zero seconds when all of them are new."""
    people = {name: person for part in snapshot.parts() for name, person in part.items()}
    unreadable = {name: each.hours.why for name, each in people.items() if isinstance(each.hours, Unreadable)}
    _log.info("roster", version=snapshot.manifest.version, people=len(people), unreadable_hours=len(unreadable) or None)
    groups = frozenset(each.rights.group for each in people.values())
    return Roster(snapshot.manifest.version, people, unreadable, groups)


def _people(calendar: Calendar, entries: tuple[RosterEntry, ...]) -> People:
    hours: dict[str | None, Hours | None] = {None: None}
    for expression in {entry.hours for entry in entries if entry.hours is not None}:
        try:
            hours[expression] = calendar.hours(expression)
        except HoursError as error:
            concerned = sorted(entry.person for entry in entries if entry.hours == expression)
            _log.warning("hours_unreadable", person=", ".join(concerned[:_MOST_NAMED]), why=str(error))
            hours[expression] = Unreadable(str(error))
    return {entry.person: Person(entry, hours[entry.hours]) for entry in entries}
