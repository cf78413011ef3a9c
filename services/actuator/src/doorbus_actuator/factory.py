"""The relay that the settings ask for."""

from doorbus.runtime.clock import Clock
from doorbus_actuator.relay import Relay
from doorbus_actuator.rpi import RpiRelay, load_gpio
from doorbus_actuator.settings import ActuatorSettings, RelayKind
from doorbus_actuator.simulated import SimulatedRelay


def chosen_relay(settings: ActuatorSettings, clock: Clock) -> Relay:
    """The relay, not yet set up; raises `RelayError` when its library does not work here."""
    own = settings.actuator
    if own.relay is RelayKind.RPI:
        return RpiRelay(load_gpio(), own.pin, own.numbering, own.active)
    return SimulatedRelay(settings.var / "relay.jsonl", clock)
