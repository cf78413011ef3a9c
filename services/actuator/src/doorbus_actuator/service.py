"""Messages in, decisions out; the bolt is moved in between."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, assert_never

import structlog

from doorbus import __version__, homeassistant
from doorbus.runtime.clock import Clock
from doorbus.runtime.floor import Floor
from doorbus.runtime.keys import open_keys
from doorbus.runtime.punctuality import Punctuality
from doorbus.runtime.service import Inlet, Producer, Service
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.credentials import CodeError, normal
from doorbus.wire.exchange import Inbound, Outbound, Rank, Subscription, later
from doorbus.wire.messages import (
    Activity,
    Alarm,
    Ask,
    Challenge,
    Credential,
    Decision,
    Exit,
    Health,
    Input,
    InputState,
    JournalKind,
    JournalRequest,
    LockCommand,
    Lockdown,
    LockdownOrder,
    LockState,
    Manifest,
    Outcome,
    Reason,
    Recognition,
    Trigger,
)
from doorbus.wire.packet import Packet
from doorbus.wire.plain import plain
from doorbus.wire.signatures import Keyring
from doorbus.wire.snapshot import Snapshot, refuse_older, shard_number
from doorbus_actuator import activity, alarms, policy, roster
from doorbus_actuator.bolt import Bolt, Guardian
from doorbus_actuator.codebook import Codebook
from doorbus_actuator.doorside import Change, Doorside, foreign_channels
from doorbus_actuator.foreign_inputs import BUTTONS, PIN, Readings
from doorbus_actuator.journal import Journal, Note, notes_of, of_relay
from doorbus_actuator.policy import AskFor, Confined, Deny, Effect, Event, Grant, Lock, Now, State
from doorbus_actuator.polling import Polling
from doorbus_actuator.posting import Posting
from doorbus_actuator.ranks import rank_of, rank_of_lockdown
from doorbus_actuator.rivals import Rivals
from doorbus_actuator.roster import People, Roster
from doorbus_actuator.settings import Actuator, ActuatorSettings, Unjournaled, rules_of
from doorbus_actuator.switch import Switch
from doorbus_actuator.unheard import Unheard

_log = structlog.get_logger("doorbus.actuator")
_RANDOM = random.SystemRandom()
UPKEEP_SECONDS = 1.0
"""How often the journal is brought onto the disk."""


def _first(_: Packet) -> Rank:
    return Rank.LOCK


def _early(_: Packet) -> Rank:
    return Rank.UNLOCK


def keys_of(settings: ActuatorSettings) -> Keyring:
    """Whose signatures count, and what is taken without one; raises `SetupError`."""
    return open_keys(settings, unasked=(channels.RECOGNITION,) if settings.actuator.unsigned_recognitions else ())


class ActuatorService(Service):
    """One door.

    `keys` says whose recognitions and rosters count, `floor` which roster came last of all that ever came; `switches`
    are the inputs that are wired to the machine; `user` is what the broker knows the actuator by; `chance` returns a
    random number, 0 to below 1; `claim` makes sure that no other actuator does the same here.
    """

    role = Role.ACTUATOR

    def __init__(
        self,
        settings: Actuator,
        guardian: Guardian,
        clock: Clock,
        keys: Keyring,
        floor: Floor,
        *,
        journal: Journal,
        switches: Mapping[Input, Switch] | None = None,
        user: str = Role.ACTUATOR.value,
        chance: Callable[[], float] = _RANDOM.random,
        claim: Callable[[], None] = lambda: None,
    ) -> None:
        self.keys = keys
        self._settings = settings
        self._rules = rules_of(settings)
        self._calendar = settings.calendar
        self._door = {"door": settings.door}
        self._journal = journal
        self._posting = Posting(journal, self._door)
        self._recording = False
        self._opening = False
        self._doorside = Doorside(settings.inputs, self._door)
        self._unheard = Unheard(settings.inputs)
        self._rivals = Rivals(self._door)
        self._user = user
        self._switches = switches or {}
        self._polling = Polling(self._switches, clock)
        self._bolt = Bolt(guardian, self._note_relay)
        self._clock = clock
        self._chance = chance
        self._claim = claim
        self._floor = floor
        self._state = State()
        self._reader = roster.reader(self._calendar)
        self._roster: Roster | None = None
        self._codebook = Codebook()
        self._challenge = Challenge(ask=Ask.NONE)
        self._punctuality = Punctuality(
            "recognitions", max_age=settings.max_age_seconds, tolerance=settings.future_tolerance_seconds
        )
        self._decided: Counter[str] = Counter()
        self._book = activity.Book()
        self._latency_ms = 0.0

    # What the runner asks for.

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """Recognitions and commands, what is asked of the journal, the roster, and what was told before the start."""
        return (
            Subscription(channels.LOCK_COMMAND, self._on_command, self._door, rank=rank_of),
            Subscription(channels.LOCKDOWN_COMMAND, self._on_lockdown, self._door, rank=rank_of_lockdown),
            Subscription(channels.LOCKDOWN_OF_ALL, self._on_lockdown, rank=rank_of_lockdown),
            *self._inputs(),
            Subscription(channels.CREDENTIAL, self._on_credential, self._door, rank=_early),
            Subscription(channels.RECOGNITION, self._on_recognition, self._door, apart=True),
            Subscription(channels.JOURNAL_REQUEST, self._on_journal_request, self._door),
            Subscription(channels.ROSTER_MANIFEST, self._on_manifest),
            Subscription(
                channels.ROSTER_SHARD,
                self._on_shard,
                newest_only=True,
                on_demand=self._reader.wanted,
                asked=self._reader.asked,
            ),
            Subscription(channels.CREDENTIALS, self._on_credentials),
            Subscription(channels.ACTIVITY, self._on_activity, self._door),
            Subscription(channels.HEALTH, self._on_health, {"service": self.role.value}, rank=later, others_only=True),
        )

    def _inputs(self) -> Iterable[Subscription[Any]]:
        """What the door feels; a flood of recognitions or commands must not push it out."""
        yield Subscription(PIN, self._on_pin, rank=_first, on_demand=tuple)
        yield Subscription(channels.INPUT_COMMAND, self._on_simulated, self._door, rank=_early)
        for channel in foreign_channels(self._settings.inputs):
            yield Subscription(channel, self._on_foreign, rank=_early)

    def device(self, site: homeassistant.Origin) -> homeassistant.Device:
        """The door, as Home Assistant shows it."""
        own = self._settings
        return homeassistant.door(site, own.door, codes=self._rules.codes is not None, inputs=own.felt_inputs)

    async def start(self) -> None:
        """De-energise the relay, and recall what was seen before; raises `SetupError` where another one does that."""
        self._claim()
        await self._bolt.secure()
        seen, now = self._journal.open(), self._now()
        self._state = policy.recall(seen, now)
        self._doorside.recall(seen, self._settings.felt_inputs | self._switches.keys(), now)
        self._recording = True
        self._write((Note(self._clock.now(), JournalKind.STARTED, {"version": __version__}),))
        self._note_relay()

    def connected(self) -> Iterable[Outbound]:
        """The retained states; what the broker lacks of the journal follows."""
        self._posting.connected()
        self._unheard.listen(self._clock.monotonic())
        yield from self._lock_states((self._bolt.state,))
        yield Outbound(channels.CHALLENGE, self._challenge, self._door)
        yield self._lockdown()
        yield from self._doorside.states()
        if self._book.told is not None:
            yield Outbound(channels.ACTIVITY, self._book.told.model_copy(update={"again": True}), self._door)

    def disconnected(self) -> None:
        """What is known of other actuators is over."""
        self._rivals.forget()

    def wake_at(self) -> float:
        """When the policy has something to do."""
        own = (self._doorside.wake_at(), self._unheard.wake_at())
        return min(policy.wake_at(self._state), activity.wake_at(self._book), *own)

    async def tick(self) -> Iterable[Outbound]:
        """Let the policy know that time has passed, and the alarms."""
        at = self._clock.monotonic()
        felt = await self._feel(self._doorside.settle(self._now()), at)
        self._doorside.happen(alarms.Tick(), self._now())
        for name, topic in self._unheard.overdue(at).items():
            _log.warning("input_unheard", input=name, topic=topic, why=f"may the user {self._user} read it?")
        return [*felt, *self._alarms(), *await self._handle(policy.Tick(), at)]

    def producers(self) -> Sequence[Producer]:
        """What the bolt does by itself, such as to lock when the pulse is over; and the journal."""
        return (self._bolt_changes, self._posting.entries, self._look_after_the_journal)

    def inlets(self) -> Sequence[Inlet]:
        """What is wired to the machine, if anything."""
        return (self._polling.run,) if self._switches else ()

    def acknowledged(self, packet: Packet) -> None:
        """The broker has a packet, maybe of the journal."""
        self._posting.acknowledged(packet)

    def place(self) -> Mapping[str, str]:
        """The door that it drives, and by whose public holidays."""
        country = self._settings.country
        return self._door if country is None else {**self._door, "country": country}

    def figures(self) -> Mapping[str, float]:
        """What was decided, by outcome and reason, and the state of the relay."""
        return {
            **self._decided,
            "latency_ms": self._latency_ms,
            "relay_energised": float(self._bolt.state is LockState.UNLOCKED),
            **{name.value: float(on) for name in Input if (on := self._doorside.on(name)) is not None},
            **self._unheard.figures(),
            "alarm": float(self._doorside.gravest is not None),
            "lockdown": float(policy.locked_down(self._rules, self._state)),
            "lockdown_unkept": float(self._journal.unkept is not None),
            "roster_people": 0 if self._roster is None else len(self._roster.people),
            "roster_version": -1 if self._roster is None else self._roster.version,
            **self._floor.figures("roster"),
            "codes": len(self._codebook),
            "takes_unsigned": float(self._settings.unsigned_recognitions),
            "threshold": self._rules.threshold,
            "asks_code": float(self._settings.totp_secret is not None),
            "codes_alone": float(self._settings.codes_alone),
            "journal_newest": self._journal.newest,
            "journal_unsent": self._posting.unsent,
        }

    def problem(self) -> str | None:
        """What keeps the door from opening, or from being felt, the gravest first."""
        return next(self._problems(), None)

    def _problems(self) -> Iterator[str]:
        if self._bolt.fault is not None:
            yield f"relay: {self._bolt.fault}"
        if self._journal.unkept is not None:
            yield self._journal.unkept
        if self._journal.fault is not None:
            opens = "opens all the same" if self._settings.unjournaled is Unjournaled.OPEN else "opens for nobody"
            yield f"{self._journal.fault} The door {opens}."
        yield from (f"{name}: {fault}" for name, fault in self._polling.faults.items())
        if self._rivals.problem is not None:
            yield self._rivals.problem
        if policy.locked_down(self._rules, self._state):
            yield "lockdown: the door opens for nobody"
        if not policy.clock_plausible(self._rules, self._state, self._now()):
            yield "the clock is implausible; faces wait until it has been stable for a while"
        if self._roster is None:
            yield self._floor.problem or "no whole roster yet; faces cannot open the door; does the enroller run?"
            return
        first_in = self._rules.first_in
        if first_in and first_in not in self._roster.groups:
            yield f"nobody is in the group {first_in}, of which somebody must come in first: DOORBUS_ACTUATOR__FIRST_IN"
        punctuality = self._punctuality.problem(self._clock.monotonic())
        lasting = (self._roster.problem(), self._codebook.problem(), self._floor.problem, punctuality)
        yield from filter(None, lasting)

    async def stop(self) -> Iterable[Outbound]:
        """De-energise the relay and let go of it."""
        states = self._lock_states(await self._bolt.close())
        self._write((Note(self._clock.now(), JournalKind.STOPPED),))
        self._recording = False
        self._journal.close()
        return states

    # Handlers.

    async def _on_recognition(self, inbound: Inbound[Recognition]) -> Iterable[Outbound]:
        camera = inbound.ids["camera"]
        if self._settings.camera_ids and camera not in self._settings.camera_ids:
            raise Refused(Refusal.WRONG_TOPIC, f"camera {camera} is not one of DOORBUS_ACTUATOR__CAMERAS")
        age = self._clock.now() - inbound.message.captured_at
        self._punctuality.note(age.total_seconds(), self._clock.monotonic())
        return await self._handle(policy.Sighting(camera, inbound.message, self._chance()), inbound.at_monotonic)

    async def _on_command(self, inbound: Inbound[LockCommand]) -> Iterable[Outbound]:
        return await self._handle(policy.Command(inbound.message), inbound.at_monotonic)

    async def _on_credential(self, inbound: Inbound[Credential]) -> Iterable[Outbound]:
        reader, credential = inbound.ids["reader"], inbound.message
        if self._rules.reader_ids and reader not in self._rules.reader_ids:
            raise Refused(Refusal.WRONG_TOPIC, f"reader {reader} is not one of DOORBUS_ACTUATOR__READERS")
        looked_at, match = policy.may_look(self._rules, self._state, reader, credential, self._now()), None
        with suppress(CodeError):
            credential = credential.model_copy(update={"code": normal(credential.code)})
            if looked_at and len(self._codebook):  # in a thread: the pulse must end meanwhile
                match = await asyncio.to_thread(self._codebook.find, credential.code)
        presented = policy.Presented(reader, credential, looked_at=looked_at, match=match)
        return await self._handle(presented, inbound.at_monotonic)

    async def _on_credentials(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        await asyncio.to_thread(self._codebook.came, inbound.message)
        return ()

    async def _on_lockdown(self, inbound: Inbound[LockdownOrder]) -> Iterable[Outbound]:
        order = inbound.message
        confine = policy.Confine(order.lockdown is Lockdown.ON, None if order.by is None else plain(order.by))
        return await self._handle(confine, inbound.at_monotonic)

    async def _on_pin(self, inbound: Inbound[InputState]) -> Iterable[Outbound]:
        on = inbound.message is InputState.ON
        changes = self._doorside.read(Input(inbound.ids["input"]), self._now(), on=on)
        return await self._feel(changes, inbound.at_monotonic)

    async def _on_simulated(self, inbound: Inbound[InputState]) -> Iterable[Outbound]:
        name, on = inbound.ids["input"], inbound.message is InputState.ON
        if name not in self._settings.simulated_inputs:
            played = ", ".join(sorted(self._settings.simulated_inputs)) or "none"
            raise Refused(Refusal.UNEXPECTED, f"input {name} is not simulated here; {played} is")
        return await self._on_readings({Input(name): on}, inbound.at_monotonic)

    async def _on_foreign(self, inbound: Inbound[Readings]) -> Iterable[Outbound]:
        for name in inbound.message:
            self._unheard.heard(name)
        return await self._on_readings(inbound.message, inbound.at_monotonic)

    async def _on_readings(self, readings: Readings, arrived: float) -> Iterable[Outbound]:
        """What messages say: of a button that it was pressed, each time; of others what they feel."""
        outbounds: list[Outbound] = []
        for name, on in readings.items():
            if name not in BUTTONS:
                outbounds += await self._feel(self._doorside.read(name, self._now(), on=on), arrived)
            elif on:
                outbounds += await self._feel(self._doorside.press(name, self._now()), arrived)
        return outbounds

    async def _on_journal_request(self, inbound: Inbound[JournalRequest]) -> Iterable[Outbound]:
        return inbound.reply(self._posting.page(inbound.message))

    async def _on_manifest(self, inbound: Inbound[Manifest]) -> Iterable[Outbound]:
        refuse_older(inbound.message, self._floor.version)
        snapshot = self._reader.manifest(inbound.message)
        await asyncio.to_thread(self._codebook.named, inbound.message.credentials)
        await self._floor.lift(inbound.message.version)
        return await self._take(snapshot, inbound.at_monotonic)

    async def _on_shard(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        snapshot = self._reader.shard(shard_number(inbound.ids), inbound.message)
        return await self._take(snapshot, inbound.at_monotonic)

    async def _on_activity(self, inbound: Inbound[Activity]) -> Iterable[Outbound]:
        if self._book.told is None:  # of the time before the start: who was named last is still true
            self._book = replace(self._book, told=inbound.message)
        return ()

    async def _on_health(self, inbound: Inbound[Health]) -> Iterable[Outbound]:
        self._rivals.heard(inbound)
        return ()

    async def _take(self, snapshot: Snapshot[People] | None, at_monotonic: float) -> Iterable[Outbound]:
        if snapshot is None:
            return ()
        # In a thread: the pulse must end meanwhile.
        self._roster = await asyncio.to_thread(roster.read, snapshot)
        return await self._handle(policy.RosterChanged(self._roster.people), at_monotonic)

    # From event to effect.

    async def _feel(self, changes: Iterable[Change], arrived: float) -> Iterable[Outbound]:
        """Write down what the door feels, and then let it have its effect."""
        outbounds: list[Outbound] = []
        for change in changes:
            now = self._now()
            self._unheard.heard(change.input)
            _log.info("input", input=change.input, on=change.on)
            self._write((self._doorside.note_of(change, now),))
            self._doorside.felt(change, now)
            outbounds += (*self._doorside.told_of(change, now), *self._alarms())
            match change.input:
                case Input.CONTACT:
                    outbounds += await self._handle(policy.DoorMoved(change.on), arrived)
                case Input.EXIT:
                    outbounds += await self._let_out(arrived)
        return outbounds

    async def _let_out(self, arrived: float) -> Iterable[Outbound]:
        at = self._clock.now()
        outbounds = [*await self._handle(policy.ExitRequested(), arrived)]
        decisions = [one.message for one in outbounds if isinstance(one.message, Decision)]
        unlocked = any(one.trigger is Trigger.EXIT_BUTTON and one.outcome is Outcome.GRANTED for one in decisions)
        return [*outbounds, Outbound(channels.EXIT, Exit(at=at, unlocked=unlocked), self._door)]

    def _alarms(self) -> Iterable[Outbound]:
        """Write down and tell which alarms have begun or ended."""
        notes, outbounds = self._doorside.news(self._now())
        for note in notes:
            _log.warning("alarm", alarm=note.fields["alarm"], on=note.fields["on"], person=note.fields["person"])
        self._write(notes, self._doorside.remembered if notes else ())
        return [*outbounds, *(self._tell_of(one.message) for one in outbounds if isinstance(one.message, Alarm))]

    def _tell_of(self, alarm: Alarm) -> Outbound:
        """An alarm in words."""
        self._book = activity.alarmed(self._book, alarm, self._name_of(alarm.person))
        return Outbound(channels.ACTIVITY, self._book.told, self._door)

    async def _handle(self, event: Event, arrived: float) -> Iterable[Outbound]:
        now = self._now()
        self._state, effects = policy.decide(self._rules, self._state, event, now)
        written = self._write(notes_of(event, effects, now.wall), policy.learnt(event, self._state, now))
        if not written and self._settings.unjournaled is Unjournaled.DENY:
            outbounds = [outbound for effect in effects for outbound in await self._go_without(effect, event, arrived)]
        else:
            outbounds = [outbound for effect in effects for outbound in await self._carry_out(effect, event, arrived)]
        self._book, news = activity.tell_due(self._book, self._now())
        return [*outbounds, *(Outbound(channels.ACTIVITY, one, self._door) for one in news)]

    def _now(self) -> Now:
        return Now(self._clock.now(), self._clock.monotonic())

    def _write(self, notes: Sequence[Note], seen: Sequence[policy.Seen] = ()) -> bool:
        if not self._recording or not (notes or seen):
            return True
        written = self._journal.write(notes, seen)
        self._posting.written()
        return written

    def _note_relay(self) -> None:
        if self._bolt.state is LockState.LOCKED and not self._opening:  # else the end of the pulse before may be told
            self._state = policy.cut_short(self._state, self._now())
        self._doorside.happen(alarms.Bolted(self._bolt.state is not LockState.UNLOCKED), self._now())
        self._write((of_relay(self._bolt.state, self._bolt.fault, self._clock.now()),))

    async def _look_after_the_journal(self) -> AsyncIterator[Outbound]:
        nothing_to_say: tuple[Outbound, ...] = ()
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            await self._journal.upkeep()
            self._posting.written()
            for outbound in nothing_to_say:
                yield outbound

    async def _go_without(self, effect: Effect, event: Event, arrived: float) -> Iterable[Outbound]:
        """Carry out what cannot be written down, but open for nobody who wants to come in."""
        if not isinstance(effect, Grant) or effect.decision.trigger is Trigger.EXIT_BUTTON:
            return await self._carry_out(effect, event, arrived)
        return await self._turn_away(effect.decision, Reason.JOURNAL_FAILED, arrived)

    async def _turn_away(self, decision: Decision, reason: Reason, arrived: float) -> Iterable[Outbound]:
        """Deny after all."""
        failed = decision.model_copy(update={"outcome": Outcome.DENIED, "reason": reason, "seconds": None})
        self._write((Note(self._clock.now(), JournalKind.DENIED, {"decision": failed}),))
        return (*self._say(failed), *await self._handle(policy.OpeningFailed(decision.person), arrived))

    async def _carry_out(self, effect: Effect, event: Event, arrived: float) -> Iterable[Outbound]:
        match effect:
            case Grant(seconds, decision):
                return await self._open(seconds, decision, event, arrived)
            case Deny(decision):
                return self._say(decision)
            case AskFor(challenge):
                self._challenge = challenge
                return (Outbound(channels.CHALLENGE, challenge, self._door),)
            case Lock():
                return self._lock_states(await self._bolt.lock())
            case Confined():
                _log.warning("lockdown", lockdown=effect.lockdown)
                return (self._lockdown(),)
            case _:
                assert_never(effect)

    async def _open(self, seconds: float, decision: Decision, event: Event, arrived: float) -> Iterable[Outbound]:
        self._opening = True
        try:
            opened = await self._bolt.open(seconds)
        finally:
            self._opening = False
        if opened:
            self._doorside.happen(alarms.Admitted(decision.person), self._now())
            self._latency_ms = self._latency(event, arrived)
            granted = decision.model_copy(update={"latency_ms": self._latency_ms})
            return (*self._lock_states(self._bolt.told()), *self._say(granted))
        states = self._bolt.told()
        return (*self._lock_states(states), *await self._turn_away(decision, Reason.RELAY_FAILED, arrived))

    def _latency(self, event: Event, arrived: float) -> float:
        if isinstance(event, policy.Sighting):
            age = self._clock.now() - event.recognition.captured_at
            return round(max(0.0, age / timedelta(milliseconds=1)), 3)
        return round((self._clock.monotonic() - arrived) * 1000, 3)

    def _say(self, decision: Decision) -> tuple[Outbound, ...]:
        """Every decision passes here on its way out; what is news to residents goes with it."""
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
        name = self._name_of(decision.person)
        in_view = policy.in_view(self._state, self._now())
        self._book, is_news = activity.note(self._book, decision, name, self._now(), accompanied=in_view)
        told = Outbound(channels.DECISION, decision, self._door)
        return (told, Outbound(channels.ACTIVITY, self._book.told, self._door)) if is_news else (told,)

    def _name_of(self, person: str | None) -> str | None:
        known = None if self._roster is None or person is None else self._roster.people.get(person)
        return None if known is None else known.rights.name

    async def _bolt_changes(self) -> AsyncIterator[Outbound]:
        async for state in self._bolt.changes():
            yield Outbound(channels.LOCK_STATE, state, self._door)
            for outbound in self._alarms():
                yield outbound

    def _lockdown(self) -> Outbound:
        on = policy.locked_down(self._rules, self._state)
        return Outbound(channels.LOCKDOWN_STATE, Lockdown.ON if on else Lockdown.OFF, self._door)

    def _lock_states(self, states: Iterable[LockState]) -> list[Outbound]:
        return [Outbound(channels.LOCK_STATE, state, self._door) for state in states]
