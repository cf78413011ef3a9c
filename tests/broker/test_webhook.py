"""The webhook as people use it: a process of its own, a real broker, and the lines of docs/cameras.md with curl."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import dataclass
from pathlib import Path

import pytest

from doorbus.local.stack import Stack, free_port
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import Frame
from doorbus_capture.imaging import decode, encode_jpeg
from doorbus_capture.settings import Capture

TOKEN = "5f1c-a_secret.for~tests"
CAMERAS = Path(__file__).parents[2] / "docs" / "cameras.md"
LINES = re.findall(r"^ {4}(curl .*http://127\.0\.0\.1:8090/.*)$", CAMERAS.read_text(), re.MULTILINE)


@dataclass
class Porch:
    stack: Stack
    port: int

    async def run(self, line: str, folder: Path) -> tuple[int, str]:
        """Type a line of the document; its status, and what it printed."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", line.replace(":8090/", f":{self.port}/")),
            cwd=folder,
            env=os.environ | {"DOORBUS_CAPTURE__WEBHOOK_TOKEN": TOKEN, "no_proxy": "*"},
            stdout=PIPE,
            stderr=STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode(errors="replace")


@pytest.fixture
async def porch(fresh_stack: Stack) -> Porch:
    port = free_port()
    await fresh_stack.broker.start()
    settings = {
        "DOORBUS_CAPTURE__SOURCE": f"webhook:{port}",
        "DOORBUS_CAPTURE__WEBHOOK_TOKEN": TOKEN,
        "DOORBUS_CAPTURE__MOTION_THRESHOLD": "0",
        "DOORBUS_LOG__LEVEL": "debug",
    }
    await fresh_stack.start(Role.CAPTURE, settings)
    return Porch(fresh_stack, port)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where alice.jpg lies, too large a picture for curl to send without asking first."""
    image = decode((Path(__file__).parents[2] / "var" / "samples" / "obama.jpg").read_bytes())
    home = tmp_path / "home"
    home.mkdir()
    (home / "alice.jpg").write_bytes(encode_jpeg(image[:480, :640], 95) + bytes(2 * 1024 * 1024))
    return home


def test_the_document_shows_the_header_the_form_and_the_path() -> None:
    assert len(LINES) == 3
    assert any("--form" in line for line in LINES)
    assert any(line.endswith("/$DOORBUS_CAPTURE__WEBHOOK_TOKEN") for line in LINES)


async def test_each_line_of_the_document_brings_a_frame_onto_the_bus(porch: Porch, folder: Path) -> None:
    image = decode((folder / "alice.jpg").read_bytes())
    async with connect(porch.stack.broker.transport(Role.VIEWER), [channels.FRAME]) as viewer, asyncio.timeout(45):
        for seq, line in enumerate(LINES):
            status, said = await porch.run(line, folder)
            assert status == 0, said
            frame: Frame = (await viewer.expect(channels.FRAME, door="front", camera="porch")).message
            assert frame.seq == seq
            assert frame.jpeg == encode_jpeg(image, Capture().jpeg_quality)
    assert TOKEN not in porch.stack.process("capture").log()


async def test_a_wrong_token_fails_by_its_exit_status_and_is_counted(porch: Porch, folder: Path) -> None:
    async with connect(porch.stack.broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer, asyncio.timeout(45):
        status, said = await porch.run(LINES[0].replace("$DOORBUS", "x$DOORBUS"), folder)
        assert status == 22
        assert "401" in said
        while True:
            health = (await viewer.expect(channels.HEALTH, service="capture", instance="capture")).message
            if health.refused:
                break
    assert health.refused == {"bridge.unauthorized": 1}
    assert TOKEN not in porch.stack.process("capture").log()


async def test_it_ends_when_told_with_a_sender_in_the_midst_of_a_picture(porch: Porch) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", porch.port)
    writer.write(f"POST /{TOKEN} HTTP/1.1\r\nHost: door\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n".encode())
    async with asyncio.timeout(20):
        assert (await reader.readuntil(b"\r\n\r\n")).split()[1] == b"100"
        assert await porch.stack.stop_service("capture") == 0
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", porch.port)
    writer.transport.abort()
