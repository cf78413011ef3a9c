"""The segments of a JPEG, as ITU-T T.81, annex B, lays them down. Pure; takes time in proportion to the bytes."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from doorbus.wire.codec import Refusal, Refused

SOI, EOI, SOS, DHT, APP1 = 0xD8, 0xD9, 0xDA, 0xC4, 0xE1
MOST_SEGMENTS = 1024
"""Photos have up to about 150: notes of their makers, and tables and data of each scan."""
_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd7])")
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


def tidied(content: bytes) -> bytes:
    """A whole JPEG without the bytes that belong to no segment and no scan."""
    found = list(segments(content))
    end = _MARKER.search(content, found[-1].end if found else 2)
    pieces = (content[each.begin : each.end] for each in found)
    return b"".join([content[:2], *pieces, content[end.start() :] if end else b""])


def _next(content: bytes, at: int) -> Segment | None:
    """The segment that begins after `at`; None at the end marker."""
    found = _MARKER.search(content, at)
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
        following = _MARKER.search(content, data)
        end = following.start() if following else len(content)
    return Segment(marker, content[body + 2 : data], found.start(), data, end)
