"""Codes at a reader: how fast they may be tried, and who still owes one after the face. Pure.

After `FREE_TRIES` wrong codes each further one doubles the pause of its reader. Readers that no setting names pause
together besides, after `FREE_TRIES_TOGETHER`, so that nobody has more tries by ever new names. A right code ends no
pause and gives no try back, so that nobody tries other people's codes between their own: only time does.
"""

from collections.abc import Mapping
from dataclasses import replace

from doorbus.wire.messages import Decision, Reason
from doorbus_actuator.policy.events import Now, Person, Presented
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import MAX_OWING, MAX_READERS, Owed, State, Tries

FREE_TRIES = 3
FREE_TRIES_TOGETHER = 12
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 900.0
_TOGETHER = ""
"""No reader is called so."""
FORGIVEN_SECONDS = 900.0
"""For so long without a wrong code one of them is forgotten."""


def may_try(rules: Rules, state: State, reader: str, now: Now) -> bool:
    """Whether a code of a reader is looked at now."""
    counts = (state.tries.get(one) for one in _free_tries(rules, reader))
    return all(tries is None or now.monotonic >= tries.until for tries in counts)


def wrong(rules: Rules, state: State, reader: str, now: Now) -> State:
    """Take note of a wrong code."""
    tries = dict(state.tries)
    for one, free in _free_tries(rules, reader).items():
        known = tries.pop(one, None)
        number = 1 if known is None else known.number + 1
        pause = _pause(number - free)
        tries[one] = Tries(number, now.monotonic + pause, now.monotonic + pause)
    while len(tries) > MAX_READERS:  # the count of all together was added last
        tries.pop(next(iter(tries)))
    return replace(state, tries=tries)


def id_of(event: Presented) -> str | None:
    """What its id is remembered as: of its reader, so that no other uses its ids up."""
    return None if event.credential.id is None else f"{event.reader}/{event.credential.id}"


def owe(rules: Rules, state: State, decision: Decision, now: Now) -> State:
    """Take note that somebody whose face was right is to give a code."""
    assert decision.person is not None, "a face that was right is somebody's"
    others = {person: owed for person, owed in state.owed.items() if person != decision.person}
    while len(others) >= MAX_OWING:
        others.pop(next(iter(others)))
    owed = Owed(decision, now.monotonic + rules.second_factor_seconds)
    return replace(state, owed={**others, decision.person: owed})


def paid(state: State, person: str | None) -> State:
    """Take note that somebody owes no code any more."""
    return replace(state, owed={one: owed for one, owed in state.owed.items() if one != person})


def overtaken(state: State, people: Mapping[str, Person] | None) -> State:
    """The state with a new roster, before it is taken: whose rights have changed shows the face anew."""
    before, after = state.people or {}, people or {}
    same = {one for one in state.owed if one in before and one in after and before[one].rights == after[one].rights}
    return replace(state, owed={one: owed for one, owed in state.owed.items() if one in same})


def forget(state: State, now: Now) -> State:
    """Drop what is over, and forgive."""
    tries = {
        reader: one if now.monotonic < one.since + FORGIVEN_SECONDS else _forgiven(one, now)
        for reader, one in state.tries.items()
    }
    owed = {person: one for person, one in state.owed.items() if now.monotonic < one.until}
    return replace(state, tries={reader: one for reader, one in tries.items() if one.number}, owed=owed)


def decision_of(event: Presented, whose: str | None, reason: Reason | None, owed: Owed | None, now: Now) -> Decision:
    """What is told of a code that was refused for `reason`, or of one that was not."""
    from_face = {} if owed is None else owed.decision.model_dump(include={"confidence", "camera", "frame_ids"})
    return Decision.model_validate(
        {
            "outcome": "granted" if reason is None else "denied",
            "reason": reason or Reason.CODE_ACCEPTED,
            "trigger": "credential",
            "at": now.wall,
            "person": whose,
            "credential": None if event.match is None else event.match.credential,
            "reader": event.reader,
            **from_face,
        },
        strict=False,
    )


def _free_tries(rules: Rules, reader: str) -> Mapping[str, int]:
    """What counts the tries of a reader, and how many of them are free: itself, and all that no setting names."""
    return {reader: FREE_TRIES} if reader in rules.reader_ids else {reader: FREE_TRIES, _TOGETHER: FREE_TRIES_TOGETHER}


def _pause(more: int) -> float:
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(more, 20), LONGEST_PAUSE_SECONDS) if more >= 0 else 0.0


def _forgiven(tries: Tries, now: Now) -> Tries:
    times = int((now.monotonic - tries.since) // FORGIVEN_SECONDS)
    return replace(tries, number=max(0, tries.number - times), since=tries.since + times * FORGIVEN_SECONDS)
