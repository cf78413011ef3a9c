"""The blueprints and the dashboard of examples/home-assistant, used in the real Home Assistant as a person would."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Activity, LockState, Outcome, Reason, Trigger
from support.door import Door
from support.homeassistant import CAPTURE, Hass, State

pytestmark = [pytest.mark.homeassistant, pytest.mark.timeout(600)]

SAY = {"service": "input_text.set_value", "target": {"entity_id": "input_text.said"}}
DECISION = "event.front_door_decision"
PEOPLE, ENROLMENT = "sensor.doorbus_people", "sensor.doorbus_last_enrolment"
STALE = b'{"action": "UNLOCK", "issued_at": "2020-01-01T00:00:00Z"}'


@pytest.fixture
async def automated(hass: Hass, door: Door) -> AsyncIterator[Callable[..., Any]]:
    """Makes automations of blueprints, and of no others; `say` is what they put into input_text.said."""

    async def make(blueprint: str, say: str, **inputs: object) -> None:
        actions = [SAY | {"data": {"value": say}}, {"service": "counter.increment", "entity_id": "counter.alerts"}]
        use = {"path": f"doorbus/{blueprint}.yaml", "input": inputs | {"actions": actions}}
        text = json.dumps([{"id": blueprint, "alias": blueprint, "use_blueprint": use}])
        (hass.folder / "automations.yaml").write_text(text)
        await hass.call("input_text.set_value", entity_id="input_text.said", value="")
        await hass.call("counter.reset", entity_id="counter.alerts")
        await hass.call("automation.reload")
        await hass.until(f"automation.{blueprint}", "on")

    listens = asyncio.create_task(hass.until(DECISION, lambda state: state["state"] not in ("unknown", "unavailable")))
    while not listens.done():  # it subscribes up to a second after it has found the entity
        await door.command(STALE)
        await asyncio.wait([listens], timeout=1)
    yield make
    (hass.folder / "automations.yaml").write_text("[]")
    await hass.call("automation.reload")


def _anything(state: State) -> bool:
    return bool(state["state"])


async def test_a_person_who_comes_in_is_announced(
    hass: Hass, door: Door, automated: Callable[..., Any], samples: Path
) -> None:
    await automated("announce_person", "{{ message }}", decision=DECISION, people="alice, obama")
    await door.command(STALE)
    await door.opens_for((samples / "obama2.jpg").read_bytes(), within=60)

    assert (await hass.until("input_text.said", _anything))["state"] == "Obama is at the door."
    assert (await hass.states())["counter.alerts"]["state"] == "1"


async def test_an_entry_is_announced_that_comes_in_one_moment_with_the_denial_before_it(
    hass: Hass, house: Stack, automated: Callable[..., Any]
) -> None:
    await automated("announce_person", "{{ person }}", decision=DECISION, people="")
    entries = 40
    async with connect(house.broker.transport(Role.ACTUATOR)) as actuator:
        for entry in range(1, entries + 1):
            at = datetime.now(UTC)
            denial = Activity(
                text="Obama refused",
                outcome=Outcome.DENIED,
                reason=Reason.DISABLED,
                trigger=Trigger.FACE,
                at=at,
                since=at,
                person="obama",
            )
            grant = denial.model_copy(update={"outcome": Outcome.GRANTED, "reason": Reason.MATCHED})
            told = [Outbound(channels.ACTIVITY, one, {"door": "front"}) for one in (denial, grant)]
            await asyncio.gather(*map(actuator.send, told))
            await hass.until("counter.alerts", str(entry), patience=60)

    assert (await hass.states())["input_text.said"]["state"] == "obama"


async def test_only_the_people_asked_for_are_announced(
    hass: Hass, door: Door, automated: Callable[..., Any], samples: Path
) -> None:
    await automated("announce_person", "{{ person }}", decision=DECISION, people="alice")
    await door.opens_for((samples / "obama2.jpg").read_bytes(), within=60)
    await hass.until("sensor.front_door_last_person", "Obama")

    assert (await hass.states())["counter.alerts"]["state"] == "0"


async def _refused(door: Door, command: bytes, reason: Reason) -> None:
    """Send a command once, and wait until a decision tells that it was refused: at once, or within a second."""
    since = datetime.now(UTC)
    await door.command(command)
    async with asyncio.timeout(60):
        while True:
            decision = await door.decision()
            if decision.reason is reason and decision.at > since:
                return


async def test_denials_in_a_row_alert_once(hass: Hass, door: Door, automated: Callable[..., Any]) -> None:
    repeated = b'{"action": "UNLOCK", "id": "heard-on-the-way"}'
    await door.command(repeated)
    await _refused(door, repeated, Reason.REPLAYED)
    await automated("alert_on_denials", "{{ reason }}", decision=DECISION, denials=3, within=60, pause=600)
    for _ in range(2):
        await _refused(door, repeated, Reason.REPLAYED)
        await _refused(door, STALE, Reason.STALE)  # of no account
        assert (await hass.states())["counter.alerts"]["state"] == "0"
    for _ in range(2):
        await _refused(door, repeated, Reason.REPLAYED)

    assert (await hass.until("input_text.said", _anything))["state"] == "replayed"
    assert (await hass.states())["counter.alerts"]["state"] == "1"


async def test_refusals_that_are_on_the_way_in_alert_nobody(
    hass: Hass, door: Door, automated: Callable[..., Any]
) -> None:
    await automated("alert_on_denials", "{{ reason }}", decision=DECISION, denials=2, within=60, pause=600)
    for _ in range(4):
        await _refused(door, STALE, Reason.STALE)

    await hass.until(DECISION, lambda state: state["attributes"].get("reason") == "stale")
    assert (await hass.states())["counter.alerts"]["state"] == "0"


@pytest.mark.parametrize("answer", ["unlock", "ignore"])
async def test_a_stranger_is_let_in_only_by_whoever_says_so(
    hass: Hass, door: Door, automated: Callable[..., Any], newcomer: tuple[bytes, ...], answer: str
) -> None:
    camera = "camera.front_door_porch"
    inputs = {"lock": "lock.front_door", "camera": camera, "notify": "script.tell", "pause": 600, "answer_within": 60}
    await automated("stranger_at_the_door", "", decision=DECISION, **inputs)
    before = door.openings
    async with door.showing(*newcomer):
        said = (await hass.until("input_text.said", _anything))["state"]
    *title, picture, unlock, ignore = said.split()
    assert (" ".join(title), picture) == ("Unknown face refused", f"/api/camera_proxy/{camera}")
    assert door.openings == before

    pressed = [unlock] if answer == "unlock" else [ignore, unlock]  # by then it is too late
    for action in pressed:
        event = "/api/events/mobile_app_notification_action"
        await hass.request("POST", event, {"action": action})
    if answer == "unlock":
        await hass.until("sensor.front_door_activity", "Unlocked by Home Assistant")
    await _refused(door, STALE, Reason.STALE)  # whatever was sent before has arrived
    assert door.openings == before + (answer == "unlock")


async def test_a_part_that_is_offline_or_has_a_problem_is_told_with_the_way_out(
    hass: Hass, house: Stack, automated: Callable[..., Any]
) -> None:
    parts = ["binary_sensor.front_door_porch_capture", "binary_sensor.front_door_porch_capture_problem"]
    await automated("part_in_trouble", "{{ message }}", parts=parts, longer_than=0)
    await house.stop_service(Role.CAPTURE)
    await hass.until("input_text.said", lambda one: one["state"].lower().endswith("capture is offline."))
    await house.start(Role.CAPTURE, {"DOORBUS_CAPTURE__SOURCE": "rtsp://127.0.0.1:1/none"})
    problem = await hass.until("input_text.said", lambda one: "problem" in one["state"])
    assert "rtsp://127.0.0.1:1/none" in problem["state"]

    await house.stop_service(Role.CAPTURE)
    await house.start(Role.CAPTURE, CAPTURE)
    await hass.until("camera.front_door_porch", "idle")


async def test_an_alarm_is_told_and_a_refusal_that_is_none_is_not(
    hass: Hass, door: Door, automated: Callable[..., Any]
) -> None:
    await automated("alarm", "{{ message }}", decision=DECISION)
    await _refused(door, STALE, Reason.STALE)
    repeated = b'{"action": "UNLOCK", "id": "heard-on-the-way-again"}'
    await door.command(repeated)
    await _refused(door, repeated, Reason.REPLAYED)

    said = await hass.until("input_text.said", _anything)
    assert said["state"] == "Unlocking refused: it was sent before"
    assert (await hass.states())["counter.alerts"]["state"] == "1"


async def test_a_door_that_is_forced_is_an_alarm_and_is_told_of_when_it_stays_open(
    hass: Hass, feels: Callable[..., Any], automated: Callable[..., Any]
) -> None:
    await hass.until("sensor.front_door_alarm", "none")
    await automated("alarm", "{{ message }} {{ reason }}", decision=DECISION, alarm="event.front_door_alarm")
    await feels("contact", "ON")
    await hass.until("input_text.said", "Door forced open forced")
    await feels("contact", "OFF")
    await hass.until("sensor.front_door_alarm", "none")

    contact = "binary_sensor.front_door_contact"
    await automated("left_open", "{{ message }}", contact=contact, longer_than=1)
    await feels("contact", "ON")
    await hass.until("input_text.said", "Front door Contact has been open for 1 seconds.")
    await feels("contact", "OFF")
    await hass.until(contact, "off")


async def test_a_picture_of_who_rings_is_sent(
    hass: Hass, feels: Callable[..., Any], automated: Callable[..., Any]
) -> None:
    bell, camera = "event.front_door_doorbell", "camera.front_door_porch"
    await automated("doorbell", "{{ 'besides' }}", doorbell=bell, camera=camera, notify="script.tell")
    asked = asyncio.create_task(hass.until("counter.alerts", "1"))
    await feels("doorbell", "ON")
    await asked
    assert (await hass.states())["input_text.said"]["state"] == "besides"

    await automated("doorbell", "{{ states('input_text.said') }}!", doorbell=bell, camera=camera, notify="script.tell")
    await feels("doorbell", "ON")
    said = await hass.until("input_text.said", lambda one: one["state"].endswith("!"))
    assert said["state"].split("!")[0].strip() == f"Somebody rings /api/camera_proxy/{camera}"


async def test_a_door_that_is_left_open_is_told_of(hass: Hass, door: Door, automated: Callable[..., Any]) -> None:
    await automated("left_open", "{{ message }}", contact="lock.front_door", longer_than=0)
    opening = asyncio.create_task(hass.until("input_text.said", _anything))
    while not opening.done():  # the cooldown of the test before may not be over
        await door.command(b"UNLOCK")
        await asyncio.wait([opening], timeout=1)

    assert (await opening)["state"] == "Front door has been open for 0 seconds."
    await door.until_locked()


def test_every_blueprint_says_where_it_comes_from(repository: Path) -> None:
    folder = repository / "examples" / "home-assistant" / "blueprints"
    sources = {}
    for path in folder.rglob("*.yaml"):
        (found,) = [line for line in path.read_text().splitlines() if line.startswith("  source_url: ")]
        sources[path.relative_to(folder).as_posix()] = found.removeprefix("  source_url: ")

    assert all(source.endswith(f"/examples/home-assistant/blueprints/{path}") for path, source in sources.items())
    assert len({source.removesuffix(path) for path, source in sources.items()}) == 1
    document = (repository / "docs" / "home-assistant.md").read_text()
    assert [path for path, source in sources.items() if f"blueprint_url={source}" not in document] == []


async def test_what_became_of_an_enrolment_is_told(
    hass: Hass, door: Door, automated: Callable[..., Any], samples: Path
) -> None:
    await automated("enrolment_result", "{{ message }}")
    told = asyncio.create_task(hass.until("input_text.said", _anything))
    while not told.done():  # it may not have subscribed yet
        result = await door.enrol("nobody", (samples / "obama.jpg").read_bytes())
        await asyncio.wait([told], timeout=1)

    assert result.error is not None
    assert (await told)["state"] == f"nobody: enrol failed, {result.error.message}"


async def test_a_person_is_enrolled_from_what_the_camera_shows(
    hass: Hass, door: Door, newcomer: tuple[bytes, ...]
) -> None:
    await hass.call("script.enrol", person="../joe")  # no id: nothing happens
    async with door.showing(*newcomer):
        await hass.call("script.enrol", person="joe")
        await hass.until(ENROLMENT, "Joe: 1 of 3, turn a little")
        await hass.until(ENROLMENT, "Joe is enrolled, 3 samples")

    assert (await door.opens_for(newcomer[0], within=60)).person == "joe"
    await hass.call("mqtt.publish", topic="doorbus/v1/person/joe/remove", payload="", qos=1)
    await hass.until(PEOPLE, "1")


async def test_people_are_listed_disabled_and_removed_by_names_in_any_letters(
    hass: Hass, door: Door, samples: Path, newcomer: tuple[bytes, ...]
) -> None:
    assert (await door.enrol("zoe", newcomer[0])).error is None
    name = 'Ζωή "Zed" Bee'
    payload = json.dumps({"name": name})
    await hass.call("mqtt.publish", topic="doorbus/v1/person/zoe/update", payload=payload, qos=1)
    listed = await hass.until(PEOPLE, lambda one: name in one["attributes"].get("people", ()))
    assert listed["state"] == "2"
    assert listed["attributes"]["people"] == ["Obama", name]

    await hass.call("script.manage", who=name, action="disable")
    await hass.until(ENROLMENT, f"{name} is disabled")
    assert (await hass.until(PEOPLE, lambda one: one["attributes"]["disabled"]))["attributes"]["disabled"] == [name]
    assert await door.refuses(newcomer[1]) is Reason.DISABLED

    await hass.call("script.manage", who=name, action="remove")
    await hass.until(ENROLMENT, f"{name} is removed")
    await hass.until(PEOPLE, "1")


async def test_the_dashboard_names_entities_that_there_are(hass: Hass, repository: Path) -> None:
    text = (repository / "examples" / "home-assistant" / "dashboard.yaml").read_text()
    named = set(re.findall(r"\b(?:\w+\.front_door\w*|sensor\.\w+)", text))

    assert LockState.LOCKED.value.lower() == (await hass.until("lock.front_door", "locked"))["state"]
    assert named
    assert named <= (await hass.states()).keys()
    assert yaml.safe_load(text)["views"]
