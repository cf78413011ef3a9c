"""Starts the actuator."""

import sys

from doorbus.clock import SystemClock
from doorbus.service import run
from doorbus.settings import fail, load
from doorbus_actuator.choice import chosen_relay
from doorbus_actuator.relay import RelayError
from doorbus_actuator.service import ActuatorService
from doorbus_actuator.settings import ActuatorSettings


def main() -> int:
    """Run until told to stop; return the exit status."""
    settings, clock = load(ActuatorSettings), SystemClock()
    try:
        relay = chosen_relay(settings, clock)
    except RelayError as error:
        fail(str(error))
    return run(ActuatorService(settings.actuator, relay, clock), settings)


if __name__ == "__main__":
    sys.exit(main())
