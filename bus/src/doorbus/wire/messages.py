"""Every message that crosses the bus. Frozen, strict, and closed to unknown fields. Pure.

Times are RFC 3339 in UTC. The examples name the door `front`, the camera `porch` and the person `alice`, and leave out
the options that name the broker and the user (`-h`, `-p`, `-u`, `-P`, `-V 5`).
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from doorbus.wire.ids import SLUG

Slug = Annotated[str, Field(pattern=f"^{SLUG}$")]
"""Id of a door, camera, person or instance."""
MAX_NAME = 128
Name = Annotated[str, Field(max_length=MAX_NAME)]
"""Text for people; never part of a topic or a path."""
Id = Annotated[str, Field(min_length=1, max_length=128)]
"""Opaque id of one frame or command."""
Unit = Annotated[float, Field(ge=0, le=1)]
Similarity = Annotated[float, Field(ge=-1, le=1)]
"""Cosine similarity of two templates."""
Milliseconds = Annotated[float, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""The first half of a SHA-256."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar, in another time zone
        raise ValueError("outside the years 1 to 9999 in UTC") from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels of the frame."""


class Message(BaseModel):
    """What all messages share."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


class Picture(Message):
    """A JPEG; what else is known of it travels beside it, in user properties."""

    jpeg: bytes = Field(repr=False)
    properties: ClassVar[tuple[str, ...]] = ()


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
    AMBIGUOUS = "ambiguous"
    """Two people of the gallery are about as similar to the probe."""


class Face(Message):
    """One face on a frame."""

    box: Box
    verdict: Verdict
    person: Slug | None = None
    confidence: Unit = 0.0
    """Calibrated: 0.5 at a false accept rate of about 1 in 1,000, whatever the model."""
    similarity: Similarity | None = None
    runner_up: Similarity | None = None
    """Similarity of the second most similar person; None when the gallery holds one person."""
    live: Unit | None = None
    size: Annotated[float, Field(ge=0)] | None = None
    """Distance between the outer corners of the eyes in pixels of the frame."""
    sharpness: Annotated[float, Field(ge=0)] | None = None
    """Variance of the Laplacian of the aligned face."""
    quality: Unit = 0.0
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


class Action(StrEnum):
    """What a lock command asks for."""

    UNLOCK = "UNLOCK"
    LOCK = "LOCK"
    OPEN = "OPEN"
    """The same as UNLOCK: an electric strike has no latch to pull."""


class LockCommand(Message):
    """Unlock, lock or open by hand: the bare word, or JSON with any of the fields below.

    mosquitto_pub -q 1 -t doorbus/v1/door/front/lock/set -m UNLOCK
    mosquitto_pub -q 1 -t doorbus/v1/door/front/lock/set -m '{"action": "UNLOCK", "seconds": 5, "by": "reception"}'
    """

    action: Action
    seconds: Annotated[float, Field(gt=0, le=86400)] | None = None
    """How long to hold the door open; the actuator's longest hold bounds it."""
    id: Id | None = None
    """A command whose id was seen before is refused."""
    issued_at: Instant | None = None
    code: Annotated[str, Field(max_length=16)] | None = Field(default=None, repr=False)
    """Time-based one-time password, where the actuator is configured to ask for one."""
    by: Name | None = None


class LockState(StrEnum):
    """Whether the door is locked; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/lock/state
    """

    LOCKED = "LOCKED"
    UNLOCKING = "UNLOCKING"
    UNLOCKED = "UNLOCKED"
    LOCKING = "LOCKING"
    JAMMED = "JAMMED"
    """The relay could not be driven."""


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


class Lockdown(StrEnum):
    """Whether a door opens for nobody, by face or by command; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/lockdown/state
    """

    ON = "ON"
    OFF = "OFF"


class LockdownOrder(Message):
    """Begin or end a lockdown: the bare word, or JSON that also says who orders it. ON also locks at once.

    mosquitto_pub -q 1 -t doorbus/v1/door/front/lockdown/set -m ON
    mosquitto_pub -q 1 -t doorbus/v1/lockdown/set -m '{"lockdown": "OFF", "by": "reception"}'
    """

    lockdown: Lockdown
    by: Name | None = None


class Input(StrEnum):
    """What a door feels."""

    CONTACT = "contact"
    """Whether it stands open."""
    EXIT = "exit"
    """The button by which somebody inside asks to leave."""
    DOORBELL = "doorbell"
    TAMPER = "tamper"
    """Whether somebody opens the case."""


