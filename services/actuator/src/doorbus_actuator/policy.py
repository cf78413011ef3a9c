"""Whether the door opens, and if not, why not. Pure: everything it depends on comes in, everything it changes goes out.

Default is denied. The rules are tried in the order of the tables below, and the first that fails gives the reason:

- a face: `FACE_TABLE`. A face that passes `VOTE_TABLE`, its first part, is a vote for its person; the frames of enough
  votes open the door, if every other rule holds for the newest of them.
- a command to open: `COMMAND_RULES`. A command to lock is always obeyed.

Equal denials (same reason, person and trigger) are told at most once a second, with their number. `awaiting_votes` is
told only when the vote window has passed and the door is still shut, because every entry begins with it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from doorbus.wire.messages import (
    Action,
    Ask,
    Challenge,
    Decision,
    Face,
    LockCommand,
    Outcome,
    Reason,
    Recognition,
    RosterEntry,
    Trigger,
    Verdict,
)

RELEASED_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""No working clock is before this: doorbus did not exist."""
COALESCE_SECONDS = 1.0
CLOCK_CHECK_SECONDS = 30.0
"""Steps of the clock add up over this long, and it is looked at this often when nothing happens."""
FRAME_MEMORY_SECONDS = 60.0
"""How much longer than fresh a frame_id is remembered."""
COMMAND_MEMORY_SECONDS = 600.0
CODE_MEMORY_SECONDS = 120.0
"""Longer than a one-time password lives (RFC 6238: 30 s, one step either side)."""
WRONG_CODES = 5
"""After this many wrong codes within `WRONG_CODE_SECONDS` no code is looked at."""
WRONG_CODE_SECONDS = 60.0
MAX_REMEMBERED = 1024
MAX_CAMERAS = 64
MAX_TALLIES = 256


class Liveness(StrEnum):
    """How much is asked of a face to count as alive."""

    OFF = "off"
    PASSIVE = "passive"
    """Every vote's `live` is at least the liveness threshold."""
    CHALLENGE = "challenge"
    """Passive, and the person does what the challenge topic asks."""


class Hours(Protocol):
    """Opening hours."""

    def open_at(self, moment: datetime) -> bool:
        """Whether it is open at `moment`."""
        ...


class Codes(Protocol):
    """One-time passwords."""

    def valid(self, code: str, wall: datetime) -> bool:
        """Whether `code` is one of those that hold at `wall`."""
        ...


@dataclass(frozen=True, slots=True)
class Now:
    """The same moment on the wall clock (aware) and on the monotonic one (seconds)."""

    wall: datetime
    monotonic: float


@dataclass(frozen=True, slots=True)
class Rules:
    """What the rules are measured by. Times are in seconds, angles in degrees."""

    door: str
    threshold: float = 0.8
    margin: float = 0.05
    liveness: Liveness = Liveness.PASSIVE
    liveness_threshold: float = 0.5
    votes_needed: int = 2
    votes_of: int = 3
    vote_window: float = 1.5
    max_age: float = 2.0
    future_tolerance: float = 0.5
    command_max_age: float = 5.0
    cooldown: float = 6.0
    unlock_seconds: float = 3.0
    max_hold: float = 30.0
    clock_jump: float = 2.0
    clock_settle: float = 5.0
    challenge_seconds: float = 8.0
    turn_degrees: float = 20.0
    eyes_closed_below: float = 0.35
    eyes_open_above: float = 0.6
    lockdown: bool = False
    hours: Hours | None = None
    codes: Codes | None = None
    released_at: datetime = RELEASED_AT


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the roster, the hours ready to be asked."""

    rights: RosterEntry
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A recognition of one of this door's cameras. `choice`, random from 0 to below 1, picks what a challenge asks."""

    camera: str
    recognition: Recognition
    choice: float


@dataclass(frozen=True, slots=True)
class Command:
    """Somebody wants the door locked or unlocked by hand."""

    command: LockCommand


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """A new whole roster, by person id; None when there is none any more."""

    people: Mapping[str, Person] | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Sighting | Command | RosterChanged | Tick


@dataclass(frozen=True, slots=True)
class Grant:
    """Open the door for `seconds`."""

    seconds: float
    decision: Decision


