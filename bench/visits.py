"""Frames with people on them who change, as do their distance, place and light, and the size of the frame."""

import random
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from doorbus_capture.imaging import encode_jpeg
from doorbus_recognizer.faces import Image

SIZES = (*((640, 480),) * 6, *((320, 240), (800, 600)) * 2, (1280, 720), (1920, 1080))
"""Width and height; the default of cameras each second time."""
ALONE = ("astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg")
GROUPS = "faces/*.jpg"
ONE_GROUP_OF = 10
"""So many frames; they take many times as long."""


def visits(folder: Path, count: int, seed: int = 1) -> Iterator[bytes]:
    """So many frames as JPEG from the samples in `folder`; the same ones for the same seed."""
    alone = [np.asarray(cv2.imread(str(folder / name))) for name in ALONE]
    groups = [np.asarray(cv2.imread(str(path))) for path in sorted(folder.glob(GROUPS))]
    for number in range(count):
        chance = random.Random(f"{seed}-{number}")  # noqa: S311 (the same frames each time)
        sample = chance.choice(alone if number % ONE_GROUP_OF else groups)
        frame = _placed(sample, chance.choice(SIZES), chance)
        yield encode_jpeg(_lit(frame, chance), chance.randint(60, 95))


def _placed(sample: Image, size: tuple[int, int], chance: random.Random) -> Image:
    """The sample on a grey wall, from a quarter of what fits to more than fits."""
    width, height = size
    scale = min(width / sample.shape[1], height / sample.shape[0]) * chance.uniform(0.25, 1.5)
    left, upper = (
        chance.uniform(0, side - scale * there) for side, there in zip(size, sample.shape[1::-1], strict=True)
    )
    moved = np.array([[scale, 0, left], [0, scale, upper]])
    return np.asarray(cv2.warpAffine(sample, moved, size, flags=cv2.INTER_AREA, borderValue=(127, 127, 127)))


def _lit(frame: Image, chance: random.Random) -> Image:
    """With as much light as there is, and the sensor's noise."""
    noise = np.random.default_rng(chance.randrange(1 << 30)).normal(0, chance.uniform(0, 4), frame.shape)
    return np.clip(frame * chance.uniform(0.4, 1.2) + noise, 0, 255).astype(np.uint8)
