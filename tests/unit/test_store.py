"""The people on disk: what is kept, what is really gone, and what a bad disk does."""

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Rights
from doorbus_enroller.store import MemoryStore, Person, Sample, SqliteStore, StorageFailed, Store

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
ALICE = Rights(name="Älice", doors=("front",), valid_until=NOON)


def sample(picture: str, *, template: bytes = b"sealed template", at: datetime = NOON) -> Sample:
    return Sample(template=template, model="MobileFaceNet", quality=0.5, picture=picture, created_at=at)


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = SqliteStore(tmp_path / "var" / "enroller.db") if request.param == "sqlite" else MemoryStore()
    yield opened
    opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "enroller.db"


def test_a_new_store_is_empty_and_its_versions_are_the_time(store: Store) -> None:
    people = store.read(NOON)
    assert people.people == ()
    assert people.roster_version == people.gallery_version == NOON_MS


def test_people_and_samples_come_back_as_they_were_kept(store: Store) -> None:
    store.add("bob", sample("b"), Rights())
    store.add("alice", sample("a1"), ALICE)
    store.add("alice", sample("a2"), Rights(name="not the rights of the first"))
    assert store.read(NOON).people == (
        Person("alice", ALICE, (sample("a1"), sample("a2"))),
        Person("bob", Rights(), (sample("b"),)),
    )


def test_a_picture_is_kept_once_for_a_person(store: Store) -> None:
    store.add("alice", sample("a"), ALICE)
    with pytest.raises(StorageFailed):
        store.add("alice", sample("a"), ALICE)
    assert store.read(NOON).people == (Person("alice", ALICE, (sample("a"),)),)


def test_each_change_raises_the_versions_of_the_maps_it_touches(store: Store) -> None:
    read = [store.read(NOON)]
    changes: tuple[Callable[[], None], ...] = (
        lambda: store.add("alice", sample("a1"), ALICE),
        lambda: store.add("alice", sample("a2"), ALICE),
        lambda: store.set_rights("alice", Rights(), NOON),
        lambda: store.remove("alice", NOON),
    )
    for change in changes:
        change()
        read.append(store.read(NOON))
    risen = [
        (after.roster_version - before.roster_version, after.gallery_version - before.gallery_version)
        for before, after in pairwise(read)
    ]
    assert risen == [(1, 1), (0, 1), (1, 0), (1, 1)]


