"""Whatever happens at the door, in whatever order: what must never be, and what must always be."""

import itertools
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from doorbus.wire.messages import (
    Action,
    Decision,
    Face,
    LockCommand,
    Reason,
    Recognition,
    RosterEntry,
    Trigger,
    Verdict,
)
from doorbus.wire.one_time import MEMORY_SECONDS
from doorbus_actuator import policy
from doorbus_actuator.policy import (
    Command,
    Confine,
    Deny,
    DoorMoved,
    Effect,
    Event,
    ExitRequested,
    Grant,
    LivenessMode,
    Lock,
    Now,
    Person,
    Relock,
    RosterChanged,
    Rules,
    Sighting,
    State,
    Tick,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROSTERS = {
    "none": None,
    "both": {"alice": Person(RosterEntry(person="alice")), "bob": Person(RosterEntry(person="bob"))},
    "bob disabled": {
        "alice": Person(RosterEntry(person="alice")),
        "bob": Person(RosterEntry(person="bob", enabled=False)),
    },
    "alice elsewhere": {"alice": Person(RosterEntry(person="alice", doors=("back",)))},
    "alice expired": {"alice": Person(RosterEntry(person="alice", valid_until=NOON))},
    "alice strict": {"alice": Person(RosterEntry(person="alice", threshold=0.99))},
}


class Digits:
    """Six codes that are always right."""

    def valid(self, code: str, wall: datetime) -> bool:
        return code in "012345" and wall.tzinfo is not None


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Jump:
    seconds: float


@dataclass(frozen=True)
class Frame:
    camera: str
    number: int
    picture: str | None
    age: float
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class Roster:
    name: str


@dataclass(frozen=True)
class Order:
    command: LockCommand


@dataclass(frozen=True)
class Leave:
    """Somebody inside presses the exit button."""


@dataclass(frozen=True)
class Move:
    is_open: bool


@dataclass(frozen=True)
class Lockdown:
    on: bool


Happening = Wait | Jump | Frame | Roster | Order | Leave | Move | Lockdown

people = st.sampled_from(["alice", "alice", "bob", "carol", None])


@st.composite
def faces(draw: st.DrawFn) -> Face:
    who = draw(people)
    good = draw(st.booleans()) or draw(st.booleans())
    return Face(
        box=(0.0, 0.0, draw(st.sampled_from([100.0, 140.0, 50.0])), 100.0),
        size=draw(st.sampled_from([None, 60.0, 90.0])) if good else draw(st.sampled_from([0.0, 31.0, 32.0, 180.0])),
        sharpness=draw(st.sampled_from([None, 100.0])) if good else draw(st.sampled_from([19.0, 20.0])),
        quality=0.9 if good else draw(st.sampled_from([0.0, 0.24, 0.25])),
        verdict=Verdict.MATCH if who else draw(st.sampled_from([Verdict.UNKNOWN, Verdict.AMBIGUOUS])),
        person=who,
        confidence=0.9 if good else draw(st.sampled_from([0.0, 0.79, 0.8, 1.0])),
        similarity=0.8 if good else draw(st.sampled_from([None, 0.5])),
        runner_up=draw(st.sampled_from([None, 0.1])) if good else draw(st.sampled_from([None, 0.44, 0.47])),
        live=0.9 if good else draw(st.sampled_from([None, 0.1, 0.5])),
        lids=draw(st.sampled_from([0.25, 0.19, 0.15, 0.1, None])),
        lids_apart=draw(st.sampled_from([0.01, 0.01, 0.2, None])),
        aspect=draw(st.sampled_from([0.7, 0.7, 0.5, None])),
        yaw=draw(st.sampled_from([0.0, 9.0, 18.0, -25.0, None])),
    )


frames = st.builds(
    Frame,
    camera=st.sampled_from(["porch", "porch", "garage"]),
    number=st.integers(0, 30),
    picture=st.sampled_from([None, None, *"abcd"]),
    age=st.sampled_from([0.0, 0.1, 0.1, 0.2, 1.0, 2.0, 2.5, -0.4, -1.0]),
    faces=st.lists(faces(), max_size=2).map(tuple),
)
orders = st.builds(
    lambda action, seconds, id_, code: Order(LockCommand(action=action, seconds=seconds, id=id_, code=code)),
    st.sampled_from(Action),
    st.sampled_from([None, 1.0, 29.0, 3000.0]),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, "0", "1", "9"]),
)
happenings = st.one_of(
    frames,
    frames,
    frames,
    orders,
    st.sampled_from([0.05, 0.1, 0.5, 1.0, 3.0, 6.5, 40.0, 130.0]).map(Wait),
    st.sampled_from([-3600.0, -1.0, 1.0, 3600.0]).map(Jump),
    st.sampled_from(sorted(ROSTERS)).map(Roster),
    st.just(Leave()),
    st.booleans().map(Move),
    st.sampled_from([False, False, True]).map(Lockdown),
)
some_rules = st.builds(
    Rules,
    door=st.just("front"),
    liveness=st.sampled_from(LivenessMode),
    votes=st.sampled_from(["2/2", "2/3", "2/5"]),
    cooldown_seconds=st.sampled_from([0.0, 1.0, 6.0]),
    codes=st.sampled_from([None, Digits()]),
    out_of_view_seconds=st.sampled_from([0.0, 2.0, 10.0]),
    exit_unlocks=st.sampled_from([True, True, False]),
    exit_in_lockdown=st.booleans(),
    relock=st.sampled_from(Relock),
)


