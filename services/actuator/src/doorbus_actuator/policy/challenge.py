"""What is asked of a person so that a picture of them does not open the door, and what was seen of it. Pure.

One person is asked at a time, something picked at random. The steps of it must be seen one after the other, on frames
captured since: a picture held up stays at one of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from doorbus.wire.messages import Ask, Challenge, Decision, Face, Outcome, Reason, Trigger
from doorbus_actuator.policy import telling
from doorbus_actuator.policy.events import AskFor, Now, Sighting
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import State, Step, Trial

NOTHING_ASKED = AskFor(Challenge(ask=Ask.NONE))
ASKS = (Ask.BLINK, Ask.TURN_LEFT, Ask.TURN_RIGHT)
STEPS: Mapping[Ask, tuple[Callable[[Rules, Face], bool], ...]] = {
    Ask.BLINK: (
        lambda r, f: f.eyes_open is not None and f.eyes_open > r.eyes_open_above,
        lambda r, f: f.eyes_open is not None and f.eyes_open < r.eyes_closed_below,
        lambda r, f: f.eyes_open is not None and f.eyes_open > r.eyes_open_above,
    ),
    Ask.TURN_LEFT: (
        lambda r, f: f.yaw is not None and abs(f.yaw) < r.turn_degrees,
        lambda r, f: f.yaw is not None and f.yaw >= r.turn_degrees,
    ),
    Ask.TURN_RIGHT: (
        lambda r, f: f.yaw is not None and abs(f.yaw) < r.turn_degrees,
        lambda r, f: f.yaw is not None and f.yaw <= -r.turn_degrees,
    ),
}


def begin(rules: Rules, state: State, event: Sighting, person: str, now: Now) -> Step:
    """Ask `person` for something."""
    ask = ASKS[int(event.choice * len(ASKS))]
    trial = Trial(person, event.camera, ask, now.monotonic + rules.challenge_seconds, now.wall)
    expires_at = now.wall + timedelta(seconds=rules.challenge_seconds)
    return replace(state, trial=trial), (AskFor(Challenge(ask=ask, camera=event.camera, expires_at=expires_at)),)


def look(rules: Rules, state: State, event: Sighting, voting: list[Face]) -> State:
    """Note what the person under trial does. Only frames captured after the challenge was set count, in their order."""
    trial, captured_at = state.trial, event.recognition.captured_at
    if trial is None or trial.camera != event.camera or captured_at <= trial.looked_at:
        return state
    theirs = [face for face in voting if face.person == trial.person]
    steps = STEPS[trial.ask]
    if len(theirs) != 1 or trial.done == len(steps):
        return state
    done = trial.done + steps[trial.done](rules, theirs[0])
    return replace(state, trial=replace(trial, done=done, looked_at=captured_at))


def met(trial: Trial | None, camera: str, person: str | None) -> bool:
    """Whether `person` has done all that is asked, at that camera."""
    return trial is not None and (trial.camera, trial.person, trial.done) == (camera, person, len(STEPS[trial.ask]))


def end_due(rules: Rules, state: State, now: Now) -> Step:
    """Deny the person whose time is over."""
    trial = state.trial
    if trial is None or now.monotonic < trial.expires:
        return state, ()
    # The pause keeps somebody with a recording from asking again until the challenge fits it.
    state = replace(state, trial=None, no_trial_until=now.monotonic + rules.cooldown_seconds)
    decision = Decision(
        outcome=Outcome.DENIED,
        reason=Reason.CHALLENGE_FAILED,
        trigger=Trigger.FACE,
        at=now.wall,
        person=trial.person,
        camera=trial.camera,
    )
    state, told = telling.deny(rules, state, decision, now)
    return state, (NOTHING_ASKED, *told)