@given(jumps=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_versions_rise_whatever_the_clock_does(jumps: list[float]) -> None:
    store = MemoryStore()
    now, versions = NOON, [store.read(NOON).gallery_version]
    for number, seconds in enumerate(jumps):
        now += timedelta(seconds=seconds)
        store.add("alice", sample(str(number), at=now), ALICE)
        versions.append(store.read(now).gallery_version)
    assert versions == sorted(set(versions))


def test_a_removed_person_is_gone(store: Store) -> None:
    store.add("alice", sample("a"), ALICE)
    store.add("bob", sample("b"), Rights())
    store.remove("alice", NOON)
    assert [each.person for each in store.read(NOON).people] == ["bob"]


def test_closing_twice_is_fine_and_a_closed_store_opens_again(store: Store) -> None:
    store.add("alice", sample("a"), ALICE)
    store.close()
    store.close()
    assert len(store.read(NOON).people) == 1


def test_everything_survives_a_restart(path: Path) -> None:
    first = SqliteStore(path)
    first.add("alice", sample("a"), ALICE)
    before = first.read(NOON)
    first.close()
    second = SqliteStore(path)
    assert second.read(NOON + timedelta(days=1)) == before
    second.close()


def test_after_the_file_was_lost_versions_are_higher_than_before(path: Path) -> None:
    store = SqliteStore(path)
    store.add("alice", sample("a"), ALICE)
    before = store.read(NOON)
    store.close()
    path.unlink()
    after = store.read(NOON + timedelta(seconds=1))
    store.close()
    assert after.people == ()
    assert after.gallery_version > before.gallery_version
    assert after.roster_version > before.roster_version


def test_only_the_owner_may_read_the_files(path: Path) -> None:
    path.touch(mode=0o644)
    store = SqliteStore(path)
    store.add("alice", sample("a"), ALICE)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    store.close()
    assert modes["enroller.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_a_removed_template_is_nowhere_in_the_files(path: Path) -> None:
    template = os.urandom(784)
    store = SqliteStore(path)
    for number in range(20):
        store.add("bob", sample(f"b{number}"), Rights())
    store.add("alice", sample("a", template=template), ALICE)
    assert _found(path, template)
    store.remove("alice", NOON)
    assert not _found(path, template)
    store.close()
    assert not _found(path, template)


def _found(path: Path, template: bytes) -> bool:
    return any(template in each.read_bytes() for each in path.parent.iterdir())


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to look at" * 50])
def test_an_empty_file_is_a_new_store_and_a_foreign_one_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    store = SqliteStore(path)
    if content:
        with pytest.raises(StorageFailed, match=r"enroller\.db: .*restore a backup"):
            store.read(NOON)
        assert path.read_bytes() == content
    else:
        assert store.read(NOON).people == ()
    store.close()


def test_a_damaged_file_is_reported_and_read_again_once_restored(path: Path, tmp_path: Path) -> None:
    store = SqliteStore(path)
    for number in range(50):
        store.add("alice", sample(str(number), template=os.urandom(700)), ALICE)
    before = store.read(NOON)
    store.close()
    backup = tmp_path / "backup"
    shutil.copy(path, backup)
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StorageFailed, match="restore a backup"):
        store.read(NOON)
    with pytest.raises(StorageFailed, match="restore a backup"):
        store.add("bob", sample("b"), Rights())
    shutil.copy(backup, path)
    assert store.read(NOON) == before
    store.close()


def test_rights_that_cannot_be_read_are_damage(path: Path) -> None:
    store = SqliteStore(path)
    store.add("alice", sample("a"), ALICE)
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE people SET rights = '{\"enabled\": 3}'")
    db.close()
    with pytest.raises(StorageFailed, match="restore a backup"):
        store.read(NOON)
    store.close()


def test_a_file_of_a_newer_doorbus_is_left_alone(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    store = SqliteStore(path)
    with pytest.raises(StorageFailed, match="newer doorbus"):
        store.read(NOON)
    store.close()


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = SqliteStore(tmp_path / "file" / "enroller.db")
    with pytest.raises(StorageFailed, match=r"file/enroller\.db: .*may this user write"):
        store.read(NOON)
    store.close()


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from doorbus.wire.messages import Rights
from doorbus_enroller.store import Sample, SqliteStore, StorageFailed

now = datetime(2026, 6, 1, 12, tzinfo=UTC)
store = SqliteStore(Path(sys.argv[1]))
try:
    for number in range(int(sys.argv[2])):
        sample = Sample(b"t" * 2000, "MobileFaceNet", 0.5, str(number), now)
        store.add(f"person{number:05d}", sample, Rights())
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
    store = SqliteStore(path)
    people = store.read(NOON)
    store.close()
    assert len(people.people) - printed in (0, 1)  # 1: written, but killed before it could say so
    assert all(len(each.samples) == 1 for each in people.people)
    assert people.gallery_version == people.roster_version == NOON_MS + len(people.people)


def test_a_full_disk_is_told_and_what_was_kept_before_is_still_there(path: Path) -> None:
    limited = 'ulimit -f 1000 && exec "$@"'
    output = subprocess.run(
        _writer(path, 100_000, "sh", "-c", limited, "sh"), capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "is the disk full" in output[-1]
    store = SqliteStore(path)
    assert len(store.read(NOON).people) == len(output) - 1 > 5
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
    store = SqliteStore(path)
    store.add("alice", sample("a"), ALICE)
    store.close()
    path.chmod(0o400)
    powerless = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
    output = subprocess.run(_writer(path, 1, *powerless), capture_output=True, text=True, check=True).stdout
    assert "may this user write" in output


def test_a_second_enroller_on_the_same_file_is_told(path: Path) -> None:
    store = SqliteStore(path, busy_seconds=0.01)
    store.read(NOON)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageFailed, match="another enroller"):
        store.add("alice", sample("a"), ALICE)
    other.close()
    store.add("alice", sample("a"), ALICE)
    assert len(store.read(NOON).people) == 1
    store.close()
