"""Maps that are used whole or not at all."""

import contextlib
import hashlib
import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.messages import GalleryEntry, Manifest, RosterEntry
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import (
    AT_ONCE,
    MAX_SHARDS,
    Packed,
    Snapshot,
    SnapshotReader,
    as_they_are,
    pack,
    pack_one_by_one,
    refuse_older,
    repack,
)
from support.snapshots import parts, take

SEAL = Seal(bytes(range(32)))
AT = datetime(2026, 6, 1, tzinfo=UTC)

Roster = SnapshotReader[RosterEntry, tuple[RosterEntry, ...]]
Part = tuple[RosterEntry, ...]


def _people(*names: str) -> tuple[RosterEntry, ...]:
    return tuple(RosterEntry(person=name, name=name.upper(), doors=("front",), valid_until=AT) for name in names)


def _crowd(number: int, seed: int = 0) -> tuple[RosterEntry, ...]:
    """So many that the map needs several shards."""
    chance = random.Random(seed)  # noqa: S311  # the same crowd every time
    return tuple(RosterEntry(person=f"p{n}", hours="".join(chance.choices("abcdefgh", k=500))) for n in range(number))


def _templates(number: int, letter: str = "A") -> tuple[GalleryEntry, ...]:
    return tuple(GalleryEntry(person=f"p{n}", templates=(letter * 300,)) for n in range(number))


def _roster() -> Roster:
    return SnapshotReader(RosterEntry, as_they_are)


def _entries(snapshot: Snapshot[Part] | None) -> set[RosterEntry]:
    assert snapshot is not None
    return {entry for part in snapshot.parts() for entry in part}


def _read(packed: Packed) -> set[RosterEntry]:
    return {entry for part in parts(_roster(), packed) for entry in part}


def _unsealed(packed: Packed, seal: Seal = SEAL) -> set[GalleryEntry]:
    return {entry for part in parts(SnapshotReader(GalleryEntry, as_they_are, seal), packed) for entry in part}


def _forged(shards: Iterable[bytes], **fields: object) -> Packed:
    """What somebody publishes who may write the topics, and has no key."""
    kept = tuple(shards)
    digests = tuple(hashlib.sha256(shard).hexdigest() for shard in kept)
    return Packed(Manifest.model_validate({"version": 1, "count": 1, "shards": digests} | fields), kept)


def test_nobody_is_a_map_too() -> None:
    assert _read(pack((), 1)) == set()


def test_people_come_out_as_they_went_in() -> None:
    packed = pack(_people("alice", "bob"), 7)

    assert (packed.manifest.version, packed.manifest.count) == (7, 2)
    assert _read(packed) == set(_people("alice", "bob"))


def test_a_crowd_takes_several_shards_and_never_more_than_the_limit() -> None:
    packed = pack(_crowd(2000), 1)

    assert 2 <= len(packed.shards) <= MAX_SHARDS
    assert _read(packed) == set(_crowd(2000))


def test_ten_thousand_templates_fit() -> None:
    gallery = tuple(GalleryEntry(person=f"p{n}", templates=("A" * 1024, "B" * 1024)) for n in range(10_000))

    packed = pack(gallery, 1, "MobileFaceNet", SEAL)

    assert len(packed.shards) <= MAX_SHARDS
    assert len(_unsealed(packed)) == 10_000


def test_a_map_with_a_shard_missing_is_not_there() -> None:
    packed = pack(_crowd(2000), 1)
    reader = _roster()

    before = reader.missing
    assert take(reader, packed._replace(shards=packed.shards[:-1])) is None
    assert (before, reader.missing) == (None, 1)
    assert reader.shard(len(packed.shards) - 1, packed.shards[-1]) is not None


def test_the_same_map_is_told_once() -> None:
    packed = pack(_people("alice"), 1)
    reader = _roster()

    assert take(reader, packed) is not None
    assert take(reader, packed) is None


