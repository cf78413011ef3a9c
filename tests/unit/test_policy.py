"""What happens at the door, told as stories. Times are in seconds since the story began."""

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from doorbus.wire.messages import (
    Action,
    Ask,
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
from doorbus_actuator import policy
from doorbus_actuator.policy import (
    AskFor,
    Command,
    CommandMode,
    Deny,
    DoorMoved,
    Effect,
    Event,
    ExitRequested,
    Grant,
    LivenessMode,
    Lock,
    Now,
    OpeningFailed,
    Person,
    Relock,
    RosterChanged,
    Rules,
    Sighting,
    State,
    Tick,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ONE_VOTE = Rules(door="front", votes="1/1")


class Between:
    """Open from one hour of the day (UTC) to another."""

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last

    def open_at(self, moment: datetime) -> bool:
        return self._first <= moment.hour < self._last


class OneCode:
    """Knows the codes that are right, and how often it was asked."""

    def __init__(self, *right: str) -> None:
        self._right = right
        self.asked = 0

    def valid(self, code: str, wall: datetime) -> bool:
        assert wall.tzinfo is not None
        self.asked += 1
        return code in self._right


def match(person: str = "alice", **changes: Any) -> Face:
    fields: dict[str, Any] = {
        "box": (0.0, 0.0, 100.0, 100.0),
        "verdict": Verdict.MATCH,
        "person": person,
        "confidence": 0.95,
        "similarity": 0.8,
        "runner_up": 0.1,
        "live": 0.99,
        "yaw": 0.0,
        "pitch": 0.0,
        "roll": 0.0,
        "lids": 0.25,
        "lids_apart": 0.01,
        "aspect": 0.7,
    }
    return Face(**(fields | changes))


def digest_of(picture: str) -> str:
    return hashlib.sha256(picture.encode()).hexdigest()[:32]


def stranger(verdict: Verdict = Verdict.UNKNOWN) -> Face:
    return match().model_copy(update={"verdict": verdict, "person": None, "confidence": 0.1})


def person(name: str = "alice", hours: policy.Hours | None = None, **rights: Any) -> Person:
    return Person(RosterEntry(person=name, **rights), hours)


@dataclass
class Door:
    """A door whose people are alice and bob; time passes only when told."""

    rules: Rules = field(default_factory=lambda: Rules(door="front"))
    people: Iterable[Person] | None = (person("alice"), person("bob"))
    state: State = field(default_factory=State)
    wall: datetime = NOON
    monotonic: float = 1000.0
    choice: float = 0.0
    told: list[Decision] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    _ids: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.happens(Tick())
        if self.people is not None:
            self.roster(*self.people)

    @property
    def now(self) -> Now:
        return Now(self.wall, self.monotonic)

    def happens(self, event: Event) -> tuple[Effect, ...]:
        self.state, effects = policy.decide(self.rules, self.state, event, self.now)
        for effect in effects:
            if isinstance(effect, Grant | Deny):
                self.told.append(effect.decision)
            elif isinstance(effect, AskFor):
                self.asks.append(effect.challenge.ask)
        return effects

    def wait(self, seconds: float) -> tuple[Effect, ...]:
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds
        return self.happens(Tick())

    def roster(self, *people: Person) -> None:
        self.happens(RosterChanged({one.rights.person: one for one in people}))

    def frame(
        self, *faces: Face, frame_id: str | None = None, age: float = 0.1, picture: str | None = None, **more: Any
    ) -> Recognition:
        return Recognition(
            frame_id=frame_id or f"f{next(self._ids)}",
            captured_at=self.wall - timedelta(seconds=age),
            recognized_at=self.wall,
            recognizer="one",
            model="m",
            digest=None if picture is None else digest_of(picture),
            faces=faces,
            **more,
        )

    def sees(self, *faces: Face, camera: str = "porch", **frame: Any) -> tuple[Effect, ...]:
        return self.happens(Sighting(camera, self.frame(*faces, **frame), self.choice))

    def sees_in_turn(self, *frames: tuple[Face, ...], pause: float = 0.1, camera: str = "porch") -> list[Effect]:
        effects: list[Effect] = []
        for faces in frames:
            effects += self.sees(*faces, camera=camera)
            effects += self.wait(pause)
        return effects

    def told_to(self, action: Action = Action.UNLOCK, **fields: Any) -> tuple[Effect, ...]:
        return self.happens(Command(LockCommand(action=action, **fields)))


def opened(effects: Iterable[Effect]) -> bool:
    return any(isinstance(effect, Grant) for effect in effects)


def grant(effects: Iterable[Effect]) -> Grant:
    (found,) = (effect for effect in effects if isinstance(effect, Grant))
    return found


def reasons(effects: Iterable[Effect]) -> list[Reason]:
    return [effect.decision.reason for effect in effects if isinstance(effect, Deny)]


def try_twice(door: Door, *faces: Face) -> tuple[Effect, ...]:
    return (*door.sees(*faces), *door.wait(0.1), *door.sees(*faces))


# A resident comes home.


def test_a_resident_seen_on_two_frames_is_let_in() -> None:
    door = Door()
    assert not opened(door.sees(match(), frame_id="first"))
    door.wait(0.1)
    opening = grant(door.sees(match(confidence=0.93), frame_id="second"))
    assert opening.seconds == 3.0
    assert opening.decision == Decision(
        outcome=Outcome.GRANTED,
        reason=Reason.MATCHED,
        trigger=Trigger.FACE,
        at=door.wall,
        person="alice",
        confidence=0.93,
        camera="porch",
        frame_ids=("first", "second"),
        seconds=3.0,
    )


def test_entering_is_not_told_as_a_denial_first() -> None:
    door = Door()
    effects = [*try_twice(door, match()), *door.wait(10)]
    assert opened(effects)
    assert reasons(effects) == []


def test_who_waited_for_votes_is_not_told_of_once_the_door_is_open() -> None:
    door = Door()
    door.sees(match("bob"))
    door.told_to()
    assert reasons(door.wait(10)) == []


def test_one_frame_of_a_resident_passing_by_opens_nothing_and_is_told_once_the_window_has_passed() -> None:
    door = Door()
    effects = [*door.sees(match(), frame_id="passing"), *door.wait(1.4)]
    assert effects == []
    (denial,) = door.wait(0.1)
    assert isinstance(denial, Deny)
    assert (denial.decision.reason, denial.decision.person) == (Reason.AWAITING_VOTES, "alice")
    assert denial.decision.frame_ids == ("passing",)
    assert denial.decision.count == 1


def test_two_of_three_frames_are_enough() -> None:
    door = Door()
    assert opened(door.sees_in_turn((match(),), (stranger(),), (match(),)))


def test_two_of_four_frames_are_too_few() -> None:
    door = Door()
    assert not opened(door.sees_in_turn((match(),), (stranger(),), (stranger(),), (match(),)))


def test_frames_without_any_face_count_against_the_person() -> None:
    door = Door()
    assert not opened(door.sees_in_turn((match(),), (), (), (match(),)))


def test_votes_must_lie_within_the_window() -> None:
    late, in_time = Door(), Door()
    assert not opened(late.sees_in_turn((match(),), (match(),), pause=1.501))
    assert opened(in_time.sees_in_turn((match(),), (match(),), pause=1.5))


def test_the_window_is_measured_between_the_captures() -> None:
    door = Door()
    door.sees(match(), age=1.9)
    assert not opened(door.sees(match(), age=0.0))
    assert opened(door.sees(match(), age=0.0))


def test_frames_that_arrive_out_of_order_still_count() -> None:
    door = Door()
    door.sees(match(), age=0.1, frame_id="later")
    opening = grant(door.sees(match(), age=0.2, frame_id="earlier"))
    assert opening.decision.frame_ids == ("earlier", "later")


def test_a_frame_older_than_the_last_three_opens_nothing() -> None:
    door = Door()
    for age in (0.3, 0.2, 0.1):
        door.sees(stranger(), age=age)
    door.sees(match(), age=0.0)
    assert not opened(door.sees(match(), age=1.0))


def test_votes_of_different_cameras_do_not_add_up() -> None:
    door = Door()
    assert not opened([*door.sees(match(), camera="porch"), *door.sees(match(), camera="garage")])


def test_votes_for_different_people_do_not_add_up() -> None:
    door = Door()
    assert not opened(door.sees_in_turn((match("alice"),), (match("bob"),)))


def test_two_residents_side_by_side_open_the_door_once_for_the_surer_one() -> None:
    door = Door()
    effects = try_twice(door, match("alice", confidence=0.9), match("bob", confidence=0.95))
    assert grant(effects).decision.person == "bob"
    assert reasons([*effects, *door.wait(5)]) == []


def test_a_resident_is_let_in_beside_a_stranger_and_the_stranger_is_reported() -> None:
    door = Door()
    effects = try_twice(door, match(), stranger())
    assert opened(effects)
    assert reasons(effects) == [Reason.UNKNOWN_FACE]
    assert reasons(Door(ONE_VOTE).sees(stranger(), match(), stranger(Verdict.AMBIGUOUS))) == [
        Reason.UNKNOWN_FACE,
        Reason.AMBIGUOUS_FACE,
    ]


def test_a_stranger_is_reported_beside_one_who_is_let_in_and_one_who_still_waits_for_votes() -> None:
    door = Door()
    door.sees(match())
    effects = door.sees(match(), match("bob"), stranger())
    assert opened(effects)
    assert reasons([*effects, *door.wait(10)]) == [Reason.UNKNOWN_FACE]


def test_one_vote_of_one_opens_at_the_first_frame() -> None:
    assert opened(Door(ONE_VOTE).sees(match()))


def test_three_votes_of_three_need_the_third() -> None:
    door = Door(Rules(door="front", votes="3/3"))
    assert not opened(door.sees_in_turn((match(),), (match(),)))
    assert opened(door.sees(match()))


# Somebody else comes.


def test_a_stranger_stepping_through_a_residents_frames_stays_outside() -> None:
    door = Door()
    effects = door.sees_in_turn((match(),), (stranger(),), (stranger(),), (stranger(),))
    assert not opened(effects)
    assert Reason.UNKNOWN_FACE in reasons(effects)


def test_a_stranger_after_a_resident_who_was_kept_waiting_is_not_let_in_on_their_votes() -> None:
    door = Door()
    door.told_to()
    door.wait(5.85)
    assert reasons(try_twice(door, match())) == [Reason.COOLDOWN]
    door.wait(0.1)
    assert not opened(door.sees(stranger()))


@pytest.mark.parametrize(
    ("face", "reason"),
    [
        (stranger(), Reason.UNKNOWN_FACE),
        (stranger(Verdict.AMBIGUOUS), Reason.AMBIGUOUS_FACE),
        (match(size=31.9), Reason.TOO_SMALL),
        (match(size=22.0, sharpness=200.0, quality=0.14), Reason.TOO_SMALL),
        (match(box=(0.0, 0.0, 63.9, 90.0)), Reason.TOO_SMALL),
        (match(size=32.0, box=(0.0, 0.0, 20.0, 20.0), sharpness=19.9), Reason.BLURRED),
        (match(quality=0.24), Reason.LOW_QUALITY),
        (match(quality=0.0), Reason.LOW_QUALITY),
        (match(confidence=0.79), Reason.LOW_CONFIDENCE),
        (match(similarity=0.5, runner_up=0.46), Reason.LOW_MARGIN),
        (match(similarity=None, runner_up=0.1), Reason.LOW_MARGIN),
        (match(live=None), Reason.LIVENESS_MISSING),
        (match(live=0.49), Reason.NOT_LIVE),
        (match(live=0.0), Reason.NOT_LIVE),
        (match("carol"), Reason.NOT_ON_ROSTER),
    ],
)
def test_a_face_that_breaks_a_rule_stays_outside_with_the_reason(face: Face, reason: Reason) -> None:
    door = Door()
    effects = try_twice(door, face)
    assert not opened(effects)
    assert reasons(effects) == [reason]
    assert door.told[0].person == face.person
    assert door.told[0].confidence == face.confidence
    assert door.told[0].outcome is Outcome.DENIED
    assert door.told[0].trigger is Trigger.FACE


@pytest.mark.parametrize(
    "face",
    [
        match(size=32.0),
        match(sharpness=20.1),
        match(size=32.0, box=(0.0, 0.0, 40.0, 40.0), sharpness=20.0, quality=0.25),
        match(box=(0.0, 0.0, 64.0, 64.0)),
        match(confidence=0.8),
        match(similarity=0.85, runner_up=0.8),
        match(similarity=0.2, runner_up=0.15),
        match(similarity=None, runner_up=None),
        match(live=0.5),
    ],
)
def test_a_face_just_good_enough_is_let_in(face: Face) -> None:
    assert opened(try_twice(Door(), face))


def test_a_frame_that_breaks_a_face_rule_is_no_vote() -> None:
    door = Door()
    assert not opened(door.sees_in_turn((match(live=0.1),), (match(),)))


@pytest.mark.parametrize("size", [44.9, 45.0 / 2, 0.0])
def test_a_resident_far_behind_a_stranger_does_not_open_the_door_for_them(size: float) -> None:
    door = Door(Rules(door="front", min_size=0.0))
    in_front = stranger().model_copy(update={"size": 90.0})
    effects = [*try_twice(door, in_front, match(size=size)), *try_twice(door, match(size=size), in_front)]
    assert not opened(effects)
    assert set(reasons(effects)) == {Reason.UNKNOWN_FACE, Reason.IN_BACKGROUND}


@pytest.mark.parametrize(
    "in_front",
    [
        match("bob", size=180.0),
        match("bob", size=180.0, live=0.0),
        match(size=180.0, quality=0.1),
        stranger(Verdict.AMBIGUOUS).model_copy(update={"size": 180.0}),
        stranger().model_copy(update={"box": (0.0, 0.0, 360.0, 10.0)}),
    ],
)
def test_who_stands_in_front_need_not_be_a_good_face_to_put_others_into_the_background(in_front: Face) -> None:
    effects = Door(ONE_VOTE, people=[person("alice")]).sees(in_front, match(size=89.0))
    assert not opened(effects)
    assert Reason.IN_BACKGROUND in reasons(effects)


def test_a_face_half_as_large_as_the_largest_still_votes() -> None:
    assert opened(try_twice(Door(), stranger().model_copy(update={"size": 90.0}), match(size=45.0)))


def test_of_two_residents_side_by_side_either_may_open_the_door() -> None:
    for sizes in ((80.0, 80.0), (80.0, 60.0), (60.0, 80.0)):
        door = Door(people=[person("bob")])
        assert (
            grant(try_twice(door, match("alice", size=sizes[0]), match("bob", size=sizes[1]))).decision.person == "bob"
        )


def test_faces_on_other_frames_put_nobody_into_the_background() -> None:
    door = Door()
    frames = [(match(size=40.0),), (stranger().model_copy(update={"size": 400.0}),), (match(size=40.0),)]
    assert opened(door.sees_in_turn(*frames))


def test_a_face_in_the_background_counts_against_the_votes_there_are() -> None:
    door = Door()
    hidden = (stranger().model_copy(update={"size": 200.0}), match(size=40.0))
    assert not opened(door.sees_in_turn((match(),), hidden, hidden, (match(),)))


def test_nothing_is_asked_of_how_a_face_is_seen_where_the_measures_are_zero() -> None:
    rules = Rules(door="front", min_size=0.0, min_sharpness=0.0, min_quality=0.0, background=0.0)
    poor = match(size=1.0, sharpness=0.0, quality=0.0)
    assert opened(try_twice(Door(rules), stranger().model_copy(update={"size": 500.0}), poor))


def test_a_recognizer_that_tells_nothing_of_size_and_quality_is_measured_by_its_boxes() -> None:
    near = Face.model_validate(
        {"box": (0.0, 0.0, 100.0, 100.0), "verdict": "match", "person": "alice", "confidence": 0.9, "live": 0.9},
        strict=False,
    )
    far = near.model_copy(update={"box": (0.0, 0.0, 60.0, 60.0)})
    behind = near.model_copy(update={"box": (0.0, 0.0, 70.0, 70.0)})
    assert opened(try_twice(Door(), near))
    assert reasons(try_twice(Door(), far)) == [Reason.TOO_SMALL]
    in_front = stranger().model_copy(update={"box": (0.0, 0.0, 200.0, 200.0)})
    assert Reason.IN_BACKGROUND in reasons(try_twice(Door(), in_front, behind))


def test_liveness_off_asks_for_none() -> None:
    assert opened(try_twice(Door(Rules(door="front", liveness=LivenessMode.OFF)), match(live=None)))
    assert opened(try_twice(Door(Rules(door="front", liveness=LivenessMode.OFF)), match(live=0.0)))


def test_a_person_with_a_threshold_of_their_own_is_held_to_it() -> None:
    strict = Door(people=[person("alice", threshold=0.97)])
    assert reasons(try_twice(strict, match(confidence=0.95))) == [Reason.LOW_CONFIDENCE]
    lenient = Door(people=[person("alice", threshold=0.6)])
    assert opened(try_twice(lenient, match(confidence=0.6)))


# The same picture is one vote.


def test_a_still_that_is_sent_under_many_ids_is_one_vote() -> None:
    door = Door()
    effects = [*door.sees(match(), picture="still")]
    for _ in range(300):
        effects += door.wait(0.1)
        effects += door.sees(match(), picture="still")
    assert not opened(effects)
    assert set(reasons(effects)) == {Reason.AWAITING_VOTES, Reason.SAME_PICTURE}


def test_pictures_that_differ_are_votes_whatever_they_show() -> None:
    door = Door()
    assert not opened(door.sees(match(), picture="one"))
    assert opened(door.sees(match(), picture="other"))


def test_a_camera_that_freezes_opens_the_door_no_second_time() -> None:
    door = Door(Rules(door="front", votes="1/1"))
    assert opened(door.sees(match(), picture="frozen"))
    effects: list[Effect] = []
    for _ in range(60):
        door.wait(5)
        effects += door.sees(match(), picture="frozen")
    assert not opened(effects)
    assert set(reasons(effects)) == {Reason.SAME_PICTURE}


def test_a_picture_counts_again_when_it_was_away_for_more_than_a_minute() -> None:
    door = Door(ONE_VOTE)
    assert opened(door.sees(match(), picture="still"))
    door.wait(60)
    assert reasons(door.sees(match(), picture="still")) == [Reason.SAME_PICTURE]
    door.wait(60.1)
    assert opened(door.sees(match(), picture="still"))


def test_a_picture_counts_once_for_all_cameras_of_a_door() -> None:
    door = Door(ONE_VOTE)
    assert opened(door.sees(match(), picture="still", camera="porch"))
    door.wait(30)
    assert reasons(door.sees(match(), picture="still", camera="garage")) == [Reason.SAME_PICTURE]


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        ({"enabled": False}, Reason.DISABLED),
        ({"doors": ("back",)}, Reason.NOT_ENTITLED),
        ({"valid_until": NOON - timedelta(days=1)}, Reason.NO_LONGER_VALID),
    ],
)
def test_somebody_whom_no_picture_would_let_in_is_told_why_also_for_the_same_picture(
    rights: dict[str, Any], reason: Reason
) -> None:
    door = Door()
    door.roster(person(**rights))
    effects: list[Effect] = []
    for _ in range(3):
        effects += door.sees(match(), picture="still")
        effects += door.wait(2)
    assert set(reasons(effects)) == {reason}


