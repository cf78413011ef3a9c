"""What a packet must be to become a message. All else is a typed refusal."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire import channels
from doorbus.wire.channels import CHANNELS, Channel
from doorbus.wire.codec import Arrival, Refusal, Refused
from doorbus.wire.messages import Action, Frame, LockCommand, LockState
from doorbus.wire.packet import Packet

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ARRIVAL = Arrival(AT, "given-on-arrival")
JPEG = b"\xff\xd8\xff\xe0 not looked into"
RECOGNITION: dict[str, Any] = {
    "frame_id": "f-1",
    "captured_at": "2026-06-01T12:00:00Z",
    "recognized_at": "2026-06-01T12:00:00.5+02:00",
    "recognizer": "one",
    "model": "MobileFaceNet",
    "faces": [{"box": [0, 0, 10, 10], "verdict": "match", "person": "alice", "confidence": 0.9}],
}


def _decode(channel: Channel[Any], payload: bytes, *user: tuple[str, str], **ids: str) -> Any:
    return channel.codec.decode(Packet("any", payload, user=user), ids, ARRIVAL)


def _refusal(channel: Channel[Any], payload: bytes, *user: tuple[str, str], **ids: str) -> Refusal:
    with pytest.raises(Refused) as refused:
        _decode(channel, payload, *user, **ids)
    return refused.value.reason


@pytest.mark.parametrize("word", ["UNLOCK", "LOCK", "OPEN"])
def test_a_bare_word_is_a_command(word: str) -> None:
    assert _decode(channels.LOCK_COMMAND, word.encode()) == LockCommand(action=Action(word))


def test_a_command_may_be_json() -> None:
    command = _decode(channels.LOCK_COMMAND, b'{"action": "UNLOCK", "seconds": 5, "by": "reception"}')

    assert command == LockCommand(action=Action.UNLOCK, seconds=5.0, by="reception")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Refusal.EMPTY),
        (b"unlock", Refusal.UNKNOWN_WORD),
        (b" UNLOCK ", Refusal.UNKNOWN_WORD),
        (b"UNLOCK\n", Refusal.UNKNOWN_WORD),
        (b"UNLOCK\x00", Refusal.UNKNOWN_WORD),
        (b'"UNLOCK"', Refusal.UNKNOWN_WORD),
        (b"\xff\xfe", Refusal.UNKNOWN_WORD),
        (b"JAMMED", Refusal.UNKNOWN_WORD),
        (b"{", Refusal.NOT_JSON),
        (b"{}", Refusal.WRONG_SHAPE),
        (b'{"action": "unlock"}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK", "force": true}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK", "seconds": NaN}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK", "seconds": Infinity}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK", "seconds": 0}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK", "seconds": -1}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK", "seconds": "5"}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK", "issued_at": "yesterday"}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK", "issued_at": "2026-06-01T12:00:00"}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK", "issued_at": "0001-01-01T00:00:00+14:00"}', Refusal.WRONG_SHAPE),
        (b'{"action": "UNLOCK"} {}', Refusal.NOT_JSON),
    ],
)
def test_what_is_not_exactly_a_command_is_refused(payload: bytes, reason: Refusal) -> None:
    assert _refusal(channels.LOCK_COMMAND, payload) is reason


def test_a_refusal_does_not_quote_a_code() -> None:
    with pytest.raises(Refused) as refused:
        _decode(channels.LOCK_COMMAND, b'{"action": "UNLOCK", "code": "a code that is too long by far"}')

    assert "by far" not in str(refused.value)
    assert "code" in refused.value.detail


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"captured_at": "2026-06-01T12:00:00"}, Refusal.WRONG_SHAPE),
        ({"frame_id": ""}, Refusal.WRONG_SHAPE),
        ({"surprise": 1}, Refusal.WRONG_SHAPE),
        ({"faces": [{"box": [0, 0, 1, 1], "verdict": "match"}]}, Refusal.WRONG_SHAPE),
        ({"faces": [{"box": [0, 0, 1, 1], "verdict": "unknown", "person": "alice"}]}, Refusal.WRONG_SHAPE),
        ({"faces": [{"box": [0, 0, 1, 1], "verdict": "match", "person": "alice/../bob"}]}, Refusal.WRONG_SHAPE),
        ({"faces": [{"box": [0, 0, 1, 1], "verdict": "unknown", "confidence": 1.1}]}, Refusal.WRONG_SHAPE),
        ({"faces": [{"box": [0, 0, 1, float("nan")], "verdict": "unknown"}]}, Refusal.WRONG_SHAPE),
        ({"door": "back"}, Refusal.WRONG_TOPIC),
        ({"camera": "yard"}, Refusal.WRONG_TOPIC),
    ],
)
def test_a_recognition_that_is_wrong_anywhere_is_refused(change: dict[str, Any], reason: Refusal) -> None:
    payload = json.dumps(RECOGNITION | change).encode()

    assert _refusal(channels.RECOGNITION, payload, door="front", camera="porch") is reason


def test_a_recognition_may_repeat_its_topic_and_its_times_come_out_in_utc() -> None:
    payload = json.dumps(RECOGNITION | {"door": "front", "camera": "porch"}).encode()

    recognition = _decode(channels.RECOGNITION, payload, door="front", camera="porch")

    assert recognition.recognized_at == datetime(2026, 6, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    assert recognition.recognized_at.tzinfo is UTC


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(payload: bytes) -> None:
    assert _refusal(channels.RECOGNITION, payload) in (Refusal.EMPTY, Refusal.NOT_JSON, Refusal.WRONG_SHAPE)


def test_a_frame_without_metadata_gets_an_id_and_the_time_of_its_arrival() -> None:
    assert _decode(channels.FRAME, JPEG) == Frame(jpeg=JPEG, frame_id="given-on-arrival", captured_at=AT)


def test_a_frame_with_metadata_keeps_it_and_strange_properties_do_no_harm() -> None:
    user = (("frame_id", "f-9"), ("captured_at", "2026-06-01T12:00:00.25+00:00"), ("seq", "41"), ("x-trace", "abc"))

    frame = _decode(channels.FRAME, JPEG, *user)

    assert (frame.frame_id, frame.seq, frame.captured_at.microsecond) == ("f-9", 41, 250_000)


@pytest.mark.parametrize(
    ("payload", "user", "reason"),
    [
        (b"", (), Refusal.EMPTY),
        (b"\x89PNG\r\n\x1a\n", (), Refusal.NOT_A_PICTURE),
        (b"\xff\xd8", (), Refusal.NOT_A_PICTURE),
        (JPEG, (("captured_at", "noon"),), Refusal.BAD_METADATA),
        (JPEG, (("captured_at", "2026-06-01T12:00:00"),), Refusal.BAD_METADATA),
        (JPEG, (("captured_at", "0001-01-01T00:00:00+14:00"),), Refusal.BAD_METADATA),
        (JPEG, (("captured_at", "9999-12-31T23:59:59-14:00"),), Refusal.BAD_METADATA),
        (JPEG, (("seq", "-1"),), Refusal.BAD_METADATA),
        (JPEG, (("seq", "1" * 5000),), Refusal.BAD_METADATA),
        (JPEG, (("frame_id", ""),), Refusal.BAD_METADATA),
        (JPEG, (("frame_id", "x" * 129),), Refusal.BAD_METADATA),
    ],
)
def test_what_is_no_jpeg_with_sound_metadata_is_refused(
    payload: bytes, user: tuple[tuple[str, str], ...], reason: Refusal
) -> None:
    assert _refusal(channels.FRAME, payload, *user) is reason


def test_a_removal_says_all_by_its_topic() -> None:
    assert _decode(channels.REMOVE, b"") is not None
    assert _refusal(channels.REMOVE, b"alice") is Refusal.NOT_EMPTY


def test_a_lock_state_is_the_exact_word() -> None:
    assert _decode(channels.LOCK_STATE, b"JAMMED") is LockState.JAMMED
    assert _refusal(channels.LOCK_STATE, b"Jammed") is Refusal.UNKNOWN_WORD


NAMES = sorted(
    {name for channel in CHANNELS for name in getattr(channel.codec.model, "model_fields", {})}
    | {"action", "box", "verdict", "person", "unknown field"}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["UNLOCK", "front", "2026-06-01T12:00:00Z", "0001-01-01T00:00:00+23:59", "match", "ok", "a" * 64])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=12,
)
PAYLOADS = (
    st.binary(max_size=200)
    | st.binary(max_size=100).map(lambda tail: JPEG + tail)
    | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=10).map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"UNLOCK", b"LOCKED", b"", b"{}"])
)
USER = st.lists(
    st.tuples(
        st.sampled_from(["frame_id", "captured_at", "seq", "label", "jpeg", "other"]),
        st.text(max_size=30) | st.datetimes(timezones=st.timezones()).map(str) | st.integers().map(str),
    ),
    max_size=4,
)


@given(channel=st.sampled_from(CHANNELS), payload=PAYLOADS, user=USER)
def test_any_packet_is_a_message_or_a_refusal(
    channel: Channel[Any], payload: bytes, user: list[tuple[str, str]]
) -> None:
    try:
        message = _decode(channel, payload, *user, door="front", camera="porch")
    except Refused:
        return

    body = channel.codec.encode(message)

    assert _decode(channel, body.payload, *body.user) == message
