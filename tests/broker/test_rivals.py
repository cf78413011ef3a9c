"""Two actuators that were set to one door, on a real broker."""

import asyncio
import signal

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
    await fresh_stack.start(Role.ACTUATOR, {}, instance="attic")
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
