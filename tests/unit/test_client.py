"""A person's way onto the bus."""

import asyncio
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest

from doorbus.runtime.client import connect
from doorbus.testing import MemoryBus
from doorbus.wire import channels, messages
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Action, LockCommand, LockState
from doorbus.wire.packet import ConnectionLost, Packet
from doorbus.wire.topics import Topics

ROOT = channels.DEFAULT_ROOT
STATE = f"{ROOT}/door/front/lock/state"
OF_OTHERS = ("embedding", "enrolment", "groups", "checking", "keeping", "recordings", "results", "review")


async def test_it_hears_what_is_retained_and_what_comes() -> None:
    bus = MemoryBus()
    bus.publish(Packet(STATE, b"LOCKED", retain=True))

    async with connect(bus, [channels.LOCK_STATE]) as client:
        first = await client.expect(channels.LOCK_STATE)
        bus.publish(Packet(STATE, b"UNLOCKED", retain=True))
        second = await client.expect(channels.LOCK_STATE)

    assert (first.message, second.message) == (LockState.LOCKED, LockState.UNLOCKED)
    assert first.ids == {"door": "front"}


async def test_what_is_no_message_is_skipped() -> None:
    bus = MemoryBus()

    async with connect(bus) as client:
        await client.listen(channels.LOCK_STATE)
        for packet in (
            Packet(STATE, b"locked"),
            Packet(f"{ROOT}/door/Front/lock/state", b"LOCKED"),
            Packet(f"{ROOT}/door/back/lock/state", b"JAMMED"),
            Packet(STATE, b"UNLOCKED"),
        ):
            bus.publish(packet)
        event = await client.expect(channels.LOCK_STATE, door="front")

    assert event.message is LockState.UNLOCKED


async def test_it_listens_to_one_door_only_when_asked() -> None:
    bus = MemoryBus()

    async with connect(bus) as client:
        await client.listen(channels.LOCK_STATE, channels.DECISION, door="front")
        bus.publish(Packet(f"{ROOT}/door/back/lock/state", b"JAMMED"))
        bus.publish(Packet(STATE, b"LOCKED"))
        event = await anext(client.events())

    assert event.ids == {"door": "front"}


async def test_what_is_sent_takes_its_properties_from_the_channel() -> None:
    bus = MemoryBus()

    async with connect(bus, topics=Topics("site/7")) as client:
        await client.send(Outbound(channels.LOCK_COMMAND, LockCommand(action=Action.UNLOCK), {"door": "front"}))

    assert bus.log == [
        Packet("site/7/door/front/lock/set", b"UNLOCK", qos=1, expiry=5, content_type="application/json")
    ]


async def test_the_loss_of_the_connection_is_told_to_who_waits() -> None:
    bus = MemoryBus()

    async with connect(bus, [channels.LOCK_STATE]) as client:
        waiting = asyncio.create_task(client.expect(channels.LOCK_STATE))
        await asyncio.sleep(0)
        bus.stop()

        with pytest.raises(ConnectionLost):
            await waiting


async def test_two_clients_of_one_name_do_not_push_each_other_off() -> None:
    bus = MemoryBus()

    async with connect(bus, name="doorbus") as one, connect(bus, name="doorbus") as two:
        await one.send_packet(Packet("x", b"1"))
        await two.send_packet(Packet("x", b"2"))

    assert [packet.payload for packet in bus.log] == [b"1", b"2"]


@pytest.mark.parametrize("module", ["doorbus.runtime.client", "doorbus.cli.__main__", "doorbus_actuator.release"])
def test_who_runs_no_service_does_not_load_what_runs_one(module: str) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"], check=True, capture_output=True, text=True
    ).stdout.split()

    assert module in loaded
    assert "doorbus.runtime.runner" not in loaded


def test_a_door_does_not_load_the_messages_of_others() -> None:
    code = "import sys, doorbus_actuator.wiring; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    rooms = {f"doorbus.wire.{room}.{name}" for room in ("messages", "channels") for name in OF_OTHERS}
    assert "doorbus.wire.messages.door" in loaded
    assert rooms & set(loaded) == set()


def test_a_message_that_there_is_not_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Postcard'"):
        getattr(messages, "Postcard")  # noqa: B009  # as a name that mypy knows not to be there
    assert {"LockCommand", "ListRecordings"} <= set(dir(messages))


def test_a_record_with_slots_does_not_change() -> None:
    packet = Packet("x", b"1")
    with pytest.raises(FrozenInstanceError, match="topic of a Packet does not change"):
        packet.topic = "y"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del packet.topic
    assert packet == replace(Packet("y", b"1"), topic="x")
