"""Tells whoever supervises this process that it is at work: a status file, and systemd when that started it."""

import contextlib
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from doorbus.files import put

_log = structlog.get_logger("doorbus.runtime.heartbeat")

BEAT_SECONDS = 1.0


@dataclass(frozen=True)
class Beat:
    """What a supervisor wants to know. `monotonic` is the system's monotonic clock in seconds at this beat."""

    monotonic: float
    online: bool
    """Whether the service is connected to the broker."""
    problem: str | None
    """What keeps the service from its work, for people."""


class Heartbeat:
    """Passes each beat on to `path` (none: no file) and to the socket that systemd's NOTIFY_SOCKET names.

    See sd_notify(3) for the words. A beat that cannot be told is no reason to stop: the supervisor misses it.
    """

    def __init__(self, path: Path | None, notify_socket: str | None) -> None:
        self._path = path
        self._socket = notify_socket
        self._ready = False
        self._failed = False

    @classmethod
    def of_process(cls, path: Path | None) -> "Heartbeat":
        """The heartbeat of this process."""
        return cls(path, os.environ.get("NOTIFY_SOCKET"))

    def beat(self, status: Beat) -> None:
        """Tell `status`, and once, when first connected, that the service is ready."""
        state = status.problem or ("connected" if status.online else "the broker is away")
        words = ["WATCHDOG=1", f"STATUS={state.splitlines()[0]}"]
        if status.online and not self._ready:
            self._ready = True
            words.append("READY=1")
        try:
            self._notify("\n".join(words))
            self._write(status)
        except OSError as error:
            if not self._failed:
                _log.warning("heartbeat_failed", reason=str(error))
            self._failed = True
        else:
            self._failed = False

    def end(self) -> None:
        """The service is about to stop, by its own will or because it was told to."""
        with contextlib.suppress(OSError):
            self._notify("STOPPING=1")
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _notify(self, words: str) -> None:
        if self._socket is None:
            return
        address = "\0" + self._socket[1:] if self._socket.startswith("@") else self._socket
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            out.sendto(words.encode(), address)

    def _write(self, status: Beat) -> None:
        if self._path is not None:
            put(self._path, json.dumps(asdict(status)), lasting=False)
