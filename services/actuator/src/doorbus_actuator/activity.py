"""What a resident is told of decisions: about people, in words, and not once for each frame. Pure.

A decision about a command is told as it is, and so is an opening. Refusals of faces that are about one person, or about
faces that nobody knows, are one event as long as they go on; an opening ends it. It is told when it has lasted for a
second, since the first frames of everybody who comes nearer are poor, and then again after 1, 2, 4 and more seconds
while it grows. A refusal that is on the way in, such as too far away, must last for longer; so must an unknown face
while somebody is in view who is known, because as a rule it is theirs, turned away. An alarm is told at once.
"""

import math
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime

from doorbus.wire.messages import MAX_NAME, Activity, Alarm, AlarmKind, Decision, Outcome, Reason, Trigger
from doorbus.wire.records import dataclass
from doorbus_actuator.policy import Now

GAP_SECONDS = 10.0
"""What has not been seen for so long is over; a denial that goes on is decided about once a second."""
STEADY_SECONDS = 1.8
"""The same before it was told."""
HESITATION_SECONDS = 1.0
LASTING_SECONDS = 5.0
"""How long a refusal must go on that may be on the way in."""
FIRST_GROWTH_SECONDS = 1.0
MAX_GROWTH_SECONDS = 60.0
MAX_EVENTS = 64

ALARMING = frozenset({Reason.REPLAYED, Reason.CODE_WRONG, Reason.RELAY_FAILED})
ON_THE_WAY_IN = frozenset(
    {
        Reason.STALE,
        Reason.FROM_THE_FUTURE,
        Reason.SAME_PICTURE,
        Reason.TOO_SMALL,
        Reason.IN_BACKGROUND,
        Reason.BLURRED,
        Reason.LOW_QUALITY,
        Reason.LOW_CONFIDENCE,
        Reason.LOW_MARGIN,
        Reason.AWAITING_VOTES,
        Reason.AWAITING_CHALLENGE,
    }
)
_OF_THE_PICTURE = frozenset({Reason.STALE, Reason.FROM_THE_FUTURE, Reason.SAME_PICTURE, Reason.REPLAYED})
_WHY: Mapping[Reason, str] = {
    Reason.LOCKDOWN: "the door is locked down",
    Reason.CLOCK_IMPLAUSIBLE: "the door's clock is wrong",
    Reason.STALE: "it came too late",
    Reason.FROM_THE_FUTURE: "its clock is ahead of the door's",
    Reason.REPLAYED: "it was sent before",
    Reason.SAME_PICTURE: "it was there before",
    Reason.AMBIGUOUS_FACE: "it resembles two people",
    Reason.TOO_SMALL: "too far away",
    Reason.IN_BACKGROUND: "behind somebody else",
    Reason.BLURRED: "blurred",
    Reason.LOW_QUALITY: "hard to see",
    Reason.LOW_CONFIDENCE: "not sure enough",
    Reason.LOW_MARGIN: "resembles somebody else, too",
    Reason.LIVENESS_MISSING: "nobody looked whether it is alive",
    Reason.NOT_LIVE: "it looks like a picture",
    Reason.ROSTER_INCOMPLETE: "the door does not know yet who may come in",
    Reason.NOT_ON_ROSTER: "not enrolled any more",
    Reason.NOT_YET_VALID: "may not come in yet",
    Reason.NO_LONGER_VALID: "may not come in any more",
    Reason.NOT_ENTITLED: "may not use this door",
    Reason.OUTSIDE_HOURS: "not at this hour",
    Reason.AWAITING_VOTES: "not seen for long enough",
    Reason.AWAITING_CHALLENGE: "has not done yet what was asked",
    Reason.CHALLENGE_FAILED: "did not do what was asked",
    Reason.NOBODY_IN_YET: "nobody is in yet",
    Reason.PASSBACK: "let in a short while ago",
    Reason.CODE_NEEDED: "a code is to follow",
    Reason.FACE_NEEDED: "the face is to come first",
    Reason.TOO_MANY_TRIES: "too many wrong codes",
    Reason.COOLDOWN: "the door was opened a moment ago",
    Reason.UNDATED: "it does not say when it was sent",
    Reason.CODE_MISSING: "it needs a code",
    Reason.CODE_WRONG: "wrong code",
    Reason.RELAY_FAILED: "the relay cannot be driven",
    Reason.JOURNAL_FAILED: "it cannot be written down",
}
_ALARMS: Mapping[AlarmKind, str] = {
    AlarmKind.HELD_OPEN_SOON: "Door still open",
    AlarmKind.HELD_OPEN: "Door held open",
    AlarmKind.FORCED: "Door forced open",
    AlarmKind.TAMPER: "Somebody tampers with the door's case",
}
_OF_DECISIONS = ("last_person", "last_name", "last_confidence", "last_latency_ms", "last_reason")
_Key = str | None
"""The person; None for all faces that nobody knows."""


@dataclass(frozen=True, slots=True)
class _Event:
    """A face that is refused again and again. Times are monotonic seconds unless they are dates."""

    newest: Decision
    """The newest decision, of those with the reason that says most."""
    name: str | None
    since: datetime
    seen: float
    due: float
    """When it is told if it has grown by then, or for the first time."""
    count: int = 0
    told: Reason | None = None
    told_count: int = 0
    pause: float = FIRST_GROWTH_SECONDS


@dataclass(frozen=True, slots=True)
class Book:
    """What is under way, and what was told last."""

    events: Mapping[_Key, _Event] = field(default_factory=dict)
    told: Activity | None = None


