"""Whose samples are sealed with a former site key, and how they are sealed anew, a part at a time."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from doorbus.wire.seal import Seal
from doorbus_enroller.resealing import BATCH, any_sealed_with, resealed
from doorbus_enroller.store import Store


class Turning:
    """From one site key to another."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal
        self._formerly: Sequence[str] | None = None
        """Whose samples may be sealed with a former key; None when nothing is any more, the gallery included."""

    @property
    def left(self) -> int:
        """How many things are to be sealed anew: people, and the gallery."""
        return 0 if self._formerly is None else len(self._formerly) + 1

    def begin(self, key: str, people: Iterable[str]) -> None:
        """Seal with another key from now on; what there is of these people is sealed with a former one."""
        self._seal.use(key)
        self._formerly = sorted(people)

    def go_on(self, people: Iterable[str], now: datetime) -> None:
        """Go on with the newest key where the one before was interrupted: then the first people are sealed with it.

        Raises `StorageFailed`.
        """
        newest = self._seal.key_ids[0]
        if self._seal.key_ids == (newest,):
            return
        first = (self._store.find(person, now) for person in sorted(people)[:BATCH])
        if newest == self._seal.key_id or any_sealed_with(newest, [each for each in first if each], self._seal):
            self.begin(newest, people)

    def seal_some(self, now: datetime) -> bool:
        """Seal some of the people anew; whether they were the last ones. Raises `StorageFailed`."""
        ids = self._formerly or ()
        found = (self._store.find(person, now, faces=True) for person in ids[:BATCH])
        changed = [each for each in (resealed(one, self._seal) for one in found if one) if each.samples]
        if changed:
            self._store.reseal(changed, now)
        if ids[BATCH:]:
            self._formerly = ids[BATCH:]
        return not ids[BATCH:]

    def end(self) -> None:
        """The gallery is sealed anew, too."""
        self._formerly = None
