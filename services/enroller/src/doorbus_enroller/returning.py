"""People who are put back, whose samples are first taken over to the model of the gallery. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from doorbus_enroller.store import Person, Sample

Place = tuple[int, int]
"""Of a sample: which of the people, and which of that person's samples."""


@dataclass(frozen=True)
class Returning:
    """How far it is. `heard_at` is when it went on last, in monotonic seconds."""

    model: str
    people: tuple[Person, ...]
    heard_at: float
    todo: tuple[Place, ...] = ()
    """Samples whose faces no recognizer was asked about yet."""
    asked: Mapping[bytes, Place] = field(default_factory=dict)
    made: Mapping[Place, bytes] = field(default_factory=dict, repr=False)
    """Sealed templates."""
    removed: frozenset[str] = frozenset()
    """Who was removed meanwhile, and does not come back."""
    asked_again: bool = False
    """Whether recognizers were asked anew since it went on last."""

    @classmethod
    def begun(cls, people: tuple[Person, ...], model: str, now: float) -> "Returning":
        """Nothing was asked yet; a sample without a face cannot be taken over."""
        todo = tuple(place for place, sample in _foreign(people, model) if sample.face is not None)
        return cls(model, people, now, todo)

    def sample(self, place: Place) -> tuple[str, Sample]:
        """Whose it is, and the sample."""
        each = self.people[place[0]]
        return each.person, each.samples[place[1]]

    def asking(self, key: bytes) -> "Returning":
        """A recognizer is asked about the next one."""
        return replace(self, todo=self.todo[1:], asked={**self.asked, key: self.todo[0]})

    def answered(self, key: bytes, template: bytes | None, now: float) -> "Returning":
        """A template was made, or none can be."""
        made = {} if template is None else {self.asked[key]: template}
        asked = {each: place for each, place in self.asked.items() if each != key}
        return replace(self, asked=asked, made={**self.made, **made}, heard_at=now, asked_again=False)

    def passed_over(self) -> "Returning":
        """No template can be made of the next one."""
        return replace(self, todo=self.todo[1:])

    def anew(self) -> "Returning":
        """What was not answered is asked again."""
        return replace(self, todo=(*self.asked.values(), *self.todo), asked={}, asked_again=True)

    def without(self, person: str) -> "Returning":
        """Somebody was removed."""
        return replace(self, removed=self.removed | {person})

    @property
    def done(self) -> bool:
        """Whether nothing is to be made any more."""
        return not self.todo and not self.asked

    def lacking(self) -> tuple[str, ...]:
        """Whose samples could not all be taken over."""
        lost = (
            self.people[place[0]].person for place, _ in _foreign(self.people, self.model) if place not in self.made
        )
        return tuple(person for person in dict.fromkeys(lost) if person not in self.removed)

    def whole(self) -> Iterator[Person]:
        """The people with those samples that have a template of the model."""
        for number, each in enumerate(self.people):
            if each.person not in self.removed:
                placed = (((number, index), sample) for index, sample in enumerate(each.samples))
                samples = (self._taken_over(place, sample) for place, sample in placed)
                yield replace(each, samples=tuple(sample for sample in samples if sample is not None))

    def _taken_over(self, place: Place, sample: Sample) -> Sample | None:
        if sample.model == self.model:
            return sample
        template = self.made.get(place)
        return None if template is None else replace(sample, template=template, model=self.model, others={})


def blind_to(people: Iterable[Person], running: Collection[str]) -> tuple[str, ...]:
    """Whose samples none of the models that run can be given, for want of faces; nobody where none runs."""
    return tuple(
        each.person
        for each in people
        if running and any(sample.model not in running and sample.face is None for sample in each.samples)
    )


def _foreign(people: tuple[Person, ...], model: str) -> Iterator[tuple[Place, Sample]]:
    for number, each in enumerate(people):
        for index, sample in enumerate(each.samples):
            if sample.model != model:
                yield (number, index), sample
