"""A source for tests that keeps the rules of a real one and records what was done to it."""

import threading
from collections.abc import Iterable, Iterator
from enum import StrEnum

import numpy as np

from doorbus.runtime.clock import Clock
from doorbus_capture.sources.source import Image, PictureMissed, Shot, SourceEnded, SourceError


class Happening(StrEnum):
    """What a fake camera can do instead of giving a picture."""

    HANG = "hang"
    """Block until `let_go`, as a driver does when the cable is pulled."""
    MISS = "miss"
    """Give a picture that is not whole; the next may be."""
    FAIL = "fail"
    """Lose the connection."""
    END = "end"
    """Be over, for good."""


class FakeSource:
    """Gives the pictures of a script, one at each read or skip; after the last it hangs, like a camera that died.

    Reading before `open`, after `close` or from two threads at once is an error, as with a real camera.
    """

    def __init__(
        self, script: Iterable[Image | Happening], clock: Clock, *, opens: bool = True, hangs: bool = False
    ) -> None:
        self._script: Iterator[Image | Happening] = iter(script)
        self._clock = clock
        self._opens = opens
        self._hangs = hangs
        self._released = threading.Event()
        self._busy = threading.Lock()
        self._open = False
        self.hanging = threading.Event()
        """Set while a call hangs."""
        self.history: list[str] = []
        """The calls so far."""

    def open(self) -> None:
        """Open, fail or hang, as it was told."""
        self.history.append("open")
        if self._hangs:
            self._hang()
        if not self._opens:
            raise SourceError("cannot be opened")
        self._open = True

    def skip(self) -> bool:
        """Throw the next picture away."""
        self.history.append("skip")
        self._next()
        return True

    def read(self) -> Shot:
        """The next picture of the script."""
        self.history.append("read")
        return Shot(self._next(), self._clock.now(), self._clock.monotonic())

    def close(self) -> None:
        """Close; twice is fine."""
        self.history.append("close")
        self._open = False

    def let_go(self) -> None:
        """End all hanging, now and later."""
        self._released.set()

    def _next(self) -> Image:
        if not self._busy.acquire(blocking=False):
            raise AssertionError("read by two threads at once")
        try:
            if not self._open:
                raise SourceError("read while it is not open")
            step = next(self._script, Happening.HANG)
            if not isinstance(step, Happening):
                return step
            if step is Happening.END:
                raise SourceEnded("has ended")
            if step is Happening.MISS:
                raise PictureMissed("a part of it is lost")
            if step is Happening.HANG:
                self._hang()
            raise SourceError("has stopped sending pictures")
        finally:
            self._busy.release()

    def _hang(self) -> None:
        self.hanging.set()
        self._released.wait()
        self.hanging.clear()


def plain(level: int, width: int = 64, height: int = 48) -> Image:
    """A picture of one grey level."""
    return np.full((height, width, 3), level, dtype=np.uint8)
