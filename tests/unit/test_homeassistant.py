"""What Home Assistant is told: right in itself, and held to the topics and rights of the channel table."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from doorbus import homeassistant
from doorbus.homeassistant import Device, Document, Origin, Style, announcement, documents
from doorbus.runtime.service import Service
from doorbus.runtime.settings import HomeAssistantSettings, ServiceSettings
from doorbus.site import acl
from doorbus.site.users import User
from doorbus.testing import FakeClock, MemoryBus, matches, running
from doorbus.wire import channels
from doorbus.wire.channels import LOCK_COMMAND, Role
from doorbus.wire.codec import Arrival
from doorbus.wire.messages import Action, Reason
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus.wire.topics import Topics

LONG = "a" * 64


def _devices(topics: Topics = TOPICS, door: str = "front", camera: str = "porch") -> list[Device]:
    return [
        homeassistant.door(Origin(topics, Role.ACTUATOR, "pi"), door, codes=True),
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


def test_the_parts_of_a_door_are_one_device_and_the_people_another() -> None:
    identifiers = [device.info["identifiers"] for device in _devices()]

    assert identifiers == [["doorbus_front"], ["doorbus_front"], ["doorbus"]]


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
    sent = re.sub(
        r"{{ ([\w.()]+) }}",
        lambda found: {"value": "UNLOCK", "code": "123456"}.get(found[1], "1"),
        lock["command_template"],
    )
    arrival = Arrival(datetime.now(UTC), "now")
    command = LOCK_COMMAND.codec.decode(Packet("any", sent.encode()), {}, arrival)

    assert (command.action, command.by, command.id) == (Action.UNLOCK, "Home Assistant", "ha-1")
    assert (command.code, "code_format" in lock) == (("123456", True) if codes else (None, False))


def test_what_is_typed_or_pressed_at_a_camera_is_a_request_to_enrol_who_stands_there() -> None:
    told = {one["unique_id"].rpartition("_camera_porch_")[2]: one for one in _entities(_devices()[1], Style.COMPONENT)}
    typed = told["enrol"]["command_template"].replace("{{ value | to_json }}", json.dumps('Ann "Bee" Ö'))
    requests = [
        channels.NEWCOMER.codec.decode(Packet("any", sent.encode()), {}, Arrival(datetime.now(UTC), "now"))
        for sent in (typed, told["enrol_guest"]["payload_press"])
    ]

    assert {told[key]["command_topic"] for key in ("enrol", "enrol_guest")} == {"doorbus/v1/newcomer/capture"}
    assert [(one.door, one.camera, one.name) for one in requests] == [
        ("front", "porch", 'Ann "Bee" Ö'),
        ("front", "porch", None),
    ]


def test_every_reason_is_a_word_that_the_sensor_may_show() -> None:
    (sensor,) = (one for one in _entities(_devices()[0], Style.DEVICE) if one.get("device_class") == "enum")

    assert sensor["options"] == [reason.value for reason in Reason]


def test_documents_of_single_entities_are_taken_back_before_the_device_is_told_of() -> None:
    device = _devices()[0]
    told = list(announcement(device, Style.DEVICE).items())

    assert [bool(document) for _, document in told] == [False] * len(device.entities) + [True]


def test_nothing_is_said_of_whole_devices_to_a_home_assistant_that_does_not_know_them() -> None:
    for style in (Style.COMPONENT, None):
        assert "device" not in {component for component, _ in announcement(_devices()[0], style)}


# On the bus.


class _Camera(Service):
    role: ClassVar[Role] = Role.CAPTURE

    def __init__(self, camera: str = "porch") -> None:
        self._camera = camera

    def device(self, site: Origin) -> Device:
        return homeassistant.camera(site, "front", self._camera)


def _settings(instance: str = "pi", **home_assistant: Any) -> ServiceSettings:
    return ServiceSettings(
        _env_file=None,
        instance=instance,
        var=Path("nowhere"),
        health_seconds=1e9,
        homeassistant=HomeAssistantSettings(**home_assistant),
    )


def _retained(bus: MemoryBus, prefix: str = "homeassistant") -> dict[str, Mapping[str, Any]]:
    found = bus.retained.items()
    return {topic: json.loads(one.payload) for topic, one in found if topic.startswith(f"{prefix}/")}


async def _until_still(bus: MemoryBus) -> None:
    before = -1
    while before != len(bus.log):
        before = len(bus.log)
        for _ in range(50):
            await asyncio.sleep(0)


async def test_a_camera_announces_itself_under_the_prefix_that_was_set() -> None:
    bus = MemoryBus()
    async with running(_Camera(), bus, FakeClock(), _settings(prefix="ha")):
        await _until_still(bus)

    assert set(_retained(bus, "ha")) == {
        "ha/camera/capture/doorbus_front_camera_porch/config",
        "ha/text/capture/doorbus_front_camera_porch_enrol/config",
        "ha/button/capture/doorbus_front_camera_porch_enrol_guest/config",
        "ha/binary_sensor/capture/doorbus_front_camera_porch_online/config",
        "ha/binary_sensor/capture/doorbus_front_camera_porch_problem/config",
    }
    assert _retained(bus) == {}


@pytest.mark.parametrize("prefix", ["homeassistant", "ha"])
async def test_all_is_said_again_when_home_assistant_has_started(prefix: str) -> None:
    bus = MemoryBus()
    async with running(_Camera(), bus, FakeClock(), _settings(prefix=prefix)):
        await _until_still(bus)
        told = _retained(bus, prefix)
        for topic in told:
            del bus.retained[topic]
        bus.publish(Packet("homeassistant/status", b"offline"))
        await _until_still(bus)
        assert _retained(bus, prefix) == {}
        bus.publish(Packet("homeassistant/status", b"online"))
        await _until_still(bus)

    assert told
    assert _retained(bus, prefix) == told


@pytest.mark.parametrize("style", Style)
async def test_a_camera_of_another_name_takes_the_old_one_back_and_leaves_those_of_others(style: Style) -> None:
    bus = MemoryBus()
    async with (
        running(_Camera("yard"), bus, FakeClock(), _settings("other", style=style)),
        running(_Camera("porch"), bus, FakeClock(), _settings(style=style)),
    ):
        await _until_still(bus)
    before = _retained(bus)
    async with running(_Camera("hall"), bus, FakeClock(), _settings(style=style)):
        await _until_still(bus)
    after = _retained(bus)

    assert {topic for topic in before if "yard" in topic} == {topic for topic in after if "yard" in topic}
    assert not any("porch" in topic for topic in after)
    assert len(after) == len(before)


@pytest.mark.parametrize("styles", [(Style.DEVICE, Style.COMPONENT), (Style.COMPONENT, Style.DEVICE)])
async def test_a_change_of_style_leaves_nothing_of_the_old_one(styles: tuple[Style, Style]) -> None:
    bus = MemoryBus()
    for style in styles:
        async with running(_Camera(), bus, FakeClock(), _settings(style=style)):
            await _until_still(bus)

    expected = documents(_Camera().device(Origin(TOPICS, Role.CAPTURE, "pi")), styles[1])
    assert list(_retained(bus).values()) == list(map(dict, expected.values()))


def test_a_device_says_of_an_image_that_was_switched_off_that_it_is_gone() -> None:
    device = homeassistant.camera(Origin(TOPICS, Role.CAPTURE, "pi"), "front", "porch")
    (whole,) = documents(device, Style.DEVICE).values()

    assert [one for one in whole["cmps"].values() if one["p"] == "image"] == [{"p": "image"}]
    assert "image" not in {component for component, _ in documents(device, Style.COMPONENT)}


@pytest.mark.parametrize("style", Style)
async def test_portraits_are_announced_only_where_they_are_on_and_taken_back_with_that(style: Style) -> None:
    bus = MemoryBus()
    told = []
    for portraits in (False, True, False):
        async with running(_Camera(), bus, FakeClock(), _settings(style=style, portraits=portraits)):
            await _until_still(bus)
        told.append("door/front/portrait/porch" in json.dumps(_retained(bus)))

    assert told == [False, True, False]


@pytest.mark.parametrize("style", Style)
async def test_switched_off_it_takes_everything_back(style: Style) -> None:
    bus = MemoryBus()
    for enabled in (True, False):
        async with running(_Camera(), bus, FakeClock(), _settings(style=style, enabled=enabled)):
            await _until_still(bus)

    assert _retained(bus) == {}


async def test_nonsense_where_documents_stand_is_let_be() -> None:
    bus = MemoryBus()
    topic = "homeassistant/camera/capture/somebodys/config"
    async with running(_Camera(), bus, FakeClock(), _settings()):
        for payload in (b"[]", b"{", b'{"availability": 3, "cmps": []}', b'{"cmps": {"a": {"availability": [{}]}}}'):
            bus.publish(Packet(topic, payload, retain=True))
            await _until_still(bus)

            assert bus.retained[topic].payload == payload
