"""What residents are told of a door: the actuator on the bus in memory, with people in front of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from doorbus.wire import channels
from doorbus.wire.messages import Activity, Decision, Outcome, Reason, RosterEntry, Trigger
from doorbus_actuator.activity import words
from doorbus_actuator.settings import Actuator
from support.house import STRANGER, House, match

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
OBAMA = RosterEntry(person="barack", name="Barack Obama")
GUEST = RosterEntry(person="guest-1")


async def _stands(house: House, face: Any, seconds: float, frames_a_second: int = 10) -> None:
    for _ in range(round(seconds * frames_a_second)):
        await house.sees(face)
        await house.passes(1 / frames_a_second)


def _told(house: House) -> list[Activity]:
    return house.said(channels.ACTIVITY)


def _texts(house: House) -> list[str]:
    return [one.text for one in _told(house)]


async def test_a_resident_who_stays_in_front_of_the_door_is_one_event_with_the_name() -> None:
    async with House().runs(OBAMA) as house:
        await _stands(house, match("barack"), 30)
        (told,) = _told(house)
        assert (told.text, told.person, told.name) == ("Barack Obama let in", "barack", "Barack Obama")
        assert (told.last_person, told.last_name, told.last_confidence) == ("barack", "Barack Obama", 0.95)
        assert told.last_latency_ms == house.decisions[-1].latency_ms


async def test_somebody_without_a_name_is_told_of_by_the_id() -> None:
    async with House().runs(GUEST) as house:
        await _stands(house, match("guest-1"), 1)
        assert _texts(house) == ["Guest 1 let in"]


async def test_a_stranger_who_stays_is_one_event_that_grows_and_is_told_less_and_less_often() -> None:
    async with House().runs(OBAMA) as house:
        await _stands(house, STRANGER, 60)
        told = _told(house)
        assert {one.text for one in told} == {"Unknown face refused"}
        assert len({one.since for one in told}) == 1
        counts = [one.count for one in told]
        assert counts == sorted(set(counts))
        assert counts[-1] > 300
        assert len(told) <= 8


async def test_a_stranger_of_one_frame_is_told_of_after_a_moment() -> None:
    async with House().runs(OBAMA) as house:
        await house.sees(STRANGER)
        assert _texts(house) == []
        await house.passes(1.1)
        assert _texts(house) == ["Unknown face refused"]


async def test_a_stranger_who_comes_back_is_another_event() -> None:
    async with House().runs(OBAMA) as house:
        await _stands(house, STRANGER, 2)
        await house.passes(15)
        await _stands(house, STRANGER, 1.5)
        assert len({one.since for one in _told(house)}) == 2


async def test_a_resident_whose_first_frames_are_poor_is_no_stranger() -> None:
    async with House().runs(OBAMA) as house:
        await _stands(house, match("barack", size=20.0), 2)
        await _stands(house, STRANGER, 0.5)
        await _stands(house, match("barack", confidence=0.5), 0.4)
        await _stands(house, match("barack"), 1)
        assert _texts(house) == ["Barack Obama let in"]


async def test_a_resident_who_was_let_in_and_turns_away_now_and_then_is_no_stranger() -> None:
    async with House().runs(OBAMA) as house:
        await _stands(house, match("barack"), 1)
        for _ in range(10):
            await _stands(house, STRANGER, 0.5)
            await _stands(house, match("barack"), 3)
        assert _texts(house) == ["Barack Obama let in"]


async def test_a_stranger_behind_a_resident_is_told_of() -> None:
    async with House().runs(OBAMA) as house:
        await _stands(house, match("barack"), 1)
        for _ in range(70):
            await house.sees(match("barack"), STRANGER)
            await house.passes(0.1)
        assert _texts(house)[:2] == ["Barack Obama let in", "Unknown face refused"]


async def test_somebody_who_stays_too_far_away_is_told_of_when_that_has_lasted() -> None:
    async with House().runs(OBAMA) as house:
        await _stands(house, match("barack", size=20.0), 4.5)
        assert _texts(house) == []
        await _stands(house, match("barack", size=20.0), 1)
        assert _texts(house) == ["Barack Obama refused: too far away"]


async def test_a_picture_that_is_sent_again_is_told_of_at_once() -> None:
    async with House().runs(OBAMA) as house:
        first = await house.sees(STRANGER)
        await house.sees(STRANGER, frame_id=first.frame_id)
        assert [one.reason for one in _told(house)] == [Reason.REPLAYED]


async def test_commands_are_told_with_who_sent_them_and_leave_the_last_person_as_it_was() -> None:
    async with House().runs(OBAMA) as house:
        await _stands(house, match("barack"), 1)
        await house.passes(20)
        await house.told('{"action": "UNLOCK", "by": "reception"}')
        await house.told('{"action": "UNLOCK", "by": "reception"}')
        await house.passes(20)
        await house.told("UNLOCK")
        assert _texts(house) == [
            "Barack Obama let in",
            "Unlocked by reception",
            "Unlocking by reception refused: the door was opened a moment ago",
            "Unlocked by hand",
        ]
        assert {one.last_name for one in _told(house)} == {"Barack Obama"}


async def test_what_was_told_last_is_told_again_to_a_broker_that_has_forgotten_it_and_says_so() -> None:
    async with House().runs(OBAMA) as house:
        await _stands(house, match("barack"), 1)
        house.bus.stop()
        house.bus.retained.clear()
        house.bus.start()
        await house.passes(1)
        await house.until(lambda: len(_told(house)) == 2)
        first, again = _told(house)
        assert again == first.model_copy(update={"again": True})


async def test_who_was_named_last_is_known_after_a_restart() -> None:
    async with House().runs(OBAMA) as before:
        await _stands(before, match("barack"), 1)
    house = House()
    for packet in before.bus.retained.values():
        house.bus.publish(packet)
    async with house.runs(OBAMA):
        await house.told("UNLOCK")
        assert [(one.text, one.last_name) for one in _told(house)][1:] == [("Unlocked by hand", "Barack Obama")]


async def test_a_door_that_decides_about_every_frame_tells_no_more() -> None:
    async with House(Actuator(out_of_view_seconds=0, cooldown_seconds=100)).runs(OBAMA) as house:
        await _stands(house, match("barack"), 30)
        assert len(house.decisions) > 10
        assert _texts(house) == ["Barack Obama let in"]


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("trigger", Trigger)
def test_every_decision_has_words(reason: Reason, trigger: Trigger) -> None:
    for outcome in Outcome:
        decision = Decision(outcome=outcome, reason=reason, trigger=trigger, at=NOON)
        assert words(decision, None)[0].isupper()
