"""What single frames show of a person under trial, and whether two of them show one and the same motion. Pure.

A head moves in no time from nowhere to nowhere: between two frames of a camera pose, size, place and likeness change by
what the time between them allows. Pictures that are swapped do not keep to that.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Self

from doorbus.wire.messages import Face
from doorbus.wire.records import dataclass
from doorbus_actuator.policy.quality import size_of

SHORTEST_BREAK = 0.3
LONGEST_BREAK = 1.0
FRAMES_LOST = 2.5
"""A face that was not seen for so many frames of its camera, and so many seconds, may be another one afterwards."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One frame of the person. Degrees, and pixels of the frame; None is what the recognizer does not say."""

    at: datetime
    votes: bool
    """Whether the face was seen well enough to be a vote."""
    centre: tuple[float, float]
    size: float
    yaw: float | None
    pitch: float | None
    roll: float | None
    aspect: float | None
    lids: float | None
    lids_apart: float | None
    sides_apart: float | None
    ends_apart: float | None
    similarity: float | None

    @classmethod
    def of(cls, face: Face, at: datetime, *, votes: bool) -> Self:
        """The glance at a face on the frame captured `at`."""
        left, upper, width, height = face.box
        return cls(
            at=at,
            votes=votes,
            centre=(left + width / 2, upper + height / 2),
            size=max(size_of(face), 1.0),
            yaw=face.yaw,
            pitch=face.pitch,
            roll=face.roll,
            aspect=face.aspect,
            lids=face.lids,
            lids_apart=face.lids_apart,
            sides_apart=face.sides_apart,
            ends_apart=face.ends_apart,
            similarity=face.similarity,
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """By how much something may change between two frames: so much at once, and so much a second."""

    at_once: float
    a_second: float

    def allows(self, one: float | None, other: float | None, seconds: float) -> bool:
        """Whether it may have become the other in this time; what is not said is not asked."""
        return one is None or other is None or abs(other - one) <= self.at_once + self.a_second * seconds


TURNING = Pace(4.0, 90.0)
"""Yaw, in degrees: a head that turns by 60 in a second is at its fastest halfway."""
NODDING = Pace(7.0, 90.0)
TILTING = Pace(4.0, 60.0)
GROWING = Pace(0.05, 0.5)
"""The size, as a share of what it was."""
MOVING = Pace(0.12, 2.5)
"""The place on the frame, in sizes of the face: 9 cm."""
RESEMBLING = Pace(0.08, 0.7)
"""The similarity to the person's own template."""


def continuous(before: Glance, after: Glance, longest: float) -> bool:
    """Whether both may be of the same head in motion; `longest` is how many seconds may be between them."""
    seconds = (after.at - before.at).total_seconds()
    moved = max(abs(a - b) for a, b in zip(after.centre, before.centre, strict=True)) / before.size
    return (
        0 < seconds <= longest
        and TURNING.allows(before.yaw, after.yaw, seconds)
        and NODDING.allows(before.pitch, after.pitch, seconds)
        and TILTING.allows(before.roll, after.roll, seconds)
        and GROWING.allows(1.0, after.size / before.size, seconds)
        and MOVING.allows(0.0, moved, seconds)
        and RESEMBLING.allows(before.similarity, after.similarity, seconds)
    )


def longest_break(seen: Sequence[Glance]) -> float:
    """How many seconds a face may be out of sight, at the rate at which its camera has shown it so far."""
    steps = [(after.at - before.at).total_seconds() for before, after in pairwise(seen)]
    return min(LONGEST_BREAK, max(SHORTEST_BREAK, FRAMES_LOST * max(steps, default=LONGEST_BREAK)))
