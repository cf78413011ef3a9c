"""What starts a guardian. All that it must know is said in its command, so that it reads nothing."""

import json
import os
import sys
from typing import Any

from doorbus_actuator import early


def command(given: str, *, listening: bool = False) -> tuple[list[str], dict[str, str]]:
    """What runs a guardian of the relay `given` as JSON, and what must be in its environment.

    Its standard input is a socket to the actuator, or one that listens. It finds modules where this process does,
    without the machinery that looks for what is installed.
    """
    relay: dict[str, Any] = json.loads(given)
    # As Python has it: a guardian would be larger by what reads JSON.
    run = f"from doorbus_actuator.guardian import main; main({relay!r}, {early.marked(relay)!r}, listening={listening})"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "LC_ALL": "C"}  # another locale is a table of 150 KiB
    return [sys.executable, "-P", "-S", "-c", run], environment
