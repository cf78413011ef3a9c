"""What `doorbus watch` knows and shows. Pure: events in, text out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from doorbus.cli.lines import clean, line
from doorbus.wire.channels import CHALLENGE, DECISION, HEALTH, LOCK_STATE, RECOGNITION, RESULT, Channel
from doorbus.wire.exchange import Event
from doorbus.wire.messages import (
    Ask,
    Challenge,
    Decision,
    Face,
    Fault,
    Health,
    LockState,
    Outcome,
    Presence,
    Recognition,
    Result,
    ResultStatus,
)
from doorbus.wire.repeats import goes_on, grown

CHANNELS: tuple[Channel[Any], ...] = (LOCK_STATE, DECISION, CHALLENGE, RECOGNITION, RESULT, HEALTH)
"""The channels that are watched."""

M = TypeVar("M")
_KEPT = 12
_SILENT_SECONDS = 20.0
_STYLES = {
    LockState.LOCKED.value: "green",
    LockState.UNLOCKED.value: "bold yellow",
    LockState.JAMMED.value: "bold red",
    Outcome.GRANTED.value: "green",
    Outcome.DENIED.value: "red",
    Presence.ONLINE.value: "green",
    Presence.OFFLINE.value: "red",
    ResultStatus.OK.value: "green",
    ResultStatus.ERROR.value: "red",
}


@dataclass(frozen=True)
class Seen(Generic[M]):
    """A message and when it arrived."""

    message: M
    at: datetime


Rows = tuple[tuple[str, Seen[Decision]], ...]


@dataclass(frozen=True)
class Scene:
    """The last word on everything."""

    doors: Mapping[str, Seen[LockState]] = field(default_factory=dict)
    challenges: Mapping[str, Challenge] = field(default_factory=dict)
    decisions: Rows = ()
    """Newest first, with their doors; a denial that repeats is one row that grows."""
    recognitions: Mapping[tuple[str, str], Seen[Recognition]] = field(default_factory=dict)
    services: Mapping[tuple[str, str], Seen[Health]] = field(default_factory=dict)
    connected: bool = True


def fold(scene: Scene, event: Event[Any], at: datetime) -> Scene:
    """The scene after `event`, which arrived at the time `at`."""
    message, ids = event.message, event.ids
    if isinstance(message, LockState):
        return replace(scene, doors={**scene.doors, ids["door"]: Seen(message, at)})
    if isinstance(message, Decision):
        return replace(scene, decisions=_with(scene.decisions, ids["door"], Seen(message, at)))
    if isinstance(message, Challenge):
        return replace(scene, challenges={**scene.challenges, ids["door"]: message})
    if isinstance(message, Recognition):
        place = (ids["door"], ids["camera"])
        return replace(scene, recognitions={**scene.recognitions, place: Seen(message, at)})
    if isinstance(message, Health):
        one = (ids["service"], ids["instance"])
        return replace(scene, services={**scene.services, one: Seen(message, at)})
    return scene


def is_news(scene: Scene, event: Event[Any]) -> bool:
    """Whether `event` says something that `scene` does not know; health mostly repeats itself."""
    if not isinstance(event.message, Health):
        return True
    known = scene.services.get((event.ids["service"], event.ids["instance"]))
    return known is None or _gist(known.message) != _gist(event.message)


def _gist(health: Health) -> tuple[object, ...]:
    return health.state, health.problem, health.refused, health.started_at


def sentence(event: Event[Any], at: datetime) -> str:
    """One line that tells `event`."""
    words = [f"{at.astimezone():%H:%M:%S}", "/".join(event.ids.values()), *_words(event.message)]
    return clean(" ".join(word for word in words if word))


def _words(message: object) -> tuple[str, ...]:
    match message:
        case LockState():
            words: tuple[str, ...] = ("lock", message.value)
        case Decision():
            words = ("decision", *_decision(message))
        case Challenge():
            words = ("challenge", message.ask.value)
        case Recognition():
            faces = "; ".join(_face(face) for face in message.faces) or "no face"
            words = ("recognition", message.frame_id, faces, _took(message))
        case Result(error=None):
            words = (message.action, message.status.value, f"samples={message.samples}")
        case Result(error=Fault() as fault):
            words = (message.action, message.status.value, f"{fault.code.value}: {fault.message}")
        case Health():
            words = ("health", message.state.value, message.problem or "", _refused(message))
        case _:
            words = (type(message).__name__,)
    return words


def _with(rows: Rows, door: str, seen: Seen[Decision]) -> Rows:
    """The rows with a decision, in place of the one that it goes on with."""
    before = next((row for row in rows if row[0] == door and goes_on(row[1].message, seen.message)), None)
    if before is not None:
        seen = replace(seen, message=grown(before[1].message, seen.message))
    return ((door, seen), *(row for row in rows if row is not before))[:_KEPT]


def _decision(decision: Decision) -> tuple[str, ...]:
    """Outcome, reason, who, confidence and latency."""
    who = decision.person or decision.by or ""
    return (
        decision.outcome.value,
        decision.reason.value + (f" x{decision.count}" if decision.count > 1 else ""),
        who,
        f"confidence={decision.confidence:.2f}" if decision.confidence is not None else "",
        f"{decision.latency_ms:.0f}ms" if decision.latency_ms is not None else "",
        f"by {decision.trigger.value}",
    )


def _face(face: Face) -> str:
    live = f" live={face.live:.2f}" if face.live is not None else ""
    return f"{face.person or face.verdict.value} {face.confidence:.2f}{live}"


def _took(recognition: Recognition) -> str:
    return f"{max(0.0, (recognition.recognized_at - recognition.captured_at).total_seconds() * 1000):.0f}ms"


def _refused(health: Health) -> str:
    counts = sorted(health.refused.items(), key=lambda pair: -pair[1])
    return "refused " + ", ".join(f"{count} {what}" for what, count in counts[:3]) if counts else ""


def render(scene: Scene, now: datetime) -> RenderableType:
    """The whole scene as tables."""
    parts: list[RenderableType] = [] if scene.connected else [Text("The broker is away; trying again.", "bold red")]
    parts += [_doors(scene, now), _decisions(scene), _recognitions(scene, now), _services(scene, now)]
    return Group(*parts)


def _doors(scene: Scene, now: datetime) -> Table:
    table = Table("door", "lock", "for", "asks", title="Doors", title_justify="left", box=None)
    for door, seen in sorted(scene.doors.items()):
        challenge = scene.challenges.get(door)
        asks = challenge.ask.value if challenge and challenge.ask is not Ask.NONE else ""
        table.add_row(*_cells(door, seen.message.value, _age(seen.at, now), asks))
    return table


def _decisions(scene: Scene) -> Table:
    table = Table(
        "at",
        "door",
        "",
        "reason",
        "who",
        "confidence",
        "latency",
        "",
        title="Decisions",
        title_justify="left",
        box=None,
    )
    for door, seen in scene.decisions:
        table.add_row(*_cells(f"{seen.message.at.astimezone():%H:%M:%S}", door, *_decision(seen.message)))
    return table


def _recognitions(scene: Scene, now: datetime) -> Table:
    table = Table("camera", "faces", "took", "ago", "by", title="Recognitions", title_justify="left", box=None)
    for (door, camera), seen in sorted(scene.recognitions.items()):
        one = seen.message
        faces = "; ".join(_face(face) for face in one.faces) or "none"
        table.add_row(*_cells(f"{door}/{camera}", faces, _took(one), _age(seen.at, now), one.recognizer))
    return table


def _services(scene: Scene, now: datetime) -> Table:
    table = Table("service", "", "heard", "", title="Services", title_justify="left", box=None)
    for (service, instance), seen in sorted(scene.services.items()):
        health = seen.message
        silent = health.state is Presence.ONLINE and (now - seen.at).total_seconds() > _SILENT_SECONDS
        state = "silent" if silent else health.state.value
        notes = "; ".join(note for note in (health.problem or "", _refused(health)) if note)
        table.add_row(*_cells(f"{service}/{instance}", state, f"{_age(seen.at, now)} ago", notes))
    return table


def _cells(*texts: str) -> tuple[Text, ...]:
    return tuple(line((text, _STYLES.get(text, ""))) for text in texts)


def _age(at: datetime, now: datetime) -> str:
    seconds = max(0, int((now - at).total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"  # noqa: PLR2004  # seconds say no more from here
