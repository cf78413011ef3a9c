"""A door with its actuator on the bus in memory, its relay, and people in front of it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from doorbus.runtime.floor import Floor
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Retain
from doorbus.wire.codec import Arrival
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    Decision,
    Face,
    Health,
    Input,
    JournalKind,
    LockState,
    Recognition,
    RosterEntry,
    Verdict,
)
from doorbus.wire.packet import Connection, Packet
from doorbus.wire.signatures import Keyring
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_actuator.fakes import FakeGuardian, FakeJournal, FakeSwitch, RecordingRelay
from doorbus_actuator.service import ActuatorService
from doorbus_actuator.settings import Actuator
from support import signing
from support.snapshots import nowhere

ROOT = "doorbus/v1"
SET = f"{ROOT}/door/front/lock/set"
SEEN = f"{ROOT}/door/front/recognition/porch"
STATES = [LockState.UNLOCKED, LockState.LOCKED]


class WitnessRelay(RecordingRelay):
    """Notes what was written in the journal at the moment it was energised."""

    def __init__(self, journal: FakeJournal) -> None:
        super().__init__()
        self._journal = journal
        self.written: list[JournalKind] = []

    def energise(self) -> None:
        self.written = [entry.kind for entry in self._journal.entries]
        super().energise()


class WatchedBus(MemoryBus):
    """Notes whether the relay was energised at the moment of each publication."""

    def __init__(self, relay: RecordingRelay) -> None:
        super().__init__()
        self.relay = relay
        self.news = asyncio.Event()
        self.energised_at: list[tuple[str, bool]] = []
        self.history_at_connect: list[bool] = []

    @asynccontextmanager
    async def connect(
        self, *, client_id: str, will: Packet | None, deliver: Callable[[Packet], None]
    ) -> AsyncIterator[Connection]:
        self.history_at_connect = list(self.relay.history)
        async with super().connect(client_id=client_id, will=will, deliver=deliver) as connection:
            yield connection

    def publish(self, packet: Packet, sender: object = None) -> None:
        self.energised_at.append((packet.topic, self.relay.energised))
        super().publish(packet, sender)
        self.news.set()


class House:
    """A door with its actuator, seen from the bus."""

    def __init__(
        self,
        settings: Actuator | None = None,
        unasked: tuple[Channel[Any], ...] = (),
        floor: Floor | None = None,
        journal: FakeJournal | None = None,
        wired: Iterable[Input] = (),
    ) -> None:
        self.clock = FakeClock()
        self.journal = journal or FakeJournal()
        self.relay = WitnessRelay(self.journal)
        self.bus = WatchedBus(self.relay)
        keys = Keyring(public=signing.PUBLIC, unasked=frozenset(channel.name for channel in unasked))
        chosen, kept = settings or Actuator(), floor or nowhere("roster")
        self.switches = {name: FakeSwitch() for name in wired}
        self.guardian = FakeGuardian(self.relay, self.clock, chosen.longest_hold)
        self.service = ActuatorService(
            chosen,
            self.guardian,
            self.clock,
            keys,
            kept,
            journal=self.journal,
            switches=self.switches,
            chance=lambda: 0.0,
        )
        self._ids = itertools.count()

    @asynccontextmanager
    async def runs(self, *people: RosterEntry) -> AsyncIterator["House"]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
        if people:
            self.roster(*people)
        async with running(self.service, self.bus, self.clock):
            await self.settled()
            yield self

    async def settled(self) -> None:
        """Let the service handle everything that has arrived: until the bus has been quiet for a while."""
        for _ in range(3):
            length = -1
            while length != len(self.bus.log):
                length = len(self.bus.log)
                for _ in range(40):
                    await asyncio.sleep(0)
                await asyncio.to_thread(int)  # what the service does in the one thread is done before this

    async def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settled()

    def unlocked(self) -> bool:
        return self.relay.energised

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for publications until `holds`."""
        async with asyncio.timeout(5):
            while not holds():
                self.bus.news.clear()
                await self.bus.news.wait()

    def roster(self, *people: RosterEntry, version: int = 1) -> None:
        manifest, shards = pack(people, version)
        for index, shard in enumerate(shards):
            self._publish(Outbound(channels.ROSTER_SHARD, shard, {"shard": str(index)}))
        self._publish(Outbound(channels.ROSTER_MANIFEST, manifest))

    def _publish(self, outbound: Outbound) -> None:
        self.bus.publish(signing.packet(outbound))

    async def sees(
        self,
        *faces: Face,
        camera: str = "porch",
        door: str = "front",
        age: float = 0.1,
        frame_id: str | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> Recognition:
        recognition = Recognition(
            frame_id=frame_id or f"f{next(self._ids)}",
            captured_at=self.clock.now() - timedelta(seconds=age),
            recognized_at=self.clock.now(),
            recognizer="one",
            model="m",
            faces=faces,
            **(claims or {}),
        )
        self._publish(Outbound(channels.RECOGNITION, recognition, {"door": door, "camera": camera}))
        await self.settled()
        return recognition

    async def told(self, payload: str | bytes, *, retain: bool = False) -> None:
        raw = payload.encode() if isinstance(payload, str) else payload
        self.bus.publish(Packet(SET, raw, qos=1, retain=retain))
        await self.settled()

    async def feels(self, name: Input, *, on: bool = True) -> None:
        """Have a wired input felt, or not any more, for long enough to count."""
        self.switches[name].felt = on
        for _ in range(5):
            await self.passes(0.03)

    async def plays(self, name: str, word: str = "ON", *, retain: bool = False) -> None:
        """Play a simulated input, for long enough to count."""
        self.bus.publish(Packet(f"{ROOT}/door/front/input/{name}/set", word.encode(), qos=1, retain=retain))
        await self.settled()
        await self.passes(0.1)

    def said(self, channel: Channel[Any], door: str = "front") -> list[Any]:
        topic = TOPICS.topic(channel, **({"door": door} if channel.parameters else {}))
        arrival = Arrival(datetime.now(UTC), "none")
        return [
            channel.codec.decode(packet, {}, arrival)
            for packet in self.bus.log
            if packet.topic == topic and (packet.payload or channel.retain is not Retain.YES)  # else it was deleted
        ]

    @property
    def decisions(self) -> list[Decision]:
        return self.said(channels.DECISION)

    @property
    def states(self) -> list[LockState]:
        return self.said(channels.LOCK_STATE)

    async def health(self) -> Health:
        """What the service says a minute later, once the one before is deleted: it is told anew at once then."""
        topic = f"{ROOT}/health/actuator/test"
        self.clock.advance(60)
        self.bus.publish(Packet(topic, b"", qos=1, retain=True))
        await self.until(lambda: topic in self.bus.retained)
        return Health.model_validate_json(self.bus.retained[topic].payload)


def match(person: str = "alice", **changes: Any) -> Face:
    seen: dict[str, Any] = {"confidence": 0.95, "live": 0.99, "quality": 0.9, "yaw": 0.0, "aspect": 0.7} | changes
    return Face(**({"box": (0.0, 0.0, 99.0, 99.0)} | seen), verdict=Verdict.MATCH, person=person)


ALICE = RosterEntry(person="alice")
STRANGER = Face(box=(0.0, 0.0, 99.0, 99.0), verdict=Verdict.UNKNOWN)
