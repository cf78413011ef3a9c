"""A service on a real broker that goes away and comes back, and commands that must not outlive that."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from doorbus.local.stack import Broker, Process
from doorbus.runtime.client import Client, connect
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.runner import Runner
from doorbus.runtime.service import Service
from doorbus.runtime.settings import ServiceSettings
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.messages import Decision, Frame, Health, LockCommand, LockState, Outcome, Presence, Reason, Trigger
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support import hanging, idle
from support.jpegs import Jpeg

JPEG = b"\xff\xd8\xff\xe0 not looked into"
HEARD = (channels.DECISION, channels.LOCK_STATE, channels.HEALTH)


class Keeper(Service):
    """Keeps one door: confirms each command."""

    role = Role.ACTUATOR

    def __init__(self, door: str) -> None:
        self.ids = {"door": door}
        self.commands: list[str | None] = []
        self.sources: asyncio.Queue[Outbound] = asyncio.Queue()

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (Subscription(channels.LOCK_COMMAND, self._on_command, self.ids),)

    def connected(self) -> Iterable[Outbound]:
        return (Outbound(channels.LOCK_STATE, LockState.LOCKED, self.ids),)

    def producers(self) -> Sequence[Callable[[], AsyncIterator[Outbound]]]:
        return (self._produce,)

    async def _produce(self) -> AsyncIterator[Outbound]:
        while True:
            yield await self.sources.get()

    async def _on_command(self, inbound: Inbound[LockCommand]) -> Iterable[Outbound]:
        self.commands.append(inbound.message.id)
        return (self.decision(inbound.message.id),)

    def decision(self, command: str | None) -> Outbound:
        decision = Decision(
            outcome=Outcome.GRANTED,
            reason=Reason.COMMANDED,
            trigger=Trigger.COMMAND,
            at=SystemClock().now(),
            command_id=command,
        )
        return Outbound(channels.DECISION, decision, self.ids)


class Lookout(Service):
    """Looks at frames, as one of several replicas."""

    role = Role.RECOGNIZER

    def __init__(self, door: str) -> None:
        self.door = door
        self.seen: list[str] = []

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (Subscription(channels.FRAME, self._on_frame, {"door": self.door}, share=f"recognizers-{self.door}"),)

    async def _on_frame(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:
        self.seen.append(inbound.message.frame_id)
        return ()


@asynccontextmanager
async def _running(broker: Broker, service: Service, instance: str) -> AsyncIterator[None]:
    """`service` at work, from its first connection on."""
    settings = ServiceSettings(_env_file=None, instance=instance)
    transport = broker.transport(service.role)
    stop = asyncio.Event()
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
        task = asyncio.create_task(Runner(service, transport, settings, SystemClock()).run(stop))
        try:
            await _health(viewer, instance, lambda one: one.state is Presence.ONLINE)
            yield
        finally:
            stop.set()
            await task


async def _health(client: Client, instance: str, wanted: Callable[[Health], bool]) -> Health:
    async with asyncio.timeout(20):
        while True:
            health: Health = (await client.expect(channels.HEALTH, instance=instance)).message
            if wanted(health):
                return health


def _name() -> str:
    return f"t-{uuid4().hex[:8]}"


def _set(door: str) -> str:
    return TOPICS.topic(channels.LOCK_COMMAND, door=door)


async def _confirmed(client: Client, door: str, command: str) -> None:
    """Send a good command and wait for its confirmation."""
    message = Packet(_set(door), b'{"action": "UNLOCK", "id": "%s"}' % command.encode(), qos=1)
    await client.send_packet(message)
    async with asyncio.timeout(10):
        while (await client.expect(channels.DECISION, door=door)).message.command_id != command:
            pass


async def test_a_service_hears_and_is_heard_again_after_the_broker_was_restarted(fresh_broker: Broker) -> None:
    keeper, door = Keeper("front"), "front"
    async with _running(fresh_broker, keeper, door):
        async with connect(fresh_broker.transport(Role.OPERATOR), HEARD) as operator:
            await _confirmed(operator, door, "before")
        await fresh_broker.restart()
        async with connect(fresh_broker.transport(Role.OPERATOR), HEARD) as operator:
            health = await _health(operator, door, lambda one: one.figures["connections"] == 2)
            await _confirmed(operator, door, "after")

    assert keeper.commands == ["before", "after"]
    assert health.state is Presence.ONLINE


async def test_a_decision_made_while_the_broker_was_away_is_told_when_it_is_back(fresh_broker: Broker) -> None:
    keeper = Keeper("front")
    async with _running(fresh_broker, keeper, "front"):
        await _lasting_reader(fresh_broker, "-E")
        await fresh_broker.stop()
        keeper.sources.put_nowait(keeper.decision("made while away"))
        await fresh_broker.start()
        told = await _lasting_reader(fresh_broker, "-C", "1", "-W", "20")

    assert b'"command_id":"made while away"' in told
    assert keeper.commands == []


async def _lasting_reader(broker: Broker, *options: str) -> bytes:
    """Read decisions by a session that the broker keeps while its reader and the broker itself are away."""
    access = ["-h", broker.host, "-p", str(broker.port), "-u", Role.VIEWER, "-P", broker.password(Role.VIEWER)]
    session = ["-V", "5", "-c", "-i", "reader", "-x", "3600", "-q", "1", "-t", TOPICS.filter(channels.DECISION)]
    reader = await asyncio.create_subprocess_exec("mosquitto_sub", *access, *session, *options, stdout=PIPE)
    told, _ = await reader.communicate()
    assert reader.returncode == 0
    return told


async def test_retained_states_and_the_roster_are_there_after_a_restart_of_the_broker(fresh_broker: Broker) -> None:
    shard = TOPICS.topic(channels.ROSTER_SHARD, shard="0")
    async with connect(fresh_broker.transport(Role.ENROLLER)) as enroller:
        await enroller.send_packet(Packet(shard, b"people", qos=1, retain=True))
    async with _running(fresh_broker, Keeper("front"), "front"):
        await fresh_broker.restart()
        listen = [channels.LOCK_STATE, channels.ROSTER_SHARD]
        async with asyncio.timeout(20), connect(fresh_broker.transport(Role.VIEWER), listen) as viewer:
            state = await viewer.expect(channels.LOCK_STATE, door="front")
            roster = await viewer.expect(channels.ROSTER_SHARD)

    assert state.message is LockState.LOCKED
    assert roster.message == b"people"


def _half(store: bytes) -> bytes:
    return store[: len(store) // 2]


def _zeros(store: bytes) -> bytes:
    return bytes(len(store))


def _text(_: bytes) -> bytes:
    return b"not a store at all\n" * 100


@pytest.mark.parametrize("damage", [_half, _zeros, _text])
async def test_a_store_that_cannot_be_read_is_set_aside_and_the_broker_starts(
    fresh_broker: Broker, damage: Callable[[bytes], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    store = fresh_broker.var / "broker/mosquitto/data/mosquitto.db"
    async with connect(fresh_broker.transport(Role.ACTUATOR)) as actuator:
        await actuator.send(Outbound(channels.LOCK_STATE, LockState.UNLOCKED, {"door": "back"}))
    await fresh_broker.stop()
    damaged = damage(store.read_bytes())
    store.write_bytes(damaged)

    await fresh_broker.start()

    said = capfd.readouterr().err
    assert said.count("mosquitto.db: mosquitto cannot read it; it is kept as mosquitto.db.damaged") == 1
    assert store.with_name("mosquitto.db.damaged").read_bytes() == damaged
    viewing = connect(fresh_broker.transport(Role.VIEWER), [channels.LOCK_STATE])
    async with asyncio.timeout(10), _running(fresh_broker, Keeper("back"), _name()), viewing as viewer:
        assert (await viewer.expect(channels.LOCK_STATE, door="back")).message is LockState.LOCKED


async def test_a_store_that_can_be_read_is_not_touched(fresh_broker: Broker) -> None:
    await fresh_broker.restart()

    assert [one.name for one in (fresh_broker.var / "broker/mosquitto/data").iterdir()] == ["mosquitto.db"]


async def test_a_reader_who_does_not_read_costs_the_broker_a_bounded_number_of_bytes(fresh_broker: Broker) -> None:
    """Of 400 MB that wait for it, 128 MiB may be in line and 16 MiB on the way: half of what a container gives it."""
    topic, megabyte = TOPICS.topic(channels.ENROL, person=_name()), bytes(1_000_000)
    writer = await _subscribed_without_reading(fresh_broker, topic)
    async with connect(fresh_broker.transport(Role.OPERATOR)) as operator:
        for _ in range(400):
            await operator.send_packet(Packet(topic, megabyte, qos=1))

    assert _resident_mib(fresh_broker.pid) < 256
    writer.close()


async def _subscribed_without_reading(broker: Broker, topic: str) -> asyncio.StreamWriter:
    """A viewer that subscribes with QoS 1 by hand, and then leaves everything in its socket."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2) + value.encode()

    user = text("viewer") + text(broker.password(Role.VIEWER))
    hello = text("MQTT") + b"\x05\xc2\x00\x00\x00" + text(_name()) + user
    subscribe = b"\x00\x01\x00" + text(topic) + b"\x01"
    reader, writer = await asyncio.open_connection(broker.host, broker.port, limit=1)
    for kind, body in ((0x10, hello), (0x82, subscribe)):
        writer.write(bytes([kind, len(body)]) + body)
        await writer.drain()
        answer = await reader.readexactly(2)
        await reader.readexactly(answer[1])
    return writer


