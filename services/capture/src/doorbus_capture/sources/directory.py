"""The pictures of a directory in the order of their names, or a single one."""

from pathlib import Path

from doorbus.runtime.clock import Clock
from doorbus.wire.codec import Refused
from doorbus_capture.imaging import decode
from doorbus_capture.sources.source import Image, PictureMissed, Shot, SourceEnded, SourceError

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture."""
    return path.suffix.lower() in ENDINGS


class DirectorySource:
    """Shows each picture for `seconds`; begins again at the end, or ends."""

    def __init__(self, path: Path, clock: Clock, *, seconds: float, loop: bool) -> None:
        self._path = path
        self._clock = clock
        self._seconds = seconds
        self._loop = loop
        self._files: list[Path] = []
        self._opened_at = 0.0
        self._shown: tuple[Path, Image] | None = None

    def open(self) -> None:
        """List the pictures; raises `SourceError` when there are none."""
        try:
            found = [self._path] if self._path.is_file() else sorted(self._path.iterdir())
        except OSError as error:
            raise SourceError(f"cannot be listed: {error.strerror}") from error
        self._files = [path for path in found if is_picture(path)]
        if not self._files:
            raise SourceError(f"holds no picture (a file that ends in {', '.join(ENDINGS)})")
        self._opened_at = self._clock.monotonic()

    def skip(self) -> bool:
        """Nothing queues up."""
        return False

    def read(self) -> Shot:
        """The picture whose turn it is.

        Raises:
            SourceEnded: the last has had its turn, and `loop` is off.
            PictureMissed: it is no picture, and is left out from now on.
            SourceError: none of them is a picture.
        """
        if not self._files:
            raise SourceError("read before it was opened")
        at = self._clock.monotonic()
        turn = int((at - self._opened_at) / self._seconds)
        if turn >= len(self._files) and not self._loop:
            raise SourceEnded("has shown its last picture; DOORBUS_CAPTURE__LOOP=true begins again")
        place = turn % len(self._files)
        try:
            picture = self._picture(self._files[place])
        except PictureMissed:
            del self._files[place]
            self._opened_at = at - place * self._seconds  # the turn of the one after it begins
            raise
        return Shot(picture, self._clock.now(), at)

    def close(self) -> None:
        """Forget the pictures."""
        self._files = []
        self._shown = None

    def _picture(self, path: Path) -> Image:
        if self._shown is None or self._shown[0] != path:
            try:
                image = decode(path.read_bytes())
            except OSError as error:
                raise self._missed(f"{path.name} cannot be read: {error.strerror}") from error
            except Refused as refused:
                raise self._missed(
                    f"{path.name} is no picture ({refused.detail or refused.reason}); remove it"
                ) from None
            self._shown = (path, image)
        return self._shown[1]

    def _missed(self, why: str) -> SourceError:
        """The source goes on without it, unless there is no other."""
        return SourceError(why) if len(self._files) == 1 else PictureMissed(why)
