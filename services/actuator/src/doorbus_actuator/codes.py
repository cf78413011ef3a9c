"""Time-based one-time passwords (RFC 6238). The only module that knows pyotp."""

from datetime import datetime

import pyotp


class Totp:
    """The codes of one secret: six digits, a new one every 30 seconds; the one before and the one after hold, too."""

    def __init__(self, secret: str) -> None:
        """Take a base32 secret; raises `ValueError` when it is none, or shorter than the 112 bits that pyotp asks."""
        self._totp = pyotp.TOTP(secret.replace(" ", ""))

    def valid(self, code: str, wall: datetime) -> bool:
        """Whether `code` is one of the three that hold at `wall`; compared in constant time."""
        try:
            return code.isascii() and self._totp.verify(code, for_time=wall, valid_window=1)
        except ValueError:  # there are no codes before 1970, where a clock without a battery may begin
            return False
