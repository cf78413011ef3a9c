"""A real Node-RED beside a real broker and real services."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorbus.channels import Role
from doorbus.local import Stack, stack
from nodered_support import NodeRed, Receiver
from support import QUICK_ACTUATOR, Door, at_the_door


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.nodered)


@pytest.fixture(scope="session")
def program(repository: Path) -> Path:
    """The Node-RED that scripts/setup-nodered has installed."""
    path = repository / "var" / "nodered" / "node_modules" / "node-red" / "red.js"
    if not path.exists() or shutil.which("node") is None:
        pytest.fail(f"{path}: not there; run scripts/setup-nodered")
    return path


@pytest.fixture(scope="session")
def jpeg(samples: Path) -> dict[str, bytes]:
    """The sample pictures by name."""
    return {path.stem: path.read_bytes() for path in samples.glob("*.jpg")}


@pytest.fixture(scope="session")
async def living(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, jpeg: dict[str, bytes]
) -> AsyncIterator[Stack]:
    """Broker, enroller, recognizer and actuator as processes; obama is enrolled; no camera."""
    async with stack(tmp_path_factory.mktemp("living"), repository / "var", repository / "mosquitto") as one:
        await one.start_all({Role.ACTUATOR: QUICK_ACTUATOR, Role.CAPTURE: {"DOORBUS_CAPTURE__SOURCE": "none"}})
        async with at_the_door(one) as door:
            assert (await door.enrol("obama", jpeg["obama"])).error is None
        yield one


@pytest.fixture
async def door(living: Stack) -> AsyncIterator[Door]:
    """The door of that system, locked."""
    async with at_the_door(living) as one:
        await one.until_locked()
        yield one


@pytest.fixture(scope="session")
async def nodered(program: Path, living: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NodeRed]:
    """A running Node-RED; each test deploys what it needs."""
    one = NodeRed(program, tmp_path_factory.mktemp("nodered") / "home", living.broker)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody who is to be notified."""
    one = Receiver()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = await asyncio.start_server(one.take, sock=listening.dup())
        one.url = f"http://127.0.0.1:{listening.getsockname()[1]}/doorbus"
    async with server:
        yield one
