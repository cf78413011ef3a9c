"""What somebody with Home Assistant sees and does, on the real one: our broker, our access rules, real services."""

import asyncio
import json
import urllib.error
from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest

from doorbus import channels
from doorbus.channels import Role
from doorbus.client import connect
from doorbus.local import Stack
from doorbus.messages import Outcome, Reason
from hass import ACTUATOR, CAPTURE, Hass
from support import Door

pytestmark = [pytest.mark.homeassistant, pytest.mark.timeout(300)]

CONFIG = channels.HOMEASSISTANT_CONFIG
LOCK, CAMERA, DECISION = "lock.front_door", "camera.front_door_porch", "event.front_door_decision"
PERSON, REASON = "sensor.front_door_last_person", "sensor.front_door_last_reason"
LATENCY, CONFIDENCE = "sensor.front_door_frame_to_relay", "sensor.front_door_confidence"
PEOPLE = "sensor.doorbus_people"
ENTITIES = {
    LOCK: "locked",
    CAMERA: "idle",
    DECISION: "unknown",
    PERSON: "unknown",
    REASON: "unknown",
    CONFIDENCE: "unknown",
    LATENCY: "unknown",
    PEOPLE: "1",
    "binary_sensor.front_door_actuator": "on",
    "binary_sensor.front_door_actuator_problem": "off",
    "binary_sensor.front_door_porch_capture": "on",
    "binary_sensor.front_door_porch_capture_problem": "off",
    "binary_sensor.front_door_recognizers": "on",
    "binary_sensor.doorbus_enroller": "on",
    "binary_sensor.doorbus_enroller_problem": "off",
}
# What Home Assistant says when a broker goes away, and must say.
EXPECTED = ("Disconnected from MQTT server", "Failed to connect to MQTT server")


@pytest.fixture(autouse=True)
async def _no_complaints(hass: Hass) -> AsyncIterator[None]:
    before = len(hass.complaints())
    yield
    assert [line for line in hass.complaints()[before:] if not any(one in line for one in EXPECTED)] == []


async def _opens(hass: Hass, door: Door) -> None:
    """Home Assistant unlocks the door, which is locked again after a while."""
    await hass.until(LOCK, "locked")
    before = door.openings
    async with asyncio.timeout(30):
        while door.openings == before:  # the cooldown of the test before may not be over
            await hass.call("lock.unlock", entity_id=LOCK)
            await asyncio.sleep(0.5)
    await hass.until(LOCK, "unlocked")
    await hass.until(LOCK, "locked")


async def _healed(hass: Hass) -> None:
    """Wait until nothing is unavailable."""
    for entity in ENTITIES:
        await hass.until(entity, lambda state: state["state"] != "unavailable")


async def test_every_entity_is_found_and_has_the_right_state(hass: Hass) -> None:
    for entity, state in ENTITIES.items():
        await hass.until(entity, state)

    found = {entity for entity in await hass.states() if "doorbus" in entity or "front_door" in entity}
    assert found == set(ENTITIES)


async def test_all_parts_of_a_door_are_one_device(hass: Hass) -> None:
    await hass.until(LOCK, "locked")
    await hass.until(CAMERA, "idle")
    devices = {await hass.template(f"{{{{ device_id('{one}') }}}}") for one in ENTITIES if "front_door" in one}

    assert len(devices) == 1
    assert await hass.template(f"{{{{ device_attr('{LOCK}', 'name') }}}}") == "Front door"
    assert json.loads(await hass.template(f"{{{{ device_attr('{LOCK}', 'identifiers') | list | to_json }}}}")) == [
        ["mqtt", "doorbus_front"]
    ]


async def test_the_camera_shows_the_very_bytes_that_were_published(hass: Hass, door: Door, samples: Path) -> None:
    for name in ("biden.jpg", "obama_partial_face.jpg"):
        jpeg = (samples / name).read_bytes()
        showing = asyncio.create_task(hass.picture(CAMERA, jpeg))
        while not showing.done():  # it may not have subscribed yet
            await door.show(jpeg)
            await asyncio.wait([showing], timeout=0.5)

        assert await showing == jpeg


async def test_unlocking_in_home_assistant_opens_the_relay(hass: Hass, door: Door) -> None:
    await _opens(hass, door)

    state = await hass.until(DECISION, lambda one: one["attributes"].get("event_type") == "granted")
    assert (state["attributes"]["reason"], state["attributes"]["by"]) == ("commanded", "Home Assistant")
    assert (await hass.states())[REASON]["state"] == "commanded"


