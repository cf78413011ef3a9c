"""The keys that sign and confirm, as the settings name them."""

from collections.abc import Iterable
from pathlib import Path

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import CommonSettings
from doorbus.wire.channels import Channel, Role
from doorbus.wire.ed25519 import PublicKey, SecretKey
from doorbus.wire.keyfiles import read_key, read_public_keys
from doorbus.wire.signatures import Keyring

_WAY_OUT = "doorbus secrets makes the keys of a site, make run those of a local run; mosquitto/README.md says for whom"


def open_keys(settings: CommonSettings, own: Role | None = None, *, unasked: Iterable[Channel[object]] = ()) -> Keyring:
    """The keyring of a service that signs as `own`, if at all, and takes what comes on `unasked` unsigned.

    Raises `SetupError` for a file that is missing or wrong.
    """
    path = settings.signers_path
    try:
        public = read_public_keys(path)
    except (OSError, ValueError) as error:
        raise _wrong("SIGNERS_FILE", path, error) from None
    return Keyring(
        own=None if own is None else open_signing_key(settings.signing_key_path(own)),
        public={role: tuple(map(PublicKey, keys)) for role, keys in public.items()},
        unasked=frozenset(channel.name for channel in unasked),
    )


def open_signing_key(path: Path) -> SecretKey:
    """The key in a file; raises `SetupError`."""
    try:
        return SecretKey(read_key(path))
    except (OSError, ValueError) as error:
        raise _wrong("SIGNING_KEY_FILE", path, error) from None


def _wrong(setting: str, path: Path, error: OSError | ValueError) -> SetupError:
    reason = error.strerror if isinstance(error, OSError) else error
    return SetupError(f"DOORBUS_{setting}={path}: {reason}; {_WAY_OUT}")
