"""A command that somebody left with the broker for after their end: the will of an operator who died."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta

import pytest

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import Decision, Outcome, Reason, utc
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

FRONT = {"door": "front"}
DATED = '{{"action": "UNLOCK", "id": "from the grave", "issued_at": "{issued_at}"}}'


@pytest.mark.parametrize(
    ("mode", "will", "outcome", "reason"),
    [
        ("plain", "UNLOCK", Outcome.GRANTED, Reason.COMMANDED),
        ("dated", "UNLOCK", Outcome.DENIED, Reason.UNDATED),
        ("dated", '{"action": "UNLOCK", "id": "from the grave"}', Outcome.DENIED, Reason.UNDATED),
        ("dated", DATED, Outcome.DENIED, Reason.STALE),
    ],
    ids=["plain", "undated", "with an id", "dated in life"],
)
async def test_the_delayed_will_of_a_dead_operator_opens_only_where_plain_commands_do(
    mode: str, will: str, outcome: Outcome, reason: Reason, fresh_stack: Stack
) -> None:
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.ACTUATOR, {"DOORBUS_ACTUATOR__COMMANDS": mode})
    broker = fresh_stack.broker
    issued_at = utc(datetime.now(UTC) - timedelta(seconds=6))  # as long ago as a will may be old
    process = await asyncio.create_subprocess_exec(
        *("mosquitto_sub", "-h", broker.host, "-p", str(broker.port), "-V", "5", "-u", Role.OPERATOR),
        *("-P", broker.password(Role.OPERATOR), "-i", "mortal", "-c", "-x", "60", "-q", "1"),
        *("--will-topic", TOPICS.topic(channels.LOCK_COMMAND, **FRONT), "--will-qos", "1"),
        *("--will-payload", will.format(issued_at=issued_at) if will is DATED else will),
        *("-D", "will", "will-delay-interval", "2", "-t", TOPICS.topic(channels.LOCK_STATE, **FRONT)),
        stdout=PIPE,
        env={**os.environ, "HOME": str(broker.var)},
    )
    assert process.stdout is not None
    async with asyncio.timeout(20), connect(broker.transport(Role.VIEWER), [channels.DECISION]) as viewer:
        assert await process.stdout.readline() == b"LOCKED\n"
        process.send_signal(signal.SIGKILL)
        await process.wait()
        decision: Decision = (await viewer.expect(channels.DECISION, **FRONT)).message

    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert ('"energised": true' in (fresh_stack.var / "relay.jsonl").read_text()) is (outcome is Outcome.GRANTED)
