"""What garbage does to a recognizer: each picture gives a result or a counted refusal, none takes long, nothing grows.

Exits with status 1 otherwise.

2,000 pictures as `tests/support/garbage.py` makes them from the samples are decoded and looked at in this process, one
by one, for counts and the slowest. Then they are sent to the process of a recognizer as frames of many cameras, again
and again, while its memory is read; with `--visits`, so many of 100 frames show people instead, some of whom are
enrolled. Times are of the thread, so that other work on the machine does not count.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from common import VAR, console, enrol, keep, run, sample
from doorbus.local.stack import Stack, stack
from doorbus.runtime.client import connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.codec import Refused
from doorbus.wire.exchange import Outbound
from doorbus.wire.jpeg import survey
from doorbus_recognizer.decode import decode
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.vision import Vision
from proc import usage
from support.garbage import corpus
from visits import visits

MOST_MILLISECONDS = 250.0
"""For decoding, which is what a picture made for it can draw out."""
WORTH_FORESEEING = 5.0
"""Milliseconds that decoding must take for the foreseen time to be compared with it."""
ALLOWED_PERCENT = 2.0
UNDER_WAY = 48
"""Frames sent and not yet accounted for."""
CAMERAS = 3 * UNDER_WAY
PATIENCE_SECONDS = 30.0
STALLED_SECONDS = 10.0
"""Frames of which nothing was heard for so long never reached the recognizer: the broker drops them after 2 s."""
TELL_EVERY = 100
"""Pictures between two lines of progress."""
HEALTH_SECONDS = 1.0
VISITS = 600
"""Different frames with people."""
ENVIRONMENT = {
    "DOORBUS_HEALTH_SECONDS": str(HEALTH_SECONDS),
    "DOORBUS_RECOGNIZER__MAX_AGE_SECONDS": "60",
    "DOORBUS_LOG__LEVEL": "warning",
}


@dataclass
class Looks:
    """What came of looking at each picture once."""

    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By kind of picture."""
    decoding: list[tuple[float, str]] = field(default_factory=list)
    """Milliseconds, and the kind."""
    whole: list[tuple[float, str]] = field(default_factory=list)
    """The same with finding the faces."""
    foreseen: list[tuple[float, str]] = field(default_factory=list)
    """How many times as long as foreseen decoding took."""

    def kept(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {
            "outcomes": {kind: dict(counts) for kind, counts in self.outcomes.items()},
            "slowest_decoding_ms": sorted(self.decoding, reverse=True)[:10],
            "slowest_picture_ms": sorted(self.whole, reverse=True)[:10],
            "most_over_foreseen": sorted(self.foreseen, reverse=True)[:10],
        }


def milliseconds(since: float) -> float:
    """Of this thread."""
    return (time.thread_time() - since) * 1000


def look(pictures: Sequence[tuple[str, bytes]], eyes: Vision) -> Looks:
    """Decode each picture and find the faces on it."""
    looks = Looks()
    for number, (kind, jpeg) in enumerate(pictures, 1):
        began = time.thread_time()
        outcome = "a face or none"
        try:
            decoded = decode(jpeg)
        except Refused as refused:
            outcome = str(refused.reason)
            looks.decoding.append((milliseconds(began), kind))
        else:
            looks.decoding.append((milliseconds(began), kind))
            eyes.see(decoded.image)
        looks.whole.append((milliseconds(began), kind))
        looks.outcomes[kind][outcome] += 1
        compare(looks, kind, jpeg)
        if number % TELL_EVERY == 0 or number == len(pictures):
            console.print(
                f"looked at {number:,} of {len(pictures):,} pictures; slowest {max(looks.decoding)[0]:.0f} ms"
            )
    return looks


def compare(looks: Looks, kind: str, jpeg: bytes) -> None:
    """Note what was foreseen of the picture looked at last."""
    took, _ = looks.decoding[-1]
    if took < WORTH_FORESEEING:
        return
    try:
        looks.foreseen.append((took / survey(jpeg).milliseconds, kind))
    except Refused:
        return


@dataclass
class Flood:
    """What came of sending many."""

    resident: dict[int, float] = field(default_factory=dict)
    """MiB after so many frames."""
    handled: int = 0
    lost: int = 0
    """Frames that never reached the recognizer."""
    figures: dict[str, float] = field(default_factory=dict)
    """Of the last health."""
    silence: float = 0.0
    """The longest time between two healths, in seconds."""
    errors: int = 0
    raw: list[str] = field(default_factory=list)
    """Lines of the log that are no events."""

    @property
    def percent(self) -> float:
        """How much more memory it has at the end than at the first look."""
        first, *_, last = self.resident.values()
        return (last / first - 1) * 100

    def kept(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {
            "resident_mib": self.resident,
            "percent": self.percent if len(self.resident) > 1 else None,
            "lost": self.lost,
            "figures": self.figures,
            "silence_s": self.silence,
            "errors": self.errors,
            "raw_lines": self.raw[:100],
        }


async def flood(one: Stack, pictures: Sequence[bytes], looks: Sequence[int], looked: Callable[[Flood], None]) -> Flood:
    """Send as many frames as the last of `looks`, read the memory after each number of them, and tell `looked`."""
    await one.broker.start()
    await one.start(Role.ENROLLER)
    await one.start(Role.RECOGNIZER, ENVIRONMENT)
    async with connect(one.broker.transport(Role.OPERATOR), (channels.RESULT,)) as operator:
        for person in ("obama", "biden"):
            await enrol(operator, person, sample(f"{person}.jpg"))
    process = one.process(Role.RECOGNIZER)
    came = Flood()
    heard_at = moved_at = time.monotonic()
    sent = 0
    async with (
        connect(one.broker.transport(Role.VIEWER), (channels.HEALTH,)) as viewer,
        connect(one.broker.transport(Role.CAPTURE)) as camera,
    ):
        due = list(looks)
        while due:
            while sent < due[0] and sent - came.handled - came.lost < UNDER_WAY:
                frame = messages.Frame(
                    jpeg=pictures[sent % len(pictures)], frame_id=f"g{sent}", captured_at=datetime.now(UTC)
                )
                await camera.send(Outbound(channels.FRAME, frame, {"door": "front", "camera": f"c{sent % CAMERAS}"}))
                sent += 1
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    health: messages.Health = (await viewer.expect(channels.HEALTH)).message
            except TimeoutError:
                raise SystemExit(f"no health within {PATIENCE_SECONDS:g} s: {process.log()[-500:]}") from None
            now = time.monotonic()
            came.silence, heard_at = max(came.silence, now - heard_at), now
            handled = accounted_for(health)
            moved_at = now if handled > came.handled else moved_at
            came.handled, came.errors = handled, int(health.figures["errors"])
            came.figures = dict(health.figures)
            if now - moved_at > STALLED_SECONDS:
                came.lost, moved_at = sent - handled, now
            if came.handled + came.lost >= due[0]:  # all that was sent is done, and nothing is under way
                came.resident[due.pop(0)] = usage(process.pid).resident
                looked(came)
    await process.stop()
    came.raw = [line for line in process.log().splitlines() if line and not line.startswith("timestamp=")]
    return came


def accounted_for(health: messages.Health) -> int:
    """How many frames a recognizer has handled, refused or passed over."""
    return sum(health.refused.values()) + int(health.figures.get("frames", 0) + health.figures["superseded"])


def mixed(garbage: Sequence[bytes], percent: int) -> list[bytes]:
    """Each piece of garbage once, in a row in which `percent` of 100 frames show people."""
    people = list(visits(VAR / "samples", VISITS if percent else 0))
    row = [*garbage, *(people[number % VISITS] for number in range(len(garbage) * percent // (100 - percent)))]
    random.Random(1).shuffle(row)  # noqa: S311 (the same row each time)
    return row


def report(looks: Looks, came: Flood) -> list[str]:
    """Print all; what was not as it must be."""
    table = Table(title="What came of each kind", title_justify="left")
    reasons = sorted({reason for counts in looks.outcomes.values() for reason in counts})
    for name in ("", *reasons):
        table.add_column(name, justify="right" if name else "left")
    for kind, counts in looks.outcomes.items():
        table.add_row(kind, *(str(counts[reason] or "") for reason in reasons))
    totals: Counter[str] = sum(looks.outcomes.values(), Counter())
    table.add_row("all", *(str(totals[reason]) for reason in reasons), style="bold")
    console.print(table)
    for title, rows, unit in (
        ("slowest to decode", looks.decoding, "ms"),
        ("slowest with the faces on it", looks.whole, "ms"),
        ("longest against what was foreseen", looks.foreseen, "times"),
    ):
        console.print(f"{title}: " + "; ".join(f"{value:.2f} {unit} ({kind})" for value, kind in sorted(rows)[:-4:-1]))
    memory = ", ".join(f"{mib:.1f} MiB after {count:,}" for count, mib in came.resident.items())
    console.print(f"memory of the recognizer: {memory} frames: {came.percent:+.2f} %")
    console.print(
        f"errors: {came.errors}; longest time without health: {came.silence:.1f} s; raw lines: {len(came.raw)}"
    )
    slowest, _ = max(looks.decoding)
    wrong: Mapping[str, bool] = {
        f"a picture took {slowest:.0f} ms to decode": slowest > MOST_MILLISECONDS,
        f"memory grew by {came.percent:.2f} %": came.percent > ALLOWED_PERCENT,
        f"{came.errors} errors": came.errors > 0,
        f"raw lines in the log: {came.raw[:3]}": bool(came.raw),
    }
    return [what for what, so in wrong.items() if so]


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Look, flood, report and keep."""
    pictures = list(corpus(VAR / "samples", given.pictures))
    looks = look(pictures, build_vision(weights_dir=VAR / "weights"))
    step = given.frames // 10

    def store(came: Flood) -> None:
        keep("garbage", {"pictures": len(pictures), "visits_percent": given.visits, **looks.kept(), **came.kept()})

    def looked(came: Flood) -> None:
        count, mib = list(came.resident.items())[-1]
        console.print(
            f"{mib:.1f} MiB after {count:,} of {given.frames:,} frames; {came.lost} lost, {came.errors} errors"
        )
        store(came)

    store(Flood())
    frames = mixed([jpeg for _, jpeg in pictures], given.visits)
    async with stack(var, VAR) as one:
        came = await flood(one, frames, range(step, given.frames + 1, step), looked)
    wrong = report(looks, came)
    store(came)
    if wrong:
        sys.exit("; ".join(wrong))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pictures", type=int, default=2000, help="how many different ones")
    arguments.add_argument("--frames", type=int, default=50_000, help="how many frames are sent to the process")
    arguments.add_argument(
        "--visits", type=int, default=0, choices=range(100), metavar="PERCENT", help="how many frames show people"
    )
    run(arguments, measure)
