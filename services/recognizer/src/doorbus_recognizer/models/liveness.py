"""Passive liveness: tells a face in front of the camera from a print or a screen, on one picture.

A MiniFASNet of the Silent-Face-Anti-Spoofing family. It looks for the border of a print or a screen in what surrounds
the face, and says little where that does not show: a filter and no defence.
"""

import numpy as np

from doorbus_recognizer.faces import Box, Image
from doorbus_recognizer.models.imaging import lit, shrink
from doorbus_recognizer.models.runtime import Feed, Runtime

WEIGHTS = "fr_liveness.onnx"
_SIDE = 128
FEED = Feed(WEIGHTS, _SIDE, planar=True)
_CONTEXT = 2.7
"""Side of the crop over the side of the face box that the model was trained with."""
_LEVEL, _MOST_GAIN = 90.0, 3.0
"""In the dark the model takes faces for prints: the crop is brightened to this mean, by so many times at most.

Of 68 pictures of 7 people, with a sensor's noise, it then takes 0.79 to 0.97 of those at a third or a fifth of the
light for live, and not 0.29 to 0.97. Of prints and screens whose edges show it takes as many as before at a third of
the light, and up to 0.4 instead of 0.06 of small ones at a fifth.
"""
_LIVE = 0
"""Index of the class `live` in the output."""


class PassiveLiveness:
    """Judges one face."""

    def __init__(self, runtime: Runtime) -> None:
        self._runner = runtime.load(FEED)

    def live(self, image: Image, box: Box) -> float:
        """Probability 0..1 that the face in the box is a live one."""
        left, top, right, bottom = surroundings(box, image.shape[1], image.shape[0])
        crop = lit(shrink(image[top:bottom, left:right], (_SIDE, _SIDE)), _LEVEL, _MOST_GAIN)
        logits = self._runner.run(crop)[0][0].astype(np.float64)
        odds = np.exp(logits - logits.max())
        return float(odds[_LIVE] / odds.sum())


def surroundings(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """The crop that the model wants: the box grown about its centre, made smaller and shifted to lie in the picture.

    Args:
        box: of the face.
        width: of the picture.
        height: of the picture.

    Returns:
        Left, upper, right and lower edge; never empty.
    """
    x, y, w, h = box
    w, h = max(w, 1.0), max(h, 1.0)
    growth = min(_CONTEXT, (width - 1) / w, (height - 1) / h)
    half_width, half_height = w * growth / 2, h * growth / 2
    centre_x = min(max(x + w / 2, half_width), width - half_width)
    centre_y = min(max(y + h / 2, half_height), height - half_height)
    left = min(max(0, int(centre_x - half_width)), width - 1)
    top = min(max(0, int(centre_y - half_height)), height - 1)
    right, bottom = int(centre_x + half_width) + 1, int(centre_y + half_height) + 1
    return left, top, min(width, max(left + 1, right)), min(height, max(top + 1, bottom))
