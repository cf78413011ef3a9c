"""What a JPEG says of itself, and whether all of it is there, before any pixel is decoded. Pure.

Follows the marker structure of ITU-T T.81, annex B. A decoder fills what was lost with grey or garbage and calls it a
picture; `pixels` asks the decoder what it noticed, and this looks for what no decoder notices:

- a progressive picture whose last scans are missing, which is only coarser;
- zeros in place of the data. Bits that are all zero are a valid code, and in nearly all pictures that code stands for
  a coefficient that is not zero: 32 bytes of it would be a block of 63 equal ones, which no camera makes. In a
  progressive picture they would be empty blocks, one by one, which an encoder counts in one code.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from doorbus.wire.codec import Refusal, Refused

MOST_PIXELS = 50_000_000
MOST_WORK = 150_000_000
"""Pixels times scans: 15 megapixels with the ten scans of a usual progressive JPEG. A decoder goes over the whole
picture in each scan, however few bytes it has, so that this says how long it takes; the size of the file does not."""

_SOI, _EOI, _SOS, _DHT, _APP1 = 0xD8, 0xD9, 0xDA, 0xC4, 0xE1
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_PROGRESSIVE_HUFFMAN, _PROGRESSIVE_ARITHMETIC = 0xC2, 0xCA
_PROGRESSIVE = frozenset({_PROGRESSIVE_HUFFMAN, _PROGRESSIVE_ARITHMETIC})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers; the others in this range are tables."""
_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd7])")
"""Whatever begins a segment, ends the picture, or begins another: not stuffing, fill bytes, TEM and the restarts."""
_COEFFICIENTS = 64
_LOST = bytes(32)
_STANDARD = {0: 0x01, 1: 0x00}
"""What the code of zeros stands for in the AC tables of T.81, annex K.3, which a JPEG without tables means."""
_AC = 1
_SIZE = 0xF
"""The bits of a symbol that say how large the coefficient is; none where it ends the block."""
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_UPRIGHT = 1


@dataclass(frozen=True)
class Survey:
    """What a JPEG announces."""

    width: int
    """Pixels, before EXIF turns it."""
    height: int
    scans: int
    orientation: int
    """As EXIF counts: 1 is upright, 2 to 8 are turned or mirrored."""

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return self.width * self.height

    def afford(self, pixels: int = MOST_PIXELS, work: int = MOST_WORK) -> None:
        """Raise `Refused` as `too_large` beyond so many pixels, or so much `work` in pixels times scans."""
        if self.pixels > pixels:
            raise Refused(Refusal.TOO_LARGE, f"{self.width}x{self.height} pixels, {pixels:,} are allowed")
        if self.pixels * self.scans > work:
            most = work // self.pixels
            raise Refused(Refusal.TOO_LARGE, f"{self.scans} scans of {self.width}x{self.height}, {most} are allowed")


def survey(content: bytes) -> Survey:
    """What a JPEG announces, if it is whole as far as can be seen without decoding it.

    Bytes before a marker that belong to no segment, and whatever comes after the end, are passed over: cameras put
    padding and notes of their own there.

    Raises:
        Refused: `empty`, `not_a_picture`, or `truncated` where it ends before its end marker.
    """
    if not content:
        raise Refused(Refusal.EMPTY, "no bytes")
    if not content.startswith(bytes((0xFF, _SOI))):
        raise Refused(Refusal.NOT_A_PICTURE, f"starts with {content[:4].hex(' ')}, a JPEG with ff d8")
    walk = _Walk()
    for segment in _segments(content):
        walk.take(segment)
        if segment.marker == _SOS:
            walk.look_for_zeros(content, segment)
    return walk.result()


def tidied(content: bytes) -> bytes:
    """A whole JPEG without the bytes that belong to no segment and no scan."""
    segments = list(_segments(content))
    end = _MARKER.search(content, segments[-1].end if segments else 2)
    pieces = (content[each.begin : each.end] for each in segments)
    return b"".join([content[:2], *pieces, content[end.start() :] if end else b""])


class _Segment(NamedTuple):
    """One segment, a scan with the data that follows it."""

    marker: int
    body: bytes
    """Without marker and length."""
    begin: int
    """Where its marker stands."""
    data: int
    """Where the data of a scan begins."""
    end: int


