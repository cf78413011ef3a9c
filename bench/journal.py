"""The journal by itself: what an entry costs, and whether SIGKILL loses one.

Exits with status 1 if an entry is missing that was written, or if the chain is not whole. A child writes as fast as it
can and says so after each write; it is killed at a random moment, and another one goes on in the same file.
"""

import argparse
import asyncio
import os
import random
import signal
import statistics
import struct
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from rich.progress import track

from common import console, keep, run, show, spread
from doorbus.wire.journal import text_of, verified
from doorbus.wire.messages import Decision, JournalKind, Outcome, Reason, Trigger
from doorbus_actuator.journal import Note
from doorbus_actuator.policy import Kind, Seen
from doorbus_actuator.sqlite_journal import SqliteJournal

_NUMBER = struct.Struct("<Q")


def grant() -> tuple[Note, Seen]:
    """What an opening by a face writes before the relay moves."""
    now = datetime.now(UTC)
    frames = (uuid4().hex, uuid4().hex)
    decision = Decision(
        outcome=Outcome.GRANTED,
        reason=Reason.MATCHED,
        trigger=Trigger.FACE,
        at=now,
        person="alice",
        confidence=0.97,
        camera="porch",
        frame_ids=frames,
    )
    fields = {"decision": decision, "seconds": 3.0}
    return Note(now, JournalKind.GRANTED, fields), Seen(Kind.FRAME, frames[-1], now)


def opened(path: Path) -> SqliteJournal:
    """The journal at `path`."""
    journal = SqliteJournal(path, days=90, mebibytes=32)
    journal.open()
    return journal


def cost(path: Path, entries: int) -> list[float]:
    """Microseconds of each of so many writes."""
    journal = opened(path)
    took = []
    for _ in range(entries):
        note, seen = grant()
        begun = time.perf_counter()
        written = journal.write((note,), (seen,))
        took.append((time.perf_counter() - begun) * 1e6)
        if not written:
            raise SystemExit(journal.fault)
    journal.close()
    return took


def write_for_ever(path: Path, told: int) -> None:
    """Write, and tell the number of each entry that is written; now and then do what is done each second."""
    journal = opened(path)
    while True:
        note, seen = grant()
        if not journal.write((note,), (seen,)):
            os._exit(1)
        os.write(told, _NUMBER.pack(journal.newest))
        if journal.newest % 50 == 0:
            asyncio.run(journal.upkeep())


def killed(path: Path, after: float) -> int:
    """Have a child write, and kill it after so many seconds; the number of the last entry that it has told of."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            write_for_ever(path, writing)
        os._exit(1)
    os.close(writing)
    first = os.read(reading, _NUMBER.size)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        raise SystemExit("a child ended by itself")
    rest = b""
    while piece := os.read(reading, 65536):
        rest += piece
    os.close(reading)
    told = first + rest
    if not told:
        raise SystemExit("a child could not write")
    (last,) = _NUMBER.unpack(told[len(told) // _NUMBER.size * _NUMBER.size - _NUMBER.size :][: _NUMBER.size])
    return int(last)


def lost(path: Path, last_told: int, looked_at: int) -> tuple[int, int]:
    """The number of the newest entry, and how many are missing or wrong beyond `looked_at`."""
    journal = opened(path)
    entries = journal.read(max(1, looked_at), journal.newest, journal.newest)
    wrong = sum(mistake is not None for _, mistake in verified((one, text_of(one)) for one in entries))
    journal.close()
    return journal.newest, wrong + max(0, last_told - journal.newest)


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Write, kill, look, and print."""
    random.seed(given.seed)
    took = cost(var / "cost.db", given.entries)
    missing = entries = 0
    for _ in track(range(given.kills), "kills", console=console, transient=True):
        last = killed(var / "killed.db", random.uniform(0.0, 0.05))  # noqa: S311
        entries, gone = lost(var / "killed.db", last, entries)
        missing += gone
    show(f"{given.entries} writes", {"an opening": spread(took)}, "µs")
    console.print(f"{given.kills} kills, seed {given.seed}: {entries} entries, {missing} lost")
    figures = {"kills": given.kills, "entries": entries, "lost": missing}
    keep("journal", {**figures, "microseconds": spread(took), "mean": statistics.mean(took)})
    if missing:
        sys.exit(1)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    run(parser, measure)


if __name__ == "__main__":
    main()
