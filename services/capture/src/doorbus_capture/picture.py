"""What of a camera's picture is sent: turned, mirrored, cropped, and how large. Pure; nothing is copied."""

from dataclasses import dataclass

import numpy as np

from doorbus_capture.sources.source import Image

QUARTER = 90


@dataclass(frozen=True)
class Region:
    """A part of the upright picture: left and upper edge, width and height, each as a fraction 0..1."""

    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Region from `x,y,width,height`; `ValueError` when it is not one that lies in the picture."""
        try:
            x, y, width, height = (float(part) for part in text.split(","))
        except ValueError:
            raise ValueError("give x,y,width,height as four fractions of the picture, such as 0.25,0,0.5,1") from None
        inside = 0 <= x < 1 and 0 <= y < 1 and 0 < width <= 1 - x + _ROUNDING and 0 < height <= 1 - y + _ROUNDING
        if not inside:
            raise ValueError("the region does not lie in the picture: x + width and y + height are at most 1")
        return cls(x, y, width, height)


_ROUNDING = 1e-9


@dataclass(frozen=True)
class View:
    """How the camera is mounted, and what of its picture counts."""

    rotate: int = 0
    """Degrees clockwise, a multiple of 90, that bring the picture upright."""
    mirror: bool = False
    """Swap left and right, after rotating."""
    region: Region = Region()

    def apply(self, image: Image) -> Image:
        """The part that counts, upright, as a view on `image`; at least one pixel."""
        upright = np.rot90(image, -self.rotate // QUARTER)
        if self.mirror:
            upright = upright[:, ::-1]
        height, width = upright.shape[:2]
        left, right = _edges(self.region.x, self.region.width, width)
        top, bottom = _edges(self.region.y, self.region.height, height)
        return upright[top:bottom, left:right]


def fitted(width: int, height: int, most_width: int, most_height: int) -> tuple[int, int]:
    """The largest width and height of the same shape within bounds; never larger than it is, at least 1."""
    scale = min(1.0, most_width / width, most_height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _edges(start: float, length: float, size: int) -> tuple[int, int]:
    first = min(size - 1, round(start * size))
    return first, min(size, max(first + 1, round((start + length) * size)))
