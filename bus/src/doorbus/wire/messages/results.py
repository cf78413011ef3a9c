"""What became of a request. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Instant, Message


class ResultStatus(StrEnum):
    """How a request to the enroller ended."""

    OK = "ok"
    ERROR = "error"


class ErrorCode(StrEnum):
    """What was wrong with a request to the enroller."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    """Not sharp for want of light."""
    NOT_LIVE = "not_live"
    NOT_A_PICTURE = "not_a_picture"
    TOO_LARGE = "too_large"
    BAD_PERSON_ID = "bad_person_id"
    BAD_REQUEST = "bad_request"
    ALREADY_SOMEONE_ELSE = "already_someone_else"
    NOT_THE_SAME_PERSON = "not_the_same_person"
    """A further picture does not resemble the samples there are."""
    UNKNOWN_PERSON = "unknown_person"
    UNKNOWN_SAMPLE = "unknown_sample"
    UNKNOWN_CREDENTIAL = "unknown_credential"
    TOO_SIMPLE = "too_simple"
    """A code that is too short, or would be guessed."""
    CODE_TAKEN = "code_taken"
    """A code that is somebody's already, here or on another of their tags."""
    UNKNOWN_GROUP = "unknown_group"
    UNKNOWN_SCHEDULE = "unknown_schedule"
    IN_USE = "in_use"
    """A group with people in it, or a schedule that somebody follows, is not removed."""
    UNKNOWN_RECORDING = "unknown_recording"
    """There is none of this id, or it was erased."""
    UNKNOWN_ENTRY = "unknown_entry"
    """The inbox has none of this id, or somebody has dealt with it."""
    ALREADY_ENROLLED = "already_enrolled"
    """A new person was to be enrolled under the id of one who is there."""
    TOO_MANY_SAMPLES = "too_many_samples"
    TOO_FEW_SAMPLES = "too_few_samples"
    """Time was up before a camera had shown as many good frames as were asked for."""
    NO_FRAME = "no_frame"
    """The camera to enrol from sent nothing."""
    OTHER_MODEL = "other_model"
    """The gallery was made with another model than the recognizer runs."""
    NO_RECOGNIZER = "no_recognizer"
    """No recognizer answered in time."""
    BUSY = "busy"
    RETAINED = "retained"
    UNSUPPORTED = "unsupported"
    STORAGE_FAILED = "storage_failed"
    CODE_MISSING = "code_missing"
    CODE_WRONG = "code_wrong"


class Fault(Message):
    """What was wrong, for programs and for people."""

    code: ErrorCode
    message: str


class Result(Message):
    """What became of an enrolment, update or removal.

    mosquitto_sub -t 'doorbus/v1/person/+/result'
    """

    status: ResultStatus
    action: str
    person: str
    """As it stood in the topic of the request, also when that was no valid id; a newcomer's as it was given."""
    at: Instant
    samples: Annotated[int, Field(ge=0)] = 0
    """How many templates the gallery now holds of the person."""
    gallery_version: Annotated[int, Field(ge=0)] | None = None
    valid_until: Instant | None = None
    """Until when somebody who was just enrolled may pass; None where that does not end."""
    added: Annotated[int, Field(ge=0)] | None = None
    """How many samples an enrolment has added: none when the picture is one, or as good as one, already."""
    advice: str | None = None
    """What would make the person easier to recognise, for people: `samples 1 of 3 advised`."""
    warning: str | None = None
    """What the person's rights will not do as they stand, for people: a door nobody has, an end that has passed."""
    error: Fault | None = None


class Arranged(Message):
    """What became of a request about a group or a schedule.

    mosquitto_sub -t 'doorbus/v1/people/arranged/+'
    """

    status: ResultStatus
    action: str
    id: str
    """Of the group or schedule, as it stood in the topic of the request."""
    at: Instant
    people: Annotated[int, Field(ge=0)] = 0
    """How many people are concerned."""
    warning: str | None = None
    """What will not be as one would think, for people."""
    error: Fault | None = None
