"""Passwords of accounts, as argon2id hashes. The only importer of argon2."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 8
LONGEST = 256
"""Characters."""

_HASHER = PasswordHasher()
_NOBODYS = _HASHER.hash("the password of nobody")


def hashed(password: str) -> str:
    """The hash to keep. Takes tenths of a second and 64 MiB, so it runs beside the event loop."""
    return _HASHER.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Whether `kept` is the hash of `password`. Without one, or with an empty one, it takes as long, and is wrong."""
    try:
        _HASHER.verify(kept or _NOBODYS, password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)
