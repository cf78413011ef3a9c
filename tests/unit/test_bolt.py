"""How long the relay is energised, and what is told of it."""

from doorbus.testing import FakeClock
from doorbus.wire.messages import LockState
from doorbus_actuator.bolt import Bolt
from doorbus_actuator.fakes import RecordingRelay
from doorbus_actuator.relay import RelayError


class WornOut(RecordingRelay):
    """A coil that no longer pulls in."""

    def energise(self) -> None:
        raise RelayError("the coil is worn out")


def test_a_pulse_ends_on_time_though_nobody_looks() -> None:
    relay, clock = RecordingRelay(), FakeClock()
    bolt = Bolt(relay, clock, max_hold=30.0)
    bolt.secure()
    assert bolt.open(3.0) == (LockState.UNLOCKING, LockState.UNLOCKED)
    assert bolt.wake_at() == clock.monotonic() + 3.0

    clock.advance(2.9)
    assert relay.history == [False, True]
    clock.advance(0.1)
    assert relay.history == [False, True, False]
    assert bolt.tick() == (LockState.LOCKING, LockState.LOCKED)
    assert bolt.wake_at() is None


def test_no_pulse_is_longer_than_the_longest_hold() -> None:
    relay, clock = RecordingRelay(), FakeClock()
    bolt = Bolt(relay, clock, max_hold=30.0)
    bolt.secure()
    bolt.open(3600.0)

    clock.advance(30.0)
    assert not relay.energised


def test_a_door_that_is_locked_by_hand_and_opened_again_is_held_as_long_as_the_second_time_says() -> None:
    relay, clock = RecordingRelay(), FakeClock()
    bolt = Bolt(relay, clock, max_hold=30.0)
    bolt.secure()
    bolt.open(3.0)
    clock.advance(1.0)
    assert bolt.lock() == (LockState.LOCKING, LockState.LOCKED)
    bolt.open(5.0)

    clock.advance(4.9)
    assert relay.history == [False, True, False, True]
    clock.advance(0.1)
    assert relay.history == [False, True, False, True, False]


def test_a_pulse_takes_the_place_of_the_one_under_way() -> None:
    relay, clock = RecordingRelay(), FakeClock()
    bolt = Bolt(relay, clock, max_hold=30.0)
    bolt.secure()
    bolt.open(3.0)
    clock.advance(1.0)
    bolt.open(3.0)

    clock.advance(2.9)
    assert relay.history == [False, True, True]
    clock.advance(0.1)
    assert relay.history == [False, True, True, False]


def test_a_relay_that_does_not_pull_in_is_told_of_and_counts_as_locked_once_it_was_let_go() -> None:
    relay, clock = WornOut(), FakeClock()
    bolt = Bolt(relay, clock, max_hold=30.0)
    bolt.secure()

    assert bolt.open(3.0) == (LockState.JAMMED, LockState.LOCKED)
    assert (bolt.state, bolt.fault, relay.energised) == (LockState.LOCKED, None, False)


def test_a_relay_that_cannot_be_let_go_is_tried_again_each_second_until_it_works() -> None:
    relay, clock = RecordingRelay(), FakeClock()
    bolt = Bolt(relay, clock, max_hold=30.0)
    bolt.secure()
    bolt.open(3.0)
    relay.broken = True
    clock.advance(3.0)
    assert bolt.tick() == (LockState.JAMMED,)
    assert bolt.fault == "the coil is burnt"
    clock.advance(0.9)
    assert bolt.tick() == ()
    clock.advance(0.1)
    assert bolt.tick() == ()

    relay.broken = False
    clock.advance(1.0)
    assert bolt.tick() == (LockState.LOCKED,)
    assert not relay.energised
    assert bolt.fault is None
