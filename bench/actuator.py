"""The actuator by itself: recognition to relay, start to ready, memory of its two processes, and unlocking in a flood.

All ends of the first figures read the same monotonic clock: the sender before it hands the recognition to the socket, a
tap between broker and actuator when it hands it on, the simulated relay when it switches. So "received to relay" is the
actuator's own part, guardian and journal included, and "sent to relay" the broker's and the tap's, too. Ready is what
systemd is told. A flood is garbage that somebody with a password sends, so many messages a second, while the door is
unlocked by hand again and again.

Memory, and all the rest, is that of an environment that holds the actuator alone, as on a Raspberry Pi or in its image;
with `--here` that of this one, whose other packages the actuator looks through when it starts.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import sys
import time
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CalledProcessError

from rich.progress import track

from common import console, keep, run, show, spread
from doorbus.local.stack import Broker, Process, free_port
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from proc import guardian_of, proportional, usage

ACTUATOR = {
    "DOORBUS_ACTUATOR__VOTES": "1/1",
    "DOORBUS_ACTUATOR__LIVENESS": "off",
    "DOORBUS_ACTUATOR__OUT_OF_VIEW_SECONDS": "0",
    "DOORBUS_ACTUATOR__UNLOCK_SECONDS": "0.02",
    "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "0.02",
}
REPOSITORY = Path(__file__).resolve().parents[1]
HERE = Path(sys.executable)
_OURS = re.compile(rb'"frame_id":"(bench-[0-9]+)"')
FRONT = {"door": "front"}
PORCH = {"door": "front", "camera": "porch"}
FACE = messages.Face(
    box=(100.0, 100.0, 200.0, 200.0),
    verdict=messages.Verdict.MATCH,
    person="alice",
    confidence=0.99,
    similarity=0.9,
    quality=0.9,
)
FLOODS = {
    "calm": None,
    "recognitions of nobody": (Role.RECOGNIZER, channels.RECOGNITION, '{"faces": 7}'),
    "recognitions that nobody has signed": (Role.RECOGNIZER, channels.RECOGNITION, None),
    "commands that are none": (Role.NODERED, channels.LOCK_COMMAND, '{"action": "PARTY"}'),
    "words that are none": (Role.NODERED, channels.LOCK_COMMAND, "UNLOCK!"),
}
"""Who floods, and what with."""
BATCH_SECONDS = 0.01
PATIENCE_SECONDS = 10.0
MOST_IN_A_FLOOD = 100.0
"""Milliseconds that a command may take there."""
WANTED = {"milliseconds": 2.0, "mebibytes": 60e6 / 2**20, "seconds": 1.0}
"""What the median, the memory of both (60 MB) and the median start must not exceed."""


class Tap:
    """What lies between broker and actuator, and notes when it hands a recognition of this bench on."""

    def __init__(self, broker: int) -> None:
        self._broker = broker
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.handed_on: dict[str, float] = {}
        """When, in monotonic seconds, by frame."""

    async def open(self) -> int:
        """The port that the actuator is to connect to."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no more."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self._broker)
        for ways in ((reader, to_broker), (from_broker, writer)):
            task = asyncio.create_task(self._pass_on(*ways))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                at = time.monotonic()
                writer.write(data)
                for frame in _OURS.findall(data):
                    self.handed_on.setdefault(frame.decode(), at)
        writer.close()


