"""The people on disk: what is kept, what is really gone, and what a bad disk does."""

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Rights
from doorbus_enroller.fakes import MemoryStore
from doorbus_enroller.sqlite_store import SqliteStore
from doorbus_enroller.store import Person, Sample, StorageFailed, Store, StoreDamaged, Versions

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
ALICE = Rights(name="Älice", doors=("front",), valid_until=NOON)


def sample(picture: str, *, template: bytes = b"sealed template", at: datetime = NOON) -> Sample:
    return Sample(template=template, model="MobileFaceNet", quality=0.5, picture=picture, created_at=at)


def add(store: Store, person: str, *samples: Sample, rights: Rights | None = None) -> Versions:
    return store.add(person, samples, rights or Rights(), samples[-1].created_at)


def at(path: Path, busy_seconds: float = 5.0) -> SqliteStore:
    """A store that may begin where there is none."""
    store = SqliteStore(path, busy_seconds)
    if store.is_new():
        store.begin(NOON)
    return store


def everybody(store: Store) -> list[Person]:
    return [found for person in store.people(NOON).rights if (found := store.find(person, NOON))]


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = at(tmp_path / "var" / "enroller.db") if request.param == "sqlite" else MemoryStore()
    yield opened
    opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "enroller.db"


def test_a_new_store_is_empty_and_its_versions_are_the_time(store: Store) -> None:
    assert everybody(store) == []
    assert store.versions(NOON) == Versions(NOON_MS, NOON_MS)


def test_people_and_samples_come_back_as_they_were_kept(store: Store) -> None:
    add(store, "bob", sample("b"))
    add(store, "alice", sample("a1"), rights=ALICE)
    add(store, "alice", sample("a2"), rights=Rights(name="not the rights of the first"))
    alice, bob = Person("alice", ALICE, (sample("a1"), sample("a2"))), Person("bob", Rights(), (sample("b"),))
    assert everybody(store) == [alice, bob]
    assert [store.find(person, NOON) for person in ("alice", "bob", "carol")] == [alice, bob, None]


def test_a_picture_is_kept_once_for_a_person_and_the_newer_sample_of_it_counts(store: Store) -> None:
    add(store, "alice", sample("a", template=b"damaged"), sample("b"), rights=ALICE)
    add(store, "alice", sample("a", template=b"whole"))
    (alice,) = everybody(store)
    assert {(each.picture, each.template) for each in alice.samples} == {("a", b"whole"), ("b", b"sealed template")}


def test_people_who_are_put_are_as_they_are_given_and_others_stay(store: Store) -> None:
    add(store, "alice", sample("a1"), sample("a2"), rights=ALICE)
    add(store, "bob", sample("b"))
    before = store.versions(NOON)
    given = [Person("alice", Rights(), (sample("a3"),)), Person("carol", ALICE)]
    after = store.put(given, NOON)
    assert everybody(store) == [given[0], Person("bob", Rights(), (sample("b"),)), given[1]]
    assert (after.roster, after.gallery) == (before.roster + 1, before.gallery + 1)


def test_faces_are_kept_beside_their_samples_and_go_with_them(store: Store) -> None:
    shown = replace(sample("a1"), face=b"sealed face", brightness=0.25)
    add(store, "alice", shown, sample("a2"))
    add(store, "bob", replace(sample("b"), face=b"another face"))

    def faces(person: str) -> list[bytes | None]:
        found = store.find(person, NOON, faces=True)
        return [each.face for each in found.samples] if found else []

    plain = store.find("alice", NOON)
    assert plain is not None
    assert [(each.face, each.brightness) for each in plain.samples] == [(None, 0.25), (None, None)]
    assert faces("alice") == [b"sealed face", None]
    add(store, "alice", replace(sample("a1"), face=b"a newer one"))  # of the same picture
    assert sorted(map(str, faces("alice"))) == ["None", str(b"a newer one")]
    number = next(each.number for each in store.find("alice", NOON).samples if each.picture == "a1")  # type: ignore[union-attr]
    before = store.versions(NOON)
    after = store.remove_sample("alice", number, NOON)
    assert after is not None
    assert (after.roster, after.gallery) == (before.roster, before.gallery + 1)
    assert faces("alice") == [None]
    assert store.remove_sample("alice", number, NOON) is None
    assert store.remove_sample("carol", 1, NOON) is None
    assert faces("bob") == [b"another face"]


