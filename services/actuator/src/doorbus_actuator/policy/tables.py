"""The rules, in their order, and what each looks at. docs/troubleshooting.md says the same in words. Pure.

Two rules hold for the tables. A rule says when it holds, never when it fails, so that what nobody thought of is denied.
And a rule may rely on those before it: the rights of a person are asked after the rules that there is one.
"""

from collections.abc import Callable
from typing import TypeVar

from doorbus.wire.messages import Face, LockCommand, Reason, Recognition, RosterEntry, Verdict
from doorbus.wire.records import dataclass
from doorbus_actuator.policy.clock import clock_plausible
from doorbus_actuator.policy.commands import tries_left
from doorbus_actuator.policy.entries import may_again, may_be_next
from doorbus_actuator.policy.events import Now, Person, Presented
from doorbus_actuator.policy.keypads import id_of, may_try
from doorbus_actuator.policy.quality import at_the_edge, good_enough, sharp_enough, size_of, too_close
from doorbus_actuator.policy.rules import CommandMode, LivenessMode, Rules
from doorbus_actuator.policy.state import State, locked_down


@dataclass(frozen=True, slots=True)
class FrameCase:
    """One recognition, and all that the rules for it look at."""

    rules: Rules
    state: State
    now: Now
    recognition: Recognition
    seen_before: bool
    same_picture: bool

    @property
    def age(self) -> float:
        """Seconds since the capture."""
        return (self.now.wall - self.recognition.captured_at).total_seconds()


@dataclass(frozen=True, slots=True)
class FaceCase(FrameCase):
    """One face of a recognition, and all that the rules for it look at."""

    face: Face
    largest: float
    """Size of the largest face on the frame, in pixels between the outer corners of the eyes."""
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
        return rights_of(self.person)

    @property
    def within_hours(self) -> bool:
        """Whether the door's and the person's hours are open."""
        return within_hours(self.rules, self.person, self.now)


def rights_of(person: Person | None) -> RosterEntry:
    """The rights of somebody who is on the roster; `LookupError` for anybody else."""
    if person is None:
        raise LookupError("rights were asked of somebody who is not on the roster")
    return person.rights


def within_hours(rules: Rules, person: Person | None, now: Now) -> bool:
    """Whether the door's hours and those of a person are open."""
    hours = (rules.hours, person.hours if person else None)
    return all(one is None or one.open_at(now.wall) for one in hours)


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
    def dated(self) -> bool:
        """Whether it says all that tells a late or a repeated one."""
        return self.command.issued_at is not None and self.command.id is not None

    @property
    def extends(self) -> bool:
        """Whether it asks that a door which is unlocked stay so for longer than was asked before, and it may."""
        hold, seconds = self.state.hold, self.command.seconds
        if hold is None or seconds is None or self.now.monotonic >= hold.until:
            return False
        return seconds > hold.seconds and hold.until < hold.since + self.rules.longest_hold

    @property
    def code_holds(self) -> bool:
        """Whether the code is right, where one is asked."""
        code, codes = self.command.code or "", self.rules.codes
        return codes is None or (tries_left(self.state) and codes.valid(code, self.now.wall))


@dataclass(frozen=True, slots=True)
class CodeCase:
    """A PIN or a tag, and all that the rules for it look at."""

    rules: Rules
    state: State
    now: Now
    presented: Presented
    one_time: bool
    """Whether it is a one-time password of the door, which somebody owes."""
    whose: str | None
    """Whose it is, or who owes it."""

    @property
    def age(self) -> float:
        """Seconds since it was issued; 0 when it does not say."""
        issued_at = self.presented.credential.issued_at
        return 0.0 if issued_at is None else (self.now.wall - issued_at).total_seconds()

    @property
    def person(self) -> Person | None:
        """Who the roster says it is."""
        return None if self.state.people is None or self.whose is None else self.state.people.get(self.whose)

    @property
    def rights(self) -> RosterEntry:
        """The person's rights; asked only after the rules that say that there is such a person."""
        return rights_of(self.person)

    @property
    def begun(self) -> bool:
        """Whether person and code are valid already."""
        ends = (self.rights.valid_from, self.presented.match.valid_from if self.presented.match else None)
        return all(end is None or self.now.wall >= end for end in ends)

    @property
    def ended(self) -> bool:
        """Whether person or code is no longer valid."""
        ends = (self.rights.valid_until, self.presented.match.valid_until if self.presented.match else None)
        return any(end is not None and self.now.wall >= end for end in ends)

    @property
    def within_hours(self) -> bool:
        """Whether the door's and the person's hours are open."""
        return within_hours(self.rules, self.person, self.now)

    @property
    def counts(self) -> bool:
        """Whether a face came before it, or none is needed."""
        return self.whose in self.state.owed or (self.rules.codes_alone and not self.rights.second_factor)


