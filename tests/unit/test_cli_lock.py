"""`doorbus unlock` and `lock`, with an actuator that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from doorbus.cli.common import ExitStatus
from doorbus.cli.lock import command, confine
from doorbus.runtime.client import Client, connect
from doorbus.runtime.service import Service
from doorbus.runtime.settings import ServiceSettings
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.messages import (
    Action,
    Decision,
    LockCommand,
    Lockdown,
    LockdownOrder,
    LockState,
    Outcome,
    Reason,
    Trigger,
)
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

FRONT = {"door": "front"}


class Actuator(Service):
    """Answers UNLOCK by a decision, after one on somebody else's command, and LOCK by a state."""

    role = Role.ACTUATOR

    def __init__(
        self, reason: Reason | None = None, state: LockState = LockState.LOCKED, longest: float | None = None
    ) -> None:
        self.reason = reason
        self.longest = longest
        self.state = state

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (Subscription(channels.LOCK_COMMAND, self._on_command, FRONT),)

    def connected(self) -> Iterable[Outbound]:
        return (Outbound(channels.LOCK_STATE, LockState.LOCKED, FRONT),)

    async def _on_command(self, inbound: Inbound[LockCommand]) -> Iterable[Outbound]:
        if inbound.message.action is Action.LOCK:
            return (Outbound(channels.LOCK_STATE, self.state, FRONT),)
        if self.reason is None:
            return ()
        granted = self.reason is Reason.COMMANDED
        decision = Decision(
            outcome=Outcome.GRANTED if granted else Outcome.DENIED,
            reason=self.reason,
            trigger=Trigger.COMMAND,
            at=inbound.at,
            latency_ms=3.0 if granted else None,
            seconds=self.longest,
            command_id=inbound.message.id,
        )
        other = decision.model_copy(update={"command_id": "somebody else's", "reason": Reason.LOCKDOWN})
        return [Outbound(channels.DECISION, each, FRONT) for each in (other, decision)]


@asynccontextmanager
async def _a_door(actuator: Actuator) -> AsyncIterator[Client]:
    bus = MemoryBus()
    async with asyncio.timeout(20), running(actuator, bus, FakeClock()), connect(bus) as client:
        yield client


def _unlock() -> LockCommand:
    return LockCommand(action=Action.UNLOCK, id="mine", by="reception")


async def test_a_granted_unlock_is_told_with_the_time_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    async with _a_door(Actuator(Reason.COMMANDED)) as client:
        status = await command(client, "front", _unlock(), 5)

    assert status == ExitStatus.OK
    assert capsys.readouterr().out.strip().endswith("front: granted commanded in 3 ms")


async def test_a_hold_that_the_actuator_cuts_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    asked = LockCommand(action=Action.UNLOCK, id="mine", seconds=999)
    async with _a_door(Actuator(Reason.COMMANDED, longest=30)) as client:
        status = await command(client, "front", asked, 5)

    assert status == ExitStatus.OK
    assert "(for 30 s, the longest that its actuator holds it, not for 999: DOORBUS_" in capsys.readouterr().out


