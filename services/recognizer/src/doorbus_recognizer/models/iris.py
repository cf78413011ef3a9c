"""How far eyes are open, by MediaPipe's model of the iris and the contour of the eye.

Ablavatski et al., "Real-time Pupil Tracking from Monocular Video for Digital Puppetry", 2020. The face mesh knows faces
with open eyes and gives closed ones open lids; this model looks at each eye by itself.
"""

import numpy as np

from doorbus_recognizer.faces import Image, Landmarks
from doorbus_recognizer.models.geometry import Points, apply, invert, square_crop
from doorbus_recognizer.models.imaging import mirrored, warp
from doorbus_recognizer.models.runtime import Feed, Runtime

WEIGHTS = "iris_landmark.tflite"
_SIDE = 64
FEED = Feed(WEIGHTS, _SIDE, spread=255)
_AROUND = 2.3
"""Side of the crop over the distance between the corners of the eye, as in MediaPipe's graph."""
_EYES = ((33, 133, False), (362, 263, True))
"""Corners in the mesh, the one further left on the picture first, and whether the model wants that eye mirrored."""
_CONTOUR = 71
_RIM = 15
"""The first points are the rim of the eye: nine of the lower lid from corner to corner, then six of the upper."""
_OUTER, _INNER = 0, 8
_LIDS = tuple(range(2, 7))
"""Points of the lower lid; the point of the upper one across from each comes eight later."""


class EyeLids:
    """Looks at eyes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runner = runtime.load(FEED)

    def openings(self, image: Image, landmarks: Landmarks) -> tuple[float, float]:
        """Height over width of the open part of the right and of the left eye; some 0.2 to 0.3 when they are open."""
        right, left = self.rims(image, landmarks)
        return _opening(right), _opening(left)

    def rims(self, image: Image, landmarks: Landmarks) -> tuple[Points, Points]:
        """The rim of the right and of the left eye, shape (15, 2) in pixels of the picture."""
        right, left = (self._rim(image, landmarks, *eye) for eye in _EYES)
        return right, left

    def _rim(self, image: Image, landmarks: Landmarks, one: int, other: int, mirror: bool) -> Points:  # noqa: FBT001
        start, end = landmarks.points[one, :2], landmarks.points[other, :2]
        across = end - start
        middle = (start + end) / 2
        side = max(float(np.hypot(*across)), 1.0) * _AROUND
        matrix = square_crop((middle[0], middle[1]), side, float(np.arctan2(across[1], across[0])), _SIDE)
        crop = warp(image, matrix, (_SIDE, _SIDE))
        outputs = self._runner.run(mirrored(crop) if mirror else crop)
        contour = next(output for output in outputs if output.size == _CONTOUR * 3)
        rim: Points = contour.reshape(-1, 3)[:_RIM, :2].astype(np.float64)
        if mirror:
            rim[:, 0] = _SIDE - rim[:, 0]
        return apply(invert(matrix), rim)


def _opening(rim: Points) -> float:
    heights = [float(np.hypot(*(rim[low] - rim[low + 8]))) for low in _LIDS]
    return sum(heights) / len(heights) / max(float(np.hypot(*(rim[_INNER] - rim[_OUTER]))), 1e-6)
