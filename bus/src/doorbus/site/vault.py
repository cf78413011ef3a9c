"""A file that only a passphrase opens: records one after the other, whole or refused. libsodium does all of it.

The key is made of the passphrase by Argon2id, whose cost stands in the file. The records are encrypted by
XChaCha20-Poly1305 as one stream (`secretstream`): none can be changed, left out, repeated, or put elsewhere, and the
last one says that it is the last.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nacl import bindings as sodium
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.utils import random

from doorbus.files import putting

SHORTEST = 12
"""Least length of a passphrase."""

_MAGIC = b"doorbus vault 1\n"
_COST = struct.Struct("<QQ")
_LENGTH = struct.Struct("<I")
_PASSES, _MEMORY = 3, 64 * 1024 * 1024
"""What RFC 9106 advises where memory is small, in passes and bytes."""
_MOST = 64 * 1024 * 1024
"""A record is not larger, in bytes."""
_PURPOSE = b"doorbus"
_MESSAGE = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_HEADER_BYTES = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES


class VaultError(Exception):
    """The file cannot be opened; the text says why, without naming the file."""


@contextmanager
def sealing(path: Path, passphrase: str) -> Iterator[Callable[[bytes], None]]:
    """Write records to a file that appears whole or not at all, readable by its owner. Raises `OSError`."""
    salt = random(argon2id.SALTBYTES)
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    header = sodium.crypto_secretstream_xchacha20poly1305_init_push(state, _key(passphrase, salt, _PASSES, _MEMORY))
    with putting(path) as file:
        file.write(_MAGIC + _COST.pack(_PASSES, _MEMORY) + salt + header)
        yield lambda record: _push(file, state, record, _MESSAGE)
        _push(file, state, b"", _FINAL)


def unseal(path: Path, passphrase: str) -> Iterator[bytes]:
    """The records of a file, each as it was sealed.

    What comes before an error is right, but not all: go through it once before anything is done with it.

    Raises:
        VaultError: it is no such file, the passphrase is another, or it was damaged or cut off.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise VaultError("no backup of doorbus, or one of a newer version")
        passes, memory = _COST.unpack(_exactly(file, _COST.size))
        if not (
            argon2id.OPSLIMIT_MIN <= passes <= argon2id.OPSLIMIT_SENSITIVE
            and argon2id.MEMLIMIT_MIN <= memory <= argon2id.MEMLIMIT_SENSITIVE
        ):
            raise VaultError("damaged")
        key = _key(passphrase, _exactly(file, argon2id.SALTBYTES), passes, memory)
        state = sodium.crypto_secretstream_xchacha20poly1305_state()
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, _exactly(file, _HEADER_BYTES), key)
        first = True
        while True:
            (length,) = _LENGTH.unpack(_exactly(file, _LENGTH.size))
            if length > _MOST:
                raise VaultError("damaged")
            record, tag = _pull(state, _exactly(file, length), first=first)
            first = False
            if tag == _FINAL:
                break
            yield record
        if file.read(1):
            raise VaultError("damaged: something follows its end")


def _key(passphrase: str, salt: bytes, passes: int, memory: int) -> bytes:
    size = sodium.crypto_secretstream_xchacha20poly1305_KEYBYTES
    return argon2id.kdf(size, passphrase.encode(), salt, opslimit=passes, memlimit=memory)


def _push(file: BinaryIO, state: sodium.crypto_secretstream_xchacha20poly1305_state, record: bytes, tag: int) -> None:
    sealed = sodium.crypto_secretstream_xchacha20poly1305_push(state, record, _PURPOSE, tag)
    file.write(_LENGTH.pack(len(sealed)) + sealed)


def _pull(
    state: sodium.crypto_secretstream_xchacha20poly1305_state, sealed: bytes, *, first: bool
) -> tuple[bytes, int]:
    try:
        record, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(state, sealed, _PURPOSE)
    except (CryptoError, ValueError):
        raise VaultError("another passphrase, or damaged" if first else "damaged") from None
    return bytes(record), int(tag)


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise VaultError("cut off")
    return data
