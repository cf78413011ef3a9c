"""A door's own broker joined to a central one by mosquitto/bridge.conf.example, with and without the uplink."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from doorbus.local.prepare import broker_command, prepare
from doorbus.local.stack import Process, Stack, free_port, stack
from doorbus.runtime.broker import transport
from doorbus.runtime.client import Client, connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.runtime.settings import BrokerSettings, CommonSettings
from doorbus.site.secrets import Site
from doorbus.site.users import named
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.exchange import Event, Outbound
from doorbus.wire.messages import (
    Action,
    Decision,
    Face,
    GalleryEntry,
    HashedCredentials,
    LockCommand,
    Outcome,
    Recognition,
    RosterEntry,
    Verdict,
)
from doorbus.wire.packet import ConnectionLost, Packet
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import SnapshotReader, as_they_are, pack
from support.door import QUICK_ACTUATOR, OfStack

ROOT = channels.DEFAULT_ROOT
SET = f"{ROOT}/door/front/lock/set"
KEY = bytes(range(32))
WATCHED = (channels.DECISION, channels.LOCK_STATE, channels.HEALTH)


class Uplink:
    """The way to the centre, which a test can cut, or let stand still."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._hang_up()

    def cut(self) -> None:
        """Break all connections, and let no new one come about."""
        self._is_cut = True
        self._hang_up()

    def stand_still(self) -> None:
        """Hold everything back without breaking a connection, as a network does that has lost its way."""
        self._flows.clear()

    def heal(self) -> None:
        """Let connections through again, and what was held back."""
        self._is_cut = False
        self._flows.set()

    def _hang_up(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, far_writer}
        for one in (self._pump(reader, far_writer), self._pump(far_reader, writer)):
            task = asyncio.create_task(one)
            self._tasks.add(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        await self._flows.wait()
        self._open.discard(writer)
        writer.close()


class Central:
    """The broker in the middle: with TLS, and the secrets that `doorbus secrets` makes."""

    def __init__(self, var: Path, config: Path) -> None:
        self.site = Site(var / "secrets")
        self.port = free_port()
        self._plain = free_port()
        self._var = var
        self._config = config
        self._process: Process | None = None

    async def start(self) -> None:
        self.site.make()
        for role in (Role.ACTUATOR, Role.RECOGNIZER, Role.CAPTURE):
            self.site.add(named(f"{role}-front", role, {"door": "front"}))
        home = prepare(self._var, self._plain, self._config)
        inside = home / "mosquitto"
        for file in (self.site.directory / "broker").iterdir():
            (inside / "secrets" / file.name).write_bytes(file.read_bytes())
        lines = [f"listener {self.port} 127.0.0.1", "certfile mosquitto/secrets/broker.crt"]
        lines += ["keyfile mosquitto/secrets/broker.key", ""]
        (inside / "listeners" / "tls.conf").write_text("\n".join(lines))
        self._process = await Process.start("central", broker_command(), self._var / "logs", cwd=home)
        async with asyncio.timeout(10):
            while not await self._answers():
                self._process.check_alive()

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()

    def password(self, user: str) -> str:
        return (self.site.directory / "users" / user).read_text().strip()

    def transport(self, role: Role) -> MqttTransport:
        secrets = self.site.directory
        who = {"username": role, "password_file": secrets / "users" / role}
        broker = BrokerSettings(host="127.0.0.1", port=self.port, tls=True, tls_ca=secrets / "ca.crt", **who)
        return transport(CommonSettings(_env_file=None, broker=broker), role)

    async def _answers(self) -> bool:
        try:
            async with connect(self.transport(Role.VIEWER)):
                return True
        except ConnectionLost:
            return False


class Branch:
    """A door with a broker and a real actuator, an uplink that can fail, and the centre."""

    def __init__(self, door: Stack, central: Central, uplink: Uplink, operator: Client) -> None:
        self.door = door
        self.central = central
        self.uplink = uplink
        self.operator = operator
        """An operator at the centre, who hears what comes up from the door."""

    @property
    def openings(self) -> int:
        """How often the relay was energised so far."""
        return OfStack(self.door).relay_record().count('"energised": true')

    async def enrol(self, version: int, *people: str) -> None:
        """Publish roster and gallery at the centre, as the enroller there does."""
        roster = pack([RosterEntry(person=person) for person in people], version)
        gallery = pack([GalleryEntry(person=person, templates=("",)) for person in people], version, "m@1", Seal(KEY))
        key = self.door.broker.key(Role.ENROLLER)  # the door believes the enroller at the centre
        async with connect(self.central.transport(Role.ENROLLER), key=key) as enroller:
            for (manifest, shards), to_shard, to_manifest in (
                (roster, channels.ROSTER_SHARD, channels.ROSTER_MANIFEST),
                (gallery, channels.GALLERY_SHARD, channels.GALLERY_MANIFEST),
            ):
                await enroller.send(Outbound(channels.CREDENTIALS, CODES))
                for index, shard in enumerate(shards):
                    await enroller.send(Outbound(to_shard, shard, {"shard": str(index)}))
                await enroller.send(Outbound(to_manifest, manifest))

    async def gallery_at_the_door(self, version: int) -> tuple[str, ...]:
        """Who is in the gallery that the door's broker offers to a recognizer, once it is this version."""
        reader = SnapshotReader(GalleryEntry, as_they_are, Seal(KEY))
        listen = (channels.GALLERY_MANIFEST,)
        async with asyncio.timeout(30), connect(self.door.broker.transport(Role.RECOGNIZER), listen) as client:
            while True:
                event = await client.expect(*listen, channels.GALLERY_SHARD)
                snapshot = await client.collect(reader, event)
                if snapshot is not None and snapshot.manifest.version == version:
                    return tuple(entry.person for part in snapshot.parts() for entry in part)

    async def opens_for(self, person: str) -> None:
        """Recognise `person` at the door, again and again, until the door opens."""
        async with (
            asyncio.timeout(40),
            connect(self.door.broker.transport(Role.VIEWER), (channels.DECISION,)) as viewer,
            connect(
                self.door.broker.transport(Role.RECOGNIZER), key=self.door.broker.key(Role.RECOGNIZER)
            ) as recognizer,
        ):

            async def recognise() -> None:
                await recognizer.send(Outbound(channels.RECOGNITION, _match(person), _PORCH))

            async with _again_and_again(recognise, 0.1):  # ten frames a second, as a camera does
                await _until(viewer, channels.DECISION, lambda one: one.outcome is Outcome.GRANTED)

    async def reaches_the_door(self) -> None:
        """Command from the centre, again and again, until the door opens for a command that is fresh."""

        async def command() -> None:
            fresh = LockCommand(action=Action.UNLOCK, id=uuid4().hex, issued_at=datetime.now(UTC), by="fresh")
            await self.operator.send(Outbound(channels.LOCK_COMMAND, fresh, {"door": "front"}))

        async with asyncio.timeout(40), _again_and_again(command, 1.0):
            granted = await _until(self.operator, channels.DECISION, lambda one: one.outcome is Outcome.GRANTED)
        assert granted.by == "fresh"


CODES = HashedCredentials(credentials=()).model_dump_json().encode()
_PORCH = {"door": "front", "camera": "porch"}


def _match(person: str) -> Recognition:
    now = datetime.now(UTC)
    face = Face(
        box=(0, 0, 100, 100),
        verdict=Verdict.MATCH,
        person=person,
        confidence=0.99,
        similarity=0.9,
        runner_up=0.1,
        live=1.0,
        quality=1.0,
        yaw=0.0,
        pitch=0.0,
        eyes_open=1.0,
    )
    return Recognition(
        frame_id=uuid4().hex,
        captured_at=now,
        recognized_at=now,
        recognizer="test",
        model="m@1",
        gallery_version=1,
        timings_ms={},
        faces=(face,),
        door="front",
        camera="porch",
    )


@asynccontextmanager
async def _again_and_again(work: Callable[[], Awaitable[None]], seconds: float) -> AsyncIterator[None]:
    """Do `work` every so many seconds while the context lasts."""

    enough = asyncio.Event()

    async def repeat() -> None:
        while not enough.is_set():
            await work()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await enough.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(repeat())
        try:
            yield
        finally:
            enough.set()


async def _until(client: Client, channel: Channel[Any], holds: Callable[[Any], bool]) -> Any:
    while True:
        message = (await client.expect(channel)).message
        if holds(message):
            return message


def _bridge(example: str, central: Central, port: int) -> str:
    """The example with what a person fills in."""
    text = example.replace("central.example:8883", f"localhost:{port}")
    text = text.replace("mosquitto/secrets/central-ca.crt", str(central.site.directory / "ca.crt"))
    text = re.sub(r"PASSWORD-OF-(\S+)", lambda match: central.password(match[1]), text)
    return text.replace("#topic ", "topic ")  # commands from the centre, too


@pytest.fixture
async def branch(tmp_path: Path, repository: Path) -> AsyncIterator[Branch]:
    config = repository / "mosquitto"
    central = Central(tmp_path / "central", config)
    await central.start()
    uplink = Uplink(central.port)
    await uplink.start()
    (tmp_path / "door").mkdir()
    async with stack(tmp_path / "door", repository / "var", config) as door:
        listeners = door.var / "broker" / "mosquitto" / "listeners"
        listeners.mkdir(parents=True)
        (listeners / "bridge.conf").write_text(
            _bridge((config / "bridge.conf.example").read_text(), central, uplink.port)
        )
        await door.broker.start()
        await door.start(Role.ACTUATOR, QUICK_ACTUATOR, instance="front")
        async with connect(central.transport(Role.OPERATOR), WATCHED) as operator:
            yield Branch(door, central, uplink, operator)
    await uplink.stop()
    await central.stop()


@asynccontextmanager
async def without_uplink(branch: Branch, *, still: bool = False) -> AsyncIterator[None]:
    (branch.uplink.stand_still if still else branch.uplink.cut)()
    try:
        yield
    finally:
        branch.uplink.heal()


@pytest.mark.timeout(120)
async def test_a_door_opens_for_who_was_enrolled_at_the_centre_also_without_uplink_and_after_a_restart(
    branch: Branch,
) -> None:
    await branch.enrol(1, "alice")
    assert await branch.gallery_at_the_door(1) == ("alice",)
    await branch.opens_for("alice")
    door = branch.door.broker.transport(Role.ACTUATOR)
    async with asyncio.timeout(30), connect(door, (channels.CREDENTIALS,)) as actuator:
        assert (await actuator.expect(channels.CREDENTIALS)).message == CODES
    async with asyncio.timeout(10):
        decision: Decision = await _until(
            branch.operator, channels.DECISION, lambda one: one.outcome is Outcome.GRANTED
        )
    assert decision.person == "alice"

    async with without_uplink(branch):
        await branch.opens_for("alice")
        await branch.door.broker.restart()
        await branch.door.stop_service("front")
        await branch.door.start(Role.ACTUATOR, instance="front")
        assert await branch.gallery_at_the_door(1) == ("alice",)
        await branch.opens_for("alice")
    assert branch.openings == 3

    await branch.enrol(2, "alice", "bob")
    assert sorted(await branch.gallery_at_the_door(2)) == ["alice", "bob"]
    await branch.opens_for("bob")


@pytest.mark.timeout(120)
async def test_decisions_made_without_uplink_arrive_later_and_health_flows_again(branch: Branch) -> None:
    await branch.enrol(1, "alice")
    await branch.gallery_at_the_door(1)
    async with without_uplink(branch):
        await branch.opens_for("alice")
        healed_at = datetime.now(UTC)

    async with asyncio.timeout(40):
        decision: Decision = await _until(
            branch.operator, channels.DECISION, lambda one: one.outcome is Outcome.GRANTED
        )
        await _until(branch.operator, channels.HEALTH, lambda one: one.instance == "front" and one.at > healed_at)
    assert decision.at < healed_at


@pytest.mark.timeout(120)
async def test_commands_sent_while_the_uplink_is_cut_never_open_the_door(branch: Branch) -> None:
    await branch.reaches_the_door()
    before = branch.openings
    async with without_uplink(branch):
        for retain in (False, True):
            await branch.operator.send_packet(Packet(SET, b"UNLOCK", qos=1, retain=retain))
        await branch.operator.send_packet(Packet(SET, b'{"action": "OPEN"}', qos=1))

    await branch.reaches_the_door()
    assert branch.openings == before + 1  # for the fresh one
    door = branch.door.broker.transport(Role.VIEWER)
    async with asyncio.timeout(20), connect(door, (channels.HEALTH,)) as viewer:  # the centre hands it down each time
        await _until(viewer, channels.HEALTH, lambda one: one.refused.get("lock_command.retained", 0) >= 1)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seconds", [6.0, 15.0])
async def test_a_command_held_back_by_an_uplink_that_stood_still_is_refused_by_its_age(
    branch: Branch, seconds: float
) -> None:
    await branch.reaches_the_door()
    before = branch.openings
    async with without_uplink(branch, still=True):
        now = datetime.now(UTC)
        command = LockCommand(action=Action.UNLOCK, id="held-back", issued_at=now, by="held back")
        await branch.operator.send(Outbound(channels.LOCK_COMMAND, command, {"door": "front"}))
        await asyncio.sleep(seconds)  # what is tested is that time passes

    await branch.reaches_the_door()
    assert branch.openings == before + 1


@pytest.mark.timeout(120)
async def test_frames_and_recognitions_stay_at_the_door_and_nothing_goes_round_in_circles(branch: Branch) -> None:
    await branch.enrol(1, "alice")
    await branch.gallery_at_the_door(1)
    local = (channels.FRAME, channels.RECOGNITION, channels.CHALLENGE)
    heard: list[Event[Any]] = []
    everything = [*channels.CHANNELS]
    async with connect(branch.central.transport(Role.VIEWER), everything) as viewer:
        await branch.opens_for("alice")
        async with asyncio.timeout(10):
            async for event in viewer.events():
                heard.append(event)
                if event.channel is channels.DECISION and event.message.outcome is Outcome.GRANTED:
                    break

    assert not [event.packet.topic for event in heard if event.channel in local]
    assert len([event for event in heard if event.channel is channels.ROSTER_MANIFEST]) == 1
