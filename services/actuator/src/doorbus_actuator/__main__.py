"""`python -m doorbus_actuator`: one door as a process."""

import sys

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.errors import SetupError
from doorbus.runtime.process import run
from doorbus_actuator.factory import chosen_relay
from doorbus_actuator.relay import RelayError
from doorbus_actuator.service import ActuatorService
from doorbus_actuator.settings import ActuatorSettings


def build(settings: ActuatorSettings) -> ActuatorService:
    """The service, its relay not yet set up."""
    clock = SystemClock()
    try:
        relay = chosen_relay(settings, clock)
    except RelayError as error:
        raise SetupError(str(error)) from None
    return ActuatorService(settings.actuator, relay, clock)


def main() -> int:
    """Run until told to stop; the exit status."""
    return run(ActuatorSettings, build)


if __name__ == "__main__":
    sys.exit(main())
