"""How long the door stays unlocked for whoever passes: an exit, and what ends early. Pure."""

import math
from dataclasses import replace

from doorbus.wire.messages import Decision, Outcome, Reason, Trigger
from doorbus_actuator.policy.events import Grant, Lock, Now
from doorbus_actuator.policy.rules import Relock, Rules
from doorbus_actuator.policy.state import Hold, State, Step

_NEARLY_SECONDS = 0.1
"""A pulse that ends so early has lasted."""


def unlocked(rules: Rules, state: State, seconds: float, now: Now) -> State:
    """Take note that the door is told to stay unlocked for so long."""
    since = _since(state, now)
    return replace(state, hold=Hold(seconds, min(now.monotonic + seconds, since + rules.longest_hold), since))


def room(rules: Rules, state: State, now: Now) -> float:
    """How long the door may stay unlocked from now on, seeing that it may be so already."""
    return _since(state, now) + rules.longest_hold - now.monotonic


def _since(state: State, now: Now) -> float:
    return now.monotonic if state.hold is None or not left(state, now) else state.hold.since


def left(state: State, now: Now) -> float:
    """How long the door is to stay unlocked still."""
    return 0.0 if state.hold is None else max(0.0, state.hold.until - now.monotonic)


def locked(state: State) -> State:
    """Take note that it is told to lock. No cooldown goes on because the door was to be held open for longer."""
    return replace(
        state,
        hold=None,
        cooldown_until=min(state.cooldown_until, state.rested_until),
        commanded_until=min(state.commanded_until, state.rested_until),
        coded_until=min(state.coded_until, state.rested_until),
    )


def cut_short(state: State, now: Now) -> State:
    """Take note that the relay has let go by itself; before its time, nobody waits for what did not last.

    Who was let in may stand in front of a locked door, and is decided about anew. By the rule against passing back they
    have come in: nobody knows that they have not.
    """
    if left(state, now) < _NEARLY_SECONDS:
        return state
    over = -math.inf
    return replace(state, hold=None, cooldown_until=over, commanded_until=over, coded_until=over, admitted={})


def exit_decision(reason: Reason | None, now: Now) -> Decision:
    """What is told of an exit that was refused for `reason`, or of one that was not."""
    return Decision(
        outcome=Outcome.GRANTED if reason is None else Outcome.DENIED,
        reason=reason or Reason.EXIT_REQUESTED,
        trigger=Trigger.EXIT_BUTTON,
        at=now.wall,
    )


def let_out(rules: Rules, state: State, now: Now) -> Step:
    """Unlock for whoever leaves. It has no cooldown and brings none, and cuts nothing short that lasts longer."""
    already = left(state, now)
    seconds = max(rules.unlock_seconds, already)
    if already < rules.unlock_seconds:
        state = unlocked(rules, state, seconds, now)
    decision = exit_decision(None, now).model_copy(update={"seconds": seconds})
    return state, (Grant(seconds, decision),)


def moved(rules: Rules, state: State, now: Now, *, is_open: bool) -> Step:
    """Lock when somebody has passed, where that is wanted. A hold that was asked to outlast a pulse goes on."""
    wanted = Relock.OPENING if is_open else Relock.CLOSING
    hold = state.hold
    if rules.relock is not wanted or hold is None or now.monotonic >= hold.until:
        return state, ()
    if hold.seconds > rules.unlock_seconds:
        return state, ()
    return locked(state), (Lock(),)