@dataclass(frozen=True, slots=True)
class Deny:
    """Tell why the door stays shut."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class AskFor:
    """Show a challenge, or that there is none any more."""

    challenge: Challenge


@dataclass(frozen=True, slots=True)
class Lock:
    """Lock the door at once."""


Effect = Grant | Deny | AskFor | Lock


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame_id that must not count again."""

    captured_at: datetime
    received: float


@dataclass(frozen=True, slots=True)
class Ballot:
    """Who was named by a recognition in a way that satisfies `FRAME_RULES` and `FACE_RULES`."""

    frame_id: str
    captured_at: datetime
    received: float
    people: frozenset[str]


Key = tuple[Reason, str | None, Trigger]


@dataclass(frozen=True, slots=True)
class Tally:
    """Equal denials that are not told yet: how many, the newest, and when they are due."""

    count: int
    newest: Decision
    due: float


@dataclass(frozen=True, slots=True)
class Trial:
    """A challenge under way. `done` counts the steps that the person has done; `looked_at` is the newest frame used."""

    person: str
    camera: str
    ask: Ask
    expires: float
    looked_at: datetime
    done: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What the policy remembers. Bounded, whatever arrives."""

    people: Mapping[str, Person] | None = None
    clock: Now | None = None
    trusted_from: float = -math.inf
    frames: Mapping[str, SeenFrame] = field(default_factory=dict)
    forgotten_until: datetime | None = None
    """Frames captured up to here may have been seen and forgotten in a flood, and count as seen."""
    ballots: Mapping[str, tuple[Ballot, ...]] = field(default_factory=dict)
    cooldown_until: float = -math.inf
    commands: Mapping[str, float] = field(default_factory=dict)
    codes: Mapping[str, float] = field(default_factory=dict)
    wrong_codes: tuple[float, ...] = ()
    tallies: Mapping[Key, Tally] = field(default_factory=dict)
    trial: Trial | None = None
    no_trial_until: float = -math.inf


Step = tuple[State, tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class FrameCase:
    """One recognition, and all that the rules for it look at."""

    rules: Rules
    state: State
    now: Now
    recognition: Recognition
    seen_before: bool

    @property
    def age(self) -> float:
        """Seconds since the capture."""
        return (self.now.wall - self.recognition.captured_at).total_seconds()


@dataclass(frozen=True, slots=True)
class FaceCase(FrameCase):
    """One face of a recognition, and all that the rules for it look at."""

    face: Face
    votes: tuple[str, ...] = ()
    """frame_ids of the votes for the face's person, this frame's among them if it is one."""
    challenge_met: bool = False

    @property
    def person(self) -> Person | None:
        """Who the roster says it is."""
        if self.state.people is None or self.face.person is None:
            return None
        return self.state.people.get(self.face.person)

    @property
    def threshold(self) -> float:
        """The confidence asked of this person."""
        own = self.person.rights.threshold if self.person else None
        return self.rules.threshold if own is None else own

    @property
    def margin_holds(self) -> bool:
        """Whether the second most similar person is far enough behind."""
        similarity, runner_up = self.face.similarity, self.face.runner_up
        if runner_up is None:
            return True
        # Rounded, so that 0.85 over 0.80 is a margin of 0.05 in binary, too.
        return similarity is not None and round(similarity - runner_up, 6) >= self.rules.margin

    @property
    def rights(self) -> RosterEntry:
        """The person's rights; asked only after the rules that say that there is such a person."""
        if self.person is None:
            raise LookupError("rights were asked of somebody who is not on the roster")
        return self.person.rights

    @property
    def within_hours(self) -> bool:
        """Whether the door's and the person's hours are open."""
        hours = (self.rules.hours, self.person.hours if self.person else None)
        return all(one is None or one.open_at(self.now.wall) for one in hours)


@dataclass(frozen=True, slots=True)
class CommandCase:
    """A command to open, and all that the rules for it look at."""

    rules: Rules
    state: State
    now: Now
    command: LockCommand

    @property
    def age(self) -> float:
        """Seconds since it was issued; 0 when it does not say, because the broker keeps none for later."""
        issued_at = self.command.issued_at
        return 0.0 if issued_at is None else (self.now.wall - issued_at).total_seconds()

    @property
    def tries_left(self) -> bool:
        """Whether a code is looked at, after the wrong ones of late."""
        return len(self.state.wrong_codes) < WRONG_CODES

    @property
    def code_holds(self) -> bool:
        """Whether the code is right, where one is asked."""
        code, codes = self.command.code or "", self.rules.codes
        return codes is None or (self.tries_left and codes.valid(code, self.now.wall))


