"""Bytes to a picture, with a typed refusal for whatever is none.

Only JPEG is accepted: frames and enrolments are JPEG, and each further decoder is one more that strangers can reach.
The structure of the file is walked before any pixel is decoded, so that a small file which announces a huge picture
costs nothing, and a file that was cut off is refused: the decoder itself would fill the missing part with grey.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from doorbus_recognizer.faces import Image
from doorbus_recognizer.models.imaging import decode_jpeg

MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000
ENOUGH_PIXELS = 1_500_000
"""A picture of at least 4, 16 or 64 times as many is decoded at a half, a quarter or an eighth of its width and height.

That takes a fraction of the time and loses nothing: the detector sees 256 px anyway, the embedder 112 px of the face.
"""

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers; the others in this range are tables."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a segment: TEM and the restarts."""


class Refusal(StrEnum):
    """Why bytes are not taken for a picture."""

    EMPTY = "empty"
    NOT_A_PICTURE = "not_a_picture"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"


class Undecodable(Exception):  # noqa: N818 (names what the bytes are)
    """The bytes are not taken for a picture."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True)
class Decoded:
    """A picture and how much smaller it was made."""

    image: Image = field(repr=False)
    reduction: int
    """1, 2, 4 or 8: width and height of the source over those of the image, rounded."""


@dataclass(frozen=True)
class Limits:
    """How much a picture may cost."""

    bytes: int = MAX_BYTES
    pixels: int = MAX_PIXELS


def decode(content: bytes, limits: Limits = Limits()) -> Decoded:
    """The picture in a JPEG, upright as its EXIF orientation says.

    Pictures far larger than recognition can use come smaller, see `ENOUGH_PIXELS`; `SeenFace.enlarged` takes what is
    found on them back to pixels of the source.

    Raises:
        Undecodable: with the reason.
    """
    if not content:
        raise Undecodable(Refusal.EMPTY, "no bytes")
    if len(content) > limits.bytes:
        raise Undecodable(Refusal.TOO_LARGE, f"{len(content):,} bytes, {limits.bytes:,} are allowed")
    width, height = measure(content)
    if width * height > limits.pixels:
        raise Undecodable(Refusal.TOO_LARGE, f"{width}x{height} pixels, {limits.pixels:,} are allowed")
    reduction = next(factor for factor in (8, 4, 2, 1) if factor == 1 or width * height >= ENOUGH_PIXELS * factor**2)
    image = decode_jpeg(content, reduction)
    if image is None:
        raise Undecodable(Refusal.NOT_A_PICTURE, "the decoder gave up")
    return Decoded(image, reduction)


def measure(content: bytes) -> tuple[int, int]:
    """Width and height that a JPEG announces, before EXIF turns it; nothing is decoded.

    Follows the marker structure of ITU-T T.81, annex B, from segment to segment up to the first scan, and then looks
    for the end marker.

    Raises:
        Undecodable: `not_a_picture` or `truncated`.
    """
    if content[:2] != bytes((0xFF, _SOI)):
        raise Undecodable(Refusal.NOT_A_PICTURE, f"starts with {content[:4].hex(' ')}, a JPEG with ff d8")
    width, height, end = 0, 0, 0
    for marker, segment, after in _segments(content):
        if marker in _FRAMES:
            height, width = int.from_bytes(segment[1:3], "big"), int.from_bytes(segment[3:5], "big")
        if marker == _SOS:
            end = after
            break
    if not width or not height:
        raise Undecodable(Refusal.NOT_A_PICTURE, "announces no size")
    # Inside a scan 0xff is followed by zero or a restart marker, so these two bytes are no part of the picture's data.
    if content.find(bytes((0xFF, _EOI)), end) < 0:
        raise Undecodable(Refusal.TRUNCATED, "no end marker")
    return width, height


def _segments(content: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, content and end of each segment in turn; raises where the next one should be and is not."""
    at = 2
    while True:
        at, marker = _next_marker(content, at)
        if marker in _ALONE:
            continue
        if marker == _EOI:
            raise Undecodable(Refusal.NOT_A_PICTURE, "ends without a scan")
        length = int.from_bytes(content[at : at + 2], "big")
        if at + max(length, 2) > len(content):
            raise Undecodable(Refusal.TRUNCATED, f"segment {marker:02x} is cut off")
        yield marker, content[at + 2 : at + length], at + length
        # A length counts its own two bytes; one below two would lead back.
        at += max(length, 2)


def _next_marker(content: bytes, at: int) -> tuple[int, int]:
    """Position after the marker at `at`, and the marker; any number of fill bytes may stand before it."""
    if at < len(content) and content[at] != 0xFF:  # noqa: PLR2004 (what every marker starts with)
        raise Undecodable(Refusal.NOT_A_PICTURE, f"no marker at byte {at}")
    while at < len(content) and content[at] == 0xFF:  # noqa: PLR2004
        at += 1
    if at >= len(content):
        raise Undecodable(Refusal.TRUNCATED, "ends before a scan")
    return at + 1, content[at]
