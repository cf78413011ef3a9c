"""Whose faces wait for a person's word, and which of them are the same. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from doorbus.wire.ids import listed
from doorbus.wire.messages import FaceForReview, ListReviews, Message, Name, Review, Verdict
from doorbus.wire.templates import Template, from_gallery, to_gallery, unit

AROUND = 1.0
"""What is cut out around the detector's box, as a share of its size: liveness looks at 2.7 times the box."""
WRITTEN_SECONDS = 10.0
"""How often an entry is written anew at most, unless a better picture comes: a face may stand there for minutes."""
_TO_ALL_THAT_CAME = 30
"""So many sightings weigh in an entry's template; later ones change it no less than the last of these did."""


class Wanted(StrEnum):
    """Whose faces are asked about."""

    UNKNOWN = "unknown"
    """Strangers, and those whom the recognizer cannot tell apart."""
    UNSURE = "unsure"
    """Residents of whom the recognizer is not sure."""


class ReviewLimits(BaseModel):
    """Whose faces are asked about, and how many wait: a part of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    review_min: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Least confidence (0 to 1) of a face that counts as unsure.",
    )
    review_max: float = Field(
        default=0.9,
        ge=0,
        le=1,
        validate_default=True,
        description="Greatest confidence (0 to 1) of a face that counts as unsure.",
    )
    review_entries: int = Field(
        default=100, ge=1, le=1000, description="Most people who wait for a word; the oldest goes for the newest."
    )
    review_days: float = Field(
        default=14.0, gt=0, le=365, description="How long somebody waits who is not seen any more, in days."
    )

    @field_validator("review_max")
    @classmethod
    def _some_are_unsure(cls, review_max: float, info: ValidationInfo) -> float:
        if review_max < info.data.get("review_min", review_max):
            raise ValueError("must not be less than review_min: no face would be unsure")
        return review_max


class Case(Message):
    """An entry as it is kept."""

    review: Review
    model: Name
    template: str = Field(repr=False)
    """Base64 of the mean of what was seen."""


@dataclass(frozen=True)
class Sighting:
    """A face that was seen just now."""

    door: str
    camera: str
    at: datetime
    model: str
    same: float
    """From this similarity up two templates are the same person's."""
    face: FaceForReview
    template: Template = field(repr=False)


def wanted_words(text: str) -> frozenset[Wanted]:
    """Whose faces a setting names; raises `ValueError`."""
    words = set(listed(text.lower()))
    if wrong := sorted(words - set(Wanted)):
        raise ValueError(f"{wrong[0]!r} is none of {', '.join(Wanted)}")
    return frozenset(map(Wanted, words))


def is_asked_about(face: FaceForReview, wanted: frozenset[Wanted], limits: ReviewLimits) -> bool:
    """Whether a person is to say who this is."""
    if face.verdict is Verdict.MATCH:
        return Wanted.UNSURE in wanted and limits.review_min <= face.confidence <= limits.review_max
    return Wanted.UNKNOWN in wanted


def case_of(sighting: Sighting, cases: Mapping[str, Case]) -> str | None:
    """The entry of the same face: the most similar one, if it is similar enough."""
    likely = [
        (float(sighting.template @ kept), each)
        for each, case in cases.items()
        if case.model == sighting.model and len(kept := from_gallery(case.template)) == len(sighting.template)
    ]
    similarity, best = max(likely, default=(-1.0, None))
    return best if similarity >= sighting.same else None


def begun(entry: str, sighting: Sighting, size: int) -> Case:
    """A new entry, its picture of `size` bytes."""
    face = sighting.face
    review = Review(
        entry=entry,
        door=sighting.door,
        camera=sighting.camera,
        first_at=sighting.at,
        at=sighting.at,
        person=face.person,
        confidence=face.confidence,
        quality=face.quality,
        live=face.live,
        bytes=size,
    )
    return Case(review=review, model=sighting.model, template=to_gallery(sighting.template))


def is_better(sighting: Sighting, case: Case) -> bool:
    """Whether the new picture takes the place of the one that there is."""
    return sighting.face.quality > case.review.quality


def seen_again(case: Case, sighting: Sighting, size: int | None) -> Case:
    """The entry with one sighting more; `size` is that of its picture where it takes the place of the one before."""
    weight = min(case.review.count, _TO_ALL_THAT_CAME)
    mean = unit(from_gallery(case.template) * weight + sighting.template)
    news: dict[str, object] = {"count": case.review.count + 1, "at": max(case.review.at, sighting.at)}
    if size is not None:
        news |= begun(case.review.entry, sighting, size).review.model_dump(exclude={"entry", "first_at", "at", "count"})
    review = case.review.model_copy(update=news)
    return case.model_copy(update={"review": review, "template": to_gallery(mean)})


def page_of(cases: Iterable[Case], asked: ListReviews) -> tuple[tuple[Review, ...], str | None]:
    """The entries, those seen last first, that were asked for; and behind whom the next page begins."""
    ordered = [case.review for case in sorted(cases, key=_seen_last, reverse=True)]
    places = {each.entry: place for place, each in enumerate(ordered)}
    start = 0 if asked.after is None else places.get(asked.after, len(ordered)) + 1
    page = tuple(ordered[start : start + asked.limit])
    return page, page[-1].entry if page and start + len(page) < len(ordered) else None


def _seen_last(case: Case) -> tuple[datetime, str]:
    return case.review.at, case.review.entry
