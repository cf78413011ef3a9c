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
    lost: int = 0
    """People and samples of whom nobody can say who they are."""

    def but(self, person: str, samples: int, *, rights: bool) -> "Damage":
        """The same, with this of a person."""
        others = {each: count for each, count in self.samples.items() if each != person}
        return replace(
            self,
            samples=others | ({person: samples} if samples else {}),
            rights=self.rights - {person} | ({person} if rights else frozenset()),
        )

    def told(self, store: str) -> str | None:
        """What is wrong, and the way out; None when nothing is."""
        parts = [f"the rights of {person}" for person in sorted(self.rights)]
        parts += [
            f"{count} sample{'s' if count > 1 else ''} of {person}" for person, count in sorted(self.samples.items())
        ]
        if len(parts) > _NAMED:
            parts = [*parts[:_NAMED], f"{len(parts) - _NAMED} more"]
        parts += [f"{self.lost} row{'s' if self.lost > 1 else ''} of nobody known"] if self.lost else []
        if not parts:
            return None
        return (
            f"{store} is damaged, and left out are: {', '.join(parts)}; the rest works. Restore a backup, or remove "
            "these people and enrol them anew"
        )
