"""One-time passwords (RFC 6238). The only module that knows the pyotp library.

The library is imported with the first secret: only the services that ask for codes bring it.
"""

import binascii
from datetime import datetime
from importlib import import_module
from typing import Any

MEMORY_SECONDS = 120.0
"""A code that was used is remembered for longer than it lives: 30 s, one step either side."""
WRONG_CODES = 5
"""After this many wrong codes within `WRONG_SECONDS` no code is looked at."""
WRONG_SECONDS = 60.0


class Totp:
    """The codes of one secret: six digits, a new one every 30 seconds; the one before and the one after hold, too."""

    def __init__(self, secret: str) -> None:
        """Take a base32 secret; raises `ValueError` when it is none, or shorter than the 112 bits that pyotp asks."""
        library: Any = import_module("pyotp")
        try:
            self._totp = library.TOTP(secret.replace(" ", ""))
        except binascii.Error:
            raise ValueError("must be base32: A to Z and 2 to 7, 26 of them or more") from None

    def valid(self, code: str, wall: datetime) -> bool:
        """Whether `code` is one of the three that hold at `wall`; compared in constant time."""
        try:
            return code.isascii() and bool(self._totp.verify(code, for_time=wall, valid_window=1))
        except ValueError:  # there are no codes before 1970, where a clock without a battery may begin
            return False
