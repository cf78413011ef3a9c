"""Pixels: decoding, scaling, moving and encoding. With `sources.video` the only importer of cv2."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from doorbus.wire import jpeg, pixels
from doorbus.wire.codec import JPEG_START, Refusal, Refused
from doorbus_capture import formats
from doorbus_capture.sampling import THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH, Thumbnail
from doorbus_capture.sources.source import Image

Matrix = NDArray[np.float64]
"""2x3 affine matrix that takes target pixels to source pixels."""

# What OpenCV writes to standard error of damaged pictures is no event of a log.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(content: bytes) -> Image:
    """The picture in a JPEG, PNG, BMP or WebP, turned as its EXIF orientation says.

    Raises:
        Refused: `not_a_picture`, also when a part of it is lost, `too_large` or `too_much_work`.
    """
    if content.startswith(JPEG_START):
        return _decode_jpeg(content)
    checked = formats.checked(content)
    try:
        decoded = cv2.imdecode(np.frombuffer(checked, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise Refused(Refusal.NOT_A_PICTURE, "cannot be decoded")
    return cast("Image", decoded)


def _decode_jpeg(content: bytes) -> Image:
    try:
        survey = jpeg.survey(content)
    except Refused as refused:
        lost = refused.reason is Refusal.TRUNCATED
        raise Refused(Refusal.NOT_A_PICTURE if lost else refused.reason, refused.detail) from None
    survey.afford()
    return pixels.decode(survey)


def encode_jpeg(image: Image, quality: int) -> bytes:
    """JPEG of a picture; `quality` is 1 (small) to 100 (best)."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()


def resize(image: Image, size: tuple[int, int]) -> Image:
    """The picture at a width and height, averaged over the pixels that fall together."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    return cast("Image", cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA))


def thumbnail(image: Image) -> Thumbnail:
    """The small grey picture that the motion gate looks at."""
    small = cv2.resize(np.ascontiguousarray(image), (THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT), interpolation=cv2.INTER_AREA)
    return cast("Thumbnail", cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


def warp(image: Image, matrix: Matrix, size: tuple[int, int]) -> Image:
    """What `matrix` brings into a target of a width and height; edges are repeated where the picture ends."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cast("Image", cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))
