"""How many pictures a second `doorbus import` enrols, with one recognizer or several.

The command runs as a person runs it, on folders of pictures: those that are given, or some made of the sample pictures,
each another crop, so that all are taken. Then it runs again, as after an interruption.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path

import cv2

from common import VAR, console, keep, run, show
from doorbus.local.stack import Stack, stack
from doorbus.wire.channels import Role
from proc import peak

PEOPLE = ("obama.jpg", "biden.jpg", "astronaut.png")


def make(folder: Path, pictures: int) -> None:
    """So many crops of each sample picture, no two alike."""
    chance = random.Random(1)  # noqa: S311  # the same pictures each time
    for name in PEOPLE:
        image = cv2.imread(str(VAR / "samples" / name))
        assert image is not None
        into = folder / name.partition(".")[0]
        into.mkdir(parents=True)
        height, width = image.shape[:2]
        for number in range(pictures):
            left, upper = (chance.randrange(0, side // 20) for side in (width, height))
            crop = image[upper : height - height // 40, left : width - width // 40]
            scale = min(1.0, 640 / max(crop.shape[:2]))
            small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(into / f"{number:04}.jpg"), small)


async def imported(one: Stack, folder: Path) -> tuple[float, str]:
    """Seconds that the command took, and its last lines."""
    environment = {**os.environ, "DOORBUS_BROKER__PORT": str(one.broker.port), "DOORBUS_VAR": str(one.var)}
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "doorbus.cli", "import", str(folder)),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    return time.monotonic() - began, told.decode().strip().rpartition("\n")[2]


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Import, and again."""
    folder = given.folder
    if folder is None:
        folder = var / "faces"
        make(folder, given.pictures)
    count = sum(len(files) for *_, files in os.walk(folder))
    rows = {}
    site = var / "site"
    site.mkdir()
    async with stack(site, VAR) as one:
        await one.broker.start()
        await one.start(
            Role.ENROLLER, {"DOORBUS_ENROLLER__MAX_SAMPLES": "100", "DOORBUS_ENROLLER__NEAR_DUPLICATE": "1"}
        )
        for number in range(given.replicas):
            await one.start(Role.RECOGNIZER, {}, instance=f"recognizer-{number}")
        for what in ("first", "again"):
            seconds, told = await imported(one, folder)
            console.print(f"{what}: {told}")
            rows[what] = {"seconds": seconds, "pictures a second": count / seconds}
        memory = peak(one.process("enroller").pid)
    show(f"import of {count} pictures, recognizers: {given.replicas}; the enroller took {memory:.0f} MiB", rows, "")
    keep("importing", {"pictures": count, "replicas": given.replicas, "rows": rows, "memory": memory})


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", type=Path, nargs="?", help="pictures, one folder a person; made of samples if not given"
    )
    parser.add_argument("--pictures", type=int, default=100, help="of each of the three people; default 100")
    parser.add_argument("--replicas", type=int, default=1, help="recognizers; default 1")
    run(parser, measure)


if __name__ == "__main__":
    main()
