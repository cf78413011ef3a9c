"""What cameras see, and what recognizers say of it. Pure."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from doorbus.wire.messages.base import (
    Box,
    Digest,
    Id,
    Instant,
    Message,
    Milliseconds,
    Name,
    Picture,
    Similarity,
    Slug,
    Unit,
)


class Frame(Picture):
    """A picture of what a camera sees. Sent without properties it gets an id and the time it was received.

    mosquitto_pub -t doorbus/v1/door/front/frame/porch -f alice.jpg
    """

    properties: ClassVar[tuple[str, ...]] = ("frame_id", "captured_at", "seq", "label")
    frame_id: Id
    captured_at: Instant
    seq: Annotated[int, Field(ge=0)] | None = None
    """Counts the frames of one run of one camera."""
    label: Name | None = None
    """What the sample camera shows; other cameras leave it out."""


class Verdict(StrEnum):
    """What open-set matching says of a face."""

    MATCH = "match"
    UNKNOWN = "unknown"
    """Nobody reaches confidence 0.5."""
    AMBIGUOUS = "ambiguous"
    """Two people of the gallery are about as similar to the probe."""


class Face(Message):
    """One face on a frame."""

    box: Box
    verdict: Verdict
    person: Slug | None = None
    confidence: Unit = 0.0
    """Calibrated: 0.5 at a false accept rate of about 1 in 1,000, 0.8 at 1 in 10,000, whatever the model."""
    similarity: Similarity | None = None
    """Cosine with the mean template of the most similar person."""
    runner_up: Similarity | None = None
    """Similarity of the second most similar person; None when the gallery holds one person."""
    live: Unit | None = None
    """How live the face looks, from this one picture."""
    size: Annotated[float, Field(ge=0)] | None = None
    """Distance between the outer corners of the eyes in pixels of the frame."""
    sharpness: Annotated[float, Field(ge=0)] | None = None
    """Variance of the Laplacian of the aligned face."""
    quality: Unit = 0.0
    """Made of size, sharpness and frontal pose."""
    yaw: float | None = None
    """Degrees; positive when the person looks to their own left."""
    pitch: float | None = None
    """Degrees; positive when the person looks up."""
    roll: float | None = None
    """Degrees by which the head is tilted, positive when the person's left shoulder is nearer; 180 is upside down."""
    eyes_open: Unit | None = None
    """Read from the mesh, which knows faces with open eyes and closes none: no sign of a blink."""
    lids: Annotated[float, Field(ge=0)] | None = None
    """Height over width of the open part of the eyes, by a model of eyes; looked at only while a blink is asked."""
    lids_apart: Annotated[float, Field(ge=0)] | None = None
    """By how much that of one eye is more than that of the other; `lids` is the mean of both."""
    sides_apart: float | None = None
    """Degrees by which `yaw` is more without the left of the picture of the face than without its right.

    Looked at only while a turn is asked, as is `ends_apart`: two pictures, one drawn across the other, tell two poses.
    """
    ends_apart: float | None = None
    """The same without its upper part and without its lower one."""
    aspect: Annotated[float, Field(ge=0)] | None = None
    """From the eyes to the mouth, over the distance between the outer corners of the eyes, both on the picture."""

    @model_validator(mode="after")
    def _a_match_names_somebody(self) -> Self:
        if (self.verdict is Verdict.MATCH) != (self.person is not None):
            raise ValueError("a person belongs to the verdict match, and to no other")
        return self


class Recognition(Message):
    """Who is on a frame, sent for each frame with a face on it.

    mosquitto_sub -t 'doorbus/v1/door/front/recognition/+'
    """

    frame_id: Id
    captured_at: Instant
    recognized_at: Instant
    recognizer: Slug
    """Instance that did the work."""
    model: Name
    gallery_version: Annotated[int, Field(ge=0)] | None = None
    timings_ms: dict[str, Milliseconds] = Field(default_factory=dict)
    digest: Digest | None = None
    """Of the frame's JPEG, byte for byte: a picture that is sent again is known by it, whatever its id."""
    width: Annotated[int, Field(gt=0)] | None = None
    """Of the frame, in pixels, as the boxes are."""
    height: Annotated[int, Field(gt=0)] | None = None
    faces: tuple[Face, ...] = ()
    door: Slug | None = None
    """Repeats the topic; a recognition that contradicts its topic is refused."""
    camera: Slug | None = None


class Portrait(Picture):
    """The face of somebody who was recognised, cut out of the frame; let in or not, the decision says.

    mosquitto_sub -t doorbus/v1/door/front/portrait/porch
    """

    properties: ClassVar[tuple[str, ...]] = ("frame_id", "captured_at", "person")
    frame_id: Id
    captured_at: Instant
    person: Slug
