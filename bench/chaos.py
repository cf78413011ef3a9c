"""Kills, stops and clock jumps in random states of an actuator: how long its relay stays energised.

Exits with status 1 if one pulse was longer than it should be by more than a second, by the clock of the guardians that
began and ended it. A guardian that was killed or stopped is replaced by a process that has to start: what such a start
took beside, on this machine at that moment, is measured, shown, and allowed on top (some hundredths of a second, unless
the machine has much else to do).

Several doors at a time, each kept by scripts/keep as in `make run`. In each round a door is left alone, told to open,
or open, and then something befalls its actuator, the guardian of its relay, its time of day or the broker. A round
begins with a relay that is off, but does not wait until what ended or hangs is there again. The pulses are read from
relay.jsonl. Where actuator and guardian are killed at the same moment nobody is left to lock until the next ones start:
how long that takes is shown, and not judged.
"""

import argparse
import asyncio
import json
import math
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.progress import track
from rich.table import Table

from common import console, keep, run
from doorbus.files import private_folder, put
from doorbus.local.stack import Broker, Process, free_port
from doorbus.runtime.client import Client, connect
from doorbus.runtime.settings import CommonSettings
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.journal import text_of, verified
from doorbus_actuator.sqlite_journal import SqliteJournal
from proc import child_of, guardian_of

PULSE_SECONDS = 0.3
ALLOWED_SECONDS = 1.0
YEAR_SECONDS = 365 * 24 * 3600
REPOSITORY = Path(__file__).parent.parent
PATIENCE_SECONDS = 300.0
"""A door that has not opened or shut by then never will, however much else the machine has to do."""
START = ["-P", "-S", "-c", "import doorbus_actuator.guardian"]
START_PAUSE = 0.5
BOTH = "both are killed at once"


@dataclass
class Door:
    """One actuator under scripts/keep, and what befell it."""

    name: str
    var: Path
    keeper: Process
    broker: int
    """Its process id."""
    guard: Process | None
    """What keeps its guardian; None where that is the actuator's child."""
    befell: list[tuple[float, float, str]] = field(default_factory=list)
    """Begin and end in monotonic time, and name, of each fault."""

    def service(self) -> int:
        """The process id of the actuator; `ProcessLookupError` while there is none."""
        return child_of(self.keeper.pid, b"shifted")

    def guardian(self) -> int:
        """The process id of the guardian; `ProcessLookupError` while there is none."""
        return guardian_of(self.service() if self.guard is None else self.guard.pid)

    def lines(self) -> list[dict[str, Any]]:
        """What the relay did."""
        path = self.var / "relay.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def pulses(self) -> list[tuple[float, float]]:
        """When the relay was energised, and for how long."""
        return [
            (line["monotonic"], after["monotonic"] - line["monotonic"])
            for line, after in pairwise(self.lines())
            if line["energised"]
        ]

    def fault_of(self, begun: float, seconds: float) -> str:
        """What befell the door during a pulse."""
        during = [name for first, last, name in self.befell if first <= begun + seconds and begun <= last]
        return BOTH if BOTH in during else (during[0] if during else "nothing")


