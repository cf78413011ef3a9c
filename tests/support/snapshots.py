"""Snapshots as their readers get them."""

from typing import TypeVar

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.floor import Floor
from doorbus.wire.messages import GalleryEntry, RosterEntry
from doorbus.wire.snapshot import Packed, Snapshot, SnapshotReader

E = TypeVar("E", GalleryEntry, RosterEntry)
T = TypeVar("T")


def nowhere(name: str) -> Floor:
    """A floor that is kept in memory only."""
    return Floor(None, name, "test", SystemClock())


def take(reader: SnapshotReader[E, T], packed: Packed) -> Snapshot[T] | None:
    """Hand a map to a reader, manifest first."""
    whole = reader.manifest(packed.manifest)
    for index, shard in enumerate(packed.shards):
        whole = reader.shard(index, shard) or whole
    return whole


def parts(reader: SnapshotReader[E, T], packed: Packed) -> tuple[T, ...]:
    """What a reader makes of a map that is new to it; raises `Refused`."""
    whole = take(reader, packed)
    assert whole is not None
    return whole.parts()
