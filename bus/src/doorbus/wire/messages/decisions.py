"""Why a door did or did not open, and what happened last. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Id, Instant, Message, Milliseconds, Name, Slug, Unit
from doorbus.wire.messages.inputs import AlarmKind


class Outcome(StrEnum):
    """How a decision ended."""

    GRANTED = "granted"
    DENIED = "denied"


class Trigger(StrEnum):
    """What a decision was about."""

    FACE = "face"
    COMMAND = "command"
    EXIT_BUTTON = "exit_button"
    CREDENTIAL = "credential"
    """A PIN or a tag, alone or after a face."""


class Reason(StrEnum):
    """Why the door did or did not open. The first rule that fails gives the reason."""

    MATCHED = "matched"
    """Granted: every rule for a face held."""
    COMMANDED = "commanded"
    """Granted: every rule for a command held."""
    EXIT_REQUESTED = "exit_requested"
    """Granted: somebody inside pressed the exit button."""
    CODE_ACCEPTED = "code_accepted"
    """Granted: every rule for a PIN or a tag held."""
    LOCKDOWN = "lockdown"
    CLOCK_IMPLAUSIBLE = "clock_implausible"
    """The actuator's clock is before the software's release, or has just jumped."""
    STALE = "stale"
    """Captured or issued longer ago than the maximum age."""
    FROM_THE_FUTURE = "from_the_future"
    REPLAYED = "replayed"
    """A frame_id, command id or one-time password that was seen before."""
    SAME_PICTURE = "same_picture"
    """Equal to one that was a vote, byte for byte."""
    UNKNOWN_FACE = "unknown_face"
    AMBIGUOUS_FACE = "ambiguous_face"
    TOO_SMALL = "too_small"
    IN_BACKGROUND = "in_background"
    """Far smaller than the largest face on the frame."""
    BLURRED = "blurred"
    LOW_QUALITY = "low_quality"
    """Size, sharpness and frontal pose together are too poor."""
    LOW_CONFIDENCE = "low_confidence"
    LOW_MARGIN = "low_margin"
    """The runner-up is too similar."""
    TOO_CLOSE = "too_close"
    """The face is so large that liveness cannot be judged: what is around it is not on the frame."""
    AT_THE_EDGE = "at_the_edge"
    """The face touches an edge of the frame, so that liveness cannot be judged."""
    LIVENESS_MISSING = "liveness_missing"
    NOT_LIVE = "not_live"
    ROSTER_INCOMPLETE = "roster_incomplete"
    """No whole roster has been received yet."""
    NOT_ON_ROSTER = "not_on_roster"
    DISABLED = "disabled"
    NOT_YET_VALID = "not_yet_valid"
    NO_LONGER_VALID = "no_longer_valid"
    NOT_ENTITLED = "not_entitled"
    """The person may not use this door."""
    OUTSIDE_HOURS = "outside_hours"
    NOBODY_IN_YET = "nobody_in_yet"
    """Somebody of the first must come in on that day before others may."""
    PASSBACK = "passback"
    """Let in a short while ago, and not to be let in again yet."""
    AWAITING_VOTES = "awaiting_votes"
    """Everything else holds; more frames must agree."""
    AWAITING_CHALLENGE = "awaiting_challenge"
    """Everything else holds; the person has not yet done what was asked."""
    CHALLENGE_FAILED = "challenge_failed"
    CODE_NEEDED = "code_needed"
    """Everything else holds; the person is to give a code."""
    FACE_NEEDED = "face_needed"
    """A code that counts only after a face."""
    TOO_MANY_TRIES = "too_many_tries"
    """After wrong codes none of this reader is looked at for a while."""
    COOLDOWN = "cooldown"
    UNDATED = "undated"
    """A command to open that lacks `issued_at` or `id`, where both are asked."""
    CODE_MISSING = "code_missing"
    CODE_WRONG = "code_wrong"
    RELAY_FAILED = "relay_failed"
    """The decision was to open, but the relay could not be driven."""
    JOURNAL_FAILED = "journal_failed"
    """The decision was to open, but it could not be written down, and nobody is to be let in so."""


class Decision(Message):
    """Why the door did or did not open.

    mosquitto_sub -t doorbus/v1/door/front/decision
    """

    outcome: Outcome
    reason: Reason
    trigger: Trigger
    at: Instant
    person: Slug | None = None
    confidence: Unit | None = None
    camera: Slug | None = None
    frame_ids: tuple[Id, ...] = ()
    """The frames whose votes decided, oldest first."""
    latency_ms: Milliseconds | None = None
    """From the capture of the deciding frame, or the arrival of the command, to the relay."""
    seconds: Annotated[float, Field(gt=0)] | None = None
    """How long the door is held open at most, if it is; a command may have asked for more."""
    by: Name | None = None
    command_id: Id | None = None
    credential: Slug | None = None
    """What the PIN or tag is called."""
    reader: Slug | None = None
    """Where it was typed or held."""
    count: Annotated[int, Field(ge=1)] = 1
    """How many equal denials this one stands for."""


class Activity(Message):
    """What happened last at a door, in words: about people, not about frames.

    What repeats is the same event, which is told again less and less often while it grows.

    mosquitto_sub -t doorbus/v1/door/front/activity
    """

    text: Annotated[str, Field(min_length=1, max_length=255)]
    """Such as `Barack Obama let in`, or `Door held open`."""
    outcome: Outcome | None = None
    """Of a decision, as `reason` and `trigger` are."""
    reason: Reason | None = None
    trigger: Trigger | None = None
    alarm: AlarmKind | None = None
    """Of an alarm at the door, which is no decision."""
    at: Instant
    since: Instant
    """When it was decided for the first time; `at` is the last time."""
    count: Annotated[int, Field(ge=1)] = 1
    """How often it was decided."""
    person: Slug | None = None
    name: Name | None = None
    """What the person is called; the roster's name."""
    camera: Slug | None = None
    by: Name | None = None
    """Who sent the command."""
    last_person: Slug | None = None
    """Who was named last, now or before, let in or not."""
    last_name: Name | None = None
    last_confidence: Unit | None = None
    """How sure it was that it was this person."""
    last_latency_ms: Milliseconds | None = None
    """From the capture of the deciding frame to the relay, of whoever was let in last."""
    last_reason: Reason | None = None
    """Of the last decision."""
    again: bool = False
    """It is told once more because the connection is new, and nothing has happened."""
