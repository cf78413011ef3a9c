"""`python -m doorbus_actuator`: one door. The first act is to lock it."""

import sys

from doorbus_actuator import early


def main() -> int:
    """Lock, and run until told to stop; the exit status."""
    early.lock()
    from doorbus_actuator.wiring import run_door  # noqa: PLC0415  # to load it takes longer than to lock

    return run_door()


if __name__ == "__main__":
    sys.exit(main())
