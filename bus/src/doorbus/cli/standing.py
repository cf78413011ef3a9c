"""Whether a person on the roster may pass at all, and why not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from doorbus.wire.channels import HEALTH, LOCK_STATE, Role
from doorbus.wire.exchange import Event
from doorbus.wire.hours import HoursError, LibraryMissingError, asks_for_country, read_anywhere
from doorbus.wire.messages import RosterEntry

_MOST_NAMED = 10


@dataclass
class Doors:
    """The doors that there are, and the country by whose holidays each reads hours, as far as their actuators tell."""

    known: set[str] = field(default_factory=set)
    countries: dict[str, str | None] = field(default_factory=dict)
    roster_version: int = -1
    """The highest that anybody tells."""

    def hear(self, event: Event[Any]) -> None:
        """Take in a lock state, or the health of a service."""
        if event.channel is HEALTH:
            self.roster_version = max(self.roster_version, int(event.message.figures.get("roster_version", -1)))
        if event.channel is LOCK_STATE:
            self.known.add(event.ids["door"])
        elif event.channel is HEALTH and event.message.service == Role.ACTUATOR and event.message.door is not None:
            self.countries[event.message.door] = event.message.country

    def without_country(self, entry: RosterEntry) -> tuple[list[str], bool]:
        """Which doors cannot read the person's hours, for want of a country, and whether these are all."""
        if entry.hours is None or not asks_for_country(entry.hours):
            return [], False
        used = [door for door in sorted(self.countries) if entry.doors is None or door in entry.doors]
        without = [door for door in used if self.countries[door] is None]
        return without, bool(used) and without == used


def amiss(entry: RosterEntry, doors: Doors) -> tuple[str, ...]:
    """What of a person's rights nobody meant: hours that cannot be read, doors that nobody has."""
    found = [] if entry.hours is None else [why for why in (_unreadable(entry.hours),) if why is not None]
    without, _ = doors.without_country(entry)
    if without and not found:
        found.append(f"public holidays (PH) close {names(without)} until DOORBUS_ACTUATOR__COUNTRY is set there")
    missing = [door for door in dict.fromkeys(entry.doors or ()) if doors.known and door not in doors.known]
    if missing:
        found.append(f"there is no door {names(missing)}; the doors are {names(sorted(doors.known))}")
    return tuple(found)


def may_pass(entry: RosterEntry, doors: Doors, now: datetime) -> str:
    """`yes`, or `no` with a word for the reason; hours that are just not now are no reason."""
    obstacles = {
        "no": not entry.enabled,
        "no: ended": entry.valid_until is not None and entry.valid_until <= now,
        "not yet": entry.valid_from is not None and entry.valid_from > now,
        "no: hours": entry.hours is not None
        and (_unreadable(entry.hours) is not None or doors.without_country(entry)[1]),
        "no: doors": entry.doors is not None and not _there(entry.doors, doors.known),
    }
    return next((text for text, so in obstacles.items() if so), "yes")


def names(doors: Sequence[str]) -> str:
    """Some of the doors in words, and how many more there are."""
    more = f" and {len(doors) - _MOST_NAMED} more" if len(doors) > _MOST_NAMED else ""
    return ", ".join(doors[:_MOST_NAMED]) + more


def _there(named: tuple[str, ...], doors: Collection[str]) -> bool:
    return any(door in doors or not doors for door in named)


def _unreadable(hours: str) -> str | None:
    try:
        read_anywhere(hours)
    except LibraryMissingError:
        return None
    except HoursError as error:
        return f"the hours cannot be read: {error}"
    return None
