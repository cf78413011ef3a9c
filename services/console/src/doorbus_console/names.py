"""Ids made of names. Pure."""

import re
import unicodedata
from collections.abc import Container

_LONGEST = 64


def id_of(name: str) -> str:
    """An id made of a name; nothing where none can be."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].strip("-")


def free_id(name: str, taken: Container[str]) -> str:
    """An id made of a name that nobody has yet."""
    base = id_of(name) or "person"
    number = 1
    while (made := base if number == 1 else f"{base[: _LONGEST - 8]}-{number}") in taken:
        number += 1
    return made
