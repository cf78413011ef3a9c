"""What Home Assistant knows in the end, whatever it and the services went through."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorbus import homeassistant
from doorbus.homeassistant import Device, Document, Origin, Place, Style, documents, unique_ids
from doorbus.runtime.announcer import Announcer
from doorbus.runtime.service import Service
from doorbus.runtime.settings import HomeAssistantSettings, ServiceSettings
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Inbound, Outbound
from doorbus.wire.messages import HomeAssistantStatus
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

CONFIG, WITHDRAWN, STATUS = (
    channels.HOMEASSISTANT_CONFIG,
    channels.HOMEASSISTANT_WITHDRAWN,
    channels.HOMEASSISTANT_STATUS,
)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass
class Hass:
    """Home Assistant, as far as discovery goes: what it has set up ends with it, the registry stays.

    It takes up nothing whose id another document has, and forgets an entity only if it hears the document's end while
    it runs. (Devices are in one document from 2024.12 on; which part of a device has gone it hears then.)
    """

    running: bool = True
    registry: set[str] = field(default_factory=set)
    set_up: dict[str, frozenset[str]] = field(default_factory=dict)
    """The ids that it has of each topic."""
    refused: list[str] = field(default_factory=list)
    told: dict[str, Document] = field(default_factory=dict)
    """The newest document of each topic that is set up."""
    devices: dict[str, str | None] = field(default_factory=dict)
    """On which other each device hangs. The registry of devices stays, too."""

    made_up: list[str] = field(default_factory=list)
    """Devices that others hang on and that nobody had told of: newer versions make them up, without area."""

    def hears(self, topic: str, document: Document) -> None:
        if not self.running:
            return
        before = self.set_up.get(topic, frozenset())
        if not document:
            self.registry -= before
            self.set_up.pop(topic, None)
            self.told.pop(topic, None)
        elif self.told.get(topic) != document:
            self._takes_up(topic, document)

    def _takes_up(self, topic: str, document: Document) -> None:
        self.told[topic] = document
        (device,) = document.get("dev", {}).get("identifiers", ("none",))
        via = document.get("dev", {}).get("via_device")
        if via is not None and via not in self.devices:
            self.made_up.append(via)
        self.devices[device] = via if via in self.devices else self.devices.get(device)
        if topic not in self.set_up:
            taken = frozenset().union(*self.set_up.values())
            ids = unique_ids(document)
            self.refused += ids & taken
            self.set_up[topic] = ids - taken
            self.registry |= ids

    def stops(self) -> None:
        self.running, self.set_up, self.told = False, {}, {}


@dataclass
class House:
    """A broker, Home Assistant, and one service that may be set up anew."""

    hass: Hass = field(default_factory=Hass)
    retained: dict[str, tuple[Any, Mapping[str, str], Document]] = field(default_factory=dict)
    now: float = 1000.0
    announcer: Announcer | None = None
    device: Device | None = None
    style: Style | None = None

    def starts(self, camera: str = "porch", style: Style | None = Style.COMPONENT, instance: str = "pi") -> None:
        """A capture service starts; without a style Home Assistant is switched off."""
        self.device = homeassistant.camera(Origin(TOPICS, Role.CAPTURE, instance), "front", camera)
        self.style = style
        chosen = HomeAssistantSettings(enabled=style is not None, style=style or Style.COMPONENT)
        self.announcer = Announcer(chosen, self.device)
        self.connects()

    def connects(self) -> None:
        assert self.announcer is not None
        self.announcer.connected(self.now)
        for channel, ids, document in list(self.retained.values()):
            self._tells(channel, ids, document)

    def dies(self) -> None:
        self.announcer = None

    def hass_starts(self) -> None:
        self.hass.running = True
        for channel, ids, document in list(self.retained.values()):
            if channel is CONFIG:
                self.hass.hears(TOPICS.topic(CONFIG, **ids), document)
        self._tells(STATUS, {}, HomeAssistantStatus.ONLINE)

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            if self.announcer is not None:
                self._sends(self.announcer.tick(self.now))

    def door_is_told_of(self, style: Style) -> None:
        """An actuator starts for the door that the camera hangs on."""
        door = homeassistant.door(Origin(TOPICS, Role.ACTUATOR, "pi"), "front", codes=False)
        self._sends(
            Outbound(CONFIG, one, {"component": kind, "service": "actuator", "object": id_})
            for (kind, id_), one in documents(door, style).items()
        )

    def emptied(self, topic: str) -> None:
        """Somebody deletes a document, as Home Assistant does with a device."""
        channel, ids, _ = self.retained[topic]
        self._sends([Outbound(channel, {}, ids)])

    @property
    def documents(self) -> dict[str, Document]:
        return {topic: document for topic, (channel, _, document) in self.retained.items() if channel is CONFIG}

    @property
    def wanted(self) -> frozenset[str]:
        if self.device is None or self.style is None or self.announcer is None:
            return frozenset()
        return frozenset(f"{self.device.prefix}_{one.key}" for one in self.device.entities)

    def _sends(self, outbounds: Iterable[Outbound]) -> None:
        """Of what goes out together and to one topic only the newest is sent."""
        newest = {TOPICS.topic(one.channel, **one.ids): one for one in outbounds}
        for topic, one in newest.items():
            if one.message:
                self.retained[topic] = (one.channel, one.ids, one.message)
            else:
                self.retained.pop(topic, None)
            if one.channel is CONFIG:
                self.hass.hears(topic, one.message)
            self._tells(one.channel, one.ids, one.message)

    def _tells(self, channel: Any, ids: Mapping[str, str], message: Any) -> None:
        if self.announcer is None:
            return
        heard = (one for one in self.announcer.subscriptions() if one.channel is channel and one.wants(ids))
        handler = next((one.handler for one in heard), None)
        if handler is None:
            return
        inbound: Inbound[Any] = Inbound(channel, ids, Packet("any", b""), NOON, self.now, message=message)
        handling = handler(inbound)
        with pytest.raises(StopIteration) as done:  # nothing in it waits
            handling.send(None)  # type: ignore[attr-defined]
        self._sends(done.value.value)


def _kept(device: Device, style: Style) -> dict[Place, Document]:
    """What the broker keeps in the end: nothing says on what the device hangs."""
    told = documents(device, style)
    return {
        place: {**one, "dev": {key: value for key, value in one["dev"].items() if key != "via_device"}}
        for place, one in told.items()
    }


def test_a_camera_is_found() -> None:
    house = House()
    house.starts()
    house.passes(2)

    assert house.hass.registry == house.wanted
    assert all(one["availability"][0]["topic"] == "doorbus/v1/health/capture/pi" for one in house.documents.values())


def test_what_is_there_already_is_not_told_again_by_a_restart() -> None:
    house = House()
    house.starts()
    house.passes(2)
    before = dict(house.retained)
    house.starts()
    house.retained = {topic: one for topic, one in before.items() if "enrol" not in topic}
    house.connects()
    house.passes(2)

    assert house.retained == before


@pytest.mark.parametrize("style", Style)
def test_a_camera_that_was_renamed_while_home_assistant_was_away_leaves_no_ghost(style: Style) -> None:
    house = House()
    house.starts("porch", style)
    house.passes(2)
    house.hass.stops()
    house.starts("yard", style)
    house.passes(10)
    assert not any("porch" in topic for topic in house.documents)
    house.hass_starts()
    house.passes(10)

    assert house.hass.registry == house.wanted
    assert not any("porch" in topic for topic in house.retained)


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("away", [True, False])
def test_what_is_switched_off_leaves_no_ghost(style: Style, *, away: bool) -> None:
    house = House()
    house.starts(style=style)
    house.passes(2)
    if away:
        house.hass.stops()
    house.starts(style=None)
    house.passes(10)
    house.hass_starts()
    house.passes(10)

    assert house.hass.registry == set()
    assert house.retained == {}


def test_what_is_switched_off_by_another_instance_is_taken_back_too() -> None:
    house = House()
    house.starts(instance="a-container")
    house.passes(2)
    house.starts(instance="another", style=None)
    house.passes(10)

    assert (house.hass.registry, house.documents) == (set(), {})


@pytest.mark.parametrize("styles", [(Style.DEVICE, Style.COMPONENT), (Style.COMPONENT, Style.DEVICE)])
def test_a_change_of_style_leaves_nothing_of_the_old_one(styles: tuple[Style, Style]) -> None:
    house = House()
    for style in styles:
        house.starts(style=style)
        house.passes(10)

    assert house.device is not None
    assert list(house.documents.values()) == list(_kept(house.device, styles[1]).values())
    assert house.hass.registry == house.wanted == frozenset().union(*house.hass.set_up.values())
    assert house.hass.refused == []


def test_a_camera_renamed_in_the_middle_of_a_change_of_style_leaves_no_ghost() -> None:
    house = House()
    house.starts("porch")
    house.passes(2)
    house.hass.stops()
    house.starts("porch", Style.DEVICE)
    house.passes(2)
    assert house.documents == {}
    house.starts("yard", Style.DEVICE)
    house.passes(2)
    house.hass_starts()
    house.passes(10)

    assert house.hass.registry == house.wanted
    assert not any("porch" in topic for topic in house.retained)


def test_a_document_that_somebody_has_emptied_comes_back() -> None:
    house = House()
    house.starts()
    house.passes(2)
    before = house.documents
    for topic in before:
        house.emptied(topic)
    house.passes(2)

    assert house.documents == before
    assert house.hass.registry == house.wanted


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("other", Style)
@pytest.mark.parametrize("later", [0, 1, 10, 86400])
def test_a_camera_hangs_on_its_door_whichever_of_the_two_was_found_first(
    style: Style, other: Style, later: int
) -> None:
    house = House()
    house.starts(style=style)
    house.passes(2)
    assert house.hass.devices == {"doorbus_front_camera_porch": None}
    before = house.documents
    house.passes(later)
    house.door_is_told_of(other)
    house.passes(8)

    assert house.hass.devices == {"doorbus_front": None, "doorbus_front_camera_porch": "doorbus_front"}
    house.passes(100)
    assert before.items() <= house.documents.items()
    assert house.hass.registry >= house.wanted
    assert house.hass.made_up == []


def test_a_home_assistant_that_finds_the_camera_first_hangs_it_on_the_door_however_slow_it_is() -> None:
    house = House()
    house.hass.stops()
    house.starts()
    house.passes(2)
    house.door_is_told_of(Style.COMPONENT)
    house.passes(100)
    house.hass_starts()
    house.hass.devices = {"doorbus_front_camera_porch": None}  # the platform of locks is loaded last
    house.passes(40)
    house.hass.devices["doorbus_front"] = None
    house.passes(25)

    assert house.hass.devices["doorbus_front_camera_porch"] == "doorbus_front"


def test_a_camera_that_gets_its_old_name_back_is_told_of_and_not_withdrawn() -> None:
    house = House()
    for name in ("porch", "yard", "porch"):
        house.starts(name)
        house.passes(10)
    house.hass.stops()
    house.hass_starts()
    house.passes(10)

    assert house.hass.registry == house.wanted
    assert all("porch" in topic for topic in house.retained)


def test_cameras_of_others_are_let_be() -> None:
    house = House()
    house.starts("yard", instance="other")
    house.passes(2)
    yard = house.documents
    for name in ("porch", "hall"):
        house.starts(name)
        house.passes(10)

    assert yard.items() <= house.documents.items()
    assert not any("porch" in topic for topic in house.documents)


def test_whoever_says_online_all_the_time_is_told_once_in_ten_seconds() -> None:
    house = House()
    house.starts()
    house.passes(2)
    assert house.announcer is not None
    told = 0
    for _ in range(100):
        house._tells(STATUS, {}, HomeAssistantStatus.ONLINE)  # noqa: SLF001  # this module's
        house.now += 0.25
        told += len(list(house.announcer.tick(house.now))) == len(house.documents)

    assert told == 3


def test_nonsense_where_documents_stand_is_let_be() -> None:
    house = House()
    house.starts()
    house.passes(2)
    for nonsense in ({"availability": 3, "cmps": []}, {"cmps": {"a": {"availability": [{}]}, "b": 1}}, {"cmps": 1}):
        ids = {"component": "camera", "service": "capture", "object": "somebodys"}
        house._sends([Outbound(CONFIG, nonsense, ids)])  # noqa: SLF001
        house.passes(10)

        assert house.documents["homeassistant/camera/capture/somebodys/config"] == nonsense


happenings = st.one_of(
    st.tuples(
        st.just("starts"),
        st.sampled_from(["porch", "yard"]),
        st.sampled_from([Style.COMPONENT, Style.DEVICE, None]),
    ),
    st.sampled_from([("dies",), ("hass stops",), ("hass starts",), ("connects",), ("emptied",)]),
    st.tuples(st.just("passes"), st.sampled_from([0.5, 1.5, 3.0, 6.0, 20.0])),
)


@settings(max_examples=200)
@given(st.lists(happenings, max_size=25))
def test_in_the_end_home_assistant_knows_what_is_there_and_nothing_else(story: list[tuple[Any, ...]]) -> None:
    house = House()
    house.starts()
    for one in story:
        match one:
            case ("starts", camera, style):
                house.starts(camera, style)
            case ("dies",):
                house.dies()
            case ("connects",) if house.announcer is not None:
                house.connects()
            case ("hass stops",):
                house.hass.stops()
            case ("hass starts",) if not house.hass.running:
                house.hass_starts()
            case ("emptied",) if house.documents and house.hass.running:  # it is who does so
                house.emptied(min(house.documents))
            case ("passes", seconds):
                house.passes(seconds)
    house.starts()
    house.passes(20)
    house.hass.stops()
    house.hass_starts()
    house.passes(30)

    assert house.device is not None
    assert house.hass.registry == house.wanted
    assert house.documents == {
        TOPICS.topic(CONFIG, service="capture", component=kind, object=object_id): one
        for (kind, object_id), one in _kept(house.device, Style.COMPONENT).items()
    }
    assert len(house.retained) == len(house.documents)


# On the bus.


class _Camera(Service):
    role: ClassVar[Role] = Role.CAPTURE

    def device(self, site: Origin) -> Device:
        return homeassistant.camera(site, "front", "porch")


def _settings(**home_assistant: Any) -> ServiceSettings:
    return ServiceSettings(
        _env_file=None,
        instance="pi",
        var=Path("nowhere"),
        health_seconds=1e9,
        homeassistant=HomeAssistantSettings(**home_assistant),
    )


async def _announced(bus: MemoryBus, clock: FakeClock, prefix: str, count: int) -> dict[str, Document]:
    """The documents that are retained, once there are so many."""
    async with asyncio.timeout(10):
        while sum(topic.startswith(f"{prefix}/") for topic in bus.retained) < count:
            clock.advance(1)
            await asyncio.sleep(0.05)
    return {topic: json.loads(one.payload) for topic, one in bus.retained.items() if topic.startswith(f"{prefix}/")}


async def test_a_camera_announces_itself_under_the_prefix_that_was_set_and_again_for_a_home_assistant_that_starts() -> (
    None
):
    bus, clock = MemoryBus(), FakeClock()
    async with running(_Camera(), bus, clock, _settings(prefix="ha")):
        told = await _announced(bus, clock, "ha", 5)
        for topic in told:
            del bus.retained[topic]
        bus.publish(Packet("homeassistant/status", b"online"))
        again = await _announced(bus, clock, "ha", 5)

    assert again == told
    assert set(told) == {
        "ha/camera/capture/doorbus_front_camera_porch/config",
        "ha/text/capture/doorbus_front_camera_porch_enrol/config",
        "ha/button/capture/doorbus_front_camera_porch_enrol_guest/config",
        "ha/binary_sensor/capture/doorbus_front_camera_porch_online/config",
        "ha/binary_sensor/capture/doorbus_front_camera_porch_problem/config",
    }
    assert not any(topic.startswith("homeassistant/") for topic in bus.retained)


@pytest.mark.parametrize("style", Style)
async def test_portraits_are_announced_only_where_they_are_on(style: Style) -> None:
    told = []
    for portraits in (False, True):
        bus, clock = MemoryBus(), FakeClock()
        async with running(_Camera(), bus, clock, _settings(style=style, portraits=portraits)):
            count = 1 if style is Style.DEVICE else 5 + portraits
            told.append("door/front/portrait/porch" in json.dumps(await _announced(bus, clock, "homeassistant", count)))

    assert told == [False, True]
