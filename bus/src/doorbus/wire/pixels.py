"""From a JPEG to its pixels, refusing one of which a part is lost. The only module that knows simplejpeg.

libjpeg goes on where data is missing or wrong: it warns once, and fills the rest with grey or garbage. simplejpeg hands
that warning on, at no cost; OpenCV drops it, and lets libjpeg write it to standard error.
"""

import re
from functools import partial

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from doorbus.wire import exif
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.jpeg import Survey

Pixels = NDArray[np.uint8]
"""Shape (height, width, 3), in blue, green, red."""

_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker")
_MOST_EXTRANEOUS = 16
"""Bytes too many at the end of a scan or of one of its intervals. Several webcams put up to 11 there, as padding, and
their pictures are whole; where data was lost there are hundreds."""
_DIRECT = frozenset({1, 3})
"""Components of what is decoded into its place; CMYK is converted after that, unless there was a remark."""
_TURNS = {
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (3, True),
    6: (3, False),
    7: (1, True),
    8: (1, False),
}
"""For each EXIF orientation the quarter turns against the clock, and whether left and right are swapped after that."""


def decode(survey: Survey, reduction: int = 1) -> Pixels:
    """The picture in a JPEG, upright as its EXIF orientation says, in memory of its own.

    Args:
        survey: what `jpeg.survey` says of it.
        reduction: 1, 2, 4 or 8: divides width and height while decoding, which skips most of the work.

    Raises:
        Refused: `not_a_picture`, when the decoder gave up or found that a part is lost.
    """
    height, width = -(-survey.height // reduction), -(-survey.width // reduction)
    pixels = np.empty((height, width, 3), np.uint8)
    decode = partial(simplejpeg.decode_jpeg, colorspace="BGR", min_factor=reduction, strict=True, buffer=pixels)
    try:
        decode(survey.content, min_height=height, min_width=width)
    except ValueError as remark:
        if not _is_padding(str(remark), survey):  # else the pixels are all there
            raise Refused(Refusal.NOT_A_PICTURE, f"the decoder says: {remark}") from None
    return pixels if survey.orientation == exif.UPRIGHT else _upright(pixels, survey.orientation)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    quarters, mirrored = _TURNS[orientation]
    turned = np.rot90(pixels, quarters)
    view = turned[:, ::-1] if mirrored else turned
    upright = np.empty(view.shape, view.dtype)
    for colour in range(view.shape[2]):  # takes half as long as all in one
        upright[:, :, colour] = view[:, :, colour]
    return upright


def _is_padding(remark: str, survey: Survey) -> bool:
    extraneous = _EXTRANEOUS.search(remark)
    return extraneous is not None and int(extraneous[1]) <= _MOST_EXTRANEOUS and survey.components in _DIRECT
