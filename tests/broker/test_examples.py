"""The lines in the messages' documentation do on a real broker what they say."""

import asyncio
import inspect
import shlex
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from doorbus.local.stack import Broker
from doorbus.runtime.client import connect
from doorbus.testing import matches
from doorbus.wire.channels import CHANNELS, Channel, Retain, Role
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

JPEG = b"\xff\xd8\xff\xe0 not looked into"
IDS = {"door": "front", "camera": "porch", "person": "alice", "token": "me", "service": "capture", "instance": "one"}
IDS |= {"component": "lock", "object": "front", "sample": "1"}
IDS |= {name: IDS.get(name, "one") for channel in CHANNELS for name in channel.parameters}
PREFERRED = [Role.OPERATOR, Role.VIEWER, *(role for role in Role if role not in (Role.OPERATOR, Role.VIEWER))]


def _lines(program: str) -> list[str]:
    models = sorted({one.codec.model for one in CHANNELS}, key=lambda model: str(model.__name__))
    texts = [inspect.cleandoc(model.__doc__ or "") for model in models if model is not bytes]
    return [line for text in texts for line in text.splitlines() if line.startswith(f"{program} ")]


def _one_of(roles: frozenset[Role]) -> Role:
    return min(roles, key=PREFERRED.index)


def _channel(pattern: str) -> Channel[Any]:
    return next(one for one in CHANNELS if matches(pattern, TOPICS.topic(one, **IDS)))


@asynccontextmanager
async def _program(broker: Broker, role: Role, line: str, folder: Path, *more: str) -> AsyncIterator[Process]:
    """The line as a person would type it, with broker and user added."""
    words = shlex.split(line)
    access = ["-h", broker.host, "-p", str(broker.port), "-u", role, "-P", broker.password(role), "-V", "5"]
    process = await asyncio.create_subprocess_exec(
        words[0], *access, *more, *words[1:], cwd=folder, stdout=PIPE, stderr=STDOUT
    )
    try:
        async with asyncio.timeout(20):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("line", _lines("mosquitto_pub"))
async def test_a_line_that_publishes_is_heard(fresh_broker: Broker, tmp_path: Path, line: str) -> None:
    (tmp_path / "alice.jpg").write_bytes(JPEG)
    topic = dict(pairwise(shlex.split(line)))["-t"]
    found = TOPICS.resolve(topic)
    assert found is not None
    channel, ids = found.channel, found.ids
    async with connect(fresh_broker.transport(_one_of(channel.receivers)), [channel]) as reader:
        async with _program(fresh_broker, _one_of(channel.senders), line, tmp_path) as process:
            output, _ = await process.communicate()
        async with asyncio.timeout(10):
            event = await reader.expect(channel, **ids)

    assert (process.returncode, output) == (0, b"")
    assert event.packet.qos == channel.qos
    assert not event.packet.retain
    assert event.packet.response_topic == dict(pairwise(shlex.split(line))).get("response-topic")


@pytest.mark.parametrize("line", _lines("mosquitto_sub"))
async def test_a_line_that_subscribes_hears(fresh_broker: Broker, tmp_path: Path, line: str) -> None:
    channel = _channel(dict(pairwise(shlex.split(line)))["-t"])
    packet = Packet(TOPICS.topic(channel, **IDS), b"heard", qos=1, retain=channel.retain is Retain.YES)
    async with (
        connect(fresh_broker.transport(_one_of(channel.senders))) as sender,
        _program(fresh_broker, _one_of(channel.receivers), line, tmp_path, "-C", "1") as process,
    ):
        listening = asyncio.create_task(process.communicate())
        while not listening.done():  # it does not say when it has subscribed
            await sender.send_packet(packet)
            await asyncio.wait([listening], timeout=0.1)
        output, _ = await listening

    assert output == b"heard\n"


def test_there_are_lines_of_each_kind() -> None:
    assert all(_lines(program) for program in ("mosquitto_pub", "mosquitto_sub"))
