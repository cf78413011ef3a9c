"""Who is hard to recognise, and who is hard to tell apart. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from doorbus.wire.codec import Refused
from doorbus.wire.messages import CheckedPerson, CheckedSample, ClosePair, Weakness
from doorbus.wire.templates import Template, mean
from doorbus_enroller.enrolment import ADVISED
from doorbus_enroller.known_faces import KnownFaces
from doorbus_enroller.store import Sample

GOOD_QUALITY = 0.5
"""What the best sample of a person should have."""
ONE_LIGHT = 0.06
"""Samples whose brightness spans less than this share of the scale were taken in one light."""
_PAIRS = 200
_ROWS = 256
"""People compared with all others at once: 10 MB where there are 10,000."""


@dataclass(frozen=True)
class Looked:
    """A sample and its template."""

    sample: Sample
    template: Template = field(repr=False)


def examine(person: str, looked: Sequence[Looked], damaged: int, same_person: float | None) -> CheckedPerson:
    """How good a person's samples are, and what is weak about them.

    `same_person` is the model's similarity from which two templates count as one person; None when it is not known.
    """
    samples = tuple(
        CheckedSample(
            number=each.sample.number,
            quality=min(1.0, max(0.0, each.sample.quality)),
            brightness=each.sample.brightness,
            likeness=_likeness([other.template for other in looked if other is not each], each.template),
            created_at=each.sample.created_at,
        )
        for each in looked
    )
    return CheckedPerson(person=person, weaknesses=tuple(_weaknesses(samples, damaged, same_person)), samples=samples)


def _weaknesses(samples: Sequence[CheckedSample], damaged: int, same_person: float | None) -> Iterator[Weakness]:
    if len(samples) < ADVISED:
        yield Weakness.FEW_SAMPLES
    if same_person is not None and any(one.likeness is not None and one.likeness < same_person for one in samples):
        yield Weakness.UNLIKE
    if samples and max(one.quality for one in samples) < GOOD_QUALITY:
        yield Weakness.POOR_QUALITY
    lights = [one.brightness for one in samples if one.brightness is not None]
    if len(lights) == len(samples) >= ADVISED and max(lights) - min(lights) < ONE_LIGHT:
        yield Weakness.ONE_LIGHT
    if damaged:
        yield Weakness.DAMAGED


def _likeness(others: Sequence[Template], template: Template) -> float | None:
    try:
        return float(np.clip(mean(others) @ template, -1, 1)) if others else None
    except Refused:  # they cancel each other out
        return None


def close_pairs(faces: KnownFaces, similarity: float, only: str | None = None) -> tuple[tuple[ClosePair, ...], int]:
    """The most similar pairs of people, those of one person if given, and how many are at least so similar."""
    count, pairs, people = 0, list[ClosePair](), faces.people
    whole = range(len(people)) if only is None else range(*_row(people, only))
    for start in whole[::_ROWS]:
        similar = faces.of(range(start, min(start + _ROWS, whole.stop)))
        rows, columns = np.nonzero(similar >= similarity)
        once = columns > rows + start if only is None else columns != rows + start
        found = zip(rows[once] + start, columns[once], similar[rows[once], columns[once]], strict=True)
        pairs += [
            ClosePair(person=min(names), other=max(names), similarity=min(1.0, float(value)))
            for one, other, value in found
            for names in [(people[one], people[other])]
        ]
        count += int(once.sum())
        pairs = sorted(pairs, key=lambda pair: -pair.similarity)[:_PAIRS]
    return tuple(pairs), count


def _row(people: Sequence[str], person: str) -> tuple[int, int]:
    row = people.index(person) if person in people else 0
    return (row, row + 1) if person in people else (0, 0)
