"""JPEGs that no camera makes, written segment by segment: small files that announce much work, and rare kinds.

The data says only that all is grey, in as few bits as there are codes for: the code of each table is `0`, and where a
table has a second one, `10`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from uuid import uuid4

START, END = b"\xff\xd8", b"\xff\xd9"
BASELINE, PROGRESSIVE = 0xC0, 0xC2
GREY = ((1, 1),)
COLOUR = ((2, 2), (1, 1), (1, 1))
"""Horizontal and vertical sampling of each component, as nearly all photos have them."""
_DHT, _DQT, _SOS, _COM = 0xC4, 0xDB, 0xDA, 0xFE
_END_OF_BLOCK, _END_OF_BLOCKS = 0x00, 0xE0
_SHOT = b"shot "
_MANY = 1 << 14
"""So many blocks, and as many more as 14 bits say, are ended by one code."""


def shot(jpeg: bytes) -> bytes:
    """The same picture as one more shot of a camera: no two are equal, byte for byte. A comment tells them apart."""
    after = 2 if jpeg[2:4] != b"\xff\xe0" else 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:after] + note(_SHOT + uuid4().hex.encode()) + jpeg[after:]


def picture_of(a_shot: bytes) -> bytes:
    """The picture that `shot` was given."""
    before, mark, after = a_shot.partition(_SHOT)
    return before[:-4] + after[32:] if mark else a_shot


def segment(marker: int, body: bytes) -> bytes:
    """A segment with its length."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def note(text: bytes) -> bytes:
    """A comment."""
    return segment(_COM, text)


def frame(
    width: int, height: int, components: Sequence[tuple[int, int]] = GREY, *, kind: int = BASELINE, bits: int = 8
) -> bytes:
    """A start of frame; components are numbered from 1."""
    named = b"".join(bytes((number, wide << 4 | high, 0)) for number, (wide, high) in enumerate(components, 1))
    return segment(kind, struct.pack(">BHHB", bits, height, width, len(components)) + named)


@dataclass
class Jpeg:
    """A JPEG that is written scan by scan."""

    width: int
    height: int
    components: Sequence[tuple[int, int]] = GREY
    kind: int = BASELINE
    bits: int = 8
    pieces: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pieces += [
            START,
            segment(_DQT, bytes(1) + bytes([1] * 64)),
            frame(self.width, self.height, self.components, kind=self.kind, bits=self.bits),
            table(0, b"\x00"),
            table(1, bytes((_END_OF_BLOCKS, _END_OF_BLOCK)) if self.kind == PROGRESSIVE else bytes((_END_OF_BLOCK,))),
        ]

    def whole(self) -> "Jpeg":
        """One scan with all there is, as in a baseline picture."""
        return self._scan(range(1, len(self.components) + 1), (0, 63, 0, 0), "00" * self._blocks(interleaved=True))

    def means(self, high: int = 0, low: int = 0) -> "Jpeg":
        """A scan with the mean of each block of all components."""
        numbers = range(1, len(self.components) + 1)
        return self._scan(numbers, (0, 0, high, low), "0" * self._blocks(interleaved=True))

    def details(self, number: int = 1, first: int = 1, last: int = 63, high: int = 0, low: int = 0) -> "Jpeg":
        """A scan with other coefficients of one component; refines them where `high` is not 0."""
        left, bits = self._blocks(interleaved=False, number=number), ""
        while left >= _MANY:
            run = min(left, 2 * _MANY - 1)
            bits += "0" + format(run - _MANY, "014b")
            left -= run
        return self._scan((number,), (first, last, high, low), bits + "10" * left)

    def end(self) -> bytes:
        """The file."""
        return b"".join([*self.pieces, END])

    def _blocks(self, *, interleaved: bool, number: int = 1) -> int:
        across, down = (max(pair[axis] for pair in self.components) for axis in (0, 1))
        if interleaved and len(self.components) > 1:
            groups = ceil(self.width / across / 8) * ceil(self.height / down / 8)
            return groups * sum(wide * high for wide, high in self.components)
        wide, high = self.components[number - 1]
        return ceil(self.width * wide / across / 8) * ceil(self.height * high / down / 8)

    def _scan(self, numbers: Sequence[int], what: tuple[int, int, int, int], bits: str) -> "Jpeg":
        first, last, high, low = what
        named = b"".join(bytes((number, 0)) for number in numbers)
        self.pieces += [
            segment(_SOS, bytes((len(numbers),)) + named + bytes((first, last, high << 4 | low))),
            _packed(bits),
        ]
        return self


def refining(width: int, height: int, scans: int) -> bytes:
    """A progressive picture with as many scans that look at each coefficient; 13 of them would be sense."""
    jpeg = Jpeg(width, height, kind=PROGRESSIVE).means().details(low=1)
    for _ in range(scans - 2):
        jpeg.details(high=1)
    return jpeg.end()


def narrow(width: int, height: int, scans: int = 1000) -> bytes:
    """A progressive picture with as many scans of one coefficient each."""
    jpeg = Jpeg(width, height, kind=PROGRESSIVE).means().details()
    for number in range(scans - 2):
        jpeg.details(1, 1 + number % 63, 1 + number % 63)
    return jpeg.end()


def usual_progressive(width: int, height: int) -> bytes:
    """The ten scans that encoders write when nobody says otherwise."""
    jpeg = Jpeg(width, height, COLOUR, PROGRESSIVE).means(low=1).details(1, 1, 5, low=2)
    jpeg.details(3, low=1).details(2, low=1).details(1, 6, 63, low=2).details(1, high=2, low=1).means(high=1)
    return jpeg.details(3, high=1).details(2, high=1).details(1, high=1).end()


def table(kind: int, symbols: bytes) -> bytes:
    """A Huffman table; `kind` is 0 for means and 1 for details."""
    lengths = bytes(1 if number < len(symbols) else 0 for number in range(16))
    return segment(_DHT, bytes((kind << 4,)) + lengths + symbols)


def _packed(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
