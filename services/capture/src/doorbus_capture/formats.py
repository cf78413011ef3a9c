"""What may be decoded besides JPEG: whole PNGs, BMPs and WebPs that take no longer than a quarter of a second. Pure.

Each further decoder of OpenCV, and there are a dozen, would be one more that whoever sends a picture can reach.
"""

import struct

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.jpeg import MOST_SIDE
from doorbus_capture import png

MOST_BMP_PIXELS = 25_000_000
MOST_WEBP_PIXELS = 12_500_000
"""160 and 200 ms on a core of an AMD EPYC."""
_BMP, _RIFF, _WEBP = b"BM", b"RIFF", b"WEBP"
_CORE = 12
"""Bytes of the oldest header of a BMP."""
_HEADER = 30
"""So many bytes of a WebP say how large it is."""


def checked(content: bytes) -> bytes:
    """The picture, as OpenCV decodes it and says nothing.

    Raises:
        Refused: `not_a_picture` when it is none of these or a part is lost; `too_much_work`.
    """
    if content.startswith(png.START):
        return png.plain(content)
    if content.startswith(_BMP):
        _afford(*_size_of_bmp(content), MOST_BMP_PIXELS)
    elif content.startswith(_RIFF) and content[8:12] == _WEBP:
        _afford(*_size_of_webp(content), MOST_WEBP_PIXELS)
    else:
        raise Refused(Refusal.NOT_A_PICTURE, "neither JPEG nor PNG, BMP or WebP")
    return content


def _afford(width: int, height: int, most: int) -> None:
    if not 0 < width <= MOST_SIDE or not 0 < height <= MOST_SIDE:
        raise Refused(Refusal.NOT_A_PICTURE, f"{width}x{height} pixels; 1 to {MOST_SIDE:,} a side are allowed")
    if width * height > most:
        raise Refused(Refusal.TOO_MUCH_WORK, f"{width}x{height} pixels, {most:,} are allowed; send a smaller picture")


def _size_of_bmp(content: bytes) -> tuple[int, int]:
    try:
        (header,) = struct.unpack_from("<I", content, 14)
        width, height = struct.unpack_from("<HH" if header == _CORE else "<ii", content, 18)
    except struct.error:
        raise Refused(Refusal.NOT_A_PICTURE, "the BMP has no header") from None
    return abs(width), abs(height)


def _size_of_webp(content: bytes) -> tuple[int, int]:
    (announced,) = struct.unpack_from("<I", content, 4)
    if announced + 8 > len(content) or len(content) < _HEADER:
        raise Refused(Refusal.NOT_A_PICTURE, "a part of the WebP is lost")
    match content[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", content, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", content, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case _:
            return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