class Yardstick:
    """How long a process like a guardian takes to start, from time to time."""

    def __init__(self) -> None:
        self._starts: list[tuple[float, float]] = []

    async def measure(self) -> None:
        """Start one after another, for ever."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        while True:
            begun = time.monotonic()
            process = await asyncio.create_subprocess_exec(sys.executable, *START, env=environment)
            await process.wait()
            self._starts.append((begun, time.monotonic()))
            await asyncio.sleep(START_PAUSE)

    def longest(self, begun: float = -math.inf, ended: float = math.inf) -> float:
        """Seconds that the longest start took of those that went on between these moments."""
        return max((last - first for first, last in self._starts if first <= ended and begun <= last), default=0.0)


def kill(door: Door) -> None:
    """SIGKILL to the actuator."""
    os.kill(door.service(), signal.SIGKILL)


def end(door: Door) -> None:
    """SIGTERM to the actuator."""
    os.kill(door.service(), signal.SIGTERM)


def kill_guardian(door: Door) -> None:
    """SIGKILL to the guardian."""
    os.kill(door.guardian(), signal.SIGKILL)


def stop_guardian(door: Door) -> None:
    """SIGSTOP to the guardian, for good."""
    os.kill(door.guardian(), signal.SIGSTOP)


def kill_both(door: Door) -> None:
    """SIGKILL to both."""
    service, guardian = door.service(), door.guardian()
    os.kill(guardian, signal.SIGKILL)
    os.kill(service, signal.SIGKILL)


def jump(door: Door) -> None:
    """The time of day is set forward or back by a year."""
    shift = door.var / "shift"
    put(shift, "0" if float(shift.read_text()) else str(random.choice((-1, 1)) * YEAR_SECONDS), lasting=False)  # noqa: S311


async def stop(door: Door) -> None:
    """SIGSTOP to the actuator, and after a while SIGCONT or SIGKILL."""
    service = door.service()
    os.kill(service, signal.SIGSTOP)
    await asyncio.sleep(random.uniform(0.1, 3.0))  # noqa: S311
    os.kill(service, random.choice((signal.SIGCONT, signal.SIGKILL)))  # noqa: S311


async def stop_broker(door: Door) -> None:
    """SIGSTOP to the broker, and after a while SIGCONT."""
    os.kill(door.broker, signal.SIGSTOP)
    await asyncio.sleep(random.uniform(0.1, 1.0))  # noqa: S311
    os.kill(door.broker, signal.SIGCONT)


FAULTS: dict[str, Callable[[Door], Awaitable[None] | None]] = {
    "the actuator is killed": kill,
    "the actuator is told to end": end,
    "the actuator is stopped for a while": stop,
    "the guardian is killed": kill_guardian,
    "the guardian is stopped": stop_guardian,
    "the time of day jumps by a year": jump,
    "the broker is stopped for a while": stop_broker,
    BOTH: kill_both,
}


async def tell(door: Door, operator: Client) -> None:
    """Tell the door to open."""
    command = messages.LockCommand(action=messages.Action.UNLOCK)
    await operator.send(Outbound(channels.LOCK_COMMAND, command, {"door": door.name}))


async def until_off(door: Door) -> None:
    """Wait until the relay is off."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (lines := door.lines()) or lines[-1]["energised"]:  # noqa: ASYNC110  # a file tells nobody
            await asyncio.sleep(0.02)


async def open_up(door: Door, operator: Client) -> None:
    """Tell the door to open until it does."""
    before = len(door.lines())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(line["energised"] for line in door.lines()[before:]):
            await tell(door, operator)
            await asyncio.sleep(0.05)


async def befall(door: Door, operator: Client) -> None:
    """One round."""
    await until_off(door)
    match random.choice(("alone", "told", "open", "open")):  # noqa: S311
        case "told":
            await tell(door, operator)
        case "open":
            await open_up(door, operator)
            await asyncio.sleep(random.uniform(0.0, PULSE_SECONDS))  # noqa: S311
    name = random.choice(list(FAULTS))  # noqa: S311
    first = time.monotonic()
    with suppress(ProcessLookupError):
        acting = FAULTS[name](door)
        if acting is not None:
            await acting
        door.befell.append((first, time.monotonic(), name))
    await asyncio.sleep(random.uniform(0.0, 0.6))  # noqa: S311


async def kept(name: str, var: Path, broker: Broker, *, apart: bool) -> Door:
    """A door under scripts/keep, and where it is `apart` its guardian, too; there is a file `shift` in `var`."""
    environment = {
        **os.environ,
        "DOORBUS_VAR": str(var),
        "DOORBUS_BROKER__PORT": str(broker.port),
        "DOORBUS_BROKER__PASSWORD": broker.password(Role.ACTUATOR),
        "DOORBUS_SIGNERS_FILE": str(CommonSettings(_env_file=None, var=broker.var).signers_path),
        "DOORBUS_INSTANCE": name,
        "DOORBUS_ACTUATOR__DOOR": name,
        "DOORBUS_ACTUATOR__UNLOCK_SECONDS": str(PULSE_SECONDS),
        "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "0",
        "DOORBUS_ACTUATOR__TIME_ZONE": "UTC",
    }
    run_again = [str(REPOSITORY / "scripts/keep"), sys.executable]
    guard = None
    if apart:
        environment["DOORBUS_ACTUATOR__GUARDIAN"] = str(var / "guardian")
        guard = await Process.start(
            f"{name}-guardian", [*run_again, "-m", "doorbus_actuator.guard"], broker.var / "logs", environment
        )
    keeper = await Process.start(
        name, [*run_again, str(REPOSITORY / "bench/shifted.py")], broker.var / "logs", environment
    )
    return Door(name, var, keeper, broker.pid, guard)


