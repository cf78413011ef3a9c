"""Which doors there are, for commands that name some."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence

import typer

from doorbus.cli.common import err
from doorbus.cli.lines import line
from doorbus.cli.standing import names
from doorbus.runtime.client import Client
from doorbus.wire.channels import LOCK_STATE

REPLAY_SECONDS = 0.5
"""In so long the broker has told what it retains."""


async def known_doors(client: Client) -> list[str]:
    """The doors whose actuators have ever told their state."""
    await client.listen(LOCK_STATE)
    doors: set[str] = set()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REPLAY_SECONDS):
            while True:
                doors.add((await client.expect(LOCK_STATE)).ids["door"])
    return sorted(doors)


async def at_doors(client: Client, doors: Sequence[str], work: Callable[[], Awaitable[int]]) -> int:
    """Do `work`; before it, name those of the `doors` that are none: who sits before a terminal may still say no."""
    there = await known_doors(client) if doors else []
    missing = [door for door in dict.fromkeys(doors) if there and door not in there]
    if missing:
        there_is = f"there is no door {names(missing)} yet; the doors are {names(there)}"
        err.print(line((f"{there_is} (--new-door {missing[0]} says so without a question)", "yellow")))
        if sys.stdin.isatty():
            typer.confirm("Is one to come?", abort=True, err=True)
    return await work()
