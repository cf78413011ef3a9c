"""Whatever is sent to the running system: refused, counted in health, logged once with its topic; nothing stops.

After each the door is still locked, and a good frame opens it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Decision, Outcome, Reason, RosterEntry, Trigger, utc
from doorbus.wire.packet import Packet
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support.door import DOOR, ROOT, Door

SOON = timedelta(hours=1)
LONG_AGO = timedelta(days=400)


@asynccontextmanager
async def harmless(door: Door, opens_after: bytes) -> AsyncIterator[None]:
    """What happens inside does not open the door or stop a service, and a good frame still opens it afterwards."""
    before = door.openings
    pids = {role: door.stack.process(role).pid for role in channels.SERVICES}
    yield
    assert door.openings == before
    assert not door.energised
    for role, pid in pids.items():
        door.stack.process(role).check_alive()
        assert door.stack.process(role).pid == pid
    assert (await door.opens_for(opens_after)).person == "obama"


def cut_off_and_closed(jpeg: bytes) -> bytes:
    """Grey from somewhere on, and for most decoders a whole picture."""
    return jpeg[: len(jpeg) // 2] + b"\xff\xd9"


def zeros_inside(jpeg: bytes) -> bytes:
    """As a file has them that was never written to the end, and as most decoders do not mind."""
    middle = len(jpeg) // 2
    return jpeg[:middle] + bytes(4096) + jpeg[middle + 4096 :]


FRAMES: dict[str, tuple[str, dict[str, str]]] = {
    "empty": ("frame.empty", {}),
    "text": ("frame.not_a_picture", {}),
    "png": ("frame.not_a_picture", {}),
    "truncated": ("frame.truncated", {}),
    "cut off and closed": ("frame.not_a_picture", {}),
    "zeros inside": ("frame.not_a_picture", {}),
    "huge": ("frame.too_large", {}),
    "ancient": ("frame.stale", {"captured_at": utc(datetime.now(UTC) - LONG_AGO)}),
    "future": ("frame.from_the_future", {"captured_at": utc(datetime.now(UTC) + SOON)}),
    "no time": ("frame.bad_metadata", {"captured_at": "yesterday"}),
    "long id": ("frame.bad_metadata", {"frame_id": "x" * 500}),
    "negative seq": ("frame.bad_metadata", {"seq": "-1"}),
}


@pytest.mark.parametrize("case", FRAMES)
async def test_a_bad_frame_is_refused_counted_and_logged_once(case: str, door: Door, jpeg: dict[str, bytes]) -> None:
    refusal, properties = FRAMES[case]
    good = jpeg["obama2"]
    payload = {
        "empty": b"",
        "text": b"UNLOCK",
        "png": b"\x89PNG\r\n\x1a\n" + b"\0" * 1000,
        "truncated": good[: len(good) // 2],
        "cut off and closed": cut_off_and_closed(good),
        "zeros inside": zeros_inside(good),
        "huge": good + b"\0" * 50_000_000,
    }.get(case, good)
    topic = f"{ROOT}/door/{DOOR}/frame/camera-{uuid4().hex[:8]}"
    packet = Packet(topic, payload, user=tuple(properties.items()))
    async with harmless(door, good):
        for _ in range(2):
            before = await door.health(Role.RECOGNIZER)
            await door.operator.send_packet(packet)
            await door.counted(Role.RECOGNIZER, refusal, before)
    assert len(door.logged(Role.RECOGNIZER, event="refused", topic=topic)) == 1


def recognition(**changes: Any) -> dict[str, Any]:
    """A recognition that would be a vote for obama, with changes."""
    now = datetime.now(UTC)
    face = {"box": [0, 0, 100, 100], "verdict": "match", "person": "obama", "confidence": 0.99, "live": 0.99}
    face |= {"similarity": 0.9, "quality": 1.0}
    whole = {"frame_id": uuid4().hex, "captured_at": utc(now), "recognized_at": utc(now), "recognizer": "test"}
    return {**whole, "model": "test", "faces": [face], **changes}


RECOGNITIONS: dict[str, tuple[str, bytes]] = {
    "no JSON": ("recognition.not_json", b'{"frame_id": '),
    "empty": ("recognition.empty", b""),
    "an array": ("recognition.wrong_shape", b"[]"),
    "unknown field": ("recognition.wrong_shape", json.dumps(recognition(sudo=True)).encode()),
    "NaN": (
        "recognition.wrong_shape",
        json.dumps(recognition()).replace('"confidence": 0.99', '"confidence": NaN').encode(),
    ),
    "confidence of a thousand": (
        "recognition.wrong_shape",
        json.dumps(recognition()).replace('"confidence": 0.99', '"confidence": 1000').encode(),
    ),
    "person with a slash": (
        "recognition.wrong_shape",
        json.dumps(recognition()).replace('"obama"', '"obama/../root"').encode(),
    ),
    "camera of another door": (
        "recognition.wrong_topic",
        json.dumps(recognition(door="back", camera="porch")).encode(),
    ),
    "time without a zone": (
        "recognition.wrong_shape",
        json.dumps(recognition(captured_at="2026-01-01T00:00:00")).encode(),
    ),
}


@pytest.mark.parametrize("case", RECOGNITIONS)
async def test_a_bad_recognition_is_refused_counted_and_logged_once(
    case: str, door: Door, jpeg: dict[str, bytes]
) -> None:
    refusal, payload = RECOGNITIONS[case]
    camera = f"camera-{uuid4().hex[:8]}"
    async with harmless(door, jpeg["obama2"]):
        for _ in range(2):
            before = await door.health(Role.ACTUATOR)
            await door.recognised(payload, camera)
            await door.counted(Role.ACTUATOR, refusal, before)
    assert len(door.logged(Role.ACTUATOR, event="refused", topic=f"{ROOT}/door/{DOOR}/recognition/{camera}")) == 1


@pytest.mark.parametrize(
    ("off", "reason"),
    [(-LONG_AGO, Reason.STALE), (-timedelta(seconds=3), Reason.STALE), (SOON, Reason.FROM_THE_FUTURE)],
)
async def test_a_recognition_of_another_time_is_denied_with_the_reason(
    off: timedelta, reason: Reason, door: Door, jpeg: dict[str, bytes]
) -> None:
    camera = f"camera-{uuid4().hex[:8]}"
    async with harmless(door, jpeg["obama2"]):
        for _ in range(3):
            payload = json.dumps(recognition(captured_at=utc(datetime.now(UTC) + off))).encode()
            await door.recognised(payload, camera)
        async with asyncio.timeout(5):
            decision = await door.decision()
            while decision.camera != camera:
                decision = await door.decision()
        assert (decision.outcome, decision.reason) == (Outcome.DENIED, reason)


async def test_a_password_of_a_recognizer_or_the_enroller_without_its_key_opens_no_door(
    door: Door, jpeg: dict[str, bytes]
) -> None:
    camera = f"camera-{uuid4().hex[:8]}"
    async with harmless(door, jpeg["obama2"]):
        before = await door.health(Role.ACTUATOR)
        for _ in range(3):
            payload = json.dumps(recognition()).encode()
            await door.recognizer.send_packet(Packet(f"{ROOT}/door/{DOOR}/recognition/{camera}", payload, qos=1))
        await door.counted(Role.ACTUATOR, "recognition.unsigned", before)
        forged = pack([RosterEntry(person="mallory")], 2**50)
        async with connect(door.stack.broker.transport(Role.ENROLLER)) as thief:
            told = Outbound(channels.ROSTER_MANIFEST, forged.manifest).packet(TOPICS)
            await thief.send_packet(replace(told, retain=False))  # other tests use this broker
            await door.counted(Role.ACTUATOR, "roster_manifest.unsigned", before)
    assert (await door.health(Role.ACTUATOR)).figures["roster_version"] < 2**50


COMMANDS: dict[str, tuple[str, bytes, bool]] = {
    "small letters": ("lock_command.unknown_word", b"unlock", False),
    "spaces around": ("lock_command.unknown_word", b" UNLOCK ", False),
    "a line break": ("lock_command.unknown_word", b"UNLOCK\n", False),
    "empty": ("lock_command.empty", b"", False),
    "retained": ("lock_command.retained", b"UNLOCK", True),
    "no JSON": ("lock_command.not_json", b'{"action": "UNLOCK"', False),
    "unknown field": ("lock_command.wrong_shape", b'{"action": "UNLOCK", "force": true}', False),
    "NaN seconds": ("lock_command.wrong_shape", b'{"action": "UNLOCK", "seconds": NaN}', False),
    "no end": ("lock_command.wrong_shape", b'{"action": "UNLOCK", "seconds": 1e9}', False),
    "large": ("lock_command.too_large", b'{"action": "UNLOCK", "by": "' + b"x" * 10_000 + b'"}', False),
    "not UTF-8": ("lock_command.unknown_word", b"\xff\xfe", False),
}


@pytest.mark.parametrize("case", COMMANDS)
async def test_a_bad_command_is_refused_counted_and_logged_once(case: str, door: Door, jpeg: dict[str, bytes]) -> None:
    refusal, payload, retain = COMMANDS[case]
    topic = f"{ROOT}/door/{DOOR}/lock/set"
    try:
        async with harmless(door, jpeg["obama2"]):
            for _ in range(2):
                before = await door.health(Role.ACTUATOR)
                await door.command(payload, retain=retain)
                await door.counted(Role.ACTUATOR, refusal, before)
    finally:
        if retain:
            await door.command(b"", retain=True)  # takes the retained message back from the broker
    assert len(door.logged(Role.ACTUATOR, event="refused", topic=topic, reason=refusal.split(".")[1])) == 1


@pytest.mark.parametrize(
    ("off", "reason"), [(-timedelta(minutes=1), Reason.STALE), (timedelta(minutes=1), Reason.FROM_THE_FUTURE)]
)
async def test_a_command_of_another_time_is_denied_with_the_reason(
    off: timedelta, reason: Reason, door: Door, jpeg: dict[str, bytes]
) -> None:
    command = {"action": "UNLOCK", "issued_at": utc(datetime.now(UTC) + off), "id": uuid4().hex}
    async with harmless(door, jpeg["obama2"]):
        await door.command(json.dumps(command).encode())
        async with asyncio.timeout(5):
            decision: Decision = await door.decision()
            while decision.trigger is not Trigger.COMMAND:
                decision = await door.decision()
        assert (decision.reason, decision.command_id) == (reason, command["id"])


ENROLMENTS: dict[str, tuple[str, str]] = {
    "text": ("not_a_picture", "text"),
    "empty": ("not_a_picture", "empty"),
    "truncated": ("not_a_picture", "truncated"),
    "cut off and closed": ("not_a_picture", "cut off and closed"),
    "zeros inside": ("not_a_picture", "zeros inside"),
    "huge": ("too_large", "huge"),
    "of somebody else": ("already_someone_else", "obama3"),
}


@pytest.mark.parametrize("case", ENROLMENTS)
async def test_a_bad_enrolment_is_answered_with_an_error(case: str, door: Door, jpeg: dict[str, bytes]) -> None:
    code, name = ENROLMENTS[case]
    good = jpeg["obama2"]
    payloads = {
        "text": b"alice",
        "empty": b"",
        "truncated": good[:50_000],
        "cut off and closed": cut_off_and_closed(good),
        "zeros inside": zeros_inside(good),
        "huge": good + b"\0" * 50_000_000,
    }
    person = f"person-{uuid4().hex[:8]}"
    packet = Packet(f"{ROOT}/person/{person}/enrol", payloads[name] if name in payloads else jpeg[name], qos=1)
    async with harmless(door, good):
        await door.operator.send_packet(packet)
        async with asyncio.timeout(30):
            result = (await door.operator.expect(channels.RESULT, person=person)).message
        assert result.error is not None
        assert result.error.code == code
