"""What the page shows: the last word on each door, camera, person and service, and what happened. Pure."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from doorbus.wire import repeats
from doorbus.wire.channels import ALARM_STATE, CHALLENGE, CONTACT_STATE, HEALTH, LOCK_STATE, LOCKDOWN_STATE
from doorbus.wire.messages import (
    AlarmState,
    Ask,
    Box,
    Challenge,
    ContactState,
    Course,
    Decision,
    Enrolment,
    Face,
    Health,
    ListedGroup,
    ListedGroups,
    ListedSchedule,
    ListedSchedules,
    Lockdown,
    LockState,
    Manifest,
    Outcome,
    Recognition,
    Recording,
    RosterEntry,
    Trigger,
    Verdict,
)

KEPT = 1000
"""How many happenings are remembered."""
MOST_STRANGE_CAMERAS = 64
"""How many cameras are shown of which nothing but topics is known: who may send frames invents names as he likes."""
FACES_LAST_SECONDS = 1.0
"""A frame so much newer than the last with a face says that nobody is there any more."""

_SAID: Mapping[str, tuple[str, ...]] = {
    LOCK_STATE.name: ("state", "since"),
    LOCKDOWN_STATE.name: ("lockdown",),
    CONTACT_STATE.name: ("contact",),
    ALARM_STATE.name: ("alarm",),
    CHALLENGE.name: ("challenge",),
}
"""What of a door each retained channel says."""


@dataclass(frozen=True)
class Camera:
    """A camera, and the faces that were on its picture last. `named` by the health of a service, or by topics alone."""

    door: str
    name: str
    named: bool = False
    faces: tuple[Face, ...] = ()
    faces_at: datetime | None = None


@dataclass(frozen=True)
class Door:
    """A door: its state, what was decided last, who came in last, and what is asked of whoever stands there."""

    name: str
    state: LockState | None = None
    since: datetime | None = None
    last: Decision | None = None
    last_granted: Decision | None = None
    challenge: Challenge | None = None
    lockdown: Lockdown = Lockdown.OFF
    contact: ContactState | None = None
    """None where nothing feels it."""
    alarm: AlarmState = AlarmState.NONE
    rang_at: datetime | None = None

    @property
    def asks(self) -> Ask:
        """What is asked now."""
        return Ask.NONE if self.challenge is None else self.challenge.ask


@dataclass(frozen=True)
class Happening:
    """A decision, and its number: what is heard of later has a higher one."""

    number: int
    door: str
    decision: Decision


@dataclass(frozen=True)
class Scene:
    """The last word on everything. `roster` is None before one was whole."""

    connected: bool = False
    doors: Mapping[str, Door] = field(default_factory=dict)
    cameras: Mapping[tuple[str, str], Camera] = field(default_factory=dict)
    people: Mapping[str, RosterEntry] = field(default_factory=dict)
    roster: Manifest | None = None
    groups: Mapping[str, ListedGroup] = field(default_factory=dict)
    schedules: Mapping[str, ListedSchedule] = field(default_factory=dict)
    happenings: tuple[Happening, ...] = ()
    """Oldest first."""
    told: int = 0
    """The number of the one that was heard of last, which may have happened earlier than others."""
    services: Mapping[tuple[str, str], tuple[Health, datetime, int]] = field(default_factory=dict)
    """The last health of each instance, when it came, and how many came."""
    recordings: Mapping[str, str] = field(default_factory=dict)
    """By the id of a frame, the id of the picture that was kept of it."""
    enrolment: Enrolment | None = None
    """How an enrolment from a camera goes, or how the last request about somebody ended."""

    def cameras_of(self, door: str) -> tuple[Camera, ...]:
        """The cameras of a door by name."""
        return tuple(camera for key, camera in sorted(self.cameras.items()) if key[0] == door)

    def recording_of(self, decision: Decision) -> str | None:
        """The picture that was kept of a decision."""
        return next((self.recordings[one] for one in decision.frame_ids if one in self.recordings), None)

    def enrolment_at(self, door: str, camera: str) -> Enrolment | None:
        """The enrolment that is under way before a camera."""
        told = self.enrolment
        under_way = told is not None and told.course is Course.UNDER_WAY
        return told if under_way and told is not None and (told.door, told.camera) == (door, camera) else None

    def name_of(self, person: str | None) -> str:
        """How people call a person; the id of who is not on the roster, nothing for nobody."""
        if person is None:
            return ""
        entry = self.people.get(person)
        return (entry and entry.name) or person


def with_door(scene: Scene, name: str) -> Scene:
    """The scene that knows of this door."""
    return scene if name in scene.doors else replace(scene, doors={**scene.doors, name: Door(name)})


def with_camera(scene: Scene, door: str, name: str, *, named: bool = False) -> Scene:
    """The scene that knows of this camera, and no longer of the strangest where there are too many."""
    known = scene.cameras.get((door, name))
    if known is not None:
        return _camera(scene, replace(known, named=True)) if named and not known.named else scene
    strange = [key for key, camera in scene.cameras.items() if not camera.named]
    if not named and len(strange) >= MOST_STRANGE_CAMERAS:
        scene = _without_camera(scene, strange[0])
    return replace(with_door(scene, door), cameras={**scene.cameras, (door, name): Camera(door, name, named)})


def heard(scene: Scene, *, connected: bool) -> Scene:
    """After the broker came or went."""
    return replace(scene, connected=connected)


def locked(scene: Scene, door: str, state: LockState, at: datetime) -> Scene:
    """After a door has told its state."""
    known = with_door(scene, door).doors[door]
    since = known.since if known.state is state else at
    return _door(scene, replace(known, state=state, since=since))


def at_door(scene: Scene, door: str, **told: Any) -> Scene:
    """After a door has told something else of itself: fields of `Door`."""
    return _door(scene, replace(with_door(scene, door).doors[door], **told))


def enrolling(scene: Scene, enrolment: Enrolment) -> Scene:
    """After it was told how an enrolment goes, or how one ended."""
    return replace(scene, enrolment=enrolment)


def grouped(scene: Scene, listed: ListedGroups) -> Scene:
    """After the groups were listed."""
    return replace(scene, groups={one.group: one for one in listed.groups})


def scheduled(scene: Scene, listed: ListedSchedules) -> Scene:
    """After the schedules were listed."""
    return replace(scene, schedules={one.schedule: one for one in listed.schedules})


def recorded(scene: Scene, recording: Recording) -> Scene:
    """After a picture of a decision was kept."""
    kept = [*scene.recordings.items(), (recording.frame_id, recording.recording)][-KEPT:]
    return replace(scene, recordings=dict(kept))


def erased(scene: Scene, recording: str) -> Scene:
    """After a picture that was kept is no more."""
    kept = {frame: one for frame, one in scene.recordings.items() if one != recording}
    return scene if len(kept) == len(scene.recordings) else replace(scene, recordings=kept)


def decided(scene: Scene, door: str, decision: Decision) -> Scene:
    """After a decision."""
    known = with_door(scene, door).doors[door]
    granted = decision if decision.outcome is Outcome.GRANTED else known.last_granted
    happenings = (*scene.happenings, Happening(scene.told + 1, door, decision))[-KEPT:]
    after = _door(scene, replace(known, last=decision, last_granted=granted))
    return replace(after, happenings=happenings, told=scene.told + 1)


def remembered(scene: Scene, door: str, decisions: Iterable[Decision]) -> Scene:
    """After a door has told what was decided before anybody listened, oldest first."""
    heard_of = {(one.door, one.decision) for one in scene.happenings}
    past = [one for one in decisions if (door, one) not in heard_of]
    happenings = [*scene.happenings, *(Happening(scene.told + n, door, one) for n, one in enumerate(past, 1))]
    happenings.sort(key=lambda one: one.decision.at)
    known = with_door(scene, door).doors[door]
    granted = [one for one in past if one.outcome is Outcome.GRANTED]
    known = replace(
        known,
        last=known.last or (past[-1] if past else None),
        last_granted=known.last_granted or (granted[-1] if granted else None),
    )
    return replace(_door(scene, known), happenings=tuple(happenings[-KEPT:]), told=scene.told + len(past))


def recognised(scene: Scene, door: str, camera: str, recognition: Recognition) -> Scene:
    """After faces were seen; what comes late changes nothing."""
    known = with_camera(scene, door, camera).cameras[door, camera]
    if known.faces_at is not None and recognition.captured_at < known.faces_at:
        return scene
    return _camera(scene, replace(known, faces=recognition.faces, faces_at=recognition.captured_at))


def framed(scene: Scene, door: str, camera: str, captured_at: datetime) -> Scene:
    """After a frame: the camera is there, and the faces that were are not for ever."""
    scene = with_camera(scene, door, camera)
    known = scene.cameras[door, camera]
    if not known.faces or known.faces_at is None:
        return scene
    if (captured_at - known.faces_at).total_seconds() <= FACES_LAST_SECONDS:
        return scene
    return _camera(scene, replace(known, faces=()))


def unseen(scene: Scene, door: str, camera: str) -> Scene:
    """After a camera has sent nothing for so long that nobody can be said to be before it."""
    known = scene.cameras.get((door, camera))
    return scene if known is None or not known.faces else _camera(scene, replace(known, faces=()))


def peopled(scene: Scene, roster: Manifest, entries: Iterable[RosterEntry]) -> Scene:
    """After a whole roster."""
    people = {entry.person: entry for entry in sorted(entries, key=lambda one: one.person)}
    return replace(scene, roster=roster, people=people)


def healthy(scene: Scene, health: Health, at: datetime) -> Scene:
    """After an instance has told how it is. It may name a door and a camera that were not heard of."""
    key = (health.service, health.instance)
    times = scene.services[key][2] if key in scene.services else 0
    scene = replace(scene, services={**scene.services, key: (health, at, times + 1)})
    if health.door is not None and health.camera is not None:
        return with_camera(scene, health.door, health.camera, named=True)
    return scene if health.door is None else with_door(scene, health.door)


def unsaid(scene: Scene, channel: str, ids: Mapping[str, str]) -> Scene:
    """After the broker forgot what was last said on a channel; a door of which nothing else is known goes with it."""
    door = scene.doors.get(ids.get("door", ""))
    if channel == HEALTH.name:
        key = (ids["service"], ids["instance"])
        return replace(scene, services={other: one for other, one in scene.services.items() if other != key})
    if door is None or channel not in _SAID:
        return scene
    blank = Door(door.name)
    field_names = _SAID[channel]
    door = replace(door, **{name: getattr(blank, name) for name in field_names})
    named = any(camera.named for camera in scene.cameras_of(door.name))
    if door.state is None and not named:
        cameras = {key: camera for key, camera in scene.cameras.items() if key[0] != door.name}
        return replace(scene, cameras=cameras, doors={key: one for key, one in scene.doors.items() if key != door.name})
    return _door(scene, door)


def _without_camera(scene: Scene, key: tuple[str, str]) -> Scene:
    """The scene without this camera, and without its door where nothing else is known of that."""
    cameras = {other: camera for other, camera in scene.cameras.items() if other != key}
    door = key[0]
    if scene.doors.get(door) == Door(door) and all(other != door for other, _ in cameras):
        doors = {name: one for name, one in scene.doors.items() if name != door}
        return replace(scene, cameras=cameras, doors=doors)
    return replace(scene, cameras=cameras)


@dataclass(frozen=True)
class Row:
    """A happening as people read it, with those that it goes on with."""

    newest: Happening
    oldest: Happening
    before: int | None = None
    """The number of what the row was before its newest."""

    @property
    def number(self) -> int:
        """The newest one's."""
        return self.newest.number

    @property
    def door(self) -> str:
        """Where it happened."""
        return self.newest.door

    @property
    def decision(self) -> Decision:
        """The newest one, and how often."""
        return self.newest.decision