def test_a_file_that_is_damaged_is_told_apart_from_one_that_is_missing_and_set_aside(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + os.urandom(4096))
    store = SqliteStore(path)
    with pytest.raises(StoreDamaged, match="doorbus restore FILE sets it aside"):
        store.versions(NOON)
    store.set_aside(NOON)
    assert store.is_new()
    aside = path.with_name("enroller.db.damaged-20260601T120000Z")
    assert aside.stat().st_size == 4112
    store.begin(NOON)
    add(store, "alice", sample("a"))
    assert [each.person for each in everybody(store)] == ["alice"]
    assert {one.name for one in path.parent.glob("*.damaged-*")} == {aside.name}
    store.close()


def test_a_file_that_may_not_be_opened_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "enroller.db").mkdir()
    store = SqliteStore(tmp_path / "enroller.db")
    with pytest.raises(StorageFailed) as failed:
        store.versions(NOON)
    assert not isinstance(failed.value, StoreDamaged)


def test_a_file_of_an_older_doorbus_is_taken_over(path: Path) -> None:
    older = sqlite3.connect(path)
    older.executescript(
        "CREATE TABLE people (person TEXT NOT NULL PRIMARY KEY, rights TEXT NOT NULL, created_at TEXT NOT NULL,"
        " updated_at TEXT NOT NULL) STRICT;"
        "CREATE TABLE samples (id INTEGER PRIMARY KEY, person TEXT NOT NULL REFERENCES people ON DELETE CASCADE,"
        " template BLOB NOT NULL, model TEXT NOT NULL, quality REAL NOT NULL, picture TEXT NOT NULL,"
        " created_at TEXT NOT NULL, UNIQUE (person, picture)) STRICT;"
        "CREATE TABLE versions (map TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT;"
        "INSERT INTO versions VALUES ('roster', 5), ('gallery', 7);"
        "INSERT INTO people VALUES ('alice', '{}', '2026-06-01T12:00:00Z', '2026-06-01T12:00:00Z');"
        "INSERT INTO samples VALUES (1, 'alice', x'00', 'MobileFaceNet', 0.5, 'a', '2026-06-01T12:00:00Z');"
        "PRAGMA user_version = 1;"
    )
    older.close()
    store = SqliteStore(path)
    assert store.versions(NOON) == Versions(5, 7)
    assert everybody(store) == [Person("alice", Rights(), (sample("a", template=b"\0"),))]
    add(store, "alice", replace(sample("b"), face=b"sealed face"))
    found = store.find("alice", NOON, faces=True)
    assert found is not None
    assert [each.face for each in found.samples] == [None, b"sealed face"]
    store.close()


def test_each_change_raises_the_versions_of_the_maps_it_touches(store: Store) -> None:
    changes: tuple[Callable[[], Versions | None], ...] = (
        lambda: store.add("alice", [sample("a1")], ALICE, NOON),
        lambda: store.add("alice", [sample("a2"), sample("a3")], ALICE, NOON),
        lambda: store.set_rights("alice", Rights(), NOON),
        lambda: store.remove("alice", NOON),
    )
    told = [store.versions(NOON), *(change() for change in changes)]
    assert told[-1] == store.versions(NOON)
    risen = [
        (after.roster - before.roster, after.gallery - before.gallery)
        for before, after in pairwise(told)
        if before and after
    ]
    assert risen == [(1, 1), (0, 1), (1, 0), (1, 1)]


def test_removing_nobody_changes_nothing(store: Store) -> None:
    before = store.versions(NOON)
    assert store.remove("alice", NOON) is None
    assert store.versions(NOON) == before


