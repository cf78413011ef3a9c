"""Who was removed or disabled stays outside, whatever the broker comes back with, whoever has the enroller's password.

Broker, enroller and actuators are processes of their own; of a recognizer there is only what it would send.
"""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from doorbus.cli.doctor import observe
from doorbus.local.stack import Stack
from doorbus.runtime.checks import Severity, findings
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    Face,
    Health,
    Manifest,
    Outcome,
    Presence,
    Reason,
    Recognition,
    Remove,
    Rights,
    RosterEntry,
    Update,
    Verdict,
)
from doorbus.wire.packet import Packet
from doorbus.wire.snapshot import SnapshotReader, as_they_are
from doorbus_enroller.sqlite_store import SqliteStore

DOORS = {
    "front": {"DOORBUS_ACTUATOR__DOOR": "front"},
    "back": {"DOORBUS_ACTUATOR__DOOR": "back"},
}
QUICK = {
    "DOORBUS_ACTUATOR__VOTES": "1/1",
    "DOORBUS_ACTUATOR__UNLOCK_SECONDS": "0.1",
    "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "0",
    "DOORBUS_ACTUATOR__OUT_OF_VIEW_SECONDS": "0",
    "DOORBUS_HEALTH_SECONDS": "0.5",
}


class Site:
    """A broker, an enroller with alice, bob and carol, and two doors; and somebody who has the enroller's password."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    async def start(self, name: str) -> None:
        role = Role.ENROLLER if name == "enroller" else Role.ACTUATOR
        quick = {"DOORBUS_HEALTH_SECONDS": "0.5", "DOORBUS_ENROLLER__PROBE_SECONDS": "0"}
        await self.stack.start(role, DOORS[name] | QUICK if name in DOORS else quick, instance=name)

    @property
    def store(self) -> Path:
        """What the broker has kept."""
        return self.stack.var / "broker/mosquitto/data/mosquitto.db"

    async def dies_and_returns_with(self, older: bytes) -> None:
        """The broker is killed, and what it had kept is of another time."""
        await self.stack.broker.stop(signal.SIGKILL)
        self.store.write_bytes(older)
        await self.stack.broker.start()

    async def asks(self, channel: Channel[Any], message: Any, person: str) -> str:
        async with asyncio.timeout(40), self.operator() as operator:
            await operator.send(Outbound(channel, message, {"person": person}))
            return str((await operator.expect(channels.RESULT, person=person)).message.status)

    async def at(self, door: str, person: str) -> Reason:
        """What the door says of somebody whom a recognizer sees twice a second."""
        key = self.stack.broker.key(Role.RECOGNIZER)
        shown: list[str] = []
        async with (
            asyncio.timeout(40),
            self.operator() as operator,
            connect(self.stack.broker.transport(Role.RECOGNIZER), key=key) as recognizer,
        ):
            while True:
                seen = _match(person)
                shown.append(seen.frame_id)
                await recognizer.send(Outbound(channels.RECOGNITION, seen, {"door": door, "camera": "porch"}))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        return await self._said(operator, door, shown)

    async def _said(self, operator: Client, door: str, shown: list[str]) -> Reason:
        while True:
            decision = (await operator.expect(channels.DECISION, door=door)).message
            if set(shown) & set(decision.frame_ids):
                assert (decision.outcome is Outcome.GRANTED) == (decision.reason is Reason.MATCHED)
                return Reason(decision.reason)

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Client]:
        listen = (channels.DECISION, channels.RESULT)
        async with connect(self.stack.broker.transport(Role.OPERATOR), listen) as operator:
            yield operator

    async def health(self, name: str, wanted: Callable[[Health], bool]) -> Health:
        listen = (channels.HEALTH,)
        async with asyncio.timeout(40), connect(self.stack.broker.transport(Role.VIEWER), listen) as viewer:
            while True:
                health: Health = (await viewer.expect(channels.HEALTH, instance=name)).message
                if health.state is Presence.ONLINE and wanted(health):
                    return health

    async def people(self) -> dict[str, bool]:
        """Who is on the roster that the broker retains, and whether they may pass."""
        reader = SnapshotReader(RosterEntry, as_they_are)
        listen = (channels.ROSTER_MANIFEST,)
        async with asyncio.timeout(40), connect(self.stack.broker.transport(Role.VIEWER), listen) as viewer:
            async for event in viewer.events():
                whole = await viewer.collect(reader, event)
                if whole is not None:
                    return {entry.person: entry.enabled for part in whole.parts() for entry in part}
        raise AssertionError("events ends only by an exception")

    async def until(self, people: dict[str, bool]) -> None:
        async with asyncio.timeout(40):
            while await self.people() != people:
                pass

    async def recorded(self) -> list[Packet]:
        """The roster as somebody records it who may read it, signature included."""
        wanted = {channels.ROSTER_MANIFEST.name, channels.ROSTER_SHARD.name}
        listen = (channels.ROSTER_MANIFEST, channels.ROSTER_SHARD)
        packets: dict[tuple[str, str], Packet] = {}
        async with asyncio.timeout(40), connect(self.stack.broker.transport(Role.VIEWER), listen) as viewer:
            while {channel for channel, _ in packets} != wanted:
                event = await viewer.expect(channels.ROSTER_MANIFEST, channels.ROSTER_SHARD)
                packets[event.channel.name, event.packet.topic] = event.packet
        return list(packets.values())

    async def forges(self, *packets: Packet) -> None:
        """Publish exactly these with the enroller's password."""
        async with connect(self.stack.broker.transport(Role.ENROLLER)) as somebody:
            for packet in packets:
                await somebody.send_packet(Packet(packet.topic, packet.payload, 1, retain=True, user=packet.user))