def test_a_stranger_beside_a_still_is_a_stranger() -> None:
    door = Door()
    door.sees(match(), picture="still")
    told = door.sees(match(), stranger(), picture="still")
    assert set(reasons(told)) == {Reason.SAME_PICTURE, Reason.UNKNOWN_FACE}


def test_a_frame_that_comes_twice_is_told_as_a_replay_not_as_the_same_picture() -> None:
    door = Door()
    door.sees(match(), frame_id="one", picture="still")
    assert reasons(door.sees(match(), frame_id="one", picture="still")) == [Reason.REPLAYED]


@pytest.mark.parametrize(
    "first",
    [(), (stranger(),), (match(live=0.1),), (match(size=20.0),), (match(confidence=0.1),)],
    ids=["nobody", "a stranger", "not live", "too small", "unsure"],
)
def test_a_picture_that_was_no_vote_may_be_one_later(first: tuple[Face, ...]) -> None:
    door = Door(ONE_VOTE)
    door.sees(*first, picture="still")
    door.wait(0.1)
    assert opened(door.sees(match(), picture="still"))


def test_a_vote_of_a_stale_frame_does_not_spend_its_picture() -> None:
    door = Door(ONE_VOTE)
    assert reasons(door.sees(match(), picture="still", age=3.0)) == [Reason.STALE]
    assert opened(door.sees(match(), picture="still"))