@dataclass
class Seen:
    """What a witness at the door notes of a frame."""

    camera: str
    captured_at: datetime
    age: float
    faces: tuple[Face, ...]
    clock_trusted: bool
    first_time: bool
    picture: str | None
    at: float


@dataclass
class History:
    """Plays happenings and keeps a witness's own notes, apart from the policy's state."""

    rules: Rules
    state: State = field(default_factory=State)
    wall: datetime = NOON
    monotonic: float = 0.0
    roster: str = "none"
    lockdown: bool = False
    open_until: float = -math.inf
    """Until when the door was told to stay unlocked."""
    open_since: float = -math.inf
    held: float = 0.0
    """For how long it was told so last."""
    last_jump: float = -math.inf
    seen: list[tuple[str, Seen]] = field(default_factory=list)
    grants: list[tuple[float, Grant]] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    """When the pulse of each of them was over, or is to be."""
    told: list[tuple[float, Decision]] = field(default_factory=list)
    views: list[tuple[float, str | None]] = field(default_factory=list)
    """When each person was on a frame in a way that makes a vote."""
    rosters: list[float] = field(default_factory=list)
    spent: list[tuple[tuple[str, ...], float]] = field(default_factory=list)
    """The frames of each opening, and when it was."""
    ids_used: set[str] = field(default_factory=set)
    codes_used: dict[str, float] = field(default_factory=dict)

    def play(self, happening: Happening) -> tuple[Effect, ...]:
        match happening:
            case Wait(seconds):
                self.wall += timedelta(seconds=seconds)
                self.monotonic += seconds
                return self._decide(Tick())
            case Jump(seconds):
                self.wall += timedelta(seconds=seconds)
                if abs(seconds) > 2:
                    self.last_jump = self.monotonic
                return self._decide(Tick())
            case Roster(name):
                self.roster = name
                self.rosters.append(self.monotonic)
                return self._decide(RosterChanged(ROSTERS[name]))
            case Order(command):
                return self._decide(Command(command))
            case Frame():
                return self._see(happening)
            case _:
                return self._inside(happening)

    def _inside(self, happening: Leave | Move | Lockdown) -> tuple[Effect, ...]:
        match happening:
            case Leave():
                return self._leave()
            case Move(is_open):
                effects = self._decide(DoorMoved(is_open))
                wanted = Relock.OPENING if is_open else Relock.CLOSING
                assert self.rules.relock is wanted or Lock() not in effects
                return effects
            case Lockdown(on):
                self.lockdown = on
                return self._decide(Confine(on))

    def _see(self, frame: Frame) -> tuple[Effect, ...]:
        camera, number, picture, age, faces = frame.camera, frame.number, frame.picture, frame.age, frame.faces
        captured_at = self.wall - timedelta(seconds=age)
        frame_id = f"f{number}"
        first_time = frame_id not in {known for known, _ in self.seen}
        trusted = self.monotonic - self.last_jump >= 5
        new_picture = picture is None or all(one.picture != picture for _, one in self.seen)
        seen = Seen(camera, captured_at, age, faces, trusted, first_time, picture, self.monotonic)
        self.seen.append((frame_id, seen))
        if first_time and new_picture and trusted and -0.5 <= age <= 2.0:
            self.views += [(self.monotonic, one.person) for one in faces if self._votes(one)]
        recognition = Recognition(
            frame_id=frame_id,
            captured_at=captured_at,
            recognized_at=self.wall,
            recognizer="one",
            model="m",
            digest=None if picture is None else picture * 32,
            faces=faces,
        )
        return self._decide(Sighting(camera, recognition, 0.0))

    def _leave(self) -> tuple[Effect, ...]:
        """Whoever leaves is let out, whatever has happened, unless the settings say that the button does less."""
        open_before = self.open_until
        effects = self._decide(ExitRequested())
        may = self.rules.exit_unlocks and (self.rules.exit_in_lockdown or not self.lockdown)
        exits = [one for one in effects if isinstance(one, Grant)]
        assert len(exits) == int(may)
        assert all(one.decision.trigger is Trigger.EXIT_BUTTON for one in exits)
        if may:
            assert exits[0].seconds >= self.rules.unlock_seconds
            assert self.monotonic + exits[0].seconds >= open_before - 1e-6, "an exit cut a hold short"
        return effects

    def _decide(self, event: Event) -> tuple[Effect, ...]:
        self.state, effects = policy.decide(self.rules, self.state, event, Now(self.wall, self.monotonic))
        for effect in effects:
            if isinstance(effect, Grant):
                self._witness(effect, event)
                self.grants.append((self.monotonic, effect))
                self.ends.append(self.monotonic + effect.seconds)
                if self.monotonic >= self.open_until:
                    self.open_since = self.monotonic
                self.held = effect.seconds
                self.open_until = self.monotonic + effect.seconds
            elif isinstance(effect, Lock):
                self.open_until = -math.inf
                self.ends = [min(end, self.monotonic) for end in self.ends]
            elif isinstance(effect, Deny):
                self.told.append((self.monotonic, effect.decision))
        if isinstance(event, Command) and event.command.action is not Action.LOCK:
            self.ids_used |= {event.command.id} - {None}  # type: ignore[arg-type]
        return effects

    def _witness(self, grant: Grant, event: Event) -> None:
        assert 0 < grant.seconds <= self.rules.max_hold_seconds
        if grant.decision.trigger is Trigger.EXIT_BUTTON:
            assert isinstance(event, ExitRequested)
            return
        assert not self.lockdown, "opened from outside in lockdown"
        by_command = grant.decision.trigger is Trigger.COMMAND
        if self.monotonic < self.open_until:
            longest = self.open_since + self.rules.longest_hold
            assert self.monotonic + grant.seconds <= longest + 1e-6, "held open for longer than anybody may"
        for (at, before), end in zip(self.grants, self.ends, strict=True):
            if before.decision.trigger is Trigger.EXIT_BUTTON:
                continue
            if by_command and (before.decision.trigger is not Trigger.COMMAND or self._is_held_for_longer(event)):
                continue
            assert self.monotonic >= max(at + self.rules.cooldown_seconds, end), "opened in the cooldown"
            again = before.decision.person is not None and before.decision.person == grant.decision.person
            assert not again or self._out_of_view(before.decision.person, at), "opened again for who never left"
        if grant.decision.trigger is Trigger.COMMAND:
            assert isinstance(event, Command)
            self._witness_command(event.command)
        else:
            assert isinstance(event, Sighting)
            self._witness_votes(grant.decision, event)

    def _is_held_for_longer(self, event: Event) -> bool:
        """Whether a command finds the door unlocked, and asks for more than whoever had it unlocked."""
        seconds = event.command.seconds if isinstance(event, Command) else None
        return self.monotonic < self.open_until and seconds is not None and seconds > self.held

    def _out_of_view(self, person: str | None, since: float) -> bool:
        """Whether nobody could have seen `person` for as long as is asked, at some time since then."""
        views = [
            since,
            *(at for at, one in self.views if one == person and since < at < self.monotonic),
            self.monotonic,
        ]
        longest = max(later - earlier for earlier, later in itertools.pairwise(views))
        return longest >= self.rules.out_of_view_seconds or any(at >= since for at in self.rosters)

    def _witness_command(self, command: LockCommand) -> None:
        assert command.action is not Action.LOCK
        assert command.id not in self.ids_used
        if self.rules.codes is not None:
            assert command.code is not None
            assert command.code in "012345"
            assert self.monotonic - self.codes_used.get(command.code, -math.inf) > MEMORY_SECONDS
            self.codes_used[command.code] = self.monotonic

    def _witness_votes(self, decision: Decision, event: Sighting) -> None:
        roster = ROSTERS[self.roster]
        assert roster is not None, "opened without a roster"
        assert decision.person in roster, "opened for somebody who is not on the roster"
        rights = roster[decision.person].rights
        assert rights.enabled
        assert rights.doors is None or "front" in rights.doors
        assert rights.valid_until is None or self.wall < rights.valid_until
        assert self.monotonic - self.last_jump >= self.rules.clock_settle_seconds, (
            "opened while the clock was implausible"
        )
        assert len(set(decision.frame_ids)) >= self.rules.votes_needed, "opened without the votes"
        assert event.recognition.frame_id in decision.frame_ids
        used = {frame_id for _, grant in self.grants for frame_id in grant.decision.frame_ids}
        assert not used & set(decision.frame_ids), "opened twice by one frame"
        votes = [one for frame_id, one in self.seen if frame_id in decision.frame_ids and one.first_time]
        assert len(votes) == len(decision.frame_ids), "opened by a frame seen before"
        for vote in votes:
            assert vote.camera == event.camera
            assert -0.5 <= vote.age <= 2.0
            assert vote.clock_trusted
            largest = max(map(_width, vote.faces))
            assert any(
                self._convincing(face, decision.person, rights.threshold) and _width(face) >= largest / 2
                for face in vote.faces
            )
        if self.rules.liveness is LivenessMode.CHALLENGE:
            self._witness_blink(decision.person, event.camera)
        pictures = [vote.picture for vote in votes if vote.picture]
        assert len(pictures) == len(set(pictures)), "opened by two of the same picture"
        for frame_ids, at in self.spent:
            earlier = {one.picture for known, one in self.seen if known in frame_ids and one.first_time} - {None}
            again = [one for one in votes if one.picture in earlier]
            assert all(one.at - at > 60 for one in again), "opened twice by a picture within a minute"
        self.spent.append((decision.frame_ids, self.monotonic))
        moments = [vote.captured_at for vote in votes]
        assert max(moments) - min(moments) <= timedelta(seconds=self.rules.vote_window_seconds)
        between = [
            one
            for _, one in self.seen[-200:]
            if one.first_time
            and one.camera == event.camera
            and one.clock_trusted
            and -0.5 <= one.age <= 2.0
            and min(moments) < one.captured_at < max(moments)
        ]
        outvoted = [one for one in between if one not in votes]
        assert len(outvoted) + len(votes) <= self.rules.votes_of, "opened by votes too far apart"

    def _witness_blink(self, person: str | None, camera: str) -> None:
        """That somebody was seen to turn, or to blink with the lids seen on their way."""
        theirs = [
            face
            for _, one in self.seen
            for face in one.faces
            if face.person == person and one.camera == camera and one.first_time and self.monotonic - one.at <= 8.1
        ]
        lids = [face.lids for face in theirs if face.lids is not None]
        yaws = [face.yaw for face in theirs if face.yaw is not None]
        blinked = len(lids) >= 7 and min(lids) < 0.55 * max(lids) and len({0.15, 0.19} & set(lids)) > 1
        assert blinked or max(yaws) - min(yaws) >= 18, "opened without what was asked"

    def _votes(self, face: Face) -> bool:
        """Whether a face names somebody convincingly enough for the roster of now."""
        people = ROSTERS[self.roster] or {}
        if face.person is None:
            return False
        own = people[face.person].rights.threshold if face.person in people else None
        return face.confidence >= (own or 0.8) and self._convincing(face, face.person, own)

    def _convincing(self, face: Face, person: str, own: float | None) -> bool:
        alive = self.rules.liveness is LivenessMode.OFF or (face.live is not None and face.live >= 0.5)
        clear = face.runner_up is None or (face.similarity is not None and face.similarity - face.runner_up >= 0.0499)
        # The threshold may have changed between two votes: the least that any roster asks holds for all.
        near = _width(face) >= 32 and (face.sharpness is None or face.sharpness >= 20) and face.quality >= 0.25
        return face.person == person and face.confidence >= min(0.8, own or 1.0) and alive and clear and near