C = TypeVar("C")
Table = tuple[tuple[Reason, Callable[[C], bool]], ...]

FRAME_RULES: Table[FrameCase] = (
    (Reason.LOCKDOWN, lambda c: not c.rules.lockdown),
    (Reason.CLOCK_IMPLAUSIBLE, lambda c: clock_plausible(c.rules, c.state, c.now)),
    (Reason.STALE, lambda c: c.age <= c.rules.max_age),
    (Reason.FROM_THE_FUTURE, lambda c: c.age >= -c.rules.future_tolerance),
    (Reason.REPLAYED, lambda c: not c.seen_before),
)
FACE_RULES: Table[FaceCase] = (
    (Reason.UNKNOWN_FACE, lambda c: c.face.verdict is not Verdict.UNKNOWN),
    (Reason.AMBIGUOUS_FACE, lambda c: c.face.verdict is not Verdict.AMBIGUOUS),
    (Reason.LOW_CONFIDENCE, lambda c: c.face.confidence >= c.threshold),
    (Reason.LOW_MARGIN, lambda c: c.margin_holds),
    (Reason.LIVENESS_MISSING, lambda c: c.rules.liveness is Liveness.OFF or c.face.live is not None),
    (Reason.NOT_LIVE, lambda c: c.rules.liveness is Liveness.OFF or (c.face.live or 0.0) >= c.rules.liveness_threshold),
)
PERSON_RULES: Table[FaceCase] = (
    (Reason.ROSTER_INCOMPLETE, lambda c: c.state.people is not None),
    (Reason.NOT_ON_ROSTER, lambda c: c.person is not None),
    (Reason.DISABLED, lambda c: c.rights.enabled),
    (Reason.NOT_YET_VALID, lambda c: c.rights.valid_from is None or c.now.wall >= c.rights.valid_from),
    (Reason.NO_LONGER_VALID, lambda c: c.rights.valid_until is None or c.now.wall < c.rights.valid_until),
    (Reason.NOT_ENTITLED, lambda c: c.rights.doors is None or c.rules.door in c.rights.doors),
    (Reason.OUTSIDE_HOURS, lambda c: c.within_hours),
)
OPENING_RULES: Table[FaceCase] = (
    (Reason.COOLDOWN, lambda c: c.now.monotonic >= c.state.cooldown_until),
    (Reason.AWAITING_VOTES, lambda c: len(c.votes) >= c.rules.votes_needed),
    (
        Reason.CHALLENGE_FAILED,
        lambda c: c.rules.liveness is not Liveness.CHALLENGE or c.now.monotonic >= c.state.no_trial_until,
    ),
    (Reason.AWAITING_CHALLENGE, lambda c: c.rules.liveness is not Liveness.CHALLENGE or c.challenge_met),
)
VOTE_TABLE: Table[FaceCase] = (*FRAME_RULES, *FACE_RULES)
FACE_TABLE: Table[FaceCase] = (*VOTE_TABLE, *PERSON_RULES, *OPENING_RULES)
COMMAND_RULES: Table[CommandCase] = (
    (Reason.LOCKDOWN, lambda c: not c.rules.lockdown),
    (Reason.STALE, lambda c: c.age <= c.rules.command_max_age),
    (Reason.FROM_THE_FUTURE, lambda c: c.age >= -c.rules.future_tolerance),
    (Reason.REPLAYED, lambda c: c.command.id is None or c.command.id not in c.state.commands),
    (Reason.CODE_MISSING, lambda c: c.rules.codes is None or bool(c.command.code)),
    (Reason.CODE_WRONG, lambda c: c.code_holds),
    (Reason.REPLAYED, lambda c: c.rules.codes is None or c.command.code not in c.state.codes),
    (Reason.COOLDOWN, lambda c: c.now.monotonic >= c.state.cooldown_until),
)

