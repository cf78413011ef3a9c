"""Honest stand-ins for the hardware, for tests: they keep its rules and record what was done to them."""

from typing import ClassVar

from doorbus_actuator.relay import RelayError


class RecordingRelay:
    """A relay without a coil. `history` holds every level it was set to; `broken` makes it fail as hardware does."""

    def __init__(self) -> None:
        self.history: list[bool] = []
        self.broken = False
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
        self._switch(energised=True)

    def de_energise(self) -> None:
        """Lock."""
        self._switch(energised=False)

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


class FakeGpio:
    """RPi.GPIO without a Pi. `levels` holds (pin, level) in the order in which the pin's driver was set.

    Kept rules: a numbering must be chosen and cannot be changed; a pin must exist in it; output needs setup; a level
    given to setup is on the pin from the moment it is an output.
    """

    BOARD = 10
    BCM = 11
    OUT = 0
    _NO_GPIO = frozenset({1, 2, 4, 6, 9, 14, 17, 20, 25, 27, 28, 30, 34, 39})  # power, ground and the EEPROM's bus
    _PINS: ClassVar = {10: frozenset(range(1, 41)) - _NO_GPIO, 11: frozenset(range(28))}

    def __init__(self, *, accessible: bool = True) -> None:
        self.levels: list[tuple[int, int]] = []
        self.accessible = accessible
        self._mode: int | None = None
        self._outputs: set[int] = set()

    def setwarnings(self, on: bool) -> None:  # noqa: FBT001  # the library's
        """Take note of nothing: the fake never warns."""

    def setmode(self, mode: int) -> None:
        """Choose the numbering."""
        if self._mode not in (None, mode):
            raise ValueError("A different mode has already been set!")
        self._mode = mode

    def setup(self, channel: int, direction: int, *, initial: int) -> None:
        """Make a pin an output."""
        if self._mode is None:
            raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or GPIO.setmode(GPIO.BCM)")
        if not self.accessible:
            raise RuntimeError("No access to /dev/mem.  Try running as root!")
        if channel not in self._PINS[self._mode]:
            raise ValueError("The channel sent is invalid on a Raspberry Pi")
        if direction != self.OUT:
            raise ValueError("initial parameter is not valid for inputs")
        self._outputs.add(channel)
        self.levels.append((channel, initial))

    def take_away(self, channel: int) -> None:
        """What another process does that makes the pin its own."""
        self._outputs.discard(channel)

    def output(self, channel: int, level: int) -> None:
        """Set the level of an output."""
        if channel not in self._outputs:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self.levels.append((channel, level))
