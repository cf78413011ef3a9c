"""Faces and pictures of them before a camera, made from given pictures: for bench/liveness.py and bench/challenge.py.

A head that turns and eyes that close are made by moving the pixels of a picture as the depth of its face mesh and the
contours of its eyes say. A photo is a plane, or a part of a cylinder, seen through a pinhole. Both are simulations:
they are as good as the pictures are, and say nothing of prints and screens that nobody has photographed.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from doorbus.wire.templates import Template
from doorbus_recognizer.faces import Image, Landmarks

WIDTH, HEIGHT = 640, 480
_FOCAL = 700.0
"""Of the camera, in pixels: 49 degrees across 640 px."""
_LID, _LASHES, _AROUND, _LINE = 0.11, 0.16, 0.12, 0.05
"""In widths of the eye: how far skin replaces what is below, above and beside its contour; half the line of lashes."""
_HEAD, _ROOM = 1.35, 2.2
"""How far the head reaches around the face, and what moves with it, in sizes of the face."""
Grid = NDArray[np.float32]


@dataclass(frozen=True)
class Likeness:
    """A picture of somebody, 640x480, with the mesh of the face on it."""

    person: str
    image: Image = field(repr=False)
    landmarks: Landmarks = field(repr=False)
    lids: tuple[NDArray[np.float64], NDArray[np.float64]] = field(repr=False)
    """Rim of each eye, shape (15, 2): nine points of the lower lid from corner to corner, then six of the upper."""
    template: Template = field(repr=False)
    """Of the person, as enrolled with other pictures."""


def framed(picture: Image, centre: tuple[float, float], scale: float) -> Image:
    """The picture scaled, with `centre` of it in the middle of a frame; what it does not cover repeats its edge."""
    matrix = np.array(
        [[scale, 0.0, WIDTH / 2 - scale * centre[0]], [0.0, scale, HEIGHT / 2 - scale * centre[1]]], dtype=np.float64
    )
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cast("Image", cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE))


@cache
def _noise(sigma: float) -> NDArray[np.int16]:
    noise = sigma * np.random.default_rng(0).standard_normal((2 * HEIGHT, 2 * WIDTH, 3))
    return np.rint(noise).astype(np.int16)


def noisy(image: Image, random: np.random.Generator, sigma: float) -> Image:
    """With the noise of a sensor: normal, of this standard deviation in levels of 256."""
    row, column = int(random.integers(HEIGHT)), int(random.integers(WIDTH))
    noise = _noise(sigma)[row : row + HEIGHT, column : column + WIDTH]
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), dtype=np.uint8)


def turned(image: Image, landmarks: Landmarks, yaw: float) -> Image:
    """The head turned by these degrees, to the person's own left.

    What is around the face, ears and hair, is a ring about its axis, so that it comes into view on one side and is
    hidden by the cheek on the other; the background further out gives way. As far as the head moves as a whole, the
    frame goes with it: what counts is what moves within the face.
    """
    mesh = landmarks.points
    wide = float(np.ptp(mesh[:, 0]))
    centre = mesh.mean(axis=0)
    axis = mesh[:, 2].max() + 0.2 * wide  # of the neck, behind the ears
    rim = cv2.convexHull(mesh[:, :2].astype(np.float32)).reshape(-1, 2) - centre[:2]
    across = np.concatenate((mesh[:, 0] - centre[0], _HEAD * rim[:, 0]))
    deep = np.concatenate((axis - mesh[:, 2], np.full(len(rim), -0.1 * wide)))
    angle = np.radians(yaw)
    x = across * np.cos(angle) + deep * np.sin(angle)
    nearer = deep * np.cos(angle) - across * np.sin(angle)
    x += centre[0] - x[: len(mesh)].mean()
    y = np.concatenate((mesh[:, 1], centre[1] + _HEAD * rim[:, 1]))
    still = centre[:2] + _ROOM * rim
    source = np.concatenate((np.stack((across + centre[0], y), axis=1), still))
    target = np.concatenate((np.stack((x, y), axis=1), still))
    behind = np.concatenate((nearer, np.full(len(rim), -wide)))
    return _taken(image, _moved(source, target, behind))


@cache
def _triangles(points: bytes) -> NDArray[np.int64]:
    source = np.frombuffer(points).reshape(-1, 2)
    plane = cv2.Subdiv2D((-10_000, -10_000, 20_000, 20_000))
    index: dict[tuple[float, float], int] = {}
    for number, point in enumerate(source):
        place = (float(np.float32(point[0])), float(np.float32(point[1])))
        index.setdefault(place, number)
        plane.insert(place)
    corners = [[index.get((float(row[i]), float(row[i + 1]))) for i in (0, 2, 4)] for row in plane.getTriangleList()]
    return np.array([one for one in corners if None not in one], dtype=int)


def _moved(source: NDArray[np.float64], target: NDArray[np.float64], nearer: NDArray[np.float64]) -> Grid:
    """Where pixels come from when points go from source to target: by the triangles between them, the nearest last."""
    whole = _triangles(np.ascontiguousarray(source).tobytes())
    numbers = np.full((HEIGHT, WIDTH), -1, np.int32)
    matrices = np.zeros((len(whole), 2, 3))
    for number in np.argsort(nearer[whole].mean(axis=1)):
        there = target[whole[number]]
        if abs(cv2.contourArea(there.astype(np.float32))) < 0.05:
            continue
        matrices[number] = cv2.getAffineTransform(there.astype(np.float32), source[whole[number]].astype(np.float32))
        cv2.fillConvexPoly(numbers, np.rint(there).astype(np.int32), int(number))
    rows, columns = np.nonzero(numbers >= 0)
    chosen = matrices[numbers[rows, columns]]
    places = np.stack((columns, rows, np.ones_like(rows)), axis=1).astype(float)
    result: Grid = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    result[rows, columns] = np.einsum("nij,nj->ni", chosen, places) - places[:, :2]
    return result


def _taken(image: Image, fields: Grid) -> Image:
    height, width = image.shape[:2]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    return cast(
        "Image",
        cv2.remap(image, xs + fields[..., 0], ys + fields[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE),
    )


def closed(one: Likeness, how_far: float) -> Image:
    """The eyes closed, 0 as they are to 1 entirely: skin, down to a dark line of lashes that comes down to the rim."""
    seen = one.image.copy()
    for contour in one.lids:
        lower = contour[np.argsort(contour[:9, 0])]
        upper = np.vstack((contour[[0, 8]], contour[9:]))
        upper = upper[np.argsort(upper[:, 0])]
        wide = float(np.ptp(lower[:, 0]))
        left, right = int(lower[0, 0] - _AROUND * wide), int(lower[-1, 0] + _AROUND * wide) + 1
        top, bottom = int(upper[:, 1].min() - wide), int(lower[:, 1].max() + wide)
        if min(left, top) < 0 or right > WIDTH or bottom > HEIGHT:
            continue
        columns, rows = np.arange(left, right), np.arange(top, bottom)[:, np.newaxis]
        low = np.interp(columns, lower[:, 0], lower[:, 1])
        high = np.minimum(np.interp(columns, upper[:, 0], upper[:, 1]), low)
        part = seen[top:bottom, left:right]
        inside = np.interp(columns, [left, lower[0, 0], lower[-1, 0], right - 1], [0.0, 1.0, 1.0, 0.0])
        eye = (rows > high - _LASHES * wide * inside) & (rows < low + _LID * wide * inside)
        skin = cv2.inpaint(part, eye.astype(np.uint8), 3, cv2.INPAINT_TELEA).astype(np.float32)
        edge = high + how_far * (low + _LID * wide * inside / 2 - high)
        over = (np.clip(edge - rows + 0.5, 0, 1) * eye)[..., np.newaxis]
        lashes = 0.7 * inside * np.exp(-(((rows - edge) / (_LINE * wide)) ** 2))
        line = np.where(inside > 0.3, lashes, 0.0)[..., np.newaxis]
        part[:] = np.clip((over * skin + (1 - over) * part) * (1 - line), 0, 255).astype(np.uint8)
    return seen


@dataclass(frozen=True)
class Hold:
    """How somebody holds a photo before the camera. Degrees; positive as for heads."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    nearness: float = 1.0
    """1: as large as it was taken."""
    across: float = 0.0
    down: float = 0.0
    """Pixels off the middle of the frame."""
    bend: float = 0.0
    """Width of the photo over the radius of the cylinder that it is bent to, about a vertical axis; 0 is flat."""


