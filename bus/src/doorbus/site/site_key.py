"""The site key in its file, and another one in its place: both stand in it until nothing is sealed with the former."""

import secrets
from pathlib import Path

from doorbus.files import put
from doorbus.wire.keyfiles import keys_text, read_keys

KEY_BYTES = 32


def begin(path: Path) -> bool:
    """Put a new key before the one in the file, unless there are two already; whether one was put.

    Raises `OSError`, or `ValueError` for a file that holds something else.
    """
    keys = read_keys(path)
    if len(keys) > 1:
        return False
    _write(path, (secrets.token_bytes(KEY_BYTES), *keys))
    return True


def finish(path: Path) -> bool:
    """Leave the newest key alone in the file; whether there was a former one. Raises as `begin` does."""
    newest, *former = read_keys(path)
    if former:
        _write(path, (newest,))
    return bool(former)


def _write(path: Path, keys: tuple[bytes, ...]) -> None:
    put(path, keys_text(keys), path.stat().st_mode & 0o777)
