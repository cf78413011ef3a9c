"""`doorbus import` with real pictures, recognizer and database."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from PIL import Image

from doorbus.cli.people import read_roster
from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire.channels import Role

OBAMAS = ("obama", "obama2", "obama3")


@pytest.fixture
async def site(fresh_stack: Stack) -> Stack:
    """Enroller and recognizer."""
    await fresh_stack.broker.start()
    for role in (Role.ENROLLER, Role.RECOGNIZER):
        await fresh_stack.start(role, {"DOORBUS_ENROLLER__MAX_SAMPLES": "40", "DOORBUS_ENROLLER__NEAR_DUPLICATE": "1"})
    return fresh_stack


async def _start(site: Stack, folder: Path) -> asyncio.subprocess.Process:
    environment = {**os.environ, "DOORBUS_BROKER__PORT": str(site.broker.port), "DOORBUS_VAR": str(site.var)}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "doorbus.cli", "import", str(folder)),
        env=environment | {"COLUMNS": "160"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _imported(site: Stack, folder: Path) -> tuple[int | None, str]:
    process = await _start(site, folder)
    async with asyncio.timeout(50):
        out, err = await process.communicate()
    assert err == b""
    return process.returncode, out.decode()


async def _names(site: Stack) -> dict[str, str | None]:
    async with connect(site.broker.transport(Role.VIEWER)) as viewer:
        roster = await read_roster(viewer, 10)
    assert roster is not None
    return {entry.person: entry.name for part in roster.parts() for entry in part}


async def test_people_come_from_the_folders_of_another_program(site: Stack, samples: Path, tmp_path: Path) -> None:
    media = tmp_path / "media"
    faces = media / "clips" / "faces"
    for person in ("Barack Obama", "biden", "train"):
        (faces / person).mkdir(parents=True)
    for name in OBAMAS:
        Image.open(samples / f"{name}.jpg").save(faces / "Barack Obama" / f"{name}.webp")
    whole = Image.open(samples / "biden.jpg")
    whole.crop((470, 220, 770, 620)).resize((150, 200)).save(faces / "biden" / "cut-out.png")
    Image.open(samples / "astronaut.png").save(faces / "biden" / "mistaken.png")
    whole.save(faces / "train" / "guess.webp")

    status, told = await _imported(site, media)

    assert status == 1, told
    assert "4 pictures of 2 people are new samples, 2 refused: 1 left out, 1 not_the_same_person" in told
    assert await _names(site) == {"barack-obama": "Barack Obama", "biden": None}


async def test_an_import_that_was_interrupted_goes_on_where_it_was(site: Stack, samples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    for person, name in (("obama", "obama.jpg"), ("biden", "biden.jpg")):
        (folder / person).mkdir(parents=True)
        picture = Image.open(samples / name)
        for number in range(20):
            picture.save(folder / person / f"{number}.jpg", quality=60 + number)
    process = await _start(site, folder)
    async with connect(site.broker.transport(Role.OPERATOR)) as operator:
        roster = None
        while not roster or not roster.manifest.count:
            roster = await read_roster(operator, 30)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert process.returncode == 130, (out, err)
    assert b"The import is not complete; run it again to go on." in err
    assert b"Traceback" not in err

    status, told = await _imported(site, folder)
    assert status == 0
    assert "none refused" in told
    await site.stop_service("recognizer")

    assert await _imported(site, folder) == (  # nothing is left for a recognizer to look at
        0,
        "0 pictures of 2 people are new samples, 40 more are there already or add nothing, none refused\n",
    )
