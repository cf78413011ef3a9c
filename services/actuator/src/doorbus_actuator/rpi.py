"""Relay and inputs on pins of a Raspberry Pi. The only module that knows RPi.GPIO."""

from enum import StrEnum

from doorbus_actuator.relay import RelayError
from doorbus_actuator.slim import Protocol
from doorbus_actuator.switch import Circuit, Pole, SwitchError

LOW, HIGH = 0, 1


class Numbering(StrEnum):
    """How pins are counted."""

    BCM = "BCM"
    """By the chip's GPIO number."""
    BOARD = "BOARD"
    """By the place on the 40-pin header."""


class Active(StrEnum):
    """The level that energises the relay."""

    LOW = "low"
    HIGH = "high"


class Gpio(Protocol):
    """The part of the RPi.GPIO module that is used."""

    BCM: int
    BOARD: int
    OUT: int
    IN: int
    PUD_UP: int
    PUD_DOWN: int

    def setwarnings(self, on: bool) -> None:  # noqa: FBT001  # the library's
        """Whether to warn of pins that are in use."""

    def setmode(self, mode: int) -> None:
        """Choose the numbering; `ValueError` when another was chosen before."""

    def setup(self, channel: int, direction: int, *, initial: int = -1, pull_up_down: int = 20) -> None:
        """Configure a pin; the level of an output is written before it becomes one. The defaults are the library's."""

    def input(self, channel: int) -> int:
        """The level of a pin; `RuntimeError` when it was not configured."""

    def output(self, channel: int, level: int) -> None:
        """Set the level of a pin; `RuntimeError` when it is no output."""


def load_gpio(asked: str = "DOORBUS_ACTUATOR__RELAY=rpi", instead: str = "DOORBUS_ACTUATOR__RELAY=simulated") -> Gpio:
    """The real RPi.GPIO; raises `RelayError` where there is none, naming the setting that asks for it."""
    try:
        from RPi import GPIO  # noqa: PLC0415  # exists on a Pi only
    except (ImportError, RuntimeError) as error:
        raise RelayError(
            f"{asked}: RPi.GPIO does not work here ({error}); on a Raspberry Pi install doorbus-actuator[rpi], "
            f"elsewhere choose {instead}"
        ) from None
    module: Gpio = GPIO
    return module


class RpiRelay:
    """Drives one pin.

    `close` leaves the pin an output at its safe level. RPi.GPIO's own `cleanup` would turn it into an input, which
    floats: enough to energise an active-high relay board. For the same reason the pin needs a pull resistor on the
    board for the time before `setup`, when every pin is an input.
    """

    def __init__(self, gpio: Gpio, pin: int, numbering: Numbering, active: Active) -> None:
        self._gpio = gpio
        self._pin = pin
        self._mode = gpio.BCM if numbering is Numbering.BCM else gpio.BOARD
        self._on, self._off = (HIGH, LOW) if active is Active.HIGH else (LOW, HIGH)
        self._set_up = False
        self._closed = False

    def setup(self) -> None:
        """Configure the pin, de-energised; raises `RelayError` for a pin that there is not, or without access to it."""
        if self._closed:
            raise RelayError("the relay is closed")
        try:
            self._gpio.setwarnings(False)  # the pin is in use since the last run, on purpose
            self._gpio.setmode(self._mode)
            self._gpio.setup(self._pin, self._gpio.OUT, initial=self._off)
        except (RuntimeError, ValueError, OSError) as error:
            raise RelayError(f"pin {self._pin}: {error}; may this user use /dev/gpiomem (group gpio)?") from error
        self._set_up = True

    def energise(self) -> None:
        """Unlock."""
        self._output(self._on)

    def de_energise(self) -> None:
        """Lock."""
        self._output(self._off)

    def tend(self) -> None:
        """Nothing is ever left over."""

    def close(self) -> None:
        """Lock, and leave the pin driven."""
        if self._set_up and not self._closed:
            self._output(self._off)
        self._closed = True

    def _output(self, level: int) -> None:
        if self._closed or not self._set_up:
            raise RelayError("the relay is closed" if self._closed else "the relay is not set up")
        try:
            self._gpio.output(self._pin, level)
        except (RuntimeError, ValueError, OSError) as error:
            raise RelayError(f"pin {self._pin}: {error}") from error


class RpiSwitch:
    """Reads one pin, which is pulled to the other side of what the switch connects it to."""

    def __init__(self, gpio: Gpio, pin: int, numbering: Numbering, pole: Pole, normally: Circuit) -> None:
        self._gpio = gpio
        self._pin = pin
        self._mode = gpio.BCM if numbering is Numbering.BCM else gpio.BOARD
        self._pull = gpio.PUD_UP if pole is Pole.GROUND else gpio.PUD_DOWN
        closed, opened = (LOW, HIGH) if pole is Pole.GROUND else (HIGH, LOW)
        self._felt = opened if normally is Circuit.CLOSED else closed

    def setup(self) -> None:
        """Make the pin an input."""
        try:
            self._gpio.setwarnings(False)
            self._gpio.setmode(self._mode)
            self._gpio.setup(self._pin, self._gpio.IN, pull_up_down=self._pull)
        except (RuntimeError, ValueError, OSError) as error:
            raise SwitchError(f"pin {self._pin}: {error}; may this user use /dev/gpiomem (group gpio)?") from error

    def read(self) -> bool:
        """Whether it is felt."""
        try:
            return self._gpio.input(self._pin) == self._felt
        except (RuntimeError, ValueError, OSError) as error:
            raise SwitchError(f"pin {self._pin}: {error}") from error

    def close(self) -> None:
        """Nothing is driven, and nothing left over."""
