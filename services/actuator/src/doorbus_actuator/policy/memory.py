"""What was seen and must not count again, as far as it outlives the process. Pure.

What is recalled counts as seen just now, whatever the clock says meanwhile: it is remembered for too long rather than
for too short a time. Only who came in has a date, which a clock that is set back does not make younger than now.
"""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum

from doorbus.wire.records import dataclass
from doorbus_actuator.policy.events import Command, Confine, Event, Now, Presented, Sighting, frame_of
from doorbus_actuator.policy.keypads import id_of
from doorbus_actuator.policy.state import MAX_ENTERED, MAX_PICTURES, MAX_REMEMBERED, FirstIn, SeenFrame, State

_ON, _OFF = "on", "off"


class Kind(StrEnum):
    """What was seen."""

    FRAME = "frame"
    PICTURE = "picture"
    COMMAND = "command"
    CODE = "code"
    ENTERED = "entered"
    """Who was let in, and when."""
    FIRST_IN = "first_in"
    """The day on which somebody of the first came in."""
    LOCKDOWN = "lockdown"
    """Not seen, but ordered: the newest says whether there is one."""
    ALARMS = "alarms"
    """Those that go on at the door, of which no rule knows: the newest says which."""


MOST = {
    Kind.FRAME: MAX_REMEMBERED,
    Kind.PICTURE: MAX_PICTURES,
    Kind.COMMAND: MAX_REMEMBERED,
    Kind.CODE: MAX_REMEMBERED,
    Kind.ENTERED: MAX_ENTERED,
    Kind.FIRST_IN: 2,
    Kind.LOCKDOWN: 2,
    Kind.ALARMS: 2,
}
"""How many of each kind need outlive the process."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The id of one thing that was seen; of a frame also when it was captured."""

    kind: Kind
    id: str
    captured_at: datetime | None = None


def learnt(event: Event, state: State, now: Now) -> tuple[Seen, ...]:
    """What `state`, in which `event` ended at `now`, has because of it."""
    match event:
        case Sighting(_, recognition):
            seen: tuple[Seen, ...] = (Seen(Kind.FRAME, frame_of(event), recognition.captured_at),)
            if recognition.digest is not None and recognition.digest in state.pictures:
                seen += (Seen(Kind.PICTURE, recognition.digest),)
            return (*seen, *_came_in(state, now))
        case Presented(_, credential):
            return (*_known(id_of(event), credential.code, state), *_came_in(state, now))
        case Command(command):
            return _known(command.id, command.code, state)
        case Confine(lockdown=lockdown):
            return (confinement(on=lockdown),)
    return ()


def confinement(*, on: bool) -> Seen:
    """That a lockdown began, or ended."""
    return Seen(Kind.LOCKDOWN, _ON if on else _OFF)


def _known(id_: str | None, code: str | None, state: State) -> tuple[Seen, ...]:
    ids = ((Kind.COMMAND, id_, state.commands), (Kind.CODE, code, state.codes))
    return tuple(Seen(kind, one) for kind, one, known in ids if one is not None and one in known)


def _came_in(state: State, now: Now) -> tuple[Seen, ...]:
    first = state.first_in
    seen = tuple(Seen(Kind.ENTERED, one, now.wall) for one, at in state.entered.items() if at == now.monotonic)
    return (*seen, Seen(Kind.FIRST_IN, first.day.isoformat())) if first and first.at == now.monotonic else seen


def recall(seen: Iterable[Seen], now: Now) -> State:
    """The state of a policy that has seen this, the oldest first."""
    of: dict[Kind, list[Seen]] = {kind: [] for kind in Kind}
    for one in seen:
        of[one.kind].append(one)
    kept = {kind: those[-MOST[kind] :] for kind, those in of.items()}
    frames = {one.id: SeenFrame(min(one.captured_at or now.wall, now.wall), now.monotonic) for one in kept[Kind.FRAME]}
    times = {kind: dict.fromkeys((one.id for one in those), now.monotonic) for kind, those in kept.items()}
    days = [one.id for one in kept[Kind.FIRST_IN]]
    flooded = len(frames) == MAX_REMEMBERED  # older ones may have been seen
    return State(
        frames=frames,
        forgotten_until=next(iter(frames.values())).captured_at if flooded else None,
        pictures=times[Kind.PICTURE],
        lockdown=[one.id for one in kept[Kind.LOCKDOWN]][-1:] == [_ON],
        commands=times[Kind.COMMAND],
        codes=times[Kind.CODE],
        entered={one.id: now.monotonic - _age(one, now) for one in kept[Kind.ENTERED]},
        first_in=None if not days else FirstIn(date.fromisoformat(days[-1]), None, now.monotonic),
    )


def _age(seen: Seen, now: Now) -> float:
    return 0.0 if seen.captured_at is None else max(0.0, (now.wall - seen.captured_at).total_seconds())
