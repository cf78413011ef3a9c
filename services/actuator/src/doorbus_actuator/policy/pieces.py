"""Whether a face that turns is of one piece, or one picture is drawn across another. Pure.

A head that turns loses likeness to its template slowly, a few hundredths of it in the first ten degrees, and each part
of it tells the same pose. A face of two pictures resembles nobody as soon as the seam has reached it, and the part of
the one tells another pose than the part of the other.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from doorbus_actuator.policy.glances import Glance


@dataclass(frozen=True, slots=True)
class Loss:
    """What a turn may cost: so much at once, and so much for each degree and each square degree."""

    at_once: float
    a_degree: float = 0.0
    a_square: float = 0.0

    def of(self, degrees: float) -> float:
        """For a turn by so many degrees, to either side."""
        return self.at_once + self.a_degree * abs(degrees) + self.a_square * degrees**2


# Set so that a turn of all but one of 20 pictures of 8 people, moved as heads turn, stays below each on all its frames;
# 99 of 100 of their frames at 14 to 18 degrees lose at most 0.26 of the similarity, and 10 and 12 degrees.
UNLIKE = Loss(0.04, a_square=0.0012)
"""Of the similarity, as a share of what it is to the front."""
SMALLER = Loss(0.06, a_square=0.00025)
"""Of the distance between the eyes, as a share: a turned head's is as much shorter as the cosine of its turn."""
SIDES = Loss(5.0, a_degree=0.4)
"""By how many degrees the sides of a face may tell another pose than they do to the front."""
ENDS = Loss(4.0, a_degree=0.6)
"""The same of what is above and below."""
LEAST = 1e-6


def median(values: Iterable[float]) -> float:
    """The middle one."""
    import statistics  # noqa: PLC0415  # large, and at most doors nothing is asked

    return statistics.median(values)


def comparable(one: Glance, other: Glance) -> bool:
    """Whether both say what their parts tell, or neither: a recognizer looks once it has heard of the challenge."""
    return (one.sides_apart is None) == (other.sides_apart is None)


def of_one_piece(home: Sequence[Glance], glance: Glance, degrees: float) -> bool:
    """Whether it is the whole face of `home` that is turned by so many degrees; what is not said is not asked."""

    def gain(figure: Callable[[Glance], float | None], *, relative: bool = False) -> float:
        said, now = [one for one in map(figure, home) if one is not None], figure(glance)
        if not said or now is None:
            return 0.0
        front = median(said)
        return (now - front) / max(front, LEAST) if relative else now - front

    unlike = max(0.0, -gain(lambda one: one.similarity, relative=True)) / UNLIKE.of(degrees)
    smaller = -gain(lambda one: one.size, relative=True) / SMALLER.of(degrees)
    sides = abs(gain(lambda one: one.sides_apart)) / SIDES.of(degrees)
    ends = abs(gain(lambda one: one.ends_apart)) / ENDS.of(degrees)
    # A seam at the side shows in both of the first: a face that takes most of the one may not take much of the other.
    return math.hypot(unlike, sides) <= 1 and max(smaller, ends) <= 1
