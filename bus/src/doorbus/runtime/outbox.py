"""What is to be sent and waits for the connection."""

from collections.abc import Hashable, Iterable, Sequence

from doorbus.wire.packet import Packet


class Outbox:
    """First in, first out, but for what a newer packet of its topic makes worthless.

    That is what is retained, of which only the newest state counts, and QoS 0, where the newest frame does. Beyond
    `keep` packets the oldest that is not retained goes: the newest state of every topic goes out, whatever the storm.
    """

    def __init__(self, keep: int = 1000) -> None:
        self._keep = keep
        self._waiting: dict[Hashable, Packet] = {}
        self.dropped = 0
        """Packets that gave way to newer ones."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, packet: Packet) -> None:
        """Add `packet` at the end."""
        superseding = packet.retain or packet.qos == 0
        key: Hashable = (packet.topic, packet.retain) if superseding else object()
        self.dropped += self._waiting.pop(key, None) is not None
        self._waiting[key] = packet
        if len(self._waiting) > self._keep:
            oldest = next((one for one, waiting in self._waiting.items() if not waiting.retain), None)
            if oldest is not None:
                del self._waiting[oldest]
                self.dropped += 1

    def put_first(self, packets: Sequence[Packet]) -> None:
        """Add `packets` in their order before all others, which are not dropped for them."""
        first = {(one.topic, one.retain) if one.retain or one.qos == 0 else object(): one for one in packets}
        rest = {key: packet for key, packet in self._waiting.items() if key not in first}
        self._waiting = first | rest

    def pop(self) -> Packet:
        """Remove and return the first; `StopIteration` when there is none."""
        return self._waiting.pop(next(iter(self._waiting)))

    def take_all(self) -> Iterable[Packet]:
        """Remove and return all."""
        waiting, self._waiting = self._waiting, {}
        return waiting.values()