ASKS = (Ask.BLINK, Ask.TURN_LEFT, Ask.TURN_RIGHT)
# What must be seen of a face, one after the other, for each challenge. A picture held up stays at one of them.
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


def decide(rules: Rules, state: State, event: Event, now: Now) -> Step:
    """What follows from `event` at `now`. Every event also does what a `Tick` does."""
    state, effects = _let_time_pass(rules, state, now)
    match event:
        case Sighting():
            state, more = _see(rules, state, event, now)
        case Command(command):
            state, more = _obey(rules, state, command, now)
        case RosterChanged(people):
            state, more = replace(state, people=people), ()
        case Tick():
            more = ()
    return state, effects + more


def wake_at(state: State) -> float:
    """The monotonic time at which a `Tick` is due."""
    dues = [tally.due for tally in state.tallies.values()]
    if state.trial is not None:
        dues.append(state.trial.expires)
    if state.clock is not None:
        dues.append(state.clock.monotonic + CLOCK_CHECK_SECONDS)
    return min(dues, default=-math.inf)


def clock_plausible(rules: Rules, state: State, now: Now) -> bool:
    """Whether faces may open the door as far as the clock is concerned."""
    return now.wall >= rules.released_at and now.monotonic >= _watch_clock(rules, state, now).trusted_from


def _let_time_pass(rules: Rules, state: State, now: Now) -> Step:
    state = _watch_clock(rules, state, now)
    state = _forget(rules, state, now)
    state, told = _tell_due(state, now)
    state, ended = _end_trial(rules, state, now)
    return state, told + ended


def _watch_clock(rules: Rules, state: State, now: Now) -> State:
    """Distrust the clock for a while after a jump. A single step, as time synchronisation makes it, heals by itself."""
    before = state.clock or now
    passed = now.monotonic - before.monotonic
    step = (now.wall - before.wall).total_seconds() - passed
    if abs(step) > rules.clock_jump:
        return _redate(replace(state, clock=now, trusted_from=now.monotonic + rules.clock_settle), now)
    if state.clock is None or passed >= CLOCK_CHECK_SECONDS:
        return replace(state, clock=now)
    return state


def _redate(state: State, now: Now) -> State:
    """Drop the votes dated by the old time; let no frame dated by it stand for those of the new."""
    frames = {id_: replace(frame, captured_at=min(frame.captured_at, now.wall)) for id_, frame in state.frames.items()}
    until = state.forgotten_until
    return replace(state, ballots={}, frames=frames, forgotten_until=None if until is None else min(until, now.wall))


def _forget(rules: Rules, state: State, now: Now) -> State:
    stale_after = rules.max_age + rules.future_tolerance
    oldest_frame = now.monotonic - (FRAME_MEMORY_SECONDS + stale_after)
    oldest_ballot = now.monotonic - (rules.vote_window + stale_after)
    ballots = {
        camera: fresh
        for camera, cast in state.ballots.items()
        if (fresh := tuple(ballot for ballot in cast if ballot.received >= oldest_ballot))
    }
    return replace(
        state,
        frames={id_: frame for id_, frame in state.frames.items() if frame.received >= oldest_frame},
        ballots=ballots,
        commands=_since(state.commands, now.monotonic - COMMAND_MEMORY_SECONDS),
        codes=_since(state.codes, now.monotonic - CODE_MEMORY_SECONDS),
        wrong_codes=tuple(at for at in state.wrong_codes if at > now.monotonic - WRONG_CODE_SECONDS),
    )


def _since(times: Mapping[str, float], oldest: float) -> Mapping[str, float]:
    return {id_: at for id_, at in times.items() if at >= oldest}


def _see(rules: Rules, state: State, event: Sighting, now: Now) -> Step:
    recognition = event.recognition
    seen_before = recognition.frame_id in state.frames or (
        state.forgotten_until is not None and recognition.captured_at <= state.forgotten_until
    )
    state = _remember_frame(state, recognition, now)
    cases = [FaceCase(rules, state, now, recognition, seen_before, face) for face in recognition.faces]
    if _first_failing(FRAME_RULES, FrameCase(rules, state, now, recognition, seen_before)) is None:
        voting = [case.face for case in cases if _first_failing(VOTE_TABLE, case) is None]
        state = _cast(rules, state, event, voting, now)
        state = _try(rules, state, event, voting)
    cases = [
        replace(
            case,
            votes=_votes(rules, state, event, case.face.person),
            challenge_met=_met(state.trial, event.camera, case.face.person),
        )
        for case in cases
    ]
    return _judge(rules, state, event, cases, now)


