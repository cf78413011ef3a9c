"""What Home Assistant is told: right in itself, and held to the topics and rights of the channel table."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from doorbus import __version__, homeassistant
from doorbus.homeassistant import Device, Document, Origin, Style, documents
from doorbus.site import acl
from doorbus.site.users import User
from doorbus.testing import matches
from doorbus.wire import channels
from doorbus.wire.channels import LOCK_COMMAND, Role
from doorbus.wire.codec import Arrival
from doorbus.wire.messages import Action, AlarmState, Input, Reason
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus.wire.topics import Topics

LONG = "a" * 64


def _devices(topics: Topics = TOPICS, door: str = "front", camera: str = "porch") -> list[Device]:
    return [
        homeassistant.door(Origin(topics, Role.ACTUATOR, "pi"), door, codes=True, inputs=list(Input)),
        homeassistant.camera(Origin(topics, Role.CAPTURE, "pi", portraits=True), door, camera),
        homeassistant.people(Origin(topics, Role.ENROLLER, "pi")),
    ]


def _entities(device: Device, style: Style) -> Iterator[Document]:
    for document in documents(device, style).values():
        yield from document["cmps"].values() if "cmps" in document else (document,)


def _topics(document: Document) -> Iterator[tuple[str, str]]:
    for key, value in document.items():
        if key == "availability":
            yield from ((key, one["topic"]) for one in value)
        elif key == "topic" or key.endswith("_topic"):
            yield key, value


@pytest.mark.parametrize("style", Style)
def test_ids_are_there_once(style: Style) -> None:
    every = [
        one
        for devices in (_devices(), _devices(door="back")[:2], _devices(camera="yard")[1:2], _devices(Topics("site/7")))
        for device in devices
        for one in _entities(device, style)
    ]
    unique = [one["unique_id"] for one in every]

    assert len(unique) == len(set(unique))
    assert all(one["default_entity_id"].endswith(f".{one['object_id']}") for one in every)


def test_a_camera_is_a_device_of_its_own_that_hangs_on_the_door() -> None:
    identifiers = [device.info["identifiers"] for device in _devices()]

    assert identifiers == [["doorbus_front"], ["doorbus_front_camera_porch"], ["doorbus"]]
    assert [device.info.get("via_device") for device in _devices()] == [None, "doorbus_front", None]


def test_ids_are_those_of_the_first_version_so_that_histories_and_dashboards_go_on() -> None:
    ids = {
        one["unique_id"]: one["default_entity_id"] for device in _devices() for one in _entities(device, Style.DEVICE)
    }

    assert (
        ids.items()
        >= {
            "doorbus_front_lock": "lock.front_door",
            "doorbus_front_decision": "event.front_door_decision",
            "doorbus_front_last_person": "sensor.front_door_last_person",
            "doorbus_front_last_reason": "sensor.front_door_last_reason",
            "doorbus_front_confidence": "sensor.front_door_confidence",
            "doorbus_front_latency": "sensor.front_door_frame_to_relay",
            "doorbus_front_actuator_online": "binary_sensor.front_door_actuator",
            "doorbus_front_actuator_problem": "binary_sensor.front_door_actuator_problem",
            "doorbus_front_recognizers": "binary_sensor.front_door_recognizers",
            "doorbus_front_camera_porch": "camera.front_door_porch",
            "doorbus_front_camera_porch_face": "image.front_door_last_face_at_porch",
            "doorbus_front_camera_porch_enrol": "text.front_door_enrol_at_porch",
            "doorbus_front_camera_porch_enrol_guest": "button.front_door_enrol_guest_at_porch",
            "doorbus_front_camera_porch_online": "binary_sensor.front_door_porch_capture",
            "doorbus_front_camera_porch_problem": "binary_sensor.front_door_porch_capture_problem",
            "doorbus_people": "sensor.doorbus_people",
            "doorbus_last_enrolment": "sensor.doorbus_last_enrolment",
            "doorbus_enroller_online": "binary_sensor.doorbus_enroller",
            "doorbus_enroller_problem": "binary_sensor.doorbus_enroller_problem",
        }.items()
    )


def test_a_device_says_its_version_its_page_and_where_it_is() -> None:
    site = Origin(TOPICS, Role.ACTUATOR, "pi", area="Hall", console="http://door.lan")
    info = homeassistant.door(site, "front", codes=False).info

    assert (info["sw_version"], info["configuration_url"], info["suggested_area"]) == (
        __version__,
        "http://door.lan",
        "Hall",
    )
    assert not {"configuration_url", "suggested_area"} & _devices()[0].info.keys()


def test_a_document_of_a_device_says_what_the_documents_of_its_entities_say() -> None:
    for device in _devices():
        (whole,) = documents(device, Style.DEVICE).values()
        single = documents(device, Style.COMPONENT)

        assert set(whole) == {"dev", "o", "cmps"}
        for (component, _), document in single.items():
            part = {"p": component} | {k: v for k, v in document.items() if k not in ("dev", "o")}
            assert part in whole["cmps"].values()
            assert (document["dev"], document["o"]) == (whole["dev"], whole["o"])
        assert len(whole["cmps"]) == len(single)


@pytest.mark.parametrize("style", Style)
def test_ids_of_any_length_make_topics(style: Style) -> None:
    places = [place for device in _devices(door=LONG, camera=LONG) for place in documents(device, style)]

    for component, object_id in places:
        TOPICS.topic(channels.HOMEASSISTANT_CONFIG, component=component, service="capture", object=object_id)
    assert len(places) == len(set(places))


def test_home_assistant_may_read_what_it_is_told_to_and_write_the_commands() -> None:
    user = User("homeassistant", Role.HOMEASSISTANT)
    told = [topic for device in _devices() for one in _entities(device, Style.DEVICE) for topic in _topics(one)]

    assert {key for key, _ in told} > {"topic", "state_topic", "command_topic", "availability"}
    for key, topic in told:
        rights = acl.filters(TOPICS, user, write=key == "command_topic")
        assert any(right == topic or matches(right, topic) for right in rights), topic


@pytest.mark.parametrize("codes", [True, False])
def test_what_the_lock_sends_is_a_command(codes: bool) -> None:  # noqa: FBT001  # a case of the test
    device = homeassistant.door(Origin(TOPICS, Role.ACTUATOR, "pi"), "front", codes=codes)
    lock = next(one for one in _entities(device, Style.COMPONENT) if "command_template" in one)
    now = datetime.now(UTC)
    made = {"value": "UNLOCK", "code": "123456", "utcnow().timestamp()": "1", "utcnow().isoformat()": now.isoformat()}
    sent = re.sub(r"{{ ([\w.()]+) }}", lambda found: made[found[1]], lock["command_template"])
    arrival = Arrival(datetime.now(UTC), "now")
    command = LOCK_COMMAND.codec.decode(Packet("any", sent.encode()), {}, arrival)

    assert (command.action, command.by, command.id) == (Action.UNLOCK, "Home Assistant", "ha-1")
    assert command.issued_at == now
    assert (command.code, "code_format" in lock) == (("123456", True) if codes else (None, False))


@pytest.mark.parametrize("style", Style)
def test_locking_needs_no_code_but_a_button_where_unlocking_does(style: Style) -> None:
    for codes in (True, False):
        device = homeassistant.door(Origin(TOPICS, Role.ACTUATOR, "pi"), "front", codes=codes)
        told = {one.get("unique_id"): one for one in _entities(device, style)}
        button = told.get("doorbus_front_lock_now")

        assert (button is not None) is codes
        if button is not None:
            sent = Packet("any", button["payload_press"].encode())
            command = LOCK_COMMAND.codec.decode(sent, {}, Arrival(datetime.now(UTC), "now"))
            assert (command.action, command.code) == (Action.LOCK, None)
            assert button["command_topic"] == "doorbus/v1/door/front/lock/set"


def test_what_is_typed_or_pressed_at_a_camera_is_a_request_to_enrol_who_stands_there() -> None:
    told = {one["unique_id"].rpartition("_camera_porch_")[2]: one for one in _entities(_devices()[1], Style.COMPONENT)}
    cleaned = "{{ value | replace('…', '') | trim | to_json }}"
    typed = told["enrol"]["command_template"].replace(cleaned, json.dumps('Ann "Bee" Ö'))
    requests = [
        channels.NEWCOMER.codec.decode(Packet("any", sent.encode()), {}, Arrival(datetime.now(UTC), "now"))
        for sent in (typed, told["enrol_guest"]["payload_press"])
    ]

    assert {told[key]["command_topic"] for key in ("enrol", "enrol_guest")} == {"doorbus/v1/newcomer/capture"}
    assert [(one.door, one.camera, one.name) for one in requests] == [
        ("front", "porch", 'Ann "Bee" Ö'),
        ("front", "porch", None),
    ]


@pytest.mark.parametrize(("key", "words"), [("last_reason", Reason), ("alarm_state", AlarmState)])
def test_a_sensor_of_words_may_show_each(key: str, words: type[StrEnum]) -> None:
    (sensor,) = (one for one in _entities(_devices()[0], Style.DEVICE) if one["unique_id"] == f"doorbus_front_{key}")

    assert {*words} <= {*sensor["options"]}


def test_a_door_shows_only_the_inputs_that_it_has() -> None:
    site = Origin(TOPICS, Role.ACTUATOR, "pi")
    inputs = {"contact", "tamper", "doorbell", "alarm", "alarm_state"}
    for has, shown in (
        ([], set()),
        ([Input.EXIT], set()),
        ([Input.DOORBELL], {"doorbell"}),
        ([Input.CONTACT], {"contact", "alarm", "alarm_state"}),
        ([Input.TAMPER], {"tamper", "alarm", "alarm_state"}),
    ):
        (whole,) = documents(homeassistant.door(site, "front", codes=False, inputs=has), Style.DEVICE).values()
        assert {key for key in inputs & whole["cmps"].keys() if "state_topic" in whole["cmps"][key]} == shown
        assert inputs <= whole["cmps"].keys()  # what it has no more is taken back


def test_a_device_says_of_an_image_that_was_switched_off_that_it_is_gone() -> None:
    device = homeassistant.camera(Origin(TOPICS, Role.CAPTURE, "pi"), "front", "porch")
    (whole,) = documents(device, Style.DEVICE).values()

    assert [one for one in whole["cmps"].values() if one["p"] == "image"] == [{"p": "image"}]
    assert "image" not in {component for component, _ in documents(device, Style.COMPONENT)}
