"""What the API takes and gives, as its description shows it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from doorbus.wire.messages import (
    LONGEST_SECONDS,
    MAX_NAME,
    AlarmState,
    Ask,
    CheckedPerson,
    ClosePair,
    ContactState,
    Decision,
    Fault,
    Health,
    ListedGroup,
    ListedSchedule,
    Lockdown,
    LockState,
    Recognised,
    Review,
    RosterEntry,
    Unit,
    Verdict,
)
from doorbus_console.desk import Command, Errand
from doorbus_console.rights import Visitor
from doorbus_console.scene import Happening, Scene

SlugText = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class Shape(BaseModel):
    """What all have in common: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ProblemShape(BaseModel):
    """Why something was not done (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    """One word for programs."""


class DoorShape(Shape):
    """A door."""

    door: str
    state: LockState | None
    """None before it was heard of."""
    since: datetime | None
    cameras: list[str]
    asks: Ask
    """What whoever stands there is asked to do."""
    lockdown: Lockdown
    contact: ContactState | None
    """Whether it stands open; None where nothing feels it."""
    alarm: AlarmState
    rang_at: datetime | None
    last: Decision | None
    """The last decision."""


class LockdownShape(Shape):
    """Whether a door opens for nobody."""

    lockdown: Lockdown


class UnlockShape(Shape):
    """How to unlock."""

    seconds: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] | None = None
    """How long to hold the door open; its own pulse when not given. A door's answer names its longest."""
    code: Annotated[str, Field(max_length=16)] | None = None
    """One-time password, where the door asks for one."""


class CommandShape(Shape):
    """A command that was sent, and what became of it."""

    id: str
    door: str
    action: str
    status: Literal["pending", "granted", "denied", "done"]
    reason: str | None = None
    seconds: float | None = None
    """How long the door is held open at most, if it is."""
    note: str | None = None
    """What is not as it was asked for, in a sentence."""
    state: LockState | None = None
    follow: str
    """Where to ask what became of it."""


class PersonShape(Shape):
    """A person and their rights."""

    person: str
    name: str | None = None
    enabled: bool = True
    doors: list[str] | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    hours: str | None = None
    threshold: float | None = None
    group: str | None = None
    schedule: str | None = None
    """The schedule whose hours these are."""
    inherited: list[str] | None = None
    """Fields whose values are the group's."""
    second_factor: bool | None = None
    """Whether a code is asked for after the face."""
    credentials: list[str] | None = None
    """What the PINs and tags are called; nobody sees them again."""
    codes_until: dict[str, datetime] | None = None
    """When those of them that end do."""


class EntitlementShape(Shape):
    """Where and when somebody may pass; fields that are not sent stay, null clears."""

    name: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    enabled: bool = True
    doors: list[SlugText] | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    hours: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    threshold: Unit | None = None
    schedule: SlugText | None = None
    second_factor: bool | None = None


class ChangeShape(EntitlementShape):
    """What to change of a person; fields that are not sent stay, null clears."""

    group: SlugText | None = None


class GroupShape(EntitlementShape):
    """A group."""

    group: str
    people: int
    """How many are in it."""


class ChangeScheduleShape(Shape):
    """What to change of a schedule; fields that are not sent stay, null clears."""

    name: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    hours: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    holidays: Annotated[list[Annotated[str, Field(min_length=2, max_length=64)]], Field(max_length=100)] | None = None
    """What `PH` in the hours means; null is the country's."""


class ScheduleShape(Shape):
    """A schedule: hours with a name."""

    schedule: str
    name: str | None
    hours: str
    holidays: list[str] | None
    people: int
    """How many follow it."""


class ArrangedShape(Shape):
    """What a change of a group or schedule has done."""

    id: str
    people: int
    """How many it concerns."""
    warning: str | None = None
    """What will not be as one would think."""


class CodeShape(Shape):
    """A PIN, or what a tag says of itself."""

    code: Annotated[str, Field(min_length=1, max_length=64)] = Field(repr=False)
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    guest: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] | None = None
    """Name of a guest, who is let in by this alone and need not be enrolled."""


class WeakShape(Shape):
    """Who is hard to recognise, and who is hard to tell apart."""

    people: list[CheckedPerson]
    pairs: list[ClosePair]


class CaptureShape(Shape):
    """Which camera to enrol from."""

    door: SlugText
    camera: SlugText
    name: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    samples: Annotated[int, Field(ge=1, le=10)] = 3
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 30.0


class ErrandShape(Shape):
    """A request to the enroller, and what became of it."""

    id: str
    action: str
    person: str
    status: Literal["pending", "ok", "error"]
    samples: int | None = None
    """How many pictures the site now holds of the person, as templates."""
    added: int | None = None
    """How many of them are new: none where a picture is as good as one that is there."""
    advice: str | None = None
    """What would make the person easier to recognise."""
    warning: str | None = None
    """What the person's rights, or a code, will not do as they stand."""
    error: Fault | None = None
    follow: str


