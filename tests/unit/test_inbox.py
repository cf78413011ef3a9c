"""What has arrived and waits."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.inbox import LIMITS, TURNS, Inbox
from doorbus.testing import FakeClock
from doorbus.wire.exchange import Rank

Item = tuple[str, bytes]


def _is_frame(item: Item) -> bool:
    return item[0].startswith("frame")


def _put(inbox: Inbox[Item], item: Item) -> None:
    inbox.put(item, item[0] if _is_frame(item) else None)


async def _drain(inbox: Inbox[Item], clock: FakeClock) -> list[Item]:
    found = []
    while (item := await inbox.get(until=clock.monotonic())) is not None:
        found.append(item)
    return found


async def test_what_has_arrived_comes_out_in_its_order() -> None:
    clock = FakeClock()
    inbox: Inbox[Item] = Inbox(clock)
    for item in [("command", b"1"), ("command", b"2")]:
        _put(inbox, item)

    assert await _drain(inbox, clock) == [("command", b"1"), ("command", b"2")]


async def test_a_newer_frame_takes_the_place_of_the_unread_one_of_its_camera() -> None:
    clock = FakeClock()
    inbox: Inbox[Item] = Inbox(clock)
    for topic, payload in [("frame/a", b"1"), ("command", b"x"), ("frame/b", b"1"), ("frame/a", b"2")]:
        _put(inbox, (topic, payload))

    assert await _drain(inbox, clock) == [("frame/a", b"2"), ("command", b"x"), ("frame/b", b"1")]
    assert inbox.superseded == 1


async def test_the_oldest_goes_when_too_many_wait() -> None:
    clock = FakeClock()
    inbox: Inbox[Item] = Inbox(clock, {**LIMITS, Rank.REST: 3})
    for number in range(5):
        _put(inbox, ("command", b"%d" % number))

    assert [payload for _, payload in await _drain(inbox, clock)] == [b"2", b"3", b"4"]
    assert inbox.overflowed == 2


async def test_waiting_ends_when_the_time_has_come() -> None:
    clock = FakeClock()
    inbox: Inbox[Item] = Inbox(clock)
    waiting = asyncio.create_task(inbox.get(until=clock.monotonic() + 5))
    await asyncio.sleep(0)
    clock.advance(4.9)
    await asyncio.sleep(0)
    assert not waiting.done()

    clock.advance(0.1)

    assert await waiting is None


async def test_waiting_ends_with_a_packet_before_the_time_has_come() -> None:
    clock = FakeClock()
    inbox: Inbox[Item] = Inbox(clock)
    waiting = asyncio.create_task(inbox.get(until=clock.monotonic() + 5))
    await asyncio.sleep(0)

    _put(inbox, ("command", b"1"))

    assert await waiting == ("command", b"1")


@pytest.mark.parametrize("limit", [1, 3, 50])
@given(
    st.lists(st.tuples(st.sampled_from(["frame/a", "frame/b", "command", "other"]), st.binary(max_size=2)), max_size=40)
)
async def test_whatever_comes_only_the_newest_frame_and_the_latest_of_all_else_are_kept(
    limit: int, packets: list[tuple[str, bytes]]
) -> None:
    clock = FakeClock()
    inbox: Inbox[Item] = Inbox(clock, {**LIMITS, Rank.REST: limit})
    for topic, payload in packets:
        _put(inbox, (topic, payload))

    found = await _drain(inbox, clock)

    for camera in ("frame/a", "frame/b"):
        sent = [payload for topic, payload in packets if topic == camera]
        kept = [payload for topic, payload in found if topic == camera]
        assert kept == sent[-1:] or (not kept and inbox.overflowed)
    others = [packet for packet in found if not _is_frame(packet)]
    sent_others = [packet for packet in packets if not _is_frame(packet)]
    assert others == sent_others[len(sent_others) - len(others) :]
    assert len(found) + inbox.superseded + inbox.overflowed == len(packets)


async def test_locking_comes_before_opening_and_both_before_the_rest() -> None:
    clock = FakeClock()
    inbox: Inbox[str] = Inbox(clock)
    for name, rank in (("noise", Rank.REST), ("unlock", Rank.UNLOCK), ("noise again", Rank.REST), ("lock", Rank.LOCK)):
        inbox.put(name, rank=rank)

    assert [await inbox.get() for _ in range(4)] == ["lock", "unlock", "noise", "noise again"]


async def test_a_storm_of_one_rank_pushes_out_its_own_oldest_only() -> None:
    inbox: Inbox[str] = Inbox(FakeClock(), {Rank.LOCK: 2, Rank.UNLOCK: 2, Rank.REST: 2})
    inbox.put("unlock", rank=Rank.UNLOCK)

    gone = [one for number in range(4) for one in inbox.put(f"noise {number}")]

    assert gone == ["noise 0", "noise 1"]
    assert [await inbox.get() for _ in range(3)] == ["unlock", "noise 2", "noise 3"]


async def test_no_more_bytes_wait_than_may_however_many_topics_they_have() -> None:
    inbox: Inbox[int] = Inbox(FakeClock(), max_bytes=1000)

    gone = [one for number in range(20) for one in inbox.put(number, f"frame/{number}", size=100)]

    assert gone == list(range(10))
    assert inbox.overflowed == 10
    assert inbox.put(20, "frame/19", size=500) == [10, 11, 12, 13]


async def test_one_item_that_is_larger_than_all_that_may_wait_is_taken() -> None:
    inbox: Inbox[str] = Inbox(FakeClock(), max_bytes=10)

    assert inbox.put("picture", size=100) == []
    assert await inbox.get() == "picture"


@given(st.lists(st.sampled_from([Rank.LOCK, Rank.REST, Rank.LATER]), max_size=60))
def test_what_may_wait_gets_one_turn_in_four_while_something_else_waits_and_all_come_in_their_order(
    ranks: list[Rank],
) -> None:
    clock = FakeClock()
    inbox: Inbox[tuple[Rank, int]] = Inbox(clock)
    for number, rank in enumerate(ranks):
        inbox.put((rank, number), rank=rank)

    async def drain() -> list[tuple[Rank, int]]:
        return [item for _ in ranks if (item := await inbox.get(until=clock.monotonic())) is not None]

    came = asyncio.run(drain())

    for rank in Rank:
        assert [number for each, number in came if each is rank] == [n for n, each in enumerate(ranks) if each is rank]
    locks = ranks.count(Rank.LOCK)
    assert all(rank is Rank.LOCK for rank, _ in came[:locks])
    others = [rank for rank, _ in came[locks:]]
    both = min(ranks.count(Rank.REST), 3 * (ranks.count(Rank.LATER)))
    contended = others[: both + both // 3]
    assert contended.count(Rank.LATER) == len(contended) // TURNS


async def test_a_flood_of_what_may_wait_pushes_nothing_else_out() -> None:
    clock = FakeClock()
    inbox: Inbox[str] = Inbox(clock, max_bytes=100)
    inbox.put("frame", size=50)
    for number in range(300):
        inbox.put(f"flood {number}", rank=Rank.LATER, size=30)

    assert await inbox.get(until=clock.monotonic()) == "frame"
    assert inbox.overflowed >= 298
