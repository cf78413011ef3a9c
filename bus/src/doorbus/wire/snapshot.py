"""Maps that everybody needs whole: the roster and the gallery, as few retained shards and a manifest. Pure.

One retained message a person does not work: a broker replays at most its queue limit to a new subscriber and drops the
rest without a word. A reader swaps a snapshot in only when every shard matches the manifest.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.messages import Manifest, Message

SHARD_BYTES = 256 * 1024
MAX_SHARDS = 64

E = TypeVar("E", bound=Message)


class Sealing(Protocol):
    """What `doorbus.wire.seal.Seal` offers; named here so that a reader of the roster needs no cryptography."""

    def seal(self, data: bytes, purpose: str) -> bytes:
        """Data that only `unseal` with the same purpose can read."""
        ...

    def unseal(self, data: bytes, purpose: str) -> bytes:
        """The data; raises `Refused`."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """A whole map: every shard matches the manifest."""

    manifest: Manifest
    shards: tuple[bytes, ...]


def pack(
    entries: Iterable[Message], version: int, model: str | None = None, seal: Sealing | None = None
) -> tuple[Manifest, tuple[bytes, ...]]:
    """The manifest and shards that carry `entries`, in their order; sealed when there is a seal.

    A shard is a JSON array. Shards aim at 256 KiB, and there are at most 64.
    """
    texts = [entry.model_dump_json(exclude_none=True).encode() for entry in entries]
    wanted = -(-sum(map(len, texts)) // SHARD_BYTES)
    number = max(1, min(MAX_SHARDS, wanted))
    shards = tuple(
        _sealed(b"[" + b",".join(texts[index::number]) + b"]", version, index, seal) for index in range(number)
    )
    digests = tuple(hashlib.sha256(shard).hexdigest() for shard in shards)
    return Manifest(version=version, count=len(texts), shards=digests, model=model), shards


def unpack(snapshot: Snapshot, entry: type[E], seal: Sealing | None = None) -> tuple[E, ...]:
    """The entries of a whole snapshot; raises `Refused` when they are not what the manifest says."""
    adapter: TypeAdapter[tuple[E, ...]] = TypeAdapter(tuple[entry, ...])  # type: ignore[valid-type]
    entries: list[E] = []
    for index, shard in enumerate(snapshot.shards):
        purpose = _purpose(snapshot.manifest.version, index)
        text = seal.unseal(shard, purpose) if seal else shard
        try:
            entries += adapter.validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            raise Refused(Refusal.WRONG_SHAPE, f"shard {index}: {first['loc']}: {first['msg']}") from None
    if len(entries) != snapshot.manifest.count:
        raise Refused(Refusal.WRONG_SHAPE, f"{len(entries)} entries, the manifest says {snapshot.manifest.count}")
    return tuple(entries)


def shard_number(ids: Mapping[str, str]) -> int:
    """Which shard the ids of a topic name; raises `Refused` when they name none."""
    number = ids["shard"]
    if not number.isdecimal():
        raise Refused(Refusal.BAD_ID, "the number of a shard is a number")
    return int(number)


class Reader:
    """Collects shards and manifests as they come, in any order."""

    def __init__(self) -> None:
        self._manifest: Manifest | None = None
        self._shards: dict[int, bytes] = {}
        self._digests: dict[int, str] = {}
        self._whole: Manifest | None = None

    @property
    def missing(self) -> int | None:
        """How many shards of the newest manifest are not there yet; None before there is a manifest."""
        if self._manifest is None:
            return None
        return sum(self._digests.get(i) != digest for i, digest in enumerate(self._manifest.shards))

    def manifest(self, manifest: Manifest) -> Snapshot | None:
        """Take a manifest; the snapshot, if that makes a new whole one."""
        self._manifest = manifest
        return self._swap()

    def shard(self, index: int, payload: bytes) -> Snapshot | None:
        """Take a shard; the snapshot, if that makes a new whole one. An empty payload is the deletion of a shard."""
        if not payload or index >= MAX_SHARDS:
            return None
        self._shards[index] = payload
        self._digests[index] = hashlib.sha256(payload).hexdigest()
        return self._swap()

    def _swap(self) -> Snapshot | None:
        if self._manifest is None or self._manifest == self._whole or self.missing:
            return None
        self._whole = self._manifest
        return Snapshot(self._manifest, tuple(self._shards[i] for i in range(len(self._manifest.shards))))


def _purpose(version: int, index: int) -> str:
    return f"snapshot {version} shard {index}"


def _sealed(data: bytes, version: int, index: int, seal: Sealing | None) -> bytes:
    return seal.seal(data, _purpose(version, index)) if seal else data