def test_a_deleted_or_surplus_shard_changes_nothing() -> None:
    packed = pack(_people("alice"), 1)
    reader = _roster()
    reader.shard(MAX_SHARDS, b"out of range")
    reader.shard(5, b"of an older, longer map")

    assert take(reader, packed) is not None
    assert reader.shard(0, b"") is None


VERSIONS = (("alice", "bob"), ("alice",), ("alice", "bob", "carol"), ("alice", "bob"))
PACKED = tuple(pack((*_people(*names), *_crowd(300, seed=1)), number) for number, names in enumerate(VERSIONS))
PIECES = [(version, piece) for version in range(len(VERSIONS)) for piece in range(-1, len(PACKED[0].shards))]


@given(st.lists(st.sampled_from(PIECES), max_size=20))
def test_whatever_the_order_a_map_is_never_made_of_two_versions(order: list[tuple[int, int]]) -> None:
    """A piece is a version and one of its shards, or its manifest (-1)."""
    reader = _roster()
    newest = -1
    for version, piece in [*order, (3, -1), *((3, shard) for shard in range(len(PACKED[3].shards)))]:
        manifest, shards = PACKED[version]
        newest = version if piece < 0 else newest
        snapshot = reader.manifest(manifest) if piece < 0 else reader.shard(piece, shards[piece])
        if snapshot is not None:
            assert snapshot.manifest == PACKED[newest].manifest
            assert {entry.person for entry in _entries(snapshot) if entry.name} == set(VERSIONS[newest])

    assert reader.missing == 0
    assert reader.wanted() == []


@given(st.lists(st.tuples(st.integers(0, MAX_SHARDS), st.sampled_from(["former", "any", "deletion"])), max_size=20))
def test_of_what_comes_under_shards_a_reader_keeps_what_its_manifest_names_and_wants_the_rest(
    sent: list[tuple[int, str]],
) -> None:
    former, newest = PACKED[1], PACKED[3]
    changed = [index for index, shard in enumerate(newest.shards) if shard != former.shards[index]]
    reader = _roster()
    take(reader, former)

    reader.manifest(newest.manifest)
    for index, what in sent:
        old = former.shards[index % len(former.shards)]
        foreign = {"former": old, "any": b"[%d]" % index, "deletion": b""}[what]
        if foreign not in newest.shards:
            assert reader.shard(index, foreign) is None

    assert reader.wanted() == [{"shard": str(index)} for index in changed][:AT_ONCE]
    whole = [reader.shard(index, newest.shards[index]) for index in changed][-1]
    assert {entry.person for entry in _entries(whole) if entry.name} == set(VERSIONS[3])


def test_of_a_large_map_no_more_is_asked_for_than_a_broker_queues_until_it_is_whole() -> None:
    manifest, shards = pack(_crowd(4000, seed=2), 1)
    reader = _roster()
    snapshot = reader.manifest(manifest)

    asked = []
    while wanted := reader.wanted():
        assert len(wanted) <= AT_ONCE < len(shards)
        asked.append(int(wanted[0]["shard"]))
        snapshot = reader.shard(asked[-1], shards[asked[-1]])

    assert asked == list(range(len(shards)))
    assert snapshot is not None
    assert len(_entries(snapshot)) == 4000


@given(st.lists(st.integers(0, 9), min_size=1))
def test_no_order_of_manifests_leads_back(versions: list[int]) -> None:
    reader, floor = _roster(), -1
    taken = []
    for version in versions:
        manifest = pack((), version).manifest
        with contextlib.suppress(Refused):
            refuse_older(manifest, floor)
            reader.manifest(manifest)
            floor = version
            taken.append(version)

    assert taken == sorted(taken)
    assert taken[-1] == max(versions)


def test_each_version_of_a_map_has_all_its_people() -> None:
    for names, packed in zip(VERSIONS, PACKED, strict=True):
        assert len(packed.shards) > 1
        assert {entry.person for entry in _read(packed) if entry.name} == set(names)


