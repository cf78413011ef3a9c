"""What a door feels, on the bus in memory: contact, exit button, doorbell and tamper switch, and the alarms."""

from collections.abc import Iterable

import pytest
from structlog.testing import capture_logs

from doorbus.wire import channels
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    AlarmKind,
    AlarmState,
    ContactState,
    Exit,
    Input,
    JournalKind,
    LockState,
    Outcome,
    Reason,
    RosterEntry,
    TamperState,
    Trigger,
)
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_actuator.fakes import FakeJournal
from doorbus_actuator.input_settings import Contact, ExitAction, ExitButton, Inputs, Tamper
from doorbus_actuator.policy import Relock
from doorbus_actuator.settings import Actuator, Unjournaled
from support.house import ROOT, House, match

ALICE = RosterEntry(person="alice")
CONTACT = Input.CONTACT
ALL = tuple(Input)


def house(wired: Iterable[Input] = ALL, journal: FakeJournal | None = None, **settings: object) -> House:
    chosen = Actuator.model_validate({"inputs": Inputs(simulated=False), **settings})
    return House(chosen, journal=journal, wired=wired)


def kinds(one: House) -> list[AlarmKind]:
    return [alarm.kind for alarm in one.said(channels.ALARM)]


def state(one: House) -> AlarmState:
    newest: AlarmState = one.said(channels.ALARM_STATE)[-1]
    return newest


def felt(one: House) -> list[tuple[Input | None, bool | None]]:
    return [(entry.input, entry.on) for entry in one.journal.entries if entry.kind is JournalKind.INPUT]


def alarms(one: House) -> list[tuple[AlarmKind | None, bool | None]]:
    return [(entry.alarm, entry.on) for entry in one.journal.entries if entry.kind is JournalKind.ALARM]


# The contact.


async def test_a_door_says_whether_it_is_open_as_soon_as_it_knows_and_says_it_again_to_a_new_connection() -> None:
    async with house().runs() as door:
        await door.passes(0.03)
        assert door.said(channels.CONTACT_STATE) == []
        await door.feels(CONTACT, on=False)
        assert door.said(channels.CONTACT_STATE) == [ContactState.CLOSED]
        await door.told("UNLOCK")
        await door.feels(CONTACT)
        assert door.said(channels.CONTACT_STATE) == [ContactState.CLOSED, ContactState.OPEN]
        assert kinds(door) == []


async def test_a_door_that_is_opened_while_it_is_locked_is_forced_until_it_is_shut() -> None:
    async with house().runs() as door:
        await door.feels(CONTACT, on=False)
        await door.feels(CONTACT)
        (alarm,) = door.said(channels.ALARM)
        assert (alarm.kind, alarm.person) == (AlarmKind.FORCED, None)
        assert state(door) is AlarmState.FORCED
        await door.feels(CONTACT, on=False)
        assert state(door) is AlarmState.NONE
        assert kinds(door) == [AlarmKind.FORCED]
    assert alarms(door) == [(AlarmKind.FORCED, True), (AlarmKind.FORCED, False)]
    assert felt(door)[:4] == [(CONTACT, False), (Input.TAMPER, False), (CONTACT, True), (CONTACT, False)]


async def forced_and_tampered() -> FakeJournal:
    """The journal of an actuator that has ended amid two alarms."""
    one = house()
    async with one.runs() as door:
        await door.feels(CONTACT, on=False)
        await door.feels(CONTACT)
        await door.feels(Input.TAMPER)
        assert kinds(door) == [AlarmKind.FORCED, AlarmKind.TAMPER]
    return one.journal


async def test_alarms_go_on_after_a_restart_until_their_cause_is_over() -> None:
    journal = await forced_and_tampered()
    async with house(journal=journal).runs() as door:
        assert state(door) is AlarmState.TAMPER
        assert door.service.figures()["alarm"] == 1
        door.switches[Input.TAMPER].felt = True
        await door.feels(CONTACT)
        assert kinds(door) == []  # they have not begun anew
        await door.feels(Input.TAMPER, on=False)
        assert state(door) is AlarmState.FORCED
        await door.feels(CONTACT, on=False)
        assert state(door) is AlarmState.NONE
        assert alarms(door)[-2:] == [(AlarmKind.TAMPER, False), (AlarmKind.FORCED, False)]
    async with house(journal=journal).runs() as door:
        assert state(door) is AlarmState.NONE


