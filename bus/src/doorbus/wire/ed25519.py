"""Keys that sign (Ed25519, RFC 8032). The only module that knows PyNaCl."""

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey


class SecretKey:
    """The secret half of a key, made of 32 random bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes."""
        return bytes(self._key.verify_key)

    def sign(self, data: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(data).signature


class PublicKey:
    """The public half of a key, 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = VerifyKey(key)

    def confirms(self, data: bytes, signature: bytes) -> bool:
        """Whether the key's owner has signed exactly this."""
        try:
            self._key.verify(data, signature)
        except CryptoError:  # also for a signature of another length
            return False
        return True
