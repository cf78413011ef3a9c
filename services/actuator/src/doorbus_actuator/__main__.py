"""Starts the actuator."""

import sys

from doorbus.clock import SystemClock
from doorbus.service import run
from doorbus.settings import fail, load
from doorbus_actuator.relay import Relay, RelayError
from doorbus_actuator.rpi import RpiRelay, load_gpio
from doorbus_actuator.service import ActuatorService
from doorbus_actuator.settings import ActuatorSettings, RelayKind
from doorbus_actuator.simulated import SimulatedRelay


def main() -> int:
    """Run until told to stop; return the exit status."""
    settings = load(ActuatorSettings)
    own, clock = settings.actuator, SystemClock()
    relay: Relay = SimulatedRelay(settings.var / "relay.jsonl", clock)
    if own.relay is RelayKind.RPI:
        try:
            relay = RpiRelay(load_gpio(), own.pin, own.numbering, own.active)
        except RelayError as error:
            fail(str(error))
    return run(ActuatorService(own, relay, clock), settings)


if __name__ == "__main__":
    sys.exit(main())
