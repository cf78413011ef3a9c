"""Reads the settings, makes the socket at which actuator and guardian meet, and becomes the guardian."""

import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from doorbus.runtime.errors import SetupError, ended
from doorbus.runtime.settings import load
from doorbus_actuator.factory import chosen_relay, lock_secret
from doorbus_actuator.guardian import SECRET, rouse_by
from doorbus_actuator.hiring import command
from doorbus_actuator.seat import TakenError, sit
from doorbus_actuator.settings import ActuatorSettings

_CHECK = "--check"


def guard() -> int:
    """Become a guardian; raises `SetupError` when the settings do not allow it."""
    arguments = sys.argv[1:]
    settings = load(ActuatorSettings, [one for one in arguments if one != _CHECK])
    relay = json.dumps(chosen_relay(settings))
    path = settings.actuator.guardian
    if path is None:
        raise SetupError(
            "DOORBUS_ACTUATOR__GUARDIAN is empty: name the socket at which the actuator finds its guardian"
        )
    if (secret := lock_secret(settings)) is not None:
        os.environ[SECRET] = secret
    if _CHECK not in arguments:
        _become(path, relay, settings.actuator.door)
    return 0


def _become(path: Path, relay: str, door: str) -> NoReturn:
    listener = _listening(path, door)
    rouse_by(listener.fileno())  # from here on whoever looks for a guardian wakes it if it was stopped
    os.dup2(listener.fileno(), sys.stdin.fileno())
    words, environment = command(relay, listening=True)
    # What has read the settings is 40 MB; the guardian needs none of it.
    os.execve(sys.executable, words, {**os.environ, **environment})  # noqa: S606  # our own words


def _listening(path: Path, door: str) -> socket.socket:
    """A socket at `path`, in the place of what a guardian that was killed left there."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        sit(path, door)
        with suppress(FileNotFoundError):
            path.unlink()
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
    except TakenError as taken:
        way_out = (
            "stop that one first: two would drive one relay"
            if taken.door == door
            else f"{door} needs a socket of its own, in containers a volume of its own, as scripts/door add gives it"
        )
        raise SetupError(
            f"DOORBUS_ACTUATOR__GUARDIAN={path}: the guardian of door {taken.door} listens there; {way_out}"
        ) from None
    except OSError as error:
        raise SetupError(
            f"DOORBUS_ACTUATOR__GUARDIAN={path}: no socket can be made there: {error.strerror or error}"
        ) from None
    return listener


def run_guard() -> int:
    """Become a guardian; the exit status when that cannot be."""
    return ended(guard)
