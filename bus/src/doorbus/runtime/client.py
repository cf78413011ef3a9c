"""A person's or a program's way onto the bus: connect once, send, listen."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

from doorbus.wire.channels import (
    GALLERY_MANIFEST,
    GALLERY_SHARD,
    ROSTER_MANIFEST,
    ROSTER_SHARD,
    Channel,
    Retain,
)
from doorbus.wire.codec import Arrival, Refused
from doorbus.wire.exchange import Event, Outbound
from doorbus.wire.messages import Manifest
from doorbus.wire.packet import Connection, ConnectionLost, Filter, Packet, Transport
from doorbus.wire.signatures import SigningKey
from doorbus.wire.snapshot import Snapshot, SnapshotReader, shard_number
from doorbus.wire.topics import DEFAULT_TOPICS, Resolved, Topics

M = TypeVar("M")
T = TypeVar("T")
_SHARDS = {ROSTER_MANIFEST.name: ROSTER_SHARD, GALLERY_MANIFEST.name: GALLERY_SHARD}


class Client:
    """An open connection; `events` yields what was subscribed to. Raises `ConnectionLost` when it breaks."""

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        packets: "asyncio.Queue[Packet | ConnectionLost]",
        key: SigningKey | None = None,
    ) -> None:
        self._connection = connection
        self._key = key
        self._packets = packets
        self.topics = topics

    async def send(self, outbound: Outbound) -> None:
        """Send one message; for QoS 1 returns when the broker has acknowledged it."""
        await self._connection.publish(outbound.packet(self.topics, self._key))

    async def send_packet(self, packet: Packet) -> None:
        """Send exactly this, right or wrong."""
        await self._connection.publish(packet)

    async def listen(self, *channels: Channel[Any], **ids: str) -> None:
        """Subscribe to `channels`, narrowed to `ids`; retained messages are replayed."""
        filters = [Filter(self.topics.filter(c, **ids), c.qos, replay=c.retain is Retain.YES) for c in channels]
        await self._connection.subscribe(filters)

    async def collect(self, reader: SnapshotReader[Any, T], event: Event[Any]) -> Snapshot[T] | None:
        """Hand a manifest or shard to `reader`, and subscribe to what it wants next; the snapshot once whole.

        Raises `Refused` for a shard that has no number.
        """
        if isinstance(event.message, Manifest):
            asked: list[dict[str, str]] = []
            snapshot, shard = reader.manifest(event.message), _SHARDS[event.channel.name]
        else:
            asked = reader.wanted()
            snapshot, shard = reader.shard(shard_number(event.ids), event.message), event.channel
        wanted = [ids for ids in reader.wanted() if ids not in asked]
        if wanted:
            filters = [Filter(self.topics.filter(shard, **ids), shard.qos, replay=True) for ids in wanted]
            await self._connection.subscribe(filters)
        return snapshot

    async def events(self) -> AsyncIterator[Event[Any]]:
        """Yield the valid messages that arrive, until the connection is lost."""
        while True:
            packet = await self._packets.get()
            if isinstance(packet, ConnectionLost):
                raise packet
            found = self.topics.resolve(packet.topic)
            event = _event(found, packet) if found is not None and found.valid else None
            if event is not None:
                yield event

    async def expect(self, *channels: Channel[Any], **ids: str) -> Event[Any]:
        """The next message of `channels` with `ids`; others are skipped. Bound it with `asyncio.timeout`."""
        async for event in self.events():
            if event.channel in channels and all(event.ids.get(name) == value for name, value in ids.items()):
                return event
        raise AssertionError("events ends only by an exception")


@asynccontextmanager
async def connect(
    transport: Transport,
    listen_to: Sequence[Channel[Any]] = (),
    topics: Topics = DEFAULT_TOPICS,
    name: str = "client",
    key: SigningKey | None = None,
) -> AsyncIterator[Client]:
    """A client that hears `listen_to` from its first moment on, and signs with `key` what is to be signed."""
    packets: asyncio.Queue[Packet | ConnectionLost] = asyncio.Queue()
    client_id = f"{name}-{uuid4().hex[:12]}"
    async with transport.connect(client_id=client_id, will=None, deliver=packets.put_nowait) as connection:
        client = Client(connection, topics, packets, key)
        if listen_to:
            await client.listen(*listen_to)
        watching = asyncio.create_task(_tell_loss(connection, packets))
        try:
            yield client
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _tell_loss(connection: Connection, packets: "asyncio.Queue[Packet | ConnectionLost]") -> None:
    try:
        await connection.lost()
    except ConnectionLost as lost:
        packets.put_nowait(lost)


def _event(found: Resolved[M], packet: Packet) -> Event[M] | None:
    arrival = Arrival(datetime.now(UTC), "unnamed")
    try:
        message = found.channel.codec.decode(packet, found.ids, arrival)
    except Refused:
        return None
    return Event(found.channel, found.ids, message, packet)
