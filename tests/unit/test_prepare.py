"""What a local run lays out for its broker, on disks as they are."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from doorbus.local.prepare import LocalError, prepare
from doorbus.wire.channels import Role
from doorbus.wire.keyfiles import SIGNERS, read_public_keys

CONFIG = Path(__file__).parents[2] / "mosquitto"
PROGRAM = """
import resource, sys
from pathlib import Path
from doorbus.local.prepare import LocalError, prepare

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    prepare(Path(sys.argv[1]), 1883, Path(sys.argv[2]))
except LocalError as error:
    print(error)
"""
"""Prepares where no file may have more bytes than it is told: the system's own refusal, as of a disk that is full."""


def _on_a_full_disk(var: Path, room: int) -> str:
    command = [sys.executable, "-c", PROGRAM, str(var), str(CONFIG), str(room)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _files(var: Path) -> dict[Path, tuple[int, int]]:
    """Each file with what changes when it is written anew."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in var.rglob("*") if path.is_file()}


def test_what_is_right_is_not_written_again(tmp_path: Path) -> None:
    prepare(tmp_path, 1883, CONFIG)
    before = _files(tmp_path)

    prepare(tmp_path, 1883, CONFIG)

    assert _files(tmp_path) == before


def test_a_broker_can_come_back_on_a_disk_that_is_full(tmp_path: Path) -> None:
    prepare(tmp_path, 1883, CONFIG)

    assert _on_a_full_disk(tmp_path, room=0) == ""


@pytest.mark.parametrize("room", [0, 10, 60, 500])
def test_a_first_start_on_a_full_disk_says_so_and_the_next_one_is_a_first_start(tmp_path: Path, room: int) -> None:
    told = _on_a_full_disk(tmp_path, room)

    assert "is the disk full or read-only?" in told
    assert [path for path in _files(tmp_path) if not path.read_bytes()] == []
    prepare(tmp_path, 1883, CONFIG)
    assert (tmp_path / "credentials/operator").read_text().strip() != ""


def test_a_password_that_is_empty_is_named(tmp_path: Path) -> None:
    prepare(tmp_path, 1883, CONFIG)
    (tmp_path / "credentials/viewer").write_text("\n")

    with pytest.raises(LocalError, match=r"credentials/viewer: empty.*remove it, and it is made anew"):
        prepare(tmp_path, 1883, CONFIG)


def test_a_local_run_of_before_gets_keys_that_sign_and_keeps_the_rest(tmp_path: Path) -> None:
    prepare(tmp_path, 1883, CONFIG)
    made = {f"{role}.key" for role in SIGNERS} | {"signers"}
    for name in made:
        (tmp_path / "credentials" / name).unlink()
    before = _files(tmp_path)

    prepare(tmp_path, 1883, CONFIG)

    after = _files(tmp_path)
    assert {path.name for path in set(after) - set(before)} == made
    assert {path: after[path] for path in before} == before


def test_a_key_that_was_removed_is_made_anew_and_the_former_one_counts_no_more(tmp_path: Path) -> None:
    prepare(tmp_path, 1883, CONFIG)
    signers = tmp_path / "credentials/signers"
    before = read_public_keys(signers)
    (tmp_path / "credentials/recognizer.key").unlink()

    prepare(tmp_path, 1883, CONFIG)

    after = read_public_keys(signers)
    assert after[Role.ENROLLER] == before[Role.ENROLLER]
    assert len(after[Role.RECOGNIZER]) == 1
    assert after[Role.RECOGNIZER] != before[Role.RECOGNIZER]


def test_public_keys_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    prepare(tmp_path, 1883, CONFIG)
    (tmp_path / "credentials/signers").write_text("nonsense\n")

    with pytest.raises(LocalError, match=r"credentials/signers, or a key .*: line 1 is not a role.*made anew"):
        prepare(tmp_path, 1883, CONFIG)


def test_a_password_that_was_changed_reaches_the_broker(tmp_path: Path) -> None:
    hashes = prepare(tmp_path, 1883, CONFIG) / "mosquitto/secrets/passwords"
    before = hashes.read_text()
    (tmp_path / "credentials/viewer").write_text("a new one\n")

    prepare(tmp_path, 1883, CONFIG)

    assert hashes.read_text() != before
    assert len(hashes.read_text().splitlines()) == len(before.splitlines())


def test_nothing_is_open_to_others_whatever_the_umask(tmp_path: Path) -> None:
    var = tmp_path / "var"
    old = os.umask(0)
    try:
        prepare(var, 1883, CONFIG)
    finally:
        os.umask(old)

    places = [path for path in var.rglob("*") if not path.is_symlink()]
    assert [path for path in places if path.is_file() and stat.S_IMODE(path.stat().st_mode) != 0o600] == []
    closed = [path for path in places if path.is_dir() and stat.S_IMODE(path.stat().st_mode) == 0o700]
    assert var / "credentials" in closed
    assert var / "broker/mosquitto/secrets" in closed