@dataclass(frozen=True, slots=True)
class ExitCase:
    """An exit request, and all that the rules for it look at."""

    rules: Rules
    state: State


C = TypeVar("C")
Table = tuple[tuple[Reason, Callable[[C], bool]], ...]

FRAME_RULES: Table[FrameCase] = (
    (Reason.LOCKDOWN, lambda c: not locked_down(c.rules, c.state)),
    (Reason.CLOCK_IMPLAUSIBLE, lambda c: clock_plausible(c.rules, c.state, c.now)),
    (Reason.STALE, lambda c: c.age <= c.rules.max_age_seconds),
    (Reason.FROM_THE_FUTURE, lambda c: c.age >= -c.rules.future_tolerance_seconds),
    (Reason.REPLAYED, lambda c: not c.seen_before),
)
PICTURE_RULES: Table[FrameCase] = ((Reason.SAME_PICTURE, lambda c: not c.same_picture),)
FRAME_TABLE: Table[FrameCase] = (*FRAME_RULES, *PICTURE_RULES)
"""What makes a frame one that is looked at."""
FACE_RULES: Table[FaceCase] = (
    (Reason.UNKNOWN_FACE, lambda c: c.face.verdict is not Verdict.UNKNOWN),
    (Reason.AMBIGUOUS_FACE, lambda c: c.face.verdict is not Verdict.AMBIGUOUS),
    (Reason.TOO_SMALL, lambda c: size_of(c.face) >= c.rules.min_size),
    (Reason.IN_BACKGROUND, lambda c: size_of(c.face) >= c.rules.background * c.largest),
    (Reason.BLURRED, lambda c: sharp_enough(c.rules, c.face)),
    (Reason.LOW_QUALITY, lambda c: good_enough(c.rules, c.face)),
    (Reason.LOW_CONFIDENCE, lambda c: c.face.confidence >= c.threshold),
    (Reason.LOW_MARGIN, lambda c: c.margin_holds),
    (Reason.TOO_CLOSE, lambda c: c.rules.liveness is LivenessMode.OFF or not too_close(c.rules, c.recognition, c.face)),
    (Reason.AT_THE_EDGE, lambda c: c.rules.liveness is LivenessMode.OFF or not at_the_edge(c.recognition, c.face)),
    (Reason.LIVENESS_MISSING, lambda c: c.rules.liveness is LivenessMode.OFF or c.face.live is not None),
    (
        Reason.NOT_LIVE,
        lambda c: c.rules.liveness is LivenessMode.OFF or (c.face.live or 0.0) >= c.rules.liveness_threshold,
    ),
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
    (Reason.NOBODY_IN_YET, lambda c: may_be_next(c.rules, c.state, c.rights, c.now)),
    (Reason.PASSBACK, lambda c: may_again(c.state, c.rights.person)),
    (Reason.COOLDOWN, lambda c: c.now.monotonic >= c.state.cooldown_until),
    (Reason.AWAITING_VOTES, lambda c: len(c.votes) >= c.rules.votes_needed),
    (
        Reason.CHALLENGE_FAILED,
        lambda c: c.rules.liveness is not LivenessMode.CHALLENGE or c.now.monotonic >= c.state.no_trial_until,
    ),
    (Reason.AWAITING_CHALLENGE, lambda c: c.rules.liveness is not LivenessMode.CHALLENGE or c.challenge_met),
    (Reason.CODE_NEEDED, lambda c: not c.rights.second_factor),
)
VOTE_TABLE: Table[FaceCase] = (*FRAME_TABLE, *FACE_RULES)
UNJUDGED = (Reason.TOO_CLOSE, Reason.AT_THE_EDGE)
"""Where liveness cannot be judged, and stepping back helps."""
_POORLY_SEEN = (Reason.TOO_SMALL, Reason.IN_BACKGROUND, Reason.BLURRED, Reason.LOW_QUALITY)
VIEW_TABLE: Table[FaceCase] = tuple(rule for rule in VOTE_TABLE if rule[0] not in (*_POORLY_SEEN, *UNJUDGED))
"""What shows that somebody is there still: it must be them and alive, however well they are seen."""
_TURNED = (Reason.BLURRED, Reason.LOW_QUALITY, Reason.LOW_CONFIDENCE, Reason.LOW_MARGIN)
TRIAL_TABLE: Table[FaceCase] = tuple(rule for rule in VOTE_TABLE if rule[0] not in _TURNED)
"""What shows somebody in a challenge: a head that is turned or moves is less like its owner, and less sharp."""
FACE_TABLE: Table[FaceCase] = (*FRAME_RULES, *FACE_RULES, *PERSON_RULES, *PICTURE_RULES, *OPENING_RULES)
"""What is told: that a picture is the same matters only to somebody whom another one would let in."""
COMMAND_RULES: Table[CommandCase] = (
    (Reason.LOCKDOWN, lambda c: not locked_down(c.rules, c.state)),
    (Reason.UNDATED, lambda c: c.rules.commands is CommandMode.PLAIN or c.dated),
    (Reason.STALE, lambda c: c.age <= c.rules.command_max_age_seconds),
    (Reason.FROM_THE_FUTURE, lambda c: c.age >= -c.rules.future_tolerance_seconds),
    (Reason.REPLAYED, lambda c: c.command.id is None or c.command.id not in c.state.commands),
    (Reason.CODE_MISSING, lambda c: c.rules.codes is None or bool(c.command.code)),
    (Reason.CODE_WRONG, lambda c: c.code_holds),
    (Reason.COOLDOWN, lambda c: c.now.monotonic >= c.state.commanded_until or c.extends),
    (Reason.REPLAYED, lambda c: c.rules.codes is None or c.command.code not in c.state.codes),
)
UNSEEN_CODE_RULES: Table[CodeCase] = (
    (Reason.LOCKDOWN, lambda c: not locked_down(c.rules, c.state)),
    (Reason.CLOCK_IMPLAUSIBLE, lambda c: clock_plausible(c.rules, c.state, c.now)),
    (Reason.STALE, lambda c: c.age <= c.rules.command_max_age_seconds),
    (Reason.FROM_THE_FUTURE, lambda c: c.age >= -c.rules.future_tolerance_seconds),
    (Reason.REPLAYED, lambda c: id_of(c.presented) not in c.state.commands),
    (Reason.TOO_MANY_TRIES, lambda c: c.presented.looked_at and may_try(c.rules, c.state, c.presented.reader, c.now)),
    (Reason.ROSTER_INCOMPLETE, lambda c: c.state.people is not None),
)
"""What is told of a code that nobody looks at: otherwise it would say whose it is, and be a try that does not count."""
CODE_RULES: Table[CodeCase] = (
    *UNSEEN_CODE_RULES,
    (Reason.CODE_WRONG, lambda c: c.whose is not None),
    (Reason.REPLAYED, lambda c: not c.one_time or c.presented.credential.code not in c.state.codes),
    (Reason.NOT_ON_ROSTER, lambda c: c.person is not None),
    (Reason.DISABLED, lambda c: c.rights.enabled),
    (Reason.NOT_YET_VALID, lambda c: c.begun),
    (Reason.NO_LONGER_VALID, lambda c: not c.ended),
    (Reason.NOT_ENTITLED, lambda c: c.rights.doors is None or c.rules.door in c.rights.doors),
    (Reason.OUTSIDE_HOURS, lambda c: c.within_hours),
    (Reason.NOBODY_IN_YET, lambda c: may_be_next(c.rules, c.state, c.rights, c.now)),
    (Reason.PASSBACK, lambda c: may_again(c.state, c.rights.person)),
    (Reason.FACE_NEEDED, lambda c: c.counts),
    (Reason.COOLDOWN, lambda c: c.now.monotonic >= c.state.coded_until),
)
EXIT_RULES: Table[ExitCase] = (
    (Reason.LOCKDOWN, lambda c: c.rules.exit_in_lockdown or not locked_down(c.rules, c.state)),
)
"""Few, for nobody must be kept inside: neither clock, roster, hours nor cooldown matter."""


def first_failing(table: Table[C], case: C) -> Reason | None:
    """The reason of the first rule that does not hold; None when all do."""
    return next((reason for reason, holds in table if not holds(case)), None)
