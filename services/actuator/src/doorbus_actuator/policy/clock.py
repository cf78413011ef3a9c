"""Whether the time of day can be trusted: it is held against the monotonic clock. Pure."""

from dataclasses import replace

from doorbus_actuator.policy import votes
from doorbus_actuator.policy.events import Now
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import State

CLOCK_CHECK_SECONDS = 30.0
"""Steps of the clock add up over this long, and it is looked at this often when nothing happens."""


def clock_plausible(rules: Rules, state: State, now: Now) -> bool:
    """Whether faces may open the door as far as the clock is concerned."""
    return now.wall >= rules.released_at and now.monotonic >= watch(rules, state, now).trusted_from


def watch(rules: Rules, state: State, now: Now) -> State:
    """Distrust the clock for a while after a jump. A single step, as time synchronisation makes it, heals by itself."""
    before = state.clock or now
    passed = now.monotonic - before.monotonic
    step = (now.wall - before.wall).total_seconds() - passed
    if abs(step) > rules.clock_jump_seconds:
        return votes.redate(replace(state, clock=now, trusted_from=now.monotonic + rules.clock_settle_seconds), now)
    if state.clock is None or passed >= CLOCK_CHECK_SECONDS:
        return replace(state, clock=now)
    return state
