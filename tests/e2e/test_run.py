"""`scripts/run`, which `make run` becomes: how it ends."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

LASTING = "one: exec sleep 1000\ntwo: exec sleep 1000\n"


SAYS_ITS_USER = """#!/bin/sh
echo "user=$DOORBUS_BROKER__USERNAME password=$DOORBUS_BROKER__PASSWORD_FILE."
exec sleep 1000
"""


async def start(
    tmp_path: Path, repository: Path, procfile: str, told: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """The script over a Procfile of its own, in a process group as a terminal makes one; what is kept says its user."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(repository / "scripts/run", tmp_path / "scripts/run")
    (tmp_path / "scripts/keep").write_text(SAYS_ITS_USER)
    (tmp_path / "scripts/keep").chmod(0o755)
    (tmp_path / "Procfile").write_text(procfile)
    return await asyncio.create_subprocess_exec(
        tmp_path / "scripts/run",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
        | dict(told or {}),
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


@pytest.mark.parametrize("user", ["actuator-front", ""])
async def test_a_user_of_its_own_goes_to_the_actuator_of_a_local_run_alone(
    tmp_path: Path, repository: Path, user: str
) -> None:
    procfile = (repository / "Procfile").read_text()
    missing, given = {line.partition(":")[0] for line in procfile.splitlines()}, {}
    async with asyncio.timeout(60):
        process = await start(tmp_path, repository, procfile, told={"ACTUATOR_USER": user})
        assert process.stdout is not None
        while missing:
            said = (await process.stdout.readline()).decode()
            assert said
            if found := re.search(r" (\w+)\.1 .*user=(.*) password=(.*)\.", said):
                missing.discard(found[1])
                given[found[1]] = (found[2], found[3])
        process.terminate()
        await process.communicate()

    assert given.pop("actuator") == ((user, f"var/secrets/users/{user}") if user else ("", ""))
    assert set(given.values()) == {("", "")}
