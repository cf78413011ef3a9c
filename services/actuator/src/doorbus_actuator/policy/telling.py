"""When a denial is told. Pure.

Equal denials (same reason, person and trigger) are told at most once a second, with their number. `awaiting_votes` is
told only when the vote window has passed and the door is still shut, because every entry begins with it.
"""

from collections.abc import Iterable
from dataclasses import replace

from doorbus.wire.messages import Decision, Reason
from doorbus_actuator.policy.events import Deny, Effect, Now
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import MAX_TALLIES, Key, State, Step, Tally

COALESCE_SECONDS = 1.0


def deny(rules: Rules, state: State, decision: Decision, now: Now) -> Step:
    """Tell the denial now, or count it among those that are told later."""
    key: Key = (decision.reason, decision.person, decision.trigger)
    tally = state.tallies.get(key)
    if tally is None and len(state.tallies) >= MAX_TALLIES:
        decision = decision.model_copy(update={"person": None})
        key = (decision.reason, None, decision.trigger)
        tally = state.tallies.get(key)
    told: tuple[Effect, ...] = ()
    if tally is not None:
        tally = replace(tally, count=tally.count + 1, newest=decision)
    elif decision.reason is Reason.AWAITING_VOTES:
        tally = Tally(1, decision, now.monotonic + rules.vote_window_seconds)
    else:
        tally = Tally(0, decision, now.monotonic + COALESCE_SECONDS)
        told = (Deny(decision),)
    return replace(state, tallies={**state.tallies, key: tally}), told


def withdraw(state: State, keys: Iterable[Key]) -> State:
    """Do not tell these denials: they have been overtaken."""
    left = dict(state.tallies)
    for key in keys:
        left.pop(key, None)
    return replace(state, tallies=left)


def tell_due(state: State, now: Now) -> Step:
    """Tell what was counted and is due."""
    told: list[Effect] = []
    tallies: dict[Key, Tally] = {}
    for key, tally in state.tallies.items():
        if now.monotonic < tally.due:
            tallies[key] = tally
        elif tally.count:
            told.append(Deny(tally.newest.model_copy(update={"count": tally.count})))
            tallies[key] = replace(tally, count=0, due=now.monotonic + COALESCE_SECONDS)
    return replace(state, tallies=tallies), tuple(told)
