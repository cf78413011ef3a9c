"""Boxes and names drawn on pictures, faces cut out of them, other kinds made JPEG. The only importer of Pillow."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.jpeg import survey
from doorbus.wire.messages import Box

_MOST_PIXELS = 25_000_000
_KNOWN, _UNKNOWN = (93, 240, 132), (255, 210, 87)
_QUALITY = 88
_LONGEST = 4000
"""Pixels of a side, of what is made JPEG."""
_PNG = b"\x89PNG\r\n\x1a\n"
_MARGIN = 0.3
"""How much of a face's size is left around it."""


@dataclass(frozen=True)
class Label:
    """A box, what stands at it, and whether it is somebody known."""

    box: Box
    text: str
    known: bool


def labelled(jpeg: bytes, labels: Iterable[Label]) -> bytes:
    """The picture with the boxes drawn on it, as JPEG. Takes milliseconds; raises `Refused`."""
    image = _opened(jpeg)
    draw = ImageDraw.Draw(image)
    size = max(14, image.width // 32)
    font = ImageFont.load_default(size)
    for label in labels:
        left, top, width, height = label.box
        colour = _KNOWN if label.known else _UNKNOWN
        draw.rectangle((left, top, left + width, top + height), outline=colour, width=max(2, size // 6))
        place = (left, max(0, top - size - 4))
        draw.text(place, label.text, fill=colour, font=font, stroke_width=2, stroke_fill=(0, 0, 0))
    return _jpeg(image)


def cut_out(jpeg: bytes, box: Box, room: float = _MARGIN) -> bytes:
    """The face in `box` with `room` times its size around it, as JPEG. Takes milliseconds; raises `Refused`."""
    image = _opened(jpeg)
    left, top, width, height = box
    around = room * max(width, height)
    corners = (left - around, top - around, left + width + around, top + height + around)
    limits = (image.width, image.height, image.width, image.height)
    within = tuple(int(min(max(0, value), limit)) for value, limit in zip(corners, limits, strict=True))
    if within[2] <= within[0] or within[3] <= within[1]:
        raise Refused(Refusal.WRONG_SHAPE, "the box is beside the picture")
    return _jpeg(image.crop((within[0], within[1], within[2], within[3])))


def as_jpeg(picture: bytes) -> bytes:
    """A PNG or WebP as JPEG, upright, on white, and no larger than a camera's; anything else as it is.

    Takes up to a second.
    """
    if not picture.startswith(_PNG) and not (picture.startswith(b"RIFF") and picture[8:12] == b"WEBP"):
        return picture
    try:
        with Image.open(io.BytesIO(picture), formats=("PNG", "WEBP")) as image:
            if image.width * image.height > _MOST_PIXELS:
                return picture
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return picture
    flat = Image.new("RGB", upright.size, "white")
    flat.paste(upright, mask=upright)
    flat.thumbnail((_LONGEST, _LONGEST))
    return _jpeg(flat)


def _opened(jpeg: bytes) -> Image.Image:
    survey(jpeg).afford(_MOST_PIXELS)
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise Refused(Refusal.NOT_A_PICTURE, "cannot be decoded") from error


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
