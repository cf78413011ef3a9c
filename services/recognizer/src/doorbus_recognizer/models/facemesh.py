"""The face mesh of MediaPipe: 468 points in three dimensions on a face that a detector found.

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019.
"""

import numpy as np

from doorbus_recognizer.faces import Detection, Image, Landmarks
from doorbus_recognizer.models.geometry import apply, invert, scale_of, square_crop
from doorbus_recognizer.models.imaging import warp
from doorbus_recognizer.models.runtime import Feed, Runtime

WEIGHTS = "face_landmark.tflite"
_SIDE = 192
FEED = Feed(WEIGHTS, _SIDE, spread=255)
_MARGIN = 1.5
"""Side of the crop over the longer side of the box, as in MediaPipe's graph."""


class FaceMesh:
    """Puts the mesh on a face."""

    def __init__(self, runtime: Runtime) -> None:
        self._runner = runtime.load(FEED)

    def locate(self, image: Image, detection: Detection) -> Landmarks:
        """The mesh of a detected face; of an upright crop where the detector gives no eyes."""
        left, top, width, height = detection.box
        angle = 0.0
        if detection.right_eye is not None and detection.left_eye is not None:
            (right_x, right_y), (left_x, left_y) = detection.right_eye, detection.left_eye
            angle = float(np.arctan2(left_y - right_y, left_x - right_x))
        centre = (left + width / 2, top + height / 2)
        matrix = square_crop(centre, max(width, height, 1.0) * _MARGIN, angle, _SIDE)
        points, logit = self._runner.run(warp(image, matrix, (_SIDE, _SIDE)))
        mesh = points.reshape(-1, 3).astype(np.float64)
        back = invert(matrix)
        mesh[:, :2] = apply(back, mesh[:, :2])
        mesh[:, 2] *= scale_of(back)
        return Landmarks(points=mesh, score=float(1 / (1 + np.exp(-np.clip(logit.item(), -80, 80)))))