class InputState(StrEnum):
    """What a simulated input feels: ON is open, pressed or tampered with; the payload is the bare word.

    mosquitto_pub -q 1 -t doorbus/v1/door/front/input/contact/set -m ON
    """

    ON = "ON"
    OFF = "OFF"


class ContactState(StrEnum):
    """Whether a door stands open; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/contact/state
    """

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class TamperState(StrEnum):
    """Whether somebody tampers with a door's case; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/tamper/state
    """

    ON = "ON"
    OFF = "OFF"


class AlarmKind(StrEnum):
    """What is wrong at a door, the gravest last."""

    HELD_OPEN_SOON = "held_open_soon"
    """It stands open, and `held_open` follows."""
    HELD_OPEN = "held_open"
    """It has stood open for too long."""
    FORCED = "forced"
    """It was opened while it was locked, and nobody had asked to leave."""
    TAMPER = "tamper"


class AlarmState(StrEnum):
    """The gravest of the alarms that go on, or `none`; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/alarm/state
    """

    NONE = "none"
    HELD_OPEN_SOON = "held_open_soon"
    HELD_OPEN = "held_open"
    FORCED = "forced"
    TAMPER = "tamper"


class Alarm(Message):
    """An alarm that begins; `alarm/state` says how long it goes on.

    mosquitto_sub -t doorbus/v1/door/front/alarm
    """

    kind: AlarmKind
    at: Instant
    since: Instant
    """When the door was opened, or the case."""
    person: Slug | None = None
    """Who was let in last before a door was held open."""


class Doorbell(Message):
    """Somebody rings.

    mosquitto_sub -t doorbus/v1/door/front/doorbell
    """

    at: Instant


class Exit(Message):
    """Somebody inside has pressed the exit button.

    mosquitto_sub -t doorbus/v1/door/front/exit
    """

    at: Instant
    unlocked: bool
    """Whether the door opened for it."""


class JournalKind(StrEnum):
    """What an entry of a journal tells of."""

    STARTED = "started"
    STOPPED = "stopped"
    COMMAND = "command"
    """Somebody told the door to open or to lock; `granted` or `denied` follows for the former."""
    GRANTED = "granted"
    """Written before the relay is told to energise."""
    DENIED = "denied"
    LOCKDOWN = "lockdown"
    """Somebody began or ended a lockdown."""
    RELAY = "relay"
    """The relay moved, failed, or can be driven again."""
    INPUT = "input"
    """The door was opened or shut, a button pressed, the case opened or shut."""
    ALARM = "alarm"
    """An alarm began, or has ended."""


class JournalEntry(Message):
    """One line of the journal of a door. `previous` is the SHA-256 of the payload of the entry before, byte for byte.

    mosquitto_sub -t doorbus/v1/door/front/journal
    """

    chain: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Id of the journal; another one begins where the file was lost."""
    number: Annotated[int, Field(ge=1)]
    """Each entry has the number of the one before and 1."""
    at: Instant
    kind: JournalKind
    previous: Sha256 | None = None
    """Missing from number 1."""
    decision: Decision | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    """How long the relay is to be energised."""
    command: LockCommand | None = None
    """Without its one-time password."""
    lockdown: Lockdown | None = None
    by: Name | None = None
    """Who ordered the lockdown, as far as they said so."""
    state: LockState | None = None
    why: Name | None = None
    """What is wrong with the relay."""
    input: Input | None = None
    on: bool | None = None
    """Whether what the input feels, or the alarm, has begun or has ended; of a button only that it was pressed."""
    alarm: AlarmKind | None = None
    since: Instant | None = None
    """When what the alarm is about began."""
    person: Slug | None = None
    """Whom the alarm is about, if anybody."""
    version: Name | None = None
    """Of the actuator that started."""


class JournalRequest(Message):
    """Asks a door for entries of its journal by number; the answer goes to the response topic. As many as fit come.

    mosquitto_rr -q 1 -t doorbus/v1/door/front/journal/get -e doorbus/v1/journal/reply/me -m '{"first": 1}'
    """

    first: Annotated[int, Field(ge=1)] = 1
    last: Annotated[int, Field(ge=1)] | None = None


class JournalPage(Message):
    """Entries that were asked for, in order; those that retention has taken away are missing.

    mosquitto_sub -t 'doorbus/v1/journal/reply/+'
    """

    entries: tuple[JournalEntry, ...] = ()
    newest: Annotated[int, Field(ge=0)]
    """The number of the newest entry that there is."""


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


class Ask(StrEnum):
    """What a challenge asks the person to do."""

    BLINK = "blink"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    STEP_BACK = "step_back"
    """No challenge: the face is too close to the camera, or at the edge of its view, to be judged."""
    NONE = "none"


class Challenge(Message):
    """What the person in front of the door is asked to do; `none` when nothing is.

    mosquitto_sub -t doorbus/v1/door/front/challenge
    """

    ask: Ask
    camera: Slug | None = None
    expires_at: Instant | None = None


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
    name: Name | None = None
    """For people; a newcomer's id is made of it, too. Who is enrolled already keeps the name that is there."""
    samples: Annotated[int, Field(ge=1, le=10)] = 3
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 30.0
    code: Annotated[str, Field(max_length=16)] | None = Field(default=None, repr=False)
    """Time-based one-time password, where the enroller is configured to ask for one. It may also end the name."""


