"""Maps that everybody needs whole: the roster and the gallery, as few retained shards and a manifest. Pure.

One retained message a person does not work: a broker replays at most its queue limit to a new subscriber and drops the
rest without a word. A reader swaps a snapshot in only when every shard matches the manifest.

A person's shard follows from the person's id, so a change of one person changes one shard and the manifest. The others
stay as they are, byte for byte: they are not published again, and a reader does not read them again.

A reader wants exactly the shards that the newest manifest names and that it lacks, by their numbers: what else somebody
publishes beside them reaches no reader, and costs none memory.

A sealed shard is bound to its place. Which shards belong together, and to which version, says the manifest, which is
sealed, too: without the site's key nobody can put shards of different times together.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.messages import GalleryEntry, Manifest, RosterEntry
from doorbus.wire.mistakes import first_mistake

SHARD_BYTES = 64 * 1024
"""How large shards become before there are twice as many; small, because a Pi Zero reads each that changes."""
MAX_SHARDS = 64
"""A power of two. So many grow without an end."""
AT_ONCE = 16
"""Shards that a reader asks for at a time: 80 MB of a gallery of 100,000 people with three samples."""
_NUMBERS = frozenset(map(str, range(MAX_SHARDS)))

Entry = GalleryEntry | RosterEntry
E = TypeVar("E", GalleryEntry, RosterEntry)
T = TypeVar("T")


class Sealing(Protocol):
    """What `doorbus.wire.seal.Seal` offers; named here so that a reader of the roster needs no cryptography."""

    def seal(self, data: bytes, purpose: str) -> bytes:
        """Data that only `unseal` with the same purpose can read."""
        ...

    def unseal(self, data: bytes, purpose: str) -> bytes:
        """The data; raises `Refused`."""
        ...

    def sealed_with(self, data: bytes, purpose: str) -> str:
        """The id of the key that opens it; raises `Refused`."""
        ...

    @property
    def key_id(self) -> str:
        """The id of the key that it seals with."""
        ...


class Packed(NamedTuple):
    """A map as it crosses the wire."""

    manifest: Manifest
    shards: tuple[bytes, ...]


def pack(entries: Iterable[Entry], version: int, model: str | None = None, seal: Sealing | None = None) -> Packed:
    """The map of these entries, each of another person; sealed when there is a seal. A shard is a JSON array."""
    people = {entry.person: entry for entry in entries}
    return pack_one_by_one(people, people.get, version, model, seal)


def pack_one_by_one(
    people: Iterable[str],
    entry_of: Callable[[str], Entry | None],
    version: int,
    model: str | None = None,
    seal: Sealing | None = None,
) -> Packed:
    """The map of those of `people` who have an entry; where many have, all entries are never in memory at once."""
    groups: list[list[str]] = [[] for _ in range(MAX_SHARDS)]
    for person in people:
        groups[_shard_of(person, MAX_SHARDS)].append(person)
    shards: list[bytes] = []
    waiting: list[dict[str, bytes]] = []
    size = count = 0
    for group in groups:
        waiting.append({person: _text(entry) for person in group if (entry := entry_of(person))})
        size += sum(map(len, waiting[-1].values()))
        count += len(waiting[-1])
        if _number(size) == MAX_SHARDS:  # each group is a shard, whatever is still to come
            shards += [_shard(texts, len(shards) + n, MAX_SHARDS, seal) for n, texts in enumerate(waiting)]
            waiting.clear()
    if not shards:
        shards = _spread({person: text for texts in waiting for person, text in texts.items()}, _number(size), seal)
    return _packed(shards, count, version, model, seal)


def repack(
    former: Packed,
    changes: Mapping[str, Entry | None],
    version: int,
    model: str | None = None,
    seal: Sealing | None = None,
) -> Packed:
    """What becomes of `former` when each person of `changes` gets the entry named there, or none.

    Shards without these people stay as they are, unless there are to be more shards or fewer. Raises `Refused` when
    `former` was sealed with another key.
    """
    number, shards, count = len(former.shards), list(former.shards), former.manifest.count
    for index in {_shard_of(person, number) for person in changes}:
        texts = _texts(former.shards[index], index, number, seal)
        there = len(texts)
        for person, entry in changes.items():
            if _shard_of(person, number) == index:
                texts.pop(person, None)
                texts |= {person: _text(entry)} if entry else {}
        count += len(texts) - there
        shards[index] = _shard(texts, index, number, seal)
    wanted = _number(sum(map(len, shards)), number)
    if wanted != number:
        parts = (_texts(shard, index, number, seal) for index, shard in enumerate(shards))
        shards = _spread({person: text for part in parts for person, text in part.items()}, wanted, seal)
    return _packed(shards, count, version, model, seal)


def reseal(former: Packed, version: int, model: str | None, seal: Sealing) -> Packed:
    """The same map, all of it sealed with the key that `seal` seals with. Raises `Refused` where it cannot be read."""
    number, shards = len(former.shards), list(former.shards)
    for index, shard in enumerate(shards):
        if seal.sealed_with(shard, _place(index, number)) != seal.key_id:
            shards[index] = seal.seal(seal.unseal(shard, _place(index, number)), _place(index, number))
    return _packed(shards, former.manifest.count, version, model, seal)


def sealed_with(packed: Packed, seal: Sealing) -> frozenset[str]:
    """The ids of the keys that a map is sealed with. Raises `Refused` where one is not held."""
    number = len(packed.shards)
    keys = {seal.sealed_with(shard, _place(index, number)) for index, shard in enumerate(packed.shards)}
    key = key_of(packed.manifest, seal)
    return frozenset(keys | ({key} if key else set()))


def key_of(manifest: Manifest, seal: Sealing) -> str | None:
    """The id of the key that a manifest is sealed with; None where it is not sealed. Raises `Refused`."""
    if manifest.seal is None:
        return None
    return seal.sealed_with(_from_base64(manifest.seal), _manifest_purpose(manifest))


def shard_number(ids: Mapping[str, str]) -> int:
    """Which shard the ids of a topic name; raises `Refused` when they name none."""
    number = ids["shard"]
    if number not in _NUMBERS:
        raise Refused(Refusal.BAD_ID, f"the number of a shard is one from 0 to {MAX_SHARDS - 1}")
    return int(number)


def refuse_older(manifest: Manifest, floor: int) -> None:
    """Raise `Refused` for a manifest of a lower version than `floor`, the highest that this reader has ever seen."""
    if manifest.version < floor:
        versions = f"version {manifest.version} after {floor}"
        raise Refused(Refusal.OUTDATED, f"{versions}; the enroller publishes a newer one as soon as it is there")


class Snapshot(Generic[T]):
    """A whole map: every shard matches the manifest."""

    def __init__(self, manifest: Manifest, shards: "tuple[_Shard[T], ...]", reading: "_Reading[Any, T]") -> None:
        self.manifest = manifest
        self._shards = shards
        self._reading = reading

    def parts(self) -> tuple[T, ...]:
        """What its shards were made into; those that are new are read now, which takes its time.

        Raises `Refused` when they are not what the manifest says, or not sealed with the site's key.
        """
        manifest, number = self.manifest, len(self._shards)
        seal = self._reading.seal
        if seal and manifest.seal is not None:
            seal.unseal(_from_base64(manifest.seal), _manifest_purpose(manifest))
        read = [
            shard.read(self._reading, _purpose(index, number, manifest)) for index, shard in enumerate(self._shards)
        ]
        count = sum(entries for entries, _ in read)
        if count != manifest.count:
            raise Refused(Refusal.WRONG_SHAPE, f"{count} entries, the manifest says {manifest.count}")
        return tuple(part for _, part in read)


class SnapshotReader(Generic[E, T]):
    """Takes manifests, and the shards that the newest one names. `make` is what its user keeps of a shard's entries."""

    def __init__(self, entry: type[E], make: Callable[[tuple[E, ...]], T], seal: Sealing | None = None) -> None:
        self._reading: _Reading[E, T] = _Reading(entry, make, seal)
        self._manifest: Manifest | None = None
        self._shards: dict[int, _Shard[T]] = {}
        """Those that the newest manifest names, and no others."""
        self._whole: Manifest | None = None

    @property
    def missing(self) -> int | None:
        """How many shards of the newest manifest are not there yet; None before there is a manifest."""
        if self._manifest is None:
            return None
        return len(self._missing())

    def wanted(self) -> list[dict[str, str]]:
        """The ids of the next shards to ask for: the newest manifest names them, and they are not there yet.

        Not all of a large map at once: the broker would have to queue it whole, and drops what is beyond its limit.
        """
        return [{"shard": str(index)} for index in self._missing() if index < MAX_SHARDS][:AT_ONCE]

    def asked(self) -> int:
        """The newest version: a shard that came before the manifest that names it was let go, and must come again."""
        return 0 if self._manifest is None else self._manifest.version

    def manifest(self, manifest: Manifest) -> Snapshot[T] | None:
        """Take a manifest; the snapshot, if that makes a new whole one."""
        self._manifest = manifest
        named = dict(enumerate(manifest.shards))
        self._shards = {index: shard for index, shard in self._shards.items() if named.get(index) == shard.digest}
        return self._swap()

    def shard(self, index: int, payload: bytes) -> Snapshot[T] | None:
        """Take a shard that is wanted; the snapshot, if that makes a new whole one. Any other is let go."""
        if index not in self._missing():
            return None
        shard = _Shard[T](payload)
        assert self._manifest is not None
        if shard.digest != self._manifest.shards[index]:  # a former one, a deletion, or what somebody else has sent
            return None
        self._shards[index] = shard
        return self._swap()

    def _missing(self) -> list[int]:
        return [] if self._manifest is None else [n for n in range(len(self._manifest.shards)) if n not in self._shards]

    def _swap(self) -> Snapshot[T] | None:
        if self._manifest is None or self._manifest == self._whole or self.missing:
            return None
        self._whole = self._manifest
        shards = tuple(self._shards[index] for index in range(len(self._manifest.shards)))
        return Snapshot(self._manifest, shards, self._reading)


