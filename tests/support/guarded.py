"""The actuator's side of a guarded relay, without the actuator."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from doorbus_actuator.bolt import Report
from doorbus_actuator.guarded import Guarded

MAX_HOLD = 10.0


class Actuator:
    """A relay that is guarded, and what was reported of it."""

    def __init__(self, guarded: Guarded, reports: list[Report], path: Path, changed: asyncio.Condition) -> None:
        self.guarded = guarded
        self.reports = reports
        self._path = path
        self._changed = changed

    def unlocked(self) -> bool:
        """What the relay is, as its record has it."""
        return bool(json.loads(self._path.read_text().splitlines()[-1])["energised"])

    @property
    def guardian(self) -> int:
        """The process id of the guardian: the only child of this process whose command names it."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid() and str(self._path).encode() in (entry / "cmdline").read_bytes():
                    return int(entry.name)
        raise AssertionError("there is no guardian")

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds`, which is asked whenever something may have been reported."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(holds)


@asynccontextmanager
async def guarded(folder: Path, at: Path | None = None, door: str = "front") -> AsyncIterator[Actuator]:
    """A simulated relay of `door` in `folder`, guarded by a child, or by who listens at `at`."""
    path = folder / "relay.jsonl"
    given = {"relay": "simulated", "path": str(path), "door": door, "max_hold": MAX_HOLD}
    async with _guarded(Guarded(given, at), path) as one:
        yield one


@asynccontextmanager
async def guarded_as(given: Mapping[str, Any], secret: str | None) -> AsyncIterator[Actuator]:
    """A relay of any kind, guarded by a child."""
    async with _guarded(Guarded(given, secret=secret), Path("nowhere")) as one:
        yield one


@asynccontextmanager
async def _guarded(one: Guarded, path: Path) -> AsyncIterator[Actuator]:
    reports, changed = list[Report](), asyncio.Condition()
    await one.start(reports.append)

    async def watch() -> None:
        async for _ in one.watch():
            async with changed:
                changed.notify_all()

    watching = asyncio.create_task(watch())
    try:
        yield Actuator(one, reports, path, changed)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await one.close()