def test_a_vote_in_the_cooldown_spends_its_picture() -> None:
    door = Door(ONE_VOTE)
    door.told_to()
    assert reasons(door.sees(match(), picture="still")) == [Reason.COOLDOWN]
    door.wait(6)
    assert reasons(door.sees(match(), picture="still")) == [Reason.SAME_PICTURE]


def test_the_same_picture_counts_neither_for_nor_against_the_votes_there_are() -> None:
    door = Door()
    door.sees(match(), picture="still")
    for _ in range(3):
        door.wait(0.1)
        door.sees(match(), picture="still")
    assert opened(door.sees(match(), picture="other"))


def test_a_step_of_the_clock_makes_no_picture_new() -> None:
    door = Door(ONE_VOTE)
    door.sees(match(), picture="still")
    door.wall += timedelta(days=1)
    door.wait(0.1)
    door.wait(10)
    assert reasons(door.sees(match(), picture="still")) == [Reason.SAME_PICTURE]


def test_a_recognizer_that_sends_no_digest_is_not_held_to_it() -> None:
    assert opened(try_twice(Door(), match()))


def test_a_still_does_not_do_what_a_challenge_asks_step_by_step() -> None:
    door = challenged()
    for number in range(3):
        door.sees(match(), picture=f"open {number}")
        door.wait(0.1)
    for picture, lids in (("half", 0.19), ("nearly", 0.15), ("closed", 0.1), ("open 1", 0.25), ("open 2", 0.25)):
        assert not opened(door.sees(match(lids=lids), picture=picture))
        door.wait(0.1)
    assert opened(door.sees(match(), picture="open again"))


def test_the_memory_for_pictures_is_bounded_and_keeps_those_that_come_again() -> None:
    door = Door(Rules(door="front", cooldown_seconds=3600.0))
    door.told_to()
    for number in range(4100):
        door.wait(0.01)
        door.sees(match(), picture=f"{number}")
        if number == 4000:
            door.sees(match(), picture="0")
    assert len(door.state.pictures) == 4096
    assert [digest_of(f"{number}") in door.state.pictures for number in (0, 4, 5)] == [True, False, True]
    door.wait(1)
    assert reasons(door.sees(match(), picture="0")) == [Reason.SAME_PICTURE]


def test_strangers_cannot_have_a_spent_picture_forgotten() -> None:
    door = Door(ONE_VOTE)
    door.sees(match(), picture="still")
    for number in range(5000):
        door.wait(0.01)
        door.sees(stranger(), picture=f"{number}")
    assert reasons(door.sees(match(), picture="still")) == [Reason.SAME_PICTURE]


# Who may, where and when.


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (person(enabled=False), Reason.DISABLED),
        (person(valid_from=NOON + timedelta(seconds=1)), Reason.NOT_YET_VALID),
        (person(valid_until=NOON), Reason.NO_LONGER_VALID),
        (person(doors=("back",)), Reason.NOT_ENTITLED),
        (person(doors=()), Reason.NOT_ENTITLED),
        (person(hours=Between(7, 12)), Reason.OUTSIDE_HOURS),
    ],
)
def test_a_person_without_the_right_stays_outside_with_the_reason(who: Person, reason: Reason) -> None:
    effects = Door(ONE_VOTE, people=[who]).sees(match())
    assert not opened(effects)
    assert reasons(effects) == [reason]


@pytest.mark.parametrize(
    "who",
    [
        person(valid_from=NOON),
        person(valid_from=NOON - timedelta(days=1)),
        person(valid_until=NOON + timedelta(seconds=1)),
        person(doors=("back", "front")),
        person(hours=Between(12, 13)),
    ],
)
def test_a_person_with_the_right_is_let_in(who: Person) -> None:
    assert opened(Door(ONE_VOTE, people=[who]).sees(match()))


def test_the_door_is_shut_outside_its_hours() -> None:
    door = Door(Rules(door="front", hours=Between(7, 12)))
    assert reasons(try_twice(door, match())) == [Reason.OUTSIDE_HOURS]


def test_the_doors_hours_and_the_persons_must_both_be_open() -> None:
    door = Door(Rules(door="front", hours=Between(7, 19)), people=[person(hours=Between(0, 8))])
    assert reasons(try_twice(door, match())) == [Reason.OUTSIDE_HOURS]


def test_nobody_is_let_in_before_there_is_a_whole_roster() -> None:
    door = Door(people=None)
    assert reasons(try_twice(door, match())) == [Reason.ROSTER_INCOMPLETE]


def test_a_roster_lost_shuts_the_door_and_a_new_one_opens_it() -> None:
    door = Door()
    door.happens(RosterChanged(None))
    assert reasons(try_twice(door, match())) == [Reason.ROSTER_INCOMPLETE]
    door.roster(person("alice"))
    assert opened(door.sees(match()))


def test_a_person_removed_between_two_votes_stays_outside() -> None:
    door = Door()
    door.sees(match())
    door.roster(person("bob"))
    assert reasons(door.sees(match())) == [Reason.NOT_ON_ROSTER]


def test_lockdown_opens_for_nobody_but_locks() -> None:
    door = Door(Rules(door="front", lockdown=True))
    assert reasons(try_twice(door, match())) == [Reason.LOCKDOWN]
    assert reasons(door.told_to()) == [Reason.LOCKDOWN]
    assert door.told_to(Action.LOCK) == (Lock(),)


# Time.


@pytest.mark.parametrize(
    ("age", "reason"), [(2.001, Reason.STALE), (3600.0, Reason.STALE), (-0.501, Reason.FROM_THE_FUTURE)]
)
def test_a_frame_of_another_time_opens_nothing(age: float, reason: Reason) -> None:
    door = Door()
    assert reasons([*door.sees(match(), age=age), *door.sees(match(), age=age)]) == [reason]


@pytest.mark.parametrize("age", [2.0, -0.5])
def test_a_frame_at_the_edge_of_its_age_counts(age: float) -> None:
    door = Door()
    assert opened([*door.sees(match(), age=age), *door.sees(match(), age=age)])


def test_stale_frames_neither_help_nor_hinder() -> None:
    door = Door()
    door.sees(match())
    door.sees(stranger(), age=5)
    door.sees(match(), age=5)
    assert opened(door.sees(match()))


def test_a_replayed_recognition_opens_nothing() -> None:
    door = Door()
    door.sees(match(), frame_id="once")
    door.wait(0.1)
    assert reasons(door.sees(match(), frame_id="once")) == [Reason.REPLAYED]


def test_a_recognition_that_opened_the_door_does_not_open_it_again_after_the_cooldown() -> None:
    rules = Rules(door="front", cooldown_seconds=0.0, unlock_seconds=0.2, out_of_view_seconds=0.0)
    door = Door(rules)
    first, second = door.frame(match()), door.frame(match())
    replay = [Sighting("porch", frame, 0.0) for frame in (first, second)]
    assert opened([*door.happens(replay[0]), *door.happens(replay[1])])
    door.wait(0.5)
    assert not opened([*door.happens(replay[0]), *door.happens(replay[1])])


def test_the_ids_of_a_cameras_frames_are_used_up_by_no_other_camera() -> None:
    door = Door(ONE_VOTE)
    door.sees(stranger(), frame_id="1", camera="yard")

    assert opened(door.sees(match("alice"), frame_id="1", camera="porch"))


def test_a_frame_id_forgotten_in_a_flood_still_counts_as_seen() -> None:
    door = Door(ONE_VOTE)
    door.sees(stranger(), frame_id="first", age=0.5)
    door.sees(stranger(), frame_id="second", age=0.8)
    for _ in range(1024):
        door.sees(stranger(), age=0.1)
    assert len(door.state.frames) == 1024
    assert not {"porch/first", "porch/second"} & door.state.frames.keys()
    assert reasons(door.sees(match("alice"), frame_id="first", age=0.5)) == [Reason.REPLAYED]
    door.wait(0.1)
    assert opened(door.sees(match()))


@pytest.mark.parametrize("age", [0.5, 0.6])
def test_in_a_flood_a_frame_as_old_as_a_forgotten_one_or_older_counts_as_seen(age: float) -> None:
    door = Door(ONE_VOTE)
    door.sees(stranger(), age=0.5)
    for _ in range(1024):
        door.sees(stranger(), age=0.1)
    assert reasons(door.sees(match(), age=age)) == [Reason.REPLAYED]


def test_a_frame_newer_than_the_forgotten_ones_counts() -> None:
    door = Door(ONE_VOTE)
    door.sees(stranger(), age=0.5)
    for _ in range(1024):
        door.sees(stranger(), age=0.1)
    assert opened(door.sees(match(), camera="garage", age=0.499))


