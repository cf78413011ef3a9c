"""When what an input reads counts: not before it has been the same for a while. Pure."""

import math
from dataclasses import replace

from doorbus.wire.records import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One input. Times are monotonic seconds."""

    on: bool | None = None
    """What counts; None before there was anything."""
    read: bool | None = None
    """What was read last."""
    since: float = -math.inf
    """When it began to be read, or when the button was pressed last."""


def read(line: Line, now: float, *, on: bool) -> Line:
    """Take note of what is read now."""
    return line if line.read is on else replace(line, read=on, since=now)


def due(line: Line, seconds: float) -> float:
    """When what is read counts."""
    return math.inf if line.read is line.on else line.since + seconds


def settled(line: Line, seconds: float, now: float) -> Line:
    """What counts now."""
    return replace(line, on=line.read) if now >= due(line, seconds) else line


def pressed(line: Line, seconds: float, now: float) -> Line | None:
    """A button that says only that it was pressed: None when that is the same press still."""
    return Line(line.on, line.read, now) if now >= line.since + seconds else None
