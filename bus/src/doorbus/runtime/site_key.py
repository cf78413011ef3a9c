"""The site key as the settings name it."""

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import CommonSettings
from doorbus.wire.keyfiles import read_keys
from doorbus.wire.seal import Seal


def open_seal(settings: CommonSettings) -> Seal:
    """The seal of this site; raises `SetupError` for a key that is missing or wrong."""
    path = settings.site_key_path
    try:
        return Seal(*read_keys(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SetupError(
            f"DOORBUS_SITE_KEY_FILE={path}: {reason}; make one with: openssl rand -hex 32 > {path}"
        ) from None
