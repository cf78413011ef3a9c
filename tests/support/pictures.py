"""Pictures made of pictures, as a camera might have taken them."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from doorbus_capture.imaging import decode, encode_jpeg, resize

Place = tuple[bytes, float, tuple[int, int]]
"""A JPEG, the width of it there, and where its left upper corner lies."""


def scene(places: Sequence[Place], size: tuple[int, int] = (640, 480), blur: float = 0.0) -> bytes:
    """A JPEG of a width and height on which those pictures lie, later ones over earlier, on a grey wall.

    Args:
        places: what lies where; what reaches beyond the edges is cut off.
        size: width and height in pixels.
        blur: standard deviation in pixels of what the lens does to all of it.
    """
    wall: NDArray[np.uint8] = np.full((size[1], size[0], 3), 127, dtype=np.uint8)
    for jpeg, width, (left, top) in places:
        image = decode(jpeg)
        part = resize(image, (round(width), round(width * image.shape[0] / image.shape[1])))
        part = part[: size[1] - top, : size[0] - left]
        wall[top : top + part.shape[0], left : left + part.shape[1]] = part
    seen = cv2.GaussianBlur(wall, (0, 0), blur) if blur else wall
    return encode_jpeg(np.asarray(seen, dtype=np.uint8), 92)
