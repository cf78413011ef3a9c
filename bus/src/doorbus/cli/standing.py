"""Whether a person on the roster may pass at all, and why not."""

from collections.abc import Collection, Sequence
from datetime import datetime

from doorbus.wire.hours import HoursError, LibraryMissingError, read_anywhere
from doorbus.wire.messages import RosterEntry

_MOST_NAMED = 10


def amiss(entry: RosterEntry, doors: Collection[str]) -> tuple[str, ...]:
    """What of a person's rights nobody meant: hours that cannot be read, doors that nobody has.

    `doors` are those that there are; none when that is not known.
    """
    found = [] if entry.hours is None else [why for why in (_unreadable(entry.hours),) if why is not None]
    missing = [door for door in dict.fromkeys(entry.doors or ()) if doors and door not in doors]
    if missing:
        found.append(f"there is no door {names(missing)}; the doors are {names(sorted(doors))}")
    return tuple(found)


def may_pass(entry: RosterEntry, doors: Collection[str], now: datetime) -> str:
    """`yes`, or `no` with a word for the reason; hours that are just not now are no reason."""
    obstacles = {
        "no": not entry.enabled,
        "no: ended": entry.valid_until is not None and entry.valid_until <= now,
        "not yet": entry.valid_from is not None and entry.valid_from > now,
        "no: hours": entry.hours is not None and _unreadable(entry.hours) is not None,
        "no: doors": entry.doors is not None and not _there(entry.doors, doors),
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
