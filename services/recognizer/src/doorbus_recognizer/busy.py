"""How busy a recognizer was of late: what an autoscaler goes by. Pure."""

from collections import deque

WINDOW_SECONDS = 10.0
"""How far back it looks: long enough to be steady, short enough for an autoscaler that asks every 15 s."""


class Busy:
    """Follows when the lanes were at work; times are monotonic seconds, `now` is when it begins to look."""

    def __init__(self, lanes: int, now: float) -> None:
        self._lanes = lanes
        self._since = now
        self._spans: deque[tuple[float, float]] = deque()

    def note(self, began: float, ended: float) -> None:
        """One lane was at work from `began` to `ended`."""
        self._spans.append((began, ended))
        while self._spans[0][1] < ended - WINDOW_SECONDS:
            self._spans.popleft()

    def fraction(self, now: float) -> float:
        """Which part of the lanes' time went into pictures, 0 to 1, over the last 10 s or since the beginning."""
        start = max(self._since, now - WINDOW_SECONDS)
        if now <= start:
            return 0.0
        worked = sum(ended - max(began, start) for began, ended in self._spans if ended > start)
        return min(1.0, worked / (self._lanes * (now - start)))