async def put_away(door: Door) -> None:
    """End what keeps a door."""
    with suppress(ProcessLookupError):
        os.kill(door.service(), signal.SIGCONT)
    for keeper in (door.keeper, door.guard):
        if keeper is not None:
            await keeper.stop(patience=PATIENCE_SECONDS)


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Let rounds befall the doors, and print what the relays did."""
    random.seed(given.seed)
    broker = Broker(var, free_port())
    await broker.start()
    doors = []
    for name in (f"door{number}" for number in range(given.doors)):
        private_folder(var / name)
        put(var / name / "shift", "0", lasting=False)
        doors.append(await kept(name, var / name, broker, apart=given.apart))
    yardstick = Yardstick()
    measuring = asyncio.create_task(yardstick.measure())
    try:
        rounds = iter(track(range(given.rounds), "rounds", console=console, transient=True))

        async def rush(door: Door) -> None:
            async with connect(broker.transport(Role.OPERATOR)) as operator:
                await open_up(door, operator)
                for _ in rounds:
                    await befall(door, operator)
                await open_up(door, operator)  # it works after all

        await asyncio.gather(*map(rush, doors))
        await asyncio.sleep(PULSE_SECONDS + ALLOWED_SECONDS)
    finally:
        measuring.cancel()
        await asyncio.gather(*map(put_away, doors))
        await broker.stop()
    report(doors, given, yardstick)


def written(door: Door) -> bool:
    """Whether the journal has a grant for each time that the relay was energised, and its chain is whole."""
    journal = SqliteJournal(door.var / f"journal-{door.name}.db", days=90, mebibytes=32)
    journal.open()
    entries = journal.read(1, journal.newest, journal.newest)
    journal.close()
    whole = all(mistake is None for _, mistake in verified((one, text_of(one)) for one in entries))
    grants = sum(one.kind is messages.JournalKind.GRANTED for one in entries)
    return whole and grants >= sum(line["energised"] for line in door.lines())


def report(doors: list[Door], given: argparse.Namespace, yardstick: Yardstick) -> None:
    """Print and keep the longest pulses by what befell them. Exits with status 1 for one that was too long."""
    over: dict[str, list[float]] = defaultdict(list)
    late = 0
    for door in doors:
        for begun, seconds in door.pulses():
            fault, beyond_it = door.fault_of(begun, seconds), seconds - PULSE_SECONDS
            over[fault].append(beyond_it)
            late += fault != BOTH and beyond_it > ALLOWED_SECONDS + yardstick.longest(begun, begun + seconds)
    table = Table(
        title=f"{given.rounds} rounds, seed {given.seed}: pulses of {PULSE_SECONDS:g} s", title_justify="left"
    )
    for title in ("during the pulse", "pulses", "longest, beyond the pulse"):
        table.add_column(title, justify="left" if title == "during the pulse" else "right")
    for fault, beyond in sorted(over.items()):
        table.add_row(fault, str(len(beyond)), f"{max(beyond) * 1000:.0f} ms")
    console.print(table)
    longest = yardstick.longest()
    console.print(f"a process like a guardian took up to {longest * 1000:.0f} ms to start meanwhile")
    figures = {fault: {"pulses": len(beyond), "longest_beyond": max(beyond)} for fault, beyond in over.items()}
    told = {"rounds": given.rounds, "seed": given.seed, "apart": given.apart}
    keep(
        "chaos-apart" if given.apart else "chaos",
        {**told, "pulse_seconds": PULSE_SECONDS, "start_seconds": longest, "faults": figures},
    )
    left = [door.name for door in doors if door.lines()[-1]["energised"]]
    if left:
        raise SystemExit(f"energised for ever: {', '.join(left)}")
    unwritten = [door.name for door in doors if not written(door)]
    if unwritten:
        raise SystemExit(f"openings that the journal lacks, or a chain that is not whole: {', '.join(unwritten)}")
    if late:
        raise SystemExit(f"{late} pulses were longer than {PULSE_SECONDS:g} s and {ALLOWED_SECONDS:g} s")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--doors", type=int, default=3)
    parser.add_argument("--apart", action="store_true", help="guardians that are nobody's children")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    run(parser, measure)


if __name__ == "__main__":
    main()
