"""Which gallery a recognizer goes by, of the leading model's and that of its own, which stand side by side. Pure."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class Galleries(Generic[S]):
    """What is known of both places; a snapshot is one of the recognizer's own model, with its version."""

    model: str
    """The recognizer's own."""
    leading: str | None = None
    """The model that stands in the leading place; None before anything came, and for an empty gallery."""
    heard: bool = False
    """Whether anything came there."""
    there: tuple[int, S] | None = None
    """The snapshot in the leading place."""
    beside: tuple[int, S] | None = None
    """That among the others."""

    def led_by(self, model: str | None) -> "Galleries[S]":
        """A manifest came to the leading place."""
        foreign = model not in {None, self.model}
        return replace(self, leading=model, heard=True, there=None if foreign else self.there)

    @property
    def leads(self) -> bool:
        """Whether pictures are enrolled with this model, or with whichever comes first."""
        return self.leading in {None, self.model}

    @property
    def newest(self) -> S | None:
        """The one to go by; None where there is none of this model."""
        found = [each for each in (self.there, self.beside) if each is not None]
        return max(found, key=lambda each: each[0])[1] if found else None

    @property
    def foreign(self) -> bool:
        """Whether people are known, and none of them to this model: then frames are for others to look at."""
        return self.heard and not self.leads and self.newest is None
