"""What a packet that arrives is for, and what may not go on."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.arrivals import Arrivals, Delivery
from doorbus.wire import channels
from doorbus.wire.channels import CHANNELS
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DOUBT = 2.0


async def _ignore(_: Inbound[Any]) -> Iterable[Outbound]:
    return ()


FRONT = Subscription(channels.LOCK_COMMAND, _ignore, {"door": "front"})
BACK = Subscription(channels.LOCK_COMMAND, _ignore, {"door": "back"})
REMOVALS = Subscription(channels.REMOVE, _ignore)
ARRIVALS = Arrivals(TOPICS, (FRONT, BACK, REMOVALS), DOUBT)


def _read(packet: Packet, arrivals: Arrivals = ARRIVALS) -> Delivery:
    delivery = arrivals.read(packet, NOON, 7.0)
    assert delivery is not None
    return delivery


def _command(door: str, payload: bytes = b"UNLOCK", *, retain: bool = False) -> Packet:
    return Packet(f"doorbus/v1/door/{door}/lock/set", payload, retain=retain)


def _refusal(packet: Packet, way: float | None = None, arrivals: Arrivals = ARRIVALS) -> Refusal | None:
    try:
        arrivals.check(_read(packet, arrivals), way)
    except Refused as refused:
        return refused.reason
    return None


def test_a_packet_goes_to_the_subscription_that_is_narrowed_to_its_ids() -> None:
    assert _read(_command("front")).subscription is FRONT
    assert _read(_command("back")).subscription is BACK
    assert _read(_command("back")).arrived.ids == {"door": "back"}


def test_a_packet_of_ids_that_nobody_asked_for_is_refused() -> None:
    assert _refusal(_command("front")) is None
    assert _refusal(_command("cellar")) is Refusal.UNEXPECTED


def test_a_packet_of_no_subscription_is_for_nobody() -> None:
    assert ARRIVALS.read(Packet("doorbus/v1/door/front/lock/state", b"LOCKED"), NOON, 7.0) is None
    assert Arrivals(TOPICS, (), DOUBT).read(_command("front"), NOON, 7.0) is None


@pytest.mark.parametrize("door", ["", "Front", "a b", "..", "a" * 65])
def test_a_wrong_id_is_refused_and_told_as_it_stands(door: str) -> None:
    assert _refusal(_command(door)) is Refusal.BAD_ID
    assert _read(_command(door)).arrived.ids == {"door": door}


def test_what_may_have_been_on_its_way_for_longer_than_it_lives_is_refused() -> None:
    life = channels.LOCK_COMMAND.expiry or 0

    assert _refusal(_command("front"), way=None) is None
    assert _refusal(_command("front"), way=life + DOUBT) is None
    assert _refusal(_command("front"), way=life + DOUBT + 0.1) is Refusal.STALE
    assert _refusal(Packet("doorbus/v1/person/alice/remove"), way=1e6) is None  # lives for ever


def test_a_flag_or_a_size_that_the_channel_forbids_is_refused() -> None:
    assert _refusal(_command("front", retain=True)) is Refusal.RETAINED
    assert _refusal(_command("front", b"x" * channels.LOCK_COMMAND.max_bytes)) is None
    assert _refusal(_command("front", b"x" * (channels.LOCK_COMMAND.max_bytes + 1))) is Refusal.TOO_LARGE


@pytest.mark.parametrize(
    ("response", "ids"),
    [
        ("doorbus/v1/reply/me", {"token": "me"}),
        ("doorbus/v1/reply/No Slug", None),
        ("doorbus/v1/embed/reply/me", None),
        ("doorbus/v1/door/front/lock/set", None),
        ("elsewhere", None),
        ("", None),
        (None, None),
    ],
)
def test_an_answer_goes_to_a_topic_for_such_answers_or_nowhere(
    response: str | None, ids: dict[str, str] | None
) -> None:
    arrived = _read(Packet("doorbus/v1/person/alice/remove", response_topic=response, correlation=b"c")).arrived

    assert arrived.reply_ids == ids
    assert [(one.channel, one.ids, one.correlation) for one in arrived.reply("done")] == (
        [(channels.RESULT_REPLY, ids, b"c")] if ids else []
    )


@given(
    st.sampled_from(CHANNELS),
    st.lists(st.sampled_from(["a", "b"]), min_size=3, max_size=3),
    st.dictionaries(st.sampled_from(["door", "camera", "person"]), st.sampled_from(["a", "b"])),
)
def test_whatever_a_subscription_is_narrowed_to_only_that_goes_on(
    channel: channels.Channel[Any], values: list[str], narrowed: dict[str, str]
) -> None:
    wanted = {name: value for name, value in narrowed.items() if name in channel.parameters}
    arrivals = Arrivals(TOPICS, (Subscription(channel, _ignore, wanted),), DOUBT)
    ids = dict(zip(channel.parameters, values, strict=False))

    refusal = _refusal(Packet(TOPICS.topic(channel, **ids)), arrivals=arrivals)

    assert refusal is (None if wanted.items() <= ids.items() else Refusal.UNEXPECTED)
