"""Keeps a connection to the broker: connects, subscribes, sends, and does it all again when the connection is lost."""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import structlog

from doorbus.runtime.clock import Clock
from doorbus.runtime.outbox import Outbox
from doorbus.wire.packet import Connection, ConnectionLost, Filter, NotAuthorized, Packet, Transport
from doorbus.wire.records import dataclass

_log = structlog.get_logger("doorbus.runtime.session")


REFUSED_SECONDS = 5.0
"""A broker that is there and refuses the password is not waited for longer than that."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next try: doubling from `first` to `longest` seconds, shortened by up to a half.

    The random part keeps the services of a site from all returning in the same instant after the broker restarts.
    A session that is about to end waits `hasty` seconds.
    """

    first: float = 0.25
    longest: float = 5.0
    hasty: float = 0.25

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to wait after `failures` failures in a row; `chance` is a random number from 0 to 1."""
        return min(self.longest, self.first * 2.0 ** min(failures, 16)) * (1 - chance / 2)


class NeverConnected(Exception):  # noqa: N818  # an event of the network, not a fault of the caller
    """No connection came about within the time given to the first one; `lost` says what stood in the way."""

    def __init__(self, lost: ConnectionLost) -> None:
        super().__init__(str(lost))
        self.lost = lost


class Session:
    """One lasting presence on the bus.

    Packets given to `send` while the broker is away are dropped if they would go stale (they carry an expiry, or are
    QoS 0) or will be sent again on connect (retained states). The rest (decisions, results) is kept, up to `keep`
    packets, and sent on return. `acknowledged` is told of each that the broker has.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        client_id: str,
        filters: Sequence[Filter],
        will: Callable[[], Packet | None],
        connected: Callable[[], Iterable[Packet]],
        disconnected: Callable[[], None] = lambda: None,
        deliver: Callable[[Packet], None],
        acknowledged: Callable[[Packet], None] = lambda _: None,
        clock: Clock,
        backoff: Backoff | None = None,
        keep: int = 1000,
        patience: float | None = None,
    ) -> None:
        self._transport = transport
        self._client_id = client_id
        self._filters = tuple(filters)
        self._filters_changed = asyncio.Event()
        self._will = will
        self._on_connected = connected
        self._on_disconnected = disconnected
        self._deliver = deliver
        self._acknowledged = acknowledged
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._patience = patience
        self._online_since = 0.0
        self._outbox = Outbox(keep)
        self._in_flight: dict[int, Packet] = {}
        self._started = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._hasty = asyncio.Event()
        self._reached = asyncio.Event()
        self.online = False
        self.connections = 0
        self._unsendable = 0

    @property
    def dropped(self) -> int:
        """Packets not sent because the broker was away, or the way there too slow."""
        return self._unsendable + self._outbox.dropped

    def send(self, packet: Packet) -> None:
        """Send `packet` as soon as may be, in order; never waits."""
        if not self.online and not _lasting(packet):
            self._unsendable += 1
            return
        self._outbox.put(packet)
        self._idle.clear()
        self._wake.set()

    def listen(self, filters: Sequence[Filter]) -> None:
        """Be subscribed to exactly `filters` from now on, also after a reconnect; never waits."""
        if tuple(filters) != self._filters:
            self._filters = tuple(filters)
            self._filters_changed.set()

    async def flush(self, timeout: float) -> None:  # noqa: ASYNC109  # the caller is shutting down and has one number
        """Wait until everything is sent, at most `timeout` seconds and only while the broker is there."""
        if not self.online:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("not_all_sent", left=len(self._outbox) + len(self._in_flight))

    async def reach(self, timeout: float) -> None:  # noqa: ASYNC109  # as for `flush`
        """Try at once whether a broker that was there before is back, and wait for it, at most `timeout` seconds."""
        if not self.connections:
            return
        self._hasty.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._reached.wait()

    @property
    def connected_seconds(self) -> float:
        """How long the connection lasts already; 0 when there is none."""
        return self._clock.monotonic() - self._online_since if self.online else 0.0

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises `NeverConnected` when the first connection does not come about within `patience` seconds; one that is
        lost later is tried again for ever.
        """
        failures = 0
        first_try = self._clock.monotonic()
        while True:
            began = self._clock.monotonic()
            lost = await self._once()
            was_online, self.online = self.online, False
            self._reached.clear()
            self._collect_unsent()
            if was_online:
                self._on_disconnected()
            if was_online and self._clock.monotonic() - began > self._backoff.longest:
                failures = 0
            waited = self._clock.monotonic() - first_try
            if self._patience is not None and not self.connections and waited >= self._patience_with(lost):
                raise NeverConnected(lost)
            delay = self._backoff.delay(failures, random.random())  # noqa: S311  # spreads load, guards nothing
            failures += 1
            _log.warning("broker_away", broker=self._transport.address, reason=str(lost), retry_in_s=round(delay, 2))
            await self._pause(delay)

    async def _pause(self, delay: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._hasty.wait()
                await asyncio.sleep(self._backoff.hasty)

    def _patience_with(self, lost: ConnectionLost) -> float:
        patience = self._patience or 0.0
        return min(patience, REFUSED_SECONDS) if isinstance(lost, NotAuthorized) else patience

    async def _once(self) -> ConnectionLost:
        """One connection, from connect to loss; returns why it ended."""
        # A task of its own, because a task group forgets that it was cancelled when a loss comes in the same moment.
        connection = asyncio.create_task(self._connection())
        try:
            await asyncio.wait([connection])
        finally:
            connection.cancel()
            await asyncio.gather(connection, return_exceptions=True)
        try:
            connection.result()
        except* ConnectionLost as group:
            lost = _first(group)
        return lost

    async def _connection(self) -> None:
        connect = self._transport.connect(client_id=self._client_id, will=self._will(), deliver=self._deliver)
        async with connect as connection:
            subscribed = self._filters
            first = list(self._on_connected())  # before anything can come: what is retained comes with the answer
            await connection.subscribe(subscribed)
            self.connections += 1
            self._outbox.put_first(first)
            self.online, self._online_since = True, self._clock.monotonic()
            self._reached.set()
            _log.info("broker_connected", broker=self._transport.address, client_id=self._client_id)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(connection.lost())
                tasks.create_task(self._follow(connection, subscribed))
                tasks.create_task(self._sender(connection, tasks))

    async def _follow(self, connection: Connection, subscribed: tuple[Filter, ...]) -> None:
        """Subscribe and unsubscribe as `listen` says."""
        while True:
            self._filters_changed.clear()
            wanted = self._filters
            await connection.subscribe([one for one in wanted if one not in subscribed])
            topics = {one.topic for one in wanted}
            await connection.unsubscribe([one for one in subscribed if one.topic not in topics])
            subscribed = wanted
            await self._filters_changed.wait()

    async def _sender(self, connection: Connection, tasks: asyncio.TaskGroup) -> None:
        """Start one publish after the other in order; acknowledgements are awaited side by side."""
        room = asyncio.Semaphore(16)
        while True:
            while not self._outbox:
                if not self._in_flight:
                    self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            await room.acquire()
            packet = self._outbox.pop()
            self._started += 1
            self._in_flight[self._started] = packet
            if packet.qos == 0:  # nothing acknowledges it: this waits for the socket, and newer frames supersede
                await self._publish(connection, self._started, packet)
                room.release()
                continue
            task = tasks.create_task(self._publish(connection, self._started, packet))
            task.add_done_callback(lambda _: room.release())
            await asyncio.sleep(0)  # lets the task hand its packet to the socket before the next one starts

    async def _publish(self, connection: Connection, number: int, packet: Packet) -> None:
        await connection.publish(packet)
        del self._in_flight[number]
        if packet.qos > 0:
            self._acknowledged(packet)
        if not self._in_flight and not self._outbox:
            self._idle.set()

    def _collect_unsent(self) -> None:
        """Keep what was not acknowledged and what still waits, in their order, but for what would go stale."""
        unsent = [*self._in_flight.values(), *self._outbox.take_all()]
        self._in_flight.clear()
        lasting = [packet for packet in unsent if _lasting(packet)]
        self._outbox.put_first(lasting)
        self._unsendable += len(unsent) - len(lasting)


def _lasting(packet: Packet) -> bool:
    return packet.qos > 0 and packet.expiry is None and not packet.retain


def _first(group: BaseExceptionGroup[ConnectionLost]) -> ConnectionLost:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