def _match(person: str) -> Recognition:
    now = datetime.now(UTC)
    face = Face(
        box=(0, 0, 100, 100),
        verdict=Verdict.MATCH,
        person=person,
        confidence=0.99,
        similarity=0.9,
        live=1.0,
        quality=1.0,
    )
    return Recognition(
        frame_id=uuid4().hex, captured_at=now, recognized_at=now, recognizer="test", model="m@1", faces=(face,)
    )


@pytest.fixture
async def site(fresh_stack: Stack) -> Site:
    store = SqliteStore(fresh_stack.var / "enroller.db")
    store.begin(datetime.now(UTC))
    for person in ("alice", "bob", "carol"):
        store.add(person, (), Rights(), datetime.now(UTC))
    store.close()
    await fresh_stack.broker.start()
    one = Site(fresh_stack)
    for name in ("enroller", *DOORS):
        await one.start(name)
    for door in DOORS:
        await one.health(door, lambda health: health.figures["roster_people"] == 3)
    return one


async def test_who_was_removed_or_disabled_stays_outside_when_a_killed_broker_comes_back_from_its_older_store(
    site: Site,
) -> None:
    await site.stack.broker.restart()  # it keeps what there is
    older = site.store.read_bytes()
    for name in ("enroller", *DOORS):
        await site.health(name, lambda health: health.figures["connections"] == 2)
    assert await site.asks(channels.REMOVE, Remove(), "alice") == "ok"
    assert await site.asks(channels.UPDATE, Update(enabled=False), "bob") == "ok"
    for door in DOORS:
        await site.health(door, lambda health: health.figures["roster_people"] == 2)
    await site.stack.stop_service("enroller", signal.SIGKILL)

    await site.dies_and_returns_with(older)
    await site.stack.stop_service("back", signal.SIGKILL)
    await site.start("back")

    assert await site.people() == {"alice": True, "bob": True, "carol": True}
    refused = await site.health("front", lambda health: bool(health.refused.get("roster_manifest.outdated")))
    assert refused.figures["roster_people"] == 2
    assert await site.at("front", "alice") is Reason.NOT_ON_ROSTER
    assert await site.at("front", "bob") is Reason.DISABLED
    assert await site.at("front", "carol") is Reason.MATCHED
    for person in ("alice", "bob", "carol"):
        assert await site.at("back", person) is Reason.ROSTER_INCOMPLETE

    await site.start("enroller")

    await site.until({"bob": False, "carol": True})
    for door in DOORS:
        await site.health(door, lambda health: health.figures["roster_people"] == 2)
        assert await site.at(door, "alice") is Reason.NOT_ON_ROSTER
        assert await site.at(door, "bob") is Reason.DISABLED
        assert await site.at(door, "carol") is Reason.MATCHED
    assert (await site.health("enroller", lambda _: True)).figures["put_right"] == 0


