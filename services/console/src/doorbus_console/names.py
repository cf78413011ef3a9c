"""What people call others, groups and schedules, and the ids made of it. Pure."""

from collections import Counter
from collections.abc import Container, Mapping
from typing import Protocol

from doorbus.wire.ids import id_of_name

_LONGEST = 64


class Named(Protocol):
    """A person, group or schedule."""

    @property
    def name(self) -> str | None:
        """What people call it."""
        ...


def free_id(name: str, taken: Container[str], kind: str = "person") -> str | None:
    """An id made of a name that nobody has yet; None for a name without a letter or digit."""
    base = id_of_name(name, kind)
    if base is None:
        return None
    number = 1
    while (made := base if number == 1 else f"{base[: _LONGEST - 8]}-{number}") in taken:
        number += 1
    return made


def is_taken(name: str, others: Mapping[str, Named]) -> bool:
    """Whether one of the others is called so."""
    return _plain(name) in {_plain(one.name or key) for key, one in others.items()}


def told_apart(others: Mapping[str, Named]) -> dict[str, str]:
    """What each is called where all stand together: its name, and its id where several have that name."""
    called = {key: one.name or key for key, one in others.items()}
    times = Counter(map(_plain, called.values()))
    return {key: name if times[_plain(name)] == 1 else f"{name} ({key})" for key, name in called.items()}


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