def in_rows(happenings: Iterable[Happening]) -> tuple[Row, ...]:
    """Happenings, newest first; a denial that repeats is one row that grows."""
    rows: list[Row] = []
    growing: dict[Hashable, int] = {}
    for one in happenings:
        subject = (one.door, repeats.subject(one.decision))
        place = growing.get(subject)
        if place is None or not repeats.goes_on(one.decision, rows[place].oldest.decision):
            growing[subject] = len(rows)
            rows.append(Row(one, one))
            continue
        row = rows[place]
        both = replace(row.newest, decision=repeats.grown(one.decision, row.decision))
        rows[place] = Row(both, one, row.before or one.number)
    return tuple(rows)


@dataclass(frozen=True)
class Sought:
    """What of the happenings somebody wants to see."""

    after: int = 0
    door: str | None = None
    person: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
    doors: frozenset[str] | None = None
    """Those that the asker may see."""

    def of(self, happenings: Iterable[Happening]) -> tuple[Happening, ...]:
        """These, newest first, at most `limit`."""
        found = [one for one in happenings if self._wants(one)]
        return tuple(found[::-1][: self.limit])

    def _wants(self, one: Happening) -> bool:
        decision = one.decision
        return (
            one.number > self.after
            and self.door in {None, one.door}
            and self.person in {None, decision.person}
            and self.reason in {None, decision.reason.value}
            and (self.since is None or decision.at >= self.since)
            and (self.until is None or decision.at < self.until)
            and (self.doors is None or one.door in self.doors)
        )


def caption(scene: Scene, face: Face) -> str:
    """What stands at a face: a name and how sure it is, or nothing for somebody unknown."""
    if face.verdict is not Verdict.MATCH:
        return ""
    return f"{scene.name_of(face.person)} {face.confidence:.0%}"


def who(scene: Scene, decision: Decision) -> str:
    """Who a decision was about: the person, or who sent the command."""
    if decision.trigger in {Trigger.FACE, Trigger.CREDENTIAL}:
        return scene.name_of(decision.person)
    return decision.by or ""


def size_of(box: Box) -> tuple[float, float, float, float]:
    """Left, top, width and height, rounded to pixels."""
    left, top, width, height = (round(value, 1) for value in box)
    return left, top, width, height


def _door(scene: Scene, door: Door) -> Scene:
    return replace(scene, doors={**scene.doors, door.name: door})


def _camera(scene: Scene, camera: Camera) -> Scene:
    scene = with_camera(scene, camera.door, camera.name)
    return replace(scene, cameras={**scene.cameras, (camera.door, camera.name): camera})
