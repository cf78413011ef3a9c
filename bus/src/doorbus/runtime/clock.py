"""Time as it is passed to everything that needs it."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Call it off."""
        ...


class Clock(Protocol):
    """The time of day, for what crosses the wire, and monotonic time, for how long something takes."""

    def now(self) -> datetime:
        """Time of day in UTC; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, from any start."""
        ...

    def call_at(self, monotonic: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` on the event loop once `monotonic` is reached."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Time of day in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()

    def call_at(self, monotonic: float, callback: Callable[[], object]) -> Timer:
        """A timer of the running event loop."""
        return asyncio.get_running_loop().call_later(max(0.0, monotonic - time.monotonic()), callback)
