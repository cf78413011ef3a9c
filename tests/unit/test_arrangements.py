"""What groups and schedules make of a person's rights."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import (
    ErrorCode,
    Fault,
    GroupEntry,
    Rights,
    RosterEntry,
    ScheduleEntry,
    SetGroup,
    SetSchedule,
)
from doorbus_enroller.arrangements import MOST, Arrangements

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 7, 1, 12, tzinfo=UTC)
OFFICE = ScheduleEntry(schedule="office", hours="Mo-Fr 07:00-19:00; PH off", holidays=("2026-12-24",))
CLEANERS = GroupEntry(
    group="cleaners", doors=("front",), valid_until=LATER, threshold=0.9, schedule="office", name="Cleaners"
)
HERE = Arrangements({"cleaners": CLEANERS}, {"office": OFFICE})

entitled = {
    "doors": st.none() | st.lists(st.sampled_from(["front", "back"]), unique=True).map(tuple),
    "valid_from": st.none() | st.just(NOON),
    "valid_until": st.none() | st.just(LATER),
    "threshold": st.none() | st.sampled_from([0.5, 0.9]),
    "enabled": st.booleans(),
}
times = st.sampled_from([{}, {"hours": "Mo-Fr 06:00-08:00"}, {"schedule": "office"}])


def test_what_a_person_does_not_say_is_the_groups_and_the_roster_says_what_that_is() -> None:
    entry = HERE.entry("alice", Rights(name="Alice", group="cleaners", threshold=0.5))

    assert entry == RosterEntry(
        person="alice",
        name="Alice",
        group="cleaners",
        doors=("front",),
        valid_until=LATER,
        threshold=0.5,
        schedule="office",
        hours="Mo-Fr 07:00-19:00; 2026 Dec 24 off",
        inherited=("doors", "valid_until", "schedule"),
    )


def test_a_persons_own_hours_take_the_place_of_the_groups_schedule() -> None:
    entry = HERE.entry("alice", Rights(group="cleaners", hours="Sa 10:00-12:00"))

    assert (entry.hours, entry.schedule) == ("Sa 10:00-12:00", None)


@given(own=st.fixed_dictionaries(entitled), theirs=st.fixed_dictionaries(entitled), when=times, whens=times)
def test_each_right_is_the_persons_own_or_else_the_groups_and_both_must_be_enabled(
    own: dict[str, object], theirs: dict[str, object], when: dict[str, str], whens: dict[str, str]
) -> None:
    group = GroupEntry.model_validate({"group": "cleaners", **theirs, **whens})
    rights = Rights.model_validate({"group": "cleaners", **own, **when})

    entry = Arrangements({"cleaners": group}, {"office": OFFICE}).entry("alice", rights)

    for name in ("doors", "valid_from", "valid_until", "threshold"):
        said = getattr(rights, name)
        assert getattr(entry, name) == (getattr(group, name) if said is None else said)
    assert entry.enabled is (rights.enabled and group.enabled)
    asked = when or whens
    assert entry.hours == (asked.get("hours") or ("Mo-Fr 07:00-19:00; 2026 Dec 24 off" if asked else None))


def test_without_a_group_a_person_has_just_what_is_theirs() -> None:
    rights = Rights(name="Alice", doors=("back",), hours="Mo 10:00-12:00")

    assert HERE.entry("alice", rights) == RosterEntry(person="alice", **rights.model_dump(exclude={"inherited"}))


def test_a_group_or_schedule_that_is_lost_lets_nobody_in() -> None:
    lost = Arrangements()

    assert not lost.entry("alice", Rights(group="cleaners")).enabled
    assert lost.entry("bob", Rights(schedule="office")).hours == "off"


@pytest.mark.parametrize(
    ("rights", "code", "told"),
    [
        (Rights(group="nobody"), ErrorCode.UNKNOWN_GROUP, "no group nobody; make it first: doorbus group set nobody"),
        (
            Rights(schedule="never"),
            ErrorCode.UNKNOWN_SCHEDULE,
            "no schedule never; make it first: doorbus schedule set",
        ),
        (Rights(schedule="office", hours="24/7"), ErrorCode.BAD_REQUEST, "send the one that is not to count as null"),
        (Rights(valid_from=LATER, valid_until=NOON), ErrorCode.BAD_REQUEST, "must come before"),
        (Rights(valid_from=NOON, valid_until=NOON), ErrorCode.BAD_REQUEST, "must come before"),
    ],
)
def test_rights_that_cannot_hold_are_refused_with_the_way_out(rights: Rights, code: ErrorCode, told: str) -> None:
    fault = HERE.fault_in(rights)

    assert fault is not None
    assert fault.code is code
    assert told in fault.message


def test_a_group_keeps_what_a_change_does_not_name_and_null_clears() -> None:
    changed = HERE.with_group("cleaners", SetGroup(doors=("back", "back"), valid_until=None))

    assert isinstance(changed, Arrangements)
    assert changed.groups["cleaners"] == CLEANERS.model_copy(update={"doors": ("back",), "valid_until": None})


def test_a_change_of_nothing_makes_a_group_and_enables_none_that_is_disabled() -> None:
    made = HERE.with_group("guards", SetGroup())
    disabled = HERE.with_group("cleaners", SetGroup(enabled=False))
    assert isinstance(made, Arrangements)
    assert isinstance(disabled, Arrangements)

    again = disabled.with_group("cleaners", SetGroup())

    assert made.groups["guards"] == GroupEntry(group="guards")
    assert again == disabled


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (SetSchedule(name="Night"), "a schedule has hours, such as"),
        (SetSchedule(hours="Mo-Fr 07:00-19:00", holidays=("Christmas",)), "'Christmas' is no holiday"),
        (SetSchedule(hours="Mo-Fr,PH 07:00-19:00", holidays=("Dec 24",)), "PH stands in a rule of its own"),
        (
            SetSchedule(hours=f"{'PH off; ' * 60}PH off", holidays=tuple(f"{2030 + each}-12-24" for each in range(9))),
            "and 4096 are taken; name days as ranges",
        ),
    ],
)
def test_a_schedule_that_makes_no_hours_is_refused(change: SetSchedule, told: str) -> None:
    fault = HERE.with_schedule("night", change)

    assert isinstance(fault, Fault)
    assert told in fault.message


@pytest.mark.parametrize(
    "rights", [Rights(valid_from=NOON), Rights(valid_until=NOON), Rights(valid_from=NOON, valid_until=LATER)]
)
def test_rights_may_begin_or_end_or_both(rights: Rights) -> None:
    assert HERE.fault_in(rights) is None


@pytest.mark.parametrize(("people", "told"), [(1, "1 person is in"), (40, "40 people are in")])
def test_who_is_in_a_group_that_is_to_be_removed_is_counted(people: int, told: str) -> None:
    fault = HERE.without_group("cleaners", people)

    assert isinstance(fault, Fault)
    assert fault.message.startswith(told)


def test_only_the_group_or_schedule_that_was_named_is_removed() -> None:
    guards, night = GroupEntry(group="guards"), ScheduleEntry(schedule="night", hours="Mo-Su 22:00-06:00")
    both = HERE.with_entries(guards, night)

    without = both.without_group("guards", 0)
    assert isinstance(without, Arrangements)
    assert without.without_schedule("night", 0) == HERE


def test_nothing_that_is_in_use_is_forgotten() -> None:
    in_use = (HERE.without_group("cleaners", 40), HERE.without_schedule("office", 0))
    unused = Arrangements({}, {"office": OFFICE}).without_schedule("office", 0)

    assert [fault.code for fault in in_use if isinstance(fault, Fault)] == [ErrorCode.IN_USE, ErrorCode.IN_USE]
    assert unused == Arrangements()
    assert isinstance(Arrangements().without_group("cleaners", 0), Fault)


def test_there_are_not_more_groups_than_are_published() -> None:
    many = Arrangements({f"g{each}": GroupEntry(group=f"g{each}") for each in range(MOST)})

    assert isinstance(many.with_group("one-more", SetGroup()), Fault)
    assert isinstance(many.with_group("g0", SetGroup(name="Still there")), Arrangements)


def test_there_are_not_more_schedules_than_are_published() -> None:
    many = Arrangements({}, {f"s{each}": ScheduleEntry(schedule=f"s{each}", hours="24/7") for each in range(MOST)})

    assert isinstance(many.with_schedule("one-more", SetSchedule(hours="24/7")), Fault)
    assert isinstance(many.with_schedule("s0", SetSchedule(hours="Mo off")), Arrangements)
