"""Files that only a passphrase opens."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorbus.site.vault import VaultError, sealing, unseal

RECORDS = [b"first", b"", b"third" * 1000]
PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("vault") / "sealed"
    with sealing(path, PASSPHRASE) as write:
        for record in RECORDS:
            write(record)
    assert path.stat().st_mode & 0o777 == 0o600
    return path.read_bytes()


def _opened(path: Path, content: bytes, passphrase: str = PASSPHRASE) -> list[bytes]:
    path.write_bytes(content)
    return list(unseal(path, passphrase))


def test_what_was_sealed_comes_out_again_and_stands_nowhere_in_the_file(sealed: bytes, tmp_path: Path) -> None:
    assert _opened(tmp_path / "copy", sealed) == RECORDS
    assert b"third" not in sealed


def test_another_passphrase_opens_nothing(sealed: bytes, tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="another passphrase, or damaged"):
        _opened(tmp_path / "copy", sealed, "correct horse battery!")


@pytest.mark.parametrize("content", [b"", b"hello", b"doorbus vault 2\n" + bytes(200)])
def test_another_file_is_told_as_such(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="no backup of doorbus, or one of a newer version"):
        _opened(tmp_path / "copy", content)


@settings(max_examples=40)
@given(data=st.data())
def test_a_file_that_was_cut_off_lengthened_or_changed_never_opens_whole(
    data: st.DataObject, sealed: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = data.draw(st.integers(32, len(sealed) - 1))  # the cost before it would make the test slow
    changed = data.draw(
        st.sampled_from(
            [
                sealed[:place],
                sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :],
                sealed[:place] + b"x" + sealed[place:],
                sealed + b"x",
            ]
        )
    )
    with pytest.raises(VaultError):
        _opened(tmp_path_factory.getbasetemp() / "changed", changed)


def test_a_file_that_asks_for_too_much_memory_is_refused(sealed: bytes, tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="damaged"):
        _opened(tmp_path / "copy", sealed[:24] + b"\xff" * 8 + sealed[32:])


def test_what_was_there_before_stays_when_the_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    path.write_bytes(b"of yesterday")

    def fail() -> None:
        with sealing(path, PASSPHRASE) as write:
            write(b"half")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert path.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [path]
