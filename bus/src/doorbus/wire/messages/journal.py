"""The journal of a door. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Instant, Message, Name, Sha256, Slug
from doorbus.wire.messages.decisions import Decision
from doorbus.wire.messages.door import LockCommand, Lockdown, LockState
from doorbus.wire.messages.inputs import AlarmKind, Input


class JournalKind(StrEnum):
    """What an entry of a journal tells of."""

    STARTED = "started"
    STOPPED = "stopped"
    COMMAND = "command"
    """Somebody told the door to open or to lock; `granted` or `denied` follows for the former."""
    GRANTED = "granted"
    """Written before the relay is told to energise."""
    DENIED = "denied"
    LOCKDOWN = "lockdown"
    """Somebody began or ended a lockdown."""
    RELAY = "relay"
    """The relay moved, failed, or can be driven again."""
    INPUT = "input"
    """The door was opened or shut, a button pressed, the case opened or shut."""
    ALARM = "alarm"
    """An alarm began, or has ended."""


class JournalEntry(Message):
    """One line of the journal of a door. `previous` is the SHA-256 of the payload of the entry before, byte for byte.

    mosquitto_sub -t doorbus/v1/door/front/journal
    """

    chain: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Id of the journal; another one begins where the file was lost."""
    number: Annotated[int, Field(ge=1)]
    """Each entry has the number of the one before and 1."""
    at: Instant
    kind: JournalKind
    previous: Sha256 | None = None
    """Missing from number 1."""
    decision: Decision | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    """How long the relay is to be energised."""
    command: LockCommand | None = None
    """Without its one-time password."""
    lockdown: Lockdown | None = None
    by: Name | None = None
    """Who ordered the lockdown, as far as they said so."""
    state: LockState | None = None
    why: Name | None = None
    """What is wrong with the relay."""
    input: Input | None = None
    on: bool | None = None
    """Whether what the input feels, or the alarm, has begun or has ended; of a button only that it was pressed."""
    alarm: AlarmKind | None = None
    since: Instant | None = None
    """When what the alarm is about began."""
    person: Slug | None = None
    """Whom the alarm is about, if anybody."""
    version: Name | None = None
    """Of the actuator that started."""


class JournalRequest(Message):
    """Asks a door for entries of its journal by number; the answer goes to the response topic. As many as fit come.

    mosquitto_rr -q 1 -t doorbus/v1/door/front/journal/get -e doorbus/v1/journal/reply/me -m '{"first": 1}'
    """

    first: Annotated[int, Field(ge=1)] = 1
    last: Annotated[int, Field(ge=1)] | None = None


class JournalPage(Message):
    """Entries that were asked for, in order; those that retention has taken away are missing.

    mosquitto_sub -t 'doorbus/v1/journal/reply/+'
    """

    entries: tuple[JournalEntry, ...] = ()
    newest: Annotated[int, Field(ge=0)]
    """The number of the newest entry that there is."""
