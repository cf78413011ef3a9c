"""Pictures of those who were recognised: which part of a frame, how large, and how often. Pure."""

from dataclasses import dataclass, field

from doorbus_recognizer.faces import Box

PACE_SECONDS = 1.0
"""Least time between two portraits of a camera: whoever stands there is on ten frames a second."""
MAX_SIDE = 512
"""Width and height of a portrait in pixels at most."""
_AROUND = 0.25
"""What is shown on each side of the detector's box, which ends at brows and chin, as a share of its size."""


@dataclass(frozen=True)
class Crop:
    """A part of a picture, in whole pixels, and the size it is shown in."""

    left: int
    upper: int
    right: int
    lower: int
    size: tuple[int, int]
    """Width and height."""


def around(box: Box, width: int, height: int) -> Crop | None:
    """The part with the face in `box` of a picture of `width` times `height`; None where the face lies beside it."""
    left, upper, wide, high = box
    edges = (left - wide * _AROUND, upper - high * _AROUND, left + wide * (1 + _AROUND), upper + high * (1 + _AROUND))
    x, right = (min(max(round(edge), 0), width) for edge in (edges[0], edges[2]))
    y, lower = (min(max(round(edge), 0), height) for edge in (edges[1], edges[3]))
    if right <= x or lower <= y:
        return None
    scale = min(1.0, MAX_SIDE / max(right - x, lower - y))
    size = (max(1, round((right - x) * scale)), max(1, round((lower - y) * scale)))
    return Crop(x, y, right, lower, size)


@dataclass
class Pace:
    """Of which camera something was sent lately: each gets one in so many seconds of this replica."""

    _sent: dict[tuple[str, str], float] = field(default_factory=dict)

    def due(self, camera: tuple[str, str], now: float) -> bool:
        """Whether `camera` (door and camera) gets a portrait at the monotonic time `now`; then it has got one."""
        self._sent = {other: at for other, at in self._sent.items() if now - at < PACE_SECONDS}
        if camera in self._sent:
            return False
        self._sent[camera] = now
        return True
