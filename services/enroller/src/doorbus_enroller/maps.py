"""The roster and the gallery as the messages that publish them."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Outbound
from doorbus.wire.ids import id_of_model
from doorbus.wire.messages import HashedCredential, HashedCredentials, Manifest
from doorbus.wire.snapshot import MAX_SHARDS, Packed
from doorbus.wire.topics import Resolved


@dataclass(frozen=True)
class Place:
    """Where a map is published."""

    manifest: Channel[Manifest]
    shard: Channel[Any]
    ids: Mapping[str, str] = field(default_factory=dict)
    """What is the same in all of its topics."""

    @classmethod
    def beside(cls, model: str) -> "Place":
        """Where the gallery of another model than the leading one is published."""
        return cls(channels.OTHER_MANIFEST, channels.OTHER_SHARD, {"embedder": id_of_model(model)})

    def gone(self) -> Iterator[Outbound]:
        """Deletions of all that may be retained of this map."""
        yield Outbound(self.manifest, None, self.ids)
        for index in range(MAX_SHARDS):
            yield Outbound(self.shard, b"", {**self.ids, "shard": str(index)})

    def standing(self, packed: Packed, topic: Resolved[Any]) -> bytes | Manifest:
        """What should be retained under a topic of this map; nothing under one that the manifest does not name."""
        if topic.channel is self.manifest:
            return packed.manifest
        named = {str(index): shard for index, shard in enumerate(packed.shards)}
        return named.get(topic.ids["shard"], b"")

    def whole(self, packed: Packed) -> Iterator[Outbound]:
        """Shards, then the manifest that names them, then deletions of whatever shards may be retained beyond."""
        return self._messages(packed, {}, MAX_SHARDS)

    def news(self, packed: Packed, former: Packed) -> Iterator[Outbound]:
        """The same, without what readers have who have `former`."""
        if packed is not former:
            yield from self._messages(packed, dict(enumerate(former.manifest.shards)), len(former.shards))

    def _messages(self, packed: Packed, known: dict[int, str], former_shards: int) -> Iterator[Outbound]:
        for index, (shard, digest) in enumerate(zip(packed.shards, packed.manifest.shards, strict=True)):
            if known.get(index) != digest:
                yield Outbound(self.shard, shard, {**self.ids, "shard": str(index)})
        yield Outbound(self.manifest, packed.manifest, self.ids)
        for index in range(len(packed.shards), former_shards):
            yield Outbound(self.shard, b"", {**self.ids, "shard": str(index)})


def hashes_of(credentials: tuple[HashedCredential, ...]) -> bytes:
    """What is published of all PINs and tags; nothing where there are none."""
    return (
        HashedCredentials(credentials=credentials).model_dump_json(exclude_none=True).encode() if credentials else b""
    )


def naming(roster: Packed, credentials: tuple[HashedCredential, ...]) -> Packed:
    """The roster whose manifest names what is published of these."""
    digest = hashlib.sha256(hashes_of(credentials)).hexdigest() if credentials else None
    if roster.manifest.credentials == digest:
        return roster
    return roster._replace(manifest=roster.manifest.model_copy(update={"credentials": digest}))


ROSTER = Place(channels.ROSTER_MANIFEST, channels.ROSTER_SHARD)
GALLERY = Place(channels.GALLERY_MANIFEST, channels.GALLERY_SHARD)
PLACES = {channel.name: place for place in (ROSTER, GALLERY) for channel in (place.manifest, place.shard)}
"""Which map a channel is of, by its name."""
BESIDE = frozenset({channels.OTHER_MANIFEST.name, channels.OTHER_SHARD.name})
"""The channels of galleries beside the leading one."""
