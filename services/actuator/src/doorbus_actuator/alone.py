"""Files that one process holds for as long as it lives, so that no second one drives the same relay or journal."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from doorbus.runtime.errors import SetupError


class HeldError(Exception):
    """Another process that lives holds the file."""


def hold(path: Path) -> int:
    """Hold the file from now on, made where there is none; the descriptor that does.

    Raises `HeldError`, and `OSError` where that cannot be found out.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise HeldError(str(path)) from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def be_the_only_actuator(var: Path, door: str) -> None:
    """Hold the door in this directory until the process ends; raises `SetupError` while another actuator does.

    On a disk on which nothing can be written nobody finds out, for the door must open all the same.
    """
    with suppress(OSError):
        var.mkdir(parents=True, exist_ok=True)
        try:
            hold(var / f"actuator-{door}.lock")
        except HeldError:
            raise SetupError(
                f"DOORBUS_VAR={var}: another actuator of door {door} runs with this directory, and its journal "
                f"{var / f'journal-{door}.db'} has one writer; stop that one, or give this one a door "
                "(DOORBUS_ACTUATOR__DOOR) or a directory (DOORBUS_VAR) of its own"
            ) from None
