"""What keeps templates from everybody who has no site key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import CommonSettings
from doorbus.runtime.site_key import open_seal
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.keyfiles import read_key
from doorbus.wire.seal import KEY_BYTES, Seal

KEY = bytes(range(32))
SEAL = Seal(KEY)


def _refused(seal: Seal, data: bytes, purpose: str) -> bool:
    with pytest.raises(Refused) as refused:
        seal.unseal(data, purpose)
    return refused.value.reason is Refusal.UNSEALED


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_was_sealed_comes_out_as_it_was(data: bytes, purpose: str) -> None:
    assert SEAL.unseal(SEAL.seal(data, purpose), purpose) == data


@given(st.binary(max_size=100))
def test_what_was_never_sealed_is_refused(data: bytes) -> None:
    assert _refused(SEAL, data, "embedding")


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_one_changed_bit_is_refused(place: int, bit: int) -> None:
    sealed = bytearray(SEAL.seal(b"a template", "embedding"))
    sealed[place % len(sealed)] ^= 1 << bit

    assert _refused(SEAL, bytes(sealed), "embedding")


def test_another_purpose_or_another_key_opens_nothing() -> None:
    sealed = SEAL.seal(b"a template", "embedding")

    assert _refused(SEAL, sealed, "snapshot 1 shard 0")
    assert _refused(Seal(bytes(32)), sealed, "embedding")


def test_the_same_template_never_looks_the_same_twice() -> None:
    assert SEAL.seal(b"a template", "embedding") != SEAL.seal(b"a template", "embedding")


def test_the_refusal_says_nothing_of_the_key() -> None:
    with pytest.raises(Refused) as refused:
        SEAL.unseal(b"x" * 40, "embedding")

    assert KEY.hex() not in str(refused.value)


def test_the_id_of_a_key_tells_keys_apart_and_nothing_else() -> None:
    keys = [bytes([number]) * KEY_BYTES for number in range(20)]

    assert len({Seal(key).key_id for key in keys}) == len(keys)
    assert Seal(keys[7]).key_id == Seal(keys[7]).key_id
    assert Seal(keys[7]).key_id not in keys[7].hex()


def test_a_key_of_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="31 bytes"):
        Seal(bytes(31))


def test_the_key_file_holds_64_hexadecimal_digits(tmp_path: Path) -> None:
    path = tmp_path / "site.key"
    path.write_text(KEY.hex() + "\n")

    assert read_key(path) == KEY


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "00" * 33])
def test_a_key_file_with_anything_else_ends_the_process_with_the_way_out(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.key"
    path.write_text(text)
    chosen = CommonSettings(_env_file=None, site_key_file=path)

    with pytest.raises(SetupError) as end:
        open_seal(chosen)

    assert str(end.value) == (
        f"DOORBUS_SITE_KEY_FILE={path}: not 64 hexadecimal digits; make one with: openssl rand -hex 32 > {path}"
    )


def test_a_missing_key_ends_the_process_with_the_way_out(tmp_path: Path) -> None:
    chosen = CommonSettings(_env_file=None, var=tmp_path)

    with pytest.raises(SetupError) as end:
        open_seal(chosen)

    assert f"{tmp_path}/credentials/site.key: No such file or directory; make one with" in str(end.value)
