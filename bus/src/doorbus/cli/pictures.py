"""Pictures from files as JPEGs that can be sent, and JPEGs for a terminal. The one importer of Pillow."""

import io
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageOps
from rich.text import Text

from doorbus.wire.codec import JPEG_START

_QUALITY = 92
_SIDE = 2560
"""A picture that must be made anew is made no larger than this, in pixels a side."""
_CROP_SIDE = 512
"""A picture no larger than this, in pixels a side, is taken for one that was cut out around a face."""
_MOVING_SIDE, _COLOURS = 480, 64
"""Pixels a side, and colours, of pictures that move: a day of a door is a few megabytes."""
_BORDER = 0.25
"""What such a picture gets around it, as a share of its longer side.

On 59 faces cut out as tightly as the detector's box, detection finds 51, and all with the border; the 5th percentile of
the similarity to the whole picture rises from 0.41 to 0.89. With 15 % around the box it is 0.96 with and without.
"""


class NoPicture(Exception):  # noqa: N818  # an outcome that is told
    """This file cannot be sent; the text says why."""


def as_jpeg(path: Path, max_bytes: int) -> bytes:
    """The file as it is where it is a large enough JPEG of at most `max_bytes`, else the picture in it as a JPEG.

    Raises:
        NoPicture: it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            start = file.read(max_bytes + 1)
        with Image.open(path) as opened:
            large = max(opened.size) > _CROP_SIDE
            if large and start.startswith(JPEG_START) and len(start) <= max_bytes:
                return start
            opened.draft("RGB", (_SIDE, _SIDE))
            picture = _opaque(ImageOps.exif_transpose(opened))
            picture.thumbnail((_SIDE, _SIDE))
            return _jpeg(picture if large else _with_border(picture))
    except OSError as error:  # also what Pillow says of a file that is no picture
        raise NoPicture(error.strerror or "no picture that can be read") from None
    except (ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NoPicture(f"no picture that can be read ({error})") from None


def animation(jpegs: Iterable[bytes], seconds: float) -> bytes:
    """The pictures one after another as a GIF that begins anew at its end, each for so many seconds.

    Raises:
        NoPicture: none of them can be decoded; single ones that cannot are left out.
    """
    frames: list[Image.Image] = []
    for jpeg in jpegs:
        with suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as opened:
                opened.draft("RGB", (_MOVING_SIDE, _MOVING_SIDE))
                picture = opened.convert("RGB")
            picture.thumbnail((_MOVING_SIDE, _MOVING_SIDE))
            size = frames[0].size if frames else picture.size
            frames.append(ImageOps.pad(picture, size).quantize(_COLOURS))
    if not frames:
        raise NoPicture("there is no picture to show")
    made = io.BytesIO()
    first, *others = frames
    first.save(made, "GIF", save_all=True, append_images=others, duration=round(seconds * 1000), loop=0)
    return made.getvalue()


def in_blocks(jpeg: bytes, columns: int = 40) -> Text:
    """The picture for a terminal that has colours: each character is two pixels, one above the other.

    Raises:
        NoPicture: it cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NoPicture(f"no picture that can be read ({error})") from None
    rows = max(1, round(columns * picture.height / picture.width / 2))
    data = picture.resize((columns, 2 * rows)).tobytes()
    pixels = [f"rgb({data[at]},{data[at + 1]},{data[at + 2]})" for at in range(0, len(data), 3)]
    drawn = Text()
    for row in range(rows):
        upper = pixels[2 * row * columns : (2 * row + 1) * columns]
        lower = pixels[(2 * row + 1) * columns : (2 * row + 2) * columns]
        for above, below in zip(upper, lower, strict=True):
            drawn.append("\N{UPPER HALF BLOCK}", f"{above} on {below}")
        drawn.append("\n")
    return drawn


def _with_border(picture: Image.Image) -> Image.Image:
    return ImageOps.expand(picture, round(max(picture.size) * _BORDER), (128, 128, 128))


def _opaque(picture: Image.Image) -> Image.Image:
    """In colours, and white where it was transparent."""
    if picture.mode in {"P", "LA", "PA", "RGBA"}:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    made = io.BytesIO()
    picture.save(made, "JPEG", quality=_QUALITY)
    return made.getvalue()
