"""What of the store cannot be read, and is left out: the rest works on. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_NAMED = 5
"""So many people are named; the others are counted."""


@dataclass(frozen=True)
class Damage:
    """What is left out, by person."""

    samples: Mapping[str, int] = field(default_factory=dict)
    """How many of whom."""
    rights: frozenset[str] = frozenset()
    """Whose cannot be read."""
    foreign: Mapping[str, int] = field(default_factory=dict)
    """How many samples of whom are of another model; they are among `samples`, too."""
    lost: int = 0
    """People and samples of whom nobody can say who they are."""

    def but(self, person: str, samples: int, *, rights: bool, foreign: int = 0) -> "Damage":
        """The same, with this of a person."""
        others = {each: count for each, count in self.samples.items() if each != person}
        return replace(
            self,
            samples=others | ({person: samples} if samples else {}),
            foreign={each: count for each, count in self.foreign.items() if each != person}
            | ({person: foreign} if foreign else {}),
            rights=self.rights - {person} | ({person} if rights else frozenset()),
        )

    def told(self, store: str) -> str | None:
        """What is wrong, and the way out; None when nothing is."""
        parts = [f"the rights of {person}" for person in sorted(self.rights)]
        parts += _counted({person: count - self.foreign.get(person, 0) for person, count in self.samples.items()})
        parts = _shortened(parts)
        parts += [f"{self.lost} row{'s' if self.lost > 1 else ''} of nobody known"] if self.lost else []
        damaged = (
            f"{store} is damaged, and left out are: {', '.join(parts)}; the rest works. Restore a backup, or remove "
            "these people and enrol them anew"
        )
        foreign = (
            f"left out are {', '.join(_shortened(_counted(self.foreign)))}, made with another model than the gallery, "
            "and without a face of which they could be made anew; enrol these people again, or restore a backup"
        )
        told = [*([damaged] if parts else []), *([foreign] if self.foreign else [])]
        return "; ".join(told) or None


def _counted(samples: Mapping[str, int]) -> list[str]:
    return [f"{count} sample{'s' if count > 1 else ''} of {who}" for who, count in sorted(samples.items()) if count]


def _shortened(parts: list[str]) -> list[str]:
    return parts if len(parts) <= _NAMED else [*parts[:_NAMED], f"{len(parts) - _NAMED} more"]
