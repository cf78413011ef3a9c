"""Maps that are used whole or not at all."""

import contextlib
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.messages import GalleryEntry, Manifest, RosterEntry
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import MAX_SHARDS, Reader, Snapshot, pack, unpack

SEAL = Seal(bytes(range(32)))
AT = datetime(2026, 6, 1, tzinfo=UTC)


def _people(*names: str) -> tuple[RosterEntry, ...]:
    return tuple(RosterEntry(person=name, name=name.upper(), doors=("front",), valid_until=AT) for name in names)


def _crowd(number: int, seed: int = 0) -> tuple[RosterEntry, ...]:
    """So many that the map needs several shards."""
    chance = random.Random(seed)  # noqa: S311  # the same crowd every time
    return tuple(RosterEntry(person=f"p{n}", hours="".join(chance.choices("abcdefgh", k=500))) for n in range(number))


def _read(reader: Reader, manifest: Manifest, shards: tuple[bytes, ...]) -> Snapshot | None:
    whole = reader.manifest(manifest)
    for index, shard in enumerate(shards):
        whole = reader.shard(index, shard) or whole
    return whole


def test_nobody_is_a_map_too() -> None:
    manifest, shards = pack((), 1)

    snapshot = _read(Reader(), manifest, shards)

    assert snapshot is not None
    assert unpack(snapshot, RosterEntry) == ()


def test_people_come_out_as_they_went_in() -> None:
    people = _people("alice", "bob")
    manifest, shards = pack(people, 7)

    snapshot = _read(Reader(), manifest, shards)

    assert snapshot is not None
    assert (snapshot.manifest.version, snapshot.manifest.count) == (7, 2)
    assert set(unpack(snapshot, RosterEntry)) == set(people)


def test_a_crowd_takes_several_shards_and_never_more_than_the_limit() -> None:
    manifest, shards = pack(_crowd(2000), 1)

    assert 2 <= len(shards) <= MAX_SHARDS
    snapshot = _read(Reader(), manifest, shards)
    assert snapshot is not None
    assert set(unpack(snapshot, RosterEntry)) == set(_crowd(2000))


def test_ten_thousand_templates_fit() -> None:
    gallery = tuple(GalleryEntry(person=f"p{n}", templates=("A" * 1024, "B" * 1024)) for n in range(10_000))

    manifest, shards = pack(gallery, 1, "MobileFaceNet", SEAL)

    assert len(shards) <= MAX_SHARDS
    snapshot = _read(Reader(), manifest, shards)
    assert snapshot is not None
    assert len(unpack(snapshot, GalleryEntry, SEAL)) == 10_000


def test_a_map_with_a_shard_missing_is_not_there() -> None:
    manifest, shards = pack(_crowd(2000), 1)
    reader = Reader()

    assert Reader().missing is None
    assert _read(reader, manifest, shards[:-1]) is None
    assert reader.missing == 1
    assert reader.shard(len(shards) - 1, shards[-1]) is not None


def test_the_same_map_is_told_once() -> None:
    manifest, shards = pack(_people("alice"), 1)
    reader = Reader()

    assert _read(reader, manifest, shards) is not None
    assert _read(reader, manifest, shards) is None


def test_a_deleted_or_surplus_shard_changes_nothing() -> None:
    manifest, shards = pack(_people("alice"), 1)
    reader = Reader()
    reader.shard(MAX_SHARDS, b"out of range")
    reader.shard(5, b"of an older, longer map")

    assert _read(reader, manifest, shards) is not None
    assert reader.shard(0, b"") is None


VERSIONS = (("alice", "bob"), ("alice",), ("alice", "bob", "carol"), ("alice", "bob"))
PACKED = tuple(pack((*_people(*names), *_crowd(1000, seed=1)), number) for number, names in enumerate(VERSIONS))
PIECES = [(version, piece) for version in range(len(VERSIONS)) for piece in range(-1, len(PACKED[0][1]))]


@given(st.lists(st.sampled_from(PIECES), max_size=20))
def test_whatever_the_order_a_map_is_never_made_of_two_versions(order: list[tuple[int, int]]) -> None:
    """A piece is a version and one of its shards, or its manifest (-1)."""
    reader = Reader()
    newest = -1
    for version, piece in [*order, *((3, shard) for shard in range(len(PACKED[3][1]))), (3, -1)]:
        manifest, shards = PACKED[version]
        newest = version if piece < 0 else newest
        snapshot = reader.manifest(manifest) if piece < 0 else reader.shard(piece, shards[piece])
        if snapshot is not None:
            assert (snapshot.manifest, snapshot.shards) == PACKED[newest]

    assert reader.missing == 0


def test_each_version_of_a_map_has_all_its_people() -> None:
    for names, (manifest, shards) in zip(VERSIONS, PACKED, strict=True):
        entries = unpack(Snapshot(manifest, shards), RosterEntry)

        assert len(shards) > 1
        assert {entry.person for entry in entries if entry.name} == set(names)


def test_a_sealed_map_opens_with_the_site_key_only() -> None:
    gallery = (GalleryEntry(person="alice", templates=("AAAA",)),)
    manifest, shards = pack(gallery, 3, "MobileFaceNet", SEAL)
    snapshot = Snapshot(manifest, shards)

    assert b"alice" not in shards[0]
    assert unpack(snapshot, GalleryEntry, SEAL) == gallery
    with pytest.raises(Refused) as refused:
        unpack(snapshot, GalleryEntry, Seal(bytes(32)))
    assert refused.value.reason is Refusal.UNSEALED


def test_sealed_shards_cannot_be_swapped_or_moved_to_another_version() -> None:
    gallery = tuple(GalleryEntry(person=f"p{n}", templates=("A" * 300,)) for n in range(1500))
    manifest, shards = pack(gallery, 3, "MobileFaceNet", SEAL)

    for forged in (
        Snapshot(manifest, (shards[1], shards[0], *shards[2:])),
        Snapshot(manifest.model_copy(update={"version": 4}), shards),
    ):
        with pytest.raises(Refused):
            unpack(forged, GalleryEntry, SEAL)


@pytest.mark.parametrize(
    "shard",
    [b"", b"not json", b"[]", b"{}", b'[{"person": "A B"}]', b'[{"person": "alice", "sudo": true}]'],
)
def test_a_shard_that_is_not_what_the_manifest_says_is_refused(shard: bytes) -> None:
    manifest = Manifest(version=1, count=1, shards=("0" * 64,))

    with pytest.raises(Refused):
        unpack(Snapshot(manifest, (shard,)), RosterEntry)


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_bytes_as_a_shard_are_a_map_or_refused(shard: bytes) -> None:
    with contextlib.suppress(Refused):
        assert unpack(Snapshot(Manifest(version=1, count=0, shards=("0" * 64,)), (shard,)), RosterEntry) == ()
