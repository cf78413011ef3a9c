"""Whole JPEGs out of a stream of bytes, whatever stands between them. Pure.

Cameras announce the parts of a multipart stream in every way: with a wrong length, a wrong type or none, a boundary
that is not the one in the header, or that stands after the first part only. The pictures themselves say where they
begin and end, so nothing else is believed.
"""

from doorbus.wire.segments import EOI, MARKER, SOI

_BEGIN = b"\xff\xd8\xff"
_LENGTH_BYTES = 2


class Splitter:
    """Takes bytes as they come, and gives each JPEG as soon as its last byte is there."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._buffer = bytearray()
        self._at = 0
        """Where to look on in the buffer; 0 while no picture has begun."""
        self.begun = 0
        """Pictures that have begun."""
        self.broken = 0
        """Pictures that another one began in the midst of, or that were larger than they may be."""

    def feed(self, piece: bytes) -> list[bytes]:
        """The pictures that are whole now, oldest first."""
        self._buffer += piece
        pictures = []
        while self._begun() and (end := self._end()):
            pictures.append(bytes(self._buffer[:end]))
            self._drop(end)
        if len(self._buffer) > self._most:
            self.broken += 1
            self._drop(len(self._buffer))
        return pictures

    def _begun(self) -> bool:
        """Whether the buffer begins with a picture, after dropping what stands before it."""
        if self._at:
            return True
        begin = self._buffer.find(_BEGIN)
        if begin < 0:
            self._drop(max(0, len(self._buffer) - len(_BEGIN) + 1))
            return False
        self._begin(begin)
        return True

    def _end(self) -> int:
        """Where the picture ends that the buffer begins with; 0 while its end has not come."""
        while (found := MARKER.search(self._buffer, self._at)) is not None:
            marker, self._at = found[1][0], found.start()
            if marker == EOI:
                return found.end()
            if marker == SOI:
                self.broken += 1
                self._begin(found.start())
                continue
            length = int.from_bytes(self._buffer[found.end() : found.end() + _LENGTH_BYTES], "big")
            after = found.end() + max(length, _LENGTH_BYTES)
            if after > len(self._buffer):
                return 0
            self._at = after
        self._at = max(self._at, len(self._buffer) - 1)
        return 0

    def _begin(self, begin: int) -> None:
        self._drop(begin)
        self._at = 2
        self.begun += 1

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._at = 0
