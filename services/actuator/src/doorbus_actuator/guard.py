"""`python -m doorbus_actuator.guard`: a guardian of the relay that is nobody's child. The first act is to lock.

In a unit, container or pod of its own it lives on when whatever the actuator runs in is killed as a whole. Actuator and
guardian meet at the socket that `DOORBUS_ACTUATOR__GUARDIAN` names, which no other user may open. It reads the
actuator's settings, becomes `doorbus_actuator.guardian`, and locks first. With `--check` it only reads the settings.
"""

import sys

from doorbus_actuator import early


def main() -> int:
    """Lock, and become a guardian; the exit status when that cannot be."""
    early.lock()
    from doorbus_actuator.standing import run_guard  # noqa: PLC0415  # to load it takes longer than to lock

    return run_guard()


if __name__ == "__main__":
    sys.exit(main())