def _resident_mib(pid: int) -> int:
    (line,) = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS:"))
    return int(line.split()[1]) // 1024


async def test_a_command_sent_while_the_service_was_away_does_not_reach_it_later(broker: Broker) -> None:
    door = _name()
    async with connect(broker.transport(Role.OPERATOR), HEARD) as operator:
        await operator.send_packet(Packet(_set(door), b'{"action": "UNLOCK", "id": "early"}', qos=1))
        keeper = Keeper(door)
        async with _running(broker, keeper, door):
            await _confirmed(operator, door, "first")
        await operator.send_packet(Packet(_set(door), b'{"action": "UNLOCK", "id": "between"}', qos=1))
        async with _running(broker, keeper, door):
            await _confirmed(operator, door, "second")

    assert keeper.commands == ["first", "second"]


async def test_a_retained_command_never_reaches_a_service_that_starts_or_reconnects(fresh_broker: Broker) -> None:
    keeper, door = Keeper("front"), "front"
    retained = Packet(_set(door), b'{"action": "UNLOCK", "id": "retained"}', qos=1, retain=True)
    async with connect(fresh_broker.transport(Role.OPERATOR)) as operator:
        await operator.send_packet(retained)
    async with _running(fresh_broker, keeper, door):
        async with connect(fresh_broker.transport(Role.OPERATOR), HEARD) as operator:
            await _confirmed(operator, door, "first")
        await fresh_broker.restart()
        async with connect(fresh_broker.transport(Role.OPERATOR), HEARD) as operator:
            await _health(operator, door, lambda one: one.figures["connections"] == 2)
            await _confirmed(operator, door, "second")

    assert keeper.commands == ["first", "second"]


