"""`doorbus journal`, of a file and of an actuator."""

import asyncio
import csv
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from doorbus.cli.app import app
from doorbus.cli.common import ExitStatus
from doorbus.cli.entries import Format, Wanted
from doorbus.cli.journal import Follower, Teller, ask
from doorbus.runtime.client import connect
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire.messages import (
    Action,
    AlarmKind,
    Decision,
    Input,
    JournalKind,
    LockCommand,
    Lockdown,
    LockState,
    Outcome,
    Reason,
    Trigger,
)
from doorbus.wire.packet import Packet
from doorbus.wire.signatures import Keyring
from doorbus_actuator.fakes import FakeGuardian, FakeJournal, RecordingRelay
from doorbus_actuator.journal import Note
from doorbus_actuator.service import ActuatorService
from doorbus_actuator.settings import Actuator
from doorbus_actuator.sqlite_journal import SqliteJournal
from support.snapshots import nowhere

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SET = "doorbus/v1/door/front/lock/set"
AS_BEFORE = "ALTER TABLE about DROP COLUMN newest; ALTER TABLE about DROP COLUMN digest; PRAGMA user_version = 1;"


def decided(person: str, reason: Reason, hours: int) -> Note:
    outcome = Outcome.GRANTED if reason is Reason.MATCHED else Outcome.DENIED
    at = AT + timedelta(hours=hours)
    decision = Decision(outcome=outcome, reason=reason, trigger=Trigger.FACE, at=at, person=person, camera="porch")
    return Note(at, JournalKind(outcome.value), {"decision": decision})


def coded(person: str) -> Note:
    decision = Decision(
        outcome=Outcome.GRANTED,
        reason=Reason.CODE_ACCEPTED,
        trigger=Trigger.CREDENTIAL,
        at=AT,
        person=person,
        reader="keypad",
        credential="pin",
    )
    return Note(AT, JournalKind.GRANTED, {"decision": decision})


