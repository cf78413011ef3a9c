"""When a denial is told. Pure.

Equal denials (same reason, person and trigger) are told at most once a second, with their number; what was counted is
told before the grant that ends it, not after. `awaiting_votes` is told only when the vote window has passed and the
door is still shut, because every entry begins with it.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
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
    """Tell what was counted and is due; forget what nothing was added to."""
    left = {key: tally for key, tally in state.tallies.items() if tally.count or now.monotonic < tally.due}
    return _tell(replace(state, tallies=left), {key for key, tally in left.items() if now.monotonic >= tally.due}, now)


def tell_counted(state: State, now: Now) -> Step:
    """Tell all that was counted, due or not."""
    return _tell(state, state.tallies.keys(), now)


def _tell(state: State, keys: AbstractSet[Key], now: Now) -> Step:
    counted = {key: tally for key, tally in state.tallies.items() if key in keys and tally.count}
    told = tuple(Deny(one.newest.model_copy(update={"count": one.count})) for one in counted.values())
    due = now.monotonic + COALESCE_SECONDS
    told_of = {key: replace(tally, count=0, due=due) for key, tally in counted.items()}
    return replace(state, tallies={**state.tallies, **told_of}), told
