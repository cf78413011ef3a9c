"""The mark that a guardian leaves while it holds a relay, for whoever finds that it was killed (`early`)."""

from __future__ import annotations

import os

from doorbus_actuator.slim import suppress


def leave(path: str, text: str) -> None:
    """Say which relay is held from now on; where that cannot be written, a later start locks later."""
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)


def take_away(path: str) -> None:
    """Say that the relay was let go."""
    with suppress(OSError):
        os.unlink(path)
