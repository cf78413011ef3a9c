"""What recognizers are asked, and the models that they run. Pure."""

from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Box, Message, Milliseconds, Name, Picture, Similarity, Slug, Unit
from doorbus.wire.messages.recognition import Face
from doorbus.wire.messages.results import ErrorCode


class EmbedRequest(Picture):
    """A picture to turn into templates; one recognizer of all answers.

    mosquitto_pub -V 5 -q 1 -t doorbus/v1/embed/request -f alice.jpg -D publish response-topic doorbus/v1/embed/reply/me
    """


class EmbeddedFace(Message):
    """One face on a picture, with its sealed template."""

    box: Box
    size: Annotated[float, Field(ge=0)]
    """Distance between the outer corners of the eyes in pixels of the picture."""
    sharpness: Annotated[float, Field(ge=0)]
    """Variance of the Laplacian of the aligned face."""
    quality: Unit
    live: Unit | None = None
    brightness: Unit | None = None
    """Mean of the aligned face, 0 black to 1 white."""
    template: str = Field(repr=False)
    """Base64 of the sealed float32 values."""
    face: str | None = Field(default=None, repr=False)
    """Base64 of the aligned face, a sealed JPEG of 112 by 112 pixels."""


class Embedded(Message):
    """The faces on a picture, or why there is none to be had.

    mosquitto_sub -t 'doorbus/v1/embed/reply/+'
    """

    model: Name
    faces: tuple[EmbeddedFace, ...] = ()
    same_person_similarity: Similarity
    """From this similarity up two templates of this model count as the same person."""
    error: ErrorCode | None = None


class ModelState(Message):
    """An embedding model of which templates are kept."""

    model: Name
    recognizers: tuple[Slug, ...] = ()
    """The first 100 that run it now."""
    leading: bool = False
    """Whether it is the one that pictures are enrolled with, and whose gallery stands under `gallery/`."""
    published: bool = False
    """Whether there is a gallery of it for recognizers."""
    people: Annotated[int, Field(ge=0)] = 0
    samples: Annotated[int, Field(ge=0)] = 0
    """What its gallery has, or is to have."""
    left: Annotated[int, Field(ge=0)] = 0
    """Samples of which recognizers are still to make templates of this model."""
    again: tuple[Slug, ...] = ()
    """The first 100 people of whom a sample can have no template of this model, for want of its face."""
    again_count: Annotated[int, Field(ge=0)] = 0
    """How many people these are in all."""


class Models(Message):
    """Which embedding models are in use, and how far people have been taken over to each.

    mosquitto_sub -t doorbus/v1/people/models
    """

    models: tuple[ModelState, ...] = ()


class RecogniseRequest(Picture):
    """A picture to say who is on it; one recognizer of all answers, and no door hears of it.

    mosquitto_pub -q 1 -t doorbus/v1/recognise/request -f alice.jpg -D publish response-topic doorbus/v1/recognise/reply/me
    """  # noqa: E501  # a line to copy


class Recognised(Message):
    """Who is on a picture that was asked about, or why that cannot be said.

    mosquitto_sub -t 'doorbus/v1/recognise/reply/+'
    """

    model: Name
    faces: tuple[Face, ...] = ()
    gallery_version: Annotated[int, Field(ge=0)] | None = None
    timings_ms: dict[str, Milliseconds] = Field(default_factory=dict)
    error: ErrorCode | None = None