def test_frame_ids_are_forgotten_in_time() -> None:
    door = Door()
    door.sees(stranger())
    door.wait(62.5)
    assert len(door.state.frames) == 1
    door.wait(0.1)
    assert len(door.state.frames) == 0
    assert opened(try_twice(door, match()))


def test_a_frame_dated_far_ahead_does_not_shut_out_the_frames_until_then() -> None:
    door = Door()
    door.sees(match(), age=-3600)
    door.wait(100)
    assert opened(try_twice(door, match()))


def test_a_clock_before_the_release_opens_for_no_face_but_for_a_command() -> None:
    door = Door(wall=datetime(1970, 1, 1, tzinfo=UTC))
    assert reasons(try_twice(door, match())) == [Reason.CLOCK_IMPLAUSIBLE]
    door.wait(600)
    assert not policy.clock_plausible(door.rules, door.state, door.now)
    assert opened(door.told_to())


def test_a_clock_is_plausible_from_the_release_on() -> None:
    release = datetime(2026, 1, 1, tzinfo=UTC)
    assert opened(Door(ONE_VOTE, wall=release).sees(match()))
    before = Door(ONE_VOTE.model_copy(update={"clock_settle_seconds": 0.0}), wall=release - timedelta(seconds=1))
    assert reasons(before.sees(match())) == [Reason.CLOCK_IMPLAUSIBLE]


def test_a_step_that_no_event_has_met_yet_is_seen_by_who_asks() -> None:
    door = Door()
    door.wall += timedelta(hours=1)
    assert not policy.clock_plausible(door.rules, door.state, door.now)


@pytest.mark.parametrize("step", [3600.0, -3600.0, 2.01, -2.01])
def test_a_step_of_the_clock_denies_faces_until_it_has_been_stable(step: float) -> None:
    door = Door()
    door.wall += timedelta(seconds=step)
    assert reasons(try_twice(door, match())) == [Reason.CLOCK_IMPLAUSIBLE]
    door.wait(4.89)
    assert not policy.clock_plausible(door.rules, door.state, door.now)
    assert not opened(door.sees(match()))
    door.wait(0.01)
    assert policy.clock_plausible(door.rules, door.state, door.now)
    assert opened(try_twice(door, match()))


def test_the_first_setting_of_a_clock_that_began_in_1970_heals_by_itself() -> None:
    door = Door(wall=datetime(1970, 1, 1, tzinfo=UTC))
    door.wait(60)
    door.wall = NOON
    door.wait(0.1)
    door.wait(5)
    assert opened(try_twice(door, match()))


@pytest.mark.parametrize("step", [2.0, -2.0, 0.3])
def test_a_small_step_of_the_clock_does_not_matter(step: float) -> None:
    door = Door(ONE_VOTE)
    door.wall += timedelta(seconds=step)
    assert opened(door.sees(match()))


def test_many_small_steps_are_a_large_one() -> None:
    door = Door()
    for _ in range(3):
        door.wall -= timedelta(seconds=0.9)
        door.wait(1)
    assert reasons(door.sees(match())) == [Reason.CLOCK_IMPLAUSIBLE]


@pytest.mark.parametrize("pause", [30, 31])
def test_small_steps_far_apart_do_not_add_up(pause: float) -> None:
    door = Door()
    for _ in range(6):
        door.wall += timedelta(seconds=1.9)
        door.wait(pause)
    assert opened(try_twice(door, match()))


def test_a_step_while_nobody_came_is_over_when_somebody_does() -> None:
    door = Door()
    door.wall += timedelta(hours=1)
    for _ in range(2):
        door.wait(policy.wake_at(door.state) - door.monotonic)
    assert opened(try_twice(door, match()))


def test_votes_from_before_a_step_do_not_count_after_it() -> None:
    door = Door(Rules(door="front", clock_settle_seconds=0.0))
    door.sees(match(), age=0.0)
    door.wall += timedelta(seconds=2.1)
    assert not opened(door.sees(match(), age=1.0))


def test_after_a_step_back_new_frames_are_not_taken_for_forgotten_ones() -> None:
    door = Door()
    for _ in range(1025):
        door.sees(stranger())
    door.wall -= timedelta(hours=1)
    door.wait(0.1)
    door.wait(5.1)
    assert opened(try_twice(door, match()))


# Cooldown and hold.


def test_the_door_does_not_open_again_in_the_cooldown_and_opens_right_after() -> None:
    door = Door(Rules(door="front", out_of_view_seconds=0.0))
    assert opened(try_twice(door, match()))
    door.wait(5.8)
    assert reasons(try_twice(door, match())) == [Reason.COOLDOWN]
    door.wait(0.125)
    assert opened(door.sees(match()))


def test_the_cooldown_ends_on_time() -> None:
    for again in (Door.told_to, lambda door: door.sees(match())):
        door = Door(ONE_VOTE)
        door.told_to()
        door.wait(6.0)
        assert opened(again(door))


def test_a_grant_uses_up_the_votes() -> None:
    door = Door(Rules(door="front", cooldown_seconds=0.0, unlock_seconds=0.2, out_of_view_seconds=0.0))
    assert opened(try_twice(door, match()))
    door.wait(0.3)
    assert not opened(door.sees(match()))
    assert opened(door.sees(match()))


def test_the_cooldown_lasts_at_least_as_long_as_the_door_is_held() -> None:
    door = Door()
    assert grant(door.told_to(seconds=20.0)).seconds == 20.0
    door.wait(19.9)
    assert reasons(door.told_to()) == [Reason.COOLDOWN]
    door.wait(0.1)
    assert opened(door.told_to())


def test_a_command_may_hold_a_door_that_is_open_for_longer() -> None:
    door = Door()
    assert grant(door.told_to()).seconds == 3.0
    door.wait(1)
    assert grant(door.told_to(seconds=10.0)).seconds == 10.0
    door.wait(9)
    assert grant(door.told_to(seconds=10.5)).seconds == 10.5
    door.wait(10.4)
    assert reasons(door.told_to()) == [Reason.COOLDOWN]
    door.wait(0.1)
    assert opened(door.told_to())


@pytest.mark.parametrize("asked", [None, 1.0, 3.0])
def test_a_command_that_asks_for_no_more_than_the_one_before_waits_for_the_cooldown(asked: float | None) -> None:
    door = Door()
    door.told_to()
    door.wait(2)
    assert reasons(door.told_to(seconds=asked)) == [Reason.COOLDOWN]


def test_a_command_for_longer_waits_for_the_cooldown_once_the_door_is_locked_again() -> None:
    door = Door()
    door.told_to()
    door.wait(3)
    assert reasons(door.told_to(seconds=20.0)) == [Reason.COOLDOWN]

    locked = Door()
    locked.told_to()
    locked.told_to(Action.LOCK)
    assert reasons(locked.told_to(seconds=20.0)) == [Reason.COOLDOWN]


def test_however_often_it_is_asked_the_door_is_held_open_no_longer_than_the_maximum_in_all() -> None:
    door = Door()
    door.told_to(seconds=20.0)
    door.wait(15)
    assert grant(door.told_to(seconds=25.0)).seconds == 15.0
    door.wait(1)
    for seconds in (29.0, 30.0, 3600.0):
        assert not opened(door.told_to(seconds=seconds))
    door.wait(14)
    assert grant(door.told_to(seconds=29.0)).seconds == 29.0


def test_an_exit_after_the_longest_hold_opens_the_door_for_as_long_as_any() -> None:
    door = Door()
    door.told_to(seconds=20.0)
    door.wait(15)
    door.told_to(seconds=25.0)
    door.wait(16)
    assert grant(door.happens(ExitRequested())).seconds == 3.0


def test_each_opening_has_the_whole_of_the_longest_hold() -> None:
    door = Door()
    door.told_to(seconds=20.0)
    door.wait(40)
    assert grant(door.told_to(seconds=30.0)).seconds == 30.0


def test_a_door_that_is_held_open_does_not_lock_behind_who_comes_in_by_a_face() -> None:
    rules = Rules(door="front", votes="1/1", cooldown_seconds=0.0, hold_open_seconds=60.0, relock=Relock.CLOSING)
    door = Door(rules)
    door.told_to(seconds=60.0)
    door.wait(31)
    assert grant(door.sees(match())).seconds == 29.0
    assert Lock() not in door.happens(DoorMoved(is_open=False))


def test_a_command_for_longer_needs_a_code_of_its_own() -> None:
    door = Door(Rules(door="front", codes=OneCode("1", "2")))
    assert opened(door.told_to(code="1"))
    assert reasons(door.told_to(seconds=20.0, code="1")) == [Reason.REPLAYED]
    assert opened(door.told_to(seconds=20.0, code="2"))


def test_a_face_that_comes_while_a_command_holds_the_door_is_told_how_long_it_stays_open() -> None:
    door = Door(Rules(door="front", votes="1/1", cooldown_seconds=0.0, out_of_view_seconds=0.0, hold_open_seconds=60.0))
    door.told_to(seconds=60.0)
    door.wait(59)
    assert grant(door.sees(match())).seconds == 1.0


@pytest.mark.parametrize(("asked", "held"), [(1.0, 1.0), (30.0, 30.0), (31.0, 30.0), (3600.0, 30.0), (None, 3.0)])
def test_no_command_holds_the_door_longer_than_the_maximum(asked: float | None, held: float) -> None:
    assert grant(Door().told_to(seconds=asked)).seconds == held


def test_locking_does_not_end_the_cooldown() -> None:
    door = Door()
    door.told_to()
    door.told_to(Action.LOCK)
    assert reasons(door.told_to()) == [Reason.COOLDOWN]


@pytest.mark.parametrize("end", [LockCommand(action=Action.LOCK), None])
def test_nobody_waits_for_the_end_of_a_hold_that_was_ended(end: LockCommand | None) -> None:
    door = Door(Rules(door="front", votes="1/1", unlock_seconds=20.0, relock=Relock.CLOSING))
    assert opened(door.sees(match("alice")))
    door.wait(4)
    assert Lock() in door.happens(DoorMoved(is_open=False) if end is None else Command(end))
    assert reasons(door.sees(match("bob"))) == [Reason.COOLDOWN]
    door.wait(2)
    assert opened(door.sees(match("bob")))


