"""The sample scene: a door that nobody, two strangers and one resident come to, in a loop. Needs no camera."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from doorbus import assets
from doorbus.runtime.clock import Clock
from doorbus.wire.codec import Refused
from doorbus_capture.imaging import Matrix, decode, warp
from doorbus_capture.sources.source import Image, Shot, SourceError

WIDTH, HEIGHT = 640, 480
MANIFEST = Path(__file__).parent.parent / "samples.toml"
_SWAY = 8.0
"""Pixels by which the picture moves to each side, as if a person shifted their weight; enough for the motion gate."""
_SWAY_SECONDS = 2.0
_ZOOM = 0.02
_ZOOM_SECONDS = 3.1
_NOISE = 2
"""Levels of 256 by which each pixel is off at most, as any sensor's are: no two pictures are equal to the bit."""
_MARGIN = 16
"""Pixels of picture beyond each edge of the view, which swaying brings into it."""


@dataclass(frozen=True)
class Scene:
    """One picture, and the part of it that the camera sees."""

    label: str
    file: str | None = None
    """Name of the sample picture; None for the empty scene."""
    x: float = 0.5
    y: float = 0.5
    """Centre of the part, as fractions of the picture's width and height."""
    part: float = 1.0
    """Width of the part as a fraction of the picture's width; beyond 1 the edges of the picture go on."""


SCENES = (
    Scene("empty"),
    Scene("astronaut", "astronaut.png", x=0.46, y=0.29, part=0.75),
    Scene("biden", "biden.jpg", x=0.50, y=0.20, part=1.1),
    Scene("obama2", "obama2.jpg", x=0.50, y=0.37, part=1.8),
    Scene("obama3", "obama3.jpg", x=0.53, y=0.22, part=0.75),
)


class SampleSource:
    """Shows each scene for `scene_seconds`, 640x480."""

    def __init__(
        self, pictures: Path, clock: Clock, scene_seconds: float = 2.5, random: np.random.Generator | None = None
    ) -> None:
        self._pictures = pictures
        self._clock = clock
        self._scene_seconds = scene_seconds
        self._random = np.random.default_rng() if random is None else random
        self._images: list[Image] = []
        self._opened_at = 0.0

    def open(self) -> None:
        """Load the pictures; raises `SourceError` naming the command that fetches what is missing."""
        wanted = [scene.file for scene in SCENES if scene.file is not None]
        try:
            assets.verify(MANIFEST, self._pictures, only=wanted)
        except assets.AssetError as error:
            raise SourceError(str(error)) from error
        self._images = [self._load(scene) for scene in SCENES]
        self._opened_at = self._clock.monotonic()

    def skip(self) -> bool:
        """Nothing queues up."""
        return False

    def read(self) -> Shot:
        """The scene as it looks now."""
        if not self._images:
            raise SourceError("read before it was opened")
        at = self._clock.monotonic()
        elapsed = at - self._opened_at
        index = int(elapsed / self._scene_seconds) % len(SCENES)
        image = warp(self._images[index], _camera(elapsed), (WIDTH, HEIGHT))
        return Shot(_noisy(image, self._random), self._clock.now(), at, SCENES[index].label)

    def close(self) -> None:
        """Forget the pictures."""
        self._images = []

    def _load(self, scene: Scene) -> Image:
        if scene.file is None:
            return empty_room()
        path = self._pictures / scene.file
        try:
            return _part(decode(path.read_bytes()), scene)
        except Refused as refused:
            raise SourceError(f"{path}: is no picture ({refused.detail})") from None


def empty_room() -> Image:
    """A wall in the evening light, a door frame and a floor; no face."""
    ys, xs = np.mgrid[0 : HEIGHT + 2 * _MARGIN, 0 : WIDTH + 2 * _MARGIN]
    light = 1.0 - 0.35 * (xs / xs.max() - 0.3) ** 2 - 0.25 * (ys / ys.max())
    room: NDArray[np.float64] = light[..., np.newaxis] * np.array([168.0, 182.0, 190.0])
    room[370:] *= np.array([0.45, 0.5, 0.6])
    room[90:370, 250:400] *= np.array([0.55, 0.62, 0.72])
    room[100:370, 258:392] *= 0.8
    room[240:250, 370:384] = 210.0
    return room.astype(np.uint8)


def _part(picture: Image, scene: Scene) -> Image:
    """The scene's part of its picture, scaled so that one pixel is one of the view, with the margin around."""
    height, width = picture.shape[:2]
    scale = scene.part * width / WIDTH
    matrix: Matrix = np.array(
        [
            [scale, 0.0, scene.x * width - scale * (WIDTH / 2 + _MARGIN)],
            [0.0, scale, scene.y * height - scale * (HEIGHT / 2 + _MARGIN)],
        ]
    )
    return warp(picture, matrix, (WIDTH + 2 * _MARGIN, HEIGHT + 2 * _MARGIN))


def _noisy(image: Image, random: np.random.Generator) -> Image:
    noise = random.integers(-_NOISE, _NOISE + 1, image.shape[:2], dtype=np.int8)
    return np.clip(image + noise[..., np.newaxis].astype(np.int16), 0, 255).astype(np.uint8)


def _camera(elapsed: float) -> Matrix:
    """Where the view lies in the picture with margins after `elapsed` seconds."""
    x = _SWAY * math.sin(2 * math.pi * elapsed / _SWAY_SECONDS)
    y = _SWAY / 2 * math.cos(2 * math.pi * elapsed / _SWAY_SECONDS)
    zoom = 1.0 - _ZOOM * (0.5 + 0.5 * math.sin(2 * math.pi * elapsed / _ZOOM_SECONDS))
    view: Matrix = np.array(
        [
            [zoom, 0.0, WIDTH / 2 + _MARGIN + x - zoom * WIDTH / 2],
            [0.0, zoom, HEIGHT / 2 + _MARGIN + y - zoom * HEIGHT / 2],
        ]
    )
    return view
