"""The segments of a JPEG, as ITU-T T.81, annex B, lays them down. Pure; takes time in proportion to the bytes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from doorbus.wire.codec import Refusal, Refused

SOI, EOI, SOS, DHT, APP1 = 0xD8, 0xD9, 0xDA, 0xC4, 0xE1
MOST_SEGMENTS = 1024
"""Photos have up to about 150: notes of their makers, and tables and data of each scan."""
_APP0, _APP14, _COM = 0xE0, 0xEE, 0xFE
_NOTES = frozenset({*range(0xE1, 0xF0), _COM}) - {_APP14}
_JFIF, _VERSION = b"JFIF\0", b"\x01\x01"
_ADOBE, _TRANSFORM = b"Adobe", 11
_TRANSFORMS: dict[int, Sequence[int]] = {3: (0, 1), 4: (0, 2)}
"""By the number of components, the transforms of colours that Adobe has; the second stands for any other."""
_ALL = b"\x00\x3f\x00"
"""What a sequential scan has to say of its coefficients: all, whole."""
MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd7])")
"""Whatever begins a segment, ends the picture, or begins another: not stuffing, fill bytes, TEM and the restarts."""


class Segment(NamedTuple):
    """One segment, a scan with the data that follows it."""

    marker: int
    body: bytes
    """What it holds, without marker and length."""
    begin: int
    """Where its marker stands."""
    data: int
    """Where the data of a scan begins."""
    end: int


def segments(content: bytes) -> Iterator[Segment]:
    """Each segment in turn until the end marker.

    Raises:
        Refused: `not_a_picture` where no JPEG begins, `truncated` where it ends before its end marker, `too_much_work`
            when there are more than `MOST_SEGMENTS`.
    """
    if not content.startswith(bytes((0xFF, SOI))):
        raise Refused(Refusal.NOT_A_PICTURE, f"starts with {content[:4].hex(' ')}, a JPEG with ff d8")
    at = 2
    for _ in range(MOST_SEGMENTS + 1):
        segment = _next(content, at)
        if segment is None:
            return
        yield segment
        at = segment.end
    raise Refused(Refusal.TOO_MUCH_WORK, f"more than {MOST_SEGMENTS} segments; send a plain picture")


def plain(content: bytes, found: Iterable[Segment], components: int, *, sequential: bool) -> bytes:
    """A JPEG of these segments, without bytes between them and without notes, as what decodes to the same picture.

    A decoder tells one remark of all that it makes. What it says of headers is repaired here, so that it is of what was
    lost, if anything was.
    """
    pieces = [_unremarkable(content, each, components, sequential=sequential) for each in found]
    return b"".join([content[:2], *pieces, bytes((0xFF, EOI))])


def _unremarkable(content: bytes, segment: Segment, components: int, *, sequential: bool) -> bytes:
    """The segment with nothing to remark on, as long as it was, or nothing at all if it is a note."""
    marker, body = segment.marker, bytearray(segment.body)
    if marker in _NOTES:
        return b""
    if marker == SOS and sequential and len(body) > len(_ALL):
        body[-len(_ALL) :] = _ALL
    elif marker == _APP0 and body.startswith(_JFIF) and len(body) > len(_JFIF) + 1:
        body[len(_JFIF) : len(_JFIF) + 2] = _VERSION
    elif marker == _APP14 and body.startswith(_ADOBE) and len(body) > _TRANSFORM:
        known = _TRANSFORMS.get(components, range(256))
        body[_TRANSFORM] = body[_TRANSFORM] if body[_TRANSFORM] in known else known[1]
    return content[segment.begin : segment.begin + 4] + body + content[segment.data : segment.end]


def _next(content: bytes, at: int) -> Segment | None:
    """The segment that begins after `at`; None at the end marker."""
    found = MARKER.search(content, at)
    if found is None:
        raise Refused(Refusal.TRUNCATED, "no end marker")
    marker, body = found[1][0], found.end()
    if marker == EOI:
        return None
    if marker == SOI:
        raise Refused(Refusal.TRUNCATED, "another picture begins before it ends")
    # A length counts its own two bytes; one below two would lead back.
    data = end = body + max(2, int.from_bytes(content[body : body + 2], "big"))
    if end > len(content):
        raise Refused(Refusal.TRUNCATED, "no end marker")
    if marker == SOS:
        following = MARKER.search(content, data)
        end = following.start() if following else len(content)
    return Segment(marker, content[body + 2 : data], found.start(), data, end)