async def test_a_door_that_nobody_has_is_told_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    async with _a_door(Actuator(Reason.COMMANDED)) as client:
        status = await command(client, "frotn", _unlock(), 5)

    assert status == ExitStatus.NO_ANSWER
    assert "there is no door frotn; the doors are front" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (Reason.COOLDOWN, "front: denied cooldown (it was opened a moment ago; try again in some seconds)"),
        (Reason.CODE_MISSING, "front: denied code_missing (give the one-time password with --code)"),
        (Reason.LOCKDOWN, "front: denied lockdown"),
    ],
)
async def test_a_denied_unlock_is_told_with_its_reason_and_the_way_out(
    reason: Reason, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with _a_door(Actuator(reason)) as client:
        status = await command(client, "front", _unlock(), 5)

    assert status == ExitStatus.REFUSED
    assert told in capsys.readouterr().out


async def test_no_answer_is_told_apart_from_a_denial(capsys: pytest.CaptureFixture[str]) -> None:
    async with _a_door(Actuator()) as client:
        status = await command(client, "front", _unlock(), 0.1)

    assert status == ExitStatus.NO_ANSWER
    assert "front: no answer within 0.1 s; is its actuator running?" in capsys.readouterr().out


async def test_lock_is_done_when_the_door_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    async with _a_door(Actuator()) as client:
        status = await command(client, "front", LockCommand(action=Action.LOCK), 5)

    assert status == ExitStatus.OK
    assert "front: LOCKED" in capsys.readouterr().out


async def test_lock_of_a_jammed_door_fails(capsys: pytest.CaptureFixture[str]) -> None:
    async with _a_door(Actuator(state=LockState.JAMMED)) as client:
        status = await command(client, "front", LockCommand(action=Action.LOCK), 5)

    assert status == ExitStatus.REFUSED
    assert "front: JAMMED" in capsys.readouterr().out


async def test_a_retained_state_is_no_answer_to_lock() -> None:
    bus = MemoryBus()
    bus.publish(Outbound(channels.LOCK_STATE, LockState.LOCKED, FRONT).packet(TOPICS))

    async with connect(bus) as client:
        status = await command(client, "front", LockCommand(action=Action.LOCK), 0.1)

    assert status == ExitStatus.NO_ANSWER


class Confinable(Service):
    """An actuator of a door that obeys orders about lockdown, unless it is `stubborn`."""

    role = Role.ACTUATOR

    def __init__(self, door: str, *, stubborn: bool = False, full: bool = False) -> None:
        self.door = {"door": door}
        self.stubborn = stubborn
        self.full = full

    def place(self) -> Mapping[str, str]:
        return self.door

    def figures(self) -> Mapping[str, float]:
        return {"lockdown_unkept": float(self.full)}

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (
            Subscription(channels.LOCKDOWN_COMMAND, self._on_order, self.door),
            Subscription(channels.LOCKDOWN_OF_ALL, self._on_order),
        )

    def connected(self) -> Iterable[Outbound]:
        return (Outbound(channels.LOCKDOWN_STATE, Lockdown.OFF, self.door),)

    async def _on_order(self, inbound: Inbound[LockdownOrder]) -> Iterable[Outbound]:
        told = Lockdown.OFF if self.stubborn else inbound.message.lockdown
        return (Outbound(channels.LOCKDOWN_STATE, told, self.door),)


@pytest.mark.parametrize(
    ("asked", "stubborn", "status", "said"),
    [
        ("front", False, ExitStatus.OK, ["front: lockdown ON"]),
        (None, False, ExitStatus.OK, ["back: lockdown ON", "front: lockdown ON"]),
        (None, True, ExitStatus.REFUSED, ["back: lockdown OFF", "front: lockdown ON"]),
        ("side", False, ExitStatus.NO_ANSWER, ["side: no answer within 0.3 s; is its actuator running?"]),
    ],
)
async def test_a_lockdown_is_told_for_each_door(
    asked: str | None, status: ExitStatus, said: list[str], capsys: pytest.CaptureFixture[str], *, stubborn: bool
) -> None:
    bus, clock = MemoryBus(), FakeClock()
    own = ServiceSettings(_env_file=None, instance="back", var=Path("nowhere"), health_seconds=1e9)
    async with (
        asyncio.timeout(20),
        running(Confinable("front"), bus, clock),
        running(Confinable("back", stubborn=stubborn), bus, clock, own),
        connect(bus) as client,
    ):
        assert await confine(client, asked, LockdownOrder(lockdown=Lockdown.ON, by="reception"), 0.3) == status
    told = capsys.readouterr()
    lines = [*told.out.splitlines(), *told.err.splitlines()]
    assert [line for line in lines if "lockdown" in line or "answer" in line] == said


@pytest.mark.parametrize("full", [False, True])
async def test_a_lockdown_that_the_actuator_cannot_keep_is_said_to_be_so(
    capsys: pytest.CaptureFixture[str], *, full: bool
) -> None:
    bus = MemoryBus()
    async with asyncio.timeout(20), running(Confinable("front", full=full), bus, FakeClock()), connect(bus) as client:
        order = LockdownOrder(lockdown=Lockdown.ON, by="reception")
        assert await confine(client, "front", order, 5) == ExitStatus.OK
    assert ("front: its actuator cannot keep that for its next start" in capsys.readouterr().err) is full
