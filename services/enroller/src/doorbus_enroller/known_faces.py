"""Everybody enrolled, as decisions need them: each by the mean of the templates, as recognizers match. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from doorbus.wire.templates import Template, mean

_FLOATS = np.dtype(np.float32)


@dataclass(frozen=True)
class Enrolled:
    """The samples of one person."""

    templates: tuple[Template, ...] = field(repr=False)
    mean: Template = field(repr=False)
    """What recognizers compare a face with."""
    pictures: frozenset[str]
    """SHA-256 of each picture that became a sample."""

    @classmethod
    def of(cls, templates: Iterable[Template], pictures: Iterable[str]) -> Self:
        """Somebody with these samples; raises `Refused` when they have no mean."""
        kept = tuple(templates)
        return cls(kept, mean(kept), frozenset(pictures))

    def and_also(self, template: Template, picture: str) -> "Enrolled":
        """The same person with one more sample; raises `Refused` when there is no mean any more."""
        return Enrolled.of((*self.templates, template), (*self.pictures, picture))


class KnownFaces:
    """Everybody's mean, in one piece of memory that grows and shrinks with them."""

    def __init__(self) -> None:
        self.model: str | None = None
        """What made the templates; None while there is nobody."""
        self.people: list[str] = []
        self._rows: dict[str, int] = {}
        self._values = bytearray()
        self._length = 0

    def put(self, person: str, mean: Template, model: str) -> None:
        """Add a person, or change the mean; it fits. The first decides of which model all are."""
        if not self.people:
            self.model, self._length = model, len(mean)
        row = self._rows.setdefault(person, len(self.people))
        if row == len(self.people):
            self.people.append(person)
        size = self._length * _FLOATS.itemsize
        self._values[row * size : (row + 1) * size] = mean.astype(_FLOATS).tobytes()

    def drop(self, person: str) -> None:
        """Forget a person, if there; the last one takes the place."""
        row = self._rows.pop(person, None)
        if row is None:
            return
        size = self._length * _FLOATS.itemsize
        last, values = self.people.pop(), self._values[-size:]
        del self._values[-size:]
        if last != person:
            self.people[row], self._rows[last] = last, row
            self._values[row * size : (row + 1) * size] = values
        if not self.people:
            self.model = None

    def fits(self, template: Template) -> bool:
        """Whether a template can be compared with everybody's."""
        return not self.people or len(template) == self._length

    def similarities(self, template: Template) -> NDArray[np.float32]:
        """Cosine similarity of a template that fits to the mean of each of `people`."""
        if not self.people:
            return np.zeros(0, _FLOATS)
        return np.frombuffer(self._values, _FLOATS).reshape(-1, self._length) @ template

    def of(self, rows: range) -> NDArray[np.float32]:
        """Cosine similarity of some of `people` to each: shape (rows, people)."""
        values = np.frombuffer(self._values, _FLOATS).reshape(-1, self._length)
        return values[rows.start : rows.stop] @ values.T

    def nearest(self, template: Template, but: str) -> tuple[str, float]:
        """Who resembles a template that fits the most, apart from one person; ("", -1) where there is nobody else."""
        similar = self.similarities(template)
        if but in self._rows:
            similar[self._rows[but]] = -np.inf
        best = int(similar.argmax()) if len(similar) else 0
        if not len(similar) or self.people[best] == but:
            return "", -1.0
        return self.people[best], float(similar[best])
