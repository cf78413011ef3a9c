"""Reads a source in a thread that may hang, and hands the newest picture to the event loop."""

import asyncio
import random
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from doorbus.runtime.clock import Clock
from doorbus.runtime.session import Backoff
from doorbus_capture.sources.source import PictureMissed, Shot, Source, SourceEnded, SourceError

_log = structlog.get_logger("doorbus.capture")

_MOST_HUNG = 4
"""Threads that may hang at the same time; each keeps the memory of its camera's driver."""
_MOST_MISSED_IN_A_ROW = 10
"""Pictures that may be missed one after the other before the source is given up: a second, for most cameras."""
_QUIET_SECONDS = 60.0
"""Missed pictures are logged once in so long."""
_JOIN_SECONDS = 0.3
_CLOSE_SECONDS = 2.0
"""A source that takes longer to close hangs."""


LATELY_SECONDS = 600.0
"""For so long it counts that pictures stopped."""
_BACKOFF = Backoff(first=1.0, longest=30.0)


@dataclass(frozen=True)
class Patience:
    """How long to wait for a source."""

    timeout_seconds: float = 10.0
    """Without a picture for so long the source counts as hung."""
    backoff: Backoff = _BACKOFF
    """Between giving a source up and opening it again."""


class CameraReader:
    """Keeps a source open: one that hangs, ends or fails is left alone and opened anew, ever more patiently.

    A call into a camera driver cannot be interrupted, so a thread that hangs is abandoned; it lets go of its source
    when the call returns after all. Such threads do not keep the process alive, but one may crash an interpreter that
    shuts down around it: see `doorbus.runtime.process`.
    """

    def __init__(
        self,
        make: Callable[[], Source],
        clock: Clock,
        patience: Patience | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._make = make
        self._clock = clock
        self._patience = patience or Patience()
        self._chance = chance
        self._threads: list[_ReadingThread] = []
        self._interval = 0.0
        self._superseded = 0
        self._misses = _Misses(clock)
        self.problem: str | None = None
        """Why there are no pictures at present, for people."""
        self.reopened = 0
        """How often a source was given up."""
        self._lost_at: deque[float] = deque(maxlen=1000)

    def pace(self, fps: float) -> None:
        """How many pictures a second to read from now on; may be called at any time."""
        self._interval = 1.0 / fps

    @property
    def missed(self) -> int:
        """Pictures that could not be had, or were not whole, while the source went on."""
        return self._misses.count

    @property
    def lost_lately(self) -> int:
        """How often pictures stopped of late, after they had come."""
        now = self._clock.monotonic()
        return sum(now - at < LATELY_SECONDS for at in self._lost_at)

    @property
    def superseded(self) -> int:
        """Pictures that were read, but replaced by a newer one before anybody took them."""
        return self._superseded + sum(thread.superseded for thread in self._threads)

    @property
    def hung(self) -> int:
        """Threads that are still in a call of their source although they were told to stop."""
        now = self._clock.monotonic()
        return sum(thread.hangs(now) for thread in self._threads)

    async def shots(self) -> AsyncGenerator[Shot, None]:
        """The newest picture each time one is asked for; waits while the source is away, and for ever once it ended."""
        failures = 0
        while True:
            self._misses.over()
            thread, came = await self._begin(), False
            try:
                while True:
                    shot = await self._next(thread)
                    failures, self.problem, came = 0, None, True
                    yield shot
            except SourceEnded as ended:
                self.problem = str(ended)
                _log.info("source_ended", reason=str(ended))
                await asyncio.Event().wait()
            except SourceError as error:
                self.problem = str(error)
                if came:
                    self._lost_at.append(self._clock.monotonic())
            finally:
                thread.stop()
            delay = self._patience.backoff.delay(failures, self._chance())
            failures += 1
            self.reopened += 1
            _log.warning("source_lost", reason=self.problem, retry_in_s=round(delay, 2), hung=self.hung)
            await asyncio.sleep(delay)

    async def close(self) -> None:
        """Stop reading; waits a moment for the source to be closed, but not for one that hangs."""
        for thread in self._threads:
            thread.stop()
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        until = self._clock.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - self._clock.monotonic()))

    async def _begin(self) -> "_ReadingThread":
        while True:
            for done in [thread for thread in self._threads if not thread.is_alive()]:
                self._superseded += done.superseded
                self._threads.remove(done)
            if len(self._threads) < _MOST_HUNG:
                break
            self.problem = (
                f"{len(self._threads)} attempts to read it hang in the driver; plug it in again or restart this"
            )
            await asyncio.sleep(self._patience.backoff.longest)
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop is closed: a thread that hung has come back too late
                loop.call_soon_threadsafe(wake.set)

        thread = _ReadingThread(self._make, self._clock, lambda: self._interval, wake, tell, misses=self._misses)
        self._threads.append(thread)
        thread.start()
        return thread

    async def _next(self, thread: "_ReadingThread") -> Shot:
        limit = self._patience.timeout_seconds
        try:
            async with asyncio.timeout(limit + self._interval):
                while (shot := thread.take()) is None:
                    await thread.wake.wait()
        except TimeoutError:
            hint = self._misses.reason or "is the camera reachable?"
            raise SourceError(f"no frame within {limit:g} s; {hint}") from None
        return shot


