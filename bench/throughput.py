"""Frames a second of one recognizer replica, when cameras send more than it can take.

Four cameras send 640x480 frames with one face each as fast as `--offered` says; liveness is on. What the replica does
not get to is superseded, so the recognitions that come out in a second are its throughput. Their age says what the
overload costs.
"""

import argparse
from pathlib import Path

from common import VAR, keep, run, show, spread
from doorbus.local.stack import stack
from doorbus.wire.channels import Role
from frames import CAMERAS, enrol_one, offer


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Offer frames and print what came out."""
    async with stack(var, VAR) as one:
        await one.broker.start()
        await one.start(Role.ENROLLER, {})
        await one.start(Role.RECOGNIZER, {})
        await enrol_one(one)
        outcome, rate = await offer(one, given.seconds, given.offered)
    show(
        f"one replica, {given.offered:g} frames a second offered by {CAMERAS} cameras for {given.seconds:g} s",
        {"frames a second": {"recognised": rate, "offered": outcome.offered}},
        "",
    )
    rows = {"capture to recognition": spread(outcome.ages)}
    show(f"{outcome.matched} of {len(outcome.ages)} recognitions name the right person", rows, "ms")
    figures = {"frames_per_second": rate, "offered": outcome.offered, "matched": outcome.matched, "milliseconds": rows}
    keep("throughput", figures)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--offered", type=float, default=150.0)
    run(parser, measure)


if __name__ == "__main__":
    main()