async def test_opening_in_home_assistant_opens_the_relay_and_locking_ends_it(hass: Hass, door: Door) -> None:
    await hass.until(LOCK, "locked")
    before = door.openings
    async with asyncio.timeout(30):
        while door.openings == before:
            await hass.call("lock.open", entity_id=LOCK)
            await asyncio.sleep(0.5)
    await hass.call("lock.lock", entity_id=LOCK)
    await hass.until(LOCK, "locked")

    assert not door.energised


async def test_an_unlocking_that_is_denied_shows_with_its_reason(hass: Hass, door: Door) -> None:
    await _opens(hass, door)
    before = door.openings
    await hass.call("lock.unlock", entity_id=LOCK)

    state = await hass.until(DECISION, lambda one: one["attributes"].get("event_type") == "denied")
    assert state["attributes"]["reason"] == "cooldown"
    assert (await hass.until(REASON, "cooldown"))["attributes"]["device_class"] == "enum"
    assert door.openings == before


async def test_a_face_shows_as_the_last_person_with_confidence_and_milliseconds(
    hass: Hass, door: Door, samples: Path
) -> None:
    seen = asyncio.create_task(hass.until(DECISION, lambda one: one["attributes"].get("reason") == "matched"))
    while not seen.done():  # the cooldown of the test before may not be over
        frames = [await door.show((samples / "obama2.jpg").read_bytes()) for _ in range(2)]
        await asyncio.wait([seen], timeout=4)
    event = (await seen)["attributes"]

    assert (event["event_type"], event["person"], event["frame_ids"]) == ("granted", "obama", frames)
    states = await hass.states()
    assert states[PERSON]["state"] == "obama"
    assert float(states[LATENCY]["state"]) == pytest.approx(event["latency_ms"])
    assert float(states[CONFIDENCE]["state"]) == pytest.approx(100 * event["confidence"], abs=0.1)


async def test_an_attack_shows_as_an_alarm(hass: Hass, door: Door) -> None:
    await _opens(hass, door)
    repeated = b'{"action": "UNLOCK", "id": "heard-on-the-way"}'
    await door.command(repeated)
    await door.command(repeated)

    state = await hass.until(DECISION, lambda one: one["attributes"].get("event_type") == "alarm")
    assert state["attributes"]["reason"] == "replayed"


async def test_what_home_assistant_sent_is_no_use_to_whoever_recorded_it(hass: Hass, door: Door, house: Stack) -> None:
    async with connect(house.broker.transport(Role.OPERATOR), [channels.LOCK_COMMAND]) as eavesdropper:
        await _opens(hass, door)
        while (opening := await door.decision()).outcome is not Outcome.GRANTED:
            pass
        while (heard := await eavesdropper.expect(channels.LOCK_COMMAND)).message.id != opening.command_id:
            pass
    before = door.openings
    async with asyncio.timeout(30):
        await door.command(heard.packet.payload)
        while (decision := await door.decision()).reason is not Reason.REPLAYED:
            pass

    assert decision.command_id == opening.command_id
    assert door.openings == before


async def test_an_unlock_that_was_retained_opens_at_no_restart(hass: Hass, door: Door, house: Stack) -> None:
    await hass.until(LOCK, "locked")
    health = await door.health(Role.ACTUATOR)
    await door.command(b"UNLOCK", retain=True)
    await door.counted(Role.ACTUATOR, "lock_command.retained", health)
    before = door.openings
    await house.stop_service(Role.ACTUATOR)
    await house.start(Role.ACTUATOR)
    await hass.until("binary_sensor.front_door_actuator", "on")
    await hass.until(LOCK, "locked")
    await door.command(b"", retain=True)  # the broker forgets it

    assert door.openings == before


@pytest.mark.parametrize(
    ("service", "entity"),
    [
        (Role.ACTUATOR, "binary_sensor.front_door_actuator"),
        (Role.CAPTURE, "binary_sensor.front_door_porch_capture"),
        (Role.ENROLLER, "binary_sensor.doorbus_enroller"),
    ],
)
async def test_a_service_that_goes_and_comes_is_seen_to(hass: Hass, house: Stack, service: Role, entity: str) -> None:
    await house.stop_service(service)
    await hass.until(entity, "off")
    watched = {Role.ACTUATOR: LOCK, Role.CAPTURE: CAMERA, Role.ENROLLER: PEOPLE}[service]
    assert (await hass.states())[watched]["state"] == "unavailable"
    await house.start(service)

    await hass.until(entity, "on")
    await _healed(hass)