def _judge(rules: Rules, state: State, event: Sighting, cases: list[FaceCase], now: Now) -> Step:
    effects: tuple[Effect, ...] = ()
    reasons = [_first_failing(FACE_TABLE, case) for case in cases]
    winners = [case for case, reason in zip(cases, reasons, strict=True) if reason is None]
    if winners:
        winner = max(winners, key=lambda case: case.face.confidence)
        decision = _decision_of(winner, event.camera, Outcome.GRANTED, Reason.MATCHED)
        state, effects = _grant(rules, state, decision, rules.unlock_seconds, now)
    for case, reason in zip(cases, reasons, strict=True):
        if len(case.votes) >= rules.votes_needed:
            state = _untold(state, [(Reason.AWAITING_VOTES, case.face.person, Trigger.FACE)])
        if reason is None:
            continue
        if reason is Reason.AWAITING_CHALLENGE and state.trial is None and not winners:
            state, asked = _begin_trial(rules, state, event, case, now)
            effects += asked
        if winners and reason in (Reason.AWAITING_VOTES, Reason.AWAITING_CHALLENGE):
            continue
        state, told = _deny(rules, state, _decision_of(case, event.camera, Outcome.DENIED, reason), now)
        effects += told
    return state, effects


def _first_failing(table: Table[C], case: C) -> Reason | None:
    return next((reason for reason, holds in table if not holds(case)), None)


def _decision_of(case: FaceCase, camera: str, outcome: Outcome, reason: Reason) -> Decision:
    return Decision(
        outcome=outcome,
        reason=reason,
        trigger=Trigger.FACE,
        at=case.now.wall,
        person=case.face.person,
        confidence=case.face.confidence,
        camera=camera,
        frame_ids=case.votes or (case.recognition.frame_id,),
    )


def _remember_frame(state: State, recognition: Recognition, now: Now) -> State:
    # A frame dated later than now must not, once forgotten, make all frames until then count as seen.
    captured_at = min(recognition.captured_at, now.wall)
    frames = {**state.frames, recognition.frame_id: SeenFrame(captured_at, now.monotonic)}
    if len(frames) <= MAX_REMEMBERED:
        return replace(state, frames=frames)
    oldest = frames.pop(next(iter(frames))).captured_at
    until = state.forgotten_until
    return replace(state, frames=frames, forgotten_until=oldest if until is None else max(until, oldest))


def _cast(rules: Rules, state: State, event: Sighting, voting: Iterable[Face], now: Now) -> State:
    recognition = event.recognition
    people = frozenset(face.person for face in voting if face.person is not None)
    ballot = Ballot(recognition.frame_id, recognition.captured_at, now.monotonic, people)
    cast = sorted((*state.ballots.get(event.camera, ()), ballot), key=lambda one: one.captured_at)
    others = {camera: ballots for camera, ballots in state.ballots.items() if camera != event.camera}
    if len(others) >= MAX_CAMERAS:
        others.pop(next(iter(others)))
    return replace(state, ballots={**others, event.camera: tuple(cast[-rules.votes_of :])})


def _votes(rules: Rules, state: State, event: Sighting, person: str | None) -> tuple[str, ...]:
    """Frames that name `person` among the last of the camera, if this one is among them; oldest first."""
    cast = state.ballots.get(event.camera, ())
    if not cast:
        return ()
    since = cast[-1].captured_at - timedelta(seconds=rules.vote_window)
    votes = tuple(one.frame_id for one in cast if person in one.people and one.captured_at >= since)
    return votes if event.recognition.frame_id in votes else ()


def _grant(rules: Rules, state: State, decision: Decision, seconds: float, now: Now) -> Step:
    seconds = min(seconds, rules.max_hold)
    waiting = (Reason.AWAITING_VOTES, Reason.AWAITING_CHALLENGE)
    effects: tuple[Effect, ...] = (Grant(seconds, decision),)
    if state.trial is not None:
        effects += (AskFor(Challenge(ask=Ask.NONE)),)
    granted = replace(
        state,
        cooldown_until=now.monotonic + max(rules.cooldown, seconds),
        ballots={},
        trial=None,
    )
    return _untold(granted, [key for key in state.tallies if key[0] in waiting]), effects


