"""What a packet that arrives is: for which subscription, with which ids, and whether it may go on. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from doorbus.wire.channels import Channel, Retain
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Arrived, Subscription
from doorbus.wire.packet import Packet
from doorbus.wire.records import dataclass
from doorbus.wire.topics import Directory, Topics

_NO_RETAINED = frozenset({Retain.REFUSED, Retain.REPLAY_REFUSED})


@dataclass(frozen=True, slots=True)
class Delivery:
    """A packet and the subscription that it is for, or, with ids that nobody asked for, would be."""

    arrived: Arrived[Any]
    subscription: Subscription[Any]


class Arrivals:
    """Reads the topic of each packet once. `doubt` is how many seconds late nobody can tell from in time."""

    def __init__(self, topics: Topics, subscriptions: Sequence[Subscription[Any]], doubt: float) -> None:
        self._topics = topics
        self._doubt = doubt
        self._subscriptions: dict[str, list[Subscription[Any]]] = {}
        for one in subscriptions:
            self._subscriptions.setdefault(one.channel.name, []).append(one)
        self._directory = Directory(topics, (of[0].channel for of in self._subscriptions.values()))

    def read(self, packet: Packet, at: datetime, at_monotonic: float) -> Delivery | None:
        """Whom `packet` is for; None when no subscription has a topic of its shape."""
        found = self._directory.resolve(packet.topic)
        if found is None:
            return None
        reply_ids = self._reply_ids(found.channel, packet.response_topic)
        arrived = Arrived(found.channel, found.ids, packet, at, at_monotonic, reply_ids)
        candidates = self._subscriptions[found.channel.name]
        return Delivery(arrived, next((one for one in candidates if one.wants(found.ids)), candidates[0]))

    def check(self, delivery: Delivery, way: float | None) -> None:
        """Raise `Refused` for what topic, age, flag or size forbid, whatever the payload says.

        `way` is how many seconds the packet may have been on its way at most; None when nobody knows.
        """
        arrived, channel = delivery.arrived, delivery.arrived.channel
        if not arrived.valid:
            raise Refused(Refusal.BAD_ID, "an id in the topic is no slug")
        if not delivery.subscription.wants(arrived.ids):
            wanted = ", ".join(f"{name} {value}" for name, value in delivery.subscription.ids.items())
            raise Refused(Refusal.UNEXPECTED, f"only {wanted} is listened to")
        if way is not None and channel.expiry is not None and way > self._doubt + channel.expiry:
            raise Refused(Refusal.STALE, f"the connection stood still: it may have been under way for {way:.1f} s")
        if arrived.packet.retain and channel.retain in _NO_RETAINED:
            raise Refused(Refusal.RETAINED, "sent with the retain flag; send it without")
        if arrived.packet.excess:
            raise Refused(Refusal.BAD_METADATA, f"{arrived.packet.excess} bytes of MQTT properties are too much")
        size = len(arrived.packet.payload)
        if size > channel.max_bytes:
            raise Refused(Refusal.TOO_LARGE, f"{size} bytes, at most {channel.max_bytes} are taken")

    def _reply_ids(self, channel: Channel[Any], response_topic: str | None) -> Mapping[str, str] | None:
        if channel.reply is None or response_topic is None:
            return None
        found = Directory(self._topics, (channel.reply,)).resolve(response_topic)
        return found.ids if found is not None and found.valid else None
