"""What the enroller does when somebody else writes its retained topics, or when what it keeps has gone back in time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Health, Manifest, Presence, Rights, RosterEntry
from doorbus.wire.packet import Packet
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import MAX_SHARDS, pack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_enroller.custody import OUTRUN_SECONDS
from doorbus_enroller.fakes import MemoryStore
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import Enroller, EnrollerSettings
from support.signing import ENROLLERS, STRANGER
from support.signing import packet as signed

MANIFEST, SHARD = TOPICS.topic(channels.ROSTER_MANIFEST), TOPICS.topic(channels.ROSTER_SHARD, shard="0")
GALLERY, TEMPLATES = TOPICS.topic(channels.GALLERY_MANIFEST), TOPICS.topic(channels.GALLERY_SHARD, shard="0")


class Site:
    """A bus with an enroller on it, and somebody else who has its password."""

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.clock = FakeClock()
        self.store = MemoryStore()

    @asynccontextmanager
    async def enroller(self, store: MemoryStore | None = None) -> AsyncIterator[EnrollerService]:
        own = EnrollerSettings(
            _env_file=None, instance="one", var=Path("nowhere"), health_seconds=1e9, enroller=Enroller(probe_seconds=0)
        )
        service = EnrollerService(own, store or self.store, Seal(bytes(32)), ENROLLERS, self.clock)
        async with running(service, self.bus, self.clock, own):
            await self.settled()
            yield service

    async def settled(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)

    async def writes(self, topic: str, payload: bytes) -> None:
        """As somebody else with the enroller's password."""
        self.bus.publish(Packet(topic, payload, qos=1, retain=True))
        await self.settled()

    async def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settled()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110  # what is retained has no event
                await asyncio.sleep(0.01)

    def retained(self, topic: str) -> bytes | None:
        packet = self.bus.retained.get(topic)
        return None if packet is None else packet.payload

    def manifest(self, channel: Channel[Any] = channels.ROSTER_MANIFEST) -> Manifest:
        return Manifest.model_validate_json(self.bus.retained[TOPICS.topic(channel)].payload)

    def add(self, *people: str, store: MemoryStore | None = None) -> None:
        for person in people:
            (store or self.store).add(person, (), Rights(), self.clock.now())


@pytest.fixture
def site() -> Site:
    made = Site()
    made.add("alice")
    return made


@pytest.mark.parametrize("payload", [b"", b"garbage", b'{"version":1,"count":0,"shards":[]}'])
@pytest.mark.parametrize("topic", [MANIFEST, SHARD, GALLERY, TEMPLATES])
async def test_what_somebody_else_writes_in_its_place_is_put_right_at_once(
    site: Site, topic: str, payload: bytes
) -> None:
    async with site.enroller() as enroller:
        right = site.bus.retained[topic]
        await site.writes(topic, payload)

        assert site.bus.retained[topic] == right
        assert enroller.figures()["put_right"] == 1
        assert f"put right, the last one on {topic}" in (enroller.problem() or "")
        await site.passes(61)
        assert enroller.problem() is None


async def test_an_older_roster_that_was_recorded_is_put_right(site: Site) -> None:
    async with site.enroller() as enroller:
        recorded = [site.bus.retained[topic] for topic in (SHARD, MANIFEST)]
        site.clock.advance(10)
        site.store.remove("alice", site.clock.now())
    async with site.enroller() as enroller:
        right = site.manifest()
        for packet in recorded:
            await site.writes(packet.topic, packet.payload)  # without its signature
            site.bus.publish(packet)
            await site.settled()
        await site.passes(1)

        assert site.manifest() == right
        assert site.retained(SHARD) == b"[]"
        assert enroller.figures()["put_right"] >= 2
        assert enroller.figures()["outrun"] == 0


@pytest.mark.parametrize("shard", ["1", "63", "64", "007", "stray", "No slug"])
async def test_shards_that_no_manifest_names_are_emptied(site: Site, shard: str) -> None:
    async with site.enroller() as enroller:
        for root in ("roster", "gallery"):
            await site.writes(f"doorbus/v1/{root}/shard/{shard}", b"x" * 1000)

        assert not [topic for topic in site.bus.retained if topic.endswith(f"/{shard}")]
        assert enroller.figures()["put_right"] == 2
        assert not await _more_is_sent(site)


async def _more_is_sent(site: Site) -> bool:
    before = len(site.bus.log)
    await site.passes(5)
    return len(site.bus.log) > before


