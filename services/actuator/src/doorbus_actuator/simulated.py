"""A relay for trying doorbus without one: every transition becomes a line in a file."""

import json
from pathlib import Path

import structlog

from doorbus.runtime.clock import Clock
from doorbus.wire.messages import utc
from doorbus_actuator.relay import RelayError

_log = structlog.get_logger("doorbus.actuator")


class SimulatedRelay:
    """Appends `{"at", "monotonic", "energised"}` to `path` for each transition, the first of them at `setup`.

    A file that cannot be written is logged and changes nothing else: a full disk must not keep a door from locking.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._energised: bool | None = None
        self._closed = False

    def setup(self) -> None:
        """Write the first line: de-energised."""
        self._require(set_up=False)
        self._switch(energised=False)

    def energise(self) -> None:
        """Unlock."""
        self._require(set_up=True)
        self._switch(energised=True)

    def de_energise(self) -> None:
        """Lock."""
        self._require(set_up=True)
        self._switch(energised=False)

    def close(self) -> None:
        """Lock, and take no more orders."""
        if not self._closed and self._energised is not None:
            self._switch(energised=False)
        self._closed = True

    def _require(self, *, set_up: bool) -> None:
        if self._closed:
            raise RelayError("the relay is closed")
        if set_up and self._energised is None:
            raise RelayError("the relay is not set up")

    def _switch(self, *, energised: bool) -> None:
        if energised == self._energised:
            return
        self._energised = energised
        line = {"at": utc(self._clock.now()), "monotonic": self._clock.monotonic(), "energised": energised}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            _log.warning("relay_not_recorded", path=str(self._path), energised=energised, why=error.strerror)