async def test_a_door_that_was_shut_while_the_actuator_was_away_is_forced_no_longer() -> None:
    async with house(journal=await forced_and_tampered()).runs() as door:
        await door.feels(CONTACT, on=False)
        await door.feels(Input.TAMPER, on=False)
        assert state(door) is AlarmState.NONE


async def test_a_door_that_stood_open_too_soon_before_a_restart_is_held_open_after_it() -> None:
    one = house()
    async with one.runs() as door:
        await door.feels(CONTACT)
        await door.passes(30)
        assert kinds(door) == [AlarmKind.HELD_OPEN_SOON]
    async with house(journal=one.journal).runs() as door:
        assert state(door) is AlarmState.HELD_OPEN_SOON
        await door.feels(CONTACT)
        await door.passes(60)
        assert kinds(door) == [AlarmKind.HELD_OPEN]


async def test_alarms_of_inputs_that_the_door_has_no_longer_are_over_with_a_restart() -> None:
    async with house(journal=await forced_and_tampered(), wired=()).runs() as door:
        await door.passes(1)
        assert state(door) is AlarmState.NONE
        assert alarms(door)[-2:] == [(AlarmKind.FORCED, False), (AlarmKind.TAMPER, False)]


async def test_a_door_that_bounces_is_opened_once() -> None:
    async with house().runs() as door:
        await door.feels(CONTACT, on=False)
        await door.told("UNLOCK")
        for on in (True, False, True, False, True):
            door.switches[CONTACT].felt = on
            await door.passes(0.02)
        assert door.said(channels.CONTACT_STATE) == [ContactState.CLOSED]
        await door.feels(CONTACT)
        assert door.said(channels.CONTACT_STATE) == [ContactState.CLOSED, ContactState.OPEN]


async def test_a_door_that_was_open_before_the_actuator_was_there_is_not_forced_but_held_open() -> None:
    async with house().runs() as door:
        await door.feels(CONTACT)
        assert door.said(channels.CONTACT_STATE) == [ContactState.OPEN]
        assert state(door) is AlarmState.NONE
        await door.passes(30)
        assert kinds(door) == [AlarmKind.HELD_OPEN_SOON]


async def test_who_opens_a_moment_after_it_was_locked_does_not_force_the_door() -> None:
    async with house().runs() as door:
        await door.feels(CONTACT, on=False)
        await door.told("UNLOCK")
        await door.passes(3)
        assert door.states[-1] is LockState.LOCKED
        await door.passes(1.5)
        await door.feels(CONTACT)
        assert kinds(door) == []


async def test_a_door_that_stands_open_is_told_of_before_the_alarm_and_says_who_was_let_in() -> None:
    async with house().runs(ALICE) as door:
        await door.feels(CONTACT, on=False)
        await door.sees(match())
        await door.sees(match())
        await door.feels(CONTACT)
        await door.passes(3)
        await door.passes(29)
        assert kinds(door) == []
        await door.passes(1)
        assert (kinds(door), state(door)) == ([AlarmKind.HELD_OPEN_SOON], AlarmState.HELD_OPEN_SOON)
        await door.passes(30)
        assert (kinds(door)[1:], state(door)) == ([AlarmKind.HELD_OPEN], AlarmState.HELD_OPEN)
        assert {alarm.person for alarm in door.said(channels.ALARM)} == {"alice"}
        await door.passes(600)
        assert len(kinds(door)) == 2
        await door.feels(CONTACT, on=False)
        assert state(door) is AlarmState.NONE


