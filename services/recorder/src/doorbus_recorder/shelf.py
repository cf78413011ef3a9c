"""Pictures of one kind: what is known of each in memory, the rest in a store that may fail at any time."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

import structlog

from doorbus.runtime.clock import Clock
from doorbus_recorder.store import Kept, M, StorageFailed, Store

_log = structlog.get_logger("doorbus.recorder")

T = TypeVar("T")

PATIENCE_SECONDS = 5.0
"""From then on a disk that has not answered is told in health."""


class Shelf(Generic[M]):
    """What is kept in `store`. What has to go is seen by nobody from then on, whenever the disk lets go of it."""

    def __init__(self, store: Store[M], about: Callable[[M], Kept], clock: Clock) -> None:
        self._store = store
        self._about = about
        self._clock = clock
        self.items: dict[str, M] = {}
        """In order of the ids, which is that of time."""
        self._foreign: dict[str, Kept] = {}
        self._owed: set[str] = set()
        self._opened = False
        self._trouble: str | None = None
        self._waiting_since: float | None = None
        self._counts = dict.fromkeys(("failed", "damaged", "erased"), 0)

    async def open(self) -> None:
        """See what is there, unless that was seen; a disk that fails is told."""
        if self._opened:
            return
        try:
            found = await self._at_disk(self._store.open)
        except StorageFailed as failed:
            self._fail(failed)
            return
        self._opened, self._trouble = True, None
        self.items = dict(found.items) | self.items
        self._foreign = {each.id: each for each in found.foreign}
        self._counts["damaged"] += found.damaged
        _log.info("opened", pictures=len(self.items), foreign=len(self._foreign), damaged=found.damaged)

    async def keep(self, item_id: str, item: M, jpeg: bytes) -> bool:
        """Whether it could be kept; a disk that fails is told."""
        try:
            await self._at_disk(lambda: self._store.keep(item_id, item, jpeg))
        except StorageFailed as failed:
            self._fail(failed)
            return False
        self._trouble = None
        self.items[item_id] = item
        return True

    async def picture(self, item_id: str) -> bytes:
        """The picture; raises `StorageFailed`."""
        try:
            return await self._at_disk(lambda: self._store.picture(item_id))
        except StorageFailed as failed:
            self._counts["damaged"] += 1
            _log.error("picture_unreadable", id=item_id, why=str(failed))
            raise

    async def erase(self, ids: Iterable[str] = ()) -> None:
        """Let nobody see these from now on, and remove them, and what is owed, from the disk: now or later."""
        self._owed |= set(ids)
        for each in self._owed:
            self.items.pop(each, None)
            self._foreign.pop(each, None)
        for each in sorted(self._owed):
            try:
                await self._at_disk(self._erasing(each))
            except StorageFailed as failed:
                self._fail(failed)
                return
            self._owed.discard(each)
            self._counts["erased"] += 1
            _log.info("erased", id=each)

    def owes(self, item_id: str) -> bool:
        """Whether the disk has not let go of it yet."""
        return item_id in self._owed

    def kept(self) -> list[Kept]:
        """All that takes room, the oldest first."""
        return sorted([*map(self._about, self.items.values()), *self._foreign.values()], key=_id)

    def problem(self) -> str | None:
        """What is wrong with the disk."""
        since = self._waiting_since
        if since is not None and self._clock.monotonic() - since > PATIENCE_SECONDS:
            return "writing or reading a picture takes longer than a few seconds; does the disk hang?"
        if self._trouble is None and self._foreign:
            return (
                f"{len(self._foreign)} pictures were sealed with another key; bring back the file that "
                "DOORBUS_RECORDER_KEY_FILE names, or delete VAR/recorder"
            )
        return self._trouble

    def figures(self) -> Mapping[str, float]:
        """What the disk has refused, spoiled and let go of."""
        return {**self._counts, "foreign": len(self._foreign), "owed": len(self._owed)}

    def _erasing(self, item_id: str) -> Callable[[], None]:
        return lambda: self._store.erase(item_id)

    async def _at_disk(self, work: Callable[[], T]) -> T:
        self._waiting_since = self._clock.monotonic()
        try:
            return await asyncio.to_thread(work)
        finally:
            self._waiting_since = None

    def _fail(self, failed: StorageFailed) -> None:
        self._counts["failed"] += 1
        self._trouble = str(failed)
        _log.error("storage_failed", problem=self._trouble)


def _id(kept: Kept) -> str:
    return kept.id
