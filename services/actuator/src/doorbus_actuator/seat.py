"""Which door the guardian that listens at a socket is of: a file beside the socket says so, and a guardian holds it."""

import os
from contextlib import suppress
from pathlib import Path

from doorbus_actuator.alone import HeldError, hold


class TakenError(Exception):
    """A guardian listens there already: that of `door`."""

    def __init__(self, door: str | None) -> None:
        super().__init__(door)
        self.door = door


def door_at(path: Path) -> str | None:
    """The door whose guardian listened at `path` last; None where none has said so."""
    with suppress(OSError):
        return _file(path).read_text().strip() or None
    return None


def sit(path: Path, door: str) -> None:
    """Be the guardian at `path`, that of `door`, for as long as this process lives, whatever program it becomes.

    Raises `TakenError` where another one is, and `OSError`.
    """
    try:
        seat = hold(_file(path))
    except HeldError:
        raise TakenError(door_at(path)) from None
    os.set_inheritable(seat, True)
    os.ftruncate(seat, 0)
    os.write(seat, f"{door}\n".encode())


def _file(path: Path) -> Path:
    return path.with_name(f"{path.name}.door")