def test_a_command_does_not_wait_for_the_cooldown_of_a_face() -> None:
    door = Door(ONE_VOTE)
    assert opened(door.sees(match()))
    door.wait(1)
    assert opened(door.told_to())
    assert reasons(door.told_to()) == [Reason.COOLDOWN]
    door.wait(6)
    assert opened(door.told_to())


def test_a_face_waits_for_the_cooldown_of_a_command() -> None:
    door = Door(ONE_VOTE)
    door.told_to(seconds=8.0)
    door.wait(7.9)
    assert reasons(door.sees(match())) == [Reason.COOLDOWN]
    door.wait(0.1)
    assert opened(door.sees(match()))


# Somebody who was let in stays in front of the door.


def stays(door: Door, seconds: float, *faces: Face, pause: float = 0.1) -> list[Effect]:
    return door.sees_in_turn(*[faces] * round(seconds / pause), pause=pause)


def test_who_was_let_in_and_waits_for_a_friend_is_neither_denied_nor_let_in_again() -> None:
    door = Door()
    assert opened(try_twice(door, match()))
    assert stays(door, 60, match()) == []


def test_doubtful_frames_of_who_was_let_in_are_no_denials() -> None:
    door = Door()
    try_twice(door, match())
    doubtful = [match(live=0.1), match(live=None), match(confidence=0.3), match(runner_up=0.79)]
    assert door.sees_in_turn(*[(face,) for face in doubtful]) == []
    assert door.sees(match(), age=5) == ()


def test_who_was_out_of_view_for_a_while_is_let_in_anew() -> None:
    door = Door(ONE_VOTE)
    door.sees(match())
    door.wait(9.9)
    assert door.sees(match()) == ()
    door.wait(10.0)
    assert opened(door.sees(match()))


@pytest.mark.parametrize(
    ("face", "reason"),
    [
        (match(live=0.0), Reason.NOT_LIVE),
        (match(confidence=0.5), Reason.LOW_CONFIDENCE),
        (match(runner_up=0.79), Reason.LOW_MARGIN),
    ],
)
def test_neither_a_portrait_on_the_wall_nor_a_lookalike_keeps_somebody_in_view(face: Face, reason: Reason) -> None:
    door = Door(ONE_VOTE)
    door.sees(match())
    assert stays(door, 9.5, face) == []
    assert reasons(stays(door, 1, face))[:1] == [reason]
    assert opened(door.sees(match()))


def test_who_steps_back_is_still_in_view() -> None:
    door = Door(ONE_VOTE)
    door.sees(match())
    assert stays(door, 20, match(size=10.0, quality=0.05)) == []
    assert door.sees(match()) == ()


def test_others_are_judged_while_somebody_who_was_let_in_stays() -> None:
    door = Door()
    try_twice(door, match())
    assert reasons(door.sees(match(), stranger())) == [Reason.UNKNOWN_FACE]
    assert reasons([*try_twice(door, match("bob"), match())]) == [Reason.COOLDOWN]
    door.wait(6)
    assert grant(try_twice(door, match("bob"), match())).decision.person == "bob"


def test_a_frame_of_somebody_who_was_let_in_is_still_an_alarm_when_it_comes_twice() -> None:
    door = Door(ONE_VOTE)
    door.sees(match(), frame_id="once")
    assert reasons(door.sees(match(), frame_id="once")) == [Reason.REPLAYED]


@pytest.mark.parametrize(
    ("people", "reason"), [([person(enabled=False)], Reason.DISABLED), ([person("bob")], Reason.NOT_ON_ROSTER)]
)
def test_who_loses_the_right_while_in_view_is_denied(people: list[Person], reason: Reason) -> None:
    door = Door(ONE_VOTE)
    door.sees(match())
    door.roster(*people)
    assert reasons(door.sees(match())) == [reason]


def test_somebody_elses_change_on_the_roster_changes_nothing_for_who_was_let_in() -> None:
    door = Door(ONE_VOTE)
    door.sees(match())
    door.roster(person("alice"), person("carol"))
    assert door.sees(match()) == ()


def test_who_stands_before_a_relay_that_failed_is_tried_again() -> None:
    door = Door(ONE_VOTE)
    door.sees(match())
    door.happens(OpeningFailed("alice"))
    assert reasons(door.sees(match())) == [Reason.COOLDOWN]
    door.wait(6)
    assert opened(door.sees(match()))


def test_it_can_be_switched_off() -> None:
    door = Door(Rules(door="front", out_of_view_seconds=0.0))
    try_twice(door, match())
    assert reasons(door.sees(match())) == [Reason.COOLDOWN]
    openings = [effect for effect in stays(door, 60, match()) if isinstance(effect, Grant)]
    assert len(openings) == 9


def test_the_memory_for_who_was_let_in_is_bounded() -> None:
    crowd = [f"p{number}" for number in range(70)]
    door = Door(Rules(door="front", votes="1/1", cooldown_seconds=0.0, unlock_seconds=0.01), people=map(person, crowd))
    for one in crowd:
        assert opened(door.sees(match(one)))
        door.wait(0.02)
    assert list(door.state.admitted) == crowd[6:]


# Commands.


@pytest.mark.parametrize("action", [Action.UNLOCK, Action.OPEN])
def test_a_command_opens_without_a_face_out_of_hours_and_without_a_roster(action: Action) -> None:
    door = Door(Rules(door="front", hours=Between(0, 0)), people=None)
    opening = grant(door.told_to(action, id="c1", by="reception", issued_at=NOON - timedelta(seconds=1)))
    assert opening.decision == Decision(
        outcome=Outcome.GRANTED,
        reason=Reason.COMMANDED,
        trigger=Trigger.COMMAND,
        at=NOON,
        by="reception",
        command_id="c1",
        seconds=3.0,
    )


def test_who_opens_by_hand_is_told_in_words_that_do_no_more_than_be_read() -> None:
    opening = grant(Door().told_to(by="Eve\r\nlevel=error \u202e\x1b[31m"))
    assert opening.decision.by == "Eve??level=error ??[31m"


@pytest.mark.parametrize(
    ("age", "reason"), [(5.0, None), (5.1, Reason.STALE), (-0.5, None), (-0.6, Reason.FROM_THE_FUTURE)]
)
def test_a_command_of_another_time_opens_nothing(age: float, reason: Reason | None) -> None:
    effects = Door().told_to(issued_at=NOON - timedelta(seconds=age))
    assert reasons(effects) == ([reason] if reason else [])
    assert opened(effects) == (reason is None)


def test_a_command_that_does_not_say_when_is_of_now() -> None:
    assert opened(Door(Rules(door="front", command_max_age_seconds=0.5)).told_to())


@pytest.mark.parametrize("fields", [{}, {"id": "c1"}, {"issued_at": NOON}])
def test_where_commands_must_be_dated_one_that_lacks_its_time_or_id_opens_nothing(fields: dict[str, Any]) -> None:
    door = Door(Rules(door="front", commands=CommandMode.DATED))
    assert reasons(door.told_to(**fields)) == [Reason.UNDATED]
    assert opened(door.told_to(issued_at=NOON, id="c2"))
    assert door.told_to(Action.LOCK) == (Lock(),)


def test_where_plain_commands_do_a_dated_one_opens_as_well() -> None:
    assert opened(Door().told_to())
    assert opened(Door().told_to(issued_at=NOON, id="c1"))


def test_a_dated_command_is_held_to_its_date_and_id() -> None:
    door = Door(Rules(door="front", commands=CommandMode.DATED))
    assert reasons(door.told_to(issued_at=NOON - timedelta(seconds=6), id="c1")) == [Reason.STALE]
    door = Door(Rules(door="front", commands=CommandMode.DATED))
    assert opened(door.told_to(issued_at=NOON, id="c1"))
    assert reasons(door.told_to(issued_at=NOON, id="c1")) == [Reason.REPLAYED]


def test_a_command_that_comes_twice_opens_once() -> None:
    door = Door()
    assert opened(door.told_to(id="c1"))
    door.wait(10)
    effects = door.told_to(id="c1", by="me")
    assert reasons(effects) == [Reason.REPLAYED]
    assert (door.told[-1].by, door.told[-1].command_id) == ("me", "c1")
    assert door.told[-1].trigger is Trigger.COMMAND
    assert opened(door.told_to(id="c2"))


def test_a_command_id_is_remembered_for_ten_minutes() -> None:
    door = Door()
    door.told_to(id="c1")
    door.wait(600)
    assert reasons(door.told_to(id="c1")) == [Reason.REPLAYED]
    door.wait(600.1)
    assert opened(door.told_to(id="c1"))


def test_the_memory_for_commands_is_bounded() -> None:
    door = Door()
    for number in range(1034):
        door.told_to(id=f"c{number}")
    assert len(door.state.commands) == 1024
    assert "c10" in door.state.commands
    assert "c9" not in door.state.commands


def test_locking_is_always_obeyed() -> None:
    door = Door(Rules(door="front", codes=OneCode("123456"), lockdown=True))
    assert door.told_to(Action.LOCK, id="c1", issued_at=NOON - timedelta(days=1)) == (Lock(),)
    assert door.told_to(Action.LOCK, id="c1") == (Lock(),)


def test_with_codes_a_command_needs_one_and_each_opens_once() -> None:
    door = Door(Rules(door="front", codes=OneCode("123456", "654321"), cooldown_seconds=0.0, unlock_seconds=1.0))
    assert reasons(door.told_to()) == [Reason.CODE_MISSING]
    assert reasons(door.told_to(code="000000")) == [Reason.CODE_WRONG]
    assert opened(door.told_to(code="123456"))
    door.wait(1)
    assert reasons(door.told_to(code="123456")) == [Reason.REPLAYED]
    assert opened(door.told_to(code="654321"))


