"""What is kept, for how long, and who is on it. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from doorbus.wire.ids import listed
from doorbus.wire.messages import Decision, ListRecordings, Reason, Recording
from doorbus_recorder.ring import Seen
from doorbus_recorder.store import Kept

GRANTED = "granted"
"""The word for everybody who was let in; the others are reasons of denials."""
_LET_IN = frozenset({Reason.MATCHED, Reason.COMMANDED})
PAGE_BYTES = 512 * 1024
"""A reply ends before it grows larger."""
STEADY_SECONDS = 3600.0
"""So long after the time of day has jumped nothing is erased for its age."""
_JUMP_SECONDS = 60.0


class Limits(BaseModel):
    """How much is kept: a part of the settings. The oldest goes for what is newer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_recordings: int = Field(default=1000, ge=1, le=100_000, description="Most pictures that are kept.")
    max_days: float = Field(default=30.0, gt=0, le=3660, description="How long a picture is kept at most, in days.")
    max_megabytes: float = Field(
        default=500.0, gt=0, le=1_000_000, description="Most that all pictures together may be, in megabytes."
    )


def kept_reasons(text: str) -> frozenset[Reason]:
    """The reasons of decisions whose pictures are kept, as a setting names them; raises `ValueError`."""
    words = set(listed(text.lower()))
    known = {reason.value for reason in Reason} - {reason.value for reason in _LET_IN}
    if wrong := sorted(words - known - {GRANTED}):
        raise ValueError(f"{wrong[0]!r} is neither {GRANTED} nor the reason of a denial, such as {Reason.UNKNOWN_FACE}")
    denied = {Reason(word) for word in words - {GRANTED}}
    return frozenset(denied | (_LET_IN if GRANTED in words else set()))


def recording_of(decision: Decision, seen: Seen, recording_id: str) -> Recording:
    """What is written down of a picture that led to a decision."""
    said = seen.recognition
    return Recording(
        recording=recording_id,
        door=seen.door,
        camera=seen.camera,
        at=decision.at,
        outcome=decision.outcome,
        reason=decision.reason,
        frame_id=said.frame_id if said else seen.frame.frame_id,
        captured_at=seen.frame.captured_at,
        person=decision.person,
        confidence=decision.confidence,
        faces=said.faces if said else (),
        width=said.width if said else None,
        height=said.height if said else None,
        bytes=len(seen.frame.jpeg),
    )


def people_on(recording: Recording) -> frozenset[str]:
    """Whom a recording names: with each of them it goes."""
    named = {face.person for face in recording.faces} | {recording.person}
    return frozenset(person for person in named if person is not None)


def surplus(kept: Sequence[Kept], limits: Limits, now: datetime, *, by_age: bool = True) -> list[str]:
    """Which of those that are kept, the oldest first, have to go; `by_age` says whether the clock can be believed."""
    gone: list[str] = []
    count, size = len(kept), sum(each.bytes for each in kept)
    oldest = now - timedelta(days=limits.max_days)
    for each in kept:
        too_much = count > limits.max_recordings or size > limits.max_megabytes * 1_000_000
        if too_much or (by_age and each.at < oldest):
            gone.append(each.id)
            count, size = count - 1, size - each.bytes
    return gone


def page_of(recordings: Iterable[Recording], asked: ListRecordings) -> tuple[tuple[Recording, ...], str | None]:
    """Those of `recordings`, the newest first, that were asked for; and behind whom the next page begins."""
    page: list[Recording] = []
    size = 0
    for each in recordings:
        if (asked.after is not None and each.recording >= asked.after) or not _is_asked_for(each, asked):
            continue
        size += len(each.model_dump_json(exclude_none=True))
        if len(page) == asked.limit or (page and size > PAGE_BYTES):
            return tuple(page), page[-1].recording
        page.append(each)
    return tuple(page), None


def _is_asked_for(recording: Recording, asked: ListRecordings) -> bool:
    return (
        asked.door in (None, recording.door)
        and asked.outcome in (None, recording.outcome)
        and (asked.person is None or asked.person in people_on(recording))
        and (asked.since is None or recording.at >= asked.since)
        and (asked.until is None or recording.at < asked.until)
    )


class Calendar:
    """Whether the time of day can be believed: it has not jumped of late against the monotonic clock."""

    def __init__(self) -> None:
        self._offset: float | None = None
        self._jumped_at: float | None = None

    def believes(self, now: datetime, monotonic: float) -> bool:
        """Look at both clocks; asked at least every few minutes."""
        offset = now.timestamp() - monotonic
        if self._offset is not None and abs(offset - self._offset) > _JUMP_SECONDS:
            self._jumped_at = monotonic
        self._offset = offset
        return self._jumped_at is None or monotonic - self._jumped_at > STEADY_SECONDS
