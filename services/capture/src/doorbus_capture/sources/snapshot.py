"""A camera that answers each HTTP request with one picture."""

from collections.abc import Callable

from doorbus.runtime.clock import Clock
from doorbus.wire.codec import Refused
from doorbus_capture.imaging import decode
from doorbus_capture.sources.source import PictureMissed, Shot, Source, SourceError
from doorbus_capture.sources.splitting import Splitter
from doorbus_capture.sources.trust import USUAL, Trust
from doorbus_capture.sources.web import Answer, Garbled, Web

MAX_BYTES = 8 * 1024 * 1024


class SnapshotSource:
    """Asks for a picture at each read. Of a stream it takes the first picture, and hangs up."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        timeout_seconds: float,
        trust: Trust = USUAL,
        max_bytes: int = MAX_BYTES,
        other: Callable[[], Source] | None = None,
    ) -> None:
        self._web = Web(url, trust, timeout_seconds)
        self._other = other
        self._clock = clock
        self._timeout = timeout_seconds
        self._max_bytes = max_bytes

    def open(self) -> None:
        """Nothing: each read is a request of its own."""

    def skip(self) -> bool:
        """Nothing queues up."""
        return False

    def read(self) -> Shot:
        """Ask for a picture.

        Raises:
            PictureMissed: another answer than a picture, or one that breaks off; the next request may fare better.
            SourceError: no answer in time, or the camera does not let us in.
        """
        deadline = self._clock.monotonic() + self._timeout
        try:
            answer = self._web.ask()
        except Garbled as garbled:
            return self._otherwise(garbled)
        try:
            content = self._content(answer, deadline)
        finally:
            answer.close()
        captured_at, at = self._clock.now(), self._clock.monotonic()
        try:
            return Shot(decode(content), captured_at, at)
        except Refused as refused:
            what = f"{len(content)} bytes of {answer.kind}"
            raise PictureMissed(f"answers with no picture, but {what}: {refused.detail}") from None

    def close(self) -> None:
        """Let go of the camera."""
        self._web.close()

    def _otherwise(self, garbled: Garbled) -> Shot:
        """Read it by `other`, which may understand a server that takes HTTP lightly."""
        if self._other is None:
            raise PictureMissed(str(garbled))
        source = self._other()
        try:
            source.open()
            return source.read()
        except SourceError:
            raise PictureMissed(str(garbled)) from None
        finally:
            source.close()

    def _content(self, answer: Answer, deadline: float) -> bytes:
        splitter = Splitter(self._max_bytes) if answer.kind.startswith("multipart/") else None
        content = bytearray()
        for piece in answer.pieces():
            content += piece
            if splitter is not None and (pictures := splitter.feed(piece)):
                return pictures[0]
            if len(content) > self._max_bytes:
                raise SourceError(f"sends more than {self._max_bytes} bytes; is it a stream, not a snapshot?")
            if self._clock.monotonic() > deadline:
                raise SourceError(f"no whole picture within {self._timeout:g} s")
        return bytes(content)
