"""Whoever has a password can send a lot: commands come through, and what is retained is true afterwards."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from doorbus.local.stack import Broker, Stack, stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import LockState, Outcome, Trigger
from doorbus.wire.packet import ConnectionLost, Filter, Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support.door import QUICK_ACTUATOR, Door

AT_THE_DOOR = {"door": "front", "camera": "porch"}
STORMS = {
    "announcements asked for": (Role.HOMEASSISTANT, TOPICS.topic(channels.HOMEASSISTANT_STATUS), "online"),
    "recognitions of nobody": (Role.RECOGNIZER, TOPICS.topic(channels.RECOGNITION, **AT_THE_DOOR), '{"faces": 7}'),
    "commands that are none": (Role.NODERED, TOPICS.topic(channels.LOCK_COMMAND, door="front"), '{"action": "PARTY"}'),
    "words that are none": (Role.NODERED, TOPICS.topic(channels.LOCK_COMMAND, door="front"), "UNLOCK!"),
}


WAITING = 500


@pytest.fixture(scope="module")
async def living(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> AsyncIterator[Stack]:
    """A door of its own, without a cooldown, which takes no answer that is late for a broker that is away."""
    own = {"DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "0", "DOORBUS_BROKER__KEEPALIVE_SECONDS": "60"}
    async with stack(tmp_path_factory.mktemp("storms"), repository / "var", repository / "mosquitto") as one:
        await one.broker.start()
        await one.start(Role.ACTUATOR, {**QUICK_ACTUATOR, **own})
        yield one


@asynccontextmanager
async def _storm(door: Door, role: Role, topic: str, line: str) -> AsyncIterator[None]:
    """5,000 messages, as fast as the broker takes them. For many more a busy machine would give its broker up."""
    broker = door.stack.broker
    user = ("-u", role.value, "-P", broker.password(role))
    command = ("mosquitto_pub", "-p", str(broker.port), *user, "-V", "5", "-t", topic, "-q", "0", "-l")
    storm = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    assert storm.stdin is not None
    storm.stdin.write(f"{line}\n".encode() * 5_000)
    storm.stdin.close()
    try:
        yield
    finally:
        await storm.wait()


@pytest.mark.parametrize("name", STORMS)
async def test_a_command_opens_in_the_middle_of_a_storm(door: Door, name: str) -> None:
    role, topic, line = STORMS[name]

    async with _storm(door, role, topic, line):
        await door.command(b"UNLOCK")
        async with asyncio.timeout(30):
            while (decision := await door.decision()).outcome is not Outcome.GRANTED:
                pass

    assert decision.trigger is Trigger.COMMAND
    await door.until_locked()
    assert not door.energised


async def test_a_command_comes_past_all_the_recognitions_that_wait(broker: Broker) -> None:
    at_the_door = {"door": "storm-past", "camera": "porch"}
    seen, told = (
        TOPICS.topic(channels.RECOGNITION, **at_the_door),
        TOPICS.topic(channels.LOCK_COMMAND, door="storm-past"),
    )
    came: list[str] = []
    commanded, all_seen = asyncio.Event(), asyncio.Event()

    def deliver(packet: Packet) -> None:
        came.append(packet.topic)
        if packet.topic == told:
            commanded.set()
        if came.count(seen) == WAITING:
            all_seen.set()

    transport = broker.transport(Role.ACTUATOR)
    async with transport.connect(client_id="storm-past", will=None, deliver=deliver) as connection:
        await connection.subscribe([Filter(told, qos=1), Filter(seen, qos=1, apart=True)])
        # In the way of the loop, so that nothing is read before all of it has come to the broker.
        _published(broker, Role.RECOGNIZER, seen, WAITING)
        _published(broker, Role.OPERATOR, told, 1)
        async with asyncio.timeout(20):
            await commanded.wait()
        before = came.index(told)
        async with asyncio.timeout(20):
            await all_seen.wait()

    assert before < WAITING / 5


async def test_whoever_loses_the_way_of_recognitions_has_lost_the_broker(broker: Broker) -> None:
    transport = broker.transport(Role.ACTUATOR)
    seen = Filter(TOPICS.topic(channels.RECOGNITION, door="storm-lost", camera="porch"), apart=True)
    health: list[Packet] = []
    async with transport.connect(client_id="storm-lost", will=None, deliver=health.append) as connection:
        await connection.subscribe([seen])
        async with transport.connect(client_id="storm-lost-apart", will=None, deliver=health.append):
            with pytest.raises(ConnectionLost):
                async with asyncio.timeout(20):
                    await connection.lost()


def _published(broker: Broker, role: Role, topic: str, times: int) -> None:
    user = ("-u", role.value, "-P", broker.password(role))
    command = ("mosquitto_pub", "-p", str(broker.port), *user, "-V", "5", "-t", topic, "-q", "1", "-l")
    subprocess.run(command, input=b"nothing\n" * times, check=True, timeout=30)


async def test_the_retained_state_is_true_after_a_storm_of_openings(door: Door) -> None:
    role, topic, line = STORMS["announcements asked for"]

    async with _storm(door, role, topic, line):
        for word in (b"UNLOCK", b"LOCK") * 20:
            await door.command(word)

    await door.until_locked()
    assert not door.energised
    async with asyncio.timeout(10), connect(door.stack.broker.transport(Role.VIEWER), [channels.LOCK_STATE]) as viewer:
        assert (await viewer.expect(channels.LOCK_STATE, door="front")).message is LockState.LOCKED


async def test_a_message_with_too_many_properties_is_refused_before_they_are_read(door: Door) -> None:
    before = await door.health(Role.ACTUATOR)
    many = tuple((f"key {number}", "value") for number in range(12_000))
    topic = TOPICS.topic(channels.LOCK_COMMAND, door="front")

    for _ in range(3):  # after a storm a busy actuator may have given its broker up, and hears nothing meanwhile
        await door.operator.send_packet(Packet(topic, b"UNLOCK", qos=1, user=many))
        with suppress(TimeoutError):
            await door.counted(Role.ACTUATOR, "lock_command.bad_metadata", before)
            break
    else:
        pytest.fail("nothing of the kind was counted")

    assert not door.energised
