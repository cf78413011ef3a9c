"""Faces that wait for a person's word. Pure."""

from typing import Annotated, ClassVar

from pydantic import Field

from doorbus.wire.messages.base import Box, Id, Instant, Message, Name, Picture, Similarity, Slug, Unit
from doorbus.wire.messages.recognition import Verdict
from doorbus.wire.messages.results import ErrorCode, Fault


class FaceForReview(Message):
    """A face that a person may want to name."""

    box: Box
    verdict: Verdict
    person: Slug | None = None
    confidence: Unit = 0.0
    quality: Unit = 0.0
    live: Unit | None = None
    template: str = Field(repr=False)
    """Base64 of the template, sealed with the recorder's key."""


class FacesForReview(Message):
    """Faces of a frame that a recognizer is not sure of; the recorder, which has the frame, cuts them out.

    mosquitto_sub -t 'doorbus/v1/door/front/face/+'
    """

    frame_id: Id
    model: Name
    same_person_similarity: Similarity
    """From this similarity up two templates of this model count as the same person."""
    faces: tuple[FaceForReview, ...]


class Review(Message):
    """Somebody whose face waits for a person's word; seen again and again, it is one entry."""

    entry: Slug
    door: Slug
    """Where the picture is from, the best so far; with `camera`."""
    camera: Slug
    first_at: Instant
    at: Instant
    """When the face was seen last."""
    count: Annotated[int, Field(ge=1)] = 1
    """How often it was seen, at most once a second at each camera."""
    person: Slug | None = None
    """Who it might be, by the best picture; None for somebody unknown."""
    confidence: Unit = 0.0
    quality: Unit = 0.0
    live: Unit | None = None
    bytes: Annotated[int, Field(ge=0)]
    """How large the picture is."""


class ListReviews(Message):
    """Ask whose faces wait for a person's word, those seen last first, a page at a time.

    mosquitto_rr -q 1 -e doorbus/v1/reviews/reply/me -t doorbus/v1/review/list -m '{}'
    """

    after: Slug | None = None
    """Go on behind this one, as the reply before said in `next`."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Reviews(Message):
    """What waits for a person's word, without the pictures; or what became of such a word.

    mosquitto_sub -t 'doorbus/v1/reviews/reply/+'
    """

    entries: tuple[Review, ...] = ()
    next: Slug | None = None
    """What to ask for `after` to get the next page; None when this was the last one."""
    count: Annotated[int, Field(ge=0)] = 0
    """How many there are in all."""
    person: Slug | None = None
    """As whom a face was accepted."""
    samples: Annotated[int, Field(ge=0)] | None = None
    """How many samples there are now of that person."""
    error: Fault | None = None


class GetReview(Message):
    """Ask for the face of an entry of the inbox; the payload is empty.

    mosquitto_rr -q 1 -e doorbus/v1/reviews/picture/me -t doorbus/v1/review/20260601-0f/get -n >it.jpg
    """


class ReviewPicture(Picture):
    """The face of an entry of the inbox, with what is around it; or why there is none, and no picture.

    mosquitto_sub -t 'doorbus/v1/reviews/picture/+'
    """

    properties: ClassVar[tuple[str, ...]] = ("entry", "error", "why")
    entry: str
    """As it stood in the topic of the request, also when that was no valid id."""
    error: ErrorCode | None = None
    why: Name | None = None
    """The error in words."""


class AcceptReview(Message):
    """Say whose face it is: the enroller enrols it as it enrols any picture, and the entry is done.

    mosquitto_rr -q 1 -e doorbus/v1/reviews/reply/me -t doorbus/v1/review/20260601-0f/accept -m '{"person": "alice"}'
    """

    person: Slug
    new: bool = False
    """Whether the person is to be a new one; without it the person must be enrolled already."""
    by: Name | None = None
    """Who says so."""


class DiscardReview(Message):
    """Forget an entry of the inbox; the payload is empty.

    mosquitto_rr -q 1 -e doorbus/v1/reviews/reply/me -t doorbus/v1/review/20260601-0f/discard -n
    """
