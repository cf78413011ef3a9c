"""`python -m doorbus_actuator.release`: de-energises the relay, and ends.

For whoever supervises the actuator: a process that is killed leaves the pin as it was, so this runs when it has ended,
however it ended. It reads the actuator's settings and touches no network. Not while the actuator runs: that would lock
a door which the actuator believes open.
"""

import sys

from doorbus.clock import SystemClock
from doorbus.settings import fail, load
from doorbus_actuator.choice import chosen_relay
from doorbus_actuator.relay import RelayError
from doorbus_actuator.settings import ActuatorSettings


def main() -> int:
    """De-energise; returns the exit status, 2 when the relay could not be driven."""
    settings = load(ActuatorSettings)
    try:
        relay = chosen_relay(settings, SystemClock())
        relay.setup()
        relay.close()
    except RelayError as error:
        fail(f"the relay is as it was: {error}")
    print(f"door {settings.actuator.door}: the relay is de-energised", file=sys.stderr)  # noqa: T201  # a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
