"""Pixels: encoding, cropping and warping. The only importer of cv2.

Images are uint8 arrays of shape (height, width, 3) in the order blue, green, red.
"""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from doorbus_recognizer.models.runtime import Feed, Image

Matrix = NDArray[np.float64]
"""2x3 affine matrix that takes source pixels to target pixels."""

_INNER_ROWS, _INNER_COLUMNS = slice(32, 104), slice(24, 88)


def use_threads(count: int) -> None:
    """How many threads OpenCV takes for one call, in the whole process."""
    cv2.setNumThreads(count)


def encode_jpeg(image: Image, quality: int = 90) -> bytes:
    """JPEG of a picture."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()


def crop(image: Image, left: int, upper: int, right: int, lower: int) -> Image:
    """The part of a picture between these edges, in whole pixels."""
    return image[upper:lower, left:right]


def warp(image: Image, matrix: Matrix, size: tuple[int, int]) -> Image:
    """The part of a picture that an affine matrix takes to the target; black where there is no picture.

    Args:
        image: source.
        matrix: takes source pixels to target pixels.
        size: width and height of the target.
    """
    return cast("Image", cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR))


def resize(image: Image, size: tuple[int, int]) -> Image:
    """A picture stretched to a width and height."""
    return cast("Image", cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))


def shrink(image: Image, size: tuple[int, int]) -> Image:
    """A picture at a smaller width and height, averaged over the pixels that fall together; a larger one in between."""
    smaller = image.shape[1] >= size[0] and image.shape[0] >= size[1]
    return cast("Image", cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))


def lit(image: Image, level: float, most: float) -> Image:
    """A picture brightened to this mean, by so many times at most; as it is where it is brighter already."""
    gain = min(most, level / max(float(image.mean()), 1.0))
    return image if gain <= 1 else cast("Image", cv2.convertScaleAbs(image, alpha=gain))


def mirrored(image: Image) -> Image:
    """The picture as a mirror shows it."""
    return cast("Image", cv2.flip(image, 1))


def batch(pictures: Sequence[Image], feed: Feed) -> NDArray[np.float32]:
    """Pictures as a model wants them, shape and order of colours as its feed says."""
    if feed.planar:
        stacked = np.stack([picture.transpose(2, 0, 1) for picture in pictures])
    else:
        stacked = np.stack([cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in pictures])
    scaled = np.multiply(stacked, np.float32(1 / feed.spread), dtype=np.float32)
    scaled += np.float32(-feed.mean / feed.spread)
    return scaled


def brightness(aligned: Image) -> float:
    """Mean of the middle of an aligned face, 0 black to 1 white."""
    return float(cv2.cvtColor(aligned[_INNER_ROWS, _INNER_COLUMNS], cv2.COLOR_BGR2GRAY).mean()) / 255


def sharpness(aligned: Image) -> float:
    """Variance of the Laplacian inside an aligned face: low for a blurred one, high for a noisy one as well.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000. Only the middle counts, from the brows
    to the chin: where a face lies at the edge of the picture, the rest of the crop holds an edge that is none of the
    face.
    """
    grey = cv2.cvtColor(aligned[_INNER_ROWS, _INNER_COLUMNS], cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())