def test_a_change_of_one_person_changes_one_shard() -> None:
    before = pack(_crowd(2000), 1)
    (changed,) = _people("p77")

    after = repack(before, {"p77": changed}, 2)

    assert sum(old != new for old, new in zip(before.shards, after.shards, strict=True)) == 1
    assert _read(after) == {changed} | {entry for entry in _crowd(2000) if entry.person != "p77"}


def test_a_sealed_shard_that_did_not_change_is_the_same_bytes() -> None:
    before = pack(_templates(1500), 1, "MobileFaceNet", SEAL)

    after = repack(before, {"p3": None}, 2, "MobileFaceNet", SEAL)

    assert len(before.shards) > 2
    assert sum(old != new for old, new in zip(before.shards, after.shards, strict=True)) == 1
    assert _unsealed(after) == set(_templates(1500)) - set(_templates(4)[3:])


NAMES = st.sampled_from([f"p{n}" for n in range(40)])
SIZES = st.none() | st.integers(0, 60_000)


@given(st.lists(st.dictionaries(NAMES, SIZES, max_size=40), max_size=8))
def test_changes_one_after_the_other_make_the_map_that_is_made_at_once(steps: list[Mapping[str, int | None]]) -> None:
    """Few people with much each, so that shards become more and fewer."""
    packed = pack((), 0, "m", SEAL)
    people: dict[str, GalleryEntry] = {}
    for version, step in enumerate(steps, 1):
        changes = {
            person: None if size is None else GalleryEntry(person=person, templates=("A" * size,))
            for person, size in step.items()
        }
        packed = repack(packed, changes, version, "m", SEAL)
        people = {person: entry for person, entry in (people | changes).items() if entry is not None}
        assert (packed.manifest.version, packed.manifest.count) == (version, len(people))
        assert _unsealed(packed) == set(people.values())


@pytest.mark.parametrize("number", [0, 1, 200, 8000])
def test_a_map_is_the_same_whether_its_entries_are_asked_for_at_once_or_one_by_one(number: int) -> None:
    everybody = {entry.person: entry for entry in _crowd(number)}

    asked = pack_one_by_one((*everybody, "nobody"), everybody.get, 1)

    assert asked == pack(everybody.values(), 1)
    assert _read(asked) == set(everybody.values())
    changes = dict.fromkeys(list(everybody)[::7])
    assert _read(repack(asked, changes, 2)) == {entry for person, entry in everybody.items() if person not in changes}


def test_shards_become_more_with_the_people_and_fewer_without_them() -> None:
    one = pack(_people("alice"), 1)
    many = repack(one, {entry.person: entry for entry in _crowd(2000)}, 2)
    few = repack(many, {entry.person: None for entry in _crowd(2000)}, 3)

    assert (len(one.shards), len(few.shards)) == (1, 1)
    assert len(many.shards) > 4
    assert _read(many) == {*_people("alice"), *_crowd(2000)}
    assert _read(few) == set(_people("alice"))


def test_a_reader_reads_no_shard_again_that_it_has_read() -> None:
    read: list[str] = []

    def note(entries: Part) -> Part:
        read.extend(entry.person for entry in entries)
        return entries

    reader = SnapshotReader(RosterEntry, note)
    before = pack(_crowd(2000), 1)
    after = repack(before, {"p77": None}, 2)
    assert len(_entries(take(reader, before))) == len(read) == 2000
    read.clear()

    assert len(_entries(take(reader, after))) == 1999
    assert 0 < len(read) < 400


def test_a_shard_that_cannot_be_read_is_refused_again_and_does_no_harm_to_the_next_map() -> None:
    good = pack(_crowd(2000), 3)
    bad = _forged([b"[3]", *good.shards[1:]], version=2, count=2000)
    reader = _roster()
    whole = take(reader, bad)
    assert whole is not None
    for _ in range(2):
        with pytest.raises(Refused):
            whole.parts()

    assert _entries(take(reader, good)) == set(_crowd(2000))