def _deny(rules: Rules, state: State, decision: Decision, now: Now) -> Step:
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
        tally = Tally(1, decision, now.monotonic + rules.vote_window)
    else:
        tally = Tally(0, decision, now.monotonic + COALESCE_SECONDS)
        told = (Deny(decision),)
    return replace(state, tallies={**state.tallies, key: tally}), told


def _untold(state: State, keys: Iterable[Key]) -> State:
    """Do not tell these denials: they have been overtaken."""
    left = dict(state.tallies)
    for key in keys:
        left.pop(key, None)
    return replace(state, tallies=left)


def _tell_due(state: State, now: Now) -> Step:
    told: list[Effect] = []
    tallies: dict[Key, Tally] = {}
    for key, tally in state.tallies.items():
        if now.monotonic < tally.due:
            tallies[key] = tally
        elif tally.count:
            told.append(Deny(tally.newest.model_copy(update={"count": tally.count})))
            tallies[key] = replace(tally, count=0, due=now.monotonic + COALESCE_SECONDS)
    return replace(state, tallies=tallies), tuple(told)


def _begin_trial(rules: Rules, state: State, event: Sighting, case: FaceCase, now: Now) -> Step:
    person = case.rights.person
    ask = ASKS[int(event.choice * len(ASKS))]
    trial = Trial(person, event.camera, ask, now.monotonic + rules.challenge_seconds, now.wall)
    expires_at = now.wall + timedelta(seconds=rules.challenge_seconds)
    return replace(state, trial=trial), (AskFor(Challenge(ask=ask, camera=event.camera, expires_at=expires_at)),)


def _try(rules: Rules, state: State, event: Sighting, voting: list[Face]) -> State:
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


def _met(trial: Trial | None, camera: str, person: str | None) -> bool:
    return trial is not None and (trial.camera, trial.person, trial.done) == (camera, person, len(STEPS[trial.ask]))


def _end_trial(rules: Rules, state: State, now: Now) -> Step:
    trial = state.trial
    if trial is None or now.monotonic < trial.expires:
        return state, ()
    # The pause keeps somebody with a recording from asking again until the challenge fits it.
    state = replace(state, trial=None, no_trial_until=now.monotonic + rules.cooldown)
    decision = Decision(
        outcome=Outcome.DENIED,
        reason=Reason.CHALLENGE_FAILED,
        trigger=Trigger.FACE,
        at=now.wall,
        person=trial.person,
        camera=trial.camera,
    )
    state, told = _deny(rules, state, decision, now)
    return state, (AskFor(Challenge(ask=Ask.NONE)), *told)


def _obey(rules: Rules, state: State, command: LockCommand, now: Now) -> Step:
    if command.action is Action.LOCK:
        return state, (Lock(),)
    case = CommandCase(rules, state, now, command)
    reason = _first_failing(COMMAND_RULES, case)
    state = _remember_command(state, case, reason)
    decision = Decision(
        outcome=Outcome.GRANTED if reason is None else Outcome.DENIED,
        reason=reason or Reason.COMMANDED,
        trigger=Trigger.COMMAND,
        at=now.wall,
        by=command.by,
        command_id=command.id,
    )
    if reason is None:
        return _grant(rules, state, decision, command.seconds or rules.unlock_seconds, now)
    return _deny(rules, state, decision, now)


def _remember_command(state: State, case: CommandCase, reason: Reason | None) -> State:
    command, at = case.command, case.now.monotonic
    if command.id is not None:
        commands = {**state.commands, command.id: at}
        if len(commands) > MAX_REMEMBERED:
            commands.pop(next(iter(commands)))
        state = replace(state, commands=commands)
    if reason is Reason.CODE_WRONG and case.tries_left:
        return replace(state, wrong_codes=(*state.wrong_codes, at))
    if case.rules.codes is not None and command.code and reason in (None, Reason.COOLDOWN):
        return replace(state, codes={**state.codes, command.code: at})
    return state