def test_an_empty_code_is_a_missing_one() -> None:
    assert reasons(Door(Rules(door="front", codes=OneCode(""))).told_to(code="")) == [Reason.CODE_MISSING]


def test_a_code_shown_in_the_cooldown_still_opens_when_that_is_over() -> None:
    door = Door(Rules(door="front", codes=OneCode("1", "2")))
    door.told_to(code="1")
    assert reasons([*door.told_to(code="2"), *door.told_to(code="2")]) == [Reason.COOLDOWN]
    assert reasons(door.wait(10)) == [Reason.COOLDOWN]
    assert opened(door.told_to(code="2"))
    door.wait(10)
    assert reasons(door.told_to(code="2")) == [Reason.REPLAYED]


def test_the_code_that_has_just_opened_is_no_alarm_when_it_is_sent_again_in_the_cooldown() -> None:
    door = Door(Rules(door="front", codes=OneCode("1")))
    assert opened(door.told_to(code="1"))
    assert reasons(door.told_to(code="1")) == [Reason.COOLDOWN]


def test_a_stale_command_does_not_use_up_its_code() -> None:
    door = Door(Rules(door="front", codes=OneCode("1")))
    door.told_to(code="1", issued_at=NOON - timedelta(seconds=10))
    assert opened(door.told_to(code="1"))


def test_a_used_code_is_remembered_longer_than_it_lives() -> None:
    door = Door(Rules(door="front", codes=OneCode("1")))
    door.told_to(code="1")
    door.wait(120)
    assert reasons(door.told_to(code="1")) == [Reason.REPLAYED]
    door.wait(0.1)
    assert opened(door.told_to(code="1"))


def test_guessing_codes_is_stopped_and_does_not_lock_the_right_one_out_for_good() -> None:
    codes = OneCode("123456")
    door = Door(Rules(door="front", codes=codes))
    for guess in range(50):
        door.told_to(code=f"{guess:06}")
    assert codes.asked == 5
    assert not opened(door.told_to(code="123456"))
    door.wait(59.9)
    assert not opened(door.told_to(code="123456"))
    door.wait(0.1)
    assert opened(door.told_to(code="123456"))


def test_without_codes_configured_a_code_is_ignored() -> None:
    door = Door(Rules(door="front", cooldown_seconds=0.0, unlock_seconds=1.0))
    assert opened(door.told_to(code="123456"))
    door.wait(1)
    assert opened(door.told_to(code="123456"))


# Denials are told, but not shouted.


def test_a_stranger_waiting_at_the_door_is_told_once_a_second_with_a_count() -> None:
    door = Door()
    effects = door.sees_in_turn(*[(stranger(),)] * 25)
    counts = [(e.decision.count, e.decision.at) for e in effects if isinstance(e, Deny)]
    assert [count for count, _ in counts] == [1, 9, 10]
    assert sum(count for count, _ in counts) + sum(t.count for t in door.state.tallies.values()) == 25


def test_what_was_counted_is_told_before_the_grant_that_ends_it() -> None:
    door = Door()
    door.sees_in_turn(*[(stranger(),)] * 3)
    door.sees(match())
    effects = door.sees(match())
    assert [type(effect) for effect in effects] == [Deny, Grant]
    assert isinstance(effects[0], Deny)
    assert (effects[0].decision.reason, effects[0].decision.count) == (Reason.UNKNOWN_FACE, 2)
    assert reasons(door.wait(10)) == []


def test_the_last_of_a_row_of_denials_is_told_without_another_frame() -> None:
    door = Door()
    door.sees_in_turn((stranger(),), (stranger(),), (stranger(),))
    (told,) = door.wait(0.7)
    assert isinstance(told, Deny)
    assert (told.decision.count, told.decision.frame_ids) == (2, ("f2",))
    assert door.wait(1.0) == ()
    assert door.state.tallies == {}


def test_denials_of_different_reasons_people_and_triggers_are_told_apart() -> None:
    door = Door(people=[person("alice", enabled=False), person("bob", enabled=False)])
    door.sees(match("alice"))
    door.sees(match("bob"))
    door.sees(match("bob", confidence=0.1))
    door.rules = door.rules.model_copy(update={"lockdown": True})
    door.sees(stranger())
    door.told_to()
    assert [(one.reason, one.person, one.trigger) for one in door.told] == [
        (Reason.DISABLED, "alice", Trigger.FACE),
        (Reason.DISABLED, "bob", Trigger.FACE),
        (Reason.LOW_CONFIDENCE, "bob", Trigger.FACE),
        (Reason.LOCKDOWN, None, Trigger.FACE),
        (Reason.LOCKDOWN, None, Trigger.COMMAND),
    ]


def test_a_flood_of_names_is_counted_without_them() -> None:
    door = Door()
    for number in range(306):
        door.sees(match(f"p{number}"))
    assert len(door.state.tallies) == 257
    assert [one.person for one in door.told].count(None) == 1
    (last,) = door.wait(1.0)
    assert isinstance(last, Deny)
    assert (last.decision.count, last.decision.person) == (49, None)


def test_the_memory_for_cameras_is_bounded() -> None:
    door = Door()
    for number in range(74):
        door.sees(match(), camera=f"c{number}")
    assert len(door.state.ballots) == 64
    assert opened(door.sees(match(), camera="c64"))


def test_votes_are_forgotten_in_time() -> None:
    door = Door()
    door.sees(match())
    door.wait(4.0)
    assert len(door.state.ballots) == 1
    door.wait(0.1)
    assert door.state.ballots == {}


def test_a_tick_is_due_when_something_is_to_be_told_and_every_half_minute_otherwise() -> None:
    door = Door()
    assert policy.wake_at(door.state) == door.monotonic + 30
    door.sees(stranger())
    assert policy.wake_at(door.state) == door.monotonic + 1
    assert policy.wake_at(State()) < door.monotonic


# Challenges.


def challenged(ask: Ask = Ask.BLINK) -> Door:
    """A door that has just asked alice for something."""
    choice = {Ask.BLINK: 0.0, Ask.TURN_LEFT: 0.5, Ask.TURN_RIGHT: 0.99}[ask]
    door = Door(Rules(door="front", liveness=LivenessMode.CHALLENGE), choice=choice)
    effects = try_twice(door, match())
    assert not opened(effects)
    assert reasons(effects) == [Reason.AWAITING_CHALLENGE]
    assert door.asks == [ask]
    door.wait(0.2)
    return door


LOOKS = [match()] * 3
"""How alice looks to the front."""
CLOSING = [match(lids=0.19), match(lids=0.15), match(lids=0.1)]
DONE = {
    Ask.BLINK: [*LOOKS, *CLOSING, match()],
    Ask.TURN_LEFT: [*LOOKS, match(yaw=9.0), match(yaw=18.0)],
    Ask.TURN_RIGHT: [*LOOKS, match(yaw=-9.0), match(yaw=-18.0)],
}


def in_turn(door: Door, faces: Iterable[Face], **how: Any) -> list[Effect]:
    return door.sees_in_turn(*[(face,) for face in faces], **how)


def test_a_challenge_says_what_where_and_until_when() -> None:
    door = Door(Rules(door="front", liveness=LivenessMode.CHALLENGE))
    (asked,) = (effect for effect in try_twice(door, match()) if isinstance(effect, AskFor))
    assert asked.challenge.camera == "porch"
    assert asked.challenge.expires_at == door.wall + timedelta(seconds=8)


@pytest.mark.parametrize("ask", DONE)
def test_who_does_what_is_asked_is_let_in(ask: Ask) -> None:
    door = challenged(ask)
    effects = in_turn(door, DONE[ask])
    assert grant(effects).decision.person == "alice"
    assert door.asks[-1] is Ask.NONE
    assert door.state.trial is None


def test_whoever_looks_aside_by_nature_turns_from_there() -> None:
    aside = [match(yaw=-15.0)] * 3
    assert opened(in_turn(challenged(Ask.TURN_LEFT), [*aside, match(yaw=-6.0), match(yaw=3.0)]))
    assert not opened(in_turn(challenged(Ask.TURN_RIGHT), [*aside, match(yaw=-18.0), match(yaw=-20.0)]))


@pytest.mark.parametrize("ask", DONE)
def test_who_does_something_else_is_not(ask: Ask) -> None:
    for other in set(DONE) - {ask}:
        assert not opened(in_turn(challenged(ask), DONE[other] * 3))


@pytest.mark.parametrize("picture", [match(lids=0.1), match(), match(yaw=25.0), match(yaw=-25.0), match(lids=None)])
@pytest.mark.parametrize("ask", DONE)
def test_a_picture_held_up_meets_no_challenge(ask: Ask, picture: Face) -> None:
    assert not opened(in_turn(challenged(ask), [picture] * 20))


@pytest.mark.parametrize(
    ("ask", "nearly"),
    [
        (Ask.BLINK, [*LOOKS, match(lids=0.2), match(lids=0.17), match(lids=0.14), match()]),
        (Ask.BLINK, [*LOOKS, *CLOSING, match(lids=0.2)]),
        (Ask.BLINK, [*LOOKS, *CLOSING]),
        (Ask.BLINK, [match(), *CLOSING, match()]),
        (Ask.BLINK, [*LOOKS, match(lids=None), match()]),
        (Ask.TURN_LEFT, [*LOOKS, match(yaw=9.0), match(yaw=17.9)]),
        (Ask.TURN_RIGHT, [*LOOKS, match(yaw=-9.0), match(yaw=-17.9)]),
        (Ask.TURN_LEFT, [match(), match(), match(yaw=9.0), match(yaw=18.0)]),
        (Ask.TURN_LEFT, [*LOOKS, match(yaw=None), match(yaw=18.0)]),
    ],
)
def test_who_nearly_does_it_is_not_let_in(ask: Ask, nearly: list[Face]) -> None:
    assert not opened(in_turn(challenged(ask), nearly))


