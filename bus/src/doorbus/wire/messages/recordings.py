"""Pictures that were kept of decisions. Pure."""

from typing import Annotated, ClassVar

from pydantic import Field

from doorbus.wire.messages.base import Id, Instant, Message, Name, Picture, Slug, Unit
from doorbus.wire.messages.decisions import Outcome, Reason
from doorbus.wire.messages.recognition import Face
from doorbus.wire.messages.results import ErrorCode, Fault


class Recording(Message):
    """A picture that was kept of a decision, without the picture; who may look asks for that by the id `recording`.

    mosquitto_sub -t doorbus/v1/door/front/recording
    """

    recording: Slug
    door: Slug
    camera: Slug
    at: Instant
    """When it was decided."""
    outcome: Outcome
    reason: Reason
    frame_id: Id
    """Of the frame that led to the decision."""
    captured_at: Instant
    person: Slug | None = None
    """Whom the decision names."""
    confidence: Unit | None = None
    faces: tuple[Face, ...] = ()
    """What a recognizer said of the frame; who is named here may be on the picture."""
    width: Annotated[int, Field(gt=0)] | None = None
    """Of the frame, in pixels, as the boxes are."""
    height: Annotated[int, Field(gt=0)] | None = None
    bytes: Annotated[int, Field(ge=0)]
    """How large the picture is."""


class ListRecordings(Message):
    """Ask what was kept, the newest first, a page at a time.

    mosquitto_rr -q 1 -e doorbus/v1/recordings/reply/me -t doorbus/v1/recording/list -m '{"person": "alice"}'
    """

    door: Slug | None = None
    person: Slug | None = None
    """Only pictures on which this person was named."""
    outcome: Outcome | None = None
    since: Instant | None = None
    until: Instant | None = None
    after: Slug | None = None
    """Go on behind this one, as the reply before said in `next`."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    """Most recordings in the reply; it may have fewer, so as not to be too large."""


class Recordings(Message):
    """What was kept, without the pictures; or what became of a request to erase one.

    mosquitto_sub -t 'doorbus/v1/recordings/reply/+'
    """

    recordings: tuple[Recording, ...] = ()
    next: Slug | None = None
    """What to ask for `after` to get the next page; None when this was the last one."""
    count: Annotated[int, Field(ge=0)] = 0
    """How many are kept in all."""
    error: Fault | None = None


class GetRecording(Message):
    """Ask for a picture that was kept: as the camera took it, or with boxes and names drawn on it.

    mosquitto_rr -q 1 -e doorbus/v1/recordings/picture/me -t doorbus/v1/recording/20260601-0f/get -m '{}' >it.jpg
    """

    boxes: bool = False


class KeptPicture(Picture):
    """A picture that was kept; or why there is none, and no picture.

    mosquitto_sub -t 'doorbus/v1/recordings/picture/+'
    """

    properties: ClassVar[tuple[str, ...]] = ("recording", "error", "why")
    recording: str
    """As it stood in the topic of the request, also when that was no valid id."""
    error: ErrorCode | None = None
    why: Name | None = None
    """The error in words."""


class EraseRecording(Message):
    """Erase a picture that was kept; the payload is empty.

    mosquitto_rr -q 1 -e doorbus/v1/recordings/reply/me -t doorbus/v1/recording/20260601-0f/erase -n
    """
