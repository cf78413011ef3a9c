"""The mark that a guardian leaves while it holds a relay, for whoever finds that it was killed (`early`)."""

from __future__ import annotations

import fcntl
import os

from doorbus_actuator.slim import suppress


def leave(path: str, text: str) -> None:
    """Say which relay is held from now on; where that cannot be written, a later start locks later.

    As long as this process lives it holds the file.
    """
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        with suppress(OSError):  # somebody looks at it just now, or the file system knows no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)
        os.write(file, text.encode())


def take_away(path: str) -> None:
    """Say that the relay was let go."""
    with suppress(OSError):
        os.unlink(path)
