"""The recorder's files: whole or not at all, and nothing to anybody without the key."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Outcome, Reason, Recording
from doorbus.wire.seal import Seal
from doorbus_recorder.fakes import MemoryStore
from doorbus_recorder.files import FileStore
from doorbus_recorder.store import StorageFailed, Store

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEAL, OTHER = Seal(bytes(32)), Seal(bytes([1]) * 32)
PICTURE = b"\xff\xd8\xff\xe0 the face of alice \xff\xd9"


def recording(number: int = 0) -> Recording:
    at = AT + timedelta(seconds=number)
    return Recording(
        recording=f"{at:%Y%m%dt%H%M%S%f}-{number:012x}",
        door="front",
        camera="porch",
        at=at,
        outcome=Outcome.GRANTED,
        reason=Reason.MATCHED,
        frame_id=f"f-{number}",
        captured_at=at,
        person="alice",
        bytes=len(PICTURE),
    )


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store[Recording]:
    return FileStore(tmp_path, SEAL, Recording) if request.param == "disk" else MemoryStore()


def test_what_was_kept_is_there_in_order_and_what_was_erased_is_not(store: Store[Recording]) -> None:
    for number in (2, 0, 1):
        store.keep(recording(number).recording, recording(number), PICTURE)

    store.erase(recording(1).recording)
    store.erase(recording(1).recording)

    assert [each for _, each in store.open().items] == [recording(0), recording(2)]
    assert store.picture(recording(2).recording) == PICTURE
    with pytest.raises(StorageFailed, match="not there any more"):
        store.picture(recording(1).recording)


def test_without_the_key_a_file_tells_nothing(tmp_path: Path) -> None:
    FileStore(tmp_path, SEAL, Recording).keep(recording().recording, recording(), PICTURE)
    (path,) = tmp_path.iterdir()

    assert b"alice" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_files_of_another_key_stay_and_are_told_apart(tmp_path: Path) -> None:
    FileStore(tmp_path, OTHER, Recording).keep(recording(0).recording, recording(0), PICTURE)
    FileStore(tmp_path, SEAL, Recording).keep(recording(1).recording, recording(1), PICTURE)

    found = FileStore(tmp_path, SEAL, Recording).open()

    assert [each.id for each in found.foreign] == [recording(0).recording]
    assert ([each for _, each in found.items], found.damaged) == ([recording(1)], 0)
    assert len(FileStore(tmp_path, OTHER, Recording).open().items) == 1


def test_a_write_that_was_interrupted_leaves_nothing_and_other_files_are_left_alone(tmp_path: Path) -> None:
    store = FileStore(tmp_path, SEAL, Recording)
    store.keep(recording().recording, recording(), PICTURE)
    half = tmp_path / f".{recording(1).recording}.sealed.x1y2"
    half.write_bytes(b"doorbus recor")
    (tmp_path / "README").write_text("not ours")

    found = store.open()

    assert [each for _, each in found.items] == [recording()]
    assert not half.exists()
    assert (tmp_path / "README").exists()


@given(data=st.data())
def test_a_damaged_file_is_removed_or_its_picture_refused_and_never_shown_wrong(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("recordings")
    store = FileStore(folder, SEAL, Recording)
    store.keep(recording().recording, recording(), PICTURE)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    if data.draw(st.booleans(), label="cut"):
        spoiled = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        spoiled = content[:place] + bytes([content[place] ^ data.draw(st.integers(1, 255))]) + content[place + 1 :]
    path.write_bytes(spoiled)

    found = store.open()

    assert [each for _, each in found.items] in ([], [recording()])
    for item_id, _ in found.items:
        with pytest.raises(StorageFailed, match="damaged"):
            store.picture(item_id)
    assert path.exists() is bool(found.items or found.foreign)


def test_one_file_under_another_name_is_damaged(tmp_path: Path) -> None:
    store = FileStore(tmp_path, SEAL, Recording)
    store.keep(recording(0).recording, recording(0), PICTURE)
    (path,) = tmp_path.iterdir()
    path.rename(tmp_path / f"{recording(1).recording}.sealed")

    assert store.open().damaged == 1


def test_a_folder_that_cannot_be_made_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file/recordings"):
        FileStore(tmp_path / "file" / "recordings", SEAL, Recording).open()
