"""What a door feels: its inputs, debounced, and the alarms that follow; and how both are told."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    Alarm,
    AlarmKind,
    AlarmState,
    ContactState,
    Doorbell,
    Input,
    JournalKind,
    TamperState,
)
from doorbus.wire.records import dataclass
from doorbus_actuator import alarms, debounce
from doorbus_actuator.foreign_inputs import BUTTONS, Vocabulary, foreign, words
from doorbus_actuator.input_settings import Inputs, Level
from doorbus_actuator.journal import Note
from doorbus_actuator.policy import Kind, Now, Seen

_STATES: Mapping[Input, tuple[Channel[Any], Mapping[bool, StrEnum]]] = {
    Input.CONTACT: (channels.CONTACT_STATE, {True: ContactState.OPEN, False: ContactState.CLOSED}),
    Input.TAMPER: (channels.TAMPER_STATE, {True: TamperState.ON, False: TamperState.OFF}),
}
"""Inputs whose state is retained, and its words."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an input feels from now on."""

    input: Input
    on: bool
    first: bool
    """Whether nobody knew before."""


def foreign_channels(inputs: Inputs) -> tuple[Channel[Any], ...]:
    """The topics of other programs that say what inputs feel, each once."""
    said: dict[str, list[Vocabulary]] = {}
    for name, felt in inputs.each.items():
        if felt.topic is not None:
            off = words(felt.off) if isinstance(felt, Level) else frozenset()
            said.setdefault(felt.topic, []).append(Vocabulary(name, felt.field, words(felt.on), off))
    return tuple(foreign(topic, of) for topic, of in said.items())


class Doorside:
    """The inputs of one door, and what is wrong there."""

    def __init__(self, inputs: Inputs, door: Mapping[str, str]) -> None:
        self._door = door
        self._limits = inputs.limits
        self._seconds = {name: felt.debounce_seconds for name, felt in inputs.each.items()}
        self._lines = dict.fromkeys(Input, debounce.Line())
        self._watch = alarms.Watch()
        self._told: Mapping[AlarmKind, alarms.Going] = {}

    def recall(self, seen: Iterable[Seen], felt: Collection[Input], now: Now) -> None:
        """Go on with the alarms of before; over are those of inputs that the door does not have any more."""
        texts = [one.id for one in seen if one.kind is Kind.ALARMS]
        with suppress(ValueError):  # of another version
            self._told = alarms.going_of(texts[-1] if texts else "")
        self._watch = alarms.resumed(self._told, felt, now)

    @property
    def gravest(self) -> AlarmKind | None:
        """The gravest alarm that goes on."""
        return self._watch.gravest

    def on(self, name: Input) -> bool | None:
        """What an input feels; None before anything was read."""
        return self._lines[name].on

    def read(self, name: Input, now: Now, *, on: bool) -> tuple[Change, ...]:
        """Take note of what is read; what counts at once."""
        self._lines[name] = debounce.read(self._lines[name], now.monotonic, on=on)
        return self.settle(now)

    def press(self, name: Input, now: Now) -> tuple[Change, ...]:
        """Take note of a press of a button that tells nothing else."""
        line = debounce.pressed(self._lines[name], self._seconds[name], now.monotonic)
        if line is None:
            return ()
        self._lines[name] = line
        return (Change(name, on=True, first=False),)

    def settle(self, now: Now) -> tuple[Change, ...]:
        """What has been read for long enough to count."""
        changes: tuple[Change, ...] = ()
        for name, line in self._lines.items():
            settled = debounce.settled(line, self._seconds[name], now.monotonic)
            if settled.on is not line.on and settled.on is not None:
                changes += (Change(name, settled.on, first=line.on is None),)
            self._lines[name] = settled
        return tuple(one for one in changes if one.input not in BUTTONS or (one.on and not one.first))

    def wake_at(self) -> float:
        """The monotonic time at which something is due."""
        lines = (debounce.due(line, self._seconds[name]) for name, line in self._lines.items())
        return min((*lines, alarms.wake_at(self._limits, self._watch)))

    def happen(self, happening: alarms.Happening, now: Now) -> None:
        """Take note of what has happened at the door."""
        self._watch = alarms.react(self._limits, self._watch, happening, now)

    def felt(self, change: Change, now: Now) -> None:
        """Take note of what a change means for the alarms."""
        match change.input:
            case Input.CONTACT:
                self.happen(alarms.Opened(seen=not change.first) if change.on else alarms.Shut(), now)
            case Input.EXIT:
                self.happen(alarms.Leaving(), now)
            case Input.TAMPER:
                self.happen(alarms.Tampered(change.on), now)

    def note_of(self, change: Change, now: Now) -> Note:
        """What is to be written of a change."""
        return Note(now.wall, JournalKind.INPUT, {"input": change.input, "on": change.on})

    def told_of(self, change: Change, now: Now) -> Iterable[Outbound]:
        """What is told of a change; an exit is told when it is known whether the door has opened."""
        match change.input:
            case Input.DOORBELL:
                return (Outbound(channels.DOORBELL, Doorbell(at=now.wall), self._door),)
            case Input.CONTACT | Input.TAMPER:
                return (self._state(change.input),)
        return ()

    def news(self, now: Now) -> tuple[tuple[Note, ...], tuple[Outbound, ...]]:
        """What is to be written of alarms that have begun or ended since the last call, and what is to be told."""
        before, after = self._told, self._watch.going
        if before == after:
            return (), ()
        self._told = after
        begun = [(kind, its) for kind, its in after.items() if before.get(kind) != its]
        ended = [(kind, its) for kind, its in before.items() if after.get(kind) != its]
        notes = [_note(kind, its, now, on=False) for kind, its in ended]
        notes += [_note(kind, its, now, on=True) for kind, its in begun]
        told = [
            Outbound(channels.ALARM, Alarm(kind=kind, at=now.wall, since=its.since, person=its.person), self._door)
            for kind, its in begun
        ]
        return tuple(notes), (*told, self._alarm_state())

    @property
    def remembered(self) -> tuple[Seen, ...]:
        """What `recall` is to find after the end of this process."""
        return (Seen(Kind.ALARMS, alarms.words_of(self._told)),)

    def states(self) -> Iterable[Outbound]:
        """The retained states; what a former start has said of an input that nothing is known of is deleted."""
        yield self._state(Input.CONTACT)
        yield self._state(Input.TAMPER)
        yield self._alarm_state()

    def _state(self, name: Input) -> Outbound:
        channel, words = _STATES[name]
        on = self._lines[name].on
        return Outbound(channel, None if on is None else words[on], self._door)

    def _alarm_state(self) -> Outbound:
        gravest = self.gravest
        state = AlarmState.NONE if gravest is None else AlarmState(gravest.value)
        return Outbound(channels.ALARM_STATE, state, self._door)


def _note(kind: AlarmKind, going: alarms.Going, now: Now, *, on: bool) -> Note:
    fields = {"alarm": kind, "on": on, "since": going.since, "person": going.person}
    return Note(now.wall, JournalKind.ALARM, fields)