def as_they_are(entries: tuple[E, ...]) -> tuple[E, ...]:
    """What a `Reader` makes of a shard for who wants its entries."""
    return entries


class _Reading(Generic[E, T]):
    """How a shard is read."""

    def __init__(self, entry: type[E], make: Callable[[tuple[E, ...]], T], seal: Sealing | None) -> None:
        self._adapter: TypeAdapter[tuple[E, ...]] = TypeAdapter(tuple[entry, ...])  # type: ignore[valid-type]
        self._make: Callable[[tuple[E, ...]], T] = make
        self.seal = seal

    def __call__(self, payload: bytes, purpose: str) -> tuple[int, T]:
        """How many entries there are, and what is made of them; raises `Refused`."""
        text = self.seal.unseal(payload, purpose) if self.seal else payload
        try:
            entries = self._adapter.validate_json(text, strict=True)
        except ValidationError as error:
            raise Refused(Refusal.WRONG_SHAPE, f"{purpose}: {first_mistake(error)}") from None
        return len(entries), self._make(entries)


class _Shard(Generic[T]):
    """A shard that came. It is read once; then it keeps what it was made into, and its bytes no longer."""

    def __init__(self, payload: bytes) -> None:
        self.digest = hashlib.sha256(payload).hexdigest()
        self._payload: bytes | None = payload
        self._found: tuple[str, tuple[int, T] | Refused] | None = None

    def read(self, reading: _Reading[Any, T], purpose: str) -> tuple[int, T]:
        """See `_Reading`; raises `Refused` also when it was read for another purpose."""
        payload = self._payload
        if payload is not None:  # two threads that come here at once do the same
            try:
                self._found = purpose, reading(payload, purpose)
            except Refused as refused:
                self._found = purpose, refused
            self._payload = None
        assert self._found is not None
        for_what, found = self._found
        if isinstance(found, Refused):
            raise Refused(found.reason, found.detail)
        if for_what != purpose and reading.seal:
            raise Refused(Refusal.UNSEALED, f"sealed for {for_what!r}, not for {purpose!r}")
        return found


