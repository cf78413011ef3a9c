"""Packets that have arrived and wait to be handled."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from doorbus.runtime.clock import Clock
from doorbus.wire.packet import Packet


@dataclass(frozen=True, slots=True)
class Delivery:
    """A packet and when it arrived, on both clocks."""

    packet: Packet
    at: datetime
    monotonic: float


class Inbox:
    """First in, first out, except that a newer packet takes the place of an unread one of its topic.

    That holds for the topics that `newest_only` names; the place in the row is kept, so that a fast camera cannot push
    a slow one back. All else is kept up to `limit` packets; beyond that the oldest goes, because a late command or
    recognition is worth less than a fresh one.
    """

    def __init__(self, clock: Clock, newest_only: Callable[[str], bool], limit: int = 1024) -> None:
        self._clock = clock
        self._newest_only = newest_only
        self._limit = limit
        self._deliveries: dict[object, Delivery] = {}
        self._wake = asyncio.Event()
        self.superseded = 0
        """Packets replaced by a newer one before they were read."""
        self.overflowed = 0
        """Packets dropped because too many waited."""

    def put(self, packet: Packet) -> None:
        """Add `packet`, in place of an older one where its topic keeps only the newest."""
        delivery = Delivery(packet, self._clock.now(), self._clock.monotonic())
        if self._newest_only(packet.topic):
            self.superseded += packet.topic in self._deliveries
            self._deliveries[packet.topic] = delivery
        else:
            if len(self._deliveries) >= self._limit:
                self._deliveries.pop(next(iter(self._deliveries)))
                self.overflowed += 1
            self._deliveries[object()] = delivery
        self._wake.set()

    async def get(self, until: float | None = None) -> Delivery | None:
        """Remove and return the first packet; None when there was none until the monotonic time `until`."""
        while not self._deliveries:
            if until is not None and self._clock.monotonic() >= until:
                return None
            self._wake.clear()
            timer = None if until is None else self._clock.call_at(until, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        return self._deliveries.pop(next(iter(self._deliveries)))

    def wake(self) -> None:
        """Let `get` look at the time again."""
        self._wake.set()
