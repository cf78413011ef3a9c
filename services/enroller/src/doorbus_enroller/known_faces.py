"""Everybody enrolled, as decisions need them: each by the mean of the templates, as recognizers match. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from doorbus.wire.templates import Template, mean


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


@dataclass(frozen=True)
class KnownFaces:
    """Everybody. Never changed: `but` makes another one."""

    model: str | None = None
    """What made the templates; None while there is nobody."""
    people: tuple[str, ...] = ()
    means: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32), repr=False)
    """Shape (people, length), rows of unit length."""

    @classmethod
    def of(cls, model: str | None, means: Mapping[str, Template]) -> Self:
        """A gallery of these people's means, which are all of one length."""
        return cls(model, tuple(means), np.stack(list(means.values()))) if means else cls()

    def but(self, person: str, mean: Template | None, model: str | None) -> "KnownFaces":
        """The same with this mean for a person, or without the person; `model` is that of a first mean."""
        where = self.people.index(person) if person in self.people else None
        if mean is None:
            if where is None:
                return self
            people = (*self.people[:where], *self.people[where + 1 :])
            return KnownFaces(self.model, people, np.delete(self.means, where, axis=0)) if people else KnownFaces()
        if where is None:
            means = np.vstack((self.means, mean)) if self.people else mean[np.newaxis]
            return KnownFaces(self.model or model, (*self.people, person), means)
        means = self.means.copy()
        means[where] = mean
        return KnownFaces(self.model, self.people, means)

    def fits(self, template: Template) -> bool:
        """Whether a template can be compared with everybody's."""
        return not self.people or len(template) == self.means.shape[1]

    def similarities(self, template: Template) -> NDArray[np.float32]:
        """Cosine similarity of a template that fits to the mean of each of `people`."""
        return self.means @ template if self.people else np.zeros(0, np.float32)

    def nearest(self, template: Template, but: str) -> tuple[str, float]:
        """Who resembles a template that fits the most, apart from one person; ("", -1) where there is nobody else."""
        similar = self.similarities(template)
        if but in self.people:
            similar[self.people.index(but)] = -1.0
        best = int(similar.argmax()) if len(similar) else 0
        others = [person for person in self.people[best : best + 1] if person != but]
        return (others[0], float(similar[best])) if others else ("", -1.0)
