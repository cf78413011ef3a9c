"""Where the marks of a plot stand. Pure."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from doorbus.wire.messages import Decision, Outcome
from doorbus_console.scene import Happening

DAY = timedelta(hours=24)
WIDTH, HEIGHT = 960, 120
LANE = 24
"""Height of one person's row."""
_MOST_LANES = 10
_STAGES = (100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0)


@dataclass(frozen=True)
class Mark:
    """A dot, and whether somebody was let in."""

    x: float
    y: float
    granted: bool


@dataclass(frozen=True)
class Day:
    """What was decided within a day until `until`: who when, how sure, and how fast from frame to relay."""

    until: datetime
    lanes: tuple[str, ...]
    """Whom the rows are about, the most seen first; an id, or nothing for unknown people."""
    who: tuple[Mark, ...]
    sure: tuple[Mark, ...]
    fast: tuple[Mark, ...]
    slowest_ms: float
    """What the top of `fast` stands for."""
    granted: int
    refused: int
    usual_ms: float | None
    """The median from frame to relay."""

    @property
    def height(self) -> int:
        """Of all rows."""
        return LANE * max(1, len(self.lanes))


def day_of(happenings: Iterable[Happening], until: datetime) -> Day:
    """The plot of what happened in the day before `until`."""
    decisions = [one.decision for one in happenings if until - DAY < one.decision.at <= until]
    counted = Counter(one.person or "" for one in decisions)
    lanes = tuple(person for person, _ in sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:_MOST_LANES])
    took = [one.latency_ms for one in decisions if one.latency_ms is not None and one.outcome is Outcome.GRANTED]
    slowest = next((stage for stage in _STAGES if stage >= max(took, default=0.0)), max(took, default=0.0))

    def marks(height: Callable[[Decision], float | None]) -> tuple[Mark, ...]:
        found = ((one, height(one)) for one in decisions)
        return tuple(
            Mark(round(WIDTH * (1 - (until - one.at) / DAY), 1), round(y, 1), one.outcome is Outcome.GRANTED)
            for one, y in found
            if y is not None
        )

    return Day(
        until=until,
        lanes=lanes,
        who=marks(
            lambda one: None if (one.person or "") not in lanes else LANE * (lanes.index(one.person or "") + 0.5)
        ),
        sure=marks(lambda one: None if one.confidence is None else HEIGHT * (1 - one.confidence)),
        fast=marks(
            lambda one: (
                None
                if one.latency_ms is None or one.outcome is not Outcome.GRANTED
                else HEIGHT * (1 - one.latency_ms / slowest)
            )
        ),
        slowest_ms=slowest,
        granted=sum(one.count for one in decisions if one.outcome is Outcome.GRANTED),
        refused=sum(one.count for one in decisions if one.outcome is not Outcome.GRANTED),
        usual_ms=statistics.median(took) if took else None,
    )


def dots(marks: Iterable[Mark], *, granted: bool) -> str:
    """Those of one kind as one path, which round ends of its strokes make dots: a day has thousands of them."""
    return "".join(dict.fromkeys(f"M{mark.x:.0f} {mark.y:.0f}h0" for mark in marks if mark.granted is granted))


def lines(history: Sequence[tuple[datetime, Mapping[str, float]]]) -> dict[str, str]:
    """For each figure that moved, the points of its line in a box of 100 by 20; no more than it is wide."""
    history = history[:: -(-len(history) // 100)] if len(history) > 100 else history  # noqa: PLR2004  # as above
    if len(history) < 2:  # noqa: PLR2004  # a line has two ends
        return {}
    begin, end = history[0][0], history[-1][0]
    found = {}
    for name in history[-1][1]:
        values = [(at, figures[name]) for at, figures in history if name in figures]
        least, most = min(value for _, value in values), max(value for _, value in values)
        if most > least and end > begin:
            points = (
                (100 * ((at - begin) / (end - begin)), 20 * (most - value) / (most - least)) for at, value in values
            )
            found[name] = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return found
