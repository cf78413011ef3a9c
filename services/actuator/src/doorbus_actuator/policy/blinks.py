"""Whether eyelids moved, or a picture with open eyes gave way to one with closed eyes. Pure.

Lids take a tenth of a second and more on their way, and both eyes go it together. A screen changes from one picture to
another within one frame; where one photo is drawn across another, one eye is open while the other is closed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from doorbus.wire.records import dataclass

BETWEEN = (0.2, 0.8)
"""Which part of the way from closed to open counts as on the way."""
LEAST_WAY = 0.1
"""How much of it the lids must be seen to go there."""
LEAST_SECONDS = 0.03
"""How long it must be seen: a frame on which a screen changes shows half of each picture, the next one does not."""
TOGETHER = 0.35
"""By how much one eye may be further open than the other, as a share of how far the person's own are open.

On 49 views with lids half closed it was 0.17 at most; with one eye open and one closed above 0.35 on 76 of 80.
"""


@dataclass(frozen=True, slots=True)
class Eyelids:
    """How far the eyes are open on one frame, as a share of how far the person's own are open."""

    at: datetime
    share: float
    apart: float | None
    """By how much one eye is further open than the other; None is what the recognizer does not say."""


def gradual(seen: Sequence[Eyelids]) -> bool:
    """Whether the lids are seen on their way down or up, by what was seen since the eyes were open and until they were.

    A camera that sends ten frames a second shows it seldom, one with twice as many as a rule.
    """
    deepest = min((one.share for one in seen), default=1.0)
    shut, opened = (deepest + share * (1 - deepest) for share in BETWEEN)
    closed = [index for index, one in enumerate(seen) if one.share <= shut]
    if not closed:
        return False
    ways = (seen[: closed[0]], seen[closed[-1] + 1 :][::-1])
    return any(_moves([one for one in way if shut < one.share < opened], 1 - deepest) for way in ways)


def _moves(between: Sequence[Eyelids], way: float) -> bool:
    """Whether the lids, `between` in the order in which they close, go some of their way together."""
    if len(between) < 2 or not _together(between):  # noqa: PLR2004 (with one frame nothing moves)
        return False
    first, last = between[0], between[-1]
    seconds = abs((last.at - first.at).total_seconds())
    return seconds >= LEAST_SECONDS and first.share - last.share >= LEAST_WAY * way


def _together(between: Iterable[Eyelids]) -> bool:
    return all(one.apart is not None and one.apart <= TOGETHER for one in between)