def test_a_sealed_map_opens_with_the_site_key_only() -> None:
    gallery = (GalleryEntry(person="alice", templates=("AAAA",)),)
    packed = pack(gallery, 3, "MobileFaceNet", SEAL)

    assert b"alice" not in packed.shards[0]
    assert _unsealed(packed) == set(gallery)
    with pytest.raises(Refused) as refused:
        _unsealed(packed, Seal(bytes(32)))
    assert refused.value.reason is Refusal.UNSEALED


def test_without_the_key_nobody_puts_sealed_shards_together_anew() -> None:
    before = pack(_templates(1500), 3, "MobileFaceNet", SEAL)
    without = repack(before, {"p3": None}, 4, "MobileFaceNet", SEAL)
    after = repack(without, {"p4": None}, 5, "MobileFaceNet", SEAL)
    back = [
        old if old != new else last for old, new, last in zip(before.shards, without.shards, after.shards, strict=True)
    ]
    swapped = (before.shards[1], before.shards[0], *before.shards[2:])
    named = {"count": 1500, "model": "MobileFaceNet"}

    for forged in (
        _forged(back, version=5, seal=after.manifest.seal, **named | {"count": 1499}),  # p3 is back, p4 is not
        _forged(back, version=6, **named | {"count": 1499}),
        _forged(swapped, version=3, seal=before.manifest.seal, **named),
        _forged(before.shards, version=5, seal=before.manifest.seal, **named),
        _forged(before.shards, version=3, seal=before.manifest.seal, **named | {"model": "Facenet"}),
        _forged(before.shards, version=3, **named),
        _forged(before.shards, version=3, seal="AAAA", **named),
        _forged(before.shards, version=3, seal="no base64", **named),
    ):
        with pytest.raises(Refused):
            _unsealed(forged)


def _of_former_enroller(gallery: tuple[GalleryEntry, ...], version: int) -> Packed:
    """Its shards were sealed for version and number, its manifest was not."""
    texts = [entry.model_dump_json(exclude_none=True).encode() for entry in gallery]
    shards = (
        SEAL.seal(b"[" + b",".join(texts[index::2]) + b"]", f"snapshot {version} shard {index}") for index in range(2)
    )
    return _forged(shards, version=version, count=len(texts), model="MobileFaceNet")


def test_the_map_of_a_former_enroller_is_read_and_cannot_be_moved_to_another_version() -> None:
    former = _of_former_enroller(_templates(10), 3)

    assert _unsealed(former) == set(_templates(10))
    later = former.manifest.model_copy(update={"version": 4})
    with pytest.raises(Refused):
        _unsealed(Packed(later, former.shards))
    reader = SnapshotReader(GalleryEntry, as_they_are, SEAL)
    for manifest, ends in ((former.manifest, contextlib.nullcontext()), (later, pytest.raises(Refused))):
        whole = reader.manifest(manifest)
        whole = [reader.shard(index, shard) for index, shard in enumerate(former.shards)][-1] or whole
        assert whole is not None
        with ends:
            whole.parts()


@pytest.mark.parametrize(
    "shard",
    [b"not json", b"[]", b"{}", b'[{"person": "A B"}]', b'[{"person": "alice", "sudo": true}]'],
)
def test_a_shard_that_is_not_what_the_manifest_says_is_refused(shard: bytes) -> None:
    with pytest.raises(Refused):
        _read(_forged([shard]))


@given(st.binary(min_size=1, max_size=200) | st.text(min_size=1, max_size=50).map(str.encode))
def test_any_bytes_as_a_shard_are_a_map_or_refused(shard: bytes) -> None:
    with contextlib.suppress(Refused):
        assert _read(_forged([shard], count=0)) == set()
