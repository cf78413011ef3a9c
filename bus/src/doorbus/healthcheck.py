"""`python -m doorbus.healthcheck [--alive]`: is the service of this container at work?

Exit status 0 when it is: its event loop runs and it is connected to the broker; with `--alive` the first is enough. A
camera that is gone is told, but is no reason to be called unhealthy: a restart would not bring it back. Reads the file
that DOORBUS_STATUS_FILE names. Only the standard library is used, so that a check costs little on a small machine.
"""

import json
import os
import sys
import time

FRESH_SECONDS = 10.0
"""A service beats every second; one that has not for so long hangs."""


def judge(path: str, *, monotonic: float, alive: bool) -> tuple[bool, str]:
    """Whether the service is well, and a sentence that says why. `monotonic` is the time now, in seconds."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # pathlib costs a tenth of the whole check
            status = json.load(file)
        age, online, problem = monotonic - float(status["monotonic"]), bool(status["online"]), status["problem"]
    except FileNotFoundError:
        return False, f"DOORBUS_STATUS_FILE={path}: not there; has the service started?"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return False, f"DOORBUS_STATUS_FILE={path}: cannot be read ({error})"
    if not 0 <= age <= FRESH_SECONDS:
        return False, f"the service hangs: its last beat is {age:.0f} s old"
    if not online and not alive:
        return False, "the service runs, but the broker is away"
    return True, f"at work, with a problem: {problem}" if problem else "at work"


def main() -> int:
    """Judge and say; returns the exit status."""
    path = os.environ.get("DOORBUS_STATUS_FILE")
    if not path:
        print("DOORBUS_STATUS_FILE: not set, here and for the service", file=sys.stderr)  # noqa: T201  # a command
        return 2
    well, why = judge(path, monotonic=time.monotonic(), alive="--alive" in sys.argv[1:])
    print(why)  # noqa: T201
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