OpeningHours = Annotated[str, Field(max_length=512)]
"""In OpenStreetMap's syntax."""


class Entitlement(Message):
    """Where and when somebody may pass: what a person has, and a group for all of it."""

    name: Name | None = None
    enabled: bool = True
    doors: tuple[Slug, ...] | None = None
    """Doors the person may use; None for every door."""
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    hours: OpeningHours | None = None
    """Opening hours besides the door's own."""
    threshold: Unit | None = None
    """Confidence asked instead of the actuator's."""
    schedule: Slug | None = None
    """The schedule whose hours count; there are no `hours` beside it."""
    second_factor: bool | None = None
    """Whether a code is asked for after the face; None for no."""


class Rights(Entitlement):
    """Who a person is to the doors. What is not said here is as the group has it."""

    group: Slug | None = None


class Update(Rights):
    """Change a person's name or rights; fields that are not sent stay as they are.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/update -m '{"name": "Alice", "doors": ["front"]}'
    """

    def changes(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True)


Code = Annotated[str, Field(min_length=1, max_length=64)]
"""A PIN, or what a tag says of itself."""
Salt = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
CodeHash = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""By scrypt (`doorbus.wire.credentials`)."""


class Credential(Message):
    """What somebody typed, or held against a reader: the bare text, or JSON with any of the fields below.

    mosquitto_pub -q 1 -t doorbus/v1/door/front/credential/keypad -m 274163
    mosquitto_pub -q 1 -t doorbus/v1/door/front/credential/keypad -m '{"code": "04-a2-1b-32", "id": "17"}'
    """

    code: Code = Field(repr=False)
    id: Id | None = None
    """One whose id was seen before is refused."""
    issued_at: Instant | None = None


class SetCredential(Message):
    """Give a person a PIN or a tag, or another one in place of it. Only a hash of it is kept.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/credential/pin/set -m '{"code": "274163"}'
    """

    code: Code = Field(repr=False)
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    guest: Name | None = None
    """What a guest is called, who is let in by this alone: makes the person, if nobody is there."""


class RemoveCredential(Message):
    """Take a PIN or a tag away; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/credential/pin/remove -n
    """


class HashedCredential(Message):
    """A PIN or a tag as it is kept."""

    person: Slug
    credential: Slug
    """What it is called, such as `pin`."""
    salt: Salt = Field(repr=False)
    hash: CodeHash = Field(repr=False)
    valid_from: Instant | None = None
    valid_until: Instant | None = None


class HashedCredentials(Message):
    """All PINs and tags of a site, for its doors alone. The roster's manifest names the SHA-256 of this payload.

    mosquitto_sub -t doorbus/v1/roster/credentials
    """

    credentials: tuple[HashedCredential, ...] = ()


class SetGroup(Entitlement):
    """Make or change a group of people; fields that are not sent stay as they are. It moves everybody in it.

    Who is in it says the `group` of each person's own rights.

    mosquitto_pub -q 1 -t doorbus/v1/group/cleaners/set -m '{"doors": ["front"], "hours": "Mo-Fr 06:00-08:00"}'
    """


class RemoveGroup(Message):
    """Forget a group, in which nobody may be any more; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/group/cleaners/remove -n
    """


Holiday = Annotated[str, Field(min_length=2, max_length=64)]
"""A day such as 2026-12-24 or Dec 24, days such as 2026-12-24/2027-01-06, `easter +1 day`; or PH, the country's."""


