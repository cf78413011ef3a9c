"""Who was let in and is still there: their frames are no decision until they have been out of view for a while. Pure.

Without this every entry would be followed by denials, and the door would open again and again for a resident who stays
in front of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from doorbus.wire.messages import Reason
from doorbus_actuator.policy.events import Now, Person
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import MAX_ADMITTED, State

IN_VIEW_SECONDS = 2.0
"""Who has not been seen for so long may have turned away."""


def admit(rules: Rules, state: State, people: Iterable[str], now: Now) -> State:
    """Let these people count as let in, from now on."""
    if not rules.out_of_view_seconds:
        return state
    admitted = {**state.admitted, **dict.fromkeys(people, now.monotonic)}
    return replace(state, admitted=dict(list(admitted.items())[-MAX_ADMITTED:]))


def see(state: State, people: Iterable[str | None], now: Now) -> State:
    """Note that those who were let in are in view. `people` are whom a frame shows by `VIEW_TABLE`."""
    still = {person: now.monotonic for person in people if person is not None and person in state.admitted}
    return replace(state, admitted={**state.admitted, **still}) if still else state


def settled(state: State, person: str | None, reason: Reason | None) -> bool:
    """Whether there is nothing more to decide about a face. A frame that comes twice stays what it is: an alarm."""
    return person in state.admitted and reason is not Reason.REPLAYED


def in_view(state: State, now: Now) -> bool:
    """Whether somebody who was let in has been seen just now."""
    return any(now.monotonic - at < IN_VIEW_SECONDS for at in state.admitted.values())


def turned_away(state: State, person: str | None) -> State:
    """The state after the door has not opened for somebody whom it was to let in."""
    return replace(state, admitted={one: at for one, at in state.admitted.items() if one != person})


def revise(state: State, people: Mapping[str, Person] | None) -> State:
    """The state with a new roster: whose rights have changed is decided about anew."""
    before, after = state.people or {}, people or {}
    same = {one for one in state.admitted if one in before and one in after and before[one].rights == after[one].rights}
    return replace(state, people=people, admitted={one: at for one, at in state.admitted.items() if one in same})


def forget(rules: Rules, state: State, now: Now) -> State:
    """Drop who has been out of view for long enough."""
    since = now.monotonic - rules.out_of_view_seconds
    return replace(state, admitted={person: at for person, at in state.admitted.items() if at > since})