async def test_residents_read_alarms_in_words_that_leave_what_was_told_of_people_as_it_was() -> None:
    async with house().runs(ALICE) as door:
        await door.feels(CONTACT, on=False)
        await door.feels(CONTACT)
        (forced,) = door.said(channels.ACTIVITY)
        assert (forced.text, forced.alarm, forced.outcome) == ("Door forced open", AlarmKind.FORCED, None)
        await door.feels(CONTACT, on=False)
        await door.sees(match())
        await door.sees(match())
        await door.feels(CONTACT)
        for seconds in (3, 30, 30):
            await door.passes(seconds)
        await door.feels(Input.TAMPER)
        told = door.said(channels.ACTIVITY)
        assert [one.text for one in told[1:]] == [
            "Alice let in",
            "Door still open",
            "Door held open",
            "Somebody tampers with the door's case",
        ]
        assert [one.person for one in told[2:]] == ["alice", "alice", None]
        assert {(one.last_person, one.last_reason) for one in told[1:]} == {("alice", Reason.MATCHED)}


async def test_a_door_that_is_kept_unlocked_on_purpose_is_not_held_open() -> None:
    async with house(max_hold_seconds=600).runs() as door:
        await door.feels(CONTACT, on=False)
        await door.told('{"action": "UNLOCK", "seconds": 300}')
        await door.feels(CONTACT)
        await door.passes(299)
        assert kinds(door) == []
        await door.passes(2)
        await door.passes(30)
        assert kinds(door) == [AlarmKind.HELD_OPEN_SOON]


@pytest.mark.parametrize(
    ("soon", "late", "said"), [(0, 5, [AlarmKind.HELD_OPEN]), (0, 0, []), (9, 5, [AlarmKind.HELD_OPEN])]
)
async def test_how_long_a_door_may_stand_open_is_a_setting(soon: float, late: float, said: list[AlarmKind]) -> None:
    contact = Contact(held_open_soon_seconds=soon, held_open_seconds=late)
    async with house(inputs=Inputs(contact=contact)).runs() as door:
        await door.feels(CONTACT)
        for _ in range(20):
            await door.passes(1)
        assert kinds(door) == said


@pytest.mark.parametrize(
    ("relock", "after_opening", "after_closing"),
    [(Relock.NEVER, True, True), (Relock.OPENING, False, False), (Relock.CLOSING, True, False)],
)
async def test_the_door_locks_when_somebody_has_passed_where_that_is_wanted(
    relock: Relock, *, after_opening: bool, after_closing: bool
) -> None:
    async with house(inputs=Inputs(contact=Contact(relock=relock))).runs() as door:
        await door.feels(CONTACT, on=False)
        await door.told("UNLOCK")
        await door.feels(CONTACT)
        assert door.unlocked() is after_opening
        await door.feels(CONTACT, on=False)
        assert door.unlocked() is after_closing
        assert kinds(door) == []


async def test_a_hold_that_was_asked_for_longer_than_a_pulse_outlasts_whoever_passes() -> None:
    async with house(inputs=Inputs(contact=Contact(relock=Relock.OPENING))).runs() as door:
        await door.feels(CONTACT, on=False)
        await door.told('{"action": "UNLOCK", "seconds": 20}')
        await door.feels(CONTACT)
        assert door.unlocked()


# The exit button.


async def test_the_exit_button_opens_the_door_and_says_so_and_nothing_is_forced() -> None:
    async with house().runs() as door:
        await door.feels(CONTACT, on=False)
        await door.feels(Input.EXIT)
        assert door.unlocked()
        (decision,) = door.decisions
        assert (decision.outcome, decision.reason, decision.trigger, decision.seconds) == (
            Outcome.GRANTED,
            Reason.EXIT_REQUESTED,
            Trigger.EXIT_BUTTON,
            3.0,
        )
        assert [one.unlocked for one in door.said(channels.EXIT)] == [True]
        assert door.said(channels.ACTIVITY)[-1].text == "Opened from inside"
        await door.passes(4)
        await door.passes(4)
        await door.feels(CONTACT)
        assert kinds(door) == []
    assert (Input.EXIT, True) in felt(door)
    assert door.relay.written[-2:] == [JournalKind.INPUT, JournalKind.GRANTED]


async def test_a_button_that_is_stuck_or_held_is_one_press_and_one_stuck_from_the_start_is_none() -> None:
    stuck = house()
    stuck.switches[Input.EXIT].felt = True
    async with stuck.runs() as door:
        await door.passes(1)
        await door.passes(1)
        assert not door.unlocked()
        await door.feels(Input.EXIT, on=False)
        await door.feels(Input.EXIT)
        assert door.unlocked()
        await door.passes(3)
        await door.passes(60)
        assert not door.unlocked()
        assert len(door.said(channels.EXIT)) == 1


