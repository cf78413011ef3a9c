"""An enroller with people, and somebody who asks for changes of groups, schedules and rights."""

import hashlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from doorbus.cli.asking import asking
from doorbus.runtime.client import Client, connect
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    Arranged,
    Health,
    ListedGroups,
    ListedSchedules,
    Manifest,
    Message,
    Presence,
    Result,
    Rights,
    RosterEntry,
    Update,
)
from doorbus.wire.packet import Packet
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import SnapshotReader, as_they_are
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import Enroller, EnrollerSettings
from doorbus_enroller.sqlite_store import SqliteStore
from support.signing import ENROLLERS

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEAL = Seal(bytes(range(32)))


def health_of_actuator(door: str, at: datetime, figures: Mapping[str, float], country: str | None = None) -> Packet:
    """What an actuator tells of its door."""
    health = Health(
        state=Presence.ONLINE,
        service="actuator",
        instance=door,
        version="1",
        at=at,
        started_at=at,
        door=door,
        country=country,
        figures=dict(figures),
    )
    return Outbound(channels.HEALTH, health, {"service": "actuator", "instance": door}).packet(TOPICS)


class Site:
    """An enroller with 50 people, and somebody who asks."""

    def __init__(self, stack: AsyncExitStack, path: Path) -> None:
        self.stack, self.path = stack, path
        self.bus, self.clock = MemoryBus(), FakeClock()
        self.client: Client

    async def start(self, people: int = 50) -> "Site":
        store = SqliteStore(self.path / "enroller.db")
        if store.is_new():
            store.begin(AT)
            for number in range(people):
                store.add(f"p{number}", [], Rights(), AT)
        own = Enroller.model_validate({"probe_seconds": 0})
        settings = EnrollerSettings(_env_file=None, instance="one", var=self.path, health_seconds=1e9, enroller=own)
        service = EnrollerService(settings, store, SEAL, ENROLLERS, self.clock)
        await self.stack.enter_async_context(running(service, self.bus, self.clock, settings))
        self.client = await self.stack.enter_async_context(connect(self.bus))
        return self

    async def arrange(self, channel: Channel[Any], message: Message, **ids: str) -> Arranged:
        async with asking(self.client, channels.ARRANGED) as asker:
            answer: Arranged | None = await asker.ask(channel, message, ids, 10)
        assert answer is not None
        return answer

    async def update(self, person: str, **changes: object) -> Result:
        async with asking(self.client, channels.RESULT_REPLY) as asker:
            answer: Result | None = await asker.ask(
                channels.UPDATE, Update.model_validate(changes), {"person": person}, 10
            )
        assert answer is not None
        return answer

    def actuator(self, door: str, **figures: float) -> None:
        """Let an actuator tell of its door."""
        self.bus.publish(health_of_actuator(door, self.clock.now(), figures))

    def roster(self) -> dict[str, RosterEntry]:
        reader = SnapshotReader(RosterEntry, as_they_are)
        whole = reader.manifest(self.manifest())
        for topic, packet in self.bus.retained.items():
            if (found := TOPICS.resolve(topic)) and found.channel is channels.ROSTER_SHARD:
                whole = reader.shard(int(found.ids["shard"]), packet.payload) or whole
        assert whole is not None
        return {one.person: one for part in whole.parts() for one in part}

    def manifest(self) -> Manifest:
        return Manifest.model_validate_json(self.bus.retained[TOPICS.topic(channels.ROSTER_MANIFEST)].payload)

    def digest(self, topic: str) -> str:
        return hashlib.sha256(self.bus.retained[topic].payload).hexdigest()

    def groups(self) -> ListedGroups:
        return ListedGroups.model_validate_json(self.bus.retained[TOPICS.topic(channels.GROUPS)].payload)

    def schedules(self) -> ListedSchedules:
        return ListedSchedules.model_validate_json(self.bus.retained[TOPICS.topic(channels.SCHEDULES)].payload)
