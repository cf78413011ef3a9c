"""A store in memory, which can be as full as a disk."""

from typing import Generic

from doorbus_recorder.store import M, Opened, StorageFailed


class MemoryStore(Generic[M]):
    """Keeps pictures as the real one does; `full` fails as a full disk does, `stuck` as one that is read-only."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[M, bytes]] = {}
        self.full = False
        self.stuck = False

    def open(self) -> Opened[M]:
        """What is there."""
        if self.stuck:
            raise StorageFailed("memory: Read-only file system")
        return Opened([(each, self.kept[each][0]) for each in sorted(self.kept)])

    def keep(self, item_id: str, item: M, jpeg: bytes) -> None:
        """Keep it."""
        if self.full or self.stuck:
            raise StorageFailed("memory: No space left on device")
        self.kept[item_id] = (item, jpeg)

    def picture(self, item_id: str) -> bytes:
        """The picture."""
        if item_id not in self.kept:
            raise StorageFailed("memory: it is not there any more")
        return self.kept[item_id][1]

    def erase(self, item_id: str) -> None:
        """Erase it."""
        if self.stuck:
            raise StorageFailed("memory: Read-only file system")
        self.kept.pop(item_id, None)