async def test_recognizers_are_gone_when_none_has_spoken_for_a_while(hass: Hass, house: Stack) -> None:
    await house.stop_service(Role.RECOGNIZER)
    await hass.until("binary_sensor.front_door_recognizers", "off")
    await house.start(Role.RECOGNIZER)

    await hass.until("binary_sensor.front_door_recognizers", "on")


async def test_a_restart_of_home_assistant_heals(hass: Hass, door: Door) -> None:
    await hass.stop()
    await hass.start()

    await _healed(hass)
    await _opens(hass, door)


async def test_a_restart_of_the_broker_heals(hass: Hass, house: Stack) -> None:
    await house.broker.restart()

    await hass.until(LOCK, "locked", patience=60)
    await _healed(hass)


async def test_a_broker_that_has_forgotten_everything_is_told_again(hass: Hass, house: Stack) -> None:
    await house.broker.stop()
    for kept in (house.var / "broker" / "mosquitto" / "data").iterdir():
        kept.unlink()
    await house.broker.start()

    await hass.until(LOCK, "locked", patience=60)
    await _healed(hass)
    assert (await hass.states())[PEOPLE]["state"] == "1"


async def test_a_code_is_asked_for_and_passed_on(hass: Hass, door: Door, house: Stack) -> None:
    secret = pyotp.random_base32()
    await house.stop_service(Role.ACTUATOR)
    await house.start(Role.ACTUATOR, ACTUATOR | {"DOORBUS_ACTUATOR__TOTP_SECRET": secret})
    await hass.until(LOCK, lambda one: one["attributes"].get("code_format") == r"^\d{6}$")
    before = door.openings
    with pytest.raises(urllib.error.HTTPError):
        await hass.call("lock.unlock", entity_id=LOCK)
    await hass.call("lock.unlock", entity_id=LOCK, code="000000")
    alarm = await hass.until(DECISION, lambda one: one["attributes"].get("reason") == "code_wrong")
    assert alarm["attributes"]["event_type"] == "alarm"
    assert door.openings == before

    await hass.call("lock.unlock", entity_id=LOCK, code=pyotp.TOTP(secret).now())
    await hass.until(LOCK, "unlocked")
    await hass.until(LOCK, "locked")
    assert door.openings == before + 1

    await house.stop_service(Role.ACTUATOR)
    await house.start(Role.ACTUATOR, ACTUATOR)
    await hass.until(LOCK, lambda one: one["attributes"].get("code_format") is None and one["state"] == "locked")


async def test_a_door_with_another_name_takes_the_place_of_the_old_one(hass: Hass, house: Stack) -> None:
    await house.stop_service(Role.ACTUATOR)
    await house.start(Role.ACTUATOR, ACTUATOR | {"DOORBUS_ACTUATOR__DOOR": "back"})

    await hass.until("lock.back_door", "locked")
    await hass.until_gone(LOCK, DECISION, PERSON, REASON, LATENCY, CONFIDENCE)
    assert await hass.template(f"{{{{ device_attr('{CAMERA}', 'name') }}}}") == "Front door"  # it still has a camera

    await house.stop_service(Role.ACTUATOR)
    await house.start(Role.ACTUATOR, ACTUATOR)
    await hass.until(LOCK, "locked")
    await hass.until_gone("lock.back_door")
    assert await hass.template("{{ device_id('lock.back_door') }}") == "None"


async def test_switching_it_off_leaves_no_ghost(hass: Hass, house: Stack) -> None:
    off = {"DOORBUS_HOMEASSISTANT__ENABLED": "false"}
    given = {Role.ACTUATOR: ACTUATOR, Role.CAPTURE: CAPTURE, Role.ENROLLER: {}}
    for service, environment in given.items():
        await house.stop_service(service)
        await house.start(service, environment | off)

    await hass.until_gone(*ENTITIES)
    assert await hass.template("{{ device_entities('Front door') + integration_entities('mqtt') }}") == "[]"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2), connect(house.broker.transport(Role.HOMEASSISTANT), [CONFIG]) as client:
            await client.expect(CONFIG)  # nothing is retained

    for service, environment in given.items():
        await house.stop_service(service)
        await house.start(service, environment)
    await _healed(hass)
