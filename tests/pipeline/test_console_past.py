"""What a console shows of the time before it listened."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from doorbus.wire import channels
from doorbus.wire.messages import (
    Decision,
    JournalEntry,
    JournalKind,
    JournalPage,
    LockState,
    Outcome,
    Reason,
    Recording,
    Recordings,
    Trigger,
)
from doorbus_console.rights import Scope
from support.console import Desktop, console, replied, say, sent

FRONT = {"door": "front"}
CHAIN = "0123456789abcdef"


@pytest.fixture
async def desktop(tmp_path: Path) -> AsyncIterator[Desktop]:
    async with console(tmp_path) as one:
        say(one, channels.LOCK_STATE, LockState.LOCKED, FRONT)
        yield one


def _let_in(person: str, at: datetime) -> Decision:
    return Decision(
        outcome=Outcome.GRANTED,
        reason=Reason.MATCHED,
        trigger=Trigger.FACE,
        at=at,
        person=person,
        frame_ids=(f"frame-of-{person}",),
    )


def _entry(number: int, at: datetime, decision: Decision | None = None) -> JournalEntry:
    kind = JournalKind.STARTED if decision is None else JournalKind.GRANTED
    return JournalEntry(
        chain=CHAIN, number=number, at=at, kind=kind, previous=64 * "0" if number > 1 else None, decision=decision
    )


async def _tell_the_journal(desktop: Desktop, *entries: JournalEntry) -> None:
    newest = entries[-1].number
    await replied(desktop, channels.JOURNAL_REQUEST, JournalPage(entries=entries[-1:], newest=newest), door="front")
    await replied(desktop, channels.JOURNAL_REQUEST, JournalPage(entries=entries, newest=newest), after=1, door="front")
    await replied(desktop, channels.JOURNAL_REQUEST, JournalPage(newest=newest), after=2, door="front")


async def test_what_a_door_decided_before_is_among_the_events_with_its_picture(desktop: Desktop) -> None:
    before = desktop.clock.now() - timedelta(hours=1)
    say(desktop, channels.DECISION, _let_in("bob", desktop.clock.now()), FRONT)
    await desktop.settled()

    await _tell_the_journal(desktop, _entry(1, before), _entry(2, before, _let_in("alice", before)))
    kept = Recording(
        recording="r1",
        door="front",
        camera="porch",
        at=before,
        outcome=Outcome.GRANTED,
        reason=Reason.MATCHED,
        frame_id="frame-of-alice",
        captured_at=before,
        bytes=9,
    )
    await replied(desktop, channels.RECORDING_LIST, Recordings(recordings=(kept,), count=1))
    await desktop.settled()
    async with desktop.program(Scope.READ) as program:
        events = (await program.get("/api/v1/events")).json()
        (card,) = (await program.get("/api/v1/doors")).json()

    assert [(one["decision"]["person"], one["recording"]) for one in events] == [("bob", None), ("alice", "r1")]
    assert card["last"]["person"] == "bob"  # who came in since is not forgotten for it


async def test_a_door_that_is_known_by_its_journal_alone_shows_who_came_last(desktop: Desktop) -> None:
    before = desktop.clock.now() - timedelta(hours=1)

    await _tell_the_journal(desktop, _entry(1, before, _let_in("alice", before)))
    await desktop.settled()
    async with desktop.program(Scope.READ) as program:
        (card,) = (await program.get("/api/v1/doors")).json()

    assert card["last"]["person"] == "alice"


async def test_a_decision_that_was_heard_and_is_in_the_journal_is_one_event(desktop: Desktop) -> None:
    decision = _let_in("alice", desktop.clock.now())
    say(desktop, channels.DECISION, decision, FRONT)
    await desktop.settled()

    await _tell_the_journal(desktop, _entry(1, desktop.clock.now(), decision))
    await desktop.settled()
    async with desktop.program(Scope.READ) as program:
        events = (await program.get("/api/v1/events")).json()

    assert len(events) == 1


async def test_what_a_door_decided_while_the_broker_was_away_is_asked_for(desktop: Desktop) -> None:
    await _tell_the_journal(desktop, _entry(1, desktop.clock.now()))
    await replied(desktop, channels.RECORDING_LIST, Recordings(recordings=(), count=0))
    await desktop.settled()
    before = len(sent(desktop, channels.JOURNAL_REQUEST, **FRONT))

    desktop.bus.stop()
    await desktop.settled()
    desktop.bus.start()
    async with asyncio.timeout(10):
        while len(sent(desktop, channels.JOURNAL_REQUEST, **FRONT)) == before:
            desktop.clock.advance(1)
            await desktop.settled()

    assert len(sent(desktop, channels.JOURNAL_REQUEST, **FRONT)) == before + 1
