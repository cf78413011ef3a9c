"""A real Node-RED beside a real broker and real services."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorbus.local.stack import Stack
from support.nodered import NodeRed, Receiver


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
