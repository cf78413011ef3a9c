"""Keys that sign (Ed25519, RFC 8032). The only module that knows PyNaCl, of which it loads the least."""

from nacl import bindings
from nacl.exceptions import CryptoError

_KEY_BYTES = bindings.crypto_sign_PUBLICKEYBYTES
_SIGNATURE_BYTES = bindings.crypto_sign_BYTES


class SecretKey:
    """The secret half of a key, made of 32 random bytes; raises `ValueError` for any other number."""

    public: bytes
    """The public half, 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self.public, self._key = bindings.crypto_sign_seed_keypair(seed)

    def sign(self, data: bytes) -> bytes:
        """The signature, 64 bytes."""
        return bindings.crypto_sign(data, self._key)[:_SIGNATURE_BYTES]


class PublicKey:
    """The public half of a key, 32 bytes; raises `ValueError` for any other number."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ValueError(f"a public key has {_KEY_BYTES} bytes, not {len(key)}")
        self._key = key

    def confirms(self, data: bytes, signature: bytes) -> bool:
        """Whether the key's owner has signed exactly this."""
        if len(signature) != _SIGNATURE_BYTES:
            return False
        try:
            bindings.crypto_sign_open(signature + data, self._key)
        except CryptoError:
            return False
        return True
