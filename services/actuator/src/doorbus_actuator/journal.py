"""What a journal of a door does, and what is written into it; `sqlite_journal` keeps one on disk, `fakes` in memory."""

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from doorbus.wire.journal import text_of
from doorbus.wire.messages import JournalEntry, JournalKind, LockCommand, Lockdown, LockState, Name
from doorbus.wire.records import dataclass
from doorbus_actuator.policy import Command, Confine, Deny, Effect, Event, Grant, Seen

MAX_WHY = 128


@dataclass(frozen=True, slots=True)
class Note:
    """Something to write down: an entry but for its place in the chain."""

    at: datetime
    kind: JournalKind
    fields: dict[str, Any] = field(default_factory=dict)


class Last(NamedTuple):
    """The newest entry: its number, and the digest of what is written."""

    number: int
    digest: str


def entry_after(last: Last | None, chain: str, note: Note) -> tuple[JournalEntry, bytes]:
    """The next entry of `chain`, and what is to be written of it."""
    entry = JournalEntry(
        chain=chain,
        number=1 if last is None else last.number + 1,
        at=note.at,
        kind=note.kind,
        previous=None if last is None else last.digest,
        **note.fields,
    )
    return entry, text_of(entry)


def notes_of(event: Event, effects: Sequence[Effect], at: datetime) -> tuple[Note, ...]:
    """What is to be written of an event and what follows from it, before it does."""
    notes = [_of_command(event.command, at)] if isinstance(event, Command) else []
    if isinstance(event, Confine):
        word = Lockdown.ON if event.lockdown else Lockdown.OFF
        notes.append(Note(at, JournalKind.LOCKDOWN, {"lockdown": word, "by": event.by}))
    for effect in effects:
        match effect:
            case Grant(seconds, decision):
                notes.append(Note(at, JournalKind.GRANTED, {"decision": decision, "seconds": seconds}))
            case Deny(decision):
                notes.append(Note(at, JournalKind.DENIED, {"decision": decision}))
    return tuple(notes)


def of_relay(state: LockState, fault: Name | None, at: datetime) -> Note:
    """What is to be written of a relay that has moved, or cannot."""
    return Note(at, JournalKind.RELAY, {"state": state, "why": fault and fault[:MAX_WHY]})


def _of_command(command: LockCommand, at: datetime) -> Note:
    return Note(at, JournalKind.COMMAND, {"command": command.model_copy(update={"code": None})})


class Journal(Protocol):
    """Keeps entries, the ids that were seen, and up to which entry the broker has them.

    No method raises for a disk that is full, closed or damaged: `fault` says so, and what could not be written follows
    when it can. The newest order about lockdown is kept even then, where `unkept` is None.
    """

    @property
    def fault(self) -> str | None:
        """Why nothing can be written; None when it can."""
        ...

    @property
    def unkept(self) -> str | None:
        """Why an order about lockdown would not outlast this process; None when it would."""
        ...

    @property
    def newest(self) -> int:
        """The number of the newest entry that is written; 0 when there is none."""
        ...

    @property
    def sent(self) -> int:
        """The number of the newest entry that the broker has."""
        ...

    def open(self) -> Sequence[Seen]:
        """Be ready to write; what was seen before, the oldest first."""
        ...

    def write(self, notes: Sequence[Note], seen: Sequence[Seen] = ()) -> bool:
        """Write, all or nothing; whether it is written, so that the end of this process does not undo it."""
        ...

    def read(self, first: int, last: int, most: int) -> Sequence[JournalEntry]:
        """The entries from `first` to `last` that there are, at most so many, the oldest first."""
        ...

    def has_sent(self, number: int) -> None:
        """The broker has the entries up to this one."""
        ...

    async def upkeep(self) -> None:
        """Bring what is written onto the disk, and take away what is too old or too much; called once a second."""
        ...

    def close(self) -> None:
        """Bring what is written onto the disk, and end."""
        ...
