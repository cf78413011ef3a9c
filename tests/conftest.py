"""Fixtures that several kinds of tests share."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from doorbus.local import Broker, Stack, free_port, stack

REPOSITORY = Path(__file__).parent.parent

# How long an example takes says more of the machine than of the code. CI tries the same examples each time.
settings.register_profile("doorbus", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("doorbus")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command under test sets logging up for its own standard error, which is closed when the test is over."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def weights() -> Path:
    """Directory of the model weights that `make setup` has fetched."""
    return REPOSITORY / "var" / "weights"


@pytest.fixture(scope="session")
def samples() -> Path:
    """Directory of the sample pictures that `make setup` has fetched."""
    return REPOSITORY / "var" / "samples"


@pytest.fixture(scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A running broker that many tests share; each uses topics of its own."""
    one = Broker(tmp_path_factory.mktemp("broker"), free_port(), REPOSITORY / "mosquitto")
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def fresh_broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A running broker of one's own, for tests that stop it."""
    one = Broker(tmp_path, free_port(), REPOSITORY / "mosquitto")
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def fresh_stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A broker and services of one's own; nothing is started yet."""
    async with stack(tmp_path, REPOSITORY / "var", REPOSITORY / "mosquitto") as one:
        yield one
