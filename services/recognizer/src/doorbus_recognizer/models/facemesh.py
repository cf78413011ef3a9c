"""The face mesh of MediaPipe: 468 points in three dimensions on a face that a detector found.

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019.
"""

from dataclasses import replace

import numpy as np

from doorbus_recognizer.faces import Detection, Image, Landmarks, eyes_apart, pose_of
from doorbus_recognizer.models.geometry import Matrix, apply, invert, scale_of, square_crop
from doorbus_recognizer.models.imaging import warp
from doorbus_recognizer.models.runtime import Feed, Runtime

WEIGHTS = "face_landmark.tflite"
_SIDE = 192
FEED = Feed(WEIGHTS, _SIDE, spread=255)
_MARGIN = 1.5
"""Side of the crop over the longer side of the box, as in MediaPipe's graph."""
_EYES_APART, _FAR_APART, _CERTAIN = 0.06, 0.12, 0.99999
"""Where the eyes of detector and mesh are so far apart it may be another face than the mesh takes it for: from the
first figure on where the mesh's score is below the third, from the second on whatever that is.

Of 280 upright faces (within 20 degrees) that is a fifth, of 264 upside down (turned by 165 to 195 degrees) all but 6.
"""
_BESIDE, _BELOW = 0.25, 0.35
"""How much of the face is covered at a side, and above or below, as a share of its width and height."""
_COVER = 127
"""Level of what covers it."""


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
        landmarks = self._fitted(image, square_crop(centre, max(width, height, 1.0) * _MARGIN, angle, _SIDE))
        apart = _EYES_APART if landmarks.score < _CERTAIN else _FAR_APART
        if eyes_apart(detection, landmarks) > apart and self._upside_down(image, landmarks):
            return replace(landmarks, score=0.0)
        return landmarks

    def apart(self, image: Image, landmarks: Landmarks) -> tuple[float, float]:
        """By how many degrees the yaw of the face differs without one part of it and without the part across from it.

        First of left and right on the picture, then of above and below. Of one head it is much the same however it
        turns; where one picture is drawn across another, each part tells the pose of the picture that it belongs to.
        """
        matrix = self._around(landmarks, np.radians(pose_of(landmarks).roll))
        crop = warp(image, matrix, (_SIDE, _SIDE))
        mesh = apply(matrix, landmarks.points[:, :2])
        (left, top), (right, bottom) = mesh.min(axis=0), mesh.max(axis=0)
        aside, along = _BESIDE * (right - left), _BELOW * (bottom - top)
        whole = slice(None)
        covers = (
            (whole, slice(0, round(left + aside))),
            (whole, slice(round(right - aside), None)),
            (slice(0, round(top + along)), whole),
            (slice(round(bottom - along), None), whole),
        )
        first, second, third, fourth = (self._yaw_without(crop, matrix, cover) for cover in covers)
        return first - second, third - fourth

    def _yaw_without(self, crop: Image, matrix: Matrix, cover: tuple[slice, slice]) -> float:
        covered = crop.copy()
        covered[cover] = _COVER
        return pose_of(self._read(covered, matrix)).yaw

    def _upside_down(self, image: Image, landmarks: Landmarks) -> bool:
        """Whether the mesh fits as well the other way up: a face upside down is found upright, as anybody's.

        Of 280 upright faces it is one, of 264 upside down each that was taken for an upright one and is looked at.
        """
        matrix = self._around(landmarks, np.radians(pose_of(landmarks).roll) + np.pi)
        return self._fitted(image, matrix).score >= landmarks.score

    @staticmethod
    def _around(landmarks: Landmarks, angle: float) -> Matrix:
        mesh = landmarks.points[:, :2]
        (left, top), (right, bottom) = mesh.min(axis=0), mesh.max(axis=0)
        middle = ((left + right) / 2, (top + bottom) / 2)
        side = max(right - left, bottom - top, 1.0) * _MARGIN
        return square_crop(middle, float(side), float(angle), _SIDE)

    def _fitted(self, image: Image, matrix: Matrix) -> Landmarks:
        return self._read(warp(image, matrix, (_SIDE, _SIDE)), matrix)

    def _read(self, crop: Image, matrix: Matrix) -> Landmarks:
        points, logit = self._runner.run(crop)
        mesh = points.reshape(-1, 3).astype(np.float64)
        back = invert(matrix)
        mesh[:, :2] = apply(back, mesh[:, :2])
        mesh[:, 2] *= scale_of(back)
        return Landmarks(points=mesh, score=float(1 / (1 + np.exp(-np.clip(logit.item(), -80, 80)))))
