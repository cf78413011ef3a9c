"""What a service or a client sends, gets, and wants to hear."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from doorbus.wire.channels import Channel, Retain
from doorbus.wire.codec import Refused
from doorbus.wire.packet import Filter, Packet
from doorbus.wire.topics import Topics

M = TypeVar("M")


@dataclass(frozen=True)
class Outbound:
    """A message to send. `response` is the channel and ids that an answer should go to."""

    channel: Channel[Any]
    message: Any
    ids: Mapping[str, str] = field(default_factory=dict)
    correlation: bytes | None = None
    response: tuple[Channel[Any], Mapping[str, str]] | None = None

    def packet(self, topics: Topics) -> Packet:
        """What goes over the wire; `ValueError` when an id is wrong."""
        body = self.channel.codec.encode(self.message)
        return Packet(
            topic=topics.topic(self.channel, **self.ids),
            payload=body.payload,
            qos=self.channel.qos,
            retain=self.channel.retain is Retain.YES,
            expiry=self.channel.expiry,
            content_type=self.channel.codec.content_type if body.payload else None,
            response_topic=topics.topic(self.response[0], **self.response[1]) if self.response else None,
            correlation=self.correlation,
            user=body.user,
        )


@dataclass(frozen=True)
class Event(Generic[M]):
    """A message heard on the bus, and the packet that brought it."""

    channel: Channel[M]
    ids: Mapping[str, str]
    message: M
    packet: Packet


@dataclass(frozen=True)
class Inbound(Generic[M]):
    """A message that arrived at the time `at` (and the monotonic time `at_monotonic`)."""

    channel: Channel[M]
    ids: Mapping[str, str]
    message: M
    at: datetime
    at_monotonic: float
    packet: Packet
    topics: Topics

    def reply(self, message: object) -> tuple[Outbound, ...]:
        """The answer to the response topic that the sender named; nothing when it named none."""
        return reply_to(self.topics, self.channel, self.packet, message)


def reply_to(topics: Topics, channel: Channel[Any], packet: Packet, message: object) -> tuple[Outbound, ...]:
    """An answer to `packet`, if it names a response topic that answers of `channel` may go to."""
    if channel.reply is None or packet.response_topic is None:
        return ()
    ids = topics.ids(channel.reply, packet.response_topic)
    return () if ids is None else (Outbound(channel.reply, message, ids, correlation=packet.correlation),)


@dataclass(frozen=True)
class Intake:
    """Where a service puts what reaches it another way than over the broker, such as by HTTP.

    It is treated as if it had come over the broker: the subscription whose channel covers the packet's topic handles
    it, by the same rules and counts. Topics of the broker itself are none of these.
    """

    deliver: Callable[[Packet], None]
    refuse: Callable[[Packet, Refused], None]
    """Counts a packet that was turned away before it could be delivered."""


@dataclass(frozen=True)
class Subscription(Generic[M]):
    """What a service wants to hear, and who handles it.

    `ids` narrows the topic, `share` names the group of replicas that share the messages, `newest_only` keeps one unread
    message for each topic. With `on_demand` it is subscribed to only for the ids that this gives at the time; asked
    again after every handler and tick.
    """

    channel: Channel[M]
    handler: Callable[[Inbound[M]], Awaitable[Iterable[Outbound]]]
    ids: Mapping[str, str] = field(default_factory=dict)
    share: str | None = None
    newest_only: bool = False
    on_demand: Callable[[], Iterable[Mapping[str, str]]] | None = None

    def filters(self, topics: Topics) -> tuple[Filter, ...]:
        """The subscription as the broker sees it now."""
        wanted = (self.ids,) if self.on_demand is None else tuple(self.on_demand())
        return tuple(self._filter(topics.filter(self.channel, **ids)) for ids in wanted)

    def _filter(self, topic: str) -> Filter:
        shared = f"$share/{self.share}/{topic}" if self.share else topic
        retain = self.channel.retain
        return Filter(
            shared, self.channel.qos, replay=retain is Retain.YES, as_published=retain is not Retain.REPLAY_REFUSED
        )
