"""An actuator whose time of day is off by the seconds in the file VAR/shift, for bench/chaos.py."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from doorbus_actuator import early

early.lock()  # as doorbus_actuator.__main__ does

# ruff: noqa: E402  # the first act is to lock
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.floor import Floor
from doorbus.runtime.process import run
from doorbus_actuator.factory import chosen_journal, chosen_relay
from doorbus_actuator.guarded import Guarded
from doorbus_actuator.service import ActuatorService, keys_of
from doorbus_actuator.settings import ActuatorSettings


class ShiftedClock(SystemClock):
    """The machine's clocks, with another time of day."""

    def __init__(self, shift: Path) -> None:
        self._shift = shift

    def now(self) -> datetime:
        """Time of day in UTC, as the file has it."""
        return super().now() + timedelta(seconds=float(self._shift.read_text() or 0))


def build(settings: ActuatorSettings) -> ActuatorService:
    """The service, its relay not yet guarded."""
    guarded = Guarded(chosen_relay(settings), settings.actuator.guardian)
    clock = ShiftedClock(settings.var / "shift")
    floor = Floor(settings.floors, "roster", settings.root, clock)
    journal = chosen_journal(settings)
    return ActuatorService(settings.actuator, guarded, clock, keys_of(settings), floor, journal=journal)


if __name__ == "__main__":
    sys.exit(run(ActuatorSettings, build))
