"""Who came in: nobody again at once, and nobody before somebody of the first."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import (
    Action,
    Credential,
    Face,
    HashedCredential,
    LockCommand,
    Reason,
    Recognition,
    RosterEntry,
    Verdict,
)
from doorbus_actuator import policy
from doorbus_actuator.policy import (
    Command,
    Deny,
    Event,
    Grant,
    LivenessMode,
    Now,
    OpeningFailed,
    Person,
    Presented,
    RosterChanged,
    Rules,
    Seen,
    Sighting,
    State,
)

ALICE, BOB = RosterEntry(person="alice", group="staff"), RosterEntry(person="bob")
MORNING = datetime(2026, 6, 1, 6, tzinfo=UTC)


class Door:
    """A door with Alice of the staff, and Bob."""

    def __init__(self, state: State | None = None, *, wall: datetime = MORNING, **rules: object) -> None:
        basic = {"liveness": LivenessMode.OFF, "votes": "1/1", "codes_alone": True, "out_of_view_seconds": 0.0}
        self.rules = Rules.model_validate({**basic, "cooldown_seconds": 0.0, "unlock_seconds": 1.0, **rules})
        self.state = state or State()
        self.wall, self.monotonic, self.frames = wall, 1000.0, 0
        self.learnt: list[Seen] = []
        self.decide(RosterChanged({"alice": Person(ALICE), "bob": Person(BOB)}))

    def decide(self, event: Event) -> Reason | None:
        now = Now(self.wall, self.monotonic)
        self.state, effects = policy.decide(self.rules, self.state, event, now)
        self.learnt += policy.learnt(event, self.state, now)
        return next((one.decision.reason for one in reversed(effects) if isinstance(one, Grant | Deny)), None)

    def waits(self, seconds: float) -> "Door":
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds
        return self

    def sees(self, person: str) -> Reason | None:
        self.frames += 1
        face = Face(
            box=(0, 0, 100, 100), verdict=Verdict.MATCH, person=person, confidence=0.95, similarity=0.8, quality=0.9
        )
        recognition = Recognition(
            frame_id=f"{self.wall.isoformat()}-{self.frames}",
            captured_at=self.wall,
            recognized_at=self.wall,
            recognizer="one",
            model="m",
            faces=(face,),
        )
        return self.decide(Sighting("porch", recognition, 0.0))

    def hears(self, person: str) -> Reason | None:
        match = HashedCredential(person=person, credential="pin", salt="ab" * 16, hash="cd" * 16)
        return self.decide(Presented("keypad", Credential(code="274163"), looked_at=True, match=match))

    def restarted(self) -> "Door":
        recalled = policy.recall(self.learnt, Now(self.wall, 1000.0))
        return Door(recalled, wall=self.wall, **self.rules.model_dump(exclude_unset=True))


def test_who_was_let_in_is_not_let_in_again_before_the_time_is_up_by_face_or_code() -> None:
    door = Door(passback_seconds=60)

    reasons = [door.sees("alice")]
    reasons += [door.waits(seconds).sees("alice") for seconds in (10,)]
    reasons += [door.waits(10).hears("alice"), door.sees("bob"), door.waits(40).hears("alice")]

    assert reasons == [Reason.MATCHED, Reason.PASSBACK, Reason.PASSBACK, Reason.MATCHED, Reason.CODE_ACCEPTED]


@given(
    tries=st.lists(
        st.tuples(st.floats(0.1, 200), st.sampled_from(["alice", "bob"]), st.booleans()), min_size=1, max_size=40
    )
)
def test_nobody_ever_comes_in_twice_within_the_time(tries: list[tuple[float, str, bool]]) -> None:
    door = Door(passback_seconds=60, first_in="staff")
    came: dict[str, float] = {}
    for seconds, person, by_face in tries:
        door.waits(seconds)
        reason = door.sees(person) if by_face else door.hears(person)
        if reason in {Reason.MATCHED, Reason.CODE_ACCEPTED}:
            assert door.monotonic - came.get(person, -100.0) >= 60
            assert person == "alice" or "alice" in came
            came[person] = door.monotonic


def test_by_default_anybody_may_come_in_again_at_once() -> None:
    door = Door()

    assert [door.sees("alice"), door.waits(2).sees("alice"), door.waits(2).hears("alice")] == [
        Reason.MATCHED,
        Reason.MATCHED,
        Reason.CODE_ACCEPTED,
    ]


def test_who_stayed_outside_because_the_relay_failed_may_try_again_and_was_not_the_first() -> None:
    door = Door(passback_seconds=60, first_in="staff")
    door.sees("alice")
    door.decide(OpeningFailed("alice"))

    assert door.waits(2).sees("bob") is Reason.NOBODY_IN_YET
    assert door.waits(2).sees("alice") is Reason.MATCHED


def test_when_the_relay_fails_for_somebody_else_the_first_has_come_in_all_the_same() -> None:
    door = Door(first_in="staff")
    door.decide(OpeningFailed("bob"))
    assert door.sees("bob") is Reason.NOBODY_IN_YET
    door.waits(2).sees("alice")

    assert door.waits(2).sees("bob") is Reason.MATCHED
    door.decide(OpeningFailed("bob"))

    assert door.waits(2).sees("bob") is Reason.MATCHED


@pytest.mark.parametrize("first", ["face", "code"])
def test_nobody_comes_in_before_somebody_of_the_first_on_each_day_of_the_doors_time_zone(first: str) -> None:
    door = Door(first_in="staff", zone=ZoneInfo("Europe/Berlin"))
    assert [door.sees("bob"), door.waits(2).hears("bob")] == [Reason.NOBODY_IN_YET, Reason.NOBODY_IN_YET]

    opened = door.waits(2).sees("alice") if first == "face" else door.waits(2).hears("alice")

    assert opened in {Reason.MATCHED, Reason.CODE_ACCEPTED}
    assert door.waits(2).sees("bob") is Reason.MATCHED
    door.waits((datetime(2026, 6, 1, 21, 59, 50, tzinfo=UTC) - door.wall).total_seconds())
    assert door.sees("bob") is Reason.MATCHED
    assert door.waits(20).sees("bob") is Reason.NOBODY_IN_YET, "midnight in Berlin"


def test_commands_ask_neither() -> None:
    door = Door(passback_seconds=60, first_in="staff")

    assert door.decide(Command(LockCommand(action=Action.UNLOCK))) is Reason.COMMANDED
    assert door.waits(2).sees("bob") is Reason.NOBODY_IN_YET


def test_both_outlast_a_restart() -> None:
    door = Door(passback_seconds=3600, first_in="staff")
    door.waits(4).sees("alice")

    again = door.waits(600).restarted()

    assert again.sees("bob") is Reason.MATCHED
    assert again.waits(2).sees("alice") is Reason.PASSBACK
    assert again.waits(3000).sees("alice") is Reason.MATCHED
