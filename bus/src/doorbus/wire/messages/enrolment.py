"""How people are enrolled. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Instant, Message, Name, NewName, Picture, Slug
from doorbus.wire.messages.results import ErrorCode


class Enrol(Picture):
    """A picture of a person to let in: the first enrols, further ones add samples.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/enrol -f alice.jpg
    """


class EnrolFromCamera(Message):
    """Enrol a person from what a camera sees: `samples` frames with nobody else on them, within `timeout_s` seconds.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/capture -m '{"door": "front", "camera": "porch"}'
    mosquitto_pub -q 1 -t doorbus/v1/newcomer/capture -m '{"door": "front", "camera": "porch", "name": "Alice"}'
    """

    door: Slug
    camera: Slug
    name: NewName | None = None
    """For people; a newcomer's id is made of it, too. Who is enrolled already keeps the name that is there."""
    samples: Annotated[int, Field(ge=1, le=10)] = 3
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 30.0
    code: Annotated[str, Field(max_length=16)] | None = Field(default=None, repr=False)
    """Time-based one-time password, where the enroller is configured to ask for one. It may also end the name."""


class Course(StrEnum):
    """How far a request about somebody is."""

    UNDER_WAY = "under_way"
    OK = "ok"
    ERROR = "error"


class Enrolment(Message):
    """How an enrolment from a camera goes, or how the last request about somebody ended, in words.

    mosquitto_sub -t doorbus/v1/enrolment/progress
    """

    text: Annotated[str, Field(min_length=1, max_length=255)]
    """Such as `Zoë Bee: 2 of 3, turn a little`, or `Zoë Bee is enrolled, 3 samples`."""
    course: Course
    action: str
    at: Instant
    person: str
    """As in the result."""
    name: Name | None = None
    door: Slug | None = None
    """Where somebody is being enrolled; with `camera`."""
    camera: Slug | None = None
    taken: Annotated[int, Field(ge=0)] | None = None
    """How many samples there are, of those `asked` of a camera."""
    asked: Annotated[int, Field(ge=1)] | None = None
    error: ErrorCode | None = None
    """What was wrong; while it is under way, with the frame that was looked at last."""
