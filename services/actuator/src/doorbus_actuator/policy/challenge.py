"""What is asked of a person so that a picture of them does not open the door, and what was seen of it. Pure.

One person is asked at a time, something picked at random. How they look to the front is seen first, on `HOME` frames;
then the act is measured against that, on frames captured since, without a break in between. A picture held up stays as
it is, one that is tilted becomes flatter where eyes close, and of two that are swapped nothing is seen in between.
Where a blink is too fast for the camera to see lids on their way, two pictures could do the same: then a turn is asked.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from doorbus.wire.messages import Ask, Challenge, Decision, Face, Outcome, Reason, Trigger
from doorbus_actuator.policy import telling
from doorbus_actuator.policy.blinks import Eyelids, gradual
from doorbus_actuator.policy.events import AskFor, Now, Sighting
from doorbus_actuator.policy.glances import Glance, continuous, longest_break
from doorbus_actuator.policy.pieces import comparable, median, of_one_piece
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import Advice, State, Step, Trial

NOTHING_ASKED = AskFor(Challenge(ask=Ask.NONE))
ASKS = (Ask.BLINK, Ask.TURN_LEFT, Ask.TURN_RIGHT)
TURNS = (Ask.TURN_LEFT, Ask.TURN_RIGHT)
HOME = 3
"""Frames that tell how somebody looks to the front."""
STEADY_DEGREES = 8.0
"""By how much the yaw of these may differ."""
STEADY_LIDS = 0.7
"""How far the eyes are open on each of these, at least, as a share of the widest."""
LIKE_THE_FRONT = 0.94
"""How like the person each of them is, at least, as a share of the likest frame: a part of another picture is not."""
BETWEEN = (0.3, 0.85)
"""Of a turn something must be seen between these shares of it."""
ASPECT = 0.15
"""By how much the aspect of the face may change while the eyes close, as a share of its own."""
ASIDE_DEGREES = 12.0
"""How far the head may turn while the eyes close."""
BLINK_SECONDS = 1.5
"""Longest time for which eyes are closed in a blink."""
MOST_EYELIDS = 128
"""Frames of a blink that are remembered: more than a camera sends in its longest time."""
LIDS_WITHIN_SECONDS = 1.5
"""A recognizer that has not said anything about the lids by then cannot: a turn is asked instead."""
LONGEST_PAUSE = 300.0
"""After how many challenges that failed in a row the pause grows no more, in seconds."""
FORGIVEN_SECONDS = 900.0
"""How long no challenge must have failed for the next pause to be a short one again."""
ADVICE_SECONDS = 2.0


def begin(rules: Rules, state: State, event: Sighting, person: str, now: Now) -> Step:
    """Ask `person` for something."""
    return _ask(rules, state, event, ASKS, person=person, more=rules.challenges - 1, now=now)


def _ask(
    rules: Rules,
    state: State,
    event: Sighting,
    asks: Iterable[Ask],
    *,
    person: str,
    more: int,
    now: Now,
    before: Trial | None = None,
) -> Step:
    choices = tuple(asks)
    ask = choices[int(event.choice * len(choices))]
    expires = now.monotonic + rules.challenge_seconds
    trial = Trial(person, event.camera, ask, expires, now.wall, now.wall, more)
    if before is not None:
        trial = replace(trial, moved=before.moved, likest=before.likest)
    expires_at = now.wall + timedelta(seconds=rules.challenge_seconds)
    asked = AskFor(Challenge(ask=ask, camera=event.camera, expires_at=expires_at))
    return replace(state, trial=trial, advice=None), (asked,)


def look(rules: Rules, state: State, event: Sighting, *, visible: list[Face], voting: list[Face], now: Now) -> Step:
    """Note what the person under trial does, and ask for the next thing when that was done.

    Only frames captured after the challenge was set count, in their order.

    Args:
        rules: to measure by.
        state: so far.
        event: a recognition.
        visible: its faces that are somebody's, and alive.
        voting: those among them that are votes.
        now: when it came.
    """
    trial, captured_at = state.trial, event.recognition.captured_at
    if trial is None or trial.camera != event.camera or captured_at <= trial.looked_at or trial.done:
        return state, ()
    theirs = [face for face in visible if face.person == trial.person]
    if len(theirs) != 1:
        return state, ()
    glance = Glance.of(theirs[0], captured_at, votes=theirs[0] in voting)
    if trial.ask is Ask.BLINK and glance.lids is None:
        if (captured_at - trial.asked_at).total_seconds() < LIDS_WITHIN_SECONDS or trial.last is not None:
            return state, ()
        return _ask(rules, state, event, TURNS, person=trial.person, more=trial.more, now=now, before=trial)
    if trial.last is not None and not continuous(trial.last, glance, longest_break(trial.home)):
        trial = replace(trial, home=(), between=False, closed_at=None, eyelids=())
    trial = replace(trial, likest=max(trial.likest, -1.0 if glance.similarity is None else glance.similarity))
    trial = replace(_act(rules, trial, glance), last=glance, looked_at=captured_at)
    if trial.done and (trial.more or not trial.moved):
        others = [ask for ask in (ASKS if trial.more else TURNS) if ask is not trial.ask]
        more = max(0, trial.more - 1)
        return _ask(rules, state, event, others, person=trial.person, more=more, now=now, before=trial)
    return replace(state, trial=trial), ()


def _act(rules: Rules, trial: Trial, glance: Glance) -> Trial:
    if len(trial.home) < HOME:
        whole = glance.similarity is None or glance.similarity >= LIKE_THE_FRONT * trial.likest
        return replace(trial, home=_steady((*trial.home, glance))) if glance.votes and whole else trial
    return _blink(rules, trial, glance) if trial.ask is Ask.BLINK else _turn(rules, trial, glance)


def _steady(home: tuple[Glance, ...]) -> tuple[Glance, ...]:
    """Those that agree with the newest on how the person looks to the front."""
    newest, widest = home[-1], max(one.lids or 0.0 for one in home)
    return tuple(
        one
        for one in home
        if one.yaw is not None
        and abs(one.yaw - (newest.yaw or 0.0)) <= STEADY_DEGREES
        and comparable(one, newest)
        and (one.lids is None or one.lids >= STEADY_LIDS * widest)
    )


def _turn(rules: Rules, trial: Trial, glance: Glance) -> Trial:
    """The head goes from the front to the side that is asked, in one piece, and is seen on the way."""
    if glance.yaw is None:
        return trial
    if not comparable(trial.home[-1], glance):
        return trial if glance.sides_apart is None else _act(rules, replace(trial, home=(), between=False), glance)
    turned = glance.yaw - median(one.yaw or 0.0 for one in trial.home)
    if not of_one_piece(trial.home, glance, turned):
        return replace(trial, home=(), between=False)
    share = (turned if trial.ask is Ask.TURN_LEFT else -turned) / rules.turn_degrees
    between = trial.between or BETWEEN[0] <= share <= BETWEEN[1]
    done = between and share >= 1
    return replace(trial, between=between, done=done, moved=trial.moved or done)


def _blink(rules: Rules, trial: Trial, glance: Glance) -> Trial:
    """The eyes close and open again, and the face does not become flatter meanwhile."""
    if not _in_place(trial, glance) or glance.lids is None:
        return replace(trial, closed_at=None, eyelids=())
    own = max(median(one.lids or 0.0 for one in trial.home), 1e-6)
    share = glance.lids / own
    if trial.closed_at is not None and (glance.at - trial.closed_at).total_seconds() > BLINK_SECONDS:
        return replace(trial, closed_at=None, eyelids=(), home=())
    if share > rules.eyes_open_above:
        done = trial.closed_at is not None
        return replace(trial, done=done, moved=trial.moved or (done and gradual(trial.eyelids)), eyelids=())
    apart = None if glance.lids_apart is None else glance.lids_apart / own
    trial = replace(trial, eyelids=(*trial.eyelids, Eyelids(glance.at, share, apart))[-MOST_EYELIDS:])
    if share < min(rules.eyes_closed_below, rules.eyes_open_above):
        return replace(trial, closed_at=trial.closed_at or glance.at)
    return trial


def _in_place(trial: Trial, glance: Glance) -> bool:
    """Whether the face is as it was to the front, but for the eyes."""
    aspects = [one.aspect for one in trial.home if one.aspect is not None]
    if glance.aspect is None or glance.yaw is None or not aspects:
        return False
    own = median(aspects)
    aside = abs(glance.yaw - median(one.yaw or 0.0 for one in trial.home))
    return abs(glance.aspect - own) <= ASPECT * own and aside <= ASIDE_DEGREES


def met(trial: Trial | None, camera: str, person: str | None) -> bool:
    """Whether `person` has done all that is asked, at that camera."""
    return trial is not None and trial.done and (trial.camera, trial.person) == (camera, person)


def step_back(state: State, camera: str, now: Now) -> Step:
    """Ask who is too close to step back, unless something else is asked or that is still asked."""
    if state.trial is not None or (
        state.advice is not None and now.monotonic < state.advice.until - ADVICE_SECONDS / 2
    ):
        return state, ()
    expires_at = now.wall + timedelta(seconds=ADVICE_SECONDS)
    asked = AskFor(Challenge(ask=Ask.STEP_BACK, camera=camera, expires_at=expires_at))
    return replace(state, advice=Advice(now.monotonic + ADVICE_SECONDS)), (asked,)


def end_due(rules: Rules, state: State, now: Now) -> Step:
    """Deny the person whose time is over; withdraw advice that was not given again."""
    if state.advice is not None and now.monotonic >= state.advice.until:
        return replace(state, advice=None), (NOTHING_ASKED,)
    trial = state.trial
    if trial is None or now.monotonic < trial.expires:
        return state, ()
    failures = 1 if now.monotonic - state.failed_at > FORGIVEN_SECONDS else state.failures + 1
    # The pause keeps somebody with a recording from asking again until the challenge fits it.
    pause = min(rules.cooldown_seconds * 2.0 ** (failures - 1), max(LONGEST_PAUSE, rules.cooldown_seconds))
    state = replace(state, trial=None, no_trial_until=now.monotonic + pause, failures=failures, failed_at=now.monotonic)
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
