"""Relay and inputs for trying doorbus without any: files."""

from __future__ import annotations

import os
import time

from doorbus_actuator.relay import RelayError
from doorbus_actuator.slim import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_REMEMBERED = 1000
"""Transitions that are kept for a disk that is full; older ones are lost."""


class SimulatedRelay:
    """Appends `{"at", "monotonic", "energised", "door"}` to `path` for each transition, the first of them at `setup`.

    A file that cannot be written changes nothing else, because a full disk must not keep a door from locking: `note` is
    told, and the lines follow, with the time of their transition, when there is room again.
    """

    def __init__(
        self,
        path: str | Path,
        note: Callable[[str], None],
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        door: str,
    ) -> None:
        self._path = path
        self._note = note
        self._door = door
        self._now = now
        self._monotonic = monotonic
        self._energised: bool | None = None
        self._closed = False
        self._unwritten: list[bytes] = []

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

    def tend(self) -> None:
        """Write what could not be written."""
        if self._unwritten:
            self._write()

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
        is_on = "true" if energised else "false"
        what = f'"monotonic": {self._monotonic()!r}, "energised": {is_on}, "door": "{self._door}"'  # an id: no quotes
        self._unwritten.append(f'{{"at": "{_utc(self._now())}", {what}}}\n'.encode())
        del self._unwritten[:-_REMEMBERED]
        why = self._write()
        if why is not None:
            self._note(f"{self._path}: {why}; the relay is {'on' if energised else 'off'} all the same")

    def _write(self) -> str | None:
        """Append what is not written yet; why not all of it could be."""
        try:
            os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            return error.strerror
        try:
            while self._unwritten:
                rest = self._unwritten[0][os.write(file, self._unwritten[0]) :]
                if rest:  # the disk became full within a line
                    self._unwritten[0] = rest
                else:
                    del self._unwritten[0]
        except OSError as error:
            return error.strerror
        finally:
            os.close(file)
        return None


def _utc(seconds: float) -> str:
    """A time as RFC 3339 has it, of seconds since 1970."""
    whole, microseconds = divmod(round(seconds * 1_000_000), 1_000_000)
    fraction = f".{microseconds:06}" if microseconds else ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}{fraction}Z"


class SimulatedSwitch:
    """Is felt while the word `ON` stands in a file; works without a broker."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def setup(self) -> None:
        """There is nothing to claim."""

    def read(self) -> bool:
        """Whether it is felt; a file that is not there says that it is not."""
        try:
            return self._path.read_bytes().strip() == b"ON"
        except OSError:
            return False

    def close(self) -> None:
        """Nothing is left over."""
