"""The one table of what crosses the bus. Topics, access rules and the AsyncAPI document all come from here. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from string import Formatter
from typing import Any, Generic, TypeVar

from doorbus.wire import codec, messages
from doorbus.wire.codec import Codec

CONTRACT = "1.28"
"""Version of what stands in the table and in the messages; its major number is that of the root."""
DEFAULT_ROOT = "doorbus/v1"
HOMEASSISTANT_PREFIX = "homeassistant"
OF_INPUTS = "_topic"
"""How the names of channels end that are topics of other programs; before it stand the inputs that they are about."""
KIB = 1024
MIB = 1024 * KIB

M = TypeVar("M")


class Role(StrEnum):
    """The broker's users: one for each service, and the people and programs around them."""

    CAPTURE = "capture"
    RECOGNIZER = "recognizer"
    ACTUATOR = "actuator"
    ENROLLER = "enroller"
    CONSOLE = "console"
    RECORDER = "recorder"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    HOMEASSISTANT = "homeassistant"
    NODERED = "nodered"
    KEYPAD = "keypad"
    """What reads PINs and tags at a door."""
    AUDITOR = "auditor"
    """Who looks at what was kept of people, and changes nothing."""


SERVICES = (Role.CAPTURE, Role.RECOGNIZER, Role.ACTUATOR, Role.ENROLLER)
"""What a door needs."""
OPTIONAL = (Role.CONSOLE, Role.RECORDER)
"""Services that a door does without."""


class Retain(StrEnum):
    """What the retain flag means on a channel."""

    NEVER = "never"
    """A sender leaves it off; a receiver does not mind it."""
    REFUSED = "refused"
    """A sender leaves it off; a receiver refuses a message that carries it, because it may be older than it looks: a
    frame without a time of its own would be replayed as a new one to every replica that connects."""
    REPLAY_REFUSED = "replay refused"
    """Other programs' senders set it; a receiver takes what is sent now, and refuses what the broker had kept."""
    YES = "yes"
    """The broker keeps the last message and replays it to whoever subscribes."""


class Under(StrEnum):
    """What the topics of a channel stand under."""

    ROOT = "root"
    """The root of the site's own topics."""
    DISCOVERY = "discovery"
    """The prefix under which Home Assistant finds devices."""
    NOTHING = "nothing"
    """Nothing: another program has laid the whole topic down."""