@pytest.mark.parametrize("aspect", [0.59, 0.81, None])
def test_a_photo_that_is_tilted_until_its_eyes_look_closed_is_flatter_and_does_not_blink(aspect: float | None) -> None:
    tilted = match(lids=0.1, aspect=aspect)
    assert not opened(in_turn(challenged(), [*LOOKS, tilted, *LOOKS, tilted, match()]))


def test_eyes_that_are_closed_while_the_head_is_turned_do_not_blink() -> None:
    assert not opened(in_turn(challenged(), [*LOOKS, match(lids=0.1, yaw=12.5), match()]))


@pytest.mark.parametrize(
    "swapped",
    [
        {"yaw": 18.0},
        {"yaw": 9.0, "pitch": 20.0},
        {"yaw": 9.0, "roll": 11.0},
        {"yaw": 9.0, "box": (0.0, 0.0, 112.0, 112.0)},
        {"yaw": 9.0, "box": (20.0, 0.0, 100.0, 100.0)},
        {"yaw": 9.0, "similarity": 0.6},
    ],
)
def test_photos_that_are_swapped_show_nothing_in_between(swapped: dict[str, Any]) -> None:
    other = match(**swapped)
    turned = match(**(swapped | {"yaw": 18.0}))
    assert not opened(in_turn(challenged(Ask.TURN_LEFT), [*LOOKS, other, turned, turned]))


@pytest.mark.parametrize(
    "drawn",
    [
        {"similarity": 0.65},
        {"box": (4.5, 4.5, 91.0, 91.0)},
        {"sides_apart": -2.0},
        {"sides_apart": -22.0},
        {"ends_apart": 13.0},
        {"ends_apart": -10.0},
    ],
)
def test_a_face_of_two_pictures_turns_nowhere(drawn: dict[str, Any]) -> None:
    told: dict[str, Any] = {"sides_apart": -12.0, "ends_apart": 1.0}
    front, aside = [match(**told)] * 4, match(**(told | {"yaw": 18.0}))
    seam = match(**(told | {"yaw": 9.0, "similarity": 0.72} | drawn))
    assert not opened(in_turn(challenged(Ask.TURN_LEFT), [*front, seam, aside, seam, *front, seam, aside]))
    head = match(**(told | {"yaw": 9.0, "similarity": 0.72, "sides_apart": -8.0, "ends_apart": -3.0}))
    assert opened(in_turn(challenged(Ask.TURN_LEFT), [*front, head, aside]))


def test_the_front_is_seen_anew_once_the_recognizer_says_what_parts_of_the_face_tell() -> None:
    told: dict[str, Any] = {"sides_apart": -12.0, "ends_apart": 1.0}
    door = challenged(Ask.TURN_LEFT)
    turn = [match(**told, yaw=9.0), match(**told, yaw=18.0), match(**told, yaw=9.0)]
    assert not opened(in_turn(door, [*LOOKS, *turn]))
    assert opened(in_turn(door, [*[match(**told)] * 3, *turn]))


def test_a_face_that_is_less_like_its_owner_than_before_is_no_front() -> None:
    door = challenged(Ask.TURN_LEFT)
    shown = [match(similarity=0.8), match(similarity=0.76), *[match(similarity=0.72)] * 3]
    assert not opened(in_turn(door, [*shown, match(similarity=0.72, yaw=9.0), match(similarity=0.7, yaw=18.0)]))


def seen_of(*lids: float, **how: Any) -> list[Face]:
    """Frames on which the eyes are so far open, from the front and back."""
    return [*LOOKS, *(match(lids=one, **how) for one in lids), match()]


@pytest.mark.parametrize(
    "blink",
    [
        seen_of(0.18, 0.15, 0.1),
        seen_of(0.1, 0.15, 0.18),
        seen_of(0.1, 0.1, 0.14, 0.16, 0.19),
        seen_of(0.2, 0.17, 0.12, 0.1, 0.1, 0.17),
        seen_of(0.18, 0.15, 0.1, lids_apart=0.08),
    ],
)
def test_lids_that_are_seen_on_their_way_down_or_up_are_blink_enough(blink: list[Face]) -> None:
    assert opened(in_turn(challenged(), blink, pause=0.04))


@pytest.mark.parametrize(
    "swapped",
    [
        seen_of(0.1),
        seen_of(0.1, 0.1, 0.1),
        seen_of(0.17, 0.1, 0.1),
        seen_of(0.17, 0.1, 0.17),
        seen_of(0.17, 0.17, 0.1),
        seen_of(0.13, 0.12, 0.13, 0.15, 0.13),
        seen_of(0.18, 0.15, 0.1, lids_apart=0.1),
        seen_of(0.18, 0.15, 0.1, lids_apart=None),
    ],
)
def test_what_two_pictures_can_do_is_a_blink_only_with_a_turn_after_it(swapped: list[Face]) -> None:
    door = challenged()
    assert not opened(in_turn(door, swapped * 4, pause=0.04))
    assert door.asks == [Ask.BLINK, Ask.TURN_LEFT]
    assert opened(in_turn(door, DONE[Ask.TURN_LEFT]))


def test_lids_must_be_seen_on_their_way_for_longer_than_a_screen_takes_to_change() -> None:
    fast = seen_of(0.18, 0.15, 0.1, 0.1, 0.1)
    assert not opened(in_turn(challenged(), fast, pause=0.016))


def test_of_two_challenges_one_that_two_pictures_cannot_meet_is_enough() -> None:
    door = Door(Rules(door="front", liveness=LivenessMode.CHALLENGE, challenges=2), choice=0.5)
    try_twice(door, match())
    door.choice = 0.0
    door.wait(0.2)
    in_turn(door, DONE[Ask.TURN_LEFT])
    assert door.asks == [Ask.TURN_LEFT, Ask.BLINK]
    assert opened(in_turn(door, [match(), *seen_of(0.1)]))


def test_photos_of_open_and_of_closed_eyes_that_are_swapped_do_not_blink() -> None:
    closed = match(lids=0.1, box=(25.0, 0.0, 100.0, 100.0))
    assert not opened(in_turn(challenged(), [*LOOKS, closed, match(), closed, match()]))


def test_who_was_out_of_sight_begins_anew_because_it_may_be_a_picture_now() -> None:
    door = challenged(Ask.TURN_LEFT)
    in_turn(door, [*LOOKS, match(yaw=9.0)])
    door.wait(0.4)
    assert not opened(in_turn(door, [match(yaw=18.0)] * 3))


def test_a_slow_camera_is_given_the_time_that_it_needs() -> None:
    assert opened(in_turn(challenged(Ask.TURN_LEFT), DONE[Ask.TURN_LEFT], pause=0.4))


def test_one_frame_that_is_lost_does_not_matter() -> None:
    door = challenged(Ask.TURN_LEFT)
    in_turn(door, LOOKS)
    door.wait(0.1)
    assert opened(in_turn(door, DONE[Ask.TURN_LEFT][3:]))


def test_who_begins_too_early_may_go_back_and_turn_again() -> None:
    early = [match(yaw=9.0), match(yaw=18.0), match(yaw=9.0)]
    assert opened(in_turn(challenged(Ask.TURN_LEFT), [*early, *DONE[Ask.TURN_LEFT]]))


def test_a_head_that_is_turned_counts_although_it_is_less_like_its_owner() -> None:
    seen: dict[str, Any] = {
        "yaw": 18.0,
        "confidence": 0.7,
        "similarity": 0.7,
        "runner_up": 0.68,
        "quality": 0.2,
        "sharpness": 10.0,
    }
    assert not opened(in_turn(door := challenged(Ask.TURN_LEFT), [*LOOKS, match(yaw=9.0), match(**seen)]))
    assert opened(in_turn(door, [match(yaw=9.0), match()]))


def test_eyes_that_stay_closed_are_no_blink() -> None:
    assert not opened(in_turn(challenged(), [*LOOKS, *[match(lids=0.1)] * 17, match()]))


def test_where_the_recognizer_knows_no_lids_a_turn_is_asked_instead() -> None:
    door = challenged()
    blind = match(lids=None)
    in_turn(door, [blind] * 13)
    assert door.asks == [Ask.BLINK]
    in_turn(door, [blind] * 2)
    assert door.asks == [Ask.BLINK, Ask.TURN_LEFT]
    assert opened(in_turn(door, [blind] * 5 + [match(yaw=yaw, lids=None) for yaw in (9.0, 18.0)]))


def test_two_challenges_in_a_row_are_two_different_ones() -> None:
    door = Door(Rules(door="front", liveness=LivenessMode.CHALLENGE, challenges=2))
    try_twice(door, match())
    door.wait(0.2)
    assert not opened(in_turn(door, DONE[Ask.BLINK]))
    assert door.asks == [Ask.BLINK, Ask.TURN_LEFT]
    assert opened(in_turn(door, [match(), *DONE[Ask.TURN_LEFT]]))
    assert door.asks == [Ask.BLINK, Ask.TURN_LEFT, Ask.NONE]


def test_the_second_of_two_challenges_that_fails_opens_nothing() -> None:
    door = Door(Rules(door="front", liveness=LivenessMode.CHALLENGE, challenges=2))
    try_twice(door, match())
    door.wait(0.2)
    in_turn(door, DONE[Ask.BLINK])
    effects = [*in_turn(door, DONE[Ask.BLINK] * 2), *door.wait(8)]
    assert not opened(effects)
    assert reasons(effects)[-1] == Reason.CHALLENGE_FAILED


def test_who_has_the_votes_of_one_camera_is_not_said_to_lack_those_of_another() -> None:
    door = challenged()
    door.sees(match())
    door.sees(match(), camera="garage")
    assert Reason.AWAITING_VOTES not in reasons([*door.sees(match()), *door.wait(3)])