async def alone() -> Path:
    """The Python of an environment with what the actuator needs, from its lock file, and the code of this tree."""
    directory = REPOSITORY / "var/bench/actuator-alone"
    pins = REPOSITORY / "requirements/actuator.txt"
    python, stamp = directory / "bin/python", directory / "installed"
    if not stamp.exists() or stamp.read_text() != pins.read_text():
        with console.status(f"an environment for the actuator alone ({directory})"):
            venv.create(directory, clear=True, with_pip=True)
            await finished(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", pins)
        stamp.write_text(pins.read_text())
    packages = next(directory.glob("lib/python*/site-packages"))
    for code in (REPOSITORY / "bus/src/doorbus", REPOSITORY / "services/actuator/src/doorbus_actuator"):
        shutil.rmtree(packages / code.name, ignore_errors=True)
        shutil.copytree(code, packages / code.name, ignore=shutil.ignore_patterns("__pycache__"))
    await finished(python, "-m", "compileall", "-q", *packages.glob("doorbus*"))
    return python


async def finished(*command: str | Path) -> None:
    """Run a command to its end; raises `CalledProcessError`."""
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait():
        raise CalledProcessError(process.returncode or 0, command)


async def started(python: Path, var: Path, port: int) -> tuple[Process, float]:
    """An actuator that is ready, and the seconds that this took."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(var / "notify"))
        told.setblocking(False)
        environment = {
            **{name: value for name, value in os.environ.items() if python == HERE or not name.startswith("PYTHON")},
            **ACTUATOR,
            "DOORBUS_VAR": str(var),
            "DOORBUS_BROKER__PORT": str(port),
            "NOTIFY_SOCKET": str(var / "notify"),
        }
        begun = time.monotonic()
        command = [str(python), "-m", "doorbus_actuator"]
        process = await Process.start("actuator", command, var / "logs", environment)
        async with asyncio.timeout(60):
            while b"READY=1" not in await asyncio.get_running_loop().sock_recv(told, 4096):
                process.check_alive()
        took = time.monotonic() - begun
    (var / "notify").unlink()
    return process, took


async def resident(broker: Broker) -> None:
    """Let alice in at any time."""
    async with connect(broker.transport(Role.ENROLLER), key=broker.key(Role.ENROLLER)) as enroller:
        manifest, shards = pack([messages.RosterEntry(person="alice")], 1)
        for number, shard in enumerate(shards):
            await enroller.send(Outbound(channels.ROSTER_SHARD, shard, {"shard": str(number)}))
        await enroller.send(Outbound(channels.ROSTER_MANIFEST, manifest))


def recognition(frame_id: str) -> messages.Recognition:
    """Alice, now."""
    now = datetime.now(UTC)
    return messages.Recognition(
        frame_id=frame_id,
        captured_at=now,
        recognized_at=now,
        recognizer="bench",
        model="bench",
        gallery_version=1,
        faces=(FACE,),
    )


async def opened(recognizer: Client, operator: Client, frame: str) -> float | None:
    """Have alice seen; the monotonic time at which that was sent, or None when the door stayed shut."""
    seen = recognition(frame)
    sent = time.monotonic()
    await recognizer.send(Outbound(channels.RECOGNITION, seen, PORCH))
    decision: messages.Decision = (await operator.expect(channels.DECISION)).message
    if decision.outcome is messages.Outcome.GRANTED:
        return sent
    return None


@asynccontextmanager
async def flood(broker: Broker, name: str, rate: int) -> AsyncIterator[list[float]]:
    """Send garbage, `rate` messages a second; the list holds how many a second were handed over in the end."""
    given = FLOODS[name]
    reached: list[float] = []
    if given is None:
        yield [0.0]
        return
    role, channel, line = given
    ids = PORCH if "camera" in channel.parameters else {"door": "front"}
    line = line or json.dumps(recognition("forged").model_dump(mode="json", exclude_none=True))
    user = ("-u", role.value, "-P", broker.password(role))
    topic = ("-t", TOPICS.topic(channel, **ids), "-q", "0", "-l")
    command = ("mosquitto_pub", "-p", str(broker.port), *user, "-V", "5", *topic)
    sender = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    sent, begun = 0, time.monotonic()

    async def send() -> None:
        nonlocal sent
        assert sender.stdin is not None
        while True:
            due = int((time.monotonic() - begun) * rate)
            sender.stdin.write(f"{line}\n".encode() * (due - sent))
            sent = due
            await sender.stdin.drain()
            await asyncio.sleep(BATCH_SECONDS)

    task = asyncio.create_task(send())
    try:
        yield reached
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        reached.append(sent / (time.monotonic() - begun))
        sender.kill()
        await sender.wait()


def energised(relay: Path) -> list[float]:
    """When the simulated relay was energised, in monotonic seconds."""
    lines = map(json.loads, relay.read_text().splitlines())
    return [line["monotonic"] for line in lines if line["energised"]]


async def unlocked(operator: Client, relay: Path) -> float:
    """Milliseconds from a command to the relay; `PATIENCE_SECONDS` when it never came there."""
    seen = len(energised(relay))
    sent = time.monotonic()
    await operator.send(Outbound(channels.LOCK_COMMAND, messages.LockCommand(action=messages.Action.UNLOCK), FRONT))
    while time.monotonic() < sent + PATIENCE_SECONDS:
        moved = energised(relay)[seen:]
        if moved:
            return (moved[0] - sent) * 1000
        await asyncio.sleep(0.01)
    return PATIENCE_SECONDS * 1000


async def floods(given: argparse.Namespace, broker: Broker) -> dict[str, dict[str, float]]:
    """How long a command takes, by what else comes."""
    relay = broker.var / "relay.jsonl"
    found = {}
    async with connect(broker.transport(Role.OPERATOR)) as operator:
        for name in FLOODS:
            async with flood(broker, name, given.rate) as rates:
                await asyncio.sleep(0.5 if name == "calm" else 2.0)
                took = []
                for _ in track(range(given.unlocks), name, console=console, transient=True):
                    took.append(await unlocked(operator, relay))
                    await asyncio.sleep(0.1)
            found[name] = spread(took)
            if rates and name != "calm":
                console.print(f"{name}: {rates[-1]:,.0f} messages a second were handed to the sender")
            await asyncio.sleep(1.0)
    return found


def memory_of(service: int) -> tuple[dict[str, float], dict[str, float]]:
    """What an actuator and its guardian have resident, in MiB; and the same with what is shared divided."""
    pids = {"service": service, "guardian": guardian_of(service)}
    resident = {name: usage(pid).resident for name, pid in pids.items()}
    shared = {name: proportional(pid) for name, pid in pids.items()}
    return {**resident, "both": sum(resident.values())}, {**shared, "both": sum(shared.values())}


def since(begun: list[float], pulses: list[float]) -> dict[str, float]:
    """Milliseconds to each pulse from what came last before it."""
    return spread([(at - max(one for one in begun if one <= at)) * 1000 for at in pulses])


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Start, open, look, and print."""
    python = HERE if given.here else await alone()
    broker = Broker(var, free_port())
    await broker.start()
    tap = Tap(broker.port)
    try:
        starts = []
        for _ in track(range(given.starts), "starts", console=console, transient=True):
            process, took = await started(python, var, broker.port)
            starts.append(took)
            await process.stop()
        await resident(broker)
        process, took = await started(python, var, await tap.open())
        sent: list[float] = []
        received: list[float] = []
        async with (
            connect(broker.transport(Role.RECOGNIZER), key=broker.key(Role.RECOGNIZER)) as recognizer,
            connect(broker.transport(Role.OPERATOR), [channels.DECISION]) as operator,
        ):
            await asyncio.sleep(1.0)
            for number in track(range(given.openings), "openings", console=console, transient=True):
                frame = f"bench-{number}"
                at = await opened(recognizer, operator, frame)
                if at is not None:
                    sent.append(at)
                    received.append(tap.handed_on[frame])
                await asyncio.sleep(0.05)
        memory, shared = memory_of(process.pid)
        pulses = energised(var / "relay.jsonl")
        await process.stop()
        process, _ = await started(python, var, broker.port)
        flooded = await floods(given, broker) if given.rate else {}
        await process.stop()
        await tap.close()
    finally:
        await broker.stop()

    if not len(sent) / 2 <= len(pulses) <= len(sent):  # a pulse may run into the next grant
        raise SystemExit(f"{len(sent)} grants, but the relay was energised {len(pulses)} times")
    milliseconds = since(received, pulses)
    whole = since(sent, pulses)
    ways = {"received to relay": milliseconds, "sent to relay": whole}
    show(f"{len(sent)} of {given.openings} recognitions opened the door", ways, "ms")
    show(f"{given.starts} starts", {"start to ready": spread([1000 * one for one in starts])}, "ms")
    show(
        f"memory, {'here' if given.here else 'installed alone'}",
        {"resident": memory, "what is shared divided": shared},
        "MiB",
    )
    if flooded:
        show(f"unlocking by hand while {given.rate:,} messages a second are sent", flooded, "ms")
    opening = {"milliseconds": milliseconds, "sent_milliseconds": whole, "start_seconds": spread(starts)}
    keep("actuator", {**opening, "mebibytes": memory, "shared": shared, "floods_milliseconds": flooded})
    for name, figures in flooded.items():
        if figures["max"] > MOST_IN_A_FLOOD:
            console.print(f"[red]{name}: {figures['max']:.0f} milliseconds, and {MOST_IN_A_FLOOD:g} are wanted[/red]")
    reached = (milliseconds["median"], memory["both"], spread(starts)["median"])
    for (unit, most), value in zip(WANTED.items(), reached, strict=True):
        if value > most:
            console.print(f"[red]{value:.2f} {unit}, and {most:.2f} are wanted at the most[/red]")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help="measure with this Python, which has more installed")
    parser.add_argument("--openings", type=int, default=300)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--unlocks", type=int, default=50, help="commands in each flood")
    parser.add_argument("--rate", type=int, default=10_000, help="messages a second of a flood; 0 leaves them out")
    run(parser, measure)


if __name__ == "__main__":
    main()
