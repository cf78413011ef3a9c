"""Who came in last, and when: nobody again at once, and on a day nobody before somebody of the first. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from doorbus.wire.messages import RosterEntry
from doorbus_actuator.policy.events import Now, Person
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import MAX_ENTERED, FirstIn, State


def enter(rules: Rules, state: State, people: Iterable[str], now: Now) -> State:
    """Take note that these people were let in, as far as a rule asks."""
    came = list(people)
    entered = {person: at for person, at in state.entered.items() if person not in came}
    if rules.passback_seconds:
        entered |= dict.fromkeys(came, now.monotonic)
    first = next((one for one in came if _group(state.people, one) == rules.first_in), None) if rules.first_in else None
    if first is not None and not _opened(rules, state, now):
        state = replace(state, first_in=FirstIn(_day(rules, now), first, now.monotonic))
    return replace(state, entered=dict(list(entered.items())[-MAX_ENTERED:]))


def may_again(state: State, person: str) -> bool:
    """Whether somebody has not been let in just now: `forget` drops who was long enough ago."""
    return person not in state.entered


def may_be_next(rules: Rules, state: State, rights: RosterEntry, now: Now) -> bool:
    """Whether somebody is of those who may come in first, or one of these has come in today."""
    return not rules.first_in or rights.group == rules.first_in or _opened(rules, state, now)


def undone(state: State, person: str | None) -> State:
    """The state after the door has not opened for somebody whom it was to let in."""
    first = state.first_in
    return replace(
        state,
        entered={one: at for one, at in state.entered.items() if one != person},
        first_in=None if first is not None and first.person == person else first,
    )


def forget(rules: Rules, state: State, now: Now) -> State:
    """Drop who came in long enough ago."""
    since = now.monotonic - rules.passback_seconds
    return replace(state, entered={person: at for person, at in state.entered.items() if at > since})


def _opened(rules: Rules, state: State, now: Now) -> bool:
    return state.first_in is not None and state.first_in.day == _day(rules, now)


def _day(rules: Rules, now: Now) -> date:
    return now.wall.astimezone(rules.zone).date()


def _group(people: Mapping[str, Person] | None, person: str) -> str | None:
    known = (people or {}).get(person)
    return None if known is None else known.rights.group