def note(book: Book, decision: Decision, name: str | None, now: Now, *, accompanied: bool) -> tuple[Book, bool]:
    """Take note of a decision; whether `told` of the book is news.

    `name` is the person's, as on the roster; `accompanied` says whether somebody is in view who was let in.
    """
    if decision.outcome is Outcome.GRANTED:
        return Book(told=_activity(book, decision, name, decision.at, decision.count)), True
    if decision.trigger is not Trigger.FACE:
        return replace(book, told=_activity(book, decision, name, decision.at, decision.count)), True
    if decision.reason is Reason.COOLDOWN:  # whoever comes in with another meets it, and it is over in a moment
        return book, False
    others = {one: its for one, its in book.events.items() if one != decision.person}
    if len(others) >= MAX_EVENTS:
        others.pop(next(iter(others)))
    known = (one for person, one in others.items() if person is not None)
    accompanied = accompanied or any(now.monotonic - one.seen <= STEADY_SECONDS for one in known)
    event = _grown(book.events.get(decision.person), decision, name, now, accompanied=accompanied)
    return replace(book, events={**others, decision.person: event}), False


def tell_due(book: Book, now: Now) -> tuple[Book, tuple[Activity, ...]]:
    """What is to be told by now."""
    activities: tuple[Activity, ...] = ()
    for key, event in book.events.items():
        if event.told_count == event.count or now.monotonic < event.due:
            continue
        if event.told is None and now.monotonic - event.seen > STEADY_SECONDS:
            book = replace(book, events={one: its for one, its in book.events.items() if one != key})
            continue
        activity = _activity(book, event.newest, event.name, event.since, event.count)
        pause = min(2 * event.pause, MAX_GROWTH_SECONDS)
        due = now.monotonic + event.pause
        told = replace(event, told=event.newest.reason, told_count=event.count, due=due, pause=pause)
        book = replace(book, events={**book.events, key: told}, told=activity)
        activities += (activity,)
    return book, activities


def wake_at(book: Book) -> float:
    """The monotonic time at which something is to be told."""
    return min((one.due for one in book.events.values() if one.told_count != one.count), default=math.inf)


def alarmed(book: Book, alarm: Alarm, name: str | None) -> Book:
    """Take note of an alarm at the door, which is news; what was told last of decisions stays true."""
    before = book.told
    kept = {} if before is None else {one: getattr(before, one) for one in _OF_DECISIONS}
    told = Activity(
        text=_ALARMS[alarm.kind],
        alarm=alarm.kind,
        at=alarm.at,
        since=alarm.since,
        person=alarm.person,
        name=name,
        **kept,
    )
    return replace(book, told=told)


def words(decision: Decision, name: str | None) -> str:
    """A decision as people say it."""
    why = _WHY.get(decision.reason, decision.reason.value.replace("_", " "))
    if decision.trigger is Trigger.COMMAND:
        by = "" if not decision.by else f" by {decision.by}"
        if decision.outcome is Outcome.GRANTED:
            return f"Unlocked{by or ' by hand'}"
        return f"Unlocking{by} refused: {why}"
    if decision.trigger is Trigger.EXIT_BUTTON:
        return "Opened from inside" if decision.outcome is Outcome.GRANTED else f"Not opened from inside: {why}"
    if decision.outcome is Outcome.GRANTED:
        return f"{name or 'Somebody'} let in"
    if decision.trigger is Trigger.CREDENTIAL:
        return f"Code{f' of {name}' if name else ''} refused: {why}"
    return _face_refused(decision, name, why)


def _face_refused(decision: Decision, name: str | None, why: str) -> str:
    who = name or ("Picture" if decision.reason in _OF_THE_PICTURE else "Unknown face")
    if decision.reason is Reason.CODE_NEEDED:
        return f"{who} is to give a code"
    if decision.reason in {Reason.UNKNOWN_FACE, Reason.DISABLED}:
        return f"{who} refused"
    return f"{who} refused: {why}"


def _grown(event: _Event | None, decision: Decision, name: str | None, now: Now, *, accompanied: bool) -> _Event:
    """The event that the decision is part of, with it."""
    if event is None or now.monotonic - event.seen > (STEADY_SECONDS if event.told is None else GAP_SECONDS):
        event = _Event(decision, name, decision.at, now.monotonic, math.inf)
    due = event.due
    if decision.reason in ALARMING and event.told is not decision.reason:
        due = now.monotonic
    elif event.told is None:
        waits = decision.reason in ON_THE_WAY_IN or (decision.person is None and accompanied)
        due = min(due, now.monotonic + (LASTING_SECONDS if waits else HESITATION_SECONDS))
    says_more = decision.reason not in ON_THE_WAY_IN or event.newest.reason in ON_THE_WAY_IN
    return replace(
        event,
        newest=decision if says_more else event.newest,
        name=name,
        seen=now.monotonic,
        due=due,
        count=event.count + decision.count,
    )


def _activity(book: Book, decision: Decision, name: str | None, since: datetime, count: int) -> Activity:
    before = book.told
    named, faced = decision.person is not None, decision.trigger is Trigger.FACE
    let_in = faced and decision.outcome is Outcome.GRANTED
    return Activity(
        text=words(decision, name or (decision.person and _spoken(decision.person)))[:255],
        outcome=decision.outcome,
        reason=decision.reason,
        trigger=decision.trigger,
        at=decision.at,
        since=since,
        count=count,
        person=decision.person,
        name=name,
        camera=decision.camera,
        by=decision.by,
        last_person=decision.person if named else None if before is None else before.last_person,
        last_name=name if named else None if before is None else before.last_name,
        last_confidence=decision.confidence if named else None if before is None else before.last_confidence,
        last_reason=decision.reason,
        last_latency_ms=decision.latency_ms if let_in else None if before is None else before.last_latency_ms,
    )


def _spoken(person: str) -> str:
    """An id as people say it."""
    return person.replace("_", " ").replace("-", " ").strip().capitalize()[:MAX_NAME]
