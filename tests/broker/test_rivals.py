"""Two actuators that were set to one door, on a real broker."""

import asyncio
import json
import signal

import pytest

from doorbus.local.prepare import LocalError
from doorbus.local.stack import Stack
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Action, LockCommand, LockState, Presence


async def named(viewer: Client, instance: str, other: str) -> bool:
    """Whether the next health of `instance` names the other actuator as a problem."""
    while True:
        health = (await viewer.expect(channels.HEALTH, instance=instance)).message
        if health.state is Presence.ONLINE:
            return f"{other} drives this door, too" in (health.problem or "")


async def test_each_of_two_actuators_of_a_door_names_the_other_for_as_long_as_it_is_there(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.ACTUATOR, {}, instance="hall")
    elsewhere = fresh_stack.var / "attic"
    elsewhere.mkdir()
    (elsewhere / "credentials").symlink_to(fresh_stack.var / "credentials")
    await fresh_stack.start(Role.ACTUATOR, {"DOORBUS_VAR": str(elsewhere)}, instance="attic")
    broker = fresh_stack.broker
    heard = [channels.HEALTH, channels.LOCK_STATE]
    async with connect(broker.transport(Role.OPERATOR), heard) as operator, asyncio.timeout(90):
        for one, other in (("hall", "attic"), ("attic", "hall")):
            while not await named(operator, one, other):
                pass
        command = LockCommand(action=Action.UNLOCK)
        await operator.send(Outbound(channels.LOCK_COMMAND, command, {"door": "front"}))
        while (await operator.expect(channels.LOCK_STATE)).message is not LockState.UNLOCKED:
            pass
        await fresh_stack.stop_service("attic", signal.SIGKILL)
        while await named(operator, "hall", "attic"):
            pass
        told = (fresh_stack.var / "logs/hall.log").read_text()
        assert told.count("event=another_actuator ") == 1
        assert told.count("event=another_actuator_gone ") == 1


async def test_an_actuator_of_another_door_is_no_problem(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.ACTUATOR, {}, instance="hall")
    async with connect(fresh_stack.broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer, asyncio.timeout(90):
        await fresh_stack.start(Role.ACTUATOR, {"DOORBUS_ACTUATOR__DOOR": "back"}, instance="shed")
        for _ in range(3):
            assert not await named(viewer, "hall", "shed")


async def test_two_actuators_of_a_door_do_not_share_a_directory_and_the_second_moves_nothing(
    fresh_stack: Stack,
) -> None:
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.ACTUATOR, {}, instance="hall")
    heard = [channels.LOCK_STATE]
    async with connect(fresh_stack.broker.transport(Role.OPERATOR), heard) as operator, asyncio.timeout(90):
        command = LockCommand(action=Action.UNLOCK, seconds=30.0)
        await operator.send(Outbound(channels.LOCK_COMMAND, command, {"door": "front"}))
        while (await operator.expect(channels.LOCK_STATE)).message is not LockState.UNLOCKED:
            pass
        with pytest.raises(LocalError, match="ended with status 2") as refused:
            await fresh_stack.start(Role.ACTUATOR, {}, instance="attic")

    said = str(refused.value)
    assert f"DOORBUS_VAR={fresh_stack.var}: another actuator of door front runs with this directory" in said
    assert str(fresh_stack.var / "journal-front.db") in said
    assert "DOORBUS_ACTUATOR__DOOR" in said
    moved = [json.loads(line)["energised"] for line in (fresh_stack.var / "relay.jsonl").read_text().splitlines()]
    assert moved == [False, True]

    await fresh_stack.stop_service("hall", signal.SIGKILL)
    await fresh_stack.start(Role.ACTUATOR, {}, instance="attic")
