"""The first act of a process that drives the relay, before anything large is loaded.

A guardian leaves a mark beside the relay's record, holds it, and takes it away when it has locked for the last time.
Where it is still there and nobody holds it, a guardian was killed, maybe together with all that could have locked in
its place: the relay that the mark names is de-energised at once, and not only when settings and libraries have been
read, which takes ten times as long.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys

from doorbus_actuator.guardian import relay_of
from doorbus_actuator.relay import RelayError
from doorbus_actuator.slim import TYPE_CHECKING, suppress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_BOOT = "/proc/sys/kernel/random/boot_id"
_ON_A_WIRE = frozenset({"simulated", "rpi", "gpiod"})
"""Others take long to be told, and have no pin that was left as it was."""


def mark_of(var: str, door: str) -> str:
    """Where the guardian of a door leaves its mark."""
    return os.path.join(var, f"guardian-{door}.json")


def marked(given: Mapping[str, Any]) -> str:
    """What the mark of a guardian says that holds the relay `given`; nothing where it leaves none."""
    if "mark" not in given or given["relay"] not in _ON_A_WIRE:
        return ""
    return json.dumps({**given, "boot": _boot()})


def lock() -> None:
    """De-energise the relay that a guardian may have left energised; whatever goes wrong is tried again later."""
    if "--check" in sys.argv:
        return
    var, door = os.environ.get("DOORBUS_VAR", "var"), os.environ.get("DOORBUS_ACTUATOR__DOOR", "front")
    with suppress(OSError, ValueError, KeyError, TypeError, RelayError), open(mark_of(var, door)) as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # a guardian that lives lets go by itself
        given = json.load(file)
        if given["boot"] == _boot():
            let_go(given)


def let_go(given: Mapping[str, Any]) -> None:
    """De-energise the relay `given`, whose guardian is dead, where it is on a wire; raises `RelayError`."""
    if given["relay"] in _ON_A_WIRE:
        relay = relay_of(given, lambda _: None)
        relay.setup()
        relay.close()


def _boot() -> str:
    """Which start of the machine this is: pins of an earlier one are inputs again."""
    try:
        with open(_BOOT) as file:
            return file.read().strip()
    except OSError:
        return ""
