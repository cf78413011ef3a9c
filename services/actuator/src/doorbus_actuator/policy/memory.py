"""What was seen and must not count again, as far as it outlives the process. Pure.

What is recalled counts as seen just now, whatever the clock says meanwhile: it is remembered for too long rather than
for too short a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from doorbus_actuator.policy.events import Command, Confine, Event, Now, Presented, Sighting, frame_of
from doorbus_actuator.policy.keypads import id_of
from doorbus_actuator.policy.state import MAX_PICTURES, MAX_REMEMBERED, SeenFrame, State

_ON, _OFF = "on", "off"


class Kind(StrEnum):
    """What was seen."""

    FRAME = "frame"
    PICTURE = "picture"
    COMMAND = "command"
    CODE = "code"
    LOCKDOWN = "lockdown"
    """Not seen, but ordered: the newest says whether there is one."""


MOST = {
    Kind.FRAME: MAX_REMEMBERED,
    Kind.PICTURE: MAX_PICTURES,
    Kind.COMMAND: MAX_REMEMBERED,
    Kind.CODE: MAX_REMEMBERED,
    Kind.LOCKDOWN: 2,
}
"""How many of each kind need outlive the process."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The id of one thing that was seen; of a frame also when it was captured."""

    kind: Kind
    id: str
    captured_at: datetime | None = None


def learnt(event: Event, state: State) -> tuple[Seen, ...]:
    """What `state`, in which `event` ended, has because of it."""
    match event:
        case Sighting(_, recognition):
            seen: tuple[Seen, ...] = (Seen(Kind.FRAME, frame_of(event), recognition.captured_at),)
            if recognition.digest is not None and recognition.digest in state.pictures:
                seen += (Seen(Kind.PICTURE, recognition.digest),)
            return seen
        case Presented(_, credential):
            return _known(id_of(event), credential.code, state)
        case Command(command):
            return _known(command.id, command.code, state)
        case Confine(lockdown=lockdown):
            return (Seen(Kind.LOCKDOWN, _ON if lockdown else _OFF),)
    return ()


def _known(id_: str | None, code: str | None, state: State) -> tuple[Seen, ...]:
    ids = ((Kind.COMMAND, id_, state.commands), (Kind.CODE, code, state.codes))
    return tuple(Seen(kind, one) for kind, one, known in ids if one is not None and one in known)


def recall(seen: Iterable[Seen], now: Now) -> State:
    """The state of a policy that has seen this, the oldest first."""
    of: dict[Kind, list[Seen]] = {kind: [] for kind in Kind}
    for one in seen:
        of[one.kind].append(one)
    kept = {kind: those[-MOST[kind] :] for kind, those in of.items()}
    frames = {one.id: SeenFrame(min(one.captured_at or now.wall, now.wall), now.monotonic) for one in kept[Kind.FRAME]}
    times = {kind: dict.fromkeys((one.id for one in those), now.monotonic) for kind, those in kept.items()}
    flooded = len(frames) == MAX_REMEMBERED  # older ones may have been seen
    return State(
        frames=frames,
        forgotten_until=next(iter(frames.values())).captured_at if flooded else None,
        pictures=times[Kind.PICTURE],
        lockdown=[one.id for one in kept[Kind.LOCKDOWN]][-1:] == [_ON],
        commands=times[Kind.COMMAND],
        codes=times[Kind.CODE],
    )
