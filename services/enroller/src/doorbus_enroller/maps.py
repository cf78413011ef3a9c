"""The roster and the gallery as the messages that publish them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import GalleryEntry, Manifest, RosterEntry
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import MAX_SHARDS, pack
from doorbus.wire.templates import to_gallery
from doorbus_enroller.enrolment import KnownFaces
from doorbus_enroller.store import People


@dataclass(frozen=True)
class Map:
    """One packed map. Packed once for each version, so that a reconnect brings readers nothing to load again."""

    manifest_channel: Channel[Manifest]
    shard_channel: Channel[Any]
    manifest: Manifest
    shards: tuple[bytes, ...]

    def messages(self, former_shards: int = MAX_SHARDS) -> Iterator[Outbound]:
        """Shards, then the manifest that names them, then deletions of the retained shards beyond."""
        for index, shard in enumerate(self.shards):
            yield Outbound(self.shard_channel, shard, {"shard": str(index)})
        yield Outbound(self.manifest_channel, self.manifest)
        for index in range(len(self.shards), former_shards):
            yield Outbound(self.shard_channel, b"", {"shard": str(index)})


def roster_map(people: People) -> Map:
    """Who may enter, where and when."""
    entries = (
        RosterEntry.model_validate({**each.rights.model_dump(), "person": each.person}) for each in people.people
    )
    manifest, shards = pack(entries, people.roster_version)
    return Map(channels.ROSTER_MANIFEST, channels.ROSTER_SHARD, manifest, shards)


def gallery_map(version: int, gallery: KnownFaces, seal: Seal) -> Map:
    """Everybody's templates, sealed."""
    entries = (
        GalleryEntry(person=person, templates=tuple(map(to_gallery, enrolled.templates)))
        for person, enrolled in gallery.people.items()
    )
    manifest, shards = pack(entries, version, gallery.model, seal)
    return Map(channels.GALLERY_MANIFEST, channels.GALLERY_SHARD, manifest, shards)
