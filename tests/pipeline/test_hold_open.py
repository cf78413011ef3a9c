"""A door that a command holds open for long: until the time is up, and not longer than somebody wants."""

import json

import pytest

from doorbus.wire import channels
from doorbus.wire.messages import JournalKind, LockState, RosterEntry
from doorbus.wire.packet import Packet
from doorbus_actuator.settings import Actuator
from support.house import ROOT, House, match

ALICE = RosterEntry(person="alice")
PARTY = json.dumps({"action": "UNLOCK", "seconds": 600})


async def test_a_door_is_held_open_for_as_long_as_a_command_asks_and_the_journal_says_so() -> None:
    async with House(Actuator(hold_open_seconds=900)).runs(ALICE) as house:
        await house.told(PARTY)
        await house.passes(599)
        assert house.unlocked()
        assert house.states == [LockState.LOCKED, LockState.UNLOCKED]

        await house.passes(1)

        assert not house.unlocked()
        assert house.states[2:] == [LockState.LOCKED]
        granted = next(entry for entry in house.journal.entries if entry.kind is JournalKind.GRANTED)
        assert (granted.seconds, house.decisions[0].seconds) == (600, 600)


@pytest.mark.parametrize(
    ("settings", "held"), [({}, 30), ({"hold_open_seconds": 120}, 120), ({"hold_open_seconds": 5}, 30)]
)
async def test_no_command_holds_a_door_open_for_longer_than_is_set(settings: dict[str, float], held: float) -> None:
    async with House(Actuator.model_validate(settings)).runs(ALICE) as house:
        await house.told(PARTY)

        await house.passes(held - 1)
        assert house.unlocked()
        await house.passes(1)
        assert not house.unlocked()


async def test_a_lockdown_ends_it_and_so_does_a_command_to_lock() -> None:
    async with House(Actuator(hold_open_seconds=900)).runs(ALICE) as house:
        await house.told(PARTY)
        await house.told("LOCK")
        assert not house.unlocked()
        await house.passes(31)
        await house.told(PARTY)
        assert house.unlocked()

        house.bus.publish(Packet(f"{ROOT}/door/front/lockdown/set", b"ON", qos=1))
        await house.settled()

        assert not house.unlocked()


async def test_who_comes_in_meanwhile_shuts_no_door_that_is_held_open() -> None:
    async with House(Actuator(hold_open_seconds=900)).runs(ALICE) as house:
        await house.told(PARTY)
        await house.passes(40)

        await house.sees(match())
        await house.sees(match())
        await house.passes(10)

        assert house.unlocked()
        assert house.said(channels.DECISION)[-1].person == "alice"
        await house.passes(549)
        assert house.unlocked()
        await house.passes(1)
        assert not house.unlocked()
