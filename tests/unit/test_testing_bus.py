"""The bus in memory keeps the rules that tests on it rely on."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.testing import FakeClock, MemoryBus, matches
from doorbus.wire.packet import Connection, ConnectionLost, Filter, Packet


def _join(
    bus: MemoryBus, name: str, deliver: Callable[[Packet], None], will: Packet | None = None
) -> AbstractAsyncContextManager[Connection]:
    return bus.connect(client_id=name, will=will, deliver=deliver)


@pytest.mark.parametrize(
    ("pattern", "topic", "covered"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("#", "a/b", True),
        ("a/b/c", "a/b", False),
        ("+/+", "a/b", True),
        ("+", "a/b", False),
    ],
)
def test_filters_cover_what_mqtt_says(pattern: str, topic: str, *, covered: bool) -> None:
    assert matches(pattern, topic) is covered


@given(st.lists(st.text("abc+#", min_size=1, max_size=2), min_size=1, max_size=4))
def test_a_plus_in_each_level_covers_any_topic_of_that_depth(levels: list[str]) -> None:
    assert matches("/".join("+" for _ in levels), "/".join(levels))


async def test_a_retained_message_waits_for_who_comes_later_until_it_is_deleted() -> None:
    bus = MemoryBus()
    heard: list[Packet] = []
    bus.publish(Packet("state", b"LOCKED", retain=True))
    bus.publish(Packet("gone", b"x", retain=True))
    bus.publish(Packet("gone", b"", retain=True))

    async with _join(bus, "late", heard.append) as connection:
        await connection.subscribe([Filter("#", replay=True)])

    assert heard == [Packet("state", b"LOCKED", retain=True)]


async def test_nothing_is_replayed_to_who_does_not_ask_for_it() -> None:
    bus = MemoryBus()
    heard: list[Packet] = []
    bus.publish(Packet("lock/set", b"UNLOCK", retain=True))

    async with _join(bus, "late", heard.append) as connection:
        await connection.subscribe([Filter("lock/set")])
        bus.publish(Packet("lock/set", b"LOCK", retain=True))

    assert heard == [Packet("lock/set", b"LOCK", retain=True)]


async def test_replicas_of_a_share_take_turns() -> None:
    bus = MemoryBus()
    heard: dict[str, list[bytes]] = {"a": [], "b": []}
    async with (
        _join(bus, "a", lambda packet: heard["a"].append(packet.payload)) as a,
        _join(bus, "b", lambda packet: heard["b"].append(packet.payload)) as b,
    ):
        for connection in (a, b):
            await connection.subscribe([Filter("$share/recognizers/frame/+")])
        for number in range(4):
            bus.publish(Packet("frame/porch", b"%d" % number))

    assert heard == {"a": [b"0", b"2"], "b": [b"1", b"3"]}


async def test_a_client_that_vanishes_leaves_its_will_and_one_that_says_goodbye_does_not() -> None:
    bus = MemoryBus()
    async with _join(bus, "polite", lambda _: None, Packet("will", b"polite")):
        pass
    async with _join(bus, "cut off", lambda _: None, Packet("will", b"cut off")) as connection:
        bus.stop()
        with pytest.raises(ConnectionLost):
            await connection.lost()

    assert bus.log == [Packet("will", b"cut off")]


async def test_nobody_can_send_or_come_while_the_bus_is_down() -> None:
    bus = MemoryBus()
    async with _join(bus, "one", lambda _: None) as connection:
        bus.stop()
        with pytest.raises(ConnectionLost):
            await connection.publish(Packet("x"))
    with pytest.raises(ConnectionLost):
        async with _join(bus, "two", lambda _: None):
            pass

    assert bus.log == []


async def test_a_second_client_of_the_same_name_pushes_the_first_off() -> None:
    bus = MemoryBus()
    async with _join(bus, "same", lambda _: None) as first, _join(bus, "same", lambda _: None) as second:
        with pytest.raises(ConnectionLost):
            await first.lost()
        await second.publish(Packet("x", b"1"))

    assert bus.log == [Packet("x", b"1")]


async def test_the_clock_stands_still_until_told_and_calls_what_is_due_in_its_order() -> None:
    clock = FakeClock()
    called: list[str] = []
    start = clock.monotonic()
    clock.call_at(start + 2, lambda: called.append("two"))
    clock.call_at(start + 1, lambda: called.append("one"))
    clock.call_at(start + 1.5, lambda: called.append("never")).cancel()
    clock.call_at(start - 1, lambda: called.append("at once"))
    await asyncio.sleep(0)

    clock.advance(5)

    assert called == ["at once", "one", "two"]
    assert clock.monotonic() == start + 5


def test_a_jump_of_the_wall_clock_leaves_monotonic_time_alone() -> None:
    clock = FakeClock()
    now, monotonic = clock.now(), clock.monotonic()

    clock.jump(-3600)

    assert (clock.now() - now).total_seconds() == -3600
    assert clock.monotonic() == monotonic
