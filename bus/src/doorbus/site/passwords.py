"""Passwords of the broker's users: made at random, and hashed as mosquitto's password_file wants them."""

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping

ITERATIONS = 1000
"""PBKDF2 takes so many rounds. The passwords made here have 192 random bits and need no stretching; one that was chosen
by a person gets ten times mosquitto_passwd's own number, and a Pi Zero still checks it in some milliseconds."""
_SALT_BYTES = 12


def new_password() -> str:
    """A password of 192 random bits."""
    return secrets.token_urlsafe(24)


def hashed(password: str, salt: bytes | None = None) -> str:
    """`$7$ITERATIONS$SALT$HASH`: PBKDF2 with HMAC-SHA-512, as mosquitto 1.6 and newer read it (mosquitto_passwd(1))."""
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def holds(text: str, passwords: Mapping[str, str]) -> bool:
    """Whether `text` is a password_file of exactly these users and their passwords."""
    stored = dict(line.partition(":")[::2] for line in text.splitlines())
    return stored.keys() == passwords.keys() and all(_is_of(stored[user], one) for user, one in passwords.items())


def _is_of(stored: str, password: str) -> bool:
    try:
        return stored == hashed(password, base64.b64decode(stored.split("$")[3], validate=True))
    except (IndexError, ValueError):
        return False


def password_file(passwords: Mapping[str, str]) -> str:
    """The text of mosquitto's password_file for these users and their passwords."""
    return "".join(f"{user}:{hashed(password)}\n" for user, password in passwords.items())
