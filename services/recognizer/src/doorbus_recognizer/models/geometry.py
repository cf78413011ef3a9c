"""Plane geometry of faces: similarity transforms, crops and head pose. Pure."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Shape (n, 2): x to the right, y down."""
Matrix = NDArray[np.float64]
"""2x3 affine matrix."""

ARCFACE_SIZE = 112
ARCFACE_POINTS: Points = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where ArcFace-like models expect the person's right eye, left eye, nose tip, right and left mouth corner in 112x112.

Deng et al., "ArcFace", 2019; the template that its reference implementation aligns to.
"""


def similarity_transform(source: Points, target: Points) -> Matrix:
    """The rotation, scale and shift, without reflection, that takes source points nearest to target points.

    Least squares in closed form (Umeyama, 1991). Shapes (n, 2), n >= 2, not all source points the same.
    """
    source_centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_centre, target - target_centre
    norm = float((a * a).sum())
    cos = float((a * b).sum()) / norm
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.hstack((turn, (target_centre - turn @ source_centre)[:, np.newaxis]))


def square_crop(centre: tuple[float, float], side: float, angle: float, size: int) -> Matrix:
    """Takes a turned square of the picture to an upright square of `size` pixels.

    Args:
        centre: of the square in the picture.
        side: of the square in the picture.
        angle: by which the square is turned, in radians, clockwise as seen.
        size: of the target.
    """
    scale = size / side
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.hstack((turn, (size / 2 - turn @ np.array(centre))[:, np.newaxis]))


def invert(matrix: Matrix) -> Matrix:
    """The affine matrix of the way back."""
    turn = np.linalg.inv(matrix[:, :2])
    return np.hstack((turn, -(turn @ matrix[:, 2:])))


def apply(matrix: Matrix, points: Points) -> Points:
    """Points taken through an affine matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def scale_of(matrix: Matrix) -> float:
    """How many target pixels one source pixel becomes, in a similarity transform."""
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))
