"""Pictures as accidents and attackers make them, from the sample pictures: the same ones for the same seed."""

import functools
import itertools
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from doorbus.wire import exif
from support.jpegs import (
    BASELINE,
    COLOUR,
    END,
    PROGRESSIVE,
    START,
    Jpeg,
    frame,
    narrow,
    note,
    refining,
    segment,
    table,
    usual_progressive,
)

SCAN = b"\xff\xda"
_APP1, _APP2 = 0xE1, 0xE2
_DAC = 0xCC


@dataclass(frozen=True)
class Sample:
    """A picture with a face, as pixels and as a JPEG."""

    pixels: np.ndarray
    plain: bytes
    progressive: bytes
    restarts: bytes

    @classmethod
    def read(cls, path: Path) -> "Sample":
        """One at most 640 pixels wide, as frames are."""
        pixels = np.asarray(cv2.imread(str(path)))
        scale = min(1.0, 640 / pixels.shape[1])
        return cls.of(np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))

    @classmethod
    def of(cls, pixels: np.ndarray) -> "Sample":
        """One of these pixels."""
        return cls(
            pixels,
            _encoded(pixels),
            _encoded(pixels, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
            _encoded(pixels, cv2.IMWRITE_JPEG_RST_INTERVAL, 8),
        )


Make = Callable[[Sample, random.Random], bytes]


def corpus(folder: Path, count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """So many pictures, each kind in turn, with the name of the kind."""
    samples = [Sample.read(path) for path in sorted(folder.glob("*.jpg"))]
    for number, (kind, make) in enumerate(itertools.islice(itertools.cycle(KINDS.items()), count)):
        chance = random.Random(f"{seed}-{number}")  # noqa: S311 (the same garbage each time)
        yield kind, make(samples[number % len(samples)], chance)


def _encoded(pixels: np.ndarray, *options: int) -> bytes:
    quality = () if cv2.IMWRITE_JPEG_QUALITY in options[::2] else (cv2.IMWRITE_JPEG_QUALITY, 88)
    content: bytes = cv2.imencode(".jpg", pixels, [*quality, *options])[1].tobytes()
    return content


def _data(content: bytes) -> int:
    """Where the data of the first scan begin."""
    at = content.index(SCAN)
    return at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")


def _flipped(content: bytes, chance: random.Random, begin: int, end: int, most: int) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, most)):
        changed[chance.randrange(begin, end)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _within(content: bytes, chance: random.Random, most: int = 4096) -> tuple[int, int]:
    """A part of the data."""
    begin = chance.randrange(_data(content), len(content) - 2)
    return begin, min(len(content) - 2, begin + chance.randint(1, most))


def _zeros(content: bytes, chance: random.Random) -> bytes:
    begin, end = _within(content, chance)
    return content[:begin] + bytes(end - begin) + content[end:]


def _noise(content: bytes, chance: random.Random) -> bytes:
    begin, end = _within(content, chance)
    return content[:begin] + chance.randbytes(end - begin) + content[end:]


def _missing(content: bytes, chance: random.Random) -> bytes:
    begin, end = _within(content, chance)
    return content[:begin] + content[end:]


def _cut(content: bytes, chance: random.Random, *, closed: bool) -> bytes:
    return content[: chance.randrange(2, len(content) - 2)] + (END if closed else b"")


def _spliced(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))] + content[chance.randrange(len(content)) :]


def _resized(content: bytes, width: int, height: int) -> bytes:
    """Another size announced than there is."""
    at = next(at for at in (content.find(b"\xff\xc0\x00\x11"), content.find(b"\xff\xc2\x00\x11")) if at >= 0) + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def _with(content: bytes, *segments: bytes) -> bytes:
    return content[:2] + b"".join(segments) + content[2:]


def _turned(content: bytes, orientation: int) -> bytes:
    return _with(content, segment(_APP1, exif.saying(orientation)))


def _stretched(sample: Sample, width: int, height: int) -> bytes:
    return _encoded(np.asarray(cv2.resize(sample.pixels, (width, height))))


def _cmyk(sample: Sample) -> bytes:
    ink = 255 - np.dstack([sample.pixels[:, :, ::-1], np.full(sample.pixels.shape[:2], 255, np.uint8)])
    content: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(ink), 88, "CMYK", "444")
    return content