def held(photo: Image, hold: Hold, background: Image) -> Image:
    """What the camera sees of a photo before a background."""
    height, width = photo.shape[:2]
    columns = np.linspace(0, width, 17 if hold.bend else 2)
    rows = np.linspace(0, height, 2)
    seen = background.copy()
    order = sorted(range(len(columns) - 1), key=lambda one: -_depth(float(columns[one]), hold, width))
    for one in order:
        strip = [
            (columns[one], rows[0]),
            (columns[one + 1], rows[0]),
            (columns[one + 1], rows[1]),
            (columns[one], rows[1]),
        ]
        target = np.array([_projected(x - width / 2, y - height / 2, hold, width) for x, y in strip], np.float32)
        if cv2.contourArea(target, oriented=True) <= 0:
            continue  # seen from behind
        left, right = max(0, int(columns[one]) - 1), min(width, int(columns[one + 1]) + 2)
        source = np.array([(x - left, y) for x, y in strip], np.float32)
        x, y, wide, high = _within(target)
        if min(wide, high) < 1:
            continue
        target -= (x, y)
        matrix = cv2.getPerspectiveTransform(source, target)
        piece = cv2.warpPerspective(photo[:, left:right], matrix, (wide, high), borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros((high, wide), np.uint8)
        cv2.fillConvexPoly(mask, np.rint(target).astype(np.int32), 1)
        cv2.copyTo(piece, mask, seen[y : y + high, x : x + wide])
    return seen


def _within(corners: Grid) -> tuple[int, int, int, int]:
    """The part of the frame that holds these points: left and upper edge, width and height."""
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    x, y = max(0, int(left)), max(0, int(top))
    return x, y, min(WIDTH, int(right) + 2) - x, min(HEIGHT, int(bottom) + 2) - y


def _on_cylinder(x: float, hold: Hold, width: int) -> tuple[float, float]:
    if not hold.bend:
        return x, 0.0
    radius = width / hold.bend
    return radius * np.sin(x / radius), radius * (1 - np.cos(x / radius))


def _depth(x: float, hold: Hold, width: int) -> float:
    bent, deep = _on_cylinder(x - width / 2, hold, width)
    return float(deep * np.cos(np.radians(hold.yaw)) - bent * np.sin(np.radians(hold.yaw)))


def _projected(x: float, y: float, hold: Hold, width: int) -> tuple[float, float]:
    bent, deep = _on_cylinder(x, hold, width)
    yaw, pitch, roll = (np.radians(value) for value in (hold.yaw, hold.pitch, hold.roll))
    a, z = bent * np.cos(yaw) - deep * np.sin(yaw), deep * np.cos(yaw) + bent * np.sin(yaw)
    b, z = y * np.cos(pitch) - z * np.sin(pitch), z * np.cos(pitch) + y * np.sin(pitch)
    c, d = a * np.cos(roll) - b * np.sin(roll), a * np.sin(roll) + b * np.cos(roll)
    away = _FOCAL / hold.nearness + z
    return WIDTH / 2 + hold.across + _FOCAL * c / away, HEIGHT / 2 + hold.down + _FOCAL * d / away