class FaceShape(Shape):
    """A face on a picture."""

    person: str | None
    name: str | None
    verdict: Verdict
    confidence: float
    """0.5 at a false accept rate of about 1 in 1,000."""
    box: tuple[float, float, float, float]
    """Left, top, width and height in pixels."""
    live: float | None
    """0 to 1: whether it is a living face; null where that is not judged."""
    quality: float


class FacesShape(Shape):
    """Who is on a picture."""

    faces: list[FaceShape]
    model: str


class EventShape(Shape):
    """A decision at a door, and its number: later ones have higher numbers."""

    number: int
    door: str
    decision: Decision
    recording: str | None = None
    """Id of the picture that was kept of it."""


class ErasedShape(Shape):
    """How many pictures are no more."""

    erased: int


class ReviewShape(Shape):
    """A face that waits for a person's word."""

    entry: str
    door: str
    camera: str
    first_at: datetime
    at: datetime
    count: int
    """How often it was seen."""
    person: str | None
    """Who it might be."""
    confidence: float


class AcceptShape(Shape):
    """Who it is: somebody who is enrolled, or somebody new by a name."""

    person: SlugText | None = None
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] | None = None


class AcceptedShape(Shape):
    """As whom a face was enrolled."""

    person: str | None
    samples: int | None
    """How many there are now of that person."""


class HealthShape(Shape):
    """How everything does."""

    broker: bool
    """Whether the console is connected."""
    version: str
    people: int | None
    services: list[Health]


class MeShape(Shape):
    """Who asks, and what they may do."""

    name: str
    level: str | None
    scopes: list[str]
    doors: list[str] | None


def door_shape(scene: Scene, name: str) -> DoorShape:
    """A door of the scene."""
    door = scene.doors[name]
    return DoorShape(
        door=name,
        state=door.state,
        since=door.since,
        cameras=[camera.name for camera in scene.cameras_of(name)],
        asks=door.asks,
        lockdown=door.lockdown,
        contact=door.contact,
        alarm=door.alarm,
        rang_at=door.rang_at,
        last=door.last,
    )


def command_shape(command: Command) -> CommandShape:
    """A command of the desk."""
    decision = command.decision
    status: Literal["pending", "granted", "denied", "done"] = "pending"
    if decision is not None:
        status = "granted" if decision.outcome.value == "granted" else "denied"
    elif command.state is not None:
        status = "done"
    return CommandShape(
        id=command.id,
        door=command.door,
        action=command.action.value,
        status=status,
        reason=None if decision is None else decision.reason.value,
        seconds=None if decision is None else decision.seconds,
        note=_note(command),
        state=command.state,
        follow=f"/api/v1/commands/{command.id}",
    )


def _note(command: Command) -> str | None:
    if command.longest is None:
        return None
    return f"{command.longest:g} s is the longest that this door is held open, not {command.seconds:g}"


def errand_shape(errand: Errand) -> ErrandShape:
    """A request of the desk."""
    result = errand.result
    return ErrandShape(
        id=errand.id,
        action=errand.what,
        person=errand.person,
        status="pending" if result is None else "ok" if result.error is None else "error",
        samples=None if result is None else result.samples,
        added=None if result is None else result.added,
        advice=None if result is None else result.advice,
        warning=None if result is None else result.warning,
        error=None if result is None else result.error,
        follow=f"/api/v1/requests/{errand.id}",
    )


def person_shape(entry: RosterEntry) -> PersonShape:
    """A person of the roster."""
    return PersonShape.model_validate(entry.model_dump(include=set(PersonShape.model_fields)))


def group_shape(group: ListedGroup) -> GroupShape:
    """A group of the scene."""
    return GroupShape.model_validate(group.model_dump(include=set(GroupShape.model_fields)))


def schedule_shape(schedule: ListedSchedule) -> ScheduleShape:
    """A schedule of the scene."""
    return ScheduleShape.model_validate(schedule.model_dump())


def faces_shape(scene: Scene, answer: Recognised) -> FacesShape:
    """What a recognizer has said of a picture."""
    faces = [
        FaceShape(
            person=face.person,
            name=None if face.person is None else scene.name_of(face.person),
            verdict=face.verdict,
            confidence=face.confidence,
            box=face.box,
            live=face.live,
            quality=face.quality,
        )
        for face in answer.faces
    ]
    return FacesShape(faces=faces, model=answer.model)


def event_shape(scene: Scene, happening: Happening) -> EventShape:
    """A decision of the scene."""
    return EventShape(
        number=happening.number,
        door=happening.door,
        decision=happening.decision,
        recording=scene.recording_of(happening.decision),
    )


def review_shape(review: Review) -> ReviewShape:
    """An entry of the inbox."""
    return ReviewShape.model_validate(review.model_dump(include=set(ReviewShape.model_fields)))


def me_shape(visitor: Visitor) -> MeShape:
    """Who asks."""
    return MeShape(
        name=visitor.name,
        level=None if visitor.level is None else visitor.level.value,
        scopes=sorted(visitor.scopes),
        doors=None if visitor.doors is None else sorted(visitor.doors),
    )
