"""Codes that people type or carry (PINs, tags), and the salted hashes that they are held against. Pure.

What a hash costs bounds how fast codes are tried by somebody who has the hashes: 8 MiB of memory, and about a second
of a Pi Zero (RFC 7914). A door computes one for each salt that there is, whoever the code is of.
"""

import hashlib
import re
from itertools import pairwise

SALT_BYTES = 16
HASH_BYTES = 16
LONGEST = 32
_COST, _BLOCK, _PARALLEL = 2**13, 8, 1
_SEPARATORS = re.compile(r"[\s:.\-]+")


class CodeError(ValueError):
    """Something that is no code; the text says why, and nothing of it."""


def normal(code: str) -> str:
    """The code as all readers would say it: `04-a2-1b` is `04A21B`, and the `#` that ends a PIN is no part of it.

    Raises `CodeError`.
    """
    bare = _SEPARATORS.sub("", code).removesuffix("#").upper()
    if not bare:
        raise CodeError("a code is empty")
    if len(bare) > LONGEST or not bare.isascii() or not bare.isalnum():
        raise CodeError(f"a code has digits and letters, at most {LONGEST} of them")
    return bare


def digest(code: str, salt: str) -> str:
    """The hash of a code that is `normal`, for a salt in hexadecimal."""
    raw = hashlib.scrypt(
        code.encode(), salt=bytes.fromhex(salt), n=_COST, r=_BLOCK, p=_PARALLEL, dklen=HASH_BYTES, maxmem=2**25
    )
    return raw.hex()


def too_simple(code: str, shortest: int) -> str | None:
    """Why a code that is `normal` would be guessed; None where it would not."""
    if len(code) < shortest:
        return f"a code has at least {shortest} digits or letters"
    steps = {ord(after) - ord(before) for before, after in pairwise(code)}
    if len(steps) == 1 and steps <= {-1, 0, 1}:
        return "a code that counts or repeats is the first that anybody tries"
    return None
