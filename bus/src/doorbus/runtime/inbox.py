"""What has arrived and waits to be handled."""

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

from doorbus.runtime.clock import Clock

T = TypeVar("T")


class Inbox(Generic[T]):
    """First in, first out, except that what comes with a key takes the place of what waits with the same.

    The place in the row is kept, so that a fast camera cannot push a slow one back. All else is kept up to `limit`
    items; beyond that the oldest goes, because a late command or recognition is worth less than a fresh one.
    """

    def __init__(self, clock: Clock, limit: int = 1024) -> None:
        self._clock = clock
        self._limit = limit
        self._waiting: dict[Hashable, T] = {}
        self._wake = asyncio.Event()
        self.superseded = 0
        """Replaced by a newer one before they were read."""
        self.overflowed = 0
        """Dropped because too many waited."""

    def put(self, item: T, key: Hashable = None) -> None:
        """Add `item`, with a `key` in place of the one before."""
        if key is not None:
            self.superseded += key in self._waiting
            self._waiting[key] = item
        else:
            if len(self._waiting) >= self._limit:
                self._waiting.pop(next(iter(self._waiting)))
                self.overflowed += 1
            self._waiting[object()] = item
        self._wake.set()

    async def get(self, until: float | None = None) -> T | None:
        """Remove and return the first; None when there was none until the monotonic time `until`."""
        while not self._waiting:
            if until is not None and self._clock.monotonic() >= until:
                return None
            self._wake.clear()
            timer = None if until is None else self._clock.call_at(until, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        return self._waiting.pop(next(iter(self._waiting)))
