"""One broker under the frames of many cameras: delivery latency, what is dropped and why, the broker's memory and load.

A process of its own plays the cameras (bench/cameras.py: a connection for each, MQTT 5, our metadata). Three readers
share the frames as recognizer replicas do, a viewer reads them all (bench/readers.py); so each frame leaves the broker
twice. The readers count and recognise nothing: how fast recognition is, bench/throughput.py says.

The same again with a second viewer that stops reading but stays connected. When the machine does not sustain the rate
asked for (each reader gets 99 % of the frames), lower ones are tried until it does.

Names of the counters: dropped_offline are frames that a camera replaced by a newer one because its way to the broker
was slow; "not delivered" is what the broker dropped because too much waited for that reader; superseded and stale are
what the replicas themselves leave out.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cameras import DRAIN_SECONDS
from common import VAR, console, keep
from doorbus.local.prepare import LocalError
from doorbus.local.stack import Broker, Process, free_port
from doorbus.runtime.client import connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from outcome import SAMPLE_SECONDS, Load, Outcome, Sample, report
from proc import machine_seconds, usage

BENCH = Path(__file__).parent
READERS = {"replica0": Role.RECOGNIZER, "replica1": Role.RECOGNIZER, "replica2": Role.RECOGNIZER, "viewer": Role.VIEWER}
STEPS = (0.75, 0.5, 0.35, 0.25, 0.15, 0.1)
"""Parts of the rate asked for that are tried in turn when the machine does not sustain it."""
STUCK_KEEPALIVE = 3600
"""Seconds. With the services' 15 the broker would throw a viewer that has stopped out after 22."""


@asynccontextmanager
async def program(broker: Broker, name: str, *command: str) -> AsyncIterator[Process]:
    """A program of this directory, told of `broker` as a service is; stopped at the end."""
    environment = {
        **os.environ,
        "DOORBUS_VAR": str(broker.var),
        "DOORBUS_BROKER__HOST": broker.host,
        "DOORBUS_BROKER__PORT": str(broker.port),
        "DOORBUS_INSTANCE": name,
        "DOORBUS_LOG__LEVEL": "warning",
    }
    process = await Process.start(name, [sys.executable, *command], broker.var / "logs", environment)
    try:
        yield process
    finally:
        await process.stop()


@asynccontextmanager
async def reader(broker: Broker, role: Role, name: str, *options: str) -> AsyncIterator[Process]:
    """A reader that has subscribed; when it ends it writes what it measured to `name`.json."""
    command = (str(BENCH / "readers.py"), role.value, str(broker.var / f"{name}.json"), *options)
    async with program(broker, name, *command) as process:
        await said(process, "ready")
        yield process


@asynccontextmanager
async def stuck_reader(broker: Broker) -> AsyncIterator[Process]:
    """A viewer that has subscribed and then stopped reading."""
    async with reader(broker, Role.VIEWER, "stuck", f"--broker.keepalive_seconds={STUCK_KEEPALIVE}") as process:
        os.kill(process.pid, signal.SIGSTOP)
        try:
            yield process
        finally:
            await process.stop(signal.SIGKILL)


async def said(process: Process, word: str) -> str:
    """Wait until `process` prints a line that begins with `word`; the rest of it."""
    async with asyncio.timeout(60):
        while True:
            process.check_alive()
            for line in process.log().splitlines():
                if line.startswith(word):
                    return line.removeprefix(word).strip()
            await asyncio.sleep(0.1)


