"""The first act of a process that drives the relay, before anything large is loaded.

A guardian leaves a mark beside the relay's record, and takes it away when it has locked for the last time. Where it is
still there, a guardian was killed, maybe together with all that could have locked in its place: the relay that the mark
names is de-energised at once, and not only when settings and libraries have been read, which takes ten times as long.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from doorbus_actuator.guardian import relay_of
from doorbus_actuator.relay import RelayError

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ON_A_WIRE = frozenset({"simulated", "rpi", "gpiod"})
"""Others take long to be told, and have no pin that was left as it was."""


def mark_of(var: Path, door: str) -> Path:
    """Where the guardian of a door leaves its mark."""
    return var / f"guardian-{door}.json"


def leave_mark(given: dict[str, Any]) -> None:
    """Say which relay is held from now on; where that cannot be written, a later start locks later."""
    if "mark" in given and given["relay"] in _ON_A_WIRE:
        with suppress(OSError):
            Path(given["mark"]).parent.mkdir(parents=True, exist_ok=True)
            Path(given["mark"]).write_text(json.dumps({**given, "boot": _boot()}))


def take_mark_away(given: dict[str, Any]) -> None:
    """Say that the relay was let go."""
    if "mark" in given:
        with suppress(OSError):
            Path(given["mark"]).unlink(missing_ok=True)


def lock() -> None:
    """De-energise the relay that a guardian may have left energised; whatever goes wrong is tried again later."""
    if "--check" in sys.argv:
        return
    var, door = os.environ.get("DOORBUS_VAR", "var"), os.environ.get("DOORBUS_ACTUATOR__DOOR", "front")
    with suppress(OSError, ValueError, KeyError, TypeError, RelayError):
        given = json.loads(mark_of(Path(var), door).read_text())
        if given["boot"] == _boot() and given["relay"] in _ON_A_WIRE:
            relay = relay_of(given, lambda _: None)
            relay.setup()
            relay.close()


def _boot() -> str:
    """Which start of the machine this is: pins of an earlier one are inputs again."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
