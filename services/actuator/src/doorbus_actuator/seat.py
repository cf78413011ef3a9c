"""Which door the guardian that listens at a socket is of: a file beside the socket says so."""

import socket
from contextlib import suppress
from pathlib import Path


def door_at(path: Path) -> str | None:
    """The door whose guardian listened at `path` last; None where none has said so."""
    with suppress(OSError):
        return _file(path).read_text().strip() or None
    return None


def other_door_at(path: Path, door: str) -> str | None:
    """The other door whose guardian listens at `path` now; None where the socket is free for `door`."""
    held = door_at(path)
    if held in {None, door}:
        return None
    with socket.socket(socket.AF_UNIX) as link:
        link.setblocking(False)
        try:
            link.connect(str(path))
        except BlockingIOError:  # many wait for it
            return held
        except OSError:
            return None
    return held


def sit(path: Path, door: str) -> None:
    """Say that the guardian that listens at `path` is of `door`; raises `OSError`."""
    _file(path).write_text(f"{door}\n")


def _file(path: Path) -> Path:
    return path.with_name(f"{path.name}.door")