def _shard_of(person: str, number: int) -> int:
    """Whose shard is which: a matter of the sender alone."""
    return int.from_bytes(hashlib.sha256(person.encode()).digest()[:8], "big") % number


def _number(size: int, present: int = 1) -> int:
    """How many shards `size` bytes make: more at once, fewer only when a quarter would do."""
    wanted = 1
    while wanted < MAX_SHARDS and size > wanted * SHARD_BYTES:
        wanted *= 2
    return present if present // 4 < wanted <= present else wanted


def _text(entry: Entry) -> bytes:
    return entry.model_dump_json(exclude_none=True).encode()


def _texts(shard: bytes, index: int, number: int, seal: Sealing | None) -> dict[str, bytes]:
    """The entries of a shard of our own as text, by person."""
    plain = seal.unseal(shard, _place(index, number)) if seal else shard
    entries: list[dict[str, Any]] = json.loads(plain)
    return {entry["person"]: json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() for entry in entries}


def _spread(texts: Mapping[str, bytes], number: int, seal: Sealing | None) -> list[bytes]:
    parts = [dict[str, bytes]() for _ in range(number)]
    for person, text in texts.items():
        parts[_shard_of(person, number)][person] = text
    return [_shard(part, index, number, seal) for index, part in enumerate(parts)]


def _shard(texts: Mapping[str, bytes], index: int, number: int, seal: Sealing | None) -> bytes:
    plain = b"[" + b",".join(texts.values()) + b"]"
    return seal.seal(plain, _place(index, number)) if seal else plain


def _packed(shards: Iterable[bytes], count: int, version: int, model: str | None, seal: Sealing | None) -> Packed:
    kept = tuple(shards)
    digests = tuple(hashlib.sha256(shard).hexdigest() for shard in kept)
    manifest = Manifest(version=version, count=count, shards=digests, model=model)
    if seal:
        sealed = seal.seal(b"", _manifest_purpose(manifest))
        manifest = manifest.model_copy(update={"seal": base64.b64encode(sealed).decode()})
    return Packed(manifest, kept)


def _place(index: int, number: int) -> str:
    return f"shard {index} of {number}"


def _purpose(index: int, number: int, manifest: Manifest) -> str:
    """What a shard is sealed for. A manifest without a seal is of a former enroller, which sealed for versions."""
    return _place(index, number) if manifest.seal is not None else f"snapshot {manifest.version} shard {index}"


def _manifest_purpose(manifest: Manifest) -> str:
    return f"manifest {manifest.model_dump_json(exclude={'seal'}, exclude_none=True)}"


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(Refusal.WRONG_SHAPE, "the manifest's seal is not base64") from None