async def test_an_exit_button_may_only_keep_the_alarm_quiet() -> None:
    async with house(inputs=Inputs(exit=ExitButton(action=ExitAction.QUIET, seconds=5))).runs() as door:
        await door.feels(CONTACT, on=False)
        await door.feels(Input.EXIT)
        assert not door.unlocked()
        assert [one.unlocked for one in door.said(channels.EXIT)] == [False]
        await door.feels(CONTACT)
        await door.feels(CONTACT, on=False)
        assert kinds(door) == []
        await door.passes(5)
        await door.feels(CONTACT)
        assert kinds(door) == [AlarmKind.FORCED]


@pytest.mark.parametrize("opens", [True, False])
async def test_whether_the_exit_button_opens_in_lockdown_is_a_setting(*, opens: bool) -> None:
    async with house(lockdown=True, inputs=Inputs(exit=ExitButton(in_lockdown=opens))).runs() as door:
        await door.feels(Input.EXIT, on=False)
        await door.feels(Input.EXIT)
        assert door.unlocked() is opens
        assert [one.unlocked for one in door.said(channels.EXIT)] == [opens]
        assert door.decisions[-1].reason is (Reason.EXIT_REQUESTED if opens else Reason.LOCKDOWN)


async def test_nobody_is_kept_inside_by_a_cooldown_a_clock_or_a_journal_that_is_full() -> None:
    async with house(unjournaled=Unjournaled.DENY).runs() as door:
        await door.feels(Input.EXIT, on=False)
        await door.told("UNLOCK")
        await door.passes(3)
        door.clock.jump(86400)
        door.journal.full = True
        await door.feels(Input.EXIT)
        assert door.unlocked()


async def test_an_exit_neither_cuts_a_longer_hold_short_nor_keeps_a_resident_outside() -> None:
    async with house().runs(ALICE) as door:
        await door.feels(Input.EXIT, on=False)
        await door.told('{"action": "UNLOCK", "seconds": 20}')
        await door.feels(Input.EXIT)
        await door.passes(15)
        assert door.unlocked()
        await door.passes(5)
        await door.feels(Input.EXIT, on=False)
        await door.feels(Input.EXIT)
        await door.passes(3)
        await door.sees(match())
        await door.sees(match())
        assert door.unlocked()


async def test_the_exit_button_works_while_the_broker_is_away_and_is_told_of_in_the_journal() -> None:
    async with house().runs() as door:
        await door.feels(Input.EXIT, on=False)
        door.bus.stop()
        await door.feels(Input.EXIT)
        assert door.unlocked()
    kept = [entry.kind for entry in door.journal.entries]
    assert kept[kept.index(JournalKind.GRANTED) - 1] is JournalKind.INPUT


# The doorbell, and the case.


async def test_each_press_of_the_bell_rings_once() -> None:
    async with house().runs() as door:
        for on in (False, True, False, True, False):
            await door.feels(Input.DOORBELL, on=on)
        assert len(door.said(channels.DOORBELL)) == 2
        assert not door.unlocked()
    assert felt(door).count((Input.DOORBELL, True)) == 2


async def test_an_open_case_is_an_alarm_graver_than_any_other() -> None:
    async with house().runs() as door:
        await door.feels(Input.TAMPER, on=False)
        await door.feels(Input.TAMPER)
        assert (door.said(channels.TAMPER_STATE), state(door)) == ([TamperState.OFF, TamperState.ON], AlarmState.TAMPER)
        await door.feels(CONTACT)
        assert (kinds(door), state(door)) == ([AlarmKind.TAMPER, AlarmKind.FORCED], AlarmState.TAMPER)
        await door.feels(Input.TAMPER, on=False)
        assert state(door) is AlarmState.FORCED