async def scenario(load: Load, var: Path, *, stuck: bool) -> Outcome:
    """Put `load` on a fresh broker, beside a viewer that has stopped reading if `stuck`."""
    outcome = Outcome(load)
    broker = Broker(var, free_port())
    await broker.start()
    try:
        async with AsyncExitStack() as running:
            processes = {
                name: await running.enter_async_context(reader(broker, role, name)) for name, role in READERS.items()
            }
            if stuck:
                await running.enter_async_context(stuck_reader(broker))
            options = [f"--{name}={getattr(load, name)}" for name in ("cameras", "fps", "seconds", "kilobytes")]
            cameras = await running.enter_async_context(program(broker, "cameras", str(BENCH / "cameras.py"), *options))
            await watch(outcome, broker, processes | {"cameras": cameras}, float(await said(cameras, "began")))
            await cameras.ended()
        await count(outcome, broker)
    finally:
        await broker.stop()
    for name, role in READERS.items():
        kind = "replicas" if role is Role.RECOGNIZER else name
        outcome.milliseconds.setdefault(kind, []).extend(json.loads((var / f"{name}.json").read_text()))
    log = (var / "logs" / "broker.log").read_text().splitlines()
    outcome.broker_log = [line for line in log if "dropped" in line]
    return outcome


async def watch(outcome: Outcome, broker: Broker, processes: Mapping[str, Process], began: float) -> None:
    """Sample all processes until the cameras are through; raises `LocalError` when one ends before that."""
    pids = {"broker": broker.pid} | {name: process.pid for name, process in processes.items()}
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        while (now := time.monotonic() - began) < outcome.load.seconds + DRAIN_SECONDS - 2 * SAMPLE_SECONDS:
            for process in processes.values():
                process.check_alive()
            sample = Sample(now, {name: usage(pid) for name, pid in pids.items()}, machine_seconds())
            outcome.samples.append(sample)
            text = f"{outcome.load.rate:g} frames a second; the broker holds {sample.resident:.0f} MiB"
            progress.update(task, description=text)
            await asyncio.sleep(SAMPLE_SECONDS - now % SAMPLE_SECONDS)


async def count(outcome: Outcome, broker: Broker) -> None:
    """Add up what cameras and replicas said of themselves in their last health."""
    services = outcome.load.cameras + sum(role is Role.RECOGNIZER for role in READERS.values())
    counts = outcome.counts
    async with asyncio.timeout(30), connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as client:
        for _ in range(services):
            health: messages.Health = (await client.expect(channels.HEALTH)).message
            figures = Counter({name: int(value) for name, value in health.figures.items()})
            counts["reconnects"] += figures["connections"] - 1
            if health.service == Role.CAPTURE:
                counts["made"] += figures["frames_made"]
                counts["sent"] += figures["frames_sent"]
                counts["skipped"] += figures["frames_skipped"]
            else:
                counts["read"] += figures["frames"]
                counts["superseded"] += figures["superseded"]
                counts.update(health.refused)


async def measure(load: Load) -> bool:
    """Run both scenarios of `load`, print and keep what came of them; whether it was sustained."""
    outcomes = {}
    for title, stuck in (("all read", False), ("one stuck", True)):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=VAR) as var:
            outcomes[title] = await scenario(load, Path(var), stuck=stuck)
    report(outcomes)
    sustained = outcomes["all read"].sustained
    console.print(
        f"{load.rate:g} frames a second are {'' if sustained else 'NOT '}sustained, all programs on one machine"
    )
    keep(f"load-{load.rate:g}", {"load": str(load)} | {title: outcome.kept() for title, outcome in outcomes.items()})
    return sustained


async def search(load: Load, steps: Sequence[float]) -> None:
    """Measure `load`, then parts of it until one is sustained."""
    for step in (1.0, *steps):
        if await measure(replace(load, fps=load.fps * step)):
            return


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=100, help="default 100")
    parser.add_argument("--fps", type=float, default=10.0, help="frames a second of each camera; default 10")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each scenario lasts; default 20")
    parser.add_argument("--kilobytes", type=float, default=60.0, help="size of a frame; default 60")
    parser.add_argument("--only", action="store_true", help="try no lower rate when this one is not sustained")
    given = parser.parse_args()
    VAR.mkdir(exist_ok=True)
    load = Load(given.cameras, given.fps, given.seconds, given.kilobytes)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(search(load, () if given.only else STEPS))
        except LocalError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
