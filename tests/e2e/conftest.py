"""A whole system in which obama is enrolled, shared by the tests that leave it running."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorbus.channels import Role
from doorbus.local import Stack, stack
from support import QUICK_ACTUATOR, Door, at_the_door


def pictures(samples: Path) -> dict[str, bytes]:
    """The sample pictures by name; only JPEGs."""
    return {path.stem: path.read_bytes() for path in samples.glob("*.jpg")}


@pytest.fixture(scope="session")
def jpeg(samples: Path) -> dict[str, bytes]:
    """The sample pictures by name."""
    return pictures(samples)


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


@pytest.fixture
async def own_door(fresh_stack: Stack, jpeg: dict[str, bytes]) -> AsyncIterator[Door]:
    """The door of a system of one's own, for tests that kill its parts."""
    await fresh_stack.start_all({Role.ACTUATOR: QUICK_ACTUATOR, Role.CAPTURE: {"DOORBUS_CAPTURE__SOURCE": "none"}})
    async with at_the_door(fresh_stack) as one:
        result = await one.enrol("obama", jpeg["obama"])
        assert result.error is None
        yield one
