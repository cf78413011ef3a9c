"""For tests: a bus in memory that keeps a broker's rules, and a clock that moves when told.

The rules kept are those that doorbus relies on: retained messages and their deletion, retain handling and retain as
published, shared subscriptions in strict rotation, last wills, clean start, and refusal of a publish without a
connection. QoS, expiry of what waits for an absent client (none waits: sessions are clean), and access rules are the
real broker's business and are tested there.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from doorbus.runtime.runner import Runner
from doorbus.runtime.service import Service
from doorbus.runtime.settings import ServiceSettings
from doorbus.wire.channels import HEALTH
from doorbus.wire.packet import Connection, ConnectionLost, Filter, Packet


class FakeClock:
    """A clock that stands still until `advance` or `jump`."""

    def __init__(self, now: datetime | None = None, monotonic: float = 1000.0) -> None:
        self._now = now or datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
        self._monotonic = monotonic
        self._timers: list[tuple[float, int, _Timer]] = []
        self._count = itertools.count()

    def now(self) -> datetime:
        """The time of day."""
        return self._now

    def monotonic(self) -> float:
        """The monotonic time in seconds."""
        return self._monotonic

    def call_at(self, monotonic: float, callback: Callable[[], object]) -> "_Timer":
        """Call `callback` when `advance` reaches `monotonic`."""
        timer = _Timer(callback)
        if monotonic <= self._monotonic:
            asyncio.get_running_loop().call_soon(timer.fire)
        else:
            heapq.heappush(self._timers, (monotonic, next(self._count), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass, and call what is due."""
        self._monotonic += seconds
        self._now += timedelta(seconds=seconds)
        while self._timers and self._timers[0][0] <= self._monotonic:
            heapq.heappop(self._timers)[2].fire()

    def jump(self, seconds: float) -> None:
        """Set the time of day forward or back; monotonic time does not notice."""
        self._now += timedelta(seconds=seconds)


@dataclass
class _Timer:
    callback: Callable[[], object]
    live: bool = True

    def cancel(self) -> None:
        self.live = False

    def fire(self) -> None:
        if self.live:
            self.live = False
            self.callback()


def matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT topic filter (without `$share`) covers `topic`."""
    levels, parts = pattern.split("/"), topic.split("/")
    for index, level in enumerate(levels):
        if level == "#":
            return True
        if index >= len(parts) or level not in ("+", parts[index]):
            return False
    return len(levels) == len(parts)


@dataclass
class _Client:
    client_id: str
    deliver: Callable[[Packet], None]
    will: Packet | None
    filters: list[Filter] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class MemoryBus:
    """A broker in memory. It is also its own transport: everybody is let in."""

    address = "memory"

    def __init__(self) -> None:
        self.retained: dict[str, Packet] = {}
        self.log: list[Packet] = []
        """Everything that was ever published, in order."""
        self.up = True
        self._standing: list[tuple[_Client, Packet]] | None = None
        self._clients: list[_Client] = []
        self._turns: dict[str, itertools.count[int]] = {}

    def publish(self, packet: Packet, sender: object = None) -> None:
        """Route `packet` as a broker does."""
        self.log.append(packet)
        if packet.retain:
            if packet.payload:
                self.retained[packet.topic] = packet
            else:
                self.retained.pop(packet.topic, None)
        shares: dict[str, list[_Client]] = {}
        for client in list(self._clients):
            for one in client.filters:
                if one.topic.startswith("$share/"):
                    if matches(one.topic.split("/", 2)[2], packet.topic):
                        shares.setdefault(one.topic, []).append(client)
                elif matches(one.topic, packet.topic) and (one.own or client is not sender):
                    self._deliver(client, packet if one.as_published else replace(packet, retain=False))
        for share, members in shares.items():
            turn = next(self._turns.setdefault(share, itertools.count()))
            self._deliver(members[turn % len(members)], packet)

    def topics(self) -> set[str]:
        """All that somebody is subscribed to."""
        return {one.topic for client in self._clients for one in client.filters}

    def stand_still(self) -> None:
        """Deliver nothing from now on, and break no connection, as a network does that loses its packets."""
        self._standing = []

    def go_on(self) -> None:
        """Deliver what has piled up, in its order."""
        piled, self._standing = self._standing or [], None
        for client, packet in piled:
            client.deliver(packet)

    def _deliver(self, client: _Client, packet: Packet) -> None:
        if self._standing is None:
            client.deliver(packet)
        else:
            self._standing.append((client, packet))

    def stop(self) -> None:
        """Break all connections, as a broker that goes down; retained messages survive."""
        self.up = False
        for client in list(self._clients):
            client.gone.set()

    def start(self) -> None:
        """Let clients in again."""
        self.up = True

    @asynccontextmanager
    async def connect(
        self, *, client_id: str, will: Packet | None, deliver: Callable[[Packet], None]
    ) -> AsyncIterator[Connection]:
        """Open a connection; one with the same client id is thrown out, as MQTT asks."""
        if not self.up:
            raise ConnectionLost("memory: the bus is down")
        for other in [c for c in self._clients if c.client_id == client_id]:
            other.gone.set()
        client = _Client(client_id, deliver, will)
        self._clients.append(client)
        try:
            yield _MemoryConnection(self, client)
        finally:
            self._clients.remove(client)
            if client.gone.is_set() and client.will is not None:
                self.publish(client.will)

    def subscribe(self, client: _Client, filters: Sequence[Filter]) -> None:
        """Add subscriptions, in place of those to the same topics, and replay what is retained."""
        self.unsubscribe(client, filters)
        client.filters += filters
        for one in filters:
            if one.replay and not one.topic.startswith("$share/"):
                for topic, packet in list(self.retained.items()):
                    if matches(one.topic, topic):
                        client.deliver(replace(packet, retain=True))

    def unsubscribe(self, client: _Client, filters: Sequence[Filter]) -> None:
        """Take subscriptions away."""
        gone = {one.topic for one in filters}
        client.filters = [one for one in client.filters if one.topic not in gone]


class _MemoryConnection:
    def __init__(self, bus: MemoryBus, client: _Client) -> None:
        self._bus = bus
        self._client = client

    async def subscribe(self, filters: Sequence[Filter]) -> None:
        self._check()
        self._bus.subscribe(self._client, filters)

    async def unsubscribe(self, filters: Sequence[Filter]) -> None:
        self._check()
        self._bus.unsubscribe(self._client, filters)

    async def publish(self, packet: Packet) -> None:
        self._check()
        self._bus.publish(packet, self._client)

    async def lost(self) -> None:
        await self._client.gone.wait()
        raise ConnectionLost("memory: connection broken")

    def _check(self) -> None:
        if self._client.gone.is_set():
            raise ConnectionLost("memory: connection broken")


@asynccontextmanager
async def running(
    service: Service, bus: MemoryBus, clock: FakeClock, settings: ServiceSettings | None = None
) -> AsyncIterator[Runner]:
    """Run `service` on `bus` while the context lasts; entered when it is connected.

    Without `settings` health is published on news only: a clock that is moved by hand would otherwise look like a
    connection that stood still.
    """
    if settings is None:
        settings = ServiceSettings(_env_file=None, instance="test", var=Path("nowhere"), health_seconds=1e9)
    runner = Runner(service, bus, settings, clock)
    stop = asyncio.Event()
    online = asyncio.Event()
    health = settings.topics.topic(HEALTH, service=service.role.value, instance=settings.instance)
    watcher = _Client("watcher", lambda packet: online.set() if packet.topic == health else None, None)
    watcher.filters.append(Filter("#"))
    bus._clients.append(watcher)  # noqa: SLF001  # same module
    task = asyncio.create_task(runner.run(stop))
    try:
        waiting = asyncio.create_task(online.wait())
        await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        bus._clients.remove(watcher)  # noqa: SLF001
        yield runner
    finally:
        stop.set()
        await task
