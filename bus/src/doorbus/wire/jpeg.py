"""What a JPEG says of itself, what decoding would cost, and whether all of it is there; decodes nothing. Pure.

A decoder fills what was lost with grey or garbage and calls it a picture; `pixels` asks the decoder what it noticed,
and this looks for what no decoder notices:

- a progressive picture whose last scans are missing, which is only coarser;
- zeros in place of the data. Bits that are all zero are a valid code, and in nearly all pictures that code stands for
  a coefficient that is not zero: 32 bytes of it would be a block of 63 equal ones, which no camera makes. In a
  progressive picture they would be empty blocks, one by one, which an encoder counts in one code.
"""

from dataclasses import dataclass, field

from doorbus.wire import exif
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.segments import APP1, DHT, SOS, Segment, plain, segments

MOST_PIXELS = 50_000_000
MOST_SIDE = 32_000
"""Pixels; OpenCV warps none that has 32,767."""
MOST_MILLISECONDS = 160.0
"""What decoding may cost, see `Survey.milliseconds`.

So a photo of 12 megapixels (4032x3024) may have 8 MiB, or 4.0 MB as a progressive one of the usual ten scans, and one
of 48 megapixels 8 MiB if it is not progressive. With the time to find the faces it stays below a quarter of a second on
a core of the machine where this was measured (AMD EPYC); a slower one takes longer in proportion.
"""
_PER_SAMPLE = 0.75e-6
"""Milliseconds to turn coefficients into colours."""
_PER_BYTE, _PER_PROGRESSIVE_BYTE = 9e-6, 30e-6
_PER_PASS, _PER_REFINEMENT = 0.15e-6, 0.5e-6
"""Milliseconds for each sample of each scan, however few bytes it has; where a scan refines coefficients the decoder
looks at each of them."""

