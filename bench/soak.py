"""Whether any service or the broker grows while the whole system works for half an hour, after a warm-up.

Exits with status 1 if so.

Real processes: broker, capture with the sample scene at 20 frames a second (each sent, motion or not), three recognizer
replicas, enroller and actuator. A resident comes by every 12.5 s, so the door opens; strangers come too. Each minute
somebody is enrolled and removed again, so that gallery and roster change.

The resident memory of each process is read every ten seconds. What counts is the median of the last minute against the
median of the minute after the warm-up.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from common import VAR, console, enrol, keep, sample
from doorbus.local.prepare import LocalError
from doorbus.local.stack import Stack, stack
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from growth import MINUTE, Growth, growth
from plot import plot
from proc import usage

FPS = 20
SAMPLE_SECONDS = 10.0
ALLOWED_PERCENT = 2.0
OFFLINE = messages.Presence.OFFLINE
NUMBER = r"\d+(\.\d+)?"
FIGURES = ("errors", "connections", "superseded", "dropped_offline")
REPLICAS = ("recognizer1", "recognizer2", "recognizer3")
SERVICES = {
    "enroller": (Role.ENROLLER, {}),
    **dict.fromkeys(REPLICAS, (Role.RECOGNIZER, {})),
    "actuator": (Role.ACTUATOR, {}),
    "capture": (
        Role.CAPTURE,
        {
            "DOORBUS_CAPTURE__SOURCE": "sample",
            "DOORBUS_CAPTURE__FPS": str(FPS),
            "DOORBUS_CAPTURE__MOTION_THRESHOLD": "0",
        },
    ),
}


@dataclass
class Soak:
    """What was seen. `courses` holds seconds and MiB of each process."""

    courses: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    decided: Counter[str] = field(default_factory=Counter)
    health: dict[str, messages.Health] = field(default_factory=dict)
    """The last of each service."""
    problems: Counter[str] = field(default_factory=Counter)
    """What services named as a problem while they were watched."""
    visits: int = 0

    @property
    def openings(self) -> int:
        """How often the door opened."""
        return sum(count for name, count in self.decided.items() if name.startswith(messages.Outcome.GRANTED))


async def listen(client: Client, soak: Soak) -> None:
    """Count decisions and health until all services have said goodbye."""
    began = datetime.now(UTC)
    async for event in client.events():
        if isinstance(event.message, messages.Decision):
            decision = event.message
            soak.decided[f"{decision.outcome} {decision.reason} {decision.person or ''}".rstrip()] += decision.count
        elif isinstance(event.message, messages.Health):
            health = soak.health[event.message.instance] = event.message
            if health.problem is not None and health.at >= began:
                soak.problems[f"{health.instance}: {re.sub(NUMBER, 'N', health.problem)}"] += 1
            if len(soak.health) == len(SERVICES) and all(h.state is OFFLINE for h in soak.health.values()):
                return


async def visit(client: Client, soak: Soak) -> None:
    """Enrol and remove somebody each minute."""
    ids = {"person": "visitor"}
    while True:
        await asyncio.sleep(MINUTE)
        await enrol(client, ids["person"], sample("biden.jpg"))
        await client.send(Outbound(channels.REMOVE, messages.Remove(), ids))
        await client.expect(channels.RESULT, **ids)
        soak.visits += 1


async def look(one: Stack, soak: Soak, seconds: float) -> None:
    """Sample all processes for `seconds`; raises `LocalError` when one ends."""
    began = time.monotonic()
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=seconds)
        for number in range(int(seconds / SAMPLE_SECONDS) + 1):
            await asyncio.sleep(began + number * SAMPLE_SECONDS - time.monotonic())
            at = time.monotonic() - began
            pids = {"broker": one.broker.pid}
            for name in SERVICES:
                process = one.process(name)
                process.check_alive()
                pids[name] = process.pid
            for name, pid in pids.items():
                soak.courses.setdefault(name, []).append((at, usage(pid).resident))
            text = f"{soak.openings} openings, {sum(course[-1][1] for course in soak.courses.values()):.0f} MiB in all"
            progress.update(task, description=text, completed=at)


async def run(seconds: float, var: Path) -> Soak:
    """Let the system work for `seconds`."""
    soak = Soak()
    async with AsyncExitStack() as context:
        one = await context.enter_async_context(stack(var, VAR))
        await one.broker.start()
        for name, (role, environment) in SERVICES.items():
            await one.start(role, environment, instance=name)
        transport = one.broker.transport(Role.OPERATOR)
        admin = await context.enter_async_context(connect(transport, [channels.RESULT]))
        viewer = await context.enter_async_context(connect(transport, [channels.DECISION, channels.HEALTH]))
        await enrol(admin, "obama", sample("obama.jpg"))
        listening = asyncio.create_task(listen(viewer, soak))
        visiting = asyncio.create_task(visit(admin, soak))
        looking = asyncio.create_task(look(one, soak, seconds))
        ended, _ = await asyncio.wait([looking, listening, visiting], return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
        visiting.cancel()
        for name in reversed(SERVICES):  # the camera first, so that the others come to rest
            await one.stop_service(name)
        async with asyncio.timeout(30):
            await listening
    return soak


def report(soak: Soak, grown: Mapping[str, Growth]) -> bool:
    """Print what was seen; whether all is well."""
    table = Table(title="resident memory", title_justify="left")
    for name in ("", "after warm-up", "at the end", "growth", "slope", "peak"):
        table.add_column(name, justify="right" if name else "left")
    for name, one in grown.items():
        colour = "green" if one.percent <= ALLOWED_PERCENT else "red"
        table.add_row(
            name,
            f"{one.before:.1f} MiB",
            f"{one.after:.1f} MiB",
            f"[{colour}]{one.percent:+.2f} %[/{colour}]",
            f"{one.slope:+.1f} MiB/h",
            f"{one.peak:.1f} MiB",
        )
    console.print(table)

    table = Table(title="the services' own figures", title_justify="left")
    for name in ("", *FIGURES, "refused"):
        table.add_column(name, justify="left" if name in ("", "refused") else "right")
    for name in SERVICES:
        health = soak.health[name]
        figures = (f"{health.figures[figure]:.0f}" for figure in FIGURES)
        refused = ", ".join(f"{count} {reason}" for reason, count in health.refused.items())
        table.add_row(name, *figures, refused)
    console.print(table)
    for problem, count in soak.problems.items():
        console.print(f"health said {count} times: {problem}")

    console.print(f"the door opened {soak.openings} times; {soak.visits} times somebody was enrolled and removed")
    for name, count in soak.decided.most_common():
        console.print(f"  {count:7,} {name}")
    frames = sum(soak.health[name].figures["frames"] for name in REPLICAS)
    console.print(f"frames sent: {soak.health['capture'].figures['frames_sent']:.0f}, recognised: {frames:.0f}")

    wrong = [f"{name} grew by {one.percent:.2f} %" for name, one in grown.items() if one.percent > ALLOWED_PERCENT]
    wrong += [f"{name} had errors" for name in SERVICES if soak.health[name].figures["errors"]]
    if not soak.openings:
        wrong.append("the door never opened")
    console.print(f"NOT passed: {'; '.join(wrong)}" if wrong else f"passed: no growth above {ALLOWED_PERCENT:g} %")
    return not wrong


def main() -> int:
    """Parse the command line, run, report; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=40.0, help="how long in all; default 40")
    parser.add_argument("--warm-up", type=float, default=10.0, help="minutes of these that do not count; default 10")
    parser.add_argument("--plot", type=Path, default=VAR / "bench" / "soak.svg", help="where to draw it")
    given = parser.parse_args()
    if given.minutes < given.warm_up + 2:
        parser.error(f"--minutes {given.minutes:g}: two minutes more than --warm-up {given.warm_up:g} are needed")
    VAR.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=VAR) as var:
            soak = asyncio.run(run(given.minutes * MINUTE, Path(var)))
    except LocalError as error:
        sys.exit(str(error))
    warm_up = given.warm_up * MINUTE
    grown = {name: growth(course, warm_up) for name, course in soak.courses.items()}
    well = report(soak, grown)
    title = f"Memory at {FPS} frames a second, against the minute after warm-up"
    before = {name: one.before for name, one in grown.items()}
    given.plot.parent.mkdir(parents=True, exist_ok=True)
    given.plot.write_text(plot(title, soak.courses, before, warm_up=warm_up, allowed=ALLOWED_PERCENT))
    console.print(f"plot: {given.plot}")
    keep(
        "soak",
        {
            "minutes": given.minutes,
            "warm_up_minutes": given.warm_up,
            "frames_per_second": FPS,
            "passed": well,
            "memory": {
                name: {
                    "before_mib": one.before,
                    "after_mib": one.after,
                    "percent": one.percent,
                    "mib_an_hour": one.slope,
                }
                for name, one in grown.items()
            },
            "decisions": dict(soak.decided),
            "problems": dict(soak.problems),
            "health": {name: health.model_dump(mode="json") for name, health in soak.health.items()},
            "seconds_mib": soak.courses,
        },
    )
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
