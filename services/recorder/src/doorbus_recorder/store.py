"""What a store of pictures does; `files` keeps them on disk, `fakes` in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from doorbus.wire.messages import Message

M = TypeVar("M", bound=Message)


class StorageFailed(Exception):  # noqa: N818  # an outcome that is told
    """A picture could not be written, read or erased; the text names the file, what is wrong and the way out."""


@dataclass(frozen=True)
class Kept:
    """A picture on disk, as far as its bounds are concerned."""

    id: str
    at: datetime
    bytes: int


@dataclass(frozen=True)
class Opened(Generic[M]):
    """What was found."""

    items: Sequence[tuple[str, M]] = ()
    """Ids and what is known of the pictures, in order of the ids, which is that of time."""
    foreign: Sequence[Kept] = ()
    """Files that were sealed with another key, so that nobody can say whose they are."""
    damaged: int = 0
    """Files that were damaged, and are gone."""


class Store(Protocol[M]):
    """Keeps pictures whole or not at all. All methods take the time of a disk, and raise `StorageFailed`."""

    def open(self) -> Opened[M]:
        """What is there."""
        ...

    def keep(self, item_id: str, item: M, jpeg: bytes) -> None:
        """Write a picture, and what is known of it; in the place of one of the same id."""
        ...

    def picture(self, item_id: str) -> bytes:
        """The picture, byte for byte."""
        ...

    def erase(self, item_id: str) -> None:
        """Erase it, if it is there."""
        ...
