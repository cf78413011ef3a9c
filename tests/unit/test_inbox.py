"""Packets that wait."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.inbox import Inbox
from doorbus.testing import FakeClock
from doorbus.wire.packet import Packet


def _frames_only(topic: str) -> bool:
    return topic.startswith("frame")


def _inbox(clock: FakeClock | None = None, limit: int = 1024) -> Inbox:
    return Inbox(clock or FakeClock(), _frames_only, limit)


async def _drain(inbox: Inbox, clock: FakeClock) -> list[tuple[str, bytes]]:
    found = []
    while (delivery := await inbox.get(until=clock.monotonic())) is not None:
        found.append((delivery.packet.topic, delivery.packet.payload))
    return found


async def test_packets_come_out_in_their_order_with_the_time_of_their_arrival() -> None:
    clock = FakeClock()
    inbox = _inbox(clock)
    inbox.put(Packet("command", b"1"))
    clock.advance(2)
    inbox.put(Packet("command", b"2"))

    first, second = await inbox.get(), await inbox.get()

    assert first is not None
    assert second is not None
    assert (first.packet.payload, second.packet.payload) == (b"1", b"2")
    assert second.monotonic - first.monotonic == 2
    assert (second.at - first.at).total_seconds() == 2


async def test_a_newer_frame_takes_the_place_of_the_unread_one_of_its_camera() -> None:
    clock = FakeClock()
    inbox = _inbox(clock)
    for topic, payload in [("frame/a", b"1"), ("command", b"x"), ("frame/b", b"1"), ("frame/a", b"2")]:
        inbox.put(Packet(topic, payload))

    assert await _drain(inbox, clock) == [("frame/a", b"2"), ("command", b"x"), ("frame/b", b"1")]
    assert inbox.superseded == 1


async def test_the_oldest_goes_when_too_many_wait() -> None:
    clock = FakeClock()
    inbox = _inbox(clock, limit=3)
    for number in range(5):
        inbox.put(Packet("command", b"%d" % number))

    assert [payload for _, payload in await _drain(inbox, clock)] == [b"2", b"3", b"4"]
    assert inbox.overflowed == 2


async def test_waiting_ends_when_the_time_has_come() -> None:
    clock = FakeClock()
    inbox = _inbox(clock)
    waiting = asyncio.create_task(inbox.get(until=clock.monotonic() + 5))
    await asyncio.sleep(0)
    clock.advance(4.9)
    await asyncio.sleep(0)
    assert not waiting.done()

    clock.advance(0.1)

    assert await waiting is None


async def test_waiting_ends_with_a_packet_before_the_time_has_come() -> None:
    clock = FakeClock()
    inbox = _inbox(clock)
    waiting = asyncio.create_task(inbox.get(until=clock.monotonic() + 5))
    await asyncio.sleep(0)

    inbox.put(Packet("command", b"1"))

    delivery = await waiting
    assert delivery is not None
    assert delivery.packet.payload == b"1"


@pytest.mark.parametrize("limit", [1, 3, 50])
@given(
    st.lists(st.tuples(st.sampled_from(["frame/a", "frame/b", "command", "other"]), st.binary(max_size=2)), max_size=40)
)
async def test_whatever_comes_only_the_newest_frame_and_the_latest_of_all_else_are_kept(
    limit: int, packets: list[tuple[str, bytes]]
) -> None:
    clock = FakeClock()
    inbox = _inbox(clock, limit)
    for topic, payload in packets:
        inbox.put(Packet(topic, payload))

    found = await _drain(inbox, clock)

    for camera in ("frame/a", "frame/b"):
        sent = [payload for topic, payload in packets if topic == camera]
        kept = [payload for topic, payload in found if topic == camera]
        assert kept == sent[-1:] or (not kept and inbox.overflowed)
    others = [packet for packet in found if not _frames_only(packet[0])]
    sent_others = [packet for packet in packets if not _frames_only(packet[0])]
    assert others == sent_others[len(sent_others) - len(others) :]
    assert len(found) + inbox.superseded + inbox.overflowed == len(packets)
