"""One lasting presence on the bus, whatever the network does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.session import Backoff, NeverConnected, Session
from doorbus.testing import MemoryBus
from doorbus.wire.packet import Connection, ConnectionLost, Filter, Packet, Transport

FAST = Backoff(first=0.001, longest=0.01)
WILL = Packet("health", b"offline", qos=1, retain=True)


@dataclass
class Presence:
    """A session that is running, and what it heard."""

    session: Session
    heard: list[Packet] = field(default_factory=list)


@asynccontextmanager
async def _presence(
    transport: Transport,
    filters: Sequence[Filter] = (),
    connected: Callable[[], Iterable[Packet]] = tuple,
    disconnected: Callable[[], None] = lambda: None,
    *,
    keep: int = 1000,
    patience: float | None = None,
    backoff: Backoff = FAST,
) -> AsyncIterator[Presence]:
    heard: list[Packet] = []
    session = Session(
        transport,
        client_id="me",
        filters=filters,
        will=lambda: WILL,
        connected=connected,
        disconnected=disconnected,
        deliver=heard.append,
        clock=SystemClock(),
        backoff=backoff,
        keep=keep,
        patience=patience,
    )
    task = asyncio.create_task(session.run())
    try:
        yield Presence(session, heard)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is watched has no event
            await asyncio.sleep(0.001)


@given(st.integers(min_value=0, max_value=10_000), st.floats(0, 1), st.floats(0.01, 10), st.floats(1, 100))
def test_the_wait_doubles_up_to_the_longest_and_never_less_than_half(
    failures: int, chance: float, first: float, factor: float
) -> None:
    backoff = Backoff(first, first * factor)

    delay = backoff.delay(failures, chance)

    whole = min(first * 2.0 ** min(failures, 16), first * factor)
    assert whole / 2 <= delay <= whole
    assert delay <= backoff.delay(failures + 1, chance)


async def test_it_subscribes_and_says_how_things_are_on_every_connect() -> None:
    bus = MemoryBus()
    states = iter([b"first", b"second"])
    filters = [Filter("news", qos=1)]

    async with _presence(bus, filters, lambda: [Packet("state", next(states), qos=1, retain=True)]) as presence:
        await _until(lambda: bus.retained.get("state") is not None)
        bus.publish(Packet("news", b"1"))
        bus.stop()
        await _until(lambda: not presence.session.online)
        bus.start()
        await _until(lambda: bus.retained["state"].payload == b"second")
        bus.publish(Packet("news", b"2"))

        assert [packet.payload for packet in presence.heard] == [b"1", b"2"]
        assert presence.session.connections == 2


async def test_a_connection_is_told_of_before_anything_that_the_broker_retains_is_heard() -> None:
    bus, heard_then = MemoryBus(), list[int]()
    bus.publish(Packet("news", b"kept", retain=True))

    def connected() -> Iterable[Packet]:
        heard_then.append(len(presence.heard))
        return ()

    async with _presence(bus, [Filter("news", qos=1, replay=True)], connected) as presence:
        await _until(lambda: bool(presence.heard) and presence.session.online)

    assert heard_then == [0]


async def test_what_is_retained_comes_once_more_when_it_is_asked_for_again() -> None:
    bus, news = MemoryBus(), Filter("news", qos=1, replay=True)
    bus.publish(Packet("news", b"kept", retain=True))

    async with _presence(bus, [news]) as presence:
        await _until(lambda: presence.session.online)
        presence.session.listen([replace(news, asked=1)])
        await _until(lambda: len(presence.heard) > 1)
        bus.publish(Packet("news", b"more"))

        assert [packet.payload for packet in presence.heard] == [b"kept", b"kept", b"more"]


async def test_it_tells_once_that_the_broker_is_away_and_never_of_a_connection_that_was_not() -> None:
    bus, told = MemoryBus(), list[str]()

    def connected() -> Iterable[Packet]:
        told.append("there")
        return ()

    async with _presence(bus, (), connected, lambda: told.append("away")) as there:
        await _until(lambda: there.session.online)
        bus.stop()
        await _until(lambda: told == ["there", "away"])
        bus.start()
        await _until(lambda: there.session.online)

    assert told == ["there", "away", "there"]


async def test_it_waits_for_a_broker_that_is_not_there_yet() -> None:
    bus = MemoryBus()
    bus.stop()

    async with _presence(bus) as presence:
        await asyncio.sleep(0.02)
        assert not presence.session.online
        bus.start()
        await _until(lambda: presence.session.online)

        presence.session.send(Packet("x", b"1"))
        await _until(lambda: [packet.payload for packet in bus.log] == [b"1"])

        assert presence.session.dropped == 0


async def test_what_would_go_stale_is_dropped_while_the_broker_is_away_and_the_rest_is_sent_later() -> None:
    bus = MemoryBus()
    bus.stop()
    stale = [
        Packet("frame", b"f", qos=0, expiry=2),
        Packet("command", b"UNLOCK", qos=1, expiry=5),
        Packet("unsafe", b"q", qos=0),
        Packet("state", b"s", qos=1, retain=True),
    ]
    lasting = [Packet("decision", b"1", qos=1), Packet("result", b"2", qos=1)]

    async with _presence(bus) as presence:
        for packet in [*stale, *lasting]:
            presence.session.send(packet)
        bus.start()
        await _until(lambda: len(bus.log) >= 2)
        await presence.session.flush(5)

        assert bus.log == lasting
        assert presence.session.dropped == len(stale)


async def test_no_more_is_kept_than_asked_and_the_oldest_goes() -> None:
    bus = MemoryBus()
    bus.stop()

    async with _presence(bus, keep=3) as presence:
        for number in range(5):
            presence.session.send(Packet("decision", b"%d" % number, qos=1))
        bus.start()
        await _until(lambda: len(bus.log) == 3)

        assert [packet.payload for packet in bus.log] == [b"2", b"3", b"4"]
        assert presence.session.dropped == 2


async def test_the_broker_tells_the_others_when_it_vanishes() -> None:
    bus = MemoryBus()

    async with _presence(bus) as presence:
        await _until(lambda: presence.session.online)
        bus.stop()
        await _until(lambda: not presence.session.online)

        assert bus.retained["health"] == WILL


async def test_it_ends_when_told_also_in_the_moment_of_a_loss() -> None:
    bus = MemoryBus()
    bus.stop()
    for _ in range(200):
        async with asyncio.timeout(5), _presence(bus) as presence:
            await asyncio.sleep(0)

    assert not presence.session.online


async def test_flush_returns_at_once_when_the_broker_is_away() -> None:
    bus = MemoryBus()
    bus.stop()

    async with _presence(bus) as presence:
        presence.session.send(Packet("decision", b"1", qos=1))
        async with asyncio.timeout(5):
            await presence.session.flush(3600)

        assert not presence.session.online


async def test_a_broker_that_is_back_is_reached_at_once() -> None:
    bus = MemoryBus()
    async with _presence(bus, backoff=Backoff(first=3600, longest=3600, hasty=0.001)) as presence:
        await _until(lambda: presence.session.online)
        bus.stop()
        await _until(lambda: not presence.session.online)
        bus.start()

        await presence.session.reach(10)

        assert presence.session.online


async def test_a_broker_that_stays_away_or_never_was_there_is_not_waited_for_longer_than_asked() -> None:
    bus = MemoryBus()
    async with _presence(bus) as presence:
        await _until(lambda: presence.session.online)
        bus.stop()
        await _until(lambda: not presence.session.online)
        async with asyncio.timeout(10):
            await presence.session.reach(0.01)
        assert not presence.session.online
    async with _presence(bus) as presence, asyncio.timeout(10):
        await presence.session.reach(3600)
        assert not presence.session.online


class SilentBroker:
    """Takes packets and acknowledges none; `break_off` ends the connection. The second connection acknowledges all."""

    address = "silent"

    def __init__(self) -> None:
        self.taken: list[list[bytes]] = []
        self._broken = asyncio.Event()

    def break_off(self) -> None:
        self._broken.set()

    @asynccontextmanager
    async def connect(
        self, *, client_id: str, will: Packet | None, deliver: Callable[[Packet], None]
    ) -> AsyncIterator[Connection]:
        assert client_id == "me"
        assert will == WILL
        assert callable(deliver)
        self.taken.append([])
        yield _SilentConnection(self.taken[-1], self._broken if len(self.taken) == 1 else None)


@dataclass
class _SilentConnection:
    taken: list[bytes]
    broken: asyncio.Event | None

    async def unsubscribe(self, filters: Sequence[Filter]) -> None:
        pass

    async def subscribe(self, filters: Sequence[Filter]) -> None:
        pass

    async def publish(self, packet: Packet) -> None:
        self.taken.append(packet.payload)
        if self.broken is not None:
            await self.broken.wait()
            raise ConnectionLost("broken off")

    async def lost(self) -> None:
        await (self.broken or asyncio.Event()).wait()
        raise ConnectionLost("broken off")


async def test_what_was_not_acknowledged_is_sent_again_in_its_order() -> None:
    broker = SilentBroker()
    expected = [b"%d" % number for number in range(5)]

    async with _presence(broker) as presence:
        await _until(lambda: presence.session.online)
        for payload in expected:
            presence.session.send(Packet("decision", payload, qos=1))
        await _until(lambda: broker.taken[0] == expected)
        broker.break_off()
        await _until(lambda: len(broker.taken) == 2 and len(broker.taken[1]) >= len(expected))

        assert broker.taken[1] == expected


async def test_a_stale_packet_that_was_not_acknowledged_is_not_sent_again() -> None:
    broker = SilentBroker()

    async with _presence(broker) as presence:
        await _until(lambda: presence.session.online)
        presence.session.send(Packet("command", b"UNLOCK", qos=1, expiry=5))
        presence.session.send(Packet("decision", b"1", qos=1))
        await _until(lambda: len(broker.taken[0]) == 2)
        broker.break_off()
        await _until(lambda: len(broker.taken) == 2 and len(broker.taken[1]) >= 1)
        await presence.session.flush(5)

        assert broker.taken[1] == [b"1"]


async def test_a_broker_that_was_never_reached_is_given_up() -> None:
    bus = MemoryBus()
    bus.stop()
    session = Session(
        bus,
        client_id="me",
        filters=(),
        will=lambda: WILL,
        connected=tuple,
        deliver=lambda _: None,
        clock=SystemClock(),
        backoff=FAST,
        patience=0.05,
    )

    async with asyncio.timeout(10):
        with pytest.raises(NeverConnected, match="the bus is down"):
            await session.run()


async def test_a_broker_that_was_reached_once_is_never_given_up() -> None:
    bus = MemoryBus()
    async with _presence(bus, patience=0.01) as presence:
        await _until(lambda: presence.session.online)
        bus.stop()
        await _until(lambda: not presence.session.online)
        await asyncio.sleep(0.1)  # ten times its patience with the first connection
        bus.start()
        await _until(lambda: presence.session.online)

        assert presence.session.connections == 2
