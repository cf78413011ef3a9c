"""Frame to relay without and with many browsers on the console, and what they cost the console.

Each browser has the live picture and the news of the pages open (bench/browsers.py). Frames come at 10 a second, one
vote, as in bench/latency.py; both halves are measured on one running system, the one without browsers first and once
more at the end, so that what the machine does besides shows.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx

from common import VAR, enrol, keep, run, sample, shots, show, spread, start
from doorbus.local.stack import Process, Stack, free_port, stack
from doorbus.runtime.client import connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from latency import ACTUATOR, WARM_UP, switched
from load import said
from proc import usage

BROWSERS = Path(__file__).with_name("browsers.py")


async def openings(one: Stack, pictures: list[bytes], fps: float, name: str) -> list[float]:
    """Milliseconds from publishing to the relay, for each frame that opened the door."""
    sent: dict[str, float] = {}
    granted: list[messages.Decision] = []
    async with (
        connect(one.broker.transport(Role.OPERATOR), (channels.DECISION,)) as client,
        connect(one.broker.transport(Role.CAPTURE)) as camera,
    ):

        async def listen() -> None:
            async for event in client.events():
                decision = event.message
                if isinstance(decision, messages.Decision) and decision.outcome is messages.Outcome.GRANTED:
                    granted.append(decision)

        listening = asyncio.create_task(listen())
        for number, jpeg in enumerate(pictures):
            frame = messages.Frame(jpeg=jpeg, frame_id=f"{name}-{number}", captured_at=datetime.now(UTC), seq=number)
            sent[frame.frame_id] = time.monotonic()
            await camera.send(Outbound(channels.FRAME, frame, {"door": "front", "camera": "porch"}))
            await asyncio.sleep(max(0.0, sent[frame.frame_id] + 1 / fps - time.monotonic()))
        await asyncio.sleep(0.5)
        listening.cancel()
    relay = [json.loads(line) for line in (one.var / "relay.jsonl").read_text().splitlines()]
    energised = {datetime.fromisoformat(line["at"]): line["monotonic"] for line in relay if line["energised"]}
    opened = [
        (energised[at] - sent[frame]) * 1000 for frame, at in switched(granted, sorted(energised)) if frame in sent
    ]
    return opened[WARM_UP:]


async def signed_in(one: Stack, address: str) -> str:
    """The cookie of the first account."""
    link = (one.var / "console" / "first-account").read_text().strip()
    form = {"key": link.partition("?key=")[2], "name": "bench", "password": "not of any use"}
    async with httpx.AsyncClient(base_url=f"http://{address}") as client:
        return (await client.post("/first", data=form)).headers["set-cookie"].partition(";")[0]


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Measure and print."""
    pictures = [shots("obama2", given.frames + WARM_UP) for _ in range(3)]
    address = f"127.0.0.1:{free_port()}"
    async with stack(var, VAR) as one, AsyncExitStack() as running:
        await start(one, ACTUATOR)
        async with connect(one.broker.transport(Role.OPERATOR), (channels.RESULT,)) as client:
            await enrol(client, "obama", sample("obama.jpg"))
        await one.start(Role.CONSOLE, {"DOORBUS_CONSOLE__PORT": address.rpartition(":")[2]})
        rows = {"without browsers": spread(await openings(one, pictures[0], given.fps, "before"))}
        command = [
            sys.executable,
            str(BROWSERS),
            address,
            await signed_in(one, address),
            "--browsers",
            str(given.browsers),
        ]
        browsers = await Process.start("browsers", command, one.var / "logs", os.environ)
        running.push_async_callback(browsers.stop)
        await said(browsers, "ready")
        pid = one.process("console").pid
        before, begun = usage(pid), time.monotonic()
        rows[f"with {given.browsers}"] = spread(await openings(one, pictures[1], given.fps, "with"))
        after, seconds = usage(pid), time.monotonic() - begun
        await browsers.stop()
        got = json.loads(browsers.log().splitlines()[-1])
        rows["without, again"] = spread(await openings(one, pictures[2], given.fps, "after"))
    show(f"publish to relay, {given.fps:g} frames a second", rows, "ms")
    each = got["seconds"] * given.browsers
    cost = {
        "cores": (after.seconds - before.seconds) / seconds,
        "MiB": after.resident,
        "pictures a second and browser": got.get("pictures", 0) / each,
        "events a second and browser": got.get("events", 0) / each,
    }
    show("the console meanwhile", {name: {"": value} for name, value in cost.items()}, "")
    keep("console", {"browsers": given.browsers, "fps": given.fps, "milliseconds": rows, "console": cost})


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--browsers", type=int, default=50)
    run(parser, measure)


if __name__ == "__main__":
    main()