async def test_an_input_that_fails_is_said_in_health_and_read_again_while_the_others_go_on() -> None:
    async with house().runs() as door:
        await door.feels(CONTACT, on=False)
        door.switches[CONTACT].broken = True
        await door.feels(Input.EXIT)
        assert door.unlocked()
        assert (await door.health()).problem == "contact: the wire is broken"
        door.switches[CONTACT].broken = False
        await door.passes(1)
        await door.feels(CONTACT)
        assert door.said(channels.CONTACT_STATE)[-1] is ContactState.OPEN
        assert (await door.health()).figures["contact"] == 1


# Simulated.


async def test_where_the_relay_is_simulated_so_are_inputs_by_their_topics() -> None:
    async with House().runs() as door:
        assert state(door) is AlarmState.NONE
        await door.plays("contact", "OFF")
        await door.plays("contact")
        assert (door.said(channels.CONTACT_STATE)[-1], state(door)) == (ContactState.OPEN, AlarmState.FORCED)
        await door.plays("contact", "OFF")
        await door.plays("tamper")
        await door.plays("doorbell")
        await door.plays("doorbell")
        assert len(door.said(channels.DOORBELL)) == 2
        await door.plays("exit")
        assert door.unlocked()
        assert door.said(channels.EXIT) == [Exit(at=door.said(channels.EXIT)[0].at, unlocked=True)]


async def test_what_is_not_simulated_cannot_be_played_nor_kept_nor_made_up() -> None:
    settings = {"inputs": Inputs(simulated=True, exit=ExitButton(pin=5))}
    async with House(Actuator.model_validate(settings), wired=[Input.EXIT]).runs() as door:
        await door.plays("exit")
        await door.plays("window")
        await door.plays("doorbell", retain=True)
        for word in ("on", "", "PRESS", "\x00"):
            await door.plays("doorbell", word)
        assert not door.unlocked()
        assert door.said(channels.DOORBELL) == []
        refused = (await door.health()).refused
    assert refused == {
        "input_command.unexpected": 2,
        "input_command.retained": 1,
        "input_command.unknown_word": 3,
        "input_command.empty": 1,
    }
    async with house().runs() as real:
        await real.plays("exit")
        assert not real.unlocked()


# Other programs' devices.

ZIGBEE = "zigbee2mqtt/front_contact"


async def says(door: House, topic: str, payload: str, *, retain: bool = False) -> None:
    door.bus.publish(Packet(topic, payload.encode(), qos=1, retain=retain))
    await door.settled()
    await door.passes(0.1)


async def test_a_zigbee_contact_says_whether_the_door_is_open_and_whether_its_case_is() -> None:
    inputs = Inputs(
        contact=Contact(topic=ZIGBEE, field="contact"), tamper=Tamper(topic=ZIGBEE, field="tamper"), simulated=False
    )
    async with house(wired=(), inputs=inputs).runs() as door:
        await says(door, ZIGBEE, '{"battery":100,"contact":true,"linkquality":120,"tamper":false,"voltage":3000}')
        assert door.said(channels.CONTACT_STATE) == [ContactState.CLOSED]
        await says(door, ZIGBEE, '{"battery":100,"contact":false,"linkquality":120,"tamper":false,"voltage":3000}')
        assert (door.said(channels.CONTACT_STATE)[-1], state(door)) == (ContactState.OPEN, AlarmState.FORCED)
        await says(door, ZIGBEE, '{"tamper":true}')
        assert door.said(channels.TAMPER_STATE) == [TamperState.OFF, TamperState.ON]
        for nonsense in ("", "{", "[]", "true", '{"battery":1}', '{"contact":"ajar"}', '{"contact":[1]}', "null"):
            await says(door, ZIGBEE, nonsense)
        assert door.said(channels.CONTACT_STATE)[-1] is ContactState.OPEN
        assert (await door.health()).refused == {  # an empty one deletes what was kept
            "contact_tamper_topic.wrong_shape": 5,
            "contact_tamper_topic.unknown_word": 2,
        }
    assert len(felt(door)) == 4


