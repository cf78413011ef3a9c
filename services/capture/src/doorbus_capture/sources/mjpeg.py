"""A camera that sends one JPEG after the other in one answer to HTTP, as multipart/x-mixed-replace or otherwise."""

from collections.abc import Callable

from doorbus.runtime.clock import Clock
from doorbus.wire.codec import JPEG_START, Refused
from doorbus_capture.imaging import decode
from doorbus_capture.sources.snapshot import MAX_BYTES
from doorbus_capture.sources.source import HINT, PictureMissed, Shot, Source, SourceError
from doorbus_capture.sources.splitting import Splitter
from doorbus_capture.sources.trust import USUAL, Trust
from doorbus_capture.sources.web import Answer, Garbled, Web

_MOST_BEFORE = 256 * 1024
"""Bytes without a picture after which a stream is none of ours."""
_WAY_OUT = "if it has an address for single pictures, give that with snapshot+ before the URL"
_PAGES = frozenset({"text/html", "text/xml", "application/json", "application/xml"})


class HttpSource:
    """A stream by HTTP. JPEGs are read here; what has none that can be seen is left to `other`: HLS and the like."""

    def __init__(
        self, url: str, other: Callable[[], Source], clock: Clock, *, timeout_seconds: float, trust: Trust = USUAL
    ) -> None:
        self._web = Web(url, trust, timeout_seconds)
        self._other = other
        self._clock = clock
        self._timeout = timeout_seconds
        self._source: Source | None = None

    def open(self) -> None:
        """Ask for the stream, and see what comes.

        Raises:
            SourceError: it cannot be had, or is no stream; the text says what it is instead.
        """
        try:
            pictures = _Pictures(self._web.ask(), self._clock, self._timeout)
            if pictures.begin():
                self._source = pictures
                return
        except Garbled:
            pass  # there are servers that FFmpeg understands all the same
        except PictureMissed as missed:
            raise SourceError(f"{missed}; {HINT}") from None
        self._web.close()
        self._source = self._other()
        self._source.open()

    def skip(self) -> bool:
        """Throw the next picture away."""
        return self._opened().skip()

    def read(self) -> Shot:
        """The next picture; its time is when its last byte came."""
        return self._opened().read()

    def close(self) -> None:
        """Hang up."""
        if self._source is not None:
            self._source.close()
        self._source = None
        self._web.close()

    def _opened(self) -> Source:
        if self._source is None:
            raise SourceError("read before it was opened")
        return self._source


class _Pictures:
    """The JPEGs in one answer, as a source that is open already."""

    def __init__(self, answer: Answer, clock: Clock, timeout_seconds: float) -> None:
        self._answer = answer
        self._pieces = answer.pieces()
        self._clock = clock
        self._timeout = timeout_seconds
        self._splitter = Splitter(MAX_BYTES)
        self._waiting: list[bytes] = []
        self._told_broken = 0
        self._heard = 0

    def begin(self) -> bool:
        """Whether JPEGs are to be expected; raises `SourceError` where it is no stream at all."""
        kind = self._answer.kind
        if kind in _PAGES:
            raise SourceError(f"answers with a page ({kind}), not with pictures; is the path right?")
        if kind.startswith("image/") and not self._answer.endless:
            raise _single(kind)
        if kind.startswith(("multipart/", "image/")):
            return True
        return self._hear().lstrip().startswith((b"--", JPEG_START))  # a film may have JPEGs inside, and a pace

    def open(self) -> None:
        """It is."""

    def skip(self) -> bool:
        """Throw the next picture away."""
        self._wait()
        self._waiting.clear()
        self._told_broken = self._splitter.broken
        return True

    def read(self) -> Shot:
        """The newest picture that has come since the last one."""
        self._wait()
        if self._told_broken < self._splitter.broken:
            self._told_broken += 1
            raise PictureMissed("a picture breaks off before its end")
        captured_at, at = self._clock.now(), self._clock.monotonic()
        newest = self._waiting[-1]
        self._waiting.clear()
        try:
            return Shot(decode(newest), captured_at, at)
        except Refused as refused:
            raise PictureMissed(refused.detail) from None

    def close(self) -> None:
        """Hang up."""
        self._answer.close()

    def _wait(self) -> None:
        """Wait for a picture, or for one that breaks off."""
        deadline = self._clock.monotonic() + self._timeout
        while not self._waiting and self._told_broken == self._splitter.broken:
            self._hear()
            if not self._splitter.begun and self._heard > _MOST_BEFORE:
                raise SourceError(f"sends {self._answer.kind} without JPEGs; {_WAY_OUT}")
            if self._clock.monotonic() > deadline:
                raise SourceError(f"no whole picture within {self._timeout:g} s")

    def _hear(self) -> bytes:
        try:
            piece = next(self._pieces, None)
        except PictureMissed as missed:
            raise SourceError(str(missed)) from None
        if piece is None:
            raise self._ended()
        self._heard += len(piece)
        self._waiting += self._splitter.feed(piece)
        return piece

    def _ended(self) -> SourceError:
        kind = self._answer.kind
        if self._splitter.begun > 1:
            return SourceError("has stopped sending pictures")
        return _single(kind) if self._splitter.begun else SourceError(f"sends {kind} without JPEGs; {_WAY_OUT}")


def _single(kind: str) -> SourceError:
    return SourceError(f"answers with one picture ({kind}), not with a stream; put snapshot+ before the URL")
