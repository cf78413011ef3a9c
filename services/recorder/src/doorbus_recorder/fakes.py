"""A store in memory, which can be as full as a disk."""

from doorbus.wire.messages import Recording
from doorbus_recorder.store import Opened, StorageFailed


class MemoryStore:
    """Keeps pictures as the real one does; `full` fails as a full disk does, `stuck` as one that is read-only."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[Recording, bytes]] = {}
        self.full = False
        self.stuck = False

    def open(self) -> Opened:
        """What is there."""
        if self.stuck:
            raise StorageFailed("memory: Read-only file system")
        return Opened([self.kept[each][0] for each in sorted(self.kept)])

    def keep(self, recording: Recording, jpeg: bytes) -> None:
        """Keep it."""
        if self.full or self.stuck:
            raise StorageFailed("memory: No space left on device")
        self.kept[recording.recording] = (recording, jpeg)

    def picture(self, recording: str) -> bytes:
        """The picture."""
        if recording not in self.kept:
            raise StorageFailed("memory: it is not there any more")
        return self.kept[recording][1]

    def erase(self, recording: str) -> None:
        """Erase it."""
        if self.stuck:
            raise StorageFailed("memory: Read-only file system")
        self.kept.pop(recording, None)
