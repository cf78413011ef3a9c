"""Models without weights, for tests of everything around them. They obey the same protocols and keep a record.

A fake face is a plain square: `portrait` paints one in a colour of its own for each name, `FakeDetector` finds the
squares, and `FakeEmbedder` derives the template from the colour, so that two pictures of one name match and two of
different names do not, through JPEG compression and all.
"""

import hashlib
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from doorbus.wire.templates import Template
from doorbus_recognizer.faces import Box, Detection, Image, Landmarks, Located
from doorbus_recognizer.matching import Settled
from doorbus_recognizer.models.geometry import ARCFACE_POINTS, ARCFACE_SIZE, Points, apply, invert, square_crop
from doorbus_recognizer.models.runtime import Feed, Rows

BACKGROUND = 127
_LEVELS = (20, 70, 185, 235)
_CONTRAST = 28
"""Half of what the level nearest to the background differs from it."""
_LENGTH = 64
_MARGIN = 8


def portrait(*names: str, size: int = 160, frame: tuple[int, int] = (640, 480)) -> Image:
    """A grey picture with one square face for each name, from left to right.

    Args:
        names: whose faces; each name has a colour of its own, of 64, as far as its digest spreads.
        size: side of a face in pixels.
        frame: width and height of the picture.

    Raises:
        ValueError: the faces do not fit.
    """
    width, height = frame
    if len(names) * (size + _MARGIN) > width or size > height:
        raise ValueError(f"{len(names)} faces of {size} px do not fit into {width}x{height}")
    image: Image = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
    top = (height - size) // 2
    for index, name in enumerate(names):
        left = _MARGIN + index * (size + _MARGIN)
        image[top : top + size, left : left + size] = _colour(name)
    return image


class FakeDetector:
    """Finds the squares that `portrait` paints."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []
        """Shape of each picture so far."""

    def detect(self, image: Image) -> tuple[Detection, ...]:
        """The squares on a picture, from left to right."""
        self.seen.append(image.shape)
        painted = np.abs(image.astype(np.int16) - BACKGROUND).max(axis=2) > _CONTRAST
        columns = np.flatnonzero(painted.any(axis=0))
        if not len(columns):
            return ()
        runs = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
        return tuple(_detection(run, np.flatnonzero(painted[:, run].any(axis=1))) for run in runs)


class FakeMesh:
    """Puts the five points where a frontal face with open eyes has them in its box."""

    def __init__(self, score: float = 1.0) -> None:
        self._score = score

    def locate(self, image: Image, detection: Detection) -> Landmarks:  # noqa: ARG002 (what a real mesh looks at)
        """The landmarks of a face that fills its box."""
        left, top, width, height = detection.box
        matrix = square_crop((left + width / 2, top + height / 2), max(width, height), 0.0, ARCFACE_SIZE)
        mesh = np.zeros((468, 3))
        mesh[:, :2] = apply(invert(matrix), _frontal())
        return Landmarks(points=mesh, score=self._score)


class FakeRuntime:
    """Loads models without reading any weights."""

    name = "fake"
    variant = ""

    def __init__(self, at_once: int = 1, problem: str | None = None) -> None:
        """Load models that take `at_once` pictures."""
        self.problem = problem
        self.runners: list[FakeRunner] = []
        self._at_once = at_once

    def caller(self) -> AbstractContextManager[object]:
        """Nothing: there are no threads to share out."""
        return nullcontext()

    def load(self, feed: Feed) -> "FakeRunner":
        """A model for pictures as the feed says."""
        self.runners.append(FakeRunner(feed, self._at_once))
        return self.runners[-1]


class FakeRunner:
    """Takes as many pictures at once as it must, of the feed's size, and answers with their uppermost pixels."""

    def __init__(self, feed: Feed, at_once: int) -> None:
        self.at_once = at_once
        self.runs = 0
        self._feed = feed

    def run(self, *pictures: Image) -> list[Rows]:
        """One output: a row for each picture, its first 192 values about the middle."""
        shapes = [picture.shape for picture in pictures]
        if shapes != [(self._feed.side, self._feed.side, 3)] * self.at_once:
            raise ValueError(f"{shapes} is not what the model was made for")
        self.runs += 1
        return [np.stack([picture.ravel()[:192].astype(np.float32) - BACKGROUND for picture in pictures])]


class FakeEmbedder:
    """Derives the template from the colour in the middle of the face."""

    def __init__(self, model_id: str = "fake@1") -> None:
        self.model_id = model_id

    def embed(self, image: Image, face: Located, settled: Settled | None = None) -> Template:  # noqa: ARG002
        """A unit vector that depends on the face's colour alone; those of different colours are about orthogonal."""
        middle = face.aligned[40:72, 40:72].reshape(-1, 3).mean(axis=0)
        nearest = [int(np.abs(np.array(_LEVELS) - value).argmin()) for value in middle]
        vector = np.random.default_rng(nearest).standard_normal(_LENGTH)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


class FakeLiveness:
    """Always of the same opinion."""

    def __init__(self, live: float = 1.0) -> None:
        self.opinion = live
        self.asked: list[Box] = []

    def live(self, image: Image, box: Box) -> float:  # noqa: ARG002 (what a real judge looks at)
        """The opinion."""
        self.asked.append(box)
        return self.opinion


class FakePoseGauge:
    """Faces that tell the same pose with each of their parts."""

    def __init__(self) -> None:
        self.looked_at = 0
        """How often."""

    def apart(self, image: Image, landmarks: Landmarks) -> tuple[float, float]:  # noqa: ARG002 (what a real model looks at)
        """By nothing."""
        self.looked_at += 1
        return 0.0, 0.0


class FakeLidGauge:
    """Eyes that are always as far open."""

    def __init__(self, opening: float = 0.25) -> None:
        self._opening = opening
        self.looked_at = 0
        """How often."""

    def openings(self, image: Image, landmarks: Landmarks) -> tuple[float, float]:  # noqa: ARG002 (what a real model looks at)
        """How far."""
        self.looked_at += 1
        return self._opening, self._opening


def _colour(name: str) -> tuple[int, ...]:
    digest = hashlib.sha256(name.encode()).digest()
    return tuple(_LEVELS[byte % len(_LEVELS)] for byte in digest[:3])


def _detection(columns: np.typing.NDArray[np.intp], rows: np.typing.NDArray[np.intp]) -> Detection:
    left, top = float(columns[0]), float(rows[0])
    width, height = float(len(columns)), float(rows[-1] - rows[0] + 1)
    return Detection(box=(left, top, width, height), score=1.0)


def _frontal() -> Points:
    """A mesh in the 112 px crop, right in the points that alignment, size, pose and eyes are read from."""
    right_eye, left_eye, nose, right_mouth, left_mouth = ARCFACE_POINTS
    mesh = np.tile(nose, (468, 1))
    for eye, (outer, inner), lids, sign in (
        (right_eye, (33, 133), ((160, 144), (158, 153)), 1),
        (left_eye, (263, 362), ((387, 373), (385, 380)), -1),
    ):
        across, up = np.array((8.0 * sign, 0.0)), np.array((0.0, -3.0))
        mesh[outer], mesh[inner] = eye - across, eye + across
        for upper, lower in lids:
            mesh[upper], mesh[lower] = eye + up, eye - up
    mesh[61], mesh[291] = right_mouth, left_mouth
    middle = (right_eye[0] + left_eye[0]) / 2
    mesh[10], mesh[152] = (middle, 10.0), (middle, 110.0)
    mesh[234], mesh[454] = (middle - 45, 60.0), (middle + 45, 60.0)
    return mesh
