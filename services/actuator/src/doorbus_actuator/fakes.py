"""Honest stand-ins for the hardware, for tests: they keep its rules and record what was done to them."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import ClassVar

from doorbus.runtime.clock import Clock, Timer
from doorbus.wire.journal import digest_of, text_of
from doorbus.wire.messages import JournalEntry
from doorbus_actuator.bolt import Report
from doorbus_actuator.guardian import Pulse
from doorbus_actuator.journal import Last, Note, entry_after
from doorbus_actuator.policy import Kind, Seen
from doorbus_actuator.relay import Relay, RelayError
from doorbus_actuator.switch import SwitchError


class RecordingRelay:
    """A relay without a coil. `history` holds every level it was set to.

    `broken` makes it fail as hardware does; `worn_out`, fail to pull in.
    """

    def __init__(self) -> None:
        self.history: list[bool] = []
        self.broken = False
        self.worn_out = False
        self.closed = False
        self._set_up = False

    @property
    def energised(self) -> bool:
        """Whether the door is unlocked."""
        return bool(self.history) and self.history[-1]

    def setup(self) -> None:
        """De-energise."""
        if self.closed:
            raise RelayError("the relay is closed")
        self._fail_if_broken()
        self._set_up = True
        self.history.append(False)

    def energise(self) -> None:
        """Unlock."""
        if self.worn_out:
            raise RelayError("the coil is worn out")
        self._switch(energised=True)

    def de_energise(self) -> None:
        """Lock."""
        self._switch(energised=False)

    def tend(self) -> None:
        """Nothing is left over."""

    def close(self) -> None:
        """Lock and let go."""
        if self._set_up and not self.closed:
            self._switch(energised=False)
        self.closed = True

    def _switch(self, *, energised: bool) -> None:
        if self.closed or not self._set_up:
            raise RelayError("the relay is closed" if self.closed else "the relay is not set up")
        self._fail_if_broken()
        self.history.append(energised)

    def _fail_if_broken(self) -> None:
        if self.broken:
            raise RelayError("the coil is burnt")


class FakeSwitch:
    """An input without a wire. `broken` makes it fail as hardware does."""

    def __init__(self) -> None:
        self.felt = False
        self.broken = False
        self._set_up = False

    def setup(self) -> None:
        """Be ready."""
        self._fail_if_broken()
        self._set_up = True

    def read(self) -> bool:
        """Whether it is felt."""
        if not self._set_up:
            raise SwitchError("it is not set up")
        self._fail_if_broken()
        return self.felt

    def close(self) -> None:
        """Be no longer ready."""
        self._set_up = False

    def _fail_if_broken(self) -> None:
        if self.broken:
            raise SwitchError("the wire is broken")


class FakeGuardian:
    """A guardian that is no process: the real one's rules for `relay`, on a clock that is passed in.

    `die` is what it never does by itself: nobody can tell then what the relay does, until another one takes its place.
    """

    def __init__(self, relay: Relay, clock: Clock, max_hold: float = 30.0) -> None:
        self._clock = clock
        self._pulse = Pulse(relay, max_hold)
        self._timer: Timer | None = None
        self._tell: Callable[[Report], None] = lambda _: None
        self._news = asyncio.Event()
        self._dead = False

    async def start(self, tell: Callable[[Report], None]) -> None:
        """De-energise."""
        self._tell = tell
        self._pulse.secure(self._clock.monotonic())
        self._report()

    async def hold(self, seconds: float) -> None:
        """Energise for so long."""
        self._require_life()
        self._pulse.hold(seconds, self._clock.monotonic())
        report = self._report()
        if not report.energised:
            raise RelayError(report.fault or "it let go at once")

    async def lock(self) -> None:
        """De-energise."""
        self._require_life()
        self._pulse.lock(self._clock.monotonic())
        report = self._report()
        if report.fault is not None:
            raise RelayError(report.fault)

    async def watch(self) -> AsyncIterator[None]:
        """See that there is a guardian."""
        while True:
            await self._news.wait()
            self._news.clear()
            yield

    async def close(self) -> None:
        """De-energise and let go of the relay."""
        self._pulse.end(self._clock.monotonic())
        self._report()

    def die(self) -> None:
        """Leave the relay as it is."""
        self._dead = True
        self._say(Report(energised=False, fault="the guardian is dead"))

    def replace(self) -> None:
        """Put another one in its place, which locks first."""
        self._dead = False
        self._pulse.secure(self._clock.monotonic())
        self._report()

    def _require_life(self) -> None:
        if self._dead:
            raise RelayError("the guardian is dead")

    def _tick(self) -> None:
        if not self._dead:
            self._pulse.tick(self._clock.monotonic())
            self._report()

    def _report(self) -> Report:
        report = Report(self._pulse.energised, self._pulse.fault)
        self._say(report)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pulse.heard(math.inf)  # the service lives as long as this does
        if self._pulse.due is not None:
            self._timer = self._clock.call_at(self._pulse.due, self._tick)
        return report

    def _say(self, report: Report) -> None:
        self._tell(report)
        self._news.set()


class FakeChip:
    """The lines of a GPIO chip. `levels` holds (line, level) in the order in which they were driven.

    Kept rules: a line must exist, by offset or name; who holds it holds it alone, until it is released; its level is on
    it from the moment it is an output.
    """

    def __init__(self, names: Mapping[str, int] | None = None, lines: int = 54) -> None:
        self.levels: list[tuple[int, int]] = []
        self.held: set[int] = set()
        self.wired: dict[int, bool] = {}
        """Whether something outside gives a line a high level; others are where they are pulled."""
        self._names = names or {}
        self._lines = lines

    def claim(self, chip: str, line: int | str, active_low: bool) -> "FakeLine":  # noqa: FBT001  # a Claim
        """Make a line an output."""
        return FakeLine(self, self._take(chip, line), active_low=active_low)

    def listen(self, chip: str, line: int | str, pulled_up: bool) -> "FakeInputLine":  # noqa: FBT001  # a Listen
        """Make a line an input."""
        return FakeInputLine(self, self._take(chip, line), pulled_up=pulled_up)

    def _take(self, chip: str, line: int | str) -> int:
        if chip != "/dev/gpiochip0":
            raise FileNotFoundError(2, "No such file or directory")
        offset = self._names.get(line, -1) if isinstance(line, str) else line
        if not 0 <= offset < self._lines:
            raise ValueError(f"unable to map '{line}' to an offset")
        if offset in self.held:
            raise OSError(16, "Device or resource busy")
        self.held.add(offset)
        return offset


class FakeInputLine:
    """A line of a `FakeChip` that is read."""

    def __init__(self, chip: FakeChip, offset: int, *, pulled_up: bool) -> None:
        self._chip = chip
        self._offset = offset
        self._pulled_up = pulled_up

    def high(self) -> bool:
        """The level."""
        if self._offset not in self._chip.held:
            raise ValueError("the line was released")
        return self._chip.wired.get(self._offset, self._pulled_up)

    def release(self) -> None:
        """Give it back."""
        self._chip.held.discard(self._offset)


class FakeLine:
    """A line of a `FakeChip` that is ours."""

    def __init__(self, chip: FakeChip, offset: int, *, active_low: bool) -> None:
        self._chip = chip
        self._offset = offset
        self._active_low = active_low
        self.drive(active=False)

    def drive(self, *, active: bool) -> None:
        """Set the level."""
        if self._offset not in self._chip.held:
            raise ValueError("the line was released")
        self._chip.levels.append((self._offset, int(active is not self._active_low)))

    def release(self) -> None:
        """Give it back."""
        self._chip.held.discard(self._offset)


class FakeJournal:
    """A journal in memory, which is as good as a disk as long as this object lives.

    `full` makes it fail as a full disk does; what waits follows with the next `upkeep` after that. An order about
    lockdown is kept even then, unless `unkept` says why not.
    """

    def __init__(self, chain: str = "0123456789abcdef") -> None:
        self.entries: list[JournalEntry] = []
        self.seen: list[Seen] = []
        self.full = False
        self.unkept: str | None = None
        self.sent = 0
        self.is_open = False
        self._chain = chain
        self._waiting: list[Note | Seen] = []

    @property
    def fault(self) -> str | None:
        """That the disk is full, until all is written."""
        return "the journal in memory cannot be written: no more is to be kept." if self.full or self._waiting else None

    @property
    def newest(self) -> int:
        """How many entries there are."""
        return len(self.entries)

    def open(self) -> Sequence[Seen]:
        """What was written since this object was made."""
        self.is_open = True
        return tuple(self.seen)

    def write(self, notes: Sequence[Note], seen: Sequence[Seen] = ()) -> bool:
        """Write, unless it is full."""
        self._waiting += (*seen, *notes)
        if self.unkept is None:
            self.seen += (one for one in seen if one.kind is Kind.LOCKDOWN)
        if self.full or len(self._waiting) > len(notes) + len(seen):
            return False
        self._write()
        return True

    def read(self, first: int, last: int, most: int) -> Sequence[JournalEntry]:
        """Entries by number."""
        return [one for one in self.entries if first <= one.number <= last][:most]

    def has_sent(self, number: int) -> None:
        """Remember."""
        self.sent = max(self.sent, number)

    async def upkeep(self) -> None:
        """Write what waits, if there is room again."""
        if not self.full:
            self._write()

    def close(self) -> None:
        """Nothing is left over."""
        self.is_open = False

    def _write(self) -> None:
        for one in self._waiting:
            if isinstance(one, Seen):
                self.seen.append(one)
                continue
            last = Last(self.newest, digest_of(text_of(self.entries[-1]))) if self.entries else None
            self.entries.append(entry_after(last, self._chain, one)[0])
        self._waiting.clear()


class FakeGpio:
    """RPi.GPIO without a Pi. `levels` holds (pin, level) in the order in which the pin's driver was set.

    Kept rules: a numbering must be chosen and cannot be changed; a pin must exist in it; output needs setup; a level
    given to setup is on the pin from the moment it is an output.
    """

    BOARD = 10
    BCM = 11
    OUT = 0
    IN = 1
    PUD_DOWN = 21
    PUD_UP = 22
    _NO_GPIO = frozenset({1, 2, 4, 6, 9, 14, 17, 20, 25, 27, 28, 30, 34, 39})  # power, ground and the EEPROM's bus
    _PINS: ClassVar = {10: frozenset(range(1, 41)) - _NO_GPIO, 11: frozenset(range(28))}

    def __init__(self, *, accessible: bool = True) -> None:
        self.levels: list[tuple[int, int]] = []
        self.accessible = accessible
        self._mode: int | None = None
        self._outputs: set[int] = set()
        self._inputs: dict[int, int] = {}
        self.wired: dict[int, int] = {}
        """The level that something outside gives a pin; others are where they are pulled."""

    def setwarnings(self, on: bool) -> None:  # noqa: FBT001  # the library's
        """Take note of nothing: the fake never warns."""

    def setmode(self, mode: int) -> None:
        """Choose the numbering."""
        if self._mode not in (None, mode):
            raise ValueError("A different mode has already been set!")
        self._mode = mode

    def setup(self, channel: int, direction: int, *, initial: int = -1, pull_up_down: int = 20) -> None:
        """Make a pin an output, or an input."""
        if self._mode is None:
            raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or GPIO.setmode(GPIO.BCM)")
        if not self.accessible:
            raise RuntimeError("No access to /dev/mem.  Try running as root!")
        if channel not in self._PINS[self._mode]:
            raise ValueError("The channel sent is invalid on a Raspberry Pi")
        if direction == self.IN:
            if initial != -1:
                raise ValueError("initial parameter is not valid for inputs")
            self._outputs.discard(channel)
            self._inputs[channel] = int(pull_up_down == self.PUD_UP)
            return
        self._inputs.pop(channel, None)
        self._outputs.add(channel)
        self.levels.append((channel, initial))

    def take_away(self, channel: int) -> None:
        """What another process does that makes the pin its own."""
        self._outputs.discard(channel)
        self._inputs.pop(channel, None)

    def input(self, channel: int) -> int:
        """The level of an input."""
        if channel not in self._inputs:
            raise RuntimeError("You must setup() the GPIO channel first")
        return self.wired.get(channel, self._inputs[channel])

    def output(self, channel: int, level: int) -> None:
        """Set the level of an output."""
        if channel not in self._outputs:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self.levels.append((channel, level))
