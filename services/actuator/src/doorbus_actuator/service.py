"""Messages in, decisions out; and the relay in between."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, assert_never

import structlog

from doorbus import homeassistant
from doorbus.runtime.clock import Clock, Timer
from doorbus.runtime.punctuality import Punctuality
from doorbus.runtime.service import Service
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.hours import Calendar, Closed, HoursError
from doorbus.wire.messages import (
    Ask,
    Challenge,
    Decision,
    LockCommand,
    LockState,
    Manifest,
    Outcome,
    Reason,
    Recognition,
    RosterEntry,
)
from doorbus.wire.snapshot import Reader, Snapshot, shard_number, unpack
from doorbus_actuator import policy
from doorbus_actuator.policy import AskFor, Deny, Effect, Event, Grant, Hours, Lock, Now, Person, State
from doorbus_actuator.relay import Relay, RelayError
from doorbus_actuator.settings import Actuator, rules_of

_log = structlog.get_logger("doorbus.actuator")
_RANDOM = random.SystemRandom()

RETRY_SECONDS = 1.0
"""How often a relay that failed is told to de-energise."""


class ActuatorService(Service):
    """One door. `chance` returns a random number from 0 to below 1."""

    role = Role.ACTUATOR

    def __init__(
        self,
        settings: Actuator,
        relay: Relay,
        clock: Clock,
        chance: Callable[[], float] = _RANDOM.random,
    ) -> None:
        self._settings = settings
        self._rules = rules_of(settings)
        self._calendar = settings.calendar
        self._door = {"door": settings.door}
        self._relay = relay
        self._clock = clock
        self._chance = chance
        self._state = State()
        self._reader = Reader()
        self._roster_version: int | None = None
        self._unreadable_hours = 0
        self._challenge = Challenge(ask=Ask.NONE)
        self._lock_state = LockState.LOCKED
        self._hold_until: float | None = None
        self._pulse: Timer | None = None
        self._fault: str | None = None
        self._retry_at: float | None = None
        self._punctuality = Punctuality(
            "recognitions", max_age=settings.max_age_seconds, tolerance=settings.future_tolerance_seconds
        )
        self._decided: Counter[str] = Counter()
        self._latency_ms = 0.0

    # What the runner asks for.

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """Recognitions and commands of this door, and the roster."""
        return (
            Subscription(channels.LOCK_COMMAND, self._on_command, self._door),
            Subscription(channels.RECOGNITION, self._on_recognition, self._door),
            Subscription(channels.ROSTER_MANIFEST, self._on_manifest),
            Subscription(channels.ROSTER_SHARD, self._on_shard),
        )

    def device(self, site: homeassistant.Site) -> homeassistant.Device:
        """The door."""
        return homeassistant.door(site, self._settings.door, codes=self._rules.codes is not None)

    async def start(self) -> None:
        """De-energise the relay."""
        self._secure(self._relay.setup)

    def connected(self) -> Iterable[Outbound]:
        """The retained states."""
        yield self._outbound_state(self._lock_state)
        yield Outbound(channels.CHALLENGE, self._challenge, self._door)

    def wake_at(self) -> float:
        """When the pulse ends, a broken relay is tried again, or the policy has something to do."""
        dues = (policy.wake_at(self._state), self._hold_until, self._retry_at)
        return min(due for due in dues if due is not None)

    async def tick(self) -> Iterable[Outbound]:
        """Lock at the end of the pulse; let the policy know that time has passed."""
        return (*self._relock_if_due(), *self._decide(policy.Tick(), self._clock.monotonic()))

    def figures(self) -> Mapping[str, float]:
        """What was decided, by outcome and reason, and the state of the relay."""
        return {
            **self._decided,
            "latency_ms": self._latency_ms,
            "relay_energised": float(self._lock_state is LockState.UNLOCKED),
            "roster_people": len(self._state.people or ()),
            "roster_version": -1 if self._roster_version is None else self._roster_version,
        }

    def problem(self) -> str | None:
        """What keeps the door from opening, the gravest first."""
        if self._fault is not None:
            return f"relay: {self._fault}"
        if self._rules.lockdown:
            return "lockdown: the door opens for nobody"
        if not policy.clock_plausible(self._rules, self._state, self._now()):
            return "the clock is implausible; faces wait until it has been stable for a while"
        if self._state.people is None:
            return "no whole roster yet; faces cannot open the door; does the enroller run?"
        if self._unreadable_hours:
            return f"{self._unreadable_hours} people have hours that cannot be read; the door is closed to them"
        return self._punctuality.problem(self._clock.monotonic())

    async def stop(self) -> Iterable[Outbound]:
        """De-energise the relay and let go of it."""
        was = self._lock_state
        self._cancel_pulse()
        self._secure(self._relay.close)
        if was is LockState.UNLOCKED and self._lock_state is LockState.LOCKED:
            return (self._outbound_state(LockState.LOCKING), self._outbound_state(LockState.LOCKED))
        return (self._outbound_state(self._lock_state),)

    # Handlers.

    async def _on_recognition(self, inbound: Inbound[Recognition]) -> Iterable[Outbound]:
        camera = inbound.ids["camera"]
        if inbound.ids["door"] != self._settings.door:
            raise Refused(Refusal.WRONG_TOPIC, "a recognition of another door")
        if self._settings.camera_ids and camera not in self._settings.camera_ids:
            raise Refused(Refusal.WRONG_TOPIC, f"camera {camera} is not one of DOORBUS_ACTUATOR__CAMERAS")
        age = self._clock.now() - inbound.message.captured_at
        self._punctuality.note(age.total_seconds(), self._clock.monotonic())
        return self._handle(policy.Sighting(camera, inbound.message, self._chance()), inbound.at_monotonic)

    async def _on_command(self, inbound: Inbound[LockCommand]) -> Iterable[Outbound]:
        if inbound.ids["door"] != self._settings.door:
            raise Refused(Refusal.WRONG_TOPIC, "a command to another door")
        return self._handle(policy.Command(inbound.message), inbound.at_monotonic)

    async def _on_manifest(self, inbound: Inbound[Manifest]) -> Iterable[Outbound]:
        return await self._take(self._reader.manifest(inbound.message), inbound.at_monotonic)

    async def _on_shard(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        snapshot = self._reader.shard(shard_number(inbound.ids), inbound.message)
        return await self._take(snapshot, inbound.at_monotonic)

    async def _take(self, snapshot: Snapshot | None, at_monotonic: float) -> Iterable[Outbound]:
        if snapshot is None:
            return ()
        # In a thread: on a Pi Zero ten thousand people take seconds, and the pulse must end meanwhile.
        people, unreadable = await asyncio.to_thread(_people, snapshot, self._calendar)
        self._roster_version = snapshot.manifest.version
        self._unreadable_hours = unreadable
        _log.info("roster", version=self._roster_version, people=len(people), unreadable_hours=unreadable or None)
        return self._handle(policy.RosterChanged(people), at_monotonic)

    # From event to effect.

    def _handle(self, event: Event, arrived: float) -> Iterable[Outbound]:
        return (*self._relock_if_due(), *self._decide(event, arrived))

    def _decide(self, event: Event, arrived: float) -> list[Outbound]:
        self._state, effects = policy.decide(self._rules, self._state, event, self._now())
        return [outbound for effect in effects for outbound in self._carry_out(effect, event, arrived)]

    def _now(self) -> Now:
        return Now(self._clock.now(), self._clock.monotonic())

    def _carry_out(self, effect: Effect, event: Event, arrived: float) -> Iterable[Outbound]:
        match effect:
            case Grant(seconds, decision):
                return self._open(seconds, decision, event, arrived)
            case Deny(decision):
                return (self._say(decision),)
            case AskFor(challenge):
                self._challenge = challenge
                return (Outbound(channels.CHALLENGE, challenge, self._door),)
            case Lock():
                return self._relock()
            case _:
                assert_never(effect)

    def _open(self, seconds: float, decision: Decision, event: Event, arrived: float) -> Iterable[Outbound]:
        try:
            self._relay.energise()
        except RelayError as error:
            self._fail(error)
            self._secure(self._relay.de_energise)
            failed = decision.model_copy(update={"outcome": Outcome.DENIED, "reason": Reason.RELAY_FAILED})
            return (self._outbound_state(LockState.JAMMED), self._say(failed))
        hold = min(seconds, self._rules.max_hold_seconds)
        self._hold_until = self._clock.monotonic() + hold
        # Besides the tick: the relay drops on time while a handler waits for something.
        self._pulse = self._clock.call_at(self._hold_until, self._end_pulse)
        self._lock_state = LockState.UNLOCKED
        self._fault = self._retry_at = None
        self._latency_ms = self._latency(event, arrived)
        opened = decision.model_copy(update={"latency_ms": self._latency_ms})
        return (
            self._outbound_state(LockState.UNLOCKING),
            self._outbound_state(LockState.UNLOCKED),
            self._say(opened),
        )

    def _latency(self, event: Event, arrived: float) -> float:
        if isinstance(event, policy.Sighting):
            age = self._clock.now() - event.recognition.captured_at
            return round(max(0.0, age / timedelta(milliseconds=1)), 3)
        return round((self._clock.monotonic() - arrived) * 1000, 3)

    def _say(self, decision: Decision) -> Outbound:
        """Every decision passes here on its way out."""
        self._decided[decision.outcome.value] += decision.count
        self._decided[f"{decision.outcome}.{decision.reason}"] += decision.count
        _log.info(
            "decision",
            outcome=decision.outcome,
            reason=decision.reason,
            trigger=decision.trigger,
            person=decision.person,
            camera=decision.camera,
            frame_id=decision.frame_ids[-1] if decision.frame_ids else None,
            by=decision.by,
            command_id=decision.command_id,
            latency_ms=decision.latency_ms,
            count=decision.count,
        )
        return Outbound(channels.DECISION, decision, self._door)

    # The relay.

    def _relock_if_due(self) -> Iterable[Outbound]:
        now = self._clock.monotonic()
        if self._hold_until is not None and now >= self._hold_until:
            return self._relock()
        if self._retry_at is not None and now >= self._retry_at:
            self._secure(self._relay.setup)
            return (self._outbound_state(LockState.LOCKED),) if self._fault is None else ()
        return ()

    def _relock(self) -> Iterable[Outbound]:
        was = self._lock_state
        self._cancel_pulse()
        self._secure(self._relay.de_energise)
        if self._lock_state is LockState.LOCKED and was is not LockState.LOCKED:
            return (self._outbound_state(LockState.LOCKING), self._outbound_state(LockState.LOCKED))
        return (self._outbound_state(self._lock_state),)

    def _end_pulse(self) -> None:
        try:
            self._relay.de_energise()
        except RelayError as error:
            self._fail(error)  # the tick that is due now tries again, and says so

    def _cancel_pulse(self) -> None:
        if self._pulse is not None:
            self._pulse.cancel()
        self._pulse = self._hold_until = None

    def _secure(self, act: Callable[[], None]) -> None:
        """Bring the relay into its safe state by `act`; if that fails the door counts as jammed until it works."""
        try:
            act()
        except RelayError as error:
            self._fail(error)
            return
        self._lock_state = LockState.LOCKED
        self._fault = self._retry_at = None

    def _fail(self, error: RelayError) -> None:
        if self._fault is None:
            _log.error("relay_failed", why=str(error))
        self._lock_state = LockState.JAMMED
        self._fault = str(error)
        self._retry_at = self._clock.monotonic() + RETRY_SECONDS

    def _outbound_state(self, state: LockState) -> Outbound:
        return Outbound(channels.LOCK_STATE, state, self._door)


def _people(snapshot: Snapshot, calendar: Calendar) -> tuple[Mapping[str, Person], int]:
    """The people of a roster, and how many of them have hours that cannot be read."""
    entries = unpack(snapshot, RosterEntry)
    hours: dict[str | None, Hours | None] = {None: None}
    for expression in {entry.hours for entry in entries if entry.hours is not None}:
        try:
            hours[expression] = calendar.hours(expression)
        except HoursError as error:
            _log.warning("hours_unreadable", why=str(error))
            hours[expression] = Closed()
    people = {entry.person: Person(entry, hours[entry.hours]) for entry in entries}
    return people, sum(isinstance(person.hours, Closed) for person in people.values())