@given(jumps=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_versions_rise_whatever_the_clock_does(jumps: list[float]) -> None:
    store = MemoryStore()
    now, versions = NOON, [store.versions(NOON).gallery]
    for number, seconds in enumerate(jumps):
        now += timedelta(seconds=seconds)
        add(store, "alice", sample(str(number), at=now), rights=ALICE)
        versions.append(store.versions(now).gallery)
    assert versions == sorted(set(versions))


def test_a_removed_person_is_gone(store: Store) -> None:
    add(store, "alice", sample("a"), rights=ALICE)
    add(store, "bob", sample("b"))
    store.remove("alice", NOON)
    assert [each.person for each in everybody(store)] == ["bob"]


def test_closing_twice_is_fine_and_a_closed_store_opens_again(store: Store) -> None:
    add(store, "alice", sample("a"), rights=ALICE)
    store.close()
    store.close()
    assert len(everybody(store)) == 1


def test_everything_survives_a_restart(path: Path) -> None:
    first = at(path)
    add(first, "alice", sample("a"), rights=ALICE)
    before = everybody(first), first.versions(NOON)
    first.close()
    second = at(path)
    assert (everybody(second), second.versions(NOON + timedelta(days=1))) == before
    second.close()


def test_after_the_file_was_lost_versions_are_higher_than_before(path: Path) -> None:
    store = at(path)
    add(store, "alice", sample("a"), rights=ALICE)
    before = store.versions(NOON)
    store.close()
    path.unlink()
    after = store.versions(NOON + timedelta(seconds=1))
    assert everybody(store) == []
    store.close()
    assert after.gallery > before.gallery
    assert after.roster > before.roster


def test_only_the_owner_may_read_the_files(path: Path) -> None:
    path.touch(mode=0o644)
    store = at(path)
    add(store, "alice", sample("a"), rights=ALICE)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    store.close()
    assert modes["enroller.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_a_removed_template_is_nowhere_in_the_files(path: Path) -> None:
    template = os.urandom(784)
    store = at(path)
    for number in range(20):
        add(store, "bob", sample(f"b{number}"))
    add(store, "alice", sample("a", template=template), rights=ALICE)
    assert _found(path, template)
    store.remove("alice", NOON)
    assert not _found(path, template)
    store.close()
    assert not _found(path, template)


def _found(path: Path, template: bytes) -> bool:
    return any(template in each.read_bytes() for each in path.parent.iterdir())


@pytest.mark.parametrize("empty", [True, False])
def test_a_file_that_is_missing_or_empty_is_new_and_stays_as_it_is_until_it_may_begin(
    path: Path, *, empty: bool
) -> None:
    if empty:
        path.touch()
    store = SqliteStore(path)
    assert store.is_new()
    with pytest.raises(StorageFailed):
        store.versions(NOON)
    assert path.exists() is empty
    assert not empty or path.stat().st_size == 0
    store.begin(NOON)
    assert not store.is_new()
    assert everybody(store) == []
    store.close()


def test_a_foreign_file_is_left_alone(path: Path) -> None:
    content = b"not a database at all, but long enough to look at" * 50
    path.write_bytes(content)
    store = SqliteStore(path)
    for ask in (store.is_new, lambda: store.begin(NOON), lambda: store.versions(NOON)):
        with pytest.raises(StorageFailed, match=r"enroller\.db: .*restore a backup"):
            ask()
    store.close()
    assert path.read_bytes() == content


def test_a_damaged_file_is_reported_and_read_again_once_restored(path: Path, tmp_path: Path) -> None:
    store = at(path)
    for number in range(50):
        add(store, "alice", sample(str(number), template=os.urandom(700)), rights=ALICE)
    before = everybody(store)
    store.close()
    backup = tmp_path / "backup"
    shutil.copy(path, backup)
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StorageFailed, match="restore a backup"):
        everybody(store)
    with pytest.raises(StorageFailed, match="restore a backup"):
        add(store, "bob", sample("b"))
    shutil.copy(backup, path)
    assert everybody(store) == before
    store.close()


@pytest.mark.parametrize("rights", ["'{\"enabled\": 3}'", "'{'", "CAST(x'7bff7d' AS TEXT)"])
def test_rights_that_cannot_be_read_are_those_of_one_person(path: Path, rights: str) -> None:
    store = at(path)
    add(store, "alice", sample("a"), rights=ALICE)
    add(store, "bob", sample("b"), rights=ALICE)
    store.close()
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE people SET rights = {rights} WHERE person = 'alice'")  # noqa: S608  # of this test
    db.close()
    assert store.people(NOON).rights == {"alice": None, "bob": ALICE}
    store.close()


def test_a_file_of_a_newer_doorbus_is_left_alone(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    store = at(path)
    with pytest.raises(StorageFailed, match="newer doorbus"):
        everybody(store)
    store.close()


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = SqliteStore(tmp_path / "file" / "enroller.db")
    with pytest.raises(StorageFailed, match=r"file/enroller\.db: .*may this user write"):
        everybody(store)
    store.close()


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from doorbus.wire.messages import Rights
from doorbus_enroller.sqlite_store import SqliteStore
from doorbus_enroller.store import Sample, StorageFailed

now = datetime(2026, 6, 1, 12, tzinfo=UTC)
store = SqliteStore(Path(sys.argv[1]))
try:
    store.begin(now)
    for number in range(int(sys.argv[2])):
        sample = Sample(b"t" * 2000, "MobileFaceNet", 0.5, str(number), now)
        store.add(f"person{number:05d}", [sample], Rights(), now)
        print(number, flush=True)
except StorageFailed as failed:
    print(failed, flush=True)
"""


def _writer(path: Path, count: int, *before: str) -> list[str]:
    return [*before, sys.executable, "-c", WRITER, str(path), str(count)]


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_kill_minus_nine_loses_nothing_that_was_acknowledged_and_keeps_nothing_in_halves(
    path: Path, acknowledged: int
) -> None:
    with subprocess.Popen(_writer(path, 100_000), stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(acknowledged):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        printed = acknowledged + len(writer.stdout.read().split("\n")) - 1
    store = at(path)
    people, versions = everybody(store), store.versions(NOON)
    store.close()
    assert len(people) - printed in (0, 1)  # 1: written, but killed before it could say so
    assert all(len(each.samples) == 1 for each in people)
    assert versions == Versions(NOON_MS + len(people), NOON_MS + len(people))


def test_a_full_disk_is_told_and_what_was_kept_before_is_still_there(path: Path) -> None:
    limited = 'ulimit -f 1000 && exec "$@"'
    output = subprocess.run(
        _writer(path, 100_000, "sh", "-c", limited, "sh"), capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "is the disk full" in output[-1]
    store = at(path)
    assert len(everybody(store)) == len(output) - 1 > 5
    store.close()


def test_a_directory_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    powerless = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
    output = subprocess.run(
        _writer(locked / "enroller.db", 1, *powerless), capture_output=True, text=True, check=True
    ).stdout
    locked.chmod(0o700)
    assert "locked/enroller.db: " in output
    assert "may this user write" in output


def test_a_file_that_may_not_be_written_is_told(path: Path) -> None:
    store = at(path)
    add(store, "alice", sample("a"), rights=ALICE)
    store.close()
    path.chmod(0o400)
    powerless = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
    output = subprocess.run(_writer(path, 1, *powerless), capture_output=True, text=True, check=True).stdout
    assert "may this user write" in output


def test_a_second_enroller_on_the_same_file_is_told(path: Path) -> None:
    store = at(path, busy_seconds=0.01)
    everybody(store)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageFailed, match="another enroller"):
        add(store, "alice", sample("a"), rights=ALICE)
    other.close()
    add(store, "alice", sample("a"), rights=ALICE)
    assert len(everybody(store)) == 1
    store.close()
