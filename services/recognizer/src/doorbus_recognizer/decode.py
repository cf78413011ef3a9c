"""Bytes to a picture, with a typed refusal for whatever is none.

Only JPEG is accepted: frames and enrolments are JPEG, and each further decoder is one more that strangers can reach.
The structure of the file is walked before any pixel is decoded, so that a small file which announces a huge picture
costs nothing, and a file of which a part is lost is refused: a decoder fills that with grey.
"""

from dataclasses import dataclass, field

from doorbus.wire import jpeg, pixels
from doorbus.wire.codec import Refusal, Refused
from doorbus_recognizer.faces import Image

MAX_BYTES = 10_000_000
ENOUGH_PIXELS = 1_500_000
"""A picture of at least 4, 16 or 64 times as many is decoded at a half, a quarter or an eighth of its width and height.

That takes a fraction of the time and loses nothing: the detector sees 256 px anyway, the embedder 112 px of the face.
"""


@dataclass(frozen=True)
class Decoded:
    """A picture and how much smaller it was made."""

    image: Image = field(repr=False)
    reduction: int
    """1, 2, 4 or 8: width and height of the source over those of the image, rounded."""


@dataclass(frozen=True)
class Limits:
    """How large a picture may be; what decoding it may cost says `jpeg.MOST_MILLISECONDS`."""

    bytes: int = MAX_BYTES
    pixels: int = jpeg.MOST_PIXELS


def decode(content: bytes, limits: Limits = Limits()) -> Decoded:
    """The picture in a JPEG, upright as its EXIF orientation says.

    Pictures far larger than recognition can use come smaller, see `ENOUGH_PIXELS`; `SeenFace.enlarged` takes what is
    found on them back to pixels of the source.

    Raises:
        Refused: with the reason.
    """
    if len(content) > limits.bytes:
        raise Refused(Refusal.TOO_LARGE, f"{len(content):,} bytes, {limits.bytes:,} are allowed")
    survey = jpeg.survey(content)
    survey.afford(limits.pixels)
    reduction = next(factor for factor in (8, 4, 2, 1) if factor == 1 or survey.pixels >= ENOUGH_PIXELS * factor**2)
    return Decoded(pixels.decode(survey, reduction), reduction)
