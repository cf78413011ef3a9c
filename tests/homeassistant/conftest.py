"""A household: a door that runs, and a real Home Assistant that has found it by itself."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from doorbus.local.stack import Stack, stack
from doorbus.wire.channels import Role
from doorbus.wire.packet import Packet
from doorbus_capture.imaging import decode, encode_jpeg
from support.door import Door, at_the_door
from support.homeassistant import ACTUATOR, CAPTURE, Hass

# Helpers that automations made of our blueprints leave their mark in.
CONFIGURATION = """\
automation: !include automations.yaml
counter: {alerts: {}}
input_text: {said: {max: 255}}
script:
  enrol: {use_blueprint: {path: doorbus/enrol_from_camera.yaml, input: {door: front, camera: porch}}}
  tell:
    sequence:
      - service: input_text.set_value
        target: {entity_id: input_text.said}
        data:
          value: "{{ title }} {{ data.image }} {{ data.actions | default([]) | map(attribute='action') | join(' ') }}"
  manage: {use_blueprint: {path: doorbus/manage_person.yaml, input: {}}}
logbook:
lovelace: {dashboards: {doorbus-front: {mode: yaml, title: Front door, filename: dashboard.yaml}}}
"""


@pytest.fixture(scope="session")
def program(repository: Path) -> Path:
    """The program of Home Assistant; HASS names another version's."""
    path = Path(os.environ.get("HASS", repository / "var" / "homeassistant" / "venv" / "bin" / "hass"))
    if not path.exists():
        pytest.fail(f"{path} is missing; scripts/setup-homeassistant installs one")
    return path


@pytest.fixture(scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory, repository: Path, samples: Path) -> AsyncIterator[Stack]:
    """Broker and services as processes; obama is enrolled; no camera."""
    folder = tmp_path_factory.mktemp("house")
    async with stack(folder, repository / "var", repository / "mosquitto") as one:
        await one.start_all({Role.ACTUATOR: ACTUATOR, Role.CAPTURE: CAPTURE})
        async with at_the_door(one) as door:
            assert (await door.enrol("obama", (samples / "obama.jpg").read_bytes())).error is None
        yield one


@pytest.fixture(scope="session")
async def hass(
    tmp_path_factory: pytest.TempPathFactory, program: Path, house: Stack, repository: Path
) -> AsyncIterator[Hass]:
    """Home Assistant, with our broker's address and the password of its user there, and nothing else."""
    folder = tmp_path_factory.mktemp("hass") / "config"
    broker = {
        "broker": house.broker.host,
        "port": house.broker.port,
        "username": "homeassistant",
        "password": house.broker.password("homeassistant"),
    }
    examples = repository / "examples" / "home-assistant"
    one = Hass(program, folder, broker, CONFIGURATION)
    (folder / "automations.yaml").write_text("[]")
    shutil.copytree(examples / "blueprints", folder / "blueprints")
    shutil.copy(examples / "dashboard.yaml", folder)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture(scope="session")
def newcomer(samples: Path) -> tuple[bytes, ...]:
    """Frames of somebody who is not enrolled: the same face, and never the same picture."""
    image = decode((samples / "biden.jpg").read_bytes())
    return tuple(encode_jpeg(image, quality) for quality in range(80, 100))


@pytest.fixture
async def door(house: Stack) -> AsyncIterator[Door]:
    """The door, locked."""
    async with at_the_door(house) as one:
        await one.until_locked()
        yield one


@pytest.fixture
async def feels(door: Door) -> AsyncIterator[Callable[[str, str], Awaitable[None]]]:
    """Lets the door feel something, and nothing any more in the end."""

    async def feel(what: str, state: str) -> None:
        topic = f"doorbus/v1/door/front/input/{what}/set"
        await door.operator.send_packet(Packet(topic, state.encode(), qos=1))

    yield feel
    await feel("contact", "OFF")
    await feel("tamper", "OFF")


@pytest.fixture(autouse=True)
def expected(hass: Hass) -> Iterator[list[str]]:
    """Home Assistant complains of nothing, from its start on, but for what says one of these."""
    words: list[str] = []
    yield words
    assert [line for line in hass.complaints() if not any(word in line for word in words)] == []