class SetSchedule(Message):
    """Make or change hours with a name; fields that are not sent stay as they are. It moves all who follow it.

    mosquitto_pub -q 1 -t doorbus/v1/schedule/office/set -m '{"hours": "Mo-Fr 07:00-19:00", "holidays": ["2026-12-24"]}'
    """

    name: Name | None = None
    hours: OpeningHours | None = None
    holidays: Annotated[tuple[Holiday, ...], Field(max_length=100)] | None = None
    """What `PH` in the hours means; closed on these days where the hours do not say PH. None: the country's."""


class RemoveSchedule(Message):
    """Forget a schedule, which nobody may follow any more; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/schedule/office/remove -n
    """


class GroupEntry(Entitlement):
    """A group."""

    group: Slug


class ScheduleEntry(Message):
    """A schedule."""

    schedule: Slug
    name: Name | None = None
    hours: OpeningHours
    holidays: tuple[Holiday, ...] | None = None


class ListedGroup(GroupEntry):
    """A group, and how many people are in it."""

    people: Annotated[int, Field(ge=0)] = 0


class ListedGroups(Message):
    """All groups, by id.

    mosquitto_sub -t doorbus/v1/people/groups
    """

    groups: tuple[ListedGroup, ...] = ()


class ListedSchedule(ScheduleEntry):
    """A schedule, and how many people follow it, by themselves or through their group."""

    people: Annotated[int, Field(ge=0)] = 0


class ListedSchedules(Message):
    """All schedules, by id.

    mosquitto_sub -t doorbus/v1/people/schedules
    """

    schedules: tuple[ListedSchedule, ...] = ()


class Remove(Message):
    """Forget a person; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/remove -n
    """


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


class KeptSample(Message):
    """What the enroller keeps of one picture of a person."""

    template: str = Field(repr=False)
    """Base64 of the template, sealed with the site key for this person alone."""
    model: Name
    quality: Unit
    picture: Sha256
    """Of the picture, which is not kept."""
    created_at: Instant
    number: Annotated[int, Field(ge=0)] | None = None
    """By which it can be removed; another one once it was restored."""
    brightness: Unit | None = None
    face: str | None = Field(default=None, repr=False)
    """Base64 of the aligned face, a JPEG, sealed like the template; None where it is not kept."""


class KeptPerson(Message):
    """All that the enroller keeps of one person."""

    person: Slug
    rights: Rights
    samples: tuple[KeptSample, ...] = ()
    credentials: tuple[HashedCredential, ...] | None = None


class RemoveSample(Message):
    """Forget one sample of a person, by its number; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/sample/7/remove -n
    """


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


class ExportPeople(Message):
    """Ask for everybody, a page at a time, in the order of the ids; or for one person.

    mosquitto_rr -q 1 -e doorbus/v1/people/reply/me -t doorbus/v1/people/export -m '{"limit": 10}'
    """

    after: Slug | None = None
    """Begin after this id, as the reply before said in `next`."""
    person: Slug | None = None
    """Only this one."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    """Most people in the reply; it may have fewer, so as not to be too large."""


class RestorePeople(Message):
    """Put people back as they were exported, all of these or none; who is there already is replaced.

    mosquitto_rr -q 1 -e doorbus/v1/people/reply/me -t doorbus/v1/people/restore -f page.json
    """

    people: tuple[KeptPerson, ...]
    groups: tuple[GroupEntry, ...] | None = None
    """Groups to put back before the people."""
    schedules: tuple[ScheduleEntry, ...] | None = None


class KeptPeople(Message):
    """People as they are kept, or what became of a request to put some back.

    mosquitto_sub -t 'doorbus/v1/people/reply/+'
    """

    people: tuple[KeptPerson, ...] = ()
    next: Slug | None = None
    """What to ask for `after` to get the next page; None when this was the last one."""
    left_out: Annotated[int, Field(ge=0)] = 0
    """Samples and rights on this page that cannot be read."""
    count: Annotated[int, Field(ge=0)] = 0
    """How many people there are in all."""
    roster_version: Annotated[int, Field(ge=0)] | None = None
    gallery_version: Annotated[int, Field(ge=0)] | None = None
    """Pages of equal versions belong together."""
    groups: tuple[GroupEntry, ...] | None = None
    """All groups, on the first page of everybody; None where there are none."""
    schedules: tuple[ScheduleEntry, ...] | None = None
    again: tuple[Slug, ...] | None = None
    """Who was put back and has to be enrolled again: not all samples, made with another model, could be taken over."""
    error: Fault | None = None


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


class ListedPerson(Message):
    """Somebody who is enrolled."""

    person: Slug
    name: Name
    """The roster's, or what the id says."""
    enabled: bool = True


