"""How busy a recognizer was of late, which an autoscaler goes by, and whether it hangs. Pure."""

from collections import deque
from itertools import count

WINDOW_SECONDS = 10.0
"""How far back it looks: long enough to be steady, short enough for an autoscaler that asks every 15 s."""


class Busy:
    """Follows when the lanes are at work; times are monotonic seconds, `now` is when it begins to look."""

    def __init__(self, lanes: int, now: float) -> None:
        self._lanes = lanes
        self._since = now
        self._spans: deque[tuple[float, float]] = deque()
        self._under_way: dict[int, float] = {}
        self._tickets = count()

    def begin(self, now: float) -> int:
        """One lane goes to work; what to call `end` with."""
        ticket = next(self._tickets)
        self._under_way[ticket] = now
        return ticket

    def end(self, ticket: int, now: float) -> None:
        """That lane is done."""
        self._spans.append((self._under_way.pop(ticket), now))
        while self._spans[0][1] < now - WINDOW_SECONDS:
            self._spans.popleft()

    def longest(self, now: float) -> float:
        """How many seconds the oldest work under way has taken so far; 0 when there is none."""
        return now - min(self._under_way.values(), default=now)

    def fraction(self, now: float) -> float:
        """Which part of the lanes' time went into pictures, 0 to 1, over the last 10 s or since the beginning."""
        start = max(self._since, now - WINDOW_SECONDS)
        if now <= start:
            return 0.0
        spans = [*self._spans, *((began, now) for began in self._under_way.values())]
        worked = sum(ended - max(began, start) for began, ended in spans if ended > start)
        return min(1.0, worked / (self._lanes * (now - start)))
