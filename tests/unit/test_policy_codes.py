"""PINs and tags at a door: alone where that is set, or after a face, and never faster than allowed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import (
    Credential,
    Decision,
    Face,
    HashedCredential,
    Outcome,
    Reason,
    Recognition,
    RosterEntry,
    Trigger,
    Verdict,
)
from doorbus_actuator import policy
from doorbus_actuator.policy import (
    Confine,
    Deny,
    Effect,
    Event,
    Grant,
    LivenessMode,
    Now,
    Person,
    Presented,
    RosterChanged,
    Rules,
    Sighting,
    State,
    Tick,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CODES = {"274163": "alice", "993755": "bob", "04A21B32": "carol"}


class Shut:
    """Hours that are never open."""

    def open_at(self, moment: datetime) -> bool:
        return moment.tzinfo is None


class OneTime:
    """The one-time password of the door."""

    def valid(self, code: str, wall: datetime) -> bool:
        return code == "555000" and wall.tzinfo is not None


@dataclass
class Door:
    """A door, its people, and what it has decided."""

    rules: Rules = field(default_factory=lambda: Rules(liveness=LivenessMode.OFF, votes="1/1"))
    state: State = field(default_factory=State)
    monotonic: float = 1000.0
    wall: datetime = NOON
    told: list[Decision] = field(default_factory=list)
    frames: int = 0

    def decide(self, event: Event) -> tuple[Effect, ...]:
        self.state, effects = policy.decide(self.rules, self.state, event, Now(self.wall, self.monotonic))
        self.told += [effect.decision for effect in effects if isinstance(effect, Grant | Deny)]
        return effects

    def people(self, *entries: RosterEntry, hours: Shut | None = None) -> "Door":
        self.decide(RosterChanged({entry.person: Person(entry, hours) for entry in entries}))
        return self

    def waits(self, seconds: float) -> "Door":
        self.monotonic += seconds
        self.wall += timedelta(seconds=seconds)
        self.decide(Tick())
        return self

    def sees(self, person: str) -> Decision:
        return self.told_by(self.frame(person))

    def frame(self, person: str) -> Sighting:
        self.frames += 1
        face = Face(
            box=(0, 0, 100, 100), verdict=Verdict.MATCH, person=person, confidence=0.95, similarity=0.8, quality=0.9
        )
        recognition = Recognition(
            frame_id=f"f{self.frames}",
            captured_at=self.wall,
            recognized_at=self.wall,
            recognizer="one",
            model="m",
            faces=(face,),
        )
        return Sighting("porch", recognition, 0.0)

    def hears(
        self, code: str, reader: str = "keypad", *, match: HashedCredential | None = None, **fields: object
    ) -> Decision:
        """What becomes of a code; whose it is says `CODES`, unless `match` does."""
        credential = Credential.model_validate({"code": code, **fields})
        looked_at = policy.may_look(self.rules, self.state, reader, credential, Now(self.wall, self.monotonic))
        whose = CODES.get(code)
        if match is None and looked_at and whose is not None:
            match = hashed(whose)
        return self.told_by(Presented(reader, credential, looked_at, match if looked_at else None))

    def told_by(self, event: Event) -> Decision:
        before = len(self.told)
        self.decide(event)
        assert len(self.told) > before, "it was counted, and will be told later"
        return self.told[-1]


def hashed(person: str, *, valid_from: datetime | None = None, valid_until: datetime | None = None) -> HashedCredential:
    return HashedCredential(
        person=person,
        credential="pin",
        salt="ab" * 16,
        hash="cd" * 16,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def alone(**rules: object) -> Door:
    return Door(Rules.model_validate({"liveness": LivenessMode.OFF, "votes": "1/1", "codes_alone": True, **rules}))


ALICE = RosterEntry(person="alice")
CAREFUL = RosterEntry(person="alice", second_factor=True)


def test_a_code_alone_opens_nothing_unless_that_is_set() -> None:
    assert Door().people(ALICE).hears("274163").reason is Reason.FACE_NEEDED

    granted = alone().people(ALICE).hears("274163")

    assert (granted.outcome, granted.reason, granted.trigger) == (
        Outcome.GRANTED,
        Reason.CODE_ACCEPTED,
        Trigger.CREDENTIAL,
    )
    assert (granted.person, granted.credential, granted.reader, granted.seconds) == ("alice", "pin", "keypad", 3.0)


@pytest.mark.parametrize(
    ("entry", "hours", "reason"),
    [
        (RosterEntry(person="alice", enabled=False), None, Reason.DISABLED),
        (RosterEntry(person="alice", doors=("back",)), None, Reason.NOT_ENTITLED),
        (RosterEntry(person="alice", valid_from=NOON + timedelta(seconds=1)), None, Reason.NOT_YET_VALID),
        (RosterEntry(person="alice", valid_until=NOON), None, Reason.NO_LONGER_VALID),
        (RosterEntry(person="bob"), None, Reason.NOT_ON_ROSTER),
        (RosterEntry(person="alice"), Shut(), Reason.OUTSIDE_HOURS),
        (CAREFUL, None, Reason.FACE_NEEDED),
    ],
)
def test_a_code_opens_for_nobody_whom_their_face_would_not_let_in(
    entry: RosterEntry, hours: Shut | None, reason: Reason
) -> None:
    refused = alone().people(entry, hours=hours).hears("274163")

    assert (refused.outcome, refused.reason, refused.person) == (Outcome.DENIED, reason, "alice")


def test_a_guests_pin_lives_from_one_moment_to_another() -> None:
    door = alone().people(ALICE)
    ends = {"valid_from": NOON + timedelta(hours=1), "valid_until": NOON + timedelta(hours=2)}

    reasons = [
        door.waits(seconds).hears("274163", match=hashed("alice", **ends)).reason for seconds in (0, 3600, 3599, 1)
    ]

    assert reasons == [
        Reason.NOT_YET_VALID,
        Reason.CODE_ACCEPTED,
        Reason.CODE_ACCEPTED,
        Reason.NO_LONGER_VALID,
    ]


def test_no_code_opens_in_lockdown_nor_one_that_was_typed_for_a_face_before_it() -> None:
    door = alone().people(CAREFUL)
    door.sees("alice")
    door.decide(Confine(lockdown=True))
    assert door.hears("274163").reason is Reason.LOCKDOWN

    door.decide(Confine(lockdown=False))

    assert door.waits(2).hears("274163").reason is Reason.FACE_NEEDED


def test_a_face_that_needs_a_code_opens_when_its_own_comes_in_time() -> None:
    door = Door().people(CAREFUL, RosterEntry(person="bob"))

    seen = door.sees("alice")
    another, own = door.hears("993755"), door.waits(2).hears("274163")

    assert (seen.outcome, seen.reason) == (Outcome.DENIED, Reason.CODE_NEEDED)
    assert (another.reason, another.person) == (Reason.FACE_NEEDED, "bob")
    assert (own.outcome, own.reason, own.person) == (Outcome.GRANTED, Reason.CODE_ACCEPTED, "alice")
    assert (own.camera, own.confidence, own.frame_ids) == ("porch", 0.95, seen.frame_ids)


def test_a_code_that_comes_too_late_after_the_face_opens_nothing() -> None:
    door = Door().people(CAREFUL)
    door.sees("alice")

    assert door.waits(20).hears("274163").reason is Reason.FACE_NEEDED


def test_a_face_is_good_for_one_code() -> None:
    door = Door().people(CAREFUL)
    door.sees("alice")
    door.hears("274163")

    assert door.waits(7).hears("274163").reason is Reason.FACE_NEEDED


def test_whose_rights_change_after_the_face_shows_it_anew() -> None:
    door = Door().people(CAREFUL)
    door.sees("alice")
    door.people(CAREFUL.model_copy(update={"enabled": False})).people(CAREFUL)

    assert door.hears("274163").reason is Reason.FACE_NEEDED


def test_the_doors_one_time_password_is_a_second_factor_once_and_opens_nothing_alone() -> None:
    door = alone(codes=OneTime()).people(CAREFUL)
    assert door.hears("555000").reason is Reason.CODE_WRONG
    door.waits(2).sees("alice")

    first = door.hears("555000")
    door.waits(30).sees("alice")
    again = door.hears("555000")

    assert (first.outcome, first.person, first.credential) == (Outcome.GRANTED, "alice", None)
    assert (again.outcome, again.reason) == (Outcome.DENIED, Reason.REPLAYED)


def test_what_was_recorded_with_its_id_or_came_late_opens_nothing() -> None:
    door = alone().people(ALICE)
    assert door.hears("274163", id="1").outcome is Outcome.GRANTED

    again = door.waits(10).hears("274163", id="1")
    late = door.hears("274163", issued_at=door.wall - timedelta(seconds=6))
    ahead = door.hears("274163", issued_at=door.wall + timedelta(seconds=6))

    assert [one.reason for one in (again, late, ahead)] == [Reason.REPLAYED, Reason.STALE, Reason.FROM_THE_FUTURE]


@pytest.mark.parametrize("refused", ["late", "early", "once more", "in a lockdown"])
def test_what_is_refused_whosever_code_it_is_does_not_tell_whether_it_is_somebodys(refused: str) -> None:
    door = alone(codes=OneTime()).people(ALICE)
    door.sees("alice")
    door.hears("000000", id="1")
    if refused == "in a lockdown":
        door.decide(Confine(lockdown=True))
    apart = {"late": -60, "early": 60}.get(refused, 0)
    fields = {"issued_at": door.wall + timedelta(seconds=apart), "id": "1" if refused == "once more" else "2"}

    told = []
    for code in ("274163", "555000", "999999"):
        credential = Credential.model_validate({"code": code, **fields})
        before, match = door.state, hashed(CODES[code]) if code in CODES else None
        told.append(door.told_by(Presented("keypad", credential, looked_at=True, match=match)))
        door.state = before

    assert {one.person for one in told} == {None}
    assert {one.credential for one in told} == {None}
    assert len({one.reason for one in told} | {Reason.CODE_WRONG}) == 2


def test_ids_of_one_reader_use_up_none_of_another() -> None:
    door = alone().people(ALICE, RosterEntry(person="bob"))
    door.hears("000111", "garage", id="1")

    assert door.waits(7).hears("274163", "keypad", id="1").outcome is Outcome.GRANTED


def test_after_three_wrong_codes_the_pauses_of_a_reader_grow_and_a_right_code_ends_none() -> None:
    door = alone(readers="keypad,garage").people(ALICE)
    for _ in range(3):
        assert door.hears("000000").reason is Reason.CODE_WRONG
        door.waits(1.5)

    paused = door.hears("274163")
    elsewhere = door.hears("274163", "garage")
    after = door.waits(7).hears("000000")
    still = door.waits(7).hears("274163")
    at_last = door.waits(10).hears("274163")
    once_more = [door.waits(10).hears(code).reason for code in ("000000", "274163")]

    assert (paused.reason, paused.person) == (Reason.TOO_MANY_TRIES, None)
    assert elsewhere.outcome is Outcome.GRANTED
    assert after.reason is Reason.CODE_WRONG
    assert still.reason is Reason.TOO_MANY_TRIES
    assert at_last.outcome is Outcome.GRANTED
    assert once_more == [Reason.CODE_WRONG, Reason.TOO_MANY_TRIES]


def test_a_reader_that_nobody_has_named_pauses_for_its_own_wrong_codes_alone() -> None:
    door = alone().people(ALICE)
    for _ in range(3):
        door.hears("000000", "one")
        door.waits(1.5)

    assert door.hears("274163", "one").reason is Reason.TOO_MANY_TRIES
    assert door.hears("274163", "two").outcome is Outcome.GRANTED


def test_no_more_codes_are_tried_by_ever_new_names_of_readers() -> None:
    door = alone().people(ALICE)
    tried = 0
    for number in range(400):
        tried += door.hears("000000", f"r{number}").reason is Reason.CODE_WRONG
        door.waits(1.5)

    assert 12 < tried < 20
    assert door.hears("274163", "another").reason is Reason.TOO_MANY_TRIES


def free(door: Door) -> bool:
    """Whether a code would be looked at now."""
    code = Credential(code="000000")
    return policy.may_look(door.rules, door.state, "keypad", code, Now(door.wall, door.monotonic))


def test_each_wrong_code_after_the_third_doubles_the_pause_up_to_a_quarter_of_an_hour() -> None:
    door = alone(readers="keypad").people(ALICE)
    for pause in (0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900):
        door.decide(Presented("keypad", Credential(code="000000"), looked_at=True))
        if pause:
            door.waits(pause - 0.25)
            assert not free(door)
            door.waits(0.25)
        assert free(door)


@pytest.mark.parametrize(
    ("waited", "more"), [(899.0, 1), (900.0, 1), (1799.0, 1), (1800.0, 2), (2700.0, 3), (9000.0, 3)]
)
def test_each_quarter_of_an_hour_after_a_pause_forgets_one_wrong_code(waited: float, more: int) -> None:
    door = alone(readers="keypad").people(ALICE)
    for _ in range(3):
        door.decide(Presented("keypad", Credential(code="000000"), looked_at=True))
    door.waits(5.0).waits(waited)

    tries = 0
    while free(door):
        door.decide(Presented("keypad", Credential(code="000000"), looked_at=True))
        tries += 1

    assert tries == more
    door.waits(5.0)
    assert free(door) is (waited >= 900)


def test_two_people_may_owe_a_code_at_once() -> None:
    bob = RosterEntry(person="bob", second_factor=True)
    door = Door().people(CAREFUL, bob)
    assert [door.sees(person).reason for person in ("alice", "bob")] == [Reason.CODE_NEEDED, Reason.CODE_NEEDED]

    first = door.hears("274163")
    second = door.waits(10).hears("993755")

    assert [(one.outcome, one.person) for one in (first, second)] == [
        (Outcome.GRANTED, "alice"),
        (Outcome.GRANTED, "bob"),
    ]


@given(gaps=st.lists(st.floats(0.01, 2000), min_size=20, max_size=120), named=st.booleans())
def test_nobody_tries_codes_faster_than_the_pauses_allow(gaps: list[float], named: bool) -> None:  # noqa: FBT001
    door = alone(readers="keypad" if named else "").people(ALICE)
    tried: list[float] = []
    for gap in gaps:
        door.waits(gap)
        code = Credential(code="000000")
        if policy.may_look(door.rules, door.state, "keypad", code, Now(door.wall, door.monotonic)):
            tried.append(door.monotonic)
        door.decide(Presented("keypad", code, looked_at=True))

    for begin in tried:
        day = [at for at in tried if begin <= at < begin + 86400]
        assert len(day) <= 12 + 86400 / 900, "the first ones, and then one a quarter of an hour"


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Look:
    person: str


@dataclass(frozen=True)
class Type:
    code: str
    reader: str


@dataclass(frozen=True)
class Change:
    entry: RosterEntry
    shut: bool


@dataclass(frozen=True)
class Order:
    lockdown: bool


entries = st.builds(
    RosterEntry,
    person=st.sampled_from(["alice", "bob"]),
    enabled=st.sampled_from([True, True, False]),
    second_factor=st.sampled_from([None, True]),
    doors=st.sampled_from([None, None, ("back",)]),
    valid_until=st.sampled_from([None, None, NOON + timedelta(seconds=60)]),
)
happenings = st.one_of(
    st.sampled_from([0.5, 2.0, 7.0, 30.0]).map(Wait),
    st.sampled_from(["alice", "bob", "carol"]).map(Look),
    st.builds(Type, st.sampled_from([*CODES, "000000", "555000"]), st.sampled_from(["keypad", "garage"])),
    st.builds(Type, st.sampled_from([*CODES]), st.sampled_from(["keypad", "garage"])),
    st.builds(Change, entries, st.sampled_from([False, False, True])),
    st.sampled_from([True, False, False]).map(Order),
)


@given(
    happenings=st.lists(happenings, max_size=60), codes_alone=st.booleans(), one_time=st.sampled_from([None, OneTime()])
)
def test_no_code_ever_opens_what_it_must_not(
    happenings: list[Wait | Look | Type | Change | Order],
    codes_alone: bool,  # noqa: FBT001
    one_time: OneTime | None,
) -> None:
    door = alone(codes_alone=codes_alone, codes=one_time, cooldown_seconds=1.0, out_of_view_seconds=0.0)
    witness = Witness(door)
    for happening in happenings:
        before = len(door.told)
        witness.play(happening)
        for decision in door.told[before:]:
            if decision.outcome is Outcome.GRANTED:
                witness.judge(decision)


@dataclass
class Witness:
    """Plays happenings and keeps notes of its own, apart from the policy's state."""

    door: Door
    people: dict[str, tuple[RosterEntry, bool]] = field(default_factory=dict)
    faces: dict[str, float] = field(default_factory=dict)
    lockdown: bool = False
    typed: str = ""

    def play(self, happening: Wait | Look | Type | Change | Order) -> None:
        door = self.door
        match happening:
            case Wait(seconds):
                door.waits(seconds)
            case Look(person):
                door.decide(door.frame(person))
                if person in door.state.owed:
                    self.faces[person] = door.monotonic
            case Change(entry, shut):
                self.people[entry.person] = (entry, shut)
                roster = {one: Person(its, Shut() if never else None) for one, (its, never) in self.people.items()}
                door.decide(RosterChanged(roster))
            case Order(lockdown):
                self.lockdown = lockdown
                door.decide(Confine(lockdown=lockdown))
            case Type(code, reader):
                self.typed = code
                credential = Credential(code=code)
                now = Now(door.wall, door.monotonic)
                looked_at = policy.may_look(door.rules, door.state, reader, credential, now)
                match_ = hashed(CODES[code]) if looked_at and code in CODES else None
                door.decide(Presented(reader, credential, looked_at, match_))

    def judge(self, decision: Decision) -> None:
        person, door = decision.person, self.door
        assert person is not None
        entry, shut = self.people[person]
        assert not self.lockdown
        assert entry.enabled
        assert not shut
        assert entry.doors is None
        assert entry.valid_until is None or door.wall < entry.valid_until
        if decision.trigger is Trigger.FACE:
            assert not entry.second_factor, "opened by a face alone"
            return
        assert CODES.get(self.typed) == person or (self.typed == "555000" and door.rules.codes is not None)
        fresh = door.monotonic - self.faces.pop(person, -1000) < door.rules.second_factor_seconds
        assert fresh or (door.rules.codes_alone and not entry.second_factor), "opened by a code alone"


def test_what_a_code_is_never_stands_in_what_is_told_or_remembered() -> None:
    door = alone().people(ALICE)
    door.hears("274163", id="1")
    door.waits(7).hears("000111")

    told = " ".join(decision.model_dump_json() for decision in door.told)
    now = Now(door.wall, door.monotonic)
    learnt = [
        policy.learnt(Presented("keypad", Credential(code="274163", id="1"), looked_at=True), door.state, now),
        policy.learnt(Presented("keypad", Credential(code="000111"), looked_at=True), door.state, now),
    ]

    assert "274163" not in told + repr(learnt) + repr(door.state)
    assert "000111" not in told + repr(learnt) + repr(door.state)
