"""What has arrived and waits to be handled."""

import asyncio
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from doorbus.runtime.clock import Clock
from doorbus.wire.channels import MIB
from doorbus.wire.exchange import Rank
from doorbus.wire.records import dataclass

T = TypeVar("T")

LIMITS = {Rank.LOCK: 64, Rank.UNLOCK: 64, Rank.REST: 1024, Rank.LATER: 256}
"""How many items of each rank may wait."""
TURNS = 4
"""Of so many turns one is for what may wait, while something else waits, too."""
MAX_BYTES = 64 * MIB
"""How many bytes may wait, all ranks together: eight pictures of the greatest size."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T]):
    item: T
    size: int


class Inbox(Generic[T]):
    """Rank by rank; in a rank first in, first out, but what comes with a key takes the place of what waits with it.

    What may wait gets one of `TURNS`, so that neither a flood of it nor one of the rest keeps the other out.

    The place in the row is kept, so that a fast camera cannot push a slow one back. Beyond the limits the oldest of the
    rank goes, and for want of bytes the oldest of the last rank: a late command or recognition is worth less than a
    fresh one, and a storm of one kind must not push the others out.
    """

    def __init__(self, clock: Clock, limits: Mapping[Rank, int] = LIMITS, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._limits = limits
        self._max_bytes = max_bytes
        self._rows: dict[Rank, dict[Hashable, _Waiting[T]]] = {rank: {} for rank in Rank}
        self._bytes = 0
        self._turn = 0
        self._wake = asyncio.Event()
        self.superseded = 0
        """Replaced by a newer one before they were read."""
        self.overflowed = 0
        """Dropped because too many waited."""

    def put(self, item: T, key: Hashable = None, *, rank: Rank = Rank.REST, size: int = 0) -> list[T]:
        """Add `item` of `size` bytes, with a `key` in place of the one before; returns what had to go for it."""
        row = self._rows[rank]
        before = row.get(key) if key is not None else None
        if before is not None:
            self.superseded += 1
            self._bytes -= before.size
        row[object() if key is None else key] = _Waiting(item, size)
        self._bytes += size
        self._wake.set()
        gone = []
        while len(row) > self._limits[rank]:
            gone.append(self._pop(rank))
        while self._bytes > self._max_bytes and self._count() > 1:
            gone.append(self._pop(next(rank for rank in reversed(Rank) if self._rows[rank])))
        self.overflowed += len(gone)
        return gone

    async def get(self, until: float | None = None) -> T | None:
        """Remove and return the first; None when there was none until the monotonic time `until`."""
        while not self._count():
            if until is not None and self._clock.monotonic() >= until:
                return None
            self._wake.clear()
            timer = None if until is None else self._clock.call_at(until, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        return self._pop(self._next())

    def _next(self) -> Rank:
        first = next(rank for rank in Rank if self._rows[rank])
        if first is not Rank.REST or not self._rows[Rank.LATER]:
            return first
        self._turn = (self._turn + 1) % TURNS
        return Rank.REST if self._turn else Rank.LATER

    def _count(self) -> int:
        return sum(map(len, self._rows.values()))

    def _pop(self, rank: Rank) -> T:
        row = self._rows[rank]
        waiting = row.pop(next(iter(row)))
        self._bytes -= waiting.size
        return waiting.item
