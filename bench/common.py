"""What the benches share: a stack to measure, a picture to send, and how figures are shown and kept."""

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from doorbus.local.stack import Stack
from doorbus.runtime.client import Client
from doorbus.testing import FakeClock
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus_capture.imaging import encode_jpeg
from doorbus_capture.sources.sample import SampleSource

VAR = Path(os.environ.get("DOORBUS_VAR", "var")).resolve()
console = Console(highlight=False)


def scene(label: str, quality: int = 88) -> bytes:
    """A scene of the sample camera, 640x480 with one face, as JPEG; the quality is capture's default."""
    return shots(label, 1, quality)[0]


def shots(label: str, count: int, quality: int = 88) -> list[bytes]:
    """As many shots of a scene, which differ by the camera's noise alone: the same picture would be one vote."""
    clock = FakeClock()
    source = SampleSource(VAR / "samples", clock)
    source.open()
    while source.read().label != label:
        clock.advance(0.5)
    return [encode_jpeg(source.read().image, quality) for _ in range(count)]


def sample(name: str) -> bytes:
    """A sample picture as it is."""
    return (VAR / "samples" / name).read_bytes()


async def enrol(client: Client, person: str, jpeg: bytes) -> None:
    """Enrol `person` and wait for the result; `client` must hear results."""
    await client.send(Outbound(channels.ENROL, messages.Enrol(jpeg=jpeg), {"person": person}))
    result: messages.Result = (await client.expect(channels.RESULT, person=person)).message
    if result.status is not messages.ResultStatus.OK:
        raise SystemExit(f"{person} could not be enrolled: {result.error}")


async def start(one: Stack, actuator: Mapping[str, str]) -> None:
    """Start all but the camera."""
    await one.broker.start()
    for role, environment in ((Role.ENROLLER, {}), (Role.RECOGNIZER, {}), (Role.ACTUATOR, actuator)):
        await one.start(role, environment)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor() or platform.machine(),
    )
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 90th, 99th percentile and maximum."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"median": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": max(values)}


def show(title: str, rows: Mapping[str, Mapping[str, float]], unit: str, digits: int = 1) -> None:
    """Print a table with a row for each entry."""
    table = Table(title=title, title_justify="left")
    columns = list(next(iter(rows.values())))
    for name in ("", *columns):
        table.add_column(name, justify="right" if name else "left")
    for name, values in rows.items():
        table.add_row(name, *(f"{values[column]:.{digits}f} {unit}" for column in columns))
    console.print(table)


def keep(name: str, figures: Mapping[str, Any]) -> None:
    """Write the figures as JSON, with the machine that they were taken on."""
    path = VAR / "bench" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **figures}, indent=2) + "\n")
    console.print(f"machine: {machine()['processor']}, {machine()['cores']} cores; JSON: {path}\n")


def run(parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace, Path], Awaitable[None]]) -> None:
    """Parse the command line and `measure` with it, in a directory under VAR that is removed at the end."""
    arguments = parser.parse_args()
    VAR.mkdir(exist_ok=True)

    async def measured(var: Path) -> None:
        await measure(arguments, var)

    with tempfile.TemporaryDirectory(prefix="bench-", dir=VAR) as var:
        asyncio.run(measured(Path(var)))