def _width(face: Face) -> float:
    """Between the eyes, in pixels; half of the box at least if it is not told."""
    return face.box[2] / 2 if face.size is None else face.size


@settings(max_examples=300)
@given(some_rules, st.lists(happenings, max_size=60))
def test_the_door_never_opens_against_the_rules(rules: Rules, story: list[Happening]) -> None:
    history = History(rules)
    history.play(Roster("both"))
    for happening in story:
        history.play(happening)
    assert len(history.state.frames) <= policy.MAX_REMEMBERED
    assert len(history.grants) <= len(story)


@settings(max_examples=150)
@given(some_rules, st.lists(happenings, max_size=40))
def test_whatever_happened_a_resident_gets_in_in_the_end(rules: Rules, story: list[Happening]) -> None:
    history = History(rules)
    for happening in story:
        history.play(happening)
    history.play(Lockdown(on=False))
    history.play(Roster("both"))
    for _ in range(11):  # as long as no challenge may be asked after many that failed
        history.play(Wait(30.0))
    before = len(history.grants)
    for number, lids in enumerate([0.25, 0.25, 0.25, 0.25, 0.25, 0.19, 0.15, 0.1, 0.25, 0.25]):
        face = Face(
            box=(0.0, 0.0, 99.0, 99.0),
            verdict=Verdict.MATCH,
            person="alice",
            confidence=0.9,
            live=0.9,
            quality=0.9,
            yaw=0.0,
            lids=lids,
            lids_apart=0.01,
            aspect=0.7,
        )
        history.play(Frame("porch", 100 + number, f"{number}", 0.05, (face,)))
        history.play(Wait(0.1))
    assert len(history.grants) == before + 1


@settings(max_examples=150)
@given(some_rules, st.lists(happenings, max_size=60))
def test_equal_denials_are_told_at_most_once_a_second_and_none_is_left_untold(
    rules: Rules, story: list[Happening]
) -> None:
    history = History(rules)
    for happening in story:
        history.play(happening)
    for _ in range(8):
        history.play(Wait(2.0))
    last: dict[tuple[Reason, str | None, Trigger], float] = {}
    granted = {at for at, _ in history.grants}
    for at, denial in history.told:
        key = (denial.reason, denial.person, denial.trigger)
        assert at in granted or at - last.get(key, -math.inf) >= 1.0
        last[key] = at
    assert history.state.tallies == {}


@settings(max_examples=100)
@given(some_rules, st.lists(happenings, max_size=40))
def test_a_decision_depends_on_nothing_but_its_arguments(rules: Rules, story: list[Happening]) -> None:
    one, other = History(rules), History(rules)
    for each in (one, other):
        each.play(Wait(0.0))  # a step of the clock can be noticed by a policy only that has seen it before
    assert [one.play(happening) for happening in story] == [other.play(happening) for happening in story]
    assert one.state == other.state
