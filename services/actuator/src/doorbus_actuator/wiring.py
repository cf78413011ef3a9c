"""One door as a process, and a second one that guards its relay."""

from functools import partial

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.floor import Floor
from doorbus.runtime.process import run
from doorbus.wire.channels import Role
from doorbus_actuator.alone import be_the_only_actuator
from doorbus_actuator.factory import chosen_journal, chosen_relay, chosen_switches, lock_secret
from doorbus_actuator.guarded import Guarded
from doorbus_actuator.service import ActuatorService, keys_of
from doorbus_actuator.settings import ActuatorSettings


def build(settings: ActuatorSettings) -> ActuatorService:
    """The service, its relay not yet guarded."""
    guarded = Guarded(chosen_relay(settings), settings.actuator.guardian, lock_secret(settings))
    clock = SystemClock()
    floor = Floor(settings.floors, "roster", settings.root, clock)
    journal = chosen_journal(settings)
    switches = chosen_switches(settings)
    user = settings.broker.username or Role.ACTUATOR.value
    return ActuatorService(
        settings.actuator,
        guarded,
        clock,
        keys_of(settings),
        floor,
        journal=journal,
        switches=switches,
        user=user,
        claim=partial(be_the_only_actuator, settings.var, settings.actuator.door),
    )


def run_door() -> int:
    """Run until told to stop; the exit status."""
    return run(ActuatorSettings, build)