_SEQUENTIAL = frozenset({0xC0, 0xC1})
_PROGRESSIVE = 0xC2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers; the others in this range are tables."""
_BITS = 8
_COMPONENTS = (b"\x01", b"\x03", b"\x04")
_SAMPLING = range(1, 5)
_BLOCK = 8
"""Width and height of a block in samples."""
_COEFFICIENTS = 64
_LOST = bytes(32)
_STANDARD = {0: 0x01, 1: 0x00}
"""What the code of zeros stands for in the AC tables of T.81, annex K.3, which a JPEG without tables means."""
_AC = 1
_MOST_TABLES = 8
"""One segment has at most so many: four of each class are all that there can be."""
_SIZE = 0xF
"""The bits of a symbol that say how large the coefficient is; none where it ends the block."""


@dataclass(frozen=True)
class Survey:
    """What a JPEG announces."""

    width: int
    """Pixels, before EXIF turns it."""
    height: int
    components: int
    """1 is grey, 3 in colour, 4 CMYK."""
    scans: int
    orientation: int
    """As EXIF counts: 1 is upright, 2 to 8 are turned or mirrored."""
    milliseconds: float
    """How long decoding takes at most, on a core of the machine where this was measured (AMD EPYC, libjpeg-turbo 3).

    Foreseen from samples, bytes and scans. Photos took 0.5 to 1.15 times as long, pictures made to be slow 0.25 to 0.9
    times. To turn one upright, as EXIF asks, takes 2.2 ns a pixel more.
    """
    content: bytes = field(repr=False)
    """All that a decoder needs of it, see `segments.plain`."""

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return self.width * self.height

    def afford(self, pixels: int = MOST_PIXELS) -> None:
        """Raise `Refused`: `too_large` beyond so many pixels, or a side, `too_much_work` beyond `MOST_MILLISECONDS`."""
        if max(self.width, self.height) > MOST_SIDE:
            raise Refused(Refusal.TOO_LARGE, f"{self.width}x{self.height} pixels, {MOST_SIDE:,} a side are allowed")
        if self.pixels > pixels:
            raise Refused(Refusal.TOO_LARGE, f"{self.width}x{self.height} pixels, {pixels:,} are allowed")
        if self.milliseconds > MOST_MILLISECONDS:
            scans = "one scan" if self.scans == 1 else f"{self.scans} scans"
            raise Refused(
                Refusal.TOO_MUCH_WORK, f"{self.pixels / 1e6:.0f} megapixels in {scans}; send a smaller picture"
            )


def survey(content: bytes) -> Survey:
    """What a JPEG announces, if it is whole as far as can be seen without decoding it.

    Bytes before a marker that belong to no segment, and whatever comes after the end, are passed over: cameras put
    padding and notes of their own there. Taken are baseline and progressive pictures of 8 bits with Huffman codes, in
    grey, colour or CMYK, which is what cameras and phones make.

    Raises:
        Refused: `empty`, `not_a_picture`, `truncated` where it ends before its end marker, or `too_much_work` to walk.
    """
    if not content:
        raise Refused(Refusal.EMPTY, "no bytes")
    walk = _Walk(content)
    for segment in segments(content):
        walk.take(segment)
    return walk.result()


class _Walk:
    """What was seen of the segments so far."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._segments: list[Segment] = []
        self._frame = 0
        self._width = self._height = self._scans = 0
        self._orientation: int | None = None
        self._milliseconds = 0.0
        self._samples: dict[int, int] = {}
        """How many samples each component has, in whole blocks."""
        self._tables = dict(_STANDARD)
        """The symbol of the code of zeros of each AC table, by its id."""
        self._missing: dict[int, list[int]] = {}
        """How many low bits of each coefficient have not come yet, by component."""
        self._zeros_are_lost = False
        """Whether this scan cannot hold a run of zeros. Where their code ends a block, a plain wall may be one."""

    def take(self, segment: Segment) -> None:
        """Note one segment. Raises `Refused` where it is none that a picture has."""
        self._segments.append(segment)
        if segment.marker in _FRAMES:
            self._begin_frame(segment)
        elif segment.marker == DHT:
            self._tables |= _zero_codes(segment.body)
        elif segment.marker == SOS:
            self._begin_scan(segment)
            self._look_for_zeros(segment)
        elif segment.marker == APP1 and self._orientation is None and exif.is_exif(segment.body):
            self._orientation = exif.orientation(segment.body)

    def result(self) -> Survey:
        """What was found. Raises `Refused` where a part is missing."""
        if not self._scans:
            raise Refused(Refusal.NOT_A_PICTURE, "ends without a scan")
        if any(any(bits) for bits in self._missing.values()):
            raise Refused(Refusal.NOT_A_PICTURE, "scans are missing")
        orientation = exif.UPRIGHT if self._orientation is None else self._orientation
        components = len(self._missing)
        content = plain(self._content, self._segments, components, sequential=self._frame in _SEQUENTIAL)
        return Survey(self._width, self._height, components, self._scans, orientation, self._milliseconds, content)

    def _begin_frame(self, segment: Segment) -> None:
        if self._frame:
            raise Refused(Refusal.NOT_A_PICTURE, "announces its size twice")
        self._frame, body = segment.marker, segment.body
        if self._frame not in _SEQUENTIAL and self._frame != _PROGRESSIVE:
            raise Refused(Refusal.NOT_A_PICTURE, "lossless, hierarchical or with arithmetic coding")
        self._height, self._width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        if not self._width or not self._height:
            raise Refused(Refusal.NOT_A_PICTURE, "announces no size")
        if body[0] != _BITS:
            raise Refused(Refusal.NOT_A_PICTURE, f"has {body[0]} bits a colour, {_BITS} are taken")
        components = body[6:]
        if body[5:6] not in _COMPONENTS or len(components) != 3 * body[5]:
            raise Refused(Refusal.NOT_A_PICTURE, "is neither grey nor in colour nor CMYK")
        self._missing = {component: [1] * _COEFFICIENTS for component in components[::3]}
        self._count_samples(components)

    def _count_samples(self, components: bytes) -> None:
        factors = [(both >> 4, both & 0xF) for both in components[1::3]]
        if any(one not in _SAMPLING for pair in factors for one in pair):
            raise Refused(Refusal.NOT_A_PICTURE, "has colours of no resolution")
        if len(factors) == 1:
            factors = [(1, 1)]
        across, down = (_BLOCK * max(pair[axis] for pair in factors) for axis in (0, 1))
        groups = -(-self._width // across) * -(-self._height // down)
        for component, (wide, high) in zip(components[::3], factors, strict=True):
            samples = groups * wide * high * _BLOCK**2
            self._samples[component] = self._samples.get(component, 0) + samples
        self._milliseconds += _PER_SAMPLE * sum(self._samples.values())

    def _begin_scan(self, segment: Segment) -> None:
        if not self._frame:
            raise Refused(Refusal.NOT_A_PICTURE, "announces no size")
        self._scans += 1
        body = segment.body
        count = body[0] if body else 0
        components, rest = body[1 : 1 + 2 * count], body[1 + 2 * count :]
        progressive = self._frame == _PROGRESSIVE
        self._zeros_are_lost = not progressive and any(
            self._tables.get(both & 0xF, 0) & _SIZE for both in components[1::2]
        )
        first, last, high, low = 0, _COEFFICIENTS - 1, 0, 0
        if progressive and len(rest) >= 3:  # noqa: PLR2004 (first and last coefficient, and both bits)
            first, last, high, low = rest[0], min(rest[1], last), rest[2] >> 4, rest[2] & 0xF
            self._zeros_are_lost = first > 0
        for component in components[::2]:
            bits = self._missing.get(component)
            if bits is not None:
                bits[first : last + 1] = [low] * (last + 1 - first)
        samples = sum(self._samples.get(component, 0) for component in components[::2])
        self._milliseconds += samples * (_PER_REFINEMENT if high and first else _PER_PASS)
        self._milliseconds += (segment.end - segment.data) * (_PER_PROGRESSIVE_BYTE if progressive else _PER_BYTE)

    def _look_for_zeros(self, scan: Segment) -> None:
        if self._zeros_are_lost and self._content.find(_LOST, scan.data, scan.end) >= 0:
            raise Refused(Refusal.NOT_A_PICTURE, "zeros in place of a part of the picture")


def _zero_codes(segment: bytes) -> dict[int, int]:
    """The symbol of the code of zeros of each AC table in a DHT segment: the first of the shortest."""
    codes = {}
    at = 0
    for _ in range(_MOST_TABLES):
        if at + 17 >= len(segment):
            break
        kind, lengths = segment[at], segment[at + 1 : at + 17]
        if kind >> 4 == _AC:
            codes[kind & 0xF] = segment[at + 17]
        at += 17 + sum(lengths)
    return codes
