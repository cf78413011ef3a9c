"""A guest with a PIN, as people set it and a keypad sends it: real broker, real services, no camera at all."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import Decision, JournalKind, Outcome, Reason
from doorbus.wire.packet import Packet

ALONE = {"DOORBUS_ACTUATOR__CODES_ALONE": "true", "DOORBUS_ACTUATOR__UNLOCK_SECONDS": "0.5"}
TYPED = "doorbus/v1/door/front/credential/keypad"


async def doorbus(stack: Stack, *words: str, typed: str = "") -> tuple[int, str]:
    """Exit status and output of the command."""
    environment = {
        **os.environ,
        "DOORBUS_VAR": str(stack.var),
        "DOORBUS_BROKER__HOST": stack.broker.host,
        "DOORBUS_BROKER__PORT": str(stack.broker.port),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "doorbus.cli", *words),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate(typed.encode()))[0].decode()
    assert process.returncode is not None
    return process.returncode, output


async def decided(stack: Stack, code: str) -> Decision:
    """What becomes of a code that a keypad sends with an account of its own."""
    viewer, keypad = stack.broker.transport(Role.VIEWER), stack.broker.transport(Role.KEYPAD)
    async with asyncio.timeout(60), connect(viewer, [channels.DECISION]) as watcher, connect(keypad) as typing:
        await typing.send_packet(Packet(TYPED, code.encode(), qos=1))
        decision: Decision = (await watcher.expect(channels.DECISION)).message
    return decision


@pytest.mark.timeout(240)
async def test_a_guest_comes_in_by_a_pin_that_the_command_has_set_and_is_gone_with_it(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.ENROLLER)
    await fresh_stack.start(Role.ACTUATOR, ALONE)

    status, output = await doorbus(
        fresh_stack, "credential", "add", "plumber", "--guest", "The plumber", typed="274163\n"
    )
    assert (status, output.split()) == (0, ["plumber:", "ok", "has", "a", "code"])
    granted = await decided(fresh_stack, "274163#")
    wrong = await decided(fresh_stack, "993755")
    status, _ = await doorbus(fresh_stack, "credential", "remove", "plumber")
    assert status == 0
    gone = await decided(fresh_stack, "274163")

    assert (granted.outcome, granted.person, granted.credential) == (Outcome.GRANTED, "plumber", "pin")
    assert (wrong.reason, gone.reason) == (Reason.CODE_WRONG, Reason.CODE_WRONG)
    assert [json.loads(line)["energised"] for line in _relay(fresh_stack)].count(True) == 1
    status, journal = await doorbus(fresh_stack, "journal", "front", "--format", "jsonl")
    kinds = [json.loads(line)["kind"] for line in journal.splitlines() if line.startswith("{")]
    assert kinds.count(JournalKind.GRANTED) == 1
    for path in fresh_stack.var.rglob("*"):
        if path.is_file() and path.suffix != ".lock":
            assert b"274163" not in path.read_bytes(), path


def _relay(stack: Stack) -> list[str]:
    return Path(stack.var / "relay.jsonl").read_text().splitlines()
