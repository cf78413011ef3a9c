"""`scripts/run`, which `make run` becomes: how it ends."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

LASTING = "one: exec sleep 1000\ntwo: exec sleep 1000\n"


async def start(tmp_path: Path, repository: Path, procfile: str) -> asyncio.subprocess.Process:
    """The script over a Procfile of its own, in a process group as a terminal makes one."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(repository / "scripts/run", tmp_path / "scripts/run")
    (tmp_path / "Procfile").write_text(procfile)
    return await asyncio.create_subprocess_exec(
        tmp_path / "scripts/run",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"},
    )


async def until(process: asyncio.subprocess.Process, *words: str) -> None:
    """Until each of the words was said: honcho loses its head when told to end before it knows what it has started."""
    assert process.stdout is not None
    missing = set(words)
    while missing:
        said = (await process.stdout.readline()).decode()
        assert said
        missing = {word for word in missing if word not in said}


@pytest.mark.parametrize("to_all", [True, False], ids=["ctrl-c", "sigterm"])
async def test_who_is_told_to_end_ends_well_and_says_so(tmp_path: Path, repository: Path, *, to_all: bool) -> None:
    async with asyncio.timeout(60):
        process = await start(tmp_path, repository, LASTING)
        await until(process, "one.1 started", "two.1 started")

        if to_all:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.terminate()
        said = (await process.communicate())[0].decode()

    assert process.returncode == 0
    assert said.splitlines()[-1] == "doorbus has stopped."


async def test_a_service_that_was_set_up_wrongly_ends_all_with_its_status(tmp_path: Path, repository: Path) -> None:
    async with asyncio.timeout(60):
        process = await start(tmp_path, repository, LASTING + "three: exit 2\n")
        said = (await process.communicate())[0].decode()

    assert process.returncode == 2
    assert "doorbus has stopped." not in said


async def test_what_the_door_does_without_stops_nobody_when_it_was_set_up_wrongly(
    tmp_path: Path, repository: Path
) -> None:
    async with asyncio.timeout(60):
        process = await start(
            tmp_path, repository, f"{LASTING}three: {repository}/scripts/keep --aside sh -c 'exit 2'\n"
        )
        await until(process, "one.1 started", "two.1 started", "three.1 started", "all else goes on without it")
        going_on = process.returncode is None
        process.terminate()
        said = (await process.communicate())[0].decode()

    assert going_on
    assert process.returncode == 0
    assert said.splitlines()[-1] == "doorbus has stopped."