class _Walk:
    """What was seen of the segments so far."""

    def __init__(self) -> None:
        self._frame = 0
        self._width = self._height = self._scans = 0
        self._orientation = _UPRIGHT
        self._tables = dict(_STANDARD)
        """By id, the symbol of each AC table's code of zeros."""
        self._missing: dict[int, list[int]] = {}
        """By component, how many low bits of each coefficient have not come yet."""
        self._zeros_are_lost = False
        """Whether this scan cannot hold a run of zeros. Where their code ends a block, a plain wall may be one."""

    def take(self, segment: _Segment) -> None:
        """Note one segment."""
        if segment.marker in _FRAMES:
            self._begin_frame(segment)
        elif segment.marker == _DHT:
            self._tables |= _zero_codes(segment.body)
        elif segment.marker == _SOS:
            self._begin_scan(segment.body)
        elif segment.marker == _APP1 and segment.body.startswith(_EXIF):
            self._orientation = _orientation(segment.body[len(_EXIF) :])

    def look_for_zeros(self, content: bytes, scan: _Segment) -> None:
        """Refuse a scan that holds a run of zeros which is no picture."""
        if self._zeros_are_lost and content.find(_LOST, scan.data, scan.end) >= 0:
            raise Refused(Refusal.NOT_A_PICTURE, "zeros in place of a part of the picture")

    def result(self) -> Survey:
        """What was found. Raises `Refused` where a part is missing."""
        if not self._width or not self._height:
            raise Refused(Refusal.NOT_A_PICTURE, "announces no size")
        if not self._scans:
            raise Refused(Refusal.NOT_A_PICTURE, "ends without a scan")
        if any(any(bits) for bits in self._missing.values()):
            raise Refused(Refusal.NOT_A_PICTURE, "scans are missing")
        return Survey(self._width, self._height, self._scans, self._orientation)

    def _begin_frame(self, segment: _Segment) -> None:
        self._frame, body = segment.marker, segment.body
        self._height, self._width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        self._missing = {component: [1] * _COEFFICIENTS for component in body[6::3]}

    def _begin_scan(self, body: bytes) -> None:
        self._scans += 1
        count = body[0] if body else 0
        components, rest = body[1 : 1 + 2 * count], body[1 + 2 * count :]
        self._zeros_are_lost = self._frame in _SEQUENTIAL and any(
            self._tables.get(both & 0xF, 0) & _SIZE for both in components[1::2]
        )
        first, last, low = 0, _COEFFICIENTS - 1, 0
        if self._frame in _PROGRESSIVE and len(rest) >= 3:  # noqa: PLR2004 (first and last coefficient, and both bits)
            first, last, low = rest[0], min(rest[1], last), rest[2] & 0xF
            self._zeros_are_lost = self._frame == _PROGRESSIVE_HUFFMAN and first > 0
        for component in components[::2]:
            bits = self._missing.get(component)
            if bits is not None:
                bits[first : last + 1] = [low] * (last + 1 - first)


def _segments(content: bytes) -> Iterator[_Segment]:
    """Each segment in turn until the end marker; raises `Refused` if there is none."""
    at = 2
    while (found := _MARKER.search(content, at)) is not None:
        marker, begin, body = found[1][0], found.start(), found.end()
        if marker == _EOI:
            return
        if marker == _SOI:
            raise Refused(Refusal.TRUNCATED, "another picture begins before it ends")
        # A length counts its own two bytes; one below two would lead back.
        data = end = body + max(2, int.from_bytes(content[body : body + 2], "big"))
        if end > len(content):
            break
        if marker == _SOS:
            following = _MARKER.search(content, data)
            end = following.start() if following else len(content)
        yield _Segment(marker, content[body + 2 : data], begin, data, end)
        at = end
    raise Refused(Refusal.TRUNCATED, "no end marker")


def _zero_codes(segment: bytes) -> dict[int, int]:
    """The symbol of the code of zeros of each AC table in a DHT segment: the first of the shortest."""
    codes = {}
    at = 0
    while at + 17 < len(segment):
        kind, lengths = segment[at], segment[at + 1 : at + 17]
        if kind >> 4 == _AC:
            codes[kind & 0xF] = segment[at + 17]
        at += 17 + sum(lengths)
    return codes


def _orientation(tiff: bytes) -> int:
    """The orientation in the first directory of EXIF data; upright where it names none that there is."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return _UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for number in range(entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * number)
            if tag == _ORIENTATION:
                return value if value in range(1, 9) else _UPRIGHT
    except struct.error:
        pass
    return _UPRIGHT