class ListedPeople(Message):
    """Who is enrolled, for a screen: the first ones by name, and how many there are. The roster has everybody.

    mosquitto_sub -t doorbus/v1/people/enrolled
    """

    count: Annotated[int, Field(ge=0)]
    people: tuple[ListedPerson, ...] = ()


class Deed(StrEnum):
    """What is to become of somebody."""

    ENABLE = "enable"
    DISABLE = "disable"
    REMOVE = "remove"


class ManagePerson(Message):
    """Enable, disable or remove somebody who is called by name or by id.

    mosquitto_pub -q 1 -t doorbus/v1/people/set -m '{"action": "disable", "who": "Zoë Bee"}'
    """

    action: Deed
    who: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class Manifest(Message):
    """Which shards make up a snapshot. A reader uses the snapshot only when every shard matches.

    mosquitto_sub -t doorbus/v1/roster/manifest
    """

    version: Annotated[int, Field(ge=0)]
    count: Annotated[int, Field(ge=0)]
    """Number of people."""
    shards: tuple[Sha256, ...]
    """SHA-256 of each shard's payload, in order."""
    model: Name | None = None
    """Embedding model of a gallery's templates; None for a roster and for an empty gallery."""
    credentials: Sha256 | None = None
    """Of a roster: of the payload with the hashes of PINs and tags; None where there are none."""
    seal: Annotated[str, Field(max_length=128)] | None = None
    """Of a gallery: base64 of what the site's key makes of the other fields, so that nobody without it can name shards
    of different times together. A roster has none."""


class RosterEntry(Rights):
    """A person on the roster, with all that holds: also what comes from the group, and the hours of the schedule."""

    person: Slug
    hours: Annotated[str, Field(max_length=4096)] | None = None
    credentials: tuple[Slug, ...] | None = None
    """What the person's PINs and tags are called; None where there are none."""
    inherited: tuple[str, ...] | None = None
    """Fields whose values are the group's; None where none are."""


class GalleryEntry(Message):
    """A person's templates."""

    person: Slug
    templates: tuple[str, ...]
    """Each the base64 of little-endian float32 values, a unit vector."""


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


class Presence(StrEnum):
    """Whether a service is there."""

    ONLINE = "online"
    OFFLINE = "offline"


class Health(Message):
    """Whether a service is up, how it does and what it refused. The broker sends `offline` when a service vanishes.

    mosquitto_sub -t 'doorbus/v1/health/#'
    """

    state: Presence
    service: Slug
    instance: Slug
    version: str
    at: Instant
    started_at: Instant
    door: Slug | None = None
    """The door that it drives, or whose camera it reads."""
    camera: Slug | None = None
    """The camera that it reads."""
    country: Annotated[str, Field(max_length=16)] | None = None
    """By whose public holidays it reads opening hours."""
    problem: str | None = None
    """What keeps the service from its work, for people; None when nothing does."""
    site_key: str | None = None
    """Which site key it seals with, by an id that does not tell the key; None when it has none."""
    model: Name | None = None
    """The embedding model that a recognizer runs."""
    site_keys: tuple[str, ...] = ()
    """All that it unseals with, the newest first: two while the key is rotated."""
    figures: dict[str, float] = Field(default_factory=dict)
    refused: dict[str, int] = Field(default_factory=dict)
    """How many messages were refused, by `channel.reason`."""
    last_refused: dict[str, Instant] = Field(default_factory=dict)
    """When the last of them was, by the same."""


class HomeAssistantStatus(StrEnum):
    """Whether Home Assistant is there; the payload is the bare word.

    mosquitto_sub -t homeassistant/status
    """

    ONLINE = "online"
    OFFLINE = "offline"


def utc(moment: datetime) -> str:
    """RFC 3339 text of `moment` in UTC, as in the JSON of all messages."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