@pytest.mark.parametrize("shard", [str(MAX_SHARDS - 1), str(MAX_SHARDS), "stray"])
async def test_stray_shards_of_a_time_when_it_was_away_are_emptied_when_it_comes(site: Site, shard: str) -> None:
    await site.writes(f"doorbus/v1/roster/shard/{shard}", b"x" * 1000)
    async with site.enroller():
        assert not [topic for topic in site.bus.retained if topic.endswith(f"/{shard}")]


async def test_who_writes_again_and_again_makes_no_storm_and_does_not_win(site: Site) -> None:
    async with site.enroller() as enroller:
        right = site.manifest()
        for _ in range(100):
            await site.writes(MANIFEST, b"garbage")
        assert enroller.figures()["put_right"] == 1
        await site.passes(1)

        assert site.manifest() == right
        assert enroller.figures()["put_right"] == 2


async def test_its_own_changes_are_nobody_elses(site: Site) -> None:
    async with site.enroller() as enroller:
        for number in range(5):
            update = Outbound(channels.UPDATE, channels.UPDATE.codec.model(name=f"Alice {number}"), {"person": "alice"})
            site.bus.publish(update.packet(TOPICS))
        await site.until(lambda: b"Alice 4" in (site.retained(SHARD) or b""))
        await site.settled()

        assert enroller.figures()["put_right"] == 0
        assert enroller.problem() is None


async def test_each_start_publishes_under_a_higher_version(site: Site) -> None:
    versions = []
    for _ in range(3):
        site.clock.advance(1)
        async with site.enroller():
            versions.append((site.manifest().version, site.manifest(channels.GALLERY_MANIFEST).version))

    assert versions == sorted(set(versions))
    assert versions[-1][0] >= int(site.clock.now().timestamp() * 1000)


async def test_a_backup_that_was_restored_outruns_what_readers_have_seen(site: Site) -> None:
    backup = MemoryStore()
    site.add("alice", "bob", store=backup)
    site.clock.advance(3600)
    site.store.remove("alice", site.clock.now())
    async with site.enroller():
        seen = site.manifest().version
    site.bus.retained.clear()  # the broker's store is gone, too
    site.clock.advance(60)
    async with site.enroller(backup):
        assert site.manifest().version > seen
        assert site.manifest().count == 2


async def test_a_signed_version_of_a_time_to_come_is_outrun_and_so_is_a_floor(site: Site) -> None:
    ahead = int((site.clock.now() + timedelta(days=400)).timestamp() * 1000)
    site.bus.publish(signed(Outbound(channels.ROSTER_MANIFEST, pack([RosterEntry(person="mallory")], ahead).manifest)))
    async with site.enroller() as enroller:
        await site.until(lambda: site.manifest().version > ahead)
        assert site.manifest().count == 1
        assert site.manifest().shards[0] == pack([RosterEntry(person="alice")], 0).manifest.shards[0]

        site.bus.publish(_reader("recognizer", gallery_floor=ahead + 5).packet(TOPICS))
        site.bus.publish(_reader("actuator", roster_floor=ahead + 9).packet(TOPICS))
        await site.settled()
        await site.passes(OUTRUN_SECONDS)
        await site.until(lambda: site.manifest().version > ahead + 8)
        await site.until(lambda: site.manifest(channels.GALLERY_MANIFEST).version > ahead + 4)
        assert enroller.figures()["outrun"] == 2

        site.bus.publish(_reader("actuator", roster_floor=1e300).packet(TOPICS))
        await site.settled()
        await site.passes(OUTRUN_SECONDS)
        assert enroller.figures()["outrun"] == 2


def _reader(service: str, **figures: float) -> Outbound:
    at = FakeClock().now()
    health = Health(
        state=Presence.ONLINE, service=service, instance="r", version="1", at=at, started_at=at, figures=figures
    )
    return Outbound(channels.HEALTH, health, {"service": service, "instance": "r"})


async def test_a_manifest_that_another_site_has_signed_is_put_right_and_not_outrun(site: Site) -> None:
    async with site.enroller() as enroller:
        right = site.bus.retained[MANIFEST]
        foreign = Outbound(channels.ROSTER_MANIFEST, pack([RosterEntry(person="mallory")], 2**50).manifest)
        site.bus.publish(foreign.packet(TOPICS, STRANGER))
        await site.settled()

        assert site.bus.retained[MANIFEST] == right
        assert enroller.figures()["outrun"] == 0


async def test_a_disk_that_lets_no_version_be_raised_keeps_nobody_out(site: Site) -> None:
    site.store.versions(site.clock.now())
    site.store.full = True
    site.clock.advance(5)
    async with site.enroller() as enroller:
        assert site.manifest().count == 1
        assert enroller.problem() is None
