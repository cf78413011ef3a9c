"""Frames with people on them who change, as do their distance, place and light, and the size of the frame."""

import random
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from doorbus_capture.imaging import encode_jpeg
from doorbus_recognizer.faces import Image

SIZES = ((320, 240), (640, 480), (640, 480), (800, 600), (1280, 720), (1920, 1080))
"""Width and height; the default of cameras twice."""
PEOPLE = ("astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg", "faces/*.jpg")


def visits(folder: Path, count: int, seed: int = 1) -> Iterator[bytes]:
    """So many frames as JPEG from the samples in `folder`; the same ones for the same seed."""
    samples = [np.asarray(cv2.imread(str(path))) for name in PEOPLE for path in sorted(folder.glob(name))]
    for number in range(count):
        chance = random.Random(f"{seed}-{number}")  # noqa: S311 (the same frames each time)
        frame = _placed(samples[number % len(samples)], chance.choice(SIZES), chance)
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
