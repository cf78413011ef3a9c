"""Pictures on disk: one file each, what is known of it and the picture sealed one behind the other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic

import structlog
from pydantic import ValidationError

from doorbus.files import private_folder, put
from doorbus.wire.codec import Refused
from doorbus.wire.ids import is_slug
from doorbus.wire.seal import Seal
from doorbus_recorder.store import Kept, M, Opened, StorageFailed

_log = structlog.get_logger("doorbus.recorder")

_KIND = b"doorbus recording 1 "
_KEY_ID_BYTES = 8
_HEAD_BYTES = len(_KIND) + _KEY_ID_BYTES + 1
_SUFFIX = ".sealed"
_LENGTH_BYTES = 4
_MOST_KNOWN = 4 * 1024 * 1024
"""What is known of a picture is never larger, sealed."""


class _Damaged(Exception):  # noqa: N818  # an outcome
    pass


class _ForeignKey(Exception):  # noqa: N818  # an outcome
    pass


class FileStore(Generic[M]):
    """The files of a folder, each with a `model`.

    A file begins with a line that names its kind and the key; behind it stand the length of what is known, that, and
    the picture, both sealed for the id alone, and for what the model is called.
    """

    def __init__(self, folder: Path, seal: Seal, model: type[M]) -> None:
        self._folder = folder
        self._seal = seal
        self._model = model

    def open(self) -> Opened[M]:
        """Read what is known of each picture; remove what a kill or a bad disk has left."""
        items: list[tuple[str, M]] = []
        foreign: list[Kept] = []
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
                    items.append((path.stem, self._known(path)))
                except _ForeignKey:
                    about = path.stat()
                    foreign.append(Kept(path.stem, datetime.fromtimestamp(about.st_mtime, UTC), about.st_size))
                except _Damaged as why:
                    damaged += 1
                    _log.error("picture_damaged", path=str(path), why=str(why), consequence="removed")
                    self._unlink(path)
        return Opened(items, foreign, damaged)

    def keep(self, item_id: str, item: M, jpeg: bytes) -> None:
        """Write it beside, then rename."""
        known = self._seal.seal(item.model_dump_json(exclude_none=True).encode(), self._purpose(item_id))
        picture = self._seal.seal(jpeg, self._purpose_of_picture(item_id))
        head = _KIND + self._seal.key_id.encode() + b"\n"
        path = self._path(item_id)
        with self._told(path):
            private_folder(self._folder)
            put(path, head + len(known).to_bytes(_LENGTH_BYTES, "big") + known + picture)

    def picture(self, item_id: str) -> bytes:
        """Read and unseal it."""
        path = self._path(item_id)
        with self._told(path):
            content = path.read_bytes()
        start = _HEAD_BYTES + _LENGTH_BYTES
        length = int.from_bytes(content[_HEAD_BYTES:start], "big")
        try:
            return self._seal.unseal(content[start + length :], self._purpose_of_picture(item_id))
        except Refused:
            raise StorageFailed(f"{path}: damaged; erase it, for it cannot be read any more") from None

    def erase(self, item_id: str) -> None:
        """Remove the file, and wait until the disk knows."""
        self._unlink(self._path(item_id))
        with self._told(self._folder):
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _known(self, path: Path) -> M:
        """What is known of a picture; the picture itself is not read."""
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
            sealed = file.read(min(length, _MOST_KNOWN))
        if not (head.startswith(_KIND) and len(head) == _HEAD_BYTES and head.endswith(b"\n")):
            raise _Damaged("it does not begin like a picture of ours")
        if head[len(_KIND) : -1].decode(errors="replace") not in self._seal.key_ids:
            raise _ForeignKey
        try:
            return self._model.model_validate_json(self._seal.unseal(sealed, self._purpose(path.stem)))
        except Refused:
            raise _Damaged("what is known of it cannot be unsealed") from None
        except ValidationError:
            raise _Damaged("what is known of it has another form") from None

    def _path(self, item_id: str) -> Path:
        return self._folder / f"{item_id}{_SUFFIX}"

    def _unlink(self, path: Path) -> None:
        with self._told(path):
            path.unlink(missing_ok=True)

    def _purpose(self, item_id: str) -> str:
        return f"{self._model.__name__.lower()} {item_id}"

    def _purpose_of_picture(self, item_id: str) -> str:
        return f"picture of {self._purpose(item_id)}"

    @contextmanager
    def _told(self, path: Path) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise StorageFailed(f"{path}: it is not there any more") from None
        except OSError as error:
            way_out = "is the disk full, or may this user not write there?"
            raise StorageFailed(f"{path}: {error.strerror}; {way_out}") from None
