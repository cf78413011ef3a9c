"""`doorbus calibrate`: the recognizer's own program, under the name where people look for it."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

_PROGRAM = "doorbus_recognizer.calibrate"


def calibrate(
    directory: Annotated[Path, typer.Argument(help="With a folder of JPEG pictures for each person.")],
    samples: Annotated[int, typer.Option(min=1, help="With how many of them everybody is enrolled.")] = 3,
) -> None:
    """Find the threshold that fits the people of this site, by pictures of them."""
    if importlib.util.find_spec(_PROGRAM.partition(".")[0]) is None:
        print("the recognizer is not installed here: pip install doorbus-recognizer", file=sys.stderr)
        raise typer.Exit(1)
    command = [sys.executable, "-m", _PROGRAM, str(directory), "--samples", str(samples)]
    raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 (our own program)