async def test_a_command_that_is_sent_with_the_retain_flag_is_refused_when_it_arrives(broker: Broker) -> None:
    door = _name()
    keeper = Keeper(door)
    retained = Packet(_set(door), b'{"action": "UNLOCK", "id": "retained"}', qos=1, retain=True)
    async with (
        _running(broker, keeper, door),
        connect(broker.transport(Role.OPERATOR), HEARD) as operator,
    ):
        await operator.send_packet(retained)
        health = await _health(operator, door, lambda one: bool(one.refused))
        await _confirmed(operator, door, "good")
        await operator.send_packet(Packet(_set(door), qos=1, retain=True))

    assert health.refused == {"lock_command.retained": 1}
    assert keeper.commands == ["good"]


async def test_replicas_share_the_frames_and_each_frame_goes_to_one(broker: Broker) -> None:
    door = _name()
    replicas = [Lookout(door), Lookout(door)]
    sent = [f"f-{number}" for number in range(10)]
    async with (
        _running(broker, replicas[0], f"{door}-a"),
        _running(broker, replicas[1], f"{door}-b"),
        connect(broker.transport(Role.CAPTURE)) as camera,
    ):
        for frame_id in sent:
            frame = Frame(jpeg=JPEG, frame_id=frame_id, captured_at=SystemClock().now())
            await camera.send(Outbound(channels.FRAME, frame, {"door": door, "camera": "porch"}))
        async with asyncio.timeout(10):
            while sum(len(one.seen) for one in replicas) < len(sent):  # noqa: ASYNC110  # what is watched has no event
                await asyncio.sleep(0.01)

    assert sorted(replicas[0].seen + replicas[1].seen) == sorted(sent)
    assert len(replicas[0].seen) == len(replicas[1].seen)


