"""What a signature is good for, and what it is not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.errors import SetupError
from doorbus.runtime.keys import open_keys
from doorbus.runtime.settings import CommonSettings
from doorbus.wire import channels
from doorbus.wire.channels import CHANNELS, Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.ed25519 import PublicKey, SecretKey
from doorbus.wire.keyfiles import SIGNERS, public_keys_text, read_public_keys
from doorbus.wire.packet import Packet
from doorbus.wire.signatures import PROPERTY, Keyring, sign
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_console.building import keys_of
from doorbus_console.settings import ConsoleSettings
from support.signing import ENROLLER, KEYS, PUBLIC, RECOGNIZER, STRANGER

FRONT = TOPICS.topic(channels.RECOGNITION, door="front", camera="porch")
SEEN = Packet(FRONT, b'{"frame_id": "f1"}', qos=1)
SIGNED = sign(channels.RECOGNITION, SEEN, RECOGNIZER)


def _refused(packet: Packet, channel: channels.Channel[object] = channels.RECOGNITION) -> bool:
    try:
        KEYS.check(channel, packet)
    except Refused as refused:
        return refused.reason is Refusal.UNSIGNED
    return False


def test_what_a_recognizer_has_signed_counts() -> None:
    assert not _refused(SIGNED)


@given(st.binary(max_size=200))
def test_whatever_is_signed_counts_as_it_is_and_no_other_payload_does(payload: bytes) -> None:
    other = Packet(FRONT, payload, user=SIGNED.user)

    assert not _refused(sign(channels.RECOGNITION, Packet(FRONT, payload), RECOGNIZER))
    assert _refused(other) is (payload != SEEN.payload)


@given(st.text(max_size=100) | st.binary(min_size=60, max_size=70).map(lambda data: data.hex()))
def test_nothing_else_passes_for_a_signature(text: str) -> None:
    assert _refused(Packet(FRONT, SEEN.payload, user=((PROPERTY, text),)))


@pytest.mark.parametrize("topic", [FRONT.replace("front", "back"), FRONT.replace("porch", "yard"), f"my/{FRONT}"])
def test_what_was_signed_for_one_door_and_camera_is_nothing_at_another(topic: str) -> None:
    assert _refused(Packet(topic, SEEN.payload, user=SIGNED.user))


def test_no_key_of_another_role_or_another_site_counts() -> None:
    assert _refused(SEEN)
    for key in (ENROLLER, STRANGER):
        assert _refused(sign(channels.RECOGNITION, SEEN, key))


def test_what_was_signed_for_one_purpose_is_nothing_for_another() -> None:
    topic = TOPICS.topic(channels.ROSTER_MANIFEST)
    gallery = sign(channels.GALLERY_MANIFEST, Packet(topic, b"{}"), ENROLLER)

    assert _refused(gallery, channels.ROSTER_MANIFEST)


def test_two_keys_count_while_one_takes_the_place_of_the_other() -> None:
    both = Keyring(public={Role.RECOGNIZER: (PublicKey(STRANGER.public), *PUBLIC[Role.RECOGNIZER])})

    for key in (STRANGER, RECOGNIZER):
        both.check(channels.RECOGNITION, sign(channels.RECOGNITION, SEEN, key))


def test_who_has_no_keys_believes_nobody() -> None:
    with pytest.raises(Refused):
        Keyring().check(channels.RECOGNITION, SIGNED)


def test_what_opens_a_door_or_says_who_may_is_signed_by_the_only_role_that_may_send_it() -> None:
    signed = {channel for channel in CHANNELS if channel.signed_by}

    manifests = {channels.ROSTER_MANIFEST, channels.GALLERY_MANIFEST, channels.OTHER_MANIFEST}
    assert {channels.RECOGNITION, channels.RECOGNISE_REPLY, *manifests} == signed
    assert all(channel.senders == {channel.signed_by} for channel in signed)
    assert {channel.signed_by for channel in signed} == set(SIGNERS)


def test_public_keys_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "signers"
    keys = {Role.RECOGNIZER: [RECOGNIZER.public, STRANGER.public], Role.ENROLLER: [ENROLLER.public]}
    path.write_text(public_keys_text(keys))

    assert read_public_keys(path) == keys
    assert set(SIGNERS) == set(keys)


@pytest.mark.parametrize("text", ["recognizer", "recognizer 12", f"actuator {'0' * 64}", f"enroller {'g' * 64}"])
def test_a_file_of_other_lines_is_refused_with_the_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signers"
    path.write_text(f"# fine\n{text}\n")

    with pytest.raises(ValueError, match="line 2 is not a role"):
        read_public_keys(path)


def _settings(var: Path) -> CommonSettings:
    return CommonSettings(_env_file=None, var=var)


def test_keys_that_are_missing_say_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    with pytest.raises(SetupError, match=r"DOORBUS_SIGNERS_FILE=.*credentials/signers: No such file.*doorbus secrets"):
        open_keys(_settings(tmp_path))
    (tmp_path / "credentials/signers").write_text("")
    with pytest.raises(SetupError, match=r"DOORBUS_SIGNING_KEY_FILE=.*credentials/enroller.key: No such.*make run"):
        open_keys(_settings(tmp_path), Role.ENROLLER)


def test_a_console_takes_unsigned_answers_only_where_nobody_gave_it_public_keys(tmp_path: Path) -> None:
    made = ConsoleSettings(_env_file=None, var=tmp_path)
    without = keys_of(made)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/signers").write_text(public_keys_text({Role.RECOGNIZER: [RECOGNIZER.public]}))
    answer = Packet(TOPICS.topic(channels.RECOGNISE_REPLY, token="me"), b"{}", qos=1)

    without.check(channels.RECOGNISE_REPLY, answer)
    keys_of(made).check(channels.RECOGNISE_REPLY, sign(channels.RECOGNISE_REPLY, answer, RECOGNIZER))
    with pytest.raises(Refused):
        keys_of(made).check(channels.RECOGNISE_REPLY, answer)
    with pytest.raises(SetupError, match="DOORBUS_SIGNERS_FILE="):
        keys_of(ConsoleSettings(_env_file=None, var=tmp_path, signers_file=tmp_path / "none"))


def test_a_service_signs_with_the_key_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/signers").write_text(public_keys_text({Role.RECOGNIZER: [RECOGNIZER.public]}))
    (tmp_path / "credentials/recognizer.key").write_text(bytes([1] * 32).hex())
    keys = open_keys(_settings(tmp_path), Role.RECOGNIZER)

    assert keys.own is not None
    keys.check(channels.RECOGNITION, sign(channels.RECOGNITION, SEEN, keys.own))


def test_a_signature_is_that_of_the_standard() -> None:
    """RFC 8032, 7.1, test 2."""
    key = SecretKey(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))

    assert key.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8f")
