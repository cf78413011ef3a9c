"""What is written into a journal stays there, in its place, whatever befalls the process, the file or the disk."""

import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doorbus.wire.journal import text_of, verified
from doorbus.wire.messages import (
    Action,
    Decision,
    JournalEntry,
    JournalKind,
    LockCommand,
    Lockdown,
    LockState,
    Outcome,
    Reason,
    Trigger,
)
from doorbus_actuator.journal import Note, notes_of, of_relay
from doorbus_actuator.policy import MOST, Command, Deny, Grant, Kind, Lock, Seen, confinement
from doorbus_actuator.sqlite_journal import SqliteJournal
from support.programs import bench

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOTE = Note(AT, JournalKind.RELAY, {"state": LockState.LOCKED})


class Shelf:
    """A place for one journal, opened again and again, with a calendar that can be set."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = AT
        self.days = 90.0
        self.mebibytes = 32.0

    @contextmanager
    def journal(self) -> Iterator[SqliteJournal]:
        one = SqliteJournal(self.path, self.days, self.mebibytes, lambda: self.now)
        self.seen = list(one.open())
        try:
            yield one
        finally:
            one.close()

    def lose(self, suffixes: list[str]) -> None:
        for suffix in suffixes:
            Path(f"{self.path}{suffix}").unlink()

    def log_bytes(self) -> int:
        return Path(f"{self.path}-wal").stat().st_size

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute(statement)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "var" / "journal-front.db")


def all_of(journal: SqliteJournal) -> list[JournalEntry]:
    return list(journal.read(1, journal.newest, 10_000))


def works(journal: SqliteJournal) -> bool:
    return journal.fault is None


def mistakes(entries: list[JournalEntry]) -> list[str | None]:
    return [mistake for _, mistake in verified((one, text_of(one)) for one in entries)]


def note(number: int) -> Note:
    return Note(AT + timedelta(seconds=number), JournalKind.RELAY, {"state": LockState.LOCKED, "why": f"note {number}"})


# What is written.


def test_a_command_and_what_follows_from_it_are_written_without_its_one_time_password() -> None:
    command = LockCommand(action=Action.UNLOCK, code="123456", by="hall", id="c1", seconds=5.0)
    decision = Decision(outcome=Outcome.GRANTED, reason=Reason.COMMANDED, trigger=Trigger.COMMAND, at=AT)

    notes = notes_of(Command(command), (Grant(5.0, decision),), AT)

    assert [one.kind for one in notes] == [JournalKind.COMMAND, JournalKind.GRANTED]
    assert notes[0].fields == {"command": LockCommand(action=Action.UNLOCK, by="hall", id="c1", seconds=5.0)}
    assert notes[1].fields == {"decision": decision, "seconds": 5.0}


def test_locking_is_written_as_the_command_that_it_is_and_denials_as_they_are_told() -> None:
    denied = Decision(outcome=Outcome.DENIED, reason=Reason.COOLDOWN, trigger=Trigger.FACE, at=AT, count=7)
    locking = notes_of(Command(LockCommand(action=Action.LOCK)), (Lock(), Deny(denied)), AT)

    assert [one.kind for one in locking] == [JournalKind.COMMAND, JournalKind.DENIED]
    assert locking[1].fields == {"decision": denied}


def test_a_fault_of_the_relay_is_written_as_far_as_it_fits() -> None:
    assert of_relay(LockState.JAMMED, "x" * 500, AT).fields == {"state": LockState.JAMMED, "why": "x" * 128}


# The file.


def test_entries_are_numbered_and_chained_and_there_when_it_is_opened_again(shelf: Shelf) -> None:
    with shelf.journal() as journal:
        assert journal.write((note(1), note(2)))
        first = all_of(journal)
    with shelf.journal() as journal:
        assert journal.write((note(3),))
        entries = all_of(journal)

    assert entries[:2] == first
    assert [one.number for one in entries] == [1, 2, 3]
    assert [one.why for one in entries] == ["note 1", "note 2", "note 3"]
    assert len({one.chain for one in entries}) == 1
    assert mistakes(entries) == [None] * 3


def test_two_who_write_the_same_file_make_one_chain(shelf: Shelf) -> None:
    with shelf.journal() as one, shelf.journal() as other:
        for number in range(6):
            assert (one, other)[number % 2].write((note(number),))
        entries = all_of(other)

    assert [entry.why for entry in entries] == [f"note {number}" for number in range(6)]
    assert mistakes(entries) == [None] * 6


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("UPDATE entries SET text = replace(text, 'note 2', 'note X') WHERE number = 2", [3]),
        ("DELETE FROM entries WHERE number = 2", [3]),
        ("UPDATE entries SET number = -1 WHERE number = 2", [3]),
    ],
)
def test_what_is_changed_or_taken_out_by_hand_shows(shelf: Shelf, change: str, wrong: list[int]) -> None:
    with shelf.journal() as journal:
        journal.write([note(number) for number in range(1, 5)])
    shelf.change(change)
    with shelf.journal() as journal:
        entries = all_of(journal)

    found = [one.number for one, mistake in zip(entries, mistakes(entries), strict=True) if mistake]
    assert found == wrong


@pytest.mark.parametrize("change", ["DELETE FROM entries WHERE number > 2", "DELETE FROM entries"])
def test_no_number_is_given_twice_where_the_newest_entries_were_taken_out(shelf: Shelf, change: str) -> None:
    with shelf.journal() as journal:
        journal.write([note(number) for number in range(1, 5)])
        journal.has_sent(4)
    left = 2 if "WHERE" in change else 0
    shelf.change(change)
    with shelf.journal() as journal:
        assert journal.newest == 4
        assert journal.write((note(5), note(6)))
        assert [one.number for one in journal.read(journal.sent + 1, journal.newest, 32)] == [5, 6]
        entries = all_of(journal)

    assert [one.number for one in entries] == [*range(1, left + 1), 5, 6]
    assert mistakes(entries) == [*[None] * left, *(["it comes after 2"] if left else [None]), None]
    assert entries[-2].previous


def test_an_entry_that_cannot_be_read_keeps_nobody_from_those_after_it(shelf: Shelf) -> None:
    with shelf.journal() as journal:
        journal.write([note(number) for number in range(1, 100)])
    shelf.change("UPDATE entries SET text = 'nonsense' WHERE number BETWEEN 10 AND 60")
    with shelf.journal() as journal:
        assert [one.number for one in journal.read(8, 99, 4)] == [8, 9, 61, 62]


def test_the_journal_of_a_version_that_took_no_note_of_its_newest_entry_goes_on(shelf: Shelf) -> None:
    with shelf.journal() as journal:
        journal.write([note(number) for number in range(1, 5)])
    with closing(sqlite3.connect(shelf.path)) as database:
        database.executescript(
            "ALTER TABLE about DROP COLUMN newest; ALTER TABLE about DROP COLUMN digest; PRAGMA user_version = 1;"
        )
    for number in (5, 6):
        with shelf.journal() as journal:
            assert journal.write((note(number),))
            entries = all_of(journal)

    assert mistakes(entries) == [None] * 6


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100])
def test_a_file_that_is_none_is_put_aside_and_another_chain_begins(shelf: Shelf, damage: bytes) -> None:
    with shelf.journal() as journal:
        journal.write((note(1),))
        (before,) = all_of(journal)
    shelf.path.write_bytes(damage)
    with shelf.journal() as journal:
        assert journal.write((note(2),))
        (after,) = all_of(journal)

    assert (after.number, after.previous) == (1, None)
    assert after.chain != before.chain
    kept = [path.read_bytes() for path in shelf.path.parent.glob("*.damaged-*")]
    assert kept == ([damage] if damage else [])


def test_a_file_damaged_in_the_middle_is_put_aside_and_what_comes_next_is_written(shelf: Shelf) -> None:
    with shelf.journal() as journal:
        journal.write([note(number) for number in range(400)])
    raw = bytearray(shelf.path.read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    shelf.path.write_bytes(raw)

    with shelf.journal() as journal:
        assert journal.write((note(1),))
        assert journal.newest == 1
    assert list(shelf.path.parent.glob("*.damaged-*"))


async def test_what_a_disk_does_not_take_follows_in_order_when_it_does(shelf: Shelf) -> None:
    with shelf.journal() as journal:
        assert journal.write((note(1),))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # no file may become larger
        try:
            assert not journal.write((note(2),))
            assert not journal.write((note(3),), (Seen(Kind.CODE, "123456"),))
            assert f"the journal {shelf.path} cannot be written: " in str(journal.fault)
            await journal.upkeep()
            assert not works(journal)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await journal.upkeep()
        assert works(journal)
        assert journal.write((note(4),))
        entries = all_of(journal)
    assert [one.why for one in entries] == ["note 1", "note 2", "note 3", "note 4"]
    assert mistakes(entries) == [None] * 4
    with shelf.journal():
        assert shelf.seen == [Seen(Kind.CODE, "123456")]


async def test_a_place_that_cannot_be_written_is_a_fault_until_it_can(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shelf = Shelf(tmp_path / "file" / "journal.db")
    with shelf.journal() as journal:
        assert not journal.write((note(1),))
        assert not works(journal)
        (tmp_path / "file").unlink()
        await journal.upkeep()
        assert works(journal)
        assert [one.why for one in all_of(journal)] == ["note 1"]


@pytest.mark.parametrize("taken", [[""], ["", "-wal", "-shm"]])
async def test_a_journal_whose_file_was_taken_away_is_there_again_and_goes_on(shelf: Shelf, taken: list[str]) -> None:
    with shelf.journal() as journal:
        journal.write((note(1), note(2)))
        journal.has_sent(1)
        shelf.lose(taken)
        assert journal.write((note(3),), (Seen(Kind.CODE, "123456"),))
        await journal.upkeep()
        assert journal.write((note(4),))
    with shelf.journal() as journal:
        entries = all_of(journal)
        assert journal.sent == 1

    assert [one.why for one in entries] == ["note 1", "note 2", "note 3", "note 4"]
    assert mistakes(entries) == [None] * 4
    assert shelf.seen == [Seen(Kind.CODE, "123456")]


# What is ordered about lockdown.


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def ordered(by: str | None, *, on: bool) -> tuple[list[Note], list[Seen]]:
    fields = {"lockdown": Lockdown.ON if on else Lockdown.OFF, "by": by}
    return [Note(AT, JournalKind.LOCKDOWN, fields)], [confinement(on=on)]


async def test_a_lockdown_outlasts_a_process_that_had_no_room_to_write_it_and_is_written_when_there_is(
    shelf: Shelf,
) -> None:
    with shelf.journal() as journal:
        assert journal.write((note(1),))
    with no_file_larger_than(1024):
        with shelf.journal() as journal:
            assert not journal.write(*ordered("reception", on=True))
            assert journal.unkept is None
        with shelf.journal() as journal:
            assert shelf.seen[-1:] == [confinement(on=True)]
    with shelf.journal() as journal:
        assert shelf.seen[-1:] == [confinement(on=True)]
        await journal.upkeep()
        entries = all_of(journal)
    assert [(one.lockdown, one.by) for one in entries if one.lockdown] == [(Lockdown.ON, "reception")]
    assert mistakes(entries) == [None] * 2


async def test_the_end_of_a_lockdown_outlasts_it_too(shelf: Shelf) -> None:
    with shelf.journal() as journal:
        assert journal.write(*ordered("reception", on=True))
    with no_file_larger_than(1024), shelf.journal() as journal:
        journal.write(*ordered("watch", on=False))
    with shelf.journal() as journal:
        await journal.upkeep()
        words = [one.lockdown for one in all_of(journal) if one.lockdown]
    assert words == [Lockdown.ON, Lockdown.OFF]
    with shelf.journal():
        assert shelf.seen[-1:] == [confinement(on=False)]


async def test_a_lockdown_that_cannot_be_kept_is_told_and_kept_as_soon_as_it_can(shelf: Shelf) -> None:
    reserve = shelf.path.with_suffix(".lockdown")
    with shelf.journal() as journal:
        reserve.unlink()
        reserve.mkdir()
        journal.write(*ordered("reception", on=True))
        assert f"an order about lockdown does not outlast a restart: {reserve}: " in str(journal.unkept)
        reserve.rmdir()
        await journal.upkeep()
        assert journal.unkept is None
    with no_file_larger_than(1024), shelf.journal():
        assert confinement(on=True) in shelf.seen


@pytest.mark.parametrize("damage", [b"", b"OFF\n", b"\0" * 1024, b"\xff" * 1024])
def test_what_cannot_be_read_counts_as_a_lockdown_until_it_is_ended(shelf: Shelf, damage: bytes) -> None:
    with shelf.journal():
        pass
    shelf.path.with_suffix(".lockdown").write_bytes(damage)
    with shelf.journal() as journal:
        assert shelf.seen[-1:] == [confinement(on=True)]
        journal.write(*ordered(None, on=False))
    with shelf.journal():
        assert shelf.seen[-1:] == [confinement(on=False)]


def test_the_longest_name_of_who_ordered_it_has_room(shelf: Shelf) -> None:
    with shelf.journal() as journal:
        journal.write(*ordered("\N{GRINNING FACE}" * 128, on=True))
        size = shelf.path.with_suffix(".lockdown").stat().st_size
    with shelf.journal():
        assert shelf.seen[-1:] == [confinement(on=True)]
    assert size == 1024


# Retention.


async def test_what_is_too_old_goes_once_the_broker_has_it_and_the_newest_stays(shelf: Shelf) -> None:
    shelf.days = 1.0
    with shelf.journal() as journal:
        journal.write([note(number) for number in range(20)])
        shelf.now += timedelta(days=2)
        journal.has_sent(10)
        for _ in range(700):
            await journal.upkeep()
        assert [one.number for one in all_of(journal)] == list(range(11, 21))
        journal.has_sent(20)
        for _ in range(700):
            await journal.upkeep()
        assert [one.number for one in all_of(journal)] == [20]
        journal.write((note(1),))
        entries = all_of(journal)
    assert mistakes(entries) == [None, None]


@pytest.mark.parametrize("entries", [150, 1000])
async def test_a_flood_leaves_no_long_log_beside_the_file(shelf: Shelf, entries: int) -> None:
    with shelf.journal() as journal:
        for number in range(entries):
            journal.write((note(number),))
        at_its_longest = shelf.log_bytes()
        await journal.upkeep()
        journal.write((note(entries),))
        assert shelf.log_bytes() <= 1024 * 1024 < at_its_longest


async def test_a_clock_that_is_wrong_for_a_while_does_not_empty_a_journal(shelf: Shelf) -> None:
    with shelf.journal() as journal:
        journal.write([note(number) for number in range(2000)])
        journal.has_sent(2000)
        shelf.now += timedelta(days=365)
        for _ in range(600):  # ten minutes
            await journal.upkeep()
        assert len(all_of(journal)) > 1700


async def test_a_journal_that_is_too_large_loses_its_oldest_entries(shelf: Shelf) -> None:
    shelf.mebibytes = 1.0
    with shelf.journal() as journal:
        for _ in range(20):
            journal.write([note(number) for number in range(256)])
            await journal.upkeep()
        for _ in range(20):
            await journal.upkeep()
        entries = all_of(journal)
    assert entries[0].number > 1
    assert entries[-1].number == 20 * 256
    assert mistakes(entries) == [None] * len(entries)
    assert shelf.path.stat().st_size < 2 * 1024 * 1024


# What was seen.


def test_what_was_seen_outlives_the_process_in_its_order(shelf: Shelf) -> None:
    seen = [Seen(Kind.FRAME, "f1", AT), Seen(Kind.CODE, "123456"), Seen(Kind.COMMAND, "c1"), Seen(Kind.PICTURE, "d1")]
    with shelf.journal() as journal:
        journal.write((), seen)
        journal.write((), seen[:1])
    with shelf.journal():
        assert shelf.seen == [*seen[1:], seen[0]]


async def test_a_flood_of_frames_neither_grows_without_end_nor_makes_a_code_be_forgotten(shelf: Shelf) -> None:
    code = Seen(Kind.CODE, "123456")
    with shelf.journal() as journal:
        journal.write((), (code,))
        for start in range(0, 6000, 1000):
            journal.write((), [Seen(Kind.FRAME, f"f{number}", AT) for number in range(start, start + 1000)])
            await journal.upkeep()
    with shelf.journal():
        assert len(shelf.seen) <= MOST[Kind.FRAME] + 1
        assert code in shelf.seen
        assert shelf.seen[-1].id == "f5999"


def test_fifty_kills_while_it_writes_lose_no_entry(tmp_path: Path, repository: Path) -> None:
    told = bench(repository, tmp_path, "journal", "--kills", "50", "--entries", "10")

    assert "50 kills" in told
