"""Seals biometrics with the site key: AES-256-GCM. The only module that knows the cryptography library."""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doorbus.wire.codec import Refusal, Refused

KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal:
    """Seals and unseals with one key. `purpose` is bound into the seal: what is sealed for one is nothing to another.

    A random 96-bit nonce bounds one key to 2**32 seals (NIST SP 800-38D, 8.3), centuries of enrolling.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the site key has {len(key)} bytes, it needs {KEY_BYTES}")
        self._key = key
        self._aead = AESGCM(key)

    def seal(self, data: bytes, purpose: str) -> bytes:
        """Nonce, ciphertext and tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, data, purpose.encode())

    def unseal(self, data: bytes, purpose: str) -> bytes:
        """The data; raises `Refused` when it was not sealed with this key for this purpose."""
        try:
            return self._aead.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            raise Refused(Refusal.UNSEALED, f"not sealed with this site's key for {purpose!r}") from None

    @property
    def key_id(self) -> str:
        """8 hexadecimal digits that are the same wherever the key is the same, and tell nothing of it."""
        return self.secret_name("the site key")[:8]

    def secret_name(self, purpose: str) -> str:
        """32 hexadecimal digits that whoever has the key comes to, and nobody else can guess (HMAC-SHA-256)."""
        return hmac.new(self._key, f"name of {purpose}".encode(), "sha256").hexdigest()[:32]
