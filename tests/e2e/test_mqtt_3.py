"""A client that speaks MQTT 3.1.1 only, as many small devices do: everything but the response topic."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import pytest

from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.messages import Decision, LockState, Outcome, Reason, Recognition, Result, RosterEntry, Trigger
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support.door import CAMERA, DOOR, Door
from support.jpegs import shot


class Old:
    """A connection in MQTT 3.1.1: no properties, no expiry, no retain handling."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client

    async def listen(self, *heard: Channel[Any], **ids: str) -> None:
        for channel in heard:
            await self.client.subscribe(TOPICS.filter(channel, **ids), qos=channel.qos)

    async def send(self, channel: Channel[Any], payload: bytes = b"", **ids: str) -> None:
        await self.client.publish(TOPICS.topic(channel, **ids), payload, qos=channel.qos)

    async def next(self, channel: Channel[Any], **ids: str) -> aiomqtt.Message:
        """The next message of a channel."""
        async with asyncio.timeout(15):
            async for message in self.client.messages:
                if message.topic.matches(TOPICS.filter(channel, **ids)):
                    return message
        raise AssertionError("the connection ended")


@asynccontextmanager
async def old(door: Door, role: Role) -> AsyncIterator[Old]:
    broker = door.stack.broker
    connection = aiomqtt.Client(
        broker.host,
        broker.port,
        username=role,
        password=broker.password(role),
        protocol=aiomqtt.ProtocolVersion.V311,
    )
    async with connection as client:
        yield Old(client)


async def test_frames_open_the_door_and_are_seen_to(door: Door, jpeg: dict[str, bytes]) -> None:
    async with old(door, Role.CAPTURE) as camera, old(door, Role.VIEWER) as viewer:
        await viewer.listen(channels.FRAME, channels.RECOGNITION, channels.DECISION, channels.LOCK_STATE)
        state = await viewer.next(channels.LOCK_STATE, door=DOOR)
        assert (state.payload, state.retain) == (LockState.LOCKED.encode(), True)
        async with asyncio.timeout(20):
            decision = None
            while decision is None or decision.outcome is Outcome.DENIED:
                for _ in range(2):
                    picture = shot(jpeg["obama2"])
                    await camera.send(channels.FRAME, picture, door=DOOR, camera=CAMERA)
                    assert (await viewer.next(channels.FRAME)).payload == picture
                    recognition = Recognition.model_validate_json((await viewer.next(channels.RECOGNITION)).payload)
                    assert recognition.faces[0].person == "obama"
                decision = Decision.model_validate_json((await viewer.next(channels.DECISION)).payload)
        assert (decision.person, decision.trigger) == ("obama", Trigger.FACE)
        while (await viewer.next(channels.LOCK_STATE, door=DOOR)).payload != LockState.LOCKED.encode():
            pass


@pytest.mark.parametrize("payload", [b"UNLOCK", b'{"action": "UNLOCK", "by": "old"}'])
async def test_a_command_opens(door: Door, payload: bytes) -> None:
    async with old(door, Role.OPERATOR) as client:
        await client.listen(channels.DECISION)
        decision = None
        while decision is None or decision.reason is Reason.COOLDOWN:
            await client.send(channels.LOCK_COMMAND, payload, door=DOOR)
            decision = None
            while decision is None or decision.trigger is Trigger.FACE:  # of a frame of the test before
                decision = Decision.model_validate_json((await client.next(channels.DECISION)).payload)
        assert (decision.outcome, decision.trigger) == (Outcome.GRANTED, Trigger.COMMAND)


async def test_a_retained_command_is_refused(door: Door) -> None:
    before, health = door.openings, await door.health(Role.ACTUATOR)
    async with old(door, Role.OPERATOR) as client:
        topic = TOPICS.topic(channels.LOCK_COMMAND, door=DOOR)
        await client.client.publish(topic, b"UNLOCK", qos=1, retain=True)
        await door.counted(Role.ACTUATOR, "lock_command.retained", health)
        await client.client.publish(topic, b"", qos=1, retain=True)
    assert door.openings == before


async def test_people_come_change_and_go(door: Door, jpeg: dict[str, bytes]) -> None:
    async with old(door, Role.NODERED) as client:
        await client.listen(channels.RESULT, channels.ROSTER_SHARD)

        async def result() -> Result:
            return Result.model_validate_json((await client.next(channels.RESULT, person="joe")).payload)

        await client.send(channels.ENROL, jpeg["biden"], person="joe")
        enrolled = await result()
        assert (enrolled.error, enrolled.samples) == (None, 1)
        await client.send(channels.UPDATE, b'{"name": "Joe", "doors": ["back"]}', person="joe")
        assert (await result()).error is None
        async with old(door, Role.VIEWER) as viewer:  # what is retained is replayed to it
            await viewer.listen(channels.ROSTER_SHARD, shard="0")
            entries = json.loads((await viewer.next(channels.ROSTER_SHARD)).payload or b"")
        assert RosterEntry(person="joe", name="Joe", doors=("back",)).model_dump(
            mode="json", exclude_defaults=True
        ) in [{name: entry[name] for name in ("person", "name", "doors") if entry.get(name)} for entry in entries]
        await client.send(channels.REMOVE, person="joe")
        removed = await result()
        assert (removed.action, removed.error) == ("remove", None)


async def test_somebody_is_enrolled_from_an_old_camera(door: Door, jpeg: dict[str, bytes]) -> None:
    async with old(door, Role.OPERATOR) as client, old(door, Role.CAPTURE) as camera:
        await client.listen(channels.RESULT)
        request = {"door": DOOR, "camera": "yard", "samples": 1, "timeout_s": 20}
        await client.send(channels.ENROL_FROM_CAMERA, json.dumps(request).encode(), person="joe")
        answer = asyncio.create_task(client.next(channels.RESULT, person="joe"))
        while not answer.done():
            await camera.send(channels.FRAME, jpeg["biden"], door=DOOR, camera="yard")
            await asyncio.wait([answer], timeout=0.1)
        result = Result.model_validate_json((await answer).payload)
        assert (result.action, result.error, result.samples) == ("capture", None, 1)
        await client.send(channels.REMOVE, person="joe")
        await client.next(channels.RESULT, person="joe")