def _large(sample: Sample, chance: random.Random, *options: int) -> bytes:
    """A photo of 12 megapixels."""
    large = np.asarray(cv2.resize(sample.pixels, (4032, 3024), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    noise = np.random.default_rng(chance.randrange(1 << 30)).integers(0, 6, large.shape, dtype=np.uint8)
    return _encoded(np.minimum(large, 249) + noise, *options)


def _rare(chance: random.Random) -> bytes:
    kind = chance.choice([0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD])
    return Jpeg(320, 240, kind=kind).whole().end()


def _arithmetic(content: bytes) -> bytes:
    """Said to be coded arithmetically, with the conditioning that this has in place of tables."""
    coded = content.replace(b"\xff\xc0\x00\x11", b"\xff\xc9\x00\x11").replace(b"\xff\xc2\x00\x11", b"\xff\xca\x00\x11")
    return _with(coded, segment(_DAC, b"\x00\x10\x10\x05"))


def _other(sample: Sample, chance: random.Random) -> bytes:
    content: bytes = cv2.imencode(chance.choice(_ENDINGS), sample.pixels)[1].tobytes()
    return content


def _animated(sample: Sample, ending: str) -> bytes:
    animation = cv2.Animation()
    animation.frames = [np.asarray(cv2.resize(sample.pixels, (160, 120))), np.full((120, 160, 3), 127, np.uint8)]
    animation.durations = [100, 100]
    content: bytes = cv2.imencodeanimation(ending, animation)[1].tobytes()
    return content


@functools.cache
def _bomb() -> bytes:
    """A PNG of 100 kB that fills 100 megabytes."""
    pieces = (
        (b"IHDR", struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(10_001 * 10_000), 9)),
        (b"IEND", b""),
    )
    parts = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in pieces
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@functools.cache
def _enormous() -> bytes:
    """All 100 megapixels that it announces are there."""
    return Jpeg(10_000, 10_000, COLOUR).whole().end()


def _odd_colours(chance: random.Random) -> bytes:
    components = [(chance.randint(0, 5), chance.randint(0, 5)) for _ in range(chance.choice([0, 1, 2, 3, 4, 5, 200]))]
    return Jpeg(64, 48).whole().end().replace(frame(64, 48), frame(64, 48, components))


def _random_scans(chance: random.Random) -> bytes:
    jpeg = Jpeg(chance.randint(1, 600), chance.randint(1, 600), kind=PROGRESSIVE).means(low=chance.randint(0, 2))
    for _ in range(chance.randint(1, 30)):
        jpeg.details(1, chance.randint(0, 63), chance.randint(0, 63), chance.randint(0, 3), chance.randint(0, 3))
    return jpeg.end()


BUSY = (
    refining(7000, 7000, 30),
    refining(2000, 2000, 1000),
    narrow(7000, 7000),
    usual_progressive(7000, 7000),
    Jpeg(7000, 7000, COLOUR, PROGRESSIVE).means().end(),
    Jpeg(7000, 7000, ((1, 1),) * 4).whole().end(),
)
NEARLY_TOO_BUSY = (
    refining(3000, 3000, 33),
    narrow(1000, 1000, 900),
    refining(2000, 2000, 70),
    usual_progressive(6000, 5000),
)
_ENDINGS: Sequence[str] = (".png", ".bmp", ".webp", ".tiff", ".gif", ".jp2", ".ppm")
_ANIMATED: Sequence[str] = (".gif", ".png", ".webp")
_CONTAINERS: Sequence[bytes] = (
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    b"\0\0\0\x0cJXL \r\n\x87\n",
    b"RIFF\xff\xff\0\0AVI LIST",
    b"\xff\xd8\xff\xf7",  # JPEG-LS
    b"%PDF-1.7\n",
    b"PK\x03\x04",
)

KINDS: dict[str, Make] = {
    "whole": lambda s, _: s.plain,
    "flipped bits": lambda s, c: _flipped(s.plain, c, 0, len(s.plain), 20),
    "flipped bits in the header": lambda s, c: _flipped(s.plain, c, 2, _data(s.plain), 5),
    "flipped bits in the data": lambda s, c: _flipped(s.plain, c, _data(s.plain), len(s.plain), 5),
    "cut": lambda s, c: _cut(s.plain, c, closed=False),
    "cut and closed": lambda s, c: _cut(s.plain, c, closed=True),
    "zeros inside": lambda s, c: _zeros(s.plain, c),
    "noise inside": lambda s, c: _noise(s.plain, c),
    "bytes missing": lambda s, c: _missing(s.plain, c),
    "spliced": lambda s, c: _spliced(s.plain, c),
    "turned": lambda s, c: _turned(s.plain, c.randrange(10)),
    "turned, exif damaged": lambda s, c: _flipped(_turned(s.plain, c.randrange(10)), c, 4, 42, 5),
    "progressive": lambda s, _: s.progressive,
    "progressive, flipped bits": lambda s, c: _flipped(s.progressive, c, 0, len(s.progressive), 20),
    "progressive, cut and closed": lambda s, c: _cut(s.progressive, c, closed=True),
    "progressive, zeros inside": lambda s, c: _zeros(s.progressive, c),
    "restarts": lambda s, _: s.restarts,
    "restarts, flipped bits": lambda s, c: _flipped(s.restarts, c, _data(s.restarts), len(s.restarts), 20),
    "restarts, bytes missing": lambda s, c: _missing(s.restarts, c),
    "grey": lambda s, _: _encoded(np.asarray(s.pixels[:, :, 1])),
    "CMYK": lambda s, _: _cmyk(s),
    "CMYK, flipped bits": lambda s, c: _flipped(_cmyk(s), c, 0, 2000, 5),
    "any quality": lambda s, c: _encoded(s.pixels, cv2.IMWRITE_JPEG_QUALITY, c.randint(1, 100)),
    "1x1": lambda s, _: _encoded(np.asarray(s.pixels[:1, :1])),
    "very small": lambda s, c: _stretched(s, c.randint(1, 20), c.randint(1, 20)),
    "very wide": lambda s, c: _stretched(s, c.choice([5000, 31_000, 40_000, 65_000]), c.randint(1, 20)),
    "very high": lambda s, c: _stretched(s, c.randint(1, 20), c.choice([5000, 31_000, 40_000, 65_000])),
    "wrong size": lambda s, c: _resized(s.plain, c.randint(0, 2000), c.randint(0, 2000)),
    "progressive, wrong size": lambda s, c: _resized(s.progressive, c.randint(0, 2000), c.randint(0, 2000)),
    "absurd size": lambda s, c: _resized(s.plain, c.randint(6000, 65_535), c.randint(6000, 65_535)),
    "100 megapixels": lambda s, c: c.choice([_resized(s.plain, 10_000, 10_000), _enormous()]),
    "12 megapixels": _large,
    "12 megapixels, progressive": lambda s, c: _large(s, c, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "too many scans": lambda _, c: c.choice(BUSY),
    "many scans": lambda _, c: c.choice(NEARLY_TOO_BUSY),
    "random scans": lambda _, c: _random_scans(c),
    "rare kinds": lambda _, c: _rare(c),
    "coded arithmetically": lambda s, c: _arithmetic(c.choice([s.plain, s.progressive])),
    "12 bits": lambda *_: Jpeg(320, 240, bits=12, kind=0xC1).whole().end(),
    "odd colours": lambda _, c: _odd_colours(c),
    "many notes": lambda s, c: _with(s.plain, note(c.randbytes(10)) * c.choice([10, 1000, 100_000])),
    "many tables": lambda s, c: _with(s.plain, table(1, b"\x00\x01") * c.choice([10, 1000, 100_000])),
    "a thumbnail inside": lambda s, c: _with(
        s.plain, segment(_APP1, exif.saying(1) + _cut(s.plain, c, closed=True)[:60_000])
    ),
    "a colour profile of noise": lambda s, c: _with(s.plain, segment(_APP2, b"ICC_PROFILE\0" + c.randbytes(1000))),
    "two pictures": lambda s, _: s.plain + s.plain,
    "bytes behind": lambda s, c: s.plain + c.randbytes(c.randint(1, 100_000)),
    "a header and noise": lambda s, c: s.plain[: _data(s.plain)] + c.randbytes(c.randint(0, 100_000)) + END,
    "noise": lambda _, c: START + c.randbytes(c.randint(0, 100_000)) + END,
    "an empty picture": lambda _, c: Jpeg(c.randint(1, 900), c.randint(1, 900), COLOUR, BASELINE).whole().end(),
    "another format": _other,
    "another format, flipped bits": lambda s, c: _flipped(other := _other(s, c), c, 0, len(other), 20),
    "another format, cut": lambda s, c: (other := _other(s, c))[: c.randrange(2, len(other))],
    "PNG of 16 bits": lambda s, _: cv2.imencode(".png", s.pixels.astype(np.uint16) * 257)[1].tobytes(),
    "PNG of 100 megapixels": lambda *_: _bomb(),
    "animated": lambda s, c: _animated(s, c.choice(_ANIMATED)),
    "another container": lambda s, c: c.choice(_CONTAINERS) + c.choice([s.plain, c.randbytes(5000)]),
    "nothing": lambda *_: b"",
    "zeros": lambda _, c: c.choice([b"", START]) + bytes(c.randint(1, 100_000)) + c.choice([b"", END]),
    "text": lambda _, c: c.choice([b"UNLOCK", b"{}", b"<html>", b"GIF89a", START, END]),
}
