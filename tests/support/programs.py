"""Programs of the repository, run as a person runs them."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from doorbus.local.stack import Stack


async def doorbus(site: Stack, *arguments: str | Path) -> tuple[int | None, str]:
    """The exit status of the command at a site, and all that it has printed."""
    of_site = {"DOORBUS_BROKER__PORT": str(site.broker.port), "DOORBUS_VAR": str(site.var), "COLUMNS": "160"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "doorbus.cli", *map(str, arguments)),
        env={**os.environ, **of_site},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(50):
        told, _ = await process.communicate()
    return process.returncode, told.decode()


def bench(repository: Path, var: Path, name: str, *arguments: str) -> str:
    """What a program of bench/ has printed; fails when it ends with another status than 0."""
    done = subprocess.run(
        [sys.executable, f"bench/{name}.py", *arguments],
        cwd=repository,
        env={**os.environ, "DOORBUS_VAR": str(var)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
