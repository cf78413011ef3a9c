"""Whatever OpenCV can open as a video: a device, a stream or a file. With `imaging` the only importer of cv2."""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import cv2

from doorbus.runtime.clock import Clock
from doorbus_capture.sources.proof import proof
from doorbus_capture.sources.source import HINT, Image, PictureMissed, Shot, SourceEnded, SourceError
from doorbus_capture.sources.trust import USUAL, Trust

_DEFAULT_FILE_FPS = 25.0
_HIGHEST_FILE_FPS = 240.0

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_GIVEN_OPTIONS = os.environ.get(_OPTIONS)
_USUAL_OPTIONS = "rtsp_flags;prefer_tcp"
"""What OpenCV tells FFmpeg where the variable is not set."""

# What OpenCV and FFmpeg write to standard error quotes the URL with its password, and is no event of a log.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


class _Capture:
    """A cv2.VideoCapture whose every failure is a `SourceError`."""

    def __init__(self, location: str | int, backend: int, parameters: list[int], hint: str) -> None:
        try:
            self._capture = cv2.VideoCapture(location, backend, parameters)
        except cv2.error as error:
            raise SourceError(f"OpenCV cannot open it ({error.code})") from None
        if not self._capture.isOpened():
            raise SourceError(f"cannot be opened; {hint}")

    def ask(self, what: int, value: float) -> None:
        """Set a property; cameras that do not know it go on without."""
        self._capture.set(what, value)

    def tell(self, what: int) -> float:
        """A property; 0 when it is not known."""
        return float(self._capture.get(what))

    def grab(self) -> bool:
        """Take the next picture off the source without decoding it further; False at the end."""
        try:
            return bool(self._capture.grab())
        except cv2.error as error:
            raise SourceError(f"OpenCV cannot read it ({error.code})") from None

    def retrieve(self) -> Image:
        """The picture that was grabbed last."""
        try:
            decoded, image = self._capture.retrieve()
        except cv2.error as error:
            raise PictureMissed(f"OpenCV cannot decode it ({error.code})") from None
        if not decoded or image.size == 0:
            raise PictureMissed("gave a picture that cannot be decoded")
        return cast("Image", image)

    def release(self) -> None:
        """Close it."""
        self._capture.release()


def _tell_ffmpeg(options: Mapping[str, str]) -> None:
    """Have the next capture opened with these options besides those of whoever started the process.

    OpenCV takes them from the environment only. A process has one camera, so that nobody else reads them.
    """
    if not options:
        return
    told = (f"{name};{value}" for name, value in options.items())
    os.environ[_OPTIONS] = "|".join((_USUAL_OPTIONS if _GIVEN_OPTIONS is None else _GIVEN_OPTIONS, *told))


class CameraSource:
    """A device or a stream: pictures come at its own pace, whether they are read or not."""

    def __init__(
        self,
        location: str | int,
        clock: Clock,
        *,
        timeout_seconds: float,
        trust: Trust = USUAL,
        width: int | None = None,
        height: int | None = None,
    ) -> None:
        self._location = location
        self._clock = clock
        self._trust = trust
        self._proof = ExitStack()
        self._timeout = timeout_seconds
        self._size = (width, height)
        self._capture: _Capture | None = None

    def open(self) -> None:
        """Open the device, or connect to the stream."""
        if isinstance(self._location, int):
            hint = "is it plugged in, is nobody else using it, and may this user read /dev/video*?"
            capture = _Capture(self._location, cv2.CAP_ANY, [], hint)
        else:
            # Just below the watchdog's time, so that FFmpeg gives up by itself and no thread is left hanging.
            milliseconds = int(900 * self._timeout)
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
            _tell_ffmpeg(self._proof.enter_context(proof(self._location, self._trust, self._timeout)))
            capture = _Capture(self._location, cv2.CAP_FFMPEG, limits, HINT)
        self._capture = capture
        capture.ask(cv2.CAP_PROP_BUFFERSIZE, 1)
        for what, value in zip((cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), self._size, strict=True):
            if value is not None:
                capture.ask(what, value)

    def skip(self) -> bool:
        """Throw the next picture away; without this, streams would be read late, and later and later."""
        self._grab()
        return True

    def read(self) -> Shot:
        """The next picture; its time is when it arrived."""
        capture = self._grab()
        captured_at, at = self._clock.now(), self._clock.monotonic()
        return Shot(capture.retrieve(), captured_at, at)

    def close(self) -> None:
        """Close the device or the connection."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None
        self._proof.close()

    def _grab(self) -> _Capture:
        if self._capture is None:
            raise SourceError("read before it was opened")
        if not self._capture.grab():
            raise SourceError("has stopped sending pictures")
        return self._capture


class FileSource:
    """A video file, played at its own speed; pictures that nobody asks for in time are passed over."""

    def __init__(self, path: Path, clock: Clock, *, loop: bool) -> None:
        self._path = path
        self._clock = clock
        self._loop = loop
        self._capture: _Capture | None = None
        self._fps = _DEFAULT_FILE_FPS
        self._began_at = 0.0
        self._grabbed = 0

    def open(self) -> None:
        """Open the file at its beginning."""
        if not self._path.exists():
            raise SourceError("there is no such file or directory")
        self._capture = _Capture(str(self._path), cv2.CAP_FFMPEG, [], "is it a video file?")
        fps = self._capture.tell(cv2.CAP_PROP_FPS)
        self._fps = fps if 0 < fps <= _HIGHEST_FILE_FPS else _DEFAULT_FILE_FPS
        self._began_at = self._clock.monotonic()
        self._grabbed = 0

    def skip(self) -> bool:
        """A file waits."""
        return False

    def read(self) -> Shot:
        """The picture whose turn it is.

        Raises:
            SourceEnded: the file is over, and `loop` is off.
            SourceError: there is no picture in it, or not one that can be decoded.
        """
        ahead = self._grabbed / self._fps - (self._clock.monotonic() - self._began_at)
        if ahead > 0:
            time.sleep(ahead)
        capture = self._grab()
        while self._grabbed / self._fps <= self._clock.monotonic() - self._began_at:
            capture = self._grab()
        return Shot(capture.retrieve(), self._clock.now(), self._clock.monotonic())

    def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def _grab(self) -> _Capture:
        if self._capture is None:
            raise SourceError("read before it was opened")
        if not self._capture.grab():
            self._begin_again()
        self._grabbed += 1
        return self._capture

    def _begin_again(self) -> None:
        if self._grabbed == 0:
            raise SourceError("holds no picture that can be decoded")
        if not self._loop:
            raise SourceEnded("has ended; DOORBUS_CAPTURE__LOOP=true plays it again")
        self.close()
        self.open()
        if self._capture is None or not self._capture.grab():
            raise SourceError("holds no picture that can be decoded")
