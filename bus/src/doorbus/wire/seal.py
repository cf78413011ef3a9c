"""Seals biometrics with the site key: AES-256-GCM. The only module that knows the cryptography library."""

import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doorbus.wire.codec import Refusal, Refused

KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal:
    """Seals with one key, and unseals with any that it holds.

    `purpose` is bound into the seal: what is sealed for one is nothing to another. A random 96-bit nonce bounds one key
    to 2**32 seals (NIST SP 800-38D, 8.3), centuries of enrolling.

    While the site key is rotated there are two, the newest first. It seals with the oldest, which everybody has, until
    it is told to `use` another.
    """

    def __init__(self, key: bytes, *older: bytes) -> None:
        self._held = tuple(_Key(each) for each in (key, *older))
        self._used = self._held[-1]

    def seal(self, data: bytes, purpose: str) -> bytes:
        """Nonce, ciphertext and tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._used.aead.encrypt(nonce, data, purpose.encode())

    def unseal(self, data: bytes, purpose: str) -> bytes:
        """The data; raises `Refused` when it was sealed for another purpose, or with none of the keys."""
        return self._opened(data, purpose)[1]

    def sealed_with(self, data: bytes, purpose: str) -> str:
        """The id of the key that opens it; raises `Refused` as `unseal` does."""
        return self._opened(data, purpose)[0].name

    @property
    def key_id(self) -> str:
        """Of the key that it seals with: 8 hexadecimal digits, the same wherever it is, that tell nothing of it."""
        return self._used.name

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Of all keys that it unseals with, the newest first."""
        return tuple(key.name for key in self._held)

    def hold(self, keys: Sequence[bytes]) -> bool:
        """Unseal with these from now on, the newest first; False, and no change, without the one that it seals with."""
        held = tuple(_Key(each) for each in keys)
        used = next((key for key in held if key.name == self._used.name), None)
        if used is not None:
            self._held, self._used = held, used
        return used is not None

    def use(self, key_id: str) -> None:
        """Seal with another of the keys that are held from now on."""
        self._used = next(key for key in self._held if key.name == key_id)

    def secret_name(self, purpose: str) -> str:
        """32 hexadecimal digits that whoever has the oldest key comes to, and nobody else can guess (HMAC-SHA-256)."""
        return self._held[-1].secret_name(purpose)

    def _opened(self, data: bytes, purpose: str) -> "tuple[_Key, bytes]":
        for key in (self._used, *self._held):
            try:
                return key, key.aead.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], purpose.encode())
            except (InvalidTag, ValueError):
                continue
        raise Refused(Refusal.UNSEALED, f"not sealed with this site's key for {purpose!r}")


class _Key:
    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the site key has {len(key)} bytes, it needs {KEY_BYTES}")
        self._key = key
        self.aead = AESGCM(key)
        self.name = self.secret_name("the site key")[:8]

    def secret_name(self, purpose: str) -> str:
        return hmac.new(self._key, f"name of {purpose}".encode(), "sha256").hexdigest()[:32]
