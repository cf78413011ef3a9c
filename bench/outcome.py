"""What came of putting a load on the broker, and how it is shown; for bench/load.py."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from rich.table import Table

from common import console, show, spread
from proc import Usage

SUSTAINED = 0.99
"""Part of the frames asked for that every reader must get for a load to count as sustained."""
SAMPLE_SECONDS = 0.5
"""Time between two looks at the processes."""


@dataclass(frozen=True)
class Load:
    """What is asked of the broker."""

    cameras: int
    fps: float
    seconds: float
    kilobytes: float

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.cameras * self.fps

    def __str__(self) -> str:
        return (
            f"{self.cameras} cameras of {self.fps:g} frames a second, {self.kilobytes:g} kB each: {self.rate:g} frames "
            f"and {self.rate * self.kilobytes / 1000:.1f} MB a second for {self.seconds:g} s"
        )


@dataclass(frozen=True)
class Sample:
    """All processes at one moment, in seconds since the first frame."""

    at: float
    processes: Mapping[str, Usage]
    machine: float
    """Busy processor seconds of the machine."""

    @property
    def resident(self) -> float:
        """Memory of the broker in MiB."""
        return self.processes["broker"].resident


@dataclass
class Outcome:
    """What came of one scenario; `milliseconds` holds, for each kind of reader, those of every frame that arrived."""

    load: Load
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    broker_log: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Frames that the cameras handed to the network."""
        return self.counts["sent"]

    @property
    def sustained(self) -> bool:
        """Whether every kind of reader got its frames."""
        wanted = self.load.rate * self.load.seconds * SUSTAINED
        return all(len(arrived) >= wanted for arrived in self.milliseconds.values())

    def frames(self) -> dict[str, int]:
        """Where the frames went."""
        counts = self.counts
        replicas, viewer = len(self.milliseconds["replicas"]), len(self.milliseconds["viewer"])
        return {
            "asked for": round(self.load.rate * self.load.seconds),
            "not sent: a camera was a period late": counts["skipped"],
            "not sent: dropped_offline": counts["made"] - self.sent,
            "sent": self.sent,
            "replicas: not delivered": self.sent - replicas,
            "replicas: superseded": counts["superseded"],
            "replicas: refused as stale": counts["frame.stale"],
            "replicas: read": counts["read"],
            "viewer: not delivered": self.sent - viewer,
            "viewer: read": viewer,
            "connections lost": counts["reconnects"],
        }

    def cores(self) -> dict[str, float]:
        """Processor cores that each process kept busy while frames were sent, on the mean; and all others together."""
        during = [sample for sample in self.samples if sample.at <= self.load.seconds]
        first, last = during[0], during[-1]
        elapsed = last.at - first.at
        cores = {
            name: (last.processes[name].seconds - before.seconds) / elapsed for name, before in first.processes.items()
        }
        others = (last.machine - first.machine) / elapsed - sum(cores.values())
        return cores | {"all else on the machine": max(0.0, others)}  # the two clocks tick in hundredths of a second

    def course(self) -> list[tuple[float, float, float]]:
        """Of the broker, each second: seconds since the first frame, resident MiB, busy cores."""
        samples = list({int(sample.at): sample for sample in self.samples}.values())
        return [
            (
                round(now.at, 1),
                round(now.resident, 1),
                round((now.processes["broker"].seconds - then.processes["broker"].seconds) / (now.at - then.at), 2),
            )
            for then, now in pairwise(samples)
        ]

    def kept(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {
            "asked_per_second": self.load.rate,
            "sent_per_second": self.sent / self.load.seconds,
            "sustained": self.sustained,
            "milliseconds": _spreads(self),
            "frames": self.frames(),
            "cores": {process: round(cores, 3) for process, cores in self.cores().items()},
            "broker_seconds_mib_cores": self.course(),
            "broker_peak_mib": round(max(sample.resident for sample in self.samples), 1),
            "broker_log": self.broker_log,
        }


def report(outcomes: Mapping[str, Outcome]) -> None:
    """Print what came of the scenarios of one load."""
    first = next(iter(outcomes.values()))
    console.print(f"\n[bold]{first.load}[/bold]")
    spreads = {
        f"{title}: {name}": row for title, outcome in outcomes.items() for name, row in _spreads(outcome).items()
    }
    if spreads:
        show("publish to receipt", spreads, "ms")
    frames = {title: outcome.frames() for title, outcome in outcomes.items()}
    _print("frames, and why some went missing", frames, "{:,}".format)
    cores = {title: outcome.cores() for title, outcome in outcomes.items()}
    _print("busy cores, on the mean", cores, "{:.2f}".format)
    step = max(1, len(first.course()) // 10)
    courses = {
        title: {f"after {int(at)} s": (resident, cores) for at, resident, cores in outcome.course()[::step]}
        for title, outcome in outcomes.items()
    }
    _print("the broker: resident memory, busy cores", courses, lambda both: f"{both[0]:.0f} MiB  {both[1]:.2f}")


def _spreads(outcome: Outcome) -> dict[str, dict[str, float]]:
    return {name: spread(arrived) for name, arrived in outcome.milliseconds.items() if len(arrived) > 1}


def _print(title: str, columns: Mapping[str, Mapping[str, Any]], text: Callable[[Any], str]) -> None:
    table = Table(title=title, title_justify="left")
    for name in ("", *columns):
        table.add_column(name, justify="right" if name else "left")
    for row in next(iter(columns.values())):
        table.add_row(row, *(text(values[row]) if row in values else "" for values in columns.values()))
    console.print(table)