@pytest.mark.parametrize("inputs", [Inputs(contact=Contact(topic=ZIGBEE), tamper=Tamper(topic=ZIGBEE)), Inputs()])
async def test_what_an_earlier_start_said_of_a_door_is_forgotten_until_something_is_heard(inputs: Inputs) -> None:
    one = house(wired=(), inputs=inputs)
    stale = {channels.CONTACT_STATE: ContactState.CLOSED, channels.TAMPER_STATE: TamperState.OFF}
    for channel, word in stale.items():
        one.bus.publish(Outbound(channel, word, {"door": "front"}).packet(TOPICS))
    async with one.runs() as door:
        assert not {TOPICS.topic(channel, door="front") for channel in stale} & set(door.bus.retained)


async def test_a_topic_on_which_nothing_comes_is_told_of_until_something_does() -> None:
    inputs = Inputs(contact=Contact(topic=ZIGBEE, field="contact"), exit=ExitButton(topic="zigbee2mqtt/way_out"))
    async with house(wired=(), inputs=inputs).runs() as door:
        with capture_logs() as logs:
            for _ in range(4):
                await door.passes(30)
        (told,) = [line for line in logs if line["event"] == "input_unheard"]
        assert (told["input"], told["topic"]) == (CONTACT, ZIGBEE)
        assert "actuator" in told["why"]
        figures = (await door.health()).figures
        assert {name: on for name, on in figures.items() if "unheard" in name} == {
            "contact_unheard": 1,
            "exit_unheard": 1,
        }
        await says(door, ZIGBEE, '{"contact":true}')
        await says(door, ZIGBEE, "{")  # refused, which is news to health
        figures = (await door.health()).figures
        assert (figures["contact_unheard"], figures["exit_unheard"]) == (0, 1)
        await says(door, "zigbee2mqtt/way_out", "ON")
        await says(door, ZIGBEE, "{")
        assert (await door.health()).figures["exit_unheard"] == 0


async def test_a_wired_button_says_in_health_that_it_was_never_pressed_until_it_is() -> None:
    inputs = Inputs(simulated=False, exit=ExitButton(pin=5), contact=Contact(pin=6))
    async with house(wired=(Input.EXIT, CONTACT), inputs=inputs).runs() as door:
        await door.feels(CONTACT, on=False)
        figures = (await door.health()).figures
        assert {name: on for name, on in figures.items() if "unheard" in name} == {"exit_unheard": 1}
        await door.feels(Input.EXIT)
        await door.told("{")  # refused, which is news to health
        assert (await door.health()).figures["exit_unheard"] == 0


@pytest.mark.parametrize(("word", "wanted"), [("OPEN", ContactState.OPEN), ("closed", ContactState.CLOSED)])
async def test_a_bare_word_that_the_broker_has_kept_says_how_the_door_stands(word: str, wanted: ContactState) -> None:
    one = house(wired=(), inputs=Inputs(contact=Contact(topic="shed/door")))
    one.bus.publish(Packet("shed/door", word.encode(), qos=1, retain=True))
    async with one.runs() as door:
        await door.passes(0.1)
        assert door.said(channels.CONTACT_STATE) == [wanted]
        assert kinds(door) == []


async def test_a_foreign_button_rings_with_each_message_but_a_kept_one_opens_nothing() -> None:
    inputs = Inputs(exit=ExitButton(topic="zigbee2mqtt/way_out", field="action"))
    one = house(wired=(), inputs=inputs)
    one.bus.publish(Packet("zigbee2mqtt/way_out", b'{"action":"single"}', qos=1, retain=True))
    async with one.runs() as door:
        assert not door.unlocked()
        await says(door, "zigbee2mqtt/way_out", '{"action":"double"}')
        assert not door.unlocked()
        await says(door, "zigbee2mqtt/way_out", '{"action":"single","battery":90}')
        assert door.unlocked()
        await says(door, "zigbee2mqtt/way_out", '{"action":"single","battery":90}')
        assert [one.unlocked for one in door.said(channels.EXIT)] == [True, True]


async def test_a_flood_of_recognitions_pushes_no_input_out() -> None:
    async with house().runs() as door:
        await door.feels(CONTACT, on=False)
        for number in range(3000):
            door.bus.publish(Packet(f"{ROOT}/door/front/recognition/porch", b"{}" * (number % 3), qos=1))
            if number == 500:
                door.switches[Input.EXIT].felt = True
                door.clock.advance(0.03)
        await door.settled()
        await door.feels(Input.EXIT)
        assert door.unlocked()
