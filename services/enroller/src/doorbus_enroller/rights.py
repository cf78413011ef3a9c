"""Whether rights can hold: what of them is refused where it is written, and what is warned about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from doorbus.wire.hours import HoursError, LibraryMissingError, asks_for_country, read_anywhere
from doorbus.wire.messages import Entitlement, ErrorCode, Fault

_MOST_DOORS = 1000
"""That are remembered; whoever may speak as an actuator could name ever new ones."""
_MOST_NAMED = 10


@dataclass(frozen=True)
class Doors:
    """The doors that actuators have told of, each with the country by whose public holidays it reads hours.

    `asking` are those of which unlocking needs a code, and `by_face` those that no PIN or tag opens by itself.
    """

    countries: Mapping[str, str | None] = field(default_factory=dict)
    asking: frozenset[str] = frozenset()
    by_face: frozenset[str] = frozenset()

    def told(
        self,
        door: str,
        country: str | None = None,
        *,
        asks_code: bool | None = None,
        codes_alone: bool | None = None,
    ) -> "Doors":
        """These and `door`; what nothing is told of stays as it is known."""
        if door not in self.countries and len(self.countries) >= _MOST_DOORS:
            return self
        by_face = None if codes_alone is None else not codes_alone
        return Doors(
            {**self.countries, door: country or self.countries.get(door)},
            _with(self.asking, door, asks_code),
            _with(self.by_face, door, by_face),
        )

    def gone(self, door: str) -> "Doors":
        """These without `door`."""
        countries = {each: of for each, of in self.countries.items() if each != door}
        return Doors(countries, self.asking - {door}, self.by_face - {door})


def fault_in(update: Entitlement) -> Fault | None:
    """Why an update cannot be taken: the opening hours in it are none."""
    if update.hours is None:
        return None
    try:
        read_anywhere(update.hours)
    except LibraryMissingError:  # whoever decides may have it
        return None
    except HoursError as error:
        return Fault(code=ErrorCode.BAD_REQUEST, message=f"hours: {error}")
    return None


def unreadable(hours: str) -> str | None:
    """What is wrong with opening hours; None where nothing is, or where nobody can tell."""
    try:
        read_anywhere(hours)
    except LibraryMissingError:
        return None
    except HoursError as error:
        return str(error)
    return None


def doubts(rights: Entitlement, doors: Doors, now: datetime, *, only_code: bool = False) -> str | None:
    """What a person's or a group's rights will not do as they stand; None when all is as one would think.

    `only_code` says that it is a person of whom there is a PIN or tag, and no picture.
    """
    codes = _codes(rights, doors) if only_code else ()
    return "; ".join((*codes, *_doors(rights, doors), *_times(rights, now), *_hours(rights, doors, now))) or None


def _with(doors: frozenset[str], door: str, is_one: bool | None) -> frozenset[str]:  # noqa: FBT001  # None is unknown
    return doors if is_one is None else doors | {door} if is_one else doors - {door}


def _names(doors: Sequence[str]) -> str:
    more = f" and {len(doors) - _MOST_NAMED} more" if len(doors) > _MOST_NAMED else ""
    return ", ".join(doors[:_MOST_NAMED]) + more


def _codes(rights: Entitlement, doors: Doors) -> Iterator[str]:
    if rights.second_factor:
        yield "second_factor asks for the face first, and there is no picture: the code opens nothing"
        return
    closed = sorted(doors.by_face if rights.doors is None else doors.by_face & set(rights.doors))
    if closed:
        yield (
            f"the code opens nothing by itself at {_names(closed)}: DOORBUS_ACTUATOR__CODES_ALONE=true has to be set "
            "there, or a picture to be enrolled"
        )


def _doors(rights: Entitlement, doors: Doors) -> Iterator[str]:
    if rights.doors is None:
        return
    if not rights.doors:
        yield "no door at all may be used"
    missing = [door for door in dict.fromkeys(rights.doors) if door not in doors.countries]
    if missing and not doors.countries:
        yield f"no actuator has told of a door yet, so nobody knows whether there is {_names(missing)}"
    elif missing:
        yield f"there is no door {_names(missing)} yet; the doors are {_names(sorted(doors.countries))}"


def _times(rights: Entitlement, now: datetime) -> Iterator[str]:
    if rights.valid_until is not None and rights.valid_until <= now:
        yield f"valid_until {rights.valid_until.isoformat()} has passed"
    elif rights.valid_from is not None and rights.valid_until is not None and rights.valid_from >= rights.valid_until:
        yield f"valid_from {rights.valid_from.isoformat()} is not before valid_until {rights.valid_until.isoformat()}"


def _hours(rights: Entitlement, doors: Doors, now: datetime) -> Iterator[str]:
    if rights.hours is None:
        return
    try:
        hours = read_anywhere(rights.hours)
    except LibraryMissingError as missing:
        yield f"the hours were not checked: {missing}"
        return
    except HoursError as error:
        yield f"the door stays closed, as the hours cannot be read: {error}"
        return
    if asks_for_country(rights.hours):
        used = [door for door in doors.countries if rights.doors is None or door in rights.doors]
        if without := [door for door in used if doors.countries[door] is None]:
            yield f"public holidays (PH) close {_names(without)} until DOORBUS_ACTUATOR__COUNTRY is set there"
    elif not hours.open_within_a_year(now):
        yield f"the hours {rights.hours!r} are not open within a year"
