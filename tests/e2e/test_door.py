"""What a person in front of the door, or with an ordinary MQTT client, sees."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Decision, Outcome, Reason, Recognition, Remove, Trigger, Verdict
from doorbus.wire.packet import Filter, Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support.door import CAMERA, DOOR, ROOT, Door
from support.jpegs import shot
from support.pictures import scene


async def test_the_door_opens_for_other_pictures_of_the_enrolled_person(door: Door, jpeg: dict[str, bytes]) -> None:
    decision = await door.opens_for(jpeg["obama2"])
    assert (decision.person, decision.trigger, decision.reason) == ("obama", Trigger.FACE, Reason.MATCHED)
    assert decision.confidence is not None
    assert decision.confidence > 0.9
    assert 2 <= len(decision.frame_ids) <= 3  # of 3, two must agree
    assert not door.energised


async def test_a_stranger_stays_outside(door: Door, jpeg: dict[str, bytes]) -> None:
    assert await door.refuses(jpeg["biden"]) is Reason.UNKNOWN_FACE


async def test_nobody_takes_frames_away_by_joining_the_recognizers(door: Door, jpeg: dict[str, bytes]) -> None:
    """A viewer may read frames; in the group of the recognizers it would be given theirs."""
    shared = f"$share/recognizers/{TOPICS.filter(channels.FRAME)}"
    viewer, camera = door.stack.broker.transport(Role.VIEWER), "crowded"
    taken: list[Packet] = []
    async with AsyncExitStack() as thieves, connect(viewer, [channels.RECOGNITION]) as watching:
        for number in range(9):
            thief = viewer.connect(client_id=f"thief-{number}", will=None, deliver=taken.append)
            await (await thieves.enter_async_context(thief)).subscribe([Filter(shared)])
        for _ in range(10):
            async with asyncio.timeout(10):
                frame_id = await door.show(jpeg["biden"], camera)
                assert (await watching.expect(channels.RECOGNITION, camera=camera)).message.frame_id == frame_id

    assert len(taken) == 10  # a copy of each, as a viewer may have


@pytest.mark.parametrize(
    ("reason", "obama", "biden", "blur"),
    [
        (Reason.TOO_SMALL, 70, 0, 0.0),
        (Reason.TOO_SMALL, 70, 640, 0.0),
        (Reason.IN_BACKGROUND, 130, 960, 0.0),
        (Reason.BLURRED, 400, 0, 7.0),
    ],
    ids=["far away", "far behind a stranger", "behind a stranger", "blurred"],
)
async def test_a_resident_who_is_seen_too_poorly_does_not_open(  # noqa: PLR0917  # what is on the picture
    reason: Reason, obama: int, biden: int, blur: float, door: Door, jpeg: dict[str, bytes]
) -> None:
    in_front = [(jpeg["biden"], biden, (640 - biden * 2 // 3, 0))] if biden else []
    picture = scene([*in_front, (jpeg["obama2"], obama, (10, 100))], blur=blur)
    before, told = door.openings, set[Reason]()
    async with asyncio.timeout(15), door.showing(picture) as shown:
        while len(shown) < 6 or not told:
            decision = await door.decision()
            if decision.person == "obama" and set(decision.frame_ids) & set(shown):
                told.add(decision.reason)
    assert told == {reason}
    assert door.openings == before


async def test_one_frame_is_not_enough(door: Door, jpeg: dict[str, bytes]) -> None:
    before = door.openings
    camera = "alone"  # votes are counted for each camera: no frame of the test before is one here
    async with asyncio.timeout(10), connect(door.stack.broker.transport(Role.VIEWER), [channels.RECOGNITION]) as viewer:
        frame_id = await door.show(jpeg["obama3"], camera)
        seen: Recognition = (await viewer.expect(channels.RECOGNITION, camera=camera)).message
    assert seen.frame_id == frame_id
    assert [face.verdict for face in seen.faces] == [Verdict.MATCH]
    await door.command(b"LOCK")  # handled after the recognition, so its answer comes after whatever that caused
    async with asyncio.timeout(5):
        await door.operator.expect(channels.LOCK_STATE)
    assert door.openings == before


async def test_a_still_that_is_sent_again_and_again_is_one_vote(door: Door, jpeg: dict[str, bytes]) -> None:
    still, before = shot(jpeg["obama3"]), door.openings
    viewer, camera, reasons = door.stack.broker.transport(Role.VIEWER), "frozen", set[Reason]()
    async with asyncio.timeout(30), connect(viewer, [channels.RECOGNITION]) as watching:
        for _ in range(5):
            frame_id = await door.show(still, camera)
            seen: Recognition = (await watching.expect(channels.RECOGNITION, camera=camera)).message
            assert (seen.frame_id, seen.faces[0].person) == (frame_id, "obama")
        while Reason.SAME_PICTURE not in reasons:
            decision = await door.decision()
            if decision.camera == camera:
                reasons.add(decision.reason)
    assert reasons <= {Reason.SAME_PICTURE, Reason.AWAITING_VOTES, Reason.COOLDOWN}
    assert door.openings == before


async def test_pictures_sent_by_mosquitto_pub_open(
    door: Door, living: Stack, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    broker = living.broker
    sender = [
        "mosquitto_pub",
        "-h",
        broker.host,
        "-p",
        str(broker.port),
        "-u",
        "capture",
        "-P",
        broker.password("capture"),
    ]
    picture = tmp_path / "frame.jpg"
    topic = f"{ROOT}/door/{DOOR}/frame/{CAMERA}"
    decision = None
    async with asyncio.timeout(20):
        while decision is None or decision.outcome is Outcome.DENIED:
            if decision is None or decision.reason is Reason.COOLDOWN:  # of the test before
                for _ in range(2):
                    picture.write_bytes(shot(jpeg["obama2"]))
                    process = await asyncio.create_subprocess_exec(*sender, "-t", topic, "-f", str(picture))
                    assert await process.wait() == 0
            decision = await door.decision()
    assert decision.person == "obama"


async def test_a_command_opens_by_hand_and_a_second_one_waits_for_the_cooldown(door: Door) -> None:
    decision = await _commanded(door, b"UNLOCK")
    while decision.reason is Reason.COOLDOWN:  # of the test before
        decision = await _commanded(door, b"UNLOCK")
    assert decision.outcome is Outcome.GRANTED
    second = await _commanded(door, b'{"action": "UNLOCK", "by": "reception"}')
    assert (second.outcome, second.reason, second.by) == (Outcome.DENIED, Reason.COOLDOWN, "reception")


async def _commanded(door: Door, payload: bytes) -> Decision:
    await door.command(payload)
    async with asyncio.timeout(10):
        while True:
            decision = await door.decision()
            if decision.trigger is Trigger.COMMAND:
                return decision


async def test_who_is_removed_is_a_stranger_from_then_on(door: Door, jpeg: dict[str, bytes]) -> None:
    person = "barack"
    assert (await door.enrol(person, jpeg["biden"])).error is None
    assert (await door.opens_for(jpeg["biden"])).person == person
    await door.operator.send(Outbound(channels.REMOVE, Remove(), {"person": person}))
    async with asyncio.timeout(10):
        result = (await door.operator.expect(channels.RESULT, person=person)).message
    assert result.error is None
    assert await door.refuses(jpeg["biden"]) in {Reason.UNKNOWN_FACE, Reason.NOT_ON_ROSTER}