@dataclass(frozen=True)
class Channel(Generic[M]):
    """One row of the table.

    `template` names the topic beneath what it stands `under`, ids in braces. `expiry` is in seconds and bounds how long
    a broker may hold the message for somebody. `max_bytes` bounds the payload. `senders` and `receivers` become the
    access rules. `own` names the id under which a service sends as itself only. `signed_by` names the role whose key
    signs each message (`doorbus.wire.signatures`).
    """

    name: str
    template: str
    codec: Codec[M]
    summary: str
    qos: int
    senders: frozenset[Role]
    receivers: frozenset[Role]
    retain: Retain = Retain.NEVER
    expiry: int | None = None
    max_bytes: int = 64 * KIB
    reply: "Channel[Any] | None" = field(default=None, repr=False)
    own: str | None = None
    under: Under = Under.ROOT
    signed_by: Role | None = None

    @cached_property
    def parts(self) -> tuple[tuple[str, str | None], ...]:
        """The template cut up: a text and the name of the id that follows it, which the last part may lack."""
        return tuple((text, name) for text, name, _, _ in Formatter().parse(self.template))

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the ids in the topic."""
        return tuple(name for _, name in self.parts if name is not None)


_PEOPLE = frozenset({Role.OPERATOR, Role.CONSOLE, Role.HOMEASSISTANT, Role.NODERED})
_READERS = _PEOPLE | {Role.VIEWER}
_AT_THE_DOOR = _READERS | {Role.CAPTURE}
"""Many a camera has a display or a light, and one connection: it shows whoever stands there what became of it."""

FRAME = Channel(
    name="frame",
    template="door/{door}/frame/{camera}",
    codec=codec.Jpeg(messages.Frame),
    summary="A picture of what a camera sees.",
    qos=0,
    retain=Retain.REFUSED,
    expiry=2,
    max_bytes=8 * MIB,
    senders=frozenset({Role.CAPTURE, Role.OPERATOR}),
    receivers=_READERS | {Role.RECOGNIZER, Role.ENROLLER, Role.RECORDER},
)
RECOGNITION = Channel(
    name="recognition",
    template="door/{door}/recognition/{camera}",
    codec=codec.Json(messages.Recognition),
    summary="Who is on a frame, and how sure a recognizer is.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=_READERS | {Role.ACTUATOR, Role.RECORDER},
    signed_by=Role.RECOGNIZER,
)
PORTRAIT = Channel(
    name="portrait",
    template="door/{door}/portrait/{camera}",
    codec=codec.Jpeg(messages.Portrait),
    summary="The face of who was recognised last, where that is switched on.",
    qos=0,
    expiry=10,
    max_bytes=MIB,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=frozenset({Role.OPERATOR, Role.VIEWER, Role.HOMEASSISTANT}),
)
LOCK_COMMAND = Channel(
    name="lock_command",
    template="door/{door}/lock/set",
    codec=codec.CommandCodec(),
    summary="Unlock, lock or open by hand.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=4 * KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ACTUATOR},
)
LOCK_STATE = Channel(
    name="lock_state",
    template="door/{door}/lock/state",
    codec=codec.Word(messages.LockState),
    summary="Whether the door is locked now.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_AT_THE_DOOR | {Role.ENROLLER, Role.KEYPAD},  # the enroller knows by it which doors there are
)
CREDENTIAL = Channel(
    name="credential",
    template="door/{door}/credential/{reader}",
    codec=codec.CredentialCodec(),
    summary="A PIN that was typed, or a tag that was held against a reader. Only the door reads it.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=KIB,
    senders=_PEOPLE | {Role.KEYPAD},
    receivers=frozenset({Role.ACTUATOR}),
)
LOCKDOWN_COMMAND = Channel(
    name="lockdown_command",
    template="door/{door}/lockdown/set",
    codec=codec.LockdownCodec(),
    summary="Open this door for nobody, or by its rules again.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ACTUATOR},
)
LOCKDOWN_OF_ALL = Channel(
    name="lockdown_of_all",
    template="lockdown/set",
    codec=codec.LockdownCodec(),
    summary="The same for all doors; one whose actuator is away does not hear it.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ACTUATOR},
)
LOCKDOWN_STATE = Channel(
    name="lockdown_state",
    template="door/{door}/lockdown/state",
    codec=codec.Word(messages.Lockdown),
    summary="Whether the door is locked down.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_AT_THE_DOOR,
)
INPUT_COMMAND = Channel(
    name="input_command",
    template="door/{door}/input/{input}/set",
    codec=codec.Word(messages.InputState),
    summary="Plays a simulated input.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ACTUATOR},
)
CONTACT_STATE = Channel(
    name="contact_state",
    template="door/{door}/contact/state",
    codec=codec.Word(messages.ContactState),
    summary="Whether the door stands open, where something feels it.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_READERS,
)
TAMPER_STATE = Channel(
    name="tamper_state",
    template="door/{door}/tamper/state",
    codec=codec.Word(messages.TamperState),
    summary="Whether somebody tampers with the case, where something feels it.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_READERS,
)
ALARM_STATE = Channel(
    name="alarm_state",
    template="door/{door}/alarm/state",
    codec=codec.Word(messages.AlarmState),
    summary="The gravest of the alarms that go on.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_READERS,
)
ALARM = Channel(
    name="alarm",
    template="door/{door}/alarm",
    codec=codec.Json(messages.Alarm),
    summary="An alarm that begins.",
    qos=1,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_READERS,
)
DOORBELL = Channel(
    name="doorbell",
    template="door/{door}/doorbell",
    codec=codec.Json(messages.Doorbell),
    summary="Somebody rings.",
    qos=1,
    expiry=30,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_AT_THE_DOOR,  # the cameras wake
)
EXIT = Channel(
    name="exit",
    template="door/{door}/exit",
    codec=codec.Json(messages.Exit),
    summary="Somebody inside has pressed the exit button.",
    qos=1,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_READERS,
)
DECISION = Channel(
    name="decision",
    template="door/{door}/decision",
    codec=codec.Json(messages.Decision),
    summary="Why the door did or did not open.",
    qos=1,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_AT_THE_DOOR | {Role.RECORDER},
)
JOURNAL = Channel(
    name="journal",
    template="door/{door}/journal",
    codec=codec.Json(messages.JournalEntry),
    summary="What happened at a door, numbered and chained; each entry at least once, and in order.",
    qos=1,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_READERS,
)
JOURNAL_REPLY = Channel(
    name="journal_reply",
    template="journal/reply/{token}",
    codec=codec.Json(messages.JournalPage),
    summary="The entries that were asked for, to the MQTT 5 response topic that the request named.",
    qos=1,
    expiry=30,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_READERS,
)
JOURNAL_REQUEST = Channel(
    name="journal_request",
    template="door/{door}/journal/get",
    codec=codec.Json(messages.JournalRequest),
    summary="Asks for entries of a journal by number.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ACTUATOR},
    reply=JOURNAL_REPLY,
)
ACTIVITY = Channel(
    name="activity",
    template="door/{door}/activity",
    codec=codec.Json(messages.Activity),
    summary="What happened last at the door, in words: about people, not about frames.",
    qos=1,
    retain=Retain.YES,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_READERS | {Role.ACTUATOR},  # it goes on from there when it starts anew
)
CHALLENGE = Channel(
    name="challenge",
    template="door/{door}/challenge",
    codec=codec.Json(messages.Challenge),
    summary="What the person in front of the door is asked to do.",
    qos=1,
    retain=Retain.YES,
    expiry=10,
    senders=frozenset({Role.ACTUATOR}),
    receivers=_AT_THE_DOOR | {Role.RECOGNIZER},
)
RESULT = Channel(
    name="result",
    template="person/{person}/result",
    codec=codec.Json(messages.Result),
    summary="What became of an enrolment, update or removal.",
    qos=1,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS,
)
RESULT_REPLY = Channel(
    name="result_reply",
    template="reply/{token}",
    codec=codec.Json(messages.Result),
    summary="The same result, to the MQTT 5 response topic that the request named.",
    qos=1,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS | {Role.RECORDER},
)
ENROL = Channel(
    name="enrol",
    template="person/{person}/enrol",
    codec=codec.Jpeg(messages.Enrol),
    summary="A picture of a person to let in.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=8 * MIB,
    senders=_PEOPLE | {Role.RECORDER},  # by the word of whoever has looked through its inbox
    receivers=_READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
ENROL_FROM_CAMERA = Channel(
    name="capture",
    template="person/{person}/capture",
    codec=codec.Json(messages.EnrolFromCamera),
    summary="Enrol a person from what a camera sees.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
NEWCOMER = Channel(
    name="newcomer",
    template="newcomer/capture",
    codec=codec.Json(messages.EnrolFromCamera),
    summary="Enrol from what a camera sees somebody who has no id yet; the enroller gives one.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
UPDATE = Channel(
    name="update",
    template="person/{person}/update",
    codec=codec.Patch(messages.Update),
    summary="Change a person's name or rights.",
    qos=1,
    retain=Retain.REFUSED,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
SET_CREDENTIAL = Channel(
    name="set_credential",
    template="person/{person}/credential/{credential}/set",
    codec=codec.Json(messages.SetCredential),
    summary="Give a person a PIN or a tag. Only the enroller reads it.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    max_bytes=4 * KIB,
    senders=_PEOPLE,
    receivers=frozenset({Role.ENROLLER}),
    reply=RESULT_REPLY,
)
REMOVE_CREDENTIAL = Channel(
    name="remove_credential",
    template="person/{person}/credential/{credential}/remove",
    codec=codec.Empty(messages.RemoveCredential),
    summary="Take a PIN or a tag away.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
REMOVE = Channel(
    name="remove",
    template="person/{person}/remove",
    codec=codec.Empty(messages.Remove),
    summary="Forget a person.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
REMOVE_SAMPLE = Channel(
    name="remove_sample",
    template="person/{person}/sample/{sample}/remove",
    codec=codec.Empty(messages.RemoveSample),
    summary="Forget one sample of a person.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
ARRANGED = Channel(
    name="arranged",
    template="people/arranged/{token}",
    codec=codec.Json(messages.Arranged),
    summary="What became of a change of a group or schedule, to the response topic that the request named.",
    qos=1,
    expiry=30,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS,
)
SET_GROUP = Channel(
    name="set_group",
    template="group/{group}/set",
    codec=codec.Patch(messages.SetGroup),
    summary="Make a group of people, or change what all of it may.",
    qos=1,
    retain=Retain.REFUSED,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=ARRANGED,
)
REMOVE_GROUP = Channel(
    name="remove_group",
    template="group/{group}/remove",
    codec=codec.Empty(messages.RemoveGroup),
    summary="Forget a group in which nobody is.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=ARRANGED,
)
SET_SCHEDULE = Channel(
    name="set_schedule",
    template="schedule/{schedule}/set",
    codec=codec.Patch(messages.SetSchedule),
    summary="Give hours and holidays a name, or change them for all who follow it.",
    qos=1,
    retain=Retain.REFUSED,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=ARRANGED,
)
REMOVE_SCHEDULE = Channel(
    name="remove_schedule",
    template="schedule/{schedule}/remove",
    codec=codec.Empty(messages.RemoveSchedule),
    summary="Forget a schedule that nobody follows.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=ARRANGED,
)
GROUPS = Channel(
    name="groups",
    template="people/groups",
    codec=codec.Json(messages.ListedGroups),
    summary="All groups of people, and what they may.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS,
)
SCHEDULES = Channel(
    name="schedules",
    template="people/schedules",
    codec=codec.Json(messages.ListedSchedules),
    summary="All schedules: hours with a name, and their holidays.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS,
)
PEOPLE_CHECKED = Channel(
    name="people_checked",
    template="people/checked/{token}",
    codec=codec.Json(messages.PeopleChecked),
    summary="Who is hard to recognise, and who is hard to tell apart.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=_PEOPLE | {Role.ADMIN},
)
CHECK = Channel(
    name="check",
    template="people/check",
    codec=codec.Json(messages.CheckPeople),
    summary="Ask who is hard to recognise, and who is hard to tell apart.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    max_bytes=4 * KIB,
    senders=_PEOPLE | {Role.ADMIN},
    receivers=frozenset({Role.ENROLLER}),
    reply=PEOPLE_CHECKED,
)
PEOPLE_REPLY = Channel(
    name="people_reply",
    template="people/reply/{token}",
    codec=codec.Json(messages.KeptPeople),
    summary="People as they are kept, their templates sealed; or what became of putting some back.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.ADMIN}),
)
EXPORT = Channel(
    name="export",
    template="people/export",
    codec=codec.Json(messages.ExportPeople),
    summary="Ask for all that is kept of everybody, or of one person.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ADMIN}),
    receivers=frozenset({Role.ENROLLER}),
    reply=PEOPLE_REPLY,
)
RESTORE = Channel(
    name="restore",
    template="people/restore",
    codec=codec.Json(messages.RestorePeople),
    summary="Put people back as they were exported.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ADMIN}),
    receivers=frozenset({Role.ENROLLER}),
    reply=PEOPLE_REPLY,
)
MANAGE = Channel(
    name="manage",
    template="people/set",
    codec=codec.Json(messages.ManagePerson),
    summary="Enable, disable or remove somebody who is called by name.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=4 * KIB,
    senders=_PEOPLE,
    receivers=_READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
PEOPLE = Channel(
    name="people",
    template="people/enrolled",
    codec=codec.Json(messages.ListedPeople),
    summary="Who is enrolled, for a screen: the first ones by name.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS,
)
MODELS = Channel(
    name="models",
    template="people/models",
    codec=codec.Json(messages.Models),
    summary="Which embedding models are in use, and how far people have been taken over to each.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS | {Role.ADMIN},
)
ENROLMENT = Channel(
    name="enrolment",
    template="enrolment/progress",
    codec=codec.Json(messages.Enrolment),
    summary="How an enrolment goes, or how the last request about somebody ended, in words.",
    qos=1,
    retain=Retain.YES,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS | {Role.ENROLLER},  # one that was killed has left something under way
)
ROSTER_MANIFEST = Channel(
    name="roster_manifest",
    template="roster/manifest",
    codec=codec.Json(messages.Manifest),
    summary="Version and digests of the roster.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS
    | {Role.ACTUATOR, Role.ENROLLER, Role.RECORDER},  # the enroller hears what was retained before it came
    signed_by=Role.ENROLLER,
)
ROSTER_SHARD = Channel(
    name="roster_shard",
    template="roster/shard/{shard}",
    codec=codec.Raw("application/json"),
    summary="A part of the roster, a JSON array: people and their rights, no biometrics.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=_READERS
    | {Role.ACTUATOR, Role.ENROLLER, Role.RECORDER},  # the enroller sees what others put in their place
)
CREDENTIALS = Channel(
    name="credentials",
    template="roster/credentials",
    codec=codec.Raw("application/json"),
    summary="Salted hashes of all PINs and tags, as the roster's manifest names them; for doors alone.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.ACTUATOR, Role.ENROLLER}),  # the enroller sees what others put in their place
)
GALLERY_MANIFEST = Channel(
    name="gallery_manifest",
    template="gallery/manifest",
    codec=codec.Json(messages.Manifest),
    summary="Version, model and digests of the gallery.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER, Role.ENROLLER}),
    signed_by=Role.ENROLLER,
)
GALLERY_SHARD = Channel(
    name="gallery_shard",
    template="gallery/shard/{shard}",
    codec=codec.Raw("application/octet-stream"),
    summary="A part of the gallery: templates, sealed with the site key.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER, Role.ENROLLER}),
)
OTHER_MANIFEST = Channel(
    name="other_manifest",
    template="galleries/{embedder}/manifest",
    codec=codec.Json(messages.Manifest),
    summary="The same of a gallery of another model, while recognizers of two models run.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER, Role.ENROLLER}),
    signed_by=Role.ENROLLER,
)
OTHER_SHARD = Channel(
    name="other_shard",
    template="galleries/{embedder}/shard/{shard}",
    codec=codec.Raw("application/octet-stream"),
    summary="A part of the gallery of another model, sealed as the gallery is.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER, Role.ENROLLER}),
)
EMBED_REPLY = Channel(
    name="embed_reply",
    template="embed/reply/{token}",
    codec=codec.Json(messages.Embedded),
    summary="The faces on a picture, their templates sealed.",
    qos=1,
    expiry=30,
    max_bytes=MIB,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=frozenset({Role.ENROLLER}),
)
EMBED_REQUEST = Channel(
    name="embed_request",
    template="embed/request",
    codec=codec.Jpeg(messages.EmbedRequest),
    summary="A picture to turn into templates; one recognizer of all answers.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER}),
    reply=EMBED_REPLY,
)
EMBED_FACE = Channel(
    name="embed_face",
    template="embed/face/{embedder}",
    codec=codec.Raw("application/octet-stream"),
    summary="An aligned face, sealed, to turn into a template; one recognizer of the model answers.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER}),
    reply=EMBED_REPLY,
)
RECOGNISE_REPLY = Channel(
    name="recognise_reply",
    template="recognise/reply/{token}",
    codec=codec.Json(messages.Recognised),
    summary="Who is on the picture that was asked about.",
    qos=1,
    expiry=30,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=frozenset({Role.CONSOLE, Role.OPERATOR}),
)
RECOGNISE_REQUEST = Channel(
    name="recognise_request",
    template="recognise/request",
    codec=codec.Jpeg(messages.RecogniseRequest),
    summary="A picture to say who is on it; one recognizer of all answers, and no door hears of it.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.CONSOLE, Role.OPERATOR}),
    receivers=frozenset({Role.RECOGNIZER}),
    reply=RECOGNISE_REPLY,
)
_KEEPERS = frozenset({Role.ADMIN, Role.CONSOLE})
"""Who may say what becomes of what was kept of people: whoever keeps a site, and the page, which knows who asks."""
_LOOKERS = _KEEPERS | {Role.AUDITOR}
"""Who may look at it."""
RECORDED = Channel(
    name="recorded",
    template="door/{door}/recording",
    codec=codec.Json(messages.Recording),
    summary="A picture of a decision was kept; who may look can ask for it by its id.",
    qos=1,
    senders=frozenset({Role.RECORDER}),
    receivers=_READERS | {Role.ADMIN, Role.AUDITOR},
)
RECORDINGS_REPLY = Channel(
    name="recordings_reply",
    template="recordings/reply/{token}",
    codec=codec.Json(messages.Recordings),
    summary="What was kept, without pictures; or what became of a request to erase some of it.",
    qos=1,
    expiry=30,
    max_bytes=MIB,
    senders=frozenset({Role.RECORDER}),
    receivers=_LOOKERS,
)
RECORDING_LIST = Channel(
    name="recording_list",
    template="recording/list",
    codec=codec.Json(messages.ListRecordings),
    summary="Ask what was kept, the newest first.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=_LOOKERS,
    receivers=frozenset({Role.RECORDER}),
    reply=RECORDINGS_REPLY,
)
RECORDING_REPLY = Channel(
    name="recording_reply",
    template="recordings/picture/{token}",
    codec=codec.JpegOrError(messages.KeptPicture),
    summary="A picture that was kept, or why there is none.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.RECORDER}),
    receivers=_LOOKERS,
)
RECORDING_GET = Channel(
    name="recording_get",
    template="recording/{recording}/get",
    codec=codec.Json(messages.GetRecording),
    summary="Ask for a picture that was kept.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=_LOOKERS,
    receivers=frozenset({Role.RECORDER}),
    reply=RECORDING_REPLY,
)
RECORDING_ERASE = Channel(
    name="recording_erase",
    template="recording/{recording}/erase",
    codec=codec.Empty(messages.EraseRecording),
    summary="Erase a picture that was kept.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=KIB,
    senders=_KEEPERS,
    receivers=frozenset({Role.RECORDER}),
    reply=RECORDINGS_REPLY,
)
FACES = Channel(
    name="faces",
    template="door/{door}/face/{camera}",
    codec=codec.Json(messages.FacesForReview),
    summary="Faces that a person may want to name, their templates sealed for the recorder, where switched on.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=frozenset({Role.RECORDER}),
)
REVIEWS_REPLY = Channel(
    name="reviews_reply",
    template="reviews/reply/{token}",
    codec=codec.Json(messages.Reviews),
    summary="What waits for a person's word, without pictures; or what became of such a word.",
    qos=1,
    expiry=30,
    max_bytes=MIB,
    senders=frozenset({Role.RECORDER}),
    receivers=_LOOKERS,
)
REVIEW_LIST = Channel(
    name="review_list",
    template="review/list",
    codec=codec.Json(messages.ListReviews),
    summary="Ask whose faces wait for a person's word.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=_LOOKERS,
    receivers=frozenset({Role.RECORDER}),
    reply=REVIEWS_REPLY,
)
REVIEW_REPLY = Channel(
    name="review_reply",
    template="reviews/picture/{token}",
    codec=codec.JpegOrError(messages.ReviewPicture),
    summary="The face of an entry of the inbox, or why there is none.",
    qos=1,
    expiry=30,
    max_bytes=MIB,
    senders=frozenset({Role.RECORDER}),
    receivers=_LOOKERS,
)
REVIEW_GET = Channel(
    name="review_get",
    template="review/{entry}/get",
    codec=codec.Empty(messages.GetReview),
    summary="Ask for the face of an entry of the inbox.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=KIB,
    senders=_LOOKERS,
    receivers=frozenset({Role.RECORDER}),
    reply=REVIEW_REPLY,
)
REVIEW_ACCEPT = Channel(
    name="review_accept",
    template="review/{entry}/accept",
    codec=codec.Json(messages.AcceptReview),
    summary="Say who it is, and enrol the face as a picture of them.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=_KEEPERS,
    receivers=frozenset({Role.RECORDER}),
    reply=REVIEWS_REPLY,
)
REVIEW_DISCARD = Channel(
    name="review_discard",
    template="review/{entry}/discard",
    codec=codec.Empty(messages.DiscardReview),
    summary="Forget an entry of the inbox.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=KIB,
    senders=_KEEPERS,
    receivers=frozenset({Role.RECORDER}),
    reply=REVIEWS_REPLY,
)
HEALTH = Channel(
    name="health",
    template="health/{service}/{instance}",
    codec=codec.Json(messages.Health),
    summary="Whether a service is up, how it does and what it refused.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset((*SERVICES, *OPTIONAL)),
    receivers=frozenset(Role) - {Role.KEYPAD},  # a service hears of another under its own name
    own="service",
)
_ANNOUNCERS = frozenset({Role.CAPTURE, Role.ACTUATOR, Role.ENROLLER})
HOMEASSISTANT_STATUS = Channel(
    name="homeassistant_status",
    template=f"{HOMEASSISTANT_PREFIX}/status",
    codec=codec.Word(messages.HomeAssistantStatus),
    summary="Home Assistant has started, or is gone. It says so here whatever its discovery prefix is.",
    qos=0,
    max_bytes=KIB,
    senders=frozenset({Role.HOMEASSISTANT}),
    receivers=_ANNOUNCERS,
    under=Under.NOTHING,
)
HOMEASSISTANT_CONFIG = Channel(
    name="homeassistant_config",
    template="{component}/{service}/{object}/config",
    codec=codec.Document(),
    summary="What Home Assistant makes an entity or a device of; empty when it is to forget it.",
    qos=1,
    retain=Retain.YES,
    senders=_ANNOUNCERS | {Role.HOMEASSISTANT},  # it empties them when a person deletes the device there
    receivers=_ANNOUNCERS | {Role.HOMEASSISTANT},
    own="service",
    under=Under.DISCOVERY,
)
HOMEASSISTANT_WITHDRAWN = Channel(
    name="homeassistant_withdrawn",
    template="{component}/{service}/{object}/withdrawn",
    codec=codec.Document(),
    summary="What was withdrawn and Home Assistant may not have heard; empty once it was withdrawn again.",
    qos=1,
    retain=Retain.YES,
    senders=_ANNOUNCERS | {Role.HOMEASSISTANT},
    receivers=_ANNOUNCERS | {Role.HOMEASSISTANT},
    own="service",
    under=Under.DISCOVERY,
)

CHANNELS: tuple[Channel[Any], ...] = (
    FRAME,
    RECOGNITION,
    PORTRAIT,
    LOCK_COMMAND,
    LOCK_STATE,
    CREDENTIAL,
    LOCKDOWN_COMMAND,
    LOCKDOWN_OF_ALL,
    LOCKDOWN_STATE,
    INPUT_COMMAND,
    CONTACT_STATE,
    TAMPER_STATE,
    ALARM_STATE,
    ALARM,
    DOORBELL,
    EXIT,
    DECISION,
    JOURNAL,
    JOURNAL_REQUEST,
    JOURNAL_REPLY,
    ACTIVITY,
    CHALLENGE,
    ENROL,
    ENROL_FROM_CAMERA,
    NEWCOMER,
    UPDATE,
    SET_CREDENTIAL,
    REMOVE_CREDENTIAL,
    REMOVE,
    MANAGE,
    PEOPLE,
    MODELS,
    ENROLMENT,
    REMOVE_SAMPLE,
    RESULT,
    RESULT_REPLY,
    SET_GROUP,
    REMOVE_GROUP,
    SET_SCHEDULE,
    REMOVE_SCHEDULE,
    ARRANGED,
    GROUPS,
    SCHEDULES,
    CHECK,
    PEOPLE_CHECKED,
    EXPORT,
    RESTORE,
    PEOPLE_REPLY,
    ROSTER_MANIFEST,
    ROSTER_SHARD,
    CREDENTIALS,
    GALLERY_MANIFEST,
    GALLERY_SHARD,
    OTHER_MANIFEST,
    OTHER_SHARD,
    EMBED_REQUEST,
    EMBED_FACE,
    EMBED_REPLY,
    RECOGNISE_REQUEST,
    RECOGNISE_REPLY,
    RECORDED,
    RECORDING_LIST,
    RECORDING_GET,
    RECORDING_ERASE,
    RECORDINGS_REPLY,
    RECORDING_REPLY,
    FACES,
    REVIEW_LIST,
    REVIEW_GET,
    REVIEW_ACCEPT,
    REVIEW_DISCARD,
    REVIEWS_REPLY,
    REVIEW_REPLY,
    HEALTH,
    HOMEASSISTANT_STATUS,
    HOMEASSISTANT_CONFIG,
    HOMEASSISTANT_WITHDRAWN,
)
