"""The last order about lockdown, in a file that has its place on the disk before it is needed.

It is overwritten where it lies, which takes no room, so that a disk that has filled up meanwhile can still keep a
lockdown. A file that cannot be read might have held one, and counts as one.
"""

import os
import zlib
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import BaseModel, ValidationError

from doorbus.files import put
from doorbus.wire.messages import JournalKind, Lockdown, Name
from doorbus_actuator.journal import Note

_log = structlog.get_logger("doorbus.actuator")

_SIZE = 1024
"""Bytes of the file, more than an order by the longest name takes."""


class _Order(BaseModel):
    lockdown: Lockdown
    at: datetime
    by: Name | None = None


class Reserve:
    """The order at `path`; no method raises for a disk that fails, `fault` says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted: Note | None = None
        self._unsettled = False
        self.fault: str | None = None

    def read(self, at: datetime) -> Note | None:
        """The order that was written last; None where there is no file. `at` is the time of one that is unknown."""
        try:
            return _note_of(self._path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            why = (isinstance(error, OSError) and error.strerror) or "damaged"
            _log.error("lockdown_unknown", path=str(self._path), why=why, therefore="the door is in lockdown")
            ordered = order(at, on=True)
            self.write(ordered)
            return ordered

    def write(self, note: Note) -> None:
        """Keep this order, or say in `fault` why not; `upkeep` tries again."""
        self._wanted = note
        self._write(note)

    def upkeep(self) -> None:
        """Write what could not be written before."""
        if self.fault is not None and self._wanted is not None:
            self._write(self._wanted)

    def settle(self) -> None:
        """In a thread: have the disk take what the operating system has."""
        if not self._unsettled:
            return
        self._unsettled = False
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _write(self, note: Note) -> None:
        content = _content_of(note)
        try:
            self._overwrite(content)
        except OSError as error:
            if self.fault is None:
                _log.error("lockdown_not_kept", path=str(self._path), why=str(error))
            self.fault = (
                f"an order about lockdown does not outlast a restart: {self._path}: {error.strerror or error}; "
                "is the disk full, or read-only?"
            )
            if note.fields["lockdown"] is Lockdown.ON:  # no word is better than the contrary
                with suppress(OSError):
                    self._path.unlink()
            return
        if self.fault is not None:
            _log.info("lockdown_kept_again", path=str(self._path))
        self.fault, self._unsettled = None, True

    def _overwrite(self, content: bytes) -> None:
        try:
            with self._path.open("r+b") as file:
                file.write(content)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            put(self._path, content)


def order(at: datetime, *, on: bool) -> Note:
    """An order of nobody's."""
    return Note(at, JournalKind.LOCKDOWN, {"lockdown": Lockdown.ON if on else Lockdown.OFF, "by": None})


def _content_of(note: Note) -> bytes:
    text = _Order(at=note.at, **note.fields).model_dump_json().encode().ljust(_SIZE - 9)
    return b"%s%08x\n" % (text, zlib.crc32(text))


def _note_of(content: bytes) -> Note:
    """Raises `ValueError` when it is not what was written."""
    text, checksum = content[:-9], content[-9:]
    if checksum != b"%08x\n" % zlib.crc32(text):
        raise ValueError("the checksum is another")
    try:
        kept = _Order.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(str(error)) from None
    return Note(kept.at, JournalKind.LOCKDOWN, {"lockdown": kept.lockdown, "by": kept.by})
