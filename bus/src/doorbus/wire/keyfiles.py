"""How keys stand in files: a line of 64 hexadecimal digits for each, and one for each public key that counts."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from doorbus.wire.channels import Role

SIGNERS = (Role.RECOGNIZER, Role.ENROLLER)
"""The roles that sign."""
PublicKeys = Mapping[Role, Sequence[bytes]]
"""The public keys of each role, 32 bytes each; the newest first."""

_DIGITS = r"[0-9a-fA-F]{64}"
_LINE = re.compile(rf"({'|'.join(SIGNERS)}) ({_DIGITS})")


def read_key(path: Path) -> bytes:
    """The 32 bytes of the key in a file; raises `OSError`, or `ValueError` when it is none."""
    text = path.read_text().strip()
    if not re.fullmatch(_DIGITS, text):
        raise ValueError("not 64 hexadecimal digits")
    return bytes.fromhex(text)


def read_keys(path: Path) -> tuple[bytes, ...]:
    """The keys in a file, one a line, the newest first; raises `OSError`, or `ValueError` when one is none."""
    lines = path.read_text().split()
    if not lines or not all(re.fullmatch(_DIGITS, line) for line in lines):
        raise ValueError("not 64 hexadecimal digits")
    return tuple(dict.fromkeys(map(bytes.fromhex, lines)))


def keys_text(keys: Sequence[bytes]) -> str:
    """The file that `read_keys` reads."""
    return "".join(f"{key.hex()}\n" for key in keys)


def read_public_keys(path: Path) -> PublicKeys:
    """The public keys in a file of lines such as `recognizer 3d40...`; raises `OSError`, or `ValueError`."""
    found: dict[Role, list[bytes]] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match:
            found.setdefault(Role(match[1]), []).append(bytes.fromhex(match[2]))
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"line {number} is not a role ({', '.join(SIGNERS)}) and 64 hexadecimal digits")
    return found


def public_keys_text(keys: PublicKeys) -> str:
    """The file that `read_public_keys` reads."""
    lines = [f"{role} {key.hex()}" for role in SIGNERS for key in keys.get(role, ())]
    return "\n".join(["# Whose signatures count: doorbus secrets makes this file.", *lines, ""])