def test_a_stranger_who_blinks_for_a_resident_does_not_help() -> None:
    door = challenged()
    closed = stranger().model_copy(update={"lids": 0.1})
    assert not opened(in_turn(door, [*LOOKS, closed, match(), match("bob", lids=0.1), match()]))


def test_a_strangers_frame_in_between_does_not_undo_what_was_done() -> None:
    assert opened(in_turn(challenged(), [*LOOKS, stranger(), *CLOSING, match()]))


def test_two_faces_of_the_same_person_on_a_frame_do_not_count_for_a_challenge() -> None:
    frames = [*[(face,) for face in LOOKS], (match(), match(lids=0.1)), (match(),)]
    assert not opened(challenged().sees_in_turn(*frames))


def test_what_another_camera_sees_does_not_count_for_a_challenge() -> None:
    assert not opened(in_turn(challenged(), DONE[Ask.BLINK], camera="garage"))


def test_a_photo_in_the_challenge_that_is_not_live_does_not_count() -> None:
    assert not opened(in_turn(challenged(), [*LOOKS, match(lids=0.1, live=0.1), match(), match()]))


def test_what_was_captured_before_the_challenge_does_not_count() -> None:
    door = challenged()
    for number, lids in enumerate((0.25, 0.25, 0.25, 0.1)):
        door.sees(match(lids=lids), age=1.0 - number / 10)
    assert not opened(door.sees(match(), age=0.0))


def test_frames_in_a_challenge_count_only_in_their_order() -> None:
    door = challenged()
    in_turn(door, LOOKS)
    door.wait(0.2)
    door.sees(match(), age=0.1)
    door.sees(match(lids=0.1), age=0.2)
    assert not opened(door.sees(match(), age=0.05))


def test_frames_of_the_same_moment_do_not_make_a_blink() -> None:
    door = challenged()
    in_turn(door, LOOKS)
    for lids in (0.1, 0.25):
        assert not opened(door.sees(match(lids=lids), age=0.1))


def test_a_challenge_met_while_votes_are_missing_opens_once_they_are_there() -> None:
    door = challenged()
    looks = [*LOOKS, *CLOSING, stranger(), stranger(), match()]
    frames = [(face,) for face in looks]
    assert not opened(door.sees_in_turn(*frames, pause=0.05))
    assert opened(door.sees(match()))


def test_a_challenge_not_met_in_time_fails_and_is_set_again_after_a_pause() -> None:
    door = challenged()
    assert not reasons(door.wait(7.7))
    effects = door.wait(0.1)
    assert reasons(effects) == [Reason.CHALLENGE_FAILED]
    assert door.told[-1].person == "alice"
    assert door.told[-1].camera == "porch"
    assert door.asks == [Ask.BLINK, Ask.NONE]
    door.wait(5.8)
    assert reasons(try_twice(door, match())) == [Reason.CHALLENGE_FAILED]
    door.wait(0.1)
    assert reasons(door.sees(match())) == [Reason.AWAITING_CHALLENGE]
    assert door.asks == [Ask.BLINK, Ask.NONE, Ask.BLINK]


def pauses(door: Door, number: int) -> list[float]:
    """How long nothing is asked after each of so many challenges that fail."""
    waited = []
    for _ in range(number):
        asked = len(door.asks)
        while door.asks[-1] is not Ask.NONE:
            door.wait(0.5)
        began = door.monotonic
        while len(door.asks) == asked + 1:
            door.wait(0.5)
            try_twice(door, match())
        waited.append(door.monotonic - began)
    return waited


def test_every_challenge_that_fails_doubles_the_pause_up_to_five_minutes() -> None:
    assert pauses(challenged(), 8) == pytest.approx([6, 12, 24, 48, 96, 192, 300, 300], abs=1)


def test_who_gets_in_or_stays_away_long_enough_makes_the_next_pause_a_short_one() -> None:
    let_in, away = challenged(), challenged()
    pauses(let_in, 3)
    assert opened(in_turn(let_in, [match(), *DONE[Ask.BLINK]]))
    let_in.wait(60)
    try_twice(let_in, match())
    pauses(away, 3)
    away.wait(8)
    away.wait(901)
    try_twice(away, match())
    assert [pauses(door, 1) for door in (let_in, away)] == [[pytest.approx(6, abs=1)]] * 2


def test_a_challenge_is_ended_by_the_clock_alone() -> None:
    door = challenged()
    door.wait(1.5)
    assert policy.wake_at(door.state) <= door.monotonic + 8
    door.wait(policy.wake_at(door.state) - door.monotonic)
    while door.state.trial is not None:
        door.wait(policy.wake_at(door.state) - door.monotonic)
    assert door.monotonic == pytest.approx(1008.1)


def test_only_one_challenge_at_a_time() -> None:
    door = challenged()
    effects = try_twice(door, match("bob"))
    assert reasons(effects) == [Reason.AWAITING_CHALLENGE]
    assert door.asks == [Ask.BLINK]
    assert not opened(in_turn(door, [match("bob", lids=lids) for lids in (0.25, 0.25, 0.25, 0.1, 0.25)]))


def test_two_residents_side_by_side_get_one_challenge() -> None:
    door = Door(Rules(door="front", liveness=LivenessMode.CHALLENGE))
    try_twice(door, match("alice"), match("bob"))
    assert door.asks == [Ask.BLINK]


def test_a_command_ends_a_challenge() -> None:
    door = challenged()
    assert opened(door.told_to())
    assert door.asks == [Ask.BLINK, Ask.NONE]
    assert reasons(in_turn(door, DONE[Ask.BLINK])) == [Reason.COOLDOWN]


@pytest.mark.parametrize(
    ("choice", "ask"),
    [(0.0, Ask.BLINK), (0.33, Ask.BLINK), (0.34, Ask.TURN_LEFT), (0.66, Ask.TURN_LEFT), (0.67, Ask.TURN_RIGHT)],
)
def test_chance_picks_what_is_asked(choice: float, ask: Ask) -> None:
    door = Door(Rules(door="front", liveness=LivenessMode.CHALLENGE), choice=choice)
    try_twice(door, match())
    assert door.asks == [ask]


# Faces that are too close, or at the edge.


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((200.0, 100.0, 193.0, 193.0), Reason.TOO_CLOSE),
        ((0.0, 100.0, 100.0, 100.0), Reason.AT_THE_EDGE),
        ((200.0, -1.0, 100.0, 100.0), Reason.AT_THE_EDGE),
        ((540.0, 100.0, 100.0, 100.0), Reason.AT_THE_EDGE),
        ((200.0, 380.0, 100.0, 100.0), Reason.AT_THE_EDGE),
    ],
)
def test_a_face_of_which_the_surroundings_are_not_seen_opens_nothing_and_is_asked_to_step_back(
    box: tuple[float, ...], reason: Reason
) -> None:
    door = Door(ONE_VOTE)
    effects = door.sees(match(box=box), width=640, height=480)
    assert reasons(effects) == [reason]
    (asked,) = (effect.challenge for effect in effects if isinstance(effect, AskFor))
    assert (asked.ask, asked.camera, asked.expires_at) == (Ask.STEP_BACK, "porch", door.wall + timedelta(seconds=2))


@pytest.mark.parametrize("box", [(200.0, 100.0, 192.0, 192.0), (1.0, 1.0, 100.0, 100.0), (539.0, 379.0, 100.0, 100.0)])
def test_a_face_with_enough_around_it_opens(box: tuple[float, ...]) -> None:
    assert opened(Door(ONE_VOTE).sees(match(box=box), width=640, height=480))


def test_a_recognizer_that_does_not_say_how_large_frames_are_is_not_held_to_it() -> None:
    assert opened(Door(ONE_VOTE).sees(match(box=(0.0, 0.0, 400.0, 400.0))))


def test_without_liveness_nobody_needs_to_step_back() -> None:
    rules = Rules(door="front", votes="1/1", liveness=LivenessMode.OFF)
    assert opened(Door(rules).sees(match(box=(0.0, 0.0, 400.0, 400.0)), width=640, height=480))


def test_who_stays_too_close_is_asked_again_in_time_and_who_steps_back_no_longer() -> None:
    door = Door(ONE_VOTE)
    for _ in range(20):
        door.sees(match(box=(0.0, 0.0, 300.0, 300.0)), width=640, height=480)
        door.wait(0.1)
    assert door.asks == [Ask.STEP_BACK] * 2
    assert opened(door.sees(match(box=(200.0, 100.0, 100.0, 100.0)), width=640, height=480))
    assert door.asks == [Ask.STEP_BACK, Ask.STEP_BACK, Ask.NONE]


def test_advice_ends_by_itself() -> None:
    door = Door(ONE_VOTE)
    door.sees(match(box=(0.0, 0.0, 300.0, 300.0)), width=640, height=480)
    assert policy.wake_at(door.state) <= door.monotonic + 2
    door.wait(2)
    assert door.asks == [Ask.STEP_BACK, Ask.NONE]


def test_strangers_are_not_asked_to_step_back() -> None:
    door = Door(ONE_VOTE)
    door.sees(stranger().model_copy(update={"box": (0.0, 0.0, 300.0, 300.0)}), width=640, height=480)
    assert door.asks == []


def test_a_challenge_is_not_taken_back_by_somebody_too_close() -> None:
    door = challenged()
    door.sees(match("bob", box=(0.0, 0.0, 300.0, 300.0)), width=640, height=480)
    assert door.asks == [Ask.BLINK]


def test_the_tables_name_every_reason_of_a_denial() -> None:
    table = {
        reason for reason, _ in (*policy.FACE_TABLE, *policy.CODE_RULES, *policy.COMMAND_RULES, *policy.EXIT_RULES)
    }
    assert table == set(Reason) - {
        Reason.MATCHED,
        Reason.CODE_ACCEPTED,
        Reason.COMMANDED,
        Reason.EXIT_REQUESTED,
        Reason.RELAY_FAILED,
        Reason.JOURNAL_FAILED,
    }
