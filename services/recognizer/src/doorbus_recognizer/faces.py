"""What the stages of the recognizer hand to each other, and the figures derived from a face's geometry. Pure.

Pixels are those of the picture that was decoded, x to the right and y down, (0, 0) at its left upper corner.
Left and right are the person's own, except in "left edge".
"""

import math
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from doorbus.wire.templates import Template
from doorbus_recognizer.models.geometry import Points

Box = tuple[float, float, float, float]
"""Left edge, upper edge, width and height in pixels."""
Point = tuple[float, float]
Image = NDArray[np.uint8]
"""Shape (height, width, 3), in blue, green, red."""

MIN_SIZE = 32.0
"""Pixels between the outer corners of the eyes below which a face should not be enrolled.

Shrunk copies of 55 pictures of 5 people against the originals, 5th percentile of the similarity: 0.96 at 32 px, 0.94 at
24 px, 0.88 at 20 px, 0.79 at 16 px.
"""
MIN_SHARPNESS = 20.0
"""Variance of the Laplacian inside the aligned face below which a face should not be enrolled.

Among blurred and shrunk copies of the same pictures it refuses 89 % of those whose similarity to the original fell
below 0.8, and 12 % of the others; of the untouched pictures it refuses none (5th percentile 58).
"""


@dataclass(frozen=True)
class Detection:
    """A face as a detector reports it."""

    box: Box
    score: float
    right_eye: Point | None = None
    left_eye: Point | None = None

    def in_whole_pixels(self) -> Self:
        """The same face, rounded, as mesh and liveness look at it.

        Fractions of a pixel would turn and move the mesh a little, and with it the alignment: on 83 faces of the
        pictures that the calibration names, a template would differ from one that was enrolled before by a cosine of
        0.002 in the median and 0.07 at most.
        """
        left, top, width, height = map(round, self.box)
        eyes = (None if eye is None else (round(eye[0]), round(eye[1])) for eye in (self.right_eye, self.left_eye))
        return type(self)((left, top, width, height), self.score, *eyes)


@dataclass(frozen=True)
class Landmarks:
    """The face mesh: 468 points of the MediaPipe topology."""

    points: NDArray[np.float64] = field(repr=False)
    """Shape (468, 3) in pixels; z is depth on the same scale, smaller is nearer to the camera."""
    score: float
    """Probability that there is a face at all, 0..1."""


@dataclass(frozen=True)
class Located:
    """A face with its landmarks, cut out and turned upright."""

    landmarks: Landmarks
    aligned: Image = field(repr=False)
    """112x112, eyes, nose and mouth corners at the places that ArcFace-like models expect."""


@dataclass(frozen=True)
class Pose:
    """Where the head points, in degrees; 0 is straight into the camera."""

    yaw: float
    """Positive when the person looks to their own left."""
    pitch: float
    """Positive when the person looks up."""
    roll: float = 0.0
    """Positive when the face is turned clockwise on the picture; -180 to 180."""


@dataclass(frozen=True)
class SeenFace:
    """All that the recognizer knows of one face on one picture before it asks who that is."""

    box: Box
    score: float
    points: Points = field(repr=False)
    """Shape (5, 2): right eye, left eye, nose tip, right and left corner of the mouth."""
    pose: Pose
    eyes_open: float
    """0 closed .. 1 open."""
    size: float
    """Distance between the outer corners of the eyes in pixels."""
    sharpness: float
    """Variance of the Laplacian inside the aligned face."""
    quality: float
    """0..1: how well the face serves for recognition."""
    template: Template = field(repr=False)
    live: float | None
    """Probability 0..1 that this is a person and no picture of one; None when not asked."""
    aspect: float
    """Distance from the eyes to the mouth over that between the outer corners of the eyes, both on the picture."""
    aligned: Image = field(repr=False)
    """112x112, cut out and turned upright."""
    lids: float | None = None
    """Height over width of the open part of the eyes, the mean of both; None when not asked."""
    lids_apart: float | None = None
    """By how much that of one eye is more than that of the other; None when not asked."""
    sides_apart: float | None = None
    """Degrees by which the yaw is more without the left of the picture of the face than without its right.

    None when not asked.
    """
    ends_apart: float | None = None
    """The same without its upper part and without its lower one."""

    def enlarged(self, factor: float) -> Self:
        """The same face in pixels of a picture that is larger by a factor."""
        left, top, width, height = (value * factor for value in self.box)
        return replace(self, box=(left, top, width, height), points=self.points * factor, size=self.size * factor)


_RIGHT_EYE_CORNERS, _LEFT_EYE_CORNERS = (33, 133), (362, 263)
_NOSE_TIP = (1, 4)
_RIGHT_MOUTH_CORNER, _LEFT_MOUTH_CORNER = 61, 291
_FOREHEAD, _CHIN = 10, 152
_RIGHT_CHEEK, _LEFT_CHEEK = 234, 454
_RIGHT_LIDS = ((160, 144), (158, 153))
_LEFT_LIDS = ((385, 380), (387, 373))

