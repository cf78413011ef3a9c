"""Time-based one-time passwords (RFC 6238). The only module that knows pyotp."""

import binascii
from datetime import datetime

import pyotp

MIN_SECRET_BYTES = 10
"""80 bits, the shortest that authenticator apps make; RFC 4226 asks for 128 and recommends 160."""


class Totp:
    """The codes of one secret: six digits, a new one every 30 seconds; the one before and the one after hold, too."""

    def __init__(self, secret: str) -> None:
        """Take a base32 secret; raises `ValueError` when it is none, or too short to keep."""
        plain = secret.replace(" ", "")
        try:
            length = len(pyotp.TOTP(plain).byte_secret())
        except binascii.Error:
            raise ValueError("not base32 (letters A-Z and digits 2-7)") from None
        if length < MIN_SECRET_BYTES:
            raise ValueError(f"{length * 8} bits are too few; use 160: 32 base32 letters")
        self._totp = pyotp.TOTP(plain)

    def valid(self, code: str, wall: datetime) -> bool:
        """Whether `code` is one of the three that hold at `wall`; compared in constant time."""
        return code.isascii() and self._totp.verify(code, for_time=wall, valid_window=1)