async def test_a_frame_of_nine_megabytes_is_refused_and_the_next_frame_is_looked_at(broker: Broker) -> None:
    door = _name()
    lookout = Lookout(door)
    topic = TOPICS.topic(channels.FRAME, door=door, camera="porch")
    async with (
        _running(broker, lookout, door),
        connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer,
        connect(broker.transport(Role.OPERATOR)) as operator,
    ):
        await operator.send_packet(Packet(topic, JPEG + bytes(9_000_000)))
        health = await _health(viewer, door, lambda one: bool(one.refused))
        await operator.send_packet(Packet(topic, JPEG, user=(("frame_id", "good"),)))
        async with asyncio.timeout(10):
            while not lookout.seen:  # noqa: ASYNC110  # what is watched has no event
                await asyncio.sleep(0.01)

    assert health.refused == {"frame.too_large": 1}
    assert lookout.seen == ["good"]


@pytest.mark.parametrize("kind", hanging.KINDS)
async def test_a_process_in_a_call_that_nothing_interrupts_ends_all_the_same(fresh_broker: Broker, kind: str) -> None:
    instance, logs = _name(), fresh_broker.var / "logs"
    arguments = ["--broker.port", str(fresh_broker.port), "--var", str(fresh_broker.var), "--instance", instance]
    arguments += ["--health_seconds", "0.5"]
    async with (
        connect(fresh_broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer,
        connect(fresh_broker.transport(Role.OPERATOR)) as operator,
    ):
        process = await Process.start(instance, [sys.executable, hanging.__file__, kind, *arguments], logs)
        await _health(viewer, instance, lambda one: one.state is Presence.ONLINE)
        topic = TOPICS.topic(channels.FRAME, door="front", camera="porch")
        await operator.send_packet(Packet(topic, Jpeg(64, 48).whole().end()))
        async with asyncio.timeout(10):
            while hanging.SAYS not in process.log():  # noqa: ASYNC110  # a log has no event
                await asyncio.sleep(0.01)
        hangs_since = SystemClock().now()
        await _health(viewer, instance, lambda one: one.state is Presence.ONLINE and one.at > hangs_since)
        ended = await process.stop(signal.SIGTERM)
        await _health(viewer, instance, lambda one: one.state is Presence.OFFLINE)

    assert ended == 0
    assert "stopped" in process.log()
    assert "threads_left_behind" in process.log()
    assert "Traceback" not in process.log()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0), (signal.SIGINT, 0)]
)
async def test_everybody_learns_when_a_process_ends_however_it_ends(
    broker: Broker, number: signal.Signals, status: int
) -> None:
    instance = _name()
    arguments = ["--broker.port", str(broker.port), "--var", str(broker.var), "--instance", instance]
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
        process = await Process.start(instance, [sys.executable, idle.__file__, *arguments], broker.var / "logs")
        await _health(viewer, instance, lambda one: one.state is Presence.ONLINE)
        ended = await process.stop(number)
        await _health(viewer, instance, lambda one: one.state is Presence.OFFLINE)
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as latecomer:
        retained = await _health(latecomer, instance, lambda one: bool(one.instance))

    assert ended == status
    assert "threads_left_behind" not in process.log()
    assert retained.state is Presence.OFFLINE
    assert broker.password(Role.CAPTURE) not in process.log()


async def test_a_site_key_that_changes_is_taken_into_use_without_a_restart(
    fresh_broker: Broker, tmp_path: Path
) -> None:
    instance, path = _name(), tmp_path / "site.key"
    path.write_text("a" * 64)
    arguments = ["--broker.port", str(fresh_broker.port), "--var", str(fresh_broker.var), "--instance", instance]
    arguments += ["--site_key_file", str(path), "--enroller.database", str(tmp_path / "people.db")]
    async with connect(fresh_broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
        program = [sys.executable, "-m", "doorbus_enroller", *arguments]
        process = await Process.start(instance, program, tmp_path)
        wrong = await _health(viewer, instance, lambda one: one.state is Presence.ONLINE)
        path.write_text("no key")
        path.write_text("b" * 64)
        right = await _health(viewer, instance, lambda one: one.site_key not in {None, wrong.site_key})
        ended = await process.stop(signal.SIGTERM)

    assert (ended, right.state) == (0, Presence.ONLINE)
    assert process.log().count("event=started") == 2
    assert "b" * 64 not in process.log()
