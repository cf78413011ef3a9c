"""The keys that seal, as the settings name them."""

from pathlib import Path

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import CommonSettings
from doorbus.wire.keyfiles import read_keys
from doorbus.wire.seal import Seal


def open_seal(settings: CommonSettings) -> Seal:
    """The seal of this site; raises `SetupError` for a key that is missing or wrong."""
    return _open("SITE_KEY_FILE", settings.site_key_path)


def open_recorder_seal(settings: CommonSettings) -> Seal:
    """The seal of what the recorder keeps; raises `SetupError` for a key that is missing or wrong."""
    return _open("RECORDER_KEY_FILE", settings.recorder_key_path)


def _open(setting: str, path: Path) -> Seal:
    try:
        return Seal(*read_keys(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SetupError(f"DOORBUS_{setting}={path}: {reason}; make one with: openssl rand -hex 32 > {path}") from None
