"""Parts die, the broker restarts, messages wait for who is away: the door opens for the right face, for no other."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import LockState, Outcome, Presence, Reason, Remove, Trigger
from doorbus.wire.packet import Packet
from support.door import CAMERA, LISTEN, ROOT, Door, at_the_door

TOPIC = f"{ROOT}/door/front/lock/set"


async def test_every_service_comes_back_after_a_kill(own_door: Door, jpeg: dict[str, bytes]) -> None:
    stack = own_door.stack
    for service in (Role.RECOGNIZER, Role.ACTUATOR, Role.ENROLLER):
        await stack.stop_service(service, signal.SIGKILL)
        await own_door.health_until(service, Presence.OFFLINE)
        await stack.start(service)
        assert (await own_door.opens_for(jpeg["obama2"])).person == "obama"


async def test_after_a_broker_restart_the_right_face_opens_and_nothing_old_does(
    own_door: Door, jpeg: dict[str, bytes]
) -> None:
    stack = own_door.stack
    await own_door.opens_for(jpeg["obama2"])
    before = own_door.openings
    await stack.broker.restart()
    async with at_the_door(stack) as door:
        for service in channels.SERVICES:
            await door.health_until(service, Presence.ONLINE)
        assert door.openings == before
        assert (await door.opens_for(jpeg["obama3"])).person == "obama"


async def test_an_unlock_for_an_actuator_that_was_away_is_never_carried_out(
    own_door: Door, jpeg: dict[str, bytes]
) -> None:
    stack = own_door.stack
    before = own_door.openings
    await stack.stop_service(Role.ACTUATOR, signal.SIGKILL)
    await own_door.command(b"UNLOCK")
    await own_door.command(b"UNLOCK", retain=True)
    await stack.start(Role.ACTUATOR)
    # What comes after the actuator's own beginning would be handled before this:
    await own_door.command(b'{"action": "UNLOCK", "issued_at": "2026-01-01T00:00:00Z"}')
    async with asyncio.timeout(10):
        decision = await own_door.decision()
    assert (decision.outcome, decision.reason, decision.trigger) == (Outcome.DENIED, Reason.STALE, Trigger.COMMAND)
    assert own_door.openings == before
    await own_door.command(b"", retain=True)


async def test_a_retained_unlock_does_not_open_after_a_restart_of_everything(
    own_door: Door, jpeg: dict[str, bytes]
) -> None:
    stack = own_door.stack
    await own_door.command(b"UNLOCK", retain=True)
    before = own_door.openings
    await stack.stop()
    await stack.start_all()
    async with at_the_door(stack) as door:
        assert (await door.opens_for(jpeg["obama2"])).person == "obama"
        assert door.openings == before + 1


async def test_a_retained_frame_does_not_open_however_many_replicas_connect(
    own_door: Door, jpeg: dict[str, bytes]
) -> None:
    stack = own_door.stack
    topic = f"{ROOT}/door/front/frame/{CAMERA}"
    health = await own_door.health(Role.RECOGNIZER)
    await own_door.operator.send_packet(Packet(topic, jpeg["obama2"], retain=True))
    await own_door.counted(Role.RECOGNIZER, "frame.retained", health)
    before = own_door.openings
    for replica in ("second", "third", "fourth"):
        await stack.start(Role.RECOGNIZER, {}, instance=replica)
    await stack.broker.restart()
    async with at_the_door(stack) as door:
        assert (await door.opens_for(jpeg["obama3"])).person == "obama"
        assert door.openings == before + 1


async def test_the_relay_is_released_when_the_actuator_is_told_to_stop(own_door: Door) -> None:
    stack = own_door.stack
    await own_door.command(b'{"action": "UNLOCK", "seconds": 30}')
    async with asyncio.timeout(10):
        while (await own_door.operator.expect(channels.LOCK_STATE)).message is not LockState.UNLOCKED:
            pass
    openings = own_door.openings
    assert await stack.stop_service(Role.ACTUATOR) == 0
    assert (own_door.openings, own_door.energised) == (openings, False)
    async with asyncio.timeout(5), connect(stack.broker.transport(Role.VIEWER), LISTEN[1:2]) as viewer:
        assert (await viewer.expect(channels.LOCK_STATE)).message is LockState.LOCKED


async def test_the_pulse_ends_on_time_while_the_broker_is_away(own_door: Door) -> None:
    stack = own_door.stack
    await own_door.command(b'{"action": "UNLOCK", "seconds": 1}')
    async with asyncio.timeout(10):
        while (await own_door.operator.expect(channels.LOCK_STATE)).message is not LockState.UNLOCKED:
            pass
    await stack.broker.stop(signal.SIGKILL)
    async with asyncio.timeout(10):
        while own_door.energised:  # noqa: ASYNC110  # a file tells nobody that it has grown
            await asyncio.sleep(0.05)
    opened, closed = map(json.loads, (stack.var / "relay.jsonl").read_text().splitlines()[-2:])
    assert 0.9 < closed["monotonic"] - opened["monotonic"] < 2


async def test_nobody_is_recognised_with_a_gallery_of_another_model(own_door: Door, jpeg: dict[str, bytes]) -> None:
    stack = own_door.stack
    await stack.stop_service(Role.ENROLLER)  # so that nobody is taken over to the other one
    await stack.stop_service(Role.RECOGNIZER)
    await stack.start(Role.RECOGNIZER, {"DOORBUS_RECOGNIZER__MODEL": "Dlib"})
    async with asyncio.timeout(10), connect(stack.broker.transport(Role.VIEWER), LISTEN[3:]) as viewer:
        while True:
            health = (await viewer.expect(channels.HEALTH, service="recognizer")).message
            if "MobileFaceNet" in (health.problem or ""):
                break
    assert "Dlib" in health.problem
    frames, before = health.figures.get("frames", 0), own_door.openings
    await own_door.show(jpeg["obama2"])
    after = await own_door.health(Role.RECOGNIZER)
    assert (after.figures.get("frames", 0), own_door.openings) == (frames, before)


async def test_with_dlibs_models_a_door_opens_for_somebody_who_is_enrolled_anew(
    own_door: Door, jpeg: dict[str, bytes], weights: Path
) -> None:
    if not (weights / ".deepface").is_dir():
        pytest.skip("weights of the group dlib are not fetched")
    stack = own_door.stack
    await own_door.operator.send(Outbound(channels.REMOVE, Remove(), {"person": "obama"}))
    async with asyncio.timeout(30):
        await own_door.operator.expect(channels.RESULT, person="obama")
    await stack.stop_service(Role.RECOGNIZER)
    await stack.start(Role.RECOGNIZER, {"DOORBUS_RECOGNIZER__MODEL": "Dlib"})
    assert (await own_door.enrol("obama", jpeg["obama"])).error is None
    assert (await own_door.opens_for(jpeg["obama2"])).person == "obama"


async def test_two_replicas_share_the_frames_of_a_camera(own_door: Door, jpeg: dict[str, bytes]) -> None:
    stack = own_door.stack
    await stack.start(Role.RECOGNIZER, {}, instance="second")
    async with asyncio.timeout(20), connect(stack.broker.transport(Role.VIEWER), [channels.RECOGNITION]) as viewer:
        ids = [await own_door.show(jpeg["obama2"], CAMERA) for _ in range(1)]
        seen = [(await viewer.expect(channels.RECOGNITION)).message]
        for _ in range(5):
            ids.append(await own_door.show(jpeg["obama2"], CAMERA))
            seen.append((await viewer.expect(channels.RECOGNITION)).message)
    assert [one.frame_id for one in seen] == ids
    assert {one.recognizer for one in seen} == {"recognizer", "second"}


async def test_what_waits_in_the_connection_of_a_suspended_service_is_never_acted_on(
    own_door: Door, jpeg: dict[str, bytes]
) -> None:
    """As after a network that stood still: neither message says how old it is.

    A service that goes on refuses what waits, or has lost the connection and never sees it.
    """
    stack = own_door.stack
    before = own_door.openings
    async with connect(stack.broker.transport(Role.VIEWER), [channels.RECOGNITION]) as viewer:
        for service in (Role.ACTUATOR, Role.RECOGNIZER):
            stack.process(service).send_signal(signal.SIGSTOP)
        await own_door.command(b"UNLOCK")
        for _ in range(3):
            await own_door.operator.send_packet(Packet(f"{ROOT}/door/front/frame/{CAMERA}", jpeg["obama2"]))
        for service in (Role.ACTUATOR, Role.RECOGNIZER):
            await own_door.health_until(service, Presence.OFFLINE)
        for service in (Role.ACTUATOR, Role.RECOGNIZER):
            stack.process(service).send_signal(signal.SIGCONT)
        for service in (Role.ACTUATOR, Role.RECOGNIZER):
            await own_door.health_until(service, Presence.ONLINE)
        shown = await own_door.show(jpeg["biden"], CAMERA)
        async with asyncio.timeout(10):
            assert (await viewer.expect(channels.RECOGNITION)).message.frame_id == shown
    assert own_door.openings == before
    assert (await own_door.opens_for(jpeg["obama2"])).person == "obama"