_EYE_CLOSED_RATIO, _EYE_OPEN_RATIO = 0.12, 0.28
_NEUTRAL_PITCH = -7.0
"""What the plane from forehead to chin gives for a face that looks ahead: the median of 55 frontal pictures."""
_GOOD_SIZE, _GOOD_SHARPNESS = 60.0, 100.0
_USELESS_TURN = 60.0


def five_points(landmarks: Landmarks) -> Points:
    """The five points that alignment needs, shape (5, 2)."""
    mesh = landmarks.points[:, :2]
    return np.stack(
        (
            mesh[list(_RIGHT_EYE_CORNERS)].mean(axis=0),
            mesh[list(_LEFT_EYE_CORNERS)].mean(axis=0),
            mesh[list(_NOSE_TIP)].mean(axis=0),
            mesh[_RIGHT_MOUTH_CORNER],
            mesh[_LEFT_MOUTH_CORNER],
        )
    )


def size_of(landmarks: Landmarks) -> float:
    """Distance between the outer corners of the eyes in pixels of the picture."""
    return _distance(landmarks, _RIGHT_EYE_CORNERS[0], _LEFT_EYE_CORNERS[1])


def pose_of(landmarks: Landmarks) -> Pose:
    """Head pose from the mesh: the direction that the plane of the face looks to.

    The plane is spanned by the line between the cheeks and the line from forehead to chin. Tilting the head to a
    shoulder changes neither angle.
    """
    mesh = landmarks.points
    across = mesh[_LEFT_CHEEK] - mesh[_RIGHT_CHEEK]
    down = mesh[_CHIN] - mesh[_FOREHEAD]
    roll = np.arctan2(across[1], across[0])
    upright = np.array([[np.cos(roll), np.sin(roll), 0.0], [-np.sin(roll), np.cos(roll), 0.0], [0.0, 0.0, 1.0]])
    ahead = upright @ np.cross(down, across)
    return Pose(
        yaw=float(np.degrees(np.arctan2(ahead[0], -ahead[2]))),
        pitch=float(np.degrees(np.arctan2(-ahead[1], np.hypot(ahead[0], ahead[2])))) - _NEUTRAL_PITCH,
        roll=float(np.degrees(roll)),
    )


def aspect_of(landmarks: Landmarks) -> float:
    """How high the face is for its width, on the picture: a head keeps it when it blinks, a tilted photo does not."""
    mesh = landmarks.points[:, :2]
    eyes = (mesh[_RIGHT_EYE_CORNERS[0]] + mesh[_LEFT_EYE_CORNERS[1]]) / 2
    mouth = (mesh[_RIGHT_MOUTH_CORNER] + mesh[_LEFT_MOUTH_CORNER]) / 2
    across = mesh[_LEFT_EYE_CORNERS[1]] - mesh[_RIGHT_EYE_CORNERS[0]]
    return float(np.hypot(*(mouth - eyes)) / max(float(np.hypot(*across)), 1e-6))


def eyes_apart(detection: Detection, landmarks: Landmarks) -> float:
    """How far an eye of the mesh lies from where the detector saw it, at most, in sizes of the face.

    0 where the detector gives no eyes.
    """
    if detection.right_eye is None or detection.left_eye is None:
        return 0.0
    right, left = five_points(landmarks)[:2]
    apart = (np.hypot(*(right - detection.right_eye)), np.hypot(*(left - detection.left_eye)))
    return float(max(apart)) / max(size_of(landmarks), 1e-6)


def eyes_open_of(landmarks: Landmarks) -> float:
    """How far the eyes are open: 0 closed, 1 open; the mean of both.

    From the eye aspect ratio (Soukupova and Cech, "Real-time eye blink detection using facial landmarks", 2016): mean
    height over width of an eye, 0.12 mapped to 0 and 0.28 to 1. Measured in three dimensions, so that a turned head
    does not narrow the eyes.
    """
    ratios = [
        sum(_distance(landmarks, *lid) for lid in lids) / (2 * max(_distance(landmarks, *corners), 1e-6))
        for corners, lids in ((_RIGHT_EYE_CORNERS, _RIGHT_LIDS), (_LEFT_EYE_CORNERS, _LEFT_LIDS))
    ]
    return _unit((sum(ratios) / len(ratios) - _EYE_CLOSED_RATIO) / (_EYE_OPEN_RATIO - _EYE_CLOSED_RATIO))


def quality_of(size: float, sharpness: float, pose: Pose) -> float:
    """How well a face serves for recognition, 0..1: the product of size, sharpness and frontal pose, each 0..1.

    Size is full from 60 px between the outer corners of the eyes; sharpness, by its square root, from a variance of
    100; the pose falls with the square of the angle between face and camera to 0 at 60 degrees.
    """
    turn = float(np.hypot(pose.yaw, pose.pitch))
    frontal = _unit(1 - (turn / _USELESS_TURN) ** 2)
    return float(_unit(size / _GOOD_SIZE) * math.sqrt(_unit(sharpness / _GOOD_SHARPNESS)) * frontal)


def _distance(landmarks: Landmarks, one: int, other: int) -> float:
    return float(np.linalg.norm(landmarks.points[one] - landmarks.points[other]))


def _unit(value: float) -> float:
    return min(1.0, max(0.0, float(value)))
