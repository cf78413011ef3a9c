"""What is wrong at a door, over random histories and in named stories."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import AlarmKind, Input
from doorbus_actuator import alarms, debounce
from doorbus_actuator.alarms import Admitted, Bolted, Happening, Leaving, Limits, Opened, Shut, Tampered, Tick, Watch
from doorbus_actuator.policy import Now

BEGAN = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIMITS = Limits(exit_seconds=10, grace_seconds=2, held_open_soon_seconds=30, held_open_seconds=60)
OF_THE_DOOR = {AlarmKind.FORCED, AlarmKind.HELD_OPEN, AlarmKind.HELD_OPEN_SOON}

HAPPENINGS = st.one_of(
    st.builds(Opened, st.booleans()),
    st.just(Shut()),
    st.just(Leaving()),
    st.builds(Admitted, st.sampled_from([None, "alice"])),
    st.builds(Bolted, st.booleans()),
    st.builds(Tampered, st.booleans()),
    st.just(Tick()),
)
SECONDS = st.sampled_from([0.0, 0.5, 2.0, 2.5, 10.0, 29.0, 30.0, 31.0, 60.0, 3600.0])
HISTORIES = st.lists(st.tuples(SECONDS, HAPPENINGS), max_size=40)
ANY_LIMITS = st.builds(Limits, *(st.sampled_from([0.0, 1.0, 2.0, 30.0, 60.0]) for _ in range(4)))


def at(seconds: float) -> Now:
    return Now(BEGAN + timedelta(seconds=seconds), 1000 + seconds)


def after(limits: Limits, history: list[tuple[float, Happening]]) -> tuple[Watch, Now]:
    watch, passed = Watch(), 0.0
    for seconds, happening in history:
        passed += seconds
        watch = alarms.react(limits, watch, happening, at(passed))
    return watch, at(passed)


@given(ANY_LIMITS, HISTORIES)
def test_what_goes_on_at_the_end_of_the_process_goes_on_at_the_next_start(
    limits: Limits, history: list[tuple[float, Happening]]
) -> None:
    before, now = after(limits, history)
    later = Now(now.wall + timedelta(minutes=5), 7.0)

    watch = alarms.resumed(alarms.going_of(alarms.words_of(before.going)), frozenset(Input), later)

    assert watch.going == before.going
    assert alarms.react(limits, watch, Opened(seen=False), later).going == before.going
    shut = alarms.react(limits, alarms.react(limits, watch, Shut(), later), Tampered(is_open=False), later)
    assert not shut.going


@given(ANY_LIMITS, HISTORIES)
def test_an_alarm_whose_input_is_gone_does_not_go_on_for_ever(
    limits: Limits, history: list[tuple[float, Happening]]
) -> None:
    before, now = after(limits, history)

    assert not alarms.resumed(before.going, frozenset({Input.EXIT, Input.DOORBELL}), now).going


@given(ANY_LIMITS, HISTORIES)
def test_a_door_that_is_shut_is_neither_forced_nor_held_open(
    limits: Limits, history: list[tuple[float, Happening]]
) -> None:
    watch, _ = after(limits, [*history, (0.0, Shut())])

    assert not OF_THE_DOOR & watch.going.keys()
    assert (AlarmKind.TAMPER in watch.going) == (watch.gravest is AlarmKind.TAMPER)


@given(ANY_LIMITS, HISTORIES, SECONDS)
def test_an_opening_is_forced_if_it_was_locked_nobody_left_and_it_was_not_locked_a_moment_ago(
    limits: Limits, history: list[tuple[float, Happening]], wait: float
) -> None:
    before, now = after(limits, [*history, (0.0, Shut())])
    moment = replace(now, monotonic=now.monotonic + wait)
    watch = alarms.react(limits, before, Opened(), moment)
    passed, unlocked, leaving, relocked = 0.0, False, -1e9, -1e9
    for seconds, happening in history:
        passed += seconds
        if isinstance(happening, Leaving):
            leaving = passed
        if isinstance(happening, Bolted):
            if happening.locked and unlocked:
                relocked = passed
            unlocked = not happening.locked
    asked = passed + wait <= leaving + limits.exit_seconds or passed + wait <= relocked + limits.grace_seconds

    assert (AlarmKind.FORCED in watch.going) == (not unlocked and not asked)


@given(ANY_LIMITS, HISTORIES)
def test_nothing_is_due_that_is_due_already(limits: Limits, history: list[tuple[float, Happening]]) -> None:
    watch, now = after(limits, history)

    assert alarms.wake_at(limits, watch) > now.monotonic
    assert alarms.react(limits, watch, Tick(), now) == watch


@given(ANY_LIMITS, HISTORIES, SECONDS)
def test_it_makes_no_difference_how_often_somebody_looks(
    limits: Limits, history: list[tuple[float, Happening]], wait: float
) -> None:
    watch, now = after(limits, history)
    middle = replace(now, monotonic=now.monotonic + wait / 2)
    end = replace(now, monotonic=now.monotonic + wait)

    often = alarms.react(limits, alarms.react(limits, watch, Tick(), middle), Tick(), end)

    seldom = alarms.react(limits, watch, Tick(), end)
    assert often.gravest == seldom.gravest
    assert often.going.keys() >= seldom.going.keys()


@given(HISTORIES)
def test_while_the_door_is_unlocked_it_does_not_become_held_open(history: list[tuple[float, Happening]]) -> None:
    watch, now = after(LIMITS, [*history, (0.0, Bolted(locked=False))])
    later = alarms.react(LIMITS, watch, Tick(), replace(now, monotonic=now.monotonic + 1e6))

    assert later.going == watch.going


@given(HISTORIES, st.sampled_from([AlarmKind.HELD_OPEN_SOON, AlarmKind.HELD_OPEN]))
def test_a_limit_of_none_is_no_limit(history: list[tuple[float, Happening]], kind: AlarmKind) -> None:
    limits = replace(LIMITS, **{f"{kind}_seconds": 0})

    assert kind not in after(limits, history)[0].going


def test_a_door_that_was_held_open_and_is_unlocked_again_is_held_open_until_it_is_shut() -> None:
    story: list[tuple[float, Happening]] = [(0, Opened(seen=False)), (60, Tick())]
    story += [(1, Bolted(locked=False)), (3, Bolted(locked=True)), (300, Tick())]

    watch, _ = after(LIMITS, story)

    assert set(watch.going) == {AlarmKind.HELD_OPEN}


def test_who_left_by_the_button_is_not_the_one_who_was_let_in_before() -> None:
    watch, _ = after(LIMITS, [(0, Admitted("alice")), (9, Leaving()), (1, Opened()), (60, Tick())])

    assert {its.person for its in watch.going.values()} == {None}


# Debouncing.

READINGS = st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.04, 0.05, 0.2]), st.booleans()), min_size=1, max_size=40)


@given(READINGS, st.sampled_from([0.0, 0.05]))
def test_what_counts_was_read_for_as_long_as_it_takes(readings: list[tuple[float, bool]], seconds: float) -> None:
    line, now, steady, last = debounce.Line(), 0.0, 0.0, None
    for wait, on in readings:
        now += wait
        line = debounce.settled(line, seconds, now)
        line = debounce.settled(debounce.read(line, now, on=on), seconds, now)
        steady, last = (steady, on) if on is last else (now, on)
        if line.on is not on:
            assert now < steady + seconds
    line = debounce.settled(line, seconds, now + 1)
    assert line.on is last
    assert debounce.due(line, seconds) > now


@given(st.lists(st.sampled_from([0.0, 0.01, 0.04, 0.05, 0.2]), max_size=40))
def test_presses_that_count_are_as_far_apart_as_the_button_bounces(waits: list[float]) -> None:
    line, now = debounce.Line(), 0.0
    counted: list[float] = []
    for wait in waits:
        now += wait
        pressed = debounce.pressed(line, 0.05, now)
        if pressed is not None:
            line, counted = pressed, [*counted, now]
    assert not waits or counted
    assert all(later - earlier >= 0.05 - 1e-9 for earlier, later in pairwise(counted))
