"""A whole system in which obama is enrolled, shared by the tests that leave it running."""

from collections.abc import AsyncIterator

import pytest

from doorbus.local.stack import Stack
from doorbus.wire.channels import Role
from support.door import QUICK_ACTUATOR, Door, at_the_door


@pytest.fixture
async def own_door(fresh_stack: Stack, jpeg: dict[str, bytes]) -> AsyncIterator[Door]:
    """The door of a system of one's own, for tests that kill its parts."""
    await fresh_stack.start_all({Role.ACTUATOR: QUICK_ACTUATOR, Role.CAPTURE: {"DOORBUS_CAPTURE__SOURCE": "none"}})
    async with at_the_door(fresh_stack) as one:
        result = await one.enrol("obama", jpeg["obama"])
        assert result.error is None
        yield one
