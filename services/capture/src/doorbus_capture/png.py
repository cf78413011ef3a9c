"""PNG as its decoder has nothing to say about, or a refusal. Pure.

libpng writes what it dislikes to standard error, and cannot be told not to. So it gets a picture of which nothing is
wrong: the header, the palette and the data, all of them checked, and no notes.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from doorbus.wire import exif
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.jpeg import MOST_SIDE

START = b"\x89PNG\r\n\x1a\n"
MOST_BYTES, MOST_PIXELS = 33_000_000, 12_500_000
"""Of pixels, before they are compressed: 11 megapixels in colour. They take 250 ms on a core of an AMD EPYC."""
_MOST_CHUNKS = 16_384
_FRAME = 12
"""Bytes of a chunk besides its data: length, kind and checksum."""
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""By kind of colour, the bits that a sample may have."""
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_COLOUR = 3
_BEST_FILTER = 4
_INTERLACED = 1
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced picture: first column and row, and the steps between them."""


class _Header(NamedTuple):
    width: int
    height: int
    depth: int
    colour: int
    compression: int
    filters: int
    interlaced: int

    def check(self) -> None:
        good = (
            0 < self.width <= MOST_SIDE and 0 < self.height <= MOST_SIDE and self.depth in _DEPTHS.get(self.colour, ())
        )
        if not good or self.compression or self.filters or self.interlaced > _INTERLACED:
            raise Refused(Refusal.NOT_A_PICTURE, "the header of the PNG is none")

    def passes(self) -> Iterator[tuple[int, int]]:
        """Bytes of a row, its filter included, and how many rows, in the order of the data."""
        whole = ((0, 0, 1, 1),)
        for left, top, across, down in _PASSES if self.interlaced else whole:
            columns, rows = -(-(self.width - left) // across), -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                yield 1 + -(-columns * self.depth * _SAMPLES[self.colour] // 8), rows


def plain(content: bytes) -> bytes:
    """The same picture with nothing in it that is not needed.

    Raises:
        Refused: `not_a_picture` when a part of it is lost or wrong, `too_much_work` beyond `MOST_BYTES` of pixels.
    """
    header: _Header | None = None
    palette, turned, data = b"", b"", []
    for kind, body in _chunks(content):
        if kind == b"IHDR" and header is None and len(body) == 13:  # noqa: PLR2004 (what the struct below takes)
            header = _Header(*struct.unpack(">IIBBBBB", body))
            header.check()
        elif kind == b"PLTE":
            palette = body
        elif kind == b"eXIf":
            turned = _chunk(b"eXIf", exif.saying(exif.orientation(exif.START + body))[len(exif.START) :])
        elif kind == b"IDAT":
            data.append(body)
    if header is None or (header.colour == _PALETTE and not _is_palette(palette)):
        raise Refused(Refusal.NOT_A_PICTURE, "a part of the PNG is lost")
    rows = zlib.compress(_rows(b"".join(data), header), level=0)
    colours = _chunk(b"PLTE", palette.ljust(_COLOUR << header.depth, b"\0")) if header.colour == _PALETTE else b""
    return b"".join(
        [
            START,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", *header)),
            colours,
            turned,
            _chunk(b"IDAT", rows),
            _chunk(b"IEND"),
        ]
    )


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each chunk, up to the end of the picture."""
    at = len(START)
    for _ in range(_MOST_CHUNKS):
        end = at + _FRAME + int.from_bytes(content[at : at + 4], "big")
        if end > len(content):
            break
        if zlib.crc32(content[at + 4 : end - 4]).to_bytes(4, "big") != content[end - 4 : end]:
            break
        kind = content[at + 4 : at + 8]
        if kind == b"IEND":
            return
        yield kind, content[at + 8 : end - 4]
        at = end
    raise Refused(Refusal.NOT_A_PICTURE, "a part of the PNG is lost")


def _rows(data: bytes, header: _Header) -> bytes:
    """The rows in compressed data. Raises `Refused` where they are too many, too few, or none."""
    expected = sum(row * rows for row, rows in header.passes())
    if expected > MOST_BYTES or header.width * header.height > MOST_PIXELS:
        size = f"{header.width}x{header.height} pixels of {header.depth * _SAMPLES[header.colour]} bits"
        raise Refused(Refusal.TOO_MUCH_WORK, f"{size}; send a smaller picture")
    inflating = zlib.decompressobj()
    try:
        pixels = inflating.decompress(data, expected + 1)
    except zlib.error:
        pixels = b""
    if len(pixels) != expected or not inflating.eof or inflating.unused_data:
        raise Refused(Refusal.NOT_A_PICTURE, "a part of the PNG is lost")
    at = 0
    for row, rows in header.passes():
        if max(pixels[at : at + row * rows : row]) > _BEST_FILTER:
            raise Refused(Refusal.NOT_A_PICTURE, "a row of the PNG is none")
        at += row * rows
    return pixels


def _is_palette(palette: bytes) -> bool:
    return bool(palette) and len(palette) % _COLOUR == 0


def _chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
