"""What a store of pictures does; `files` keeps them on disk, `fakes` in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from doorbus.wire.messages import Recording


class StorageFailed(Exception):  # noqa: N818  # an outcome that is told
    """A picture could not be written, read or erased; the text names the file, what is wrong and the way out."""


@dataclass(frozen=True)
class Foreign:
    """A file that was sealed with another key, so that nobody can say whose it is."""

    id: str
    at: datetime
    bytes: int


@dataclass(frozen=True)
class Opened:
    """What was found."""

    recordings: Sequence[Recording] = ()
    """In order of their ids, which is that of time."""
    foreign: Sequence[Foreign] = ()
    damaged: int = 0
    """Files that were damaged or half written, and are gone."""


class Store(Protocol):
    """Keeps pictures whole or not at all. All methods take the time of a disk, and raise `StorageFailed`."""

    def open(self) -> Opened:
        """What is there."""
        ...

    def keep(self, recording: Recording, jpeg: bytes) -> None:
        """Write a picture, and what is known of it."""
        ...

    def picture(self, recording: str) -> bytes:
        """The picture, byte for byte."""
        ...

    def erase(self, recording: str) -> None:
        """Erase it, if it is there."""
        ...
