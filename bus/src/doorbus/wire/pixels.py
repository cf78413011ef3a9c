"""From a JPEG to its pixels, refusing one of which a part is lost. The only module that knows simplejpeg.

libjpeg goes on where data is missing or wrong: it warns once, and fills the rest with grey or garbage. simplejpeg hands
that warning on, at no cost; OpenCV drops it, and lets libjpeg write it to standard error.
"""

import re
from functools import partial
from typing import cast

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.jpeg import Survey
from doorbus.wire.segments import tidied

Pixels = NDArray[np.uint8]
"""Shape (height, width, 3), in blue, green, red."""

_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker")
_MOST_EXTRANEOUS = 16
"""Bytes too many at the end of a scan or of one of its intervals. Several webcams put up to 11 there, as padding, and
their pictures are whole; where data was lost there are hundreds."""
_HARMLESS = re.compile(r"Adobe|JFIF|ICC|Invalid SOS parameters")
"""Warnings about what is said of the picture, not about the picture."""
_TURNS = {
    1: (0, False),
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (3, True),
    6: (3, False),
    7: (1, True),
    8: (1, False),
}
"""For each EXIF orientation the quarter turns against the clock, and whether left and right are swapped after that."""


def decode(content: bytes, survey: Survey, reduction: int = 1) -> Pixels:
    """The picture in a JPEG, upright as its EXIF orientation says, in memory of its own.

    Args:
        content: the JPEG.
        survey: what `jpeg.survey` says of it.
        reduction: 1, 2, 4 or 8: divides width and height while decoding, which skips most of the work.

    Raises:
        Refused: `not_a_picture`, when the decoder gave up or found that a part is lost.
    """
    try:
        pixels = _decode(content, survey, reduction)
    except ValueError as error:
        raise Refused(Refusal.NOT_A_PICTURE, f"the decoder says: {error}") from None
    quarters, mirrored = _TURNS[survey.orientation]
    upright = np.rot90(pixels, quarters)
    return np.ascontiguousarray(upright[:, ::-1] if mirrored else upright)


def _decode(content: bytes, survey: Survey, reduction: int) -> Pixels:
    least = {"min_height": -(-survey.height // reduction), "min_width": -(-survey.width // reduction)}
    decode = partial(simplejpeg.decode_jpeg, colorspace="BGR", min_factor=reduction, **least)
    try:
        return cast("Pixels", decode(content, strict=True))
    except ValueError as warning:
        if _EXTRANEOUS.search(str(warning)) is None and _HARMLESS.search(str(warning)) is None:
            raise
    # Only the first warning is ever told: without what cannot matter, the next one is.
    content = tidied(content)
    try:
        return cast("Pixels", decode(content, strict=True))
    except ValueError as warning:
        if _is_a_loss(str(warning)):
            raise
    return cast("Pixels", decode(content, strict=False))


def _is_a_loss(warning: str) -> bool:
    extraneous = _EXTRANEOUS.search(warning)
    return int(extraneous[1]) > _MOST_EXTRANEOUS if extraneous else _HARMLESS.search(warning) is None