def commanded(by: str) -> Note:
    return Note(AT, JournalKind.COMMAND, {"command": LockCommand(action=Action.UNLOCK, by=by, seconds=5.0)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of six entries."""
    written = SqliteJournal(tmp_path / "journal-front.db", 90, 32)
    written.open()
    written.write(
        [
            Note(AT, JournalKind.STARTED, {"version": "0.1.0"}),
            commanded("hall"),
            decided("alice", Reason.MATCHED, 1),
            Note(AT, JournalKind.RELAY, {"state": LockState.UNLOCKED}),
            decided("bob", Reason.NOT_ENTITLED, 2),
            decided("alice", Reason.NOT_LIVE, 3),
        ]
    )
    written.close()
    return tmp_path / "journal-front.db"


def told(path: Path, *options: str) -> tuple[int, list[str], str]:
    """Exit status, lines of standard output, and standard error."""
    done = CliRunner().invoke(app, ["journal", "front", "--file", str(path), *options])
    return done.exit_code, done.stdout.splitlines(), done.stderr


def test_a_whole_journal_is_told_and_said_to_be_whole(path: Path) -> None:
    status, lines, said = told(path)

    assert status == 0
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "5", "6"]
    assert "granted matched alice camera porch" in lines[2]
    assert said == "6 entries, 1 to 6: the chain is whole\n"


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--kind", "granted"], [3]),
        (["--kind", "granted", "--kind", "denied"], [3, 5, 6]),
        (["--person", "alice"], [3, 6]),
        (["--since", "2026-06-01T14:00:00+00:00"], [5, 6]),
        (["--since", "2026-06-01T13:00:00+00:00", "--until", "2026-06-01T14:00:00+00:00"], [3]),
        (["--first", "5"], [5, 6]),
        (["--person", "carol"], []),
    ],
)
def test_what_is_asked_for_is_told_and_nothing_else(path: Path, options: list[str], numbers: list[int]) -> None:
    status, lines, said = told(path, *options, "--format", "jsonl")

    assert status == 0
    assert [json.loads(line)["number"] for line in lines] == numbers
    assert "the chain is whole" in said


def test_csv_has_a_column_for_each_fact_and_no_formula(tmp_path: Path) -> None:
    written = SqliteJournal(tmp_path / "journal.db", 90, 32)
    written.open()
    names = ("=1+1", 'a "quoted", \x1b[31m name', "\uff1d1+1", "\t=1+1\r\n")
    written.write([*map(commanded, names), decided("alice", Reason.MATCHED, 0), coded("bob")])
    written.close()

    status, lines, _ = told(tmp_path / "journal.db", "--format", "csv")

    rows = list(csv.DictReader(lines))
    assert status == 0
    by = [row["by"] for row in rows]
    assert by == ["'=1+1", 'a "quoted", ?[31m name', "'\uff1d1+1", "?=1+1??", "", ""]
    assert (rows[0]["action"], rows[0]["seconds"]) == ("UNLOCK", "5")
    assert (rows[4]["person"], rows[4]["reason"], rows[4]["at"]) == ("alice", "matched", "2026-06-01T12:00:00Z")
    assert (rows[5]["person"], rows[5]["reader"], rows[5]["credential"]) == ("bob", "keypad", "pin")


def test_the_beginning_and_the_end_of_a_lockdown_can_be_told_apart(tmp_path: Path) -> None:
    written = SqliteJournal(tmp_path / "journal.db", 90, 32)
    written.open()
    written.write([Note(AT, JournalKind.LOCKDOWN, {"lockdown": word}) for word in Lockdown])
    written.close()

    _, lines, _ = told(tmp_path / "journal.db")
    _, rows, _ = told(tmp_path / "journal.db", "--format", "csv")

    assert [line.split()[-1] for line in lines] == ["ON", "OFF"]
    assert [row["lockdown"] for row in csv.DictReader(rows)] == ["ON", "OFF"]


def test_what_a_door_felt_and_its_alarms_can_be_read_and_asked_for_by_kind_and_person(tmp_path: Path) -> None:
    written = SqliteJournal(tmp_path / "journal.db", 90, 32)
    written.open()
    alarm = {"alarm": AlarmKind.HELD_OPEN, "since": AT, "person": "alice"}
    written.write(
        [
            Note(AT, JournalKind.INPUT, {"input": Input.CONTACT, "on": True}),
            Note(AT, JournalKind.ALARM, {**alarm, "on": True}),
            Note(AT, JournalKind.ALARM, {**alarm, "on": False}),
            Note(AT, JournalKind.LOCKDOWN, {"lockdown": Lockdown.ON, "by": "reception"}),
        ]
    )
    written.close()

    _, lines, _ = told(tmp_path / "journal.db")
    _, alarms, _ = told(tmp_path / "journal.db", "--person", "alice", "--kind", "alarm")
    _, rows, _ = told(tmp_path / "journal.db", "--format", "csv")

    assert [" ".join(line.split()[3:]) for line in lines] == [
        "input contact ON",
        "alarm held_open ON alice",
        "alarm held_open OFF alice",
        "lockdown ON by reception",
    ]
    assert len(alarms) == 2
    assert [(row["input"], row["alarm"], row["on"]) for row in csv.DictReader(rows)][:2] == [
        ("contact", "", "ON"),
        ("", "held_open", "ON"),
    ]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("UPDATE entries SET text = replace(text, 'bob', 'eve') WHERE number = 5", "entry 6: 5 is not what it was"),
        ("DELETE FROM entries WHERE number IN (3, 4)", "entry 5: it comes after 2"),
        ("UPDATE entries SET text = 'nonsense' WHERE number = 4", "entry 4: it cannot be read"),
        ("UPDATE entries SET number = 50 WHERE number = 4", "entry 50: it says that it is 4"),
        ("DELETE FROM entries WHERE number = 6", "entry 6: written once, and not there any more"),
        ("DELETE FROM entries WHERE number > 4", "entries 5 to 6: written once, and not there any more"),
        ("DELETE FROM entries", "entries 1 to 6: written once, and not there any more"),
        ("UPDATE entries SET text = replace(text, 'alice', 'carol') WHERE number = 6", "entry 6: it is not what was"),
    ],
)
def test_what_was_changed_in_the_file_is_named_and_is_a_failure(path: Path, change: str, wrong: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(change)

    status, _, said = told(path, "--kind", "started")

    assert status == ExitStatus.REFUSED
    assert wrong in said
    assert "the chain is not whole" in said


def test_a_journal_of_a_version_that_took_no_note_of_its_newest_entry_is_whole(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(AS_BEFORE)

    status, lines, said = told(path)

    assert (status, len(lines)) == (0, 6)
    assert "the chain is whole" in said


@pytest.mark.parametrize("content", [None, b"no database"])
def test_a_file_that_is_no_journal_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "it").write_bytes(content * 100)
    done = CliRunner().invoke(app, ["journal", "front", "--file", str(tmp_path / "it")])

    assert done.exit_code != 0
    assert str(tmp_path / "it") in str(done.exception)


def test_a_time_that_is_none_is_refused(path: Path) -> None:
    assert told(path, "--since", "yesterday")[0] == 2


# An actuator.


class Door:
    """An actuator on a bus in memory."""

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.journal = FakeJournal()

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[None]:
        clock = FakeClock()
        guardian = FakeGuardian(RecordingRelay(), clock)
        service = ActuatorService(Actuator(), guardian, clock, Keyring(), nowhere("roster"), journal=self.journal)
        async with running(service, self.bus, clock):
            yield

    def command(self, by: str) -> None:
        self.bus.publish(Packet(SET, json.dumps({"action": "LOCK", "by": by}).encode(), qos=1))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  # what is printed tells nobody
                await asyncio.sleep(0)


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[int]:
    return [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


async def test_all_pages_of_an_actuators_journal_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    door = Door()
    door.journal.write([commanded("x" * 100)] * 500)
    async with door.runs(), connect(door.bus) as client:
        status = await ask(client, Teller(Wanted(), Format.JSONL), "front", 1, 5.0)
    assert status == ExitStatus.OK
    assert lines_of(capsys)[:500] == list(range(1, 501))


async def test_a_door_without_an_actuator_gives_no_answer() -> None:
    async with connect(MemoryBus()) as client:
        status = await ask(client, Teller(Wanted(), Format.JSONL), "front", 1, 0.05)
    assert status == ExitStatus.NO_ANSWER


async def test_what_is_followed_is_told_once_and_in_order_though_much_was_missed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    door, teller = Door(), Teller(Wanted(), Format.JSONL)
    follower = Follower(teller, "front", 1, 5.0)
    told_so_far: list[int] = []

    def has(number: int) -> bool:
        told_so_far.extend(lines_of(capsys))
        return bool(told_so_far) and told_so_far[-1] >= number

    async with door.runs():
        door.command("before")
        async with connect(door.bus) as client:
            following = asyncio.create_task(follower.follow(client))
            await door.until(lambda: has(3))
            door.command("meanwhile")
            await door.until(lambda: has(4))
            following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        door.journal.write([commanded("missed")] * 300)
        async with connect(door.bus) as client:
            following = asyncio.create_task(follower.follow(client))
            await door.until(lambda: has(304))
            door.command("after")
            await door.until(lambda: has(305))
            following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    assert told_so_far == list(range(1, 306))
    assert teller.mistakes == 0


async def test_a_journal_that_was_lost_is_followed_from_its_new_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    door, teller = Door(), Teller(Wanted(), Format.JSONL)
    told_so_far: list[int] = []

    def has(*numbers: int) -> bool:
        told_so_far.extend(lines_of(capsys))
        return told_so_far == list(numbers)

    async with connect(door.bus) as client:
        following = asyncio.create_task(Follower(teller, "front", 1, 0.2).follow(client))
        async with door.runs():
            await door.until(lambda: has(1, 2))
        door.journal = FakeJournal("f" * 16)
        async with door.runs():
            await door.until(lambda: has(1, 2, 1, 2))
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    assert teller.mistakes == 1  # which says that it is another journal
