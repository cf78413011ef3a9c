"""A Node-RED to try flows on, and somebody who is notified."""

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from doorbus.local.stack import Broker, Process, free_port
from doorbus.wire.channels import Role

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "node-red"
CONNECTED = "Connected to broker"


async def until(condition: Callable[[], bool], within: float = 60) -> None:
    """Wait for what has no event: a line in another program's log, a file that it writes."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Answer:
    """What an HTTP server said."""

    status: int
    headers: "Message[str, str]"
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class NodeRed:
    """A Node-RED without a head, with a directory of its own, and the broker's user `nodered`."""

    def __init__(self, program: Path, home: Path, broker: Broker) -> None:
        self._program = program
        self._home = home
        self._broker = broker
        self._port = free_port()
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._home.mkdir()
        settings = {
            "uiHost": "127.0.0.1",
            "uiPort": self._port,
            "userDir": str(self._home),
            "flowFile": "flows.json",
            "credentialSecret": "of this test",
            "telemetry": {"enabled": False},
            "externalModules": {"autoInstall": False, "palette": {"allowInstall": False}},
            "logging": {"console": {"level": "info"}},
        }
        file = self._home / "settings.js"
        file.write_text(f"module.exports = {json.dumps(settings)}\n")
        command = ["node", str(self._program), "--settings", str(file)]
        self._process = await Process.start("nodered", command, self._home, cwd=self._home)
        await until(self._has_started)

    def _has_started(self) -> bool:
        if self._process is not None:
            self._process.check_alive()
        return "Started flows" in self.log()

    async def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            await self._process.stop()

    def log(self) -> str:
        """All that it has said."""
        assert self._process is not None
        return self._process.log()

    def complaints(self) -> list[str]:
        """The warnings and errors since its own start, but for the broker that a test has taken away."""
        since = self.log().partition("Started flows")[2].splitlines()
        lines = [line for line in since if "[warn]" in line or "[error]" in line]
        return [line for line in lines if "Connection failed to broker" not in line]

    async def deploy(self, *names: str, **properties: str) -> list[dict[str, Any]]:
        """Deploy examples as somebody who imported them and filled in the broker and the flow's properties."""
        nodes = {node["id"]: node for name in names for node in flow(name)}
        for node in nodes.values():
            if node["type"] == "mqtt-broker":
                node |= {"broker": self._broker.host, "port": str(self._broker.port)}
                node["credentials"] = {"user": Role.NODERED.value, "password": self._broker.password(Role.NODERED)}
            for one in node.get("env", ()):
                one["value"] = properties.get(one["name"], one["value"])
        before = self.log().count(CONNECTED)
        answer = await self.ask("flows", {"flows": list(nodes.values())}, **{"Node-RED-API-Version": "v2"})
        assert answer.status == 200, answer.body
        await self.connected(before)
        return list(nodes.values())

    async def connected(self, before: int) -> None:
        """Wait until it has connected to the broker more than `before` times."""
        await until(lambda: self.connections > before)

    @property
    def connections(self) -> int:
        """How often it has connected to the broker."""
        return self.log().count(CONNECTED)

    async def ask(self, path: str, body: object = None, **headers: str) -> Answer:
        """GET, or POST where there is a body: bytes, or what becomes JSON."""
        return await ask(f"http://127.0.0.1:{self._port}/{path}", body, **headers)

    async def until(self, path: str, wanted: Callable[[Answer], bool]) -> Answer:
        """Ask until the answer is as wanted."""
        async with asyncio.timeout(20):
            while not wanted(answer := await self.ask(path)):  # noqa: ASYNC110  # a page has no event
                await asyncio.sleep(0.1)
        return answer


async def ask(url: str, body: object = None, **headers: str) -> Answer:
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    if data is not None and not isinstance(body, bytes):
        headers.setdefault("content-type", "application/json")
    request = urllib.request.Request(url, data, headers)  # noqa: S310  # our own loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch() -> Answer:
        try:
            with opener.open(request, timeout=20) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    return await asyncio.to_thread(fetch)


def flow(name: str) -> list[dict[str, Any]]:
    """The nodes of an example."""
    nodes: list[dict[str, Any]] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return nodes


class Receiver:
    """An HTTP server that takes notifications."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.url = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.received.put_nowait((headers, body))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
            await writer.drain()
        writer.close()
        await writer.wait_closed()
