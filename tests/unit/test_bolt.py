"""What is told of a relay: each change once, in its order."""

import asyncio

from doorbus.testing import FakeClock
from doorbus.wire.messages import LockState
from doorbus_actuator.bolt import Bolt
from doorbus_actuator.fakes import FakeGuardian, RecordingRelay


async def test_a_pulse_is_told_from_unlocking_to_locked() -> None:
    relay, clock = RecordingRelay(), FakeClock()
    bolt = Bolt(FakeGuardian(relay, clock))
    await bolt.secure()
    assert bolt.told() == ()
    assert await bolt.open(3.0)
    assert bolt.told() == (LockState.UNLOCKED,)
    assert bolt.told() == ()

    clock.advance(3.0)
    assert not relay.energised
    assert bolt.told() == (LockState.LOCKED,)


async def test_the_end_of_a_pulse_that_nobody_asked_about_is_told_to_who_listens() -> None:
    clock = FakeClock()
    bolt = Bolt(FakeGuardian(RecordingRelay(), clock))
    await bolt.secure()
    await bolt.open(3.0)
    bolt.told()

    clock.advance(3.0)
    async with asyncio.timeout(5):
        changes = bolt.changes()
        assert await anext(changes) is LockState.LOCKED


async def test_a_pulse_that_ends_before_it_was_told_of_ends_locked() -> None:
    clock = FakeClock()
    bolt = Bolt(FakeGuardian(RecordingRelay(), clock))
    await bolt.secure()
    await bolt.open(0.1)
    clock.advance(0.1)

    assert bolt.told() == (LockState.UNLOCKED, LockState.LOCKED)


async def test_a_locked_door_that_is_told_to_lock_says_that_it_is_locked() -> None:
    bolt = Bolt(FakeGuardian(RecordingRelay(), FakeClock()))
    await bolt.secure()

    assert await bolt.lock() == (LockState.LOCKED,)
    await bolt.open(3.0)
    bolt.told()
    assert await bolt.lock() == (LockState.LOCKED,)


async def test_a_relay_that_cannot_be_let_go_is_jammed_until_it_can() -> None:
    relay, clock = RecordingRelay(), FakeClock()
    bolt = Bolt(FakeGuardian(relay, clock))
    await bolt.secure()
    await bolt.open(3.0)
    bolt.told()
    relay.broken = True
    clock.advance(3.0)
    assert bolt.told() == (LockState.JAMMED,)
    assert (bolt.state, bolt.fault) == (LockState.JAMMED, "the coil is burnt")
    clock.advance(0.9)
    relay.broken = False
    assert bolt.told() == ()

    clock.advance(0.1)
    assert bolt.told() == (LockState.LOCKED,)
    assert not relay.energised


async def test_a_door_whose_guardian_is_dead_is_jammed_opens_for_nobody_and_says_so_once() -> None:
    guardian = FakeGuardian(RecordingRelay(), FakeClock())
    bolt = Bolt(guardian)
    await bolt.secure()
    guardian.die()
    assert not await bolt.open(3.0)
    assert await bolt.lock() == (LockState.JAMMED,)

    guardian.replace()
    assert bolt.told() == (LockState.LOCKED,)


async def test_closing_an_open_door_locks_it() -> None:
    relay = RecordingRelay()
    bolt = Bolt(FakeGuardian(relay, FakeClock()))
    await bolt.secure()
    await bolt.open(3.0)
    bolt.told()

    assert await bolt.close() == (LockState.LOCKED,)
    assert relay.closed
