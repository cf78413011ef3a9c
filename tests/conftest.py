"""Fixtures that several kinds of tests share."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from doorbus.local.stack import Broker, Stack, free_port, stack
from doorbus.wire.channels import Role
from support.door import QUICK_ACTUATOR, Door, at_the_door

REPOSITORY = Path(__file__).parent.parent

# How long an example takes says more of the machine than of the code. CI tries the same examples each time.
settings.register_profile("doorbus", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("doorbus")

# Where the tests were started in the background of a script it is ignored, and so it would be by all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


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
def jpeg(samples: Path) -> dict[str, bytes]:
    """The sample pictures by name; only JPEGs."""
    return {path.stem: path.read_bytes() for path in samples.glob("*.jpg")}


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


@pytest.fixture(scope="session")
async def living(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, jpeg: dict[str, bytes]
) -> AsyncIterator[Stack]:
    """Broker, enroller, recognizer and actuator as processes; obama is enrolled; no camera."""
    async with stack(tmp_path_factory.mktemp("living"), repository / "var", repository / "mosquitto") as one:
        await one.start_all({Role.ACTUATOR: QUICK_ACTUATOR, Role.CAPTURE: {"DOORBUS_CAPTURE__SOURCE": "none"}})
        async with at_the_door(one) as door:
            result = await door.enrol("obama", jpeg["obama"])
            assert result.error is None
        yield one


@pytest.fixture
async def door(living: Stack) -> AsyncIterator[Door]:
    """The door of the shared system, locked and out of its cooldown as far as the test before is concerned."""
    async with at_the_door(living) as one:
        await one.until_locked()
        yield one
