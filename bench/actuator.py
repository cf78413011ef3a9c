"""The actuator by itself: recognition to relay, start to ready, and the memory of its two processes.

Both ends of the first figure read the same monotonic clock: the sender before it hands the recognition to the socket,
the simulated relay when it switches. The broker lies between them. Ready is what systemd is told.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import track

from common import console, keep, run, show, spread
from doorbus.local.stack import Broker, Process, free_port
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.snapshot import pack
from proc import guardian_of, usage

ACTUATOR = {
    "DOORBUS_ACTUATOR__VOTES": "1/1",
    "DOORBUS_ACTUATOR__LIVENESS": "off",
    "DOORBUS_ACTUATOR__OUT_OF_VIEW_SECONDS": "0",
    "DOORBUS_ACTUATOR__UNLOCK_SECONDS": "0.02",
    "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "0.02",
}
PORCH = {"door": "front", "camera": "porch"}
FACE = messages.Face(
    box=(100.0, 100.0, 200.0, 200.0),
    verdict=messages.Verdict.MATCH,
    person="alice",
    confidence=0.99,
    similarity=0.9,
    quality=0.9,
)
WANTED = {"milliseconds": 2.0, "mebibytes": 60.0, "seconds": 1.0}
"""What the median, the memory of both and the median start must not exceed."""


async def started(var: Path, port: int) -> tuple[Process, float]:
    """An actuator that is ready, and the seconds that this took."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(var / "notify"))
        told.setblocking(False)
        environment = {
            **os.environ,
            **ACTUATOR,
            "DOORBUS_VAR": str(var),
            "DOORBUS_BROKER__PORT": str(port),
            "NOTIFY_SOCKET": str(var / "notify"),
        }
        begun = time.monotonic()
        command = [sys.executable, "-m", "doorbus_actuator"]
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


async def opened(recognizer: Client, operator: Client, number: int) -> float | None:
    """Have alice seen; the monotonic time at which that was sent, or None when the door stayed shut."""
    now = datetime.now(UTC)
    seen = messages.Recognition(
        frame_id=f"bench-{number}",
        captured_at=now,
        recognized_at=now,
        recognizer="bench",
        model="bench",
        gallery_version=1,
        faces=(FACE,),
    )
    sent = time.monotonic()
    await recognizer.send(Outbound(channels.RECOGNITION, seen, PORCH))
    decision: messages.Decision = (await operator.expect(channels.DECISION)).message
    if decision.outcome is messages.Outcome.GRANTED:
        return sent
    return None


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Start, open, look, and print."""
    broker = Broker(var, free_port())
    await broker.start()
    try:
        starts = []
        for _ in track(range(given.starts), "starts", console=console, transient=True):
            process, took = await started(var, broker.port)
            starts.append(took)
            await process.stop()
        await resident(broker)
        process, took = await started(var, broker.port)
        sent = []
        async with (
            connect(broker.transport(Role.RECOGNIZER), key=broker.key(Role.RECOGNIZER)) as recognizer,
            connect(broker.transport(Role.OPERATOR), [channels.DECISION]) as operator,
        ):
            await asyncio.sleep(1.0)
            for number in track(range(given.openings), "openings", console=console, transient=True):
                at = await opened(recognizer, operator, number)
                if at is not None:
                    sent.append(at)
                await asyncio.sleep(0.05)
        memory = {
            "service": usage(process.pid).resident,
            "guardian": usage(guardian_of(process.pid)).resident,
        }
        await process.stop()
        lines = [json.loads(line) for line in (var / "relay.jsonl").read_text().splitlines()]
    finally:
        await broker.stop()

    energised = [line["monotonic"] for line in lines if line["energised"]]
    if not len(sent) / 2 <= len(energised) <= len(sent):  # a pulse may run into the next grant
        raise SystemExit(f"{len(sent)} grants, but the relay was energised {len(energised)} times")
    milliseconds = spread([(at - max(one for one in sent if one <= at)) * 1000 for at in energised])
    show(f"{len(sent)} of {given.openings} recognitions opened the door", {"recognition to relay": milliseconds}, "ms")
    show(f"{given.starts} starts", {"start to ready": spread([1000 * one for one in starts])}, "ms")
    memory["both"] = sum(memory.values())
    show("resident memory", {"": memory}, "MiB")
    keep("actuator", {"milliseconds": milliseconds, "start_seconds": spread(starts), "mebibytes": memory})
    reached = (milliseconds["median"], memory["both"], spread(starts)["median"])
    for (unit, most), value in zip(WANTED.items(), reached, strict=True):
        if value > most:
            console.print(f"[red]{value:.2f} {unit}, and {most:g} are wanted at the most[/red]")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--openings", type=int, default=300)
    parser.add_argument("--starts", type=int, default=10)
    run(parser, measure)


if __name__ == "__main__":
    main()