async def test_a_broker_that_comes_back_from_its_older_store_while_the_enroller_is_there_is_put_right(
    site: Site,
) -> None:
    await site.stack.broker.restart()
    older = site.store.read_bytes()
    await site.health("enroller", lambda health: health.figures["connections"] == 2)
    assert await site.asks(channels.REMOVE, Remove(), "alice") == "ok"

    await site.dies_and_returns_with(older)

    await site.until({"bob": True, "carol": True})
    assert await site.at("front", "alice") is Reason.NOT_ON_ROSTER


async def test_a_signed_roster_that_was_recorded_does_not_last_and_lets_nobody_in_who_was_removed(site: Site) -> None:
    recorded = await site.recorded()
    assert await site.asks(channels.REMOVE, Remove(), "alice") == "ok"
    await site.until({"bob": True, "carol": True})

    await site.forges(*recorded)
    stray = Packet(f"{channels.DEFAULT_ROOT}/roster/shard/40", bytes(100_000))
    await site.forges(stray, Packet(f"{channels.DEFAULT_ROOT}/gallery/shard/stray", b"x"))

    health = await site.health("enroller", lambda health: health.figures["put_right"] >= 4)
    assert "change the password of the role enroller" in (health.problem or "")
    await site.until({"bob": True, "carol": True})
    shutil.rmtree(site.stack.var / "floors")  # as on a machine that is new
    await site.stack.stop_service("back", signal.SIGKILL)
    await site.start("back")
    await site.health("back", lambda health: health.figures["roster_people"] == 2)
    assert await site.at("back", "alice") is Reason.NOT_ON_ROSTER
    retained = {one.topic for one in await site.recorded()}
    assert stray.topic not in retained


async def test_the_doctor_names_a_new_machine_that_took_an_older_roster_while_the_enroller_is_away(site: Site) -> None:
    recorded = await site.recorded()
    assert await site.asks(channels.REMOVE, Remove(), "alice") == "ok"
    await site.health("front", lambda health: health.figures["roster_people"] == 2)
    await site.stack.stop_service("enroller")
    await site.forges(*recorded)
    shutil.rmtree(site.stack.var / "floors")
    await site.stack.stop_service("back")
    await site.start("back")
    await site.health("back", lambda health: health.figures["roster_people"] == 3)

    async with connect(site.stack.broker.transport(Role.VIEWER)) as viewer:
        seen = replace(await observe(viewer, 3.0), now=datetime.now(UTC) + timedelta(minutes=1))

    failing = {one.what: one.state for one in findings(seen) if one.level is Severity.FAIL}
    assert "who was removed or disabled since may pass" in failing["door back"]
    assert "it is of an older store, or forged" in failing["roster"]
    assert "door front" not in failing


async def test_a_database_from_a_backup_is_published_and_taken(site: Site) -> None:
    backup = SqliteStore(site.stack.var / "backup.db")
    shutil.copy(site.stack.var / "enroller.db", site.stack.var / "backup.db")
    backup.versions(datetime.now(UTC))
    backup.close()
    assert await site.asks(channels.REMOVE, Remove(), "alice") == "ok"
    await site.health("front", lambda health: health.figures["roster_people"] == 2)
    before = await _manifest(site)
    await site.stack.stop_service("enroller")
    for name in ("enroller.db", "enroller.db-wal", "enroller.db-shm"):
        (site.stack.var / name).unlink(missing_ok=True)
    shutil.copy(site.stack.var / "backup.db", site.stack.var / "enroller.db")

    await site.start("enroller")

    health = await site.health("front", lambda health: health.figures["roster_people"] == 3)
    assert health.figures["roster_version"] > before.version
    assert "roster_manifest.outdated" not in health.refused


async def _manifest(site: Site) -> Manifest:
    (packet,) = [one for one in await site.recorded() if one.topic.endswith("/manifest")]
    return Manifest.model_validate_json(packet.payload)
