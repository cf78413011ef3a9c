"""What a door feels, with real processes: simulated inputs by topic, and by file while there is no broker."""

import asyncio
import json
import signal
from pathlib import Path

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import AlarmKind, AlarmState, ContactState, Exit, Input, InputState, JournalKind
from doorbus_actuator.sqlite_journal import SqliteJournal

DOOR = {"door": "front"}


def energised(stack: Stack) -> list[bool]:
    lines = (stack.var / "relay.jsonl").read_text().splitlines()
    return [json.loads(line)["energised"] for line in lines]


async def until(stack: Stack, history: list[bool]) -> None:
    async with asyncio.timeout(30):
        while energised(stack) != history:  # noqa: ASYNC110  # a file tells nobody that it has grown
            await asyncio.sleep(0.05)


def plays(stack: Stack, name: Input, word: str) -> None:
    path: Path = stack.var / "inputs" / "front" / name.value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(word)


async def ready(stack: Stack) -> None:
    """Wait until the actuator has read its inputs once."""
    async with asyncio.timeout(60), connect(stack.broker.transport(Role.VIEWER), [channels.CONTACT_STATE]) as viewer:
        assert (await viewer.expect(channels.CONTACT_STATE)).message is ContactState.CLOSED


async def test_a_contact_that_opens_while_the_door_is_locked_gives_an_alarm_until_it_is_shut(
    fresh_stack: Stack,
) -> None:
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.ACTUATOR, {})
    heard = [channels.CONTACT_STATE, channels.ALARM, channels.ALARM_STATE]
    async with asyncio.timeout(60), connect(fresh_stack.broker.transport(Role.OPERATOR), heard) as operator:
        contact = {**DOOR, "input": "contact"}
        assert (await operator.expect(channels.ALARM_STATE)).message is AlarmState.NONE
        assert (await operator.expect(channels.CONTACT_STATE)).message is ContactState.CLOSED
        await operator.send(Outbound(channels.INPUT_COMMAND, InputState.ON, contact))
        assert (await operator.expect(channels.CONTACT_STATE)).message is ContactState.OPEN
        assert (await operator.expect(channels.ALARM)).message.kind is AlarmKind.FORCED
        assert (await operator.expect(channels.ALARM_STATE)).message is AlarmState.FORCED
        await operator.send(Outbound(channels.INPUT_COMMAND, InputState.OFF, contact))
        assert (await operator.expect(channels.ALARM_STATE)).message is AlarmState.NONE
    assert energised(fresh_stack) == [False]


async def test_the_exit_button_opens_while_the_broker_is_killed_and_is_told_of_when_it_is_back(
    fresh_stack: Stack,
) -> None:
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.ACTUATOR, {"DOORBUS_ACTUATOR__UNLOCK_SECONDS": "0.5"})
    await ready(fresh_stack)
    await fresh_stack.broker.stop(signal.SIGKILL)
    plays(fresh_stack, Input.EXIT, "ON\n")
    await until(fresh_stack, [False, True, False])
    await fresh_stack.broker.start()
    async with asyncio.timeout(60), connect(fresh_stack.broker.transport(Role.VIEWER), [channels.JOURNAL]) as viewer:
        told = [(await viewer.expect(channels.JOURNAL)).message]
        while told[-1].decision is None:
            told.append((await viewer.expect(channels.JOURNAL)).message)
        assert (told[-2].input, told[-1].kind) == (Input.EXIT, JournalKind.GRANTED)


async def test_an_exit_is_in_the_journal_although_the_actuator_is_killed_in_mid_pulse(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.ACTUATOR, {})
    await ready(fresh_stack)
    async with asyncio.timeout(30), connect(fresh_stack.broker.transport(Role.VIEWER), [channels.EXIT]) as viewer:
        plays(fresh_stack, Input.EXIT, "ON")
        left: Exit = (await viewer.expect(channels.EXIT)).message
        assert left.unlocked
    await fresh_stack.stop_service("actuator", signal.SIGKILL)
    await until(fresh_stack, [False, True, False])
    journal = SqliteJournal(fresh_stack.var / "journal-front.db", 90, 32)
    journal.open()
    entries = journal.read(1, journal.newest, 100)
    journal.close()
    kinds = [entry.kind for entry in entries]
    assert kinds.index(JournalKind.INPUT) < kinds.index(JournalKind.GRANTED)
    assert [entry.on for entry in entries if entry.input is Input.EXIT] == [True]
