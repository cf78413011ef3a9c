"""What is wrong at a door, judged by its contact, its tamper switch and what the relay does. Pure.

The door is forced when it is opened while it is locked, unless somebody asked to leave a while before, or it was
unlocked a moment before (the contact of a radio sensor comes late). It is held open when it stands open for too long
since it was locked; as long as it is unlocked, on purpose, nothing runs. An alarm goes on until its cause is over: the
door is shut, or the case. What is open when the service starts was not opened under its eyes: it is not forced. But
what was an alarm before the service ended is one again until it is found to be over.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from datetime import datetime

from doorbus.wire.messages import AlarmKind, Input, utc
from doorbus.wire.records import dataclass
from doorbus_actuator.policy import Now

NEVER = -math.inf
_FELT_BY = {
    AlarmKind.FORCED: Input.CONTACT,
    AlarmKind.HELD_OPEN: Input.CONTACT,
    AlarmKind.HELD_OPEN_SOON: Input.CONTACT,
    AlarmKind.TAMPER: Input.TAMPER,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long what is no alarm, in seconds; 0 for `held_open_soon` and `held_open` is for ever."""

    exit_seconds: float
    """From an exit request to the opening."""
    grace_seconds: float
    """From the moment that the door was locked to an opening that still belongs to the unlocking."""
    held_open_soon_seconds: float
    held_open_seconds: float


@dataclass(frozen=True, slots=True)
class Opened:
    """The contact says that the door is open. `seen` is false for the first that it says at all."""

    seen: bool = True


@dataclass(frozen=True, slots=True)
class Shut:
    """The contact says that the door is shut."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Somebody inside has pressed the exit button."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The door was unlocked for `person`, or for nobody whose name is known."""

    person: str | None


@dataclass(frozen=True, slots=True)
class Bolted:
    """The relay has moved: whether the door is locked now, as far as anybody can tell."""

    locked: bool


@dataclass(frozen=True, slots=True)
class Tampered:
    """The case was opened, or shut."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Happening = Opened | Shut | Leaving | Admitted | Bolted | Tampered | Tick


@dataclass(frozen=True, slots=True)
class Going:
    """An alarm that goes on: since when what it is about does, and whom it is about."""

    since: datetime
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of a door. Times are monotonic seconds unless they are dates."""

    locked: bool = True
    allowed_until: float = NEVER
    """Whoever opens a locked door up to here does not force it."""
    open_since: datetime | None = None
    counted_from: float = math.inf
    """From when on an open door is held open."""
    person: str | None = None
    """Who was let in last."""
    going: Mapping[AlarmKind, Going] = field(default_factory=dict)

    @property
    def gravest(self) -> AlarmKind | None:
        """The gravest alarm that goes on."""
        return max(self.going, key=list(AlarmKind).index, default=None)


def words_of(going: Mapping[AlarmKind, Going]) -> str:
    """Alarms that go on as a text, which `going_of` reads."""
    return ";".join(" ".join(filter(None, (kind, utc(its.since), its.person))) for kind, its in going.items())


def going_of(text: str) -> dict[AlarmKind, Going]:
    """The alarms in a text of `words_of`; raises `ValueError` for any other."""
    going = {}
    for words in filter(None, text.split(";")):
        kind, since, *person = words.split(" ")
        going[AlarmKind(kind)] = Going(datetime.fromisoformat(since), *person[:1])
    return going


def resumed(going: Mapping[AlarmKind, Going], felt: Collection[Input], now: Now) -> Watch:
    """What is known of a door at a start before which these alarms went on, as far as it has the inputs to end them."""
    going = {kind: its for kind, its in going.items() if _FELT_BY[kind] in felt}
    opened = [its.since for kind, its in going.items() if _FELT_BY[kind] is Input.CONTACT]
    if not opened:
        return Watch(going=going)
    return Watch(going=going, open_since=opened[0], counted_from=now.monotonic)


def react(limits: Limits, watch: Watch, happening: Happening, now: Now) -> Watch:
    """What is known after `happening`. Every happening also does what a `Tick` does, before and after."""
    return _let_time_pass(limits, _take(limits, _let_time_pass(limits, watch, now), happening, now), now)


def wake_at(limits: Limits, watch: Watch) -> float:
    """The monotonic time at which a `Tick` is due."""
    if watch.open_since is None or not watch.locked:
        return math.inf
    return min((watch.counted_from + seconds for _, seconds in _to_come(limits, watch)), default=math.inf)


def _take(limits: Limits, watch: Watch, happening: Happening, now: Now) -> Watch:
    match happening:
        case Opened(seen):
            watch = _opened(watch, now, seen=seen)
        case Shut():
            over = (AlarmKind.FORCED, AlarmKind.HELD_OPEN, AlarmKind.HELD_OPEN_SOON)
            watch = replace(_without(watch, *over), open_since=None, counted_from=math.inf)
        case Leaving():
            allowed_until = max(watch.allowed_until, now.monotonic + limits.exit_seconds)
            watch = replace(watch, allowed_until=allowed_until, person=None)
        case Admitted(person):
            watch = replace(watch, person=person)
        case Bolted(locked):
            watch = _bolted(limits, watch, now, locked=locked)
        case Tampered(is_open=True):
            watch = _with(watch, AlarmKind.TAMPER, Going(now.wall))
        case Tampered():
            watch = _without(watch, AlarmKind.TAMPER)
    return watch


def _opened(watch: Watch, now: Now, *, seen: bool) -> Watch:
    if watch.open_since is not None:
        return watch
    forced = seen and watch.locked and now.monotonic > watch.allowed_until
    watch = replace(watch, open_since=now.wall, counted_from=now.monotonic)
    return _with(replace(watch, person=None), AlarmKind.FORCED, Going(now.wall)) if forced else watch


def _bolted(limits: Limits, watch: Watch, now: Now, *, locked: bool) -> Watch:
    if locked is watch.locked:
        return watch
    if not locked:
        return replace(_without(watch, AlarmKind.HELD_OPEN_SOON), locked=False)
    allowed_until = max(watch.allowed_until, now.monotonic + limits.grace_seconds)
    return replace(watch, locked=True, allowed_until=allowed_until, counted_from=max(watch.counted_from, now.monotonic))


def _let_time_pass(limits: Limits, watch: Watch, now: Now) -> Watch:
    if watch.open_since is None or not watch.locked:
        return watch
    for kind, seconds in _to_come(limits, watch):
        if now.monotonic >= watch.counted_from + seconds:
            watch = _with(watch, kind, Going(watch.open_since, watch.person))
    return watch


def _to_come(limits: Limits, watch: Watch) -> tuple[tuple[AlarmKind, float], ...]:
    """What a door that is open may become, and after how many seconds; nothing comes after the graver one."""
    if AlarmKind.HELD_OPEN in watch.going:
        return ()
    both = (
        (AlarmKind.HELD_OPEN_SOON, limits.held_open_soon_seconds),
        (AlarmKind.HELD_OPEN, limits.held_open_seconds),
    )
    return tuple((kind, seconds) for kind, seconds in both if seconds > 0 and kind not in watch.going)


def _with(watch: Watch, kind: AlarmKind, going: Going) -> Watch:
    return watch if kind in watch.going else replace(watch, going={**watch.going, kind: going})


def _without(watch: Watch, *kinds: AlarmKind) -> Watch:
    return replace(watch, going={one: its for one, its in watch.going.items() if one not in kinds})
