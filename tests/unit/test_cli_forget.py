"""`doorbus forget`: what is no more is no longer missed, and what is at work stays."""

from datetime import UTC, datetime, timedelta

import pytest

from doorbus.cli.common import ExitStatus
from doorbus.cli.forget import forget_it
from doorbus.runtime.client import connect
from doorbus.testing import MemoryBus
from doorbus.wire import channels
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Ask, Challenge, Health, Lockdown, LockState, Presence
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS


def bus_with(service: str, instance: str, state: Presence, *, age: float = 0, door: str | None = None) -> MemoryBus:
    bus = MemoryBus()
    at = datetime.now(UTC) - timedelta(seconds=age)
    health = Health(state=state, service=service, instance=instance, version="1", at=at, started_at=at, door=door)
    ids = {"service": service, "instance": instance}
    bus.publish(Outbound(channels.HEALTH, health, ids).packet(TOPICS))
    return bus


@pytest.mark.parametrize(("state", "age"), [(Presence.OFFLINE, 0), (Presence.ONLINE, 3600)])
async def test_a_camera_that_was_tried_once_is_forgotten(
    state: Presence, age: float, capsys: pytest.CaptureFixture[str]
) -> None:
    bus = bus_with("capture", "yard", state, age=age)

    async with connect(bus) as client:
        status = await forget_it(client, "capture", "yard")

    assert (status, bus.retained) == (ExitStatus.OK, {})
    assert capsys.readouterr().out == "capture/yard: ok forgotten\n"


async def test_a_door_that_is_no_more_leaves_no_state() -> None:
    bus = bus_with("actuator", "back", Presence.OFFLINE, door="back")
    bus.publish(Outbound(channels.LOCK_STATE, LockState.LOCKED, {"door": "back"}).packet(TOPICS))
    bus.publish(Outbound(channels.CHALLENGE, Challenge(ask=Ask.NONE), {"door": "back"}).packet(TOPICS))
    bus.publish(Outbound(channels.LOCKDOWN_STATE, Lockdown.OFF, {"door": "back"}).packet(TOPICS))

    async with connect(bus) as client:
        assert await forget_it(client, "door", "back") == ExitStatus.OK
        assert await forget_it(client, "actuator", "back") == ExitStatus.OK

    assert bus.retained == {}


@pytest.mark.parametrize(("kind", "name"), [("door", "back"), ("actuator", "pi")])
async def test_what_is_at_work_is_not_forgotten(kind: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    bus = bus_with("actuator", "pi", Presence.ONLINE, door="back")
    before = dict(bus.retained)

    async with connect(bus) as client:
        assert await forget_it(client, kind, name) == ExitStatus.REFUSED

    assert bus.retained == before
    assert capsys.readouterr().err == f"{kind}/{name} is at work; stop it first\n"
