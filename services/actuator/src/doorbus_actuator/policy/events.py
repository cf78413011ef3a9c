"""What happens at a door, and what follows from it. Pure."""

from collections.abc import Mapping
from datetime import datetime

from doorbus.wire.messages import (
    Challenge,
    Credential,
    Decision,
    HashedCredential,
    LockCommand,
    Recognition,
    RosterEntry,
)
from doorbus.wire.records import dataclass
from doorbus_actuator.policy.rules import Hours


@dataclass(frozen=True, slots=True)
class Now:
    """The same moment on the wall clock (aware) and on the monotonic one (seconds)."""

    wall: datetime
    monotonic: float


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the roster, the hours ready to be asked."""

    rights: RosterEntry
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A recognition of one of this door's cameras. `choice`, random from 0 to below 1, picks what a challenge asks."""

    camera: str
    recognition: Recognition
    choice: float


def frame_of(event: Sighting) -> str:
    """What its frame is remembered as: of its camera, so that no other camera's sender uses its ids up."""
    return f"{event.camera}/{event.recognition.frame_id}"


@dataclass(frozen=True, slots=True)
class Command:
    """Somebody wants the door locked or unlocked by hand."""

    command: LockCommand


@dataclass(frozen=True, slots=True)
class Presented:
    """A code was typed, or a tag held against a reader.

    `match` is whose it is by the hashes; None when it is nobody's, or was not looked at because there were too many
    tries.
    """

    reader: str
    credential: Credential
    looked_at: bool
    match: HashedCredential | None = None


@dataclass(frozen=True, slots=True)
class Confine:
    """Somebody begins a lockdown, or ends it."""

    lockdown: bool
    by: str | None = None


@dataclass(frozen=True, slots=True)
class ExitRequested:
    """Somebody inside pressed the exit button."""


@dataclass(frozen=True, slots=True)
class DoorMoved:
    """The door was opened, or shut."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """A new whole roster, by person id; None when there is none any more."""

    people: Mapping[str, Person] | None


@dataclass(frozen=True, slots=True)
class OpeningFailed:
    """The relay could not be driven: nobody was let in by the grant to `person`, or to a command if that is None."""

    person: str | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Sighting | Command | Presented | Confine | ExitRequested | DoorMoved | RosterChanged | OpeningFailed | Tick


@dataclass(frozen=True, slots=True)
class Grant:
    """Open the door for `seconds`."""

    seconds: float
    decision: Decision


@dataclass(frozen=True, slots=True)
class Deny:
    """Tell why the door stays shut."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class AskFor:
    """Show a challenge, or that there is none any more."""

    challenge: Challenge


@dataclass(frozen=True, slots=True)
class Lock:
    """Lock the door at once."""


@dataclass(frozen=True, slots=True)
class Confined:
    """Tell whether there is a lockdown."""

    lockdown: bool


Effect = Grant | Deny | AskFor | Lock | Confined
