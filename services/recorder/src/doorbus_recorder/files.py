"""Pictures on disk: one file each, what is known of it and the picture sealed one behind the other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import ValidationError

from doorbus.files import private_folder, put
from doorbus.wire.codec import Refused
from doorbus.wire.ids import is_slug
from doorbus.wire.messages import Recording
from doorbus.wire.seal import Seal
from doorbus_recorder.store import Foreign, Opened, StorageFailed

_log = structlog.get_logger("doorbus.recorder")

_KIND = b"doorbus recording 1 "
_SUFFIX = ".sealed"
_LENGTH_BYTES = 4
_MOST_KNOWN = 4 * 1024 * 1024
"""What is known of a picture is never larger, sealed."""


class _Damaged(Exception):  # noqa: N818  # an outcome
    pass


class FileStore:
    """The files of a folder.

    A file begins with a line that names its kind and the key; behind it stand the length of what is known, that, and
    the picture, both sealed for the id alone.
    """

    def __init__(self, folder: Path, seal: Seal) -> None:
        self._folder = folder
        self._seal = seal
        self._head = _KIND + seal.key_id.encode() + b"\n"

    def open(self) -> Opened:
        """Read what is known of each picture; remove what a kill or a bad disk has left."""
        recordings: list[Recording] = []
        foreign: list[Foreign] = []
        damaged = 0
        with self._told(self._folder):
            private_folder(self._folder)
            paths = sorted(self._folder.iterdir())
        for path in paths:
            if path.name.startswith("."):  # a write that was interrupted: nobody was told of it
                self._unlink(path)
                continue
            if path.suffix != _SUFFIX or not is_slug(path.stem):
                continue
            with self._told(path):
                try:
                    recordings.append(self._known(path))
                except _ForeignKey:
                    about = path.stat()
                    at = datetime.fromtimestamp(about.st_mtime, UTC)
                    foreign.append(Foreign(path.stem, at, about.st_size))
                except _Damaged as why:
                    damaged += 1
                    _log.error("recording_damaged", path=str(path), why=str(why), consequence="removed")
                    self._unlink(path)
        return Opened(recordings, foreign, damaged)

    def keep(self, recording: Recording, jpeg: bytes) -> None:
        """Write it beside, then rename."""
        known = self._seal.seal(recording.model_dump_json(exclude_none=True).encode(), _known_of(recording.recording))
        picture = self._seal.seal(jpeg, _picture_of(recording.recording))
        path = self._path(recording.recording)
        with self._told(path):
            private_folder(self._folder)
            put(path, self._head + len(known).to_bytes(_LENGTH_BYTES, "big") + known + picture)

    def picture(self, recording: str) -> bytes:
        """Read and unseal it."""
        path = self._path(recording)
        with self._told(path):
            content = path.read_bytes()
        start = len(self._head) + _LENGTH_BYTES
        length = int.from_bytes(content[len(self._head) : start], "big")
        try:
            return self._seal.unseal(content[start + length :], _picture_of(recording))
        except Refused:
            raise StorageFailed(f"{path}: damaged; erase it: doorbus recordings erase {recording}") from None

    def erase(self, recording: str) -> None:
        """Remove the file, and wait until the disk knows."""
        self._unlink(self._path(recording))
        with self._told(self._folder):
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _known(self, path: Path) -> Recording:
        """What is known of a picture; the picture itself is not read."""
        with path.open("rb") as file:
            head = file.read(len(self._head))
            if head != self._head:
                if head.startswith(_KIND) and len(head) == len(self._head) and head.endswith(b"\n"):
                    raise _ForeignKey
                raise _Damaged("it does not begin like a recording")
            length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
            sealed = file.read(min(length, _MOST_KNOWN))
        try:
            return Recording.model_validate_json(self._seal.unseal(sealed, _known_of(path.stem)))
        except Refused:
            raise _Damaged("what is known of it cannot be unsealed") from None
        except ValidationError:
            raise _Damaged("what is known of it has another form") from None

    def _path(self, recording: str) -> Path:
        return self._folder / f"{recording}{_SUFFIX}"

    def _unlink(self, path: Path) -> None:
        with self._told(path):
            path.unlink(missing_ok=True)

    @contextmanager
    def _told(self, path: Path) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise StorageFailed(f"{path}: it is not there any more") from None
        except OSError as error:
            raise StorageFailed(
                f"{path}: {error.strerror}; is the disk full, or may this user not write there?"
            ) from None


class _ForeignKey(Exception):  # noqa: N818  # an outcome
    pass


def _known_of(recording: str) -> str:
    return f"recording {recording}"


def _picture_of(recording: str) -> str:
    return f"picture of recording {recording}"
