"""How long somebody who gives wrong passwords has to wait. Pure; `now` is monotonic seconds."""

from collections.abc import Hashable
from dataclasses import dataclass

FREE = 5
"""Failures that cost nothing: people mistype."""
LONGEST_SECONDS = 300.0
FORGOTTEN_SECONDS = 3600.0
MOST = 10_000
"""Keys that are remembered; the one that failed longest ago goes first."""


@dataclass(frozen=True)
class _Record:
    failures: int
    last: float


class Throttle:
    """Counts failures by key, such as an account or an address; the wait doubles with each beyond the free ones."""

    def __init__(self) -> None:
        self._records: dict[Hashable, _Record] = {}

    def wait(self, now: float, *keys: Hashable) -> float:
        """Seconds until the next try of whoever has these keys; 0 when it may be now."""
        return max((self._wait(self._records.get(key), now) for key in keys), default=0.0)

    def failed(self, now: float, *keys: Hashable) -> None:
        """Note one failure."""
        for key in keys:
            known = self._records.pop(key, None)
            stale = known is None or now - known.last > FORGOTTEN_SECONDS
            self._records[key] = _Record(1 if stale or known is None else known.failures + 1, now)
            while len(self._records) > MOST:
                del self._records[next(iter(self._records))]

    def succeeded(self, *keys: Hashable) -> None:
        """Forget the failures of these keys."""
        for key in keys:
            self._records.pop(key, None)

    def _wait(self, record: _Record | None, now: float) -> float:
        if record is None or record.failures < FREE or now - record.last > FORGOTTEN_SECONDS:
            return 0.0
        pause = min(LONGEST_SECONDS, 2.0 ** min(record.failures - FREE, 16))
        return max(0.0, record.last + pause - now)
