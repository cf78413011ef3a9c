"""What a service or a client sends, gets, and wants to hear."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import field
from datetime import datetime
from enum import IntEnum
from typing import Any, Generic, TypeVar

from doorbus.wire.channels import Channel, Retain
from doorbus.wire.codec import Body, Refused
from doorbus.wire.packet import Filter, Packet
from doorbus.wire.records import dataclass
from doorbus.wire.signatures import SigningKey, sign
from doorbus.wire.topics import Resolved, Topics

M = TypeVar("M")


@dataclass(frozen=True)
class Outbound:
    """A message to send. `response` is the channel and ids that an answer should go to.

    Without a message what is retained under the topic is deleted.
    """

    channel: Channel[Any]
    message: Any
    ids: Mapping[str, str] = field(default_factory=dict)
    correlation: bytes | None = None
    response: tuple[Channel[Any], Mapping[str, str]] | None = None
    topic: str | None = None
    """The topic as it is, where somebody else has made up one that no ids lead to."""

    def packet(self, topics: Topics, key: SigningKey | None = None) -> Packet:
        """What goes over the wire, signed with `key` where the channel asks for it.

        Raises `ValueError` when an id is wrong.
        """
        body = Body(b"") if self.message is None else self.channel.codec.encode(self.message)
        packet = Packet(
            topic=self.topic or topics.topic(self.channel, **self.ids),
            payload=body.payload,
            qos=self.channel.qos,
            retain=self.channel.retain is Retain.YES,
            expiry=self.channel.expiry,
            content_type=self.channel.codec.content_type if body.payload else None,
            response_topic=topics.topic(self.response[0], **self.response[1]) if self.response else None,
            correlation=self.correlation,
            user=body.user,
        )
        return packet if key is None or self.channel.signed_by is None else sign(self.channel, packet, key)


@dataclass(frozen=True)
class Event(Generic[M]):
    """A message heard on the bus, and the packet that brought it."""

    channel: Channel[M]
    ids: Mapping[str, str]
    message: M
    packet: Packet


@dataclass(frozen=True, slots=True)
class Arrived(Resolved[M]):
    """A packet that arrived at the time `at` (and the monotonic time `at_monotonic`), its topics read.

    `ids` are as they stand in the topic: those of a packet that is refused may be no slugs. `reply_ids` are those of
    the response topic; None when the sender named none that answers may go to.
    """

    packet: Packet
    at: datetime
    at_monotonic: float
    reply_ids: Mapping[str, str] | None = None

    def reply(self, message: object) -> tuple[Outbound, ...]:
        """The answer to the response topic that the sender named; nothing when it named none."""
        if self.channel.reply is None or self.reply_ids is None:
            return ()
        return (Outbound(self.channel.reply, message, self.reply_ids, correlation=self.packet.correlation),)

    def bearing(self, message: M) -> "Inbound[M]":
        """This with the message that the packet carries."""
        return Inbound(self.channel, self.ids, self.packet, self.at, self.at_monotonic, self.reply_ids, message=message)


@dataclass(frozen=True, slots=True)
class Inbound(Arrived[M]):
    """A message that arrived."""

    message: M = field(kw_only=True)


@dataclass(frozen=True)
class Intake:
    """Where a service puts what reaches it another way than over the broker, such as by HTTP.

    It is treated as if it had come over the broker: the subscription that the packet's topic is for handles it, by the
    same rules and counts. Topics of the broker itself are none of these.
    """

    deliver: Callable[[Packet], None]
    refuse: Callable[[Packet, Refused], None]
    """Counts a packet that was turned away before it could be delivered."""


class Rank(IntEnum):
    """What is handled first when more waits than can be handled at once."""

    LOCK = 0
    UNLOCK = 1
    REST = 2
    LATER = 3
    """What may wait, and takes a share of the turns only while something else waits, too."""


def _rest(_: Packet) -> Rank:
    return Rank.REST


def later(_: Packet) -> Rank:
    """The rank of what may wait."""
    return Rank.LATER


@dataclass(frozen=True)
class Subscription(Generic[M]):
    """What a service wants to hear, and who handles it.

    `ids` narrows the topic: what comes with others is refused. `share` names the group of replicas that share the
    messages, or says what it is called at the time; `newest_only` keeps one unread message for each topic. `rank` says
    what goes first when more waits than can be handled, and raises `Refused` for what is nothing at first sight. What
    comes `apart` holds nothing else up, however much of it comes. With `others_only` comes what others send, and the
    retain flag is on what the broker had kept alone. With `on_demand` it is subscribed to only for the ids that this
    gives at the time; asked again after every handler and tick. When `asked` gives another number than before, what the
    broker has kept comes once more.
    """

    channel: Channel[M]
    handler: Callable[[Inbound[M]], Awaitable[Iterable[Outbound]]]
    ids: Mapping[str, str] = field(default_factory=dict)
    share: str | Callable[[], str] | None = None
    newest_only: bool = False
    on_demand: Callable[[], Iterable[Mapping[str, str]]] | None = None
    asked: Callable[[], int] = int
    rank: Callable[[Packet], Rank] = _rest
    others_only: bool = False
    apart: bool = False

    def wants(self, ids: Mapping[str, str]) -> bool:
        """Whether `ids` are those that it is narrowed to."""
        return all(ids.get(name) == wanted for name, wanted in self.ids.items())

    def filters(self, topics: Topics) -> tuple[Filter, ...]:
        """The subscription as the broker sees it now."""
        wanted = (self.ids,) if self.on_demand is None else tuple(self.on_demand())
        return tuple(self._filter(topics.filter(self.channel, **ids)) for ids in wanted)

    def _filter(self, topic: str) -> Filter:
        group = self.share() if callable(self.share) else self.share
        shared = f"$share/{group}/{topic}" if group else topic
        retain = self.channel.retain
        return Filter(
            shared,
            self.channel.qos,
            replay=retain is Retain.YES,
            as_published=retain is not Retain.REPLAY_REFUSED and not self.others_only,
            own=not self.others_only,
            apart=self.apart,
            asked=self.asked(),
        )
