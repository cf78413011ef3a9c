"""Who is hard to recognise, and who is hard to tell apart. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Instant, Message, Similarity, Slug, Unit
from doorbus.wire.messages.results import Fault


class CheckPeople(Message):
    """Ask which people are hard to recognise, and which are hard to tell apart.

    mosquitto_rr -q 1 -e doorbus/v1/people/checked/me -t doorbus/v1/people/check -m '{}'
    """

    after: Slug | None = None
    """Begin after this id, as the reply before said in `next`."""
    person: Slug | None = None
    """Only this one, weak or not."""


class Weakness(StrEnum):
    """Why somebody is hard to recognise."""

    FEW_SAMPLES = "few_samples"
    """Fewer samples than are advised."""
    UNLIKE = "unlike"
    """A sample is less like the others than two pictures of one person are."""
    POOR_QUALITY = "poor_quality"
    """Not even the best sample is large, sharp and frontal."""
    ONE_LIGHT = "one_light"
    """All samples are equally bright."""
    DAMAGED = "damaged"
    """Samples cannot be read."""


class CheckedSample(Message):
    """How good a sample is."""

    number: Annotated[int, Field(ge=0)]
    """By which it can be removed."""
    quality: Unit
    brightness: Unit | None = None
    likeness: Similarity | None = None
    """To the mean of the person's other samples; None where there is no other."""
    created_at: Instant


class CheckedPerson(Message):
    """Why somebody is hard to recognise, if so."""

    person: Slug
    weaknesses: tuple[Weakness, ...] = ()
    samples: tuple[CheckedSample, ...] = ()
    """Those that can be read."""


class ClosePair(Message):
    """Two people who are hard to tell apart."""

    person: Slug
    other: Slug
    similarity: Similarity


class PeopleChecked(Message):
    """Who is hard to recognise, a page at a time in the order of the ids, and who is hard to tell apart.

    mosquitto_sub -t 'doorbus/v1/people/checked/+'
    """

    people: tuple[CheckedPerson, ...] = ()
    next: Slug | None = None
    """What to ask for `after` to get the next page; None when this was the last one."""
    count: Annotated[int, Field(ge=0)] = 0
    """How many people there are in all."""
    pairs: tuple[ClosePair, ...] = ()
    """The closest, the most similar first; on the first page only."""
    close: Annotated[int, Field(ge=0)] = 0
    """How many pairs are as similar as `similarity`."""
    similarity: Similarity | None = None
    """From this one on a door may open for either; None while no recognizer has said what its model tells apart."""
    error: Fault | None = None