class _Misses:
    """Counts the pictures that were missed, and says so now and then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._in_a_row = 0
        self._unsaid = 0
        self._said_at: float | None = None
        self.count = 0
        self.reason: str | None = None
        """Why the last picture was missed; None when it was not."""

    def note(self, reason: str) -> int:
        """Count one more; how many in a row it makes."""
        self.count += 1
        self._in_a_row += 1
        self._unsaid += 1
        self.reason = reason
        now = self._clock.monotonic()
        if self._said_at is None or now - self._said_at >= _QUIET_SECONDS:
            _log.warning("picture_missed", reason=reason, since_last_told=self._unsaid)
            self._said_at, self._unsaid = now, 0
        return self._in_a_row

    def over(self) -> None:
        """The next picture was had, or the source is opened anew."""
        self._in_a_row, self.reason = 0, None


class _ReadingThread(threading.Thread):
    """Opens one source and reads it until told to stop or until it fails; holds the newest picture."""

    def __init__(
        self,
        make: Callable[[], Source],
        clock: Clock,
        interval: Callable[[], float],
        wake: asyncio.Event,
        tell: Callable[[], None],
        *,
        misses: "_Misses",
    ) -> None:
        super().__init__(name="camera", daemon=True)
        self._make = make
        self._clock = clock
        self._interval = interval
        self._tell = tell
        self._stop_asked = threading.Event()
        self._lock = threading.Lock()
        self._newest: Shot | None = None
        self._error: SourceError | None = None
        self._left_at: float | None = None
        """When it had come out of all calls but that which closes the source."""
        self.wake = wake
        self.superseded = 0
        self._misses = misses

    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop_asked.is_set()

    def stop(self) -> None:
        """Tell it to stop; it does so after the call that it is in."""
        self._stop_asked.set()

    def hangs(self, now: float) -> bool:
        """Whether it was told to stop and does not come out of a call, of the last one (`close`) for a while."""
        if not (self.stopping() and self.is_alive()):
            return False
        with self._lock:
            return self._left_at is None or now - self._left_at >= _CLOSE_SECONDS

    def take(self) -> Shot | None:
        """The newest picture if it was not taken yet; raises the `SourceError` that ended the thread."""
        with self._lock:
            shot, self._newest = self._newest, None
            self.wake.clear()
            if shot is None and self._error is not None:
                raise self._error
            return shot

    def run(self) -> None:
        """Read until told to stop, or until the source fails."""
        error = SourceError("its reader failed; see the log")
        source = self._make()
        try:
            source.open()
            self._read(source)
        except SourceError as reason:
            error = reason
        finally:
            with self._lock:
                self._error = error
                self._left_at = self._clock.monotonic()
            self._tell()
            source.close()

    def _read(self, source: Source) -> None:
        due = self._clock.monotonic()
        while not self.stopping():
            try:
                self._skip(source, due)
                if self.stopping():
                    return
                shot = source.read()
            except PictureMissed as missed:
                if self._misses.note(str(missed)) >= _MOST_MISSED_IN_A_ROW:
                    raise
            else:
                self._misses.over()
                self._hand_over(shot)
            # Keeps to the beat, unless that lies in the past.
            due = max(due + self._interval(), self._clock.monotonic())

    def _skip(self, source: Source, due: float) -> None:
        """Throw pictures away, or wait where none queue up, until the next one is due."""
        while not self.stopping() and (left := due - self._clock.monotonic()) > 0:
            if not source.skip():
                self._stop_asked.wait(left)

    def _hand_over(self, shot: Shot) -> None:
        with self._lock:
            self.superseded += self._newest is not None
            self._newest = shot
        self._tell()
