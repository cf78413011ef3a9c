"""A threshold by trying: how sure the door was of those it knows, and what to ask of it then. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from doorbus.wire.messages import Face, Verdict

KEPT = 60
"""How many faces are looked back at: half a minute before one camera."""
ENOUGH = 10
"""Faces that must have been seen before anything is advised."""
LEAST = 0.6
"""Less is never advised: 0.5 already stands for one wrong comparison in 1,000."""
ROOM = 0.05
"""How far below those who are to pass, and above those who are not, a threshold stands."""
_PASS = 0.9
"""This share of the tries is to pass: a few frames more open a moment later."""


@dataclass(frozen=True)
class Tries:
    """How sure the recognizers were of the last faces, oldest first: of people they know, and of others."""

    known: tuple[float, ...] = ()
    strangers: tuple[float, ...] = ()

    def seen(self, faces: Iterable[Face]) -> "Tries":
        """These and the faces of one frame."""
        known = [face.confidence for face in faces if face.verdict is Verdict.MATCH]
        strangers = [face.confidence for face in faces if face.verdict is not Verdict.MATCH]
        return replace(self, known=(*self.known, *known)[-KEPT:], strangers=(*self.strangers, *strangers)[-KEPT:])

    @property
    def enough(self) -> bool:
        """Whether something can be advised."""
        return len(self.known) >= ENOUGH

    def passing(self, threshold: float) -> int:
        """How many of those who are known would pass."""
        return sum(one >= threshold for one in self.known)

    def strangers_passing(self, threshold: float) -> int:
        """How many of the others were as sure as that."""
        return sum(one >= threshold for one in self.strangers)

    def advised(self, threshold: float) -> float | None:
        """What to ask, where `threshold` is asked now; that itself where it does. None while too little was seen."""
        if not self.enough:
            return None
        floor = max(LEAST, max(self.strangers, default=0.0) + ROOM)
        usual = sorted(self.known)[int(len(self.known) * (1 - _PASS))]
        if threshold >= floor and threshold <= max(usual, floor):
            return threshold
        return round(min(1.0, max(floor, usual - ROOM if threshold > usual else floor)), 2)
