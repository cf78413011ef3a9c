"""Relay and inputs on lines of a GPIO chip, by the kernel's character device. Only this knows gpiod (2.x)."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from doorbus_actuator.relay import RelayError
from doorbus_actuator.switch import Circuit, Pole, SwitchError

CONSUMER = "doorbus"
"""What `gpioinfo` shows as the user of the line."""


class LineRequest(Protocol):
    """A line that is ours."""

    def drive(self, *, active: bool) -> None:
        """Set it; `OSError` when it is gone."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class InputRequest(Protocol):
    """A line that we read."""

    def high(self) -> bool:
        """Its level; `OSError` when it is gone."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


Listen = Callable[[str, int | str, bool], InputRequest]
"""Makes a line (chip, offset or name, whether it is pulled up) an input; `OSError` when it cannot."""
Claim = Callable[[str, int | str, bool], LineRequest]
"""Makes a line (chip, offset or name, whether a low level is active) an inactive output; `OSError` when it cannot."""


def load_gpiod() -> Claim:
    """The real gpiod; raises `RelayError` where there is none."""
    try:
        import gpiod  # noqa: PLC0415  # only where it is used
        from gpiod.line import Direction, Value  # noqa: PLC0415
    except ImportError as error:
        raise RelayError(
            f"DOORBUS_ACTUATOR__RELAY=gpiod: gpiod cannot be loaded ({error}); install doorbus-actuator[gpiod]"
        ) from None

    class Line:
        def __init__(self, chip: str, line: int | str, active_low: bool) -> None:  # noqa: FBT001  # a Claim
            inactive = gpiod.LineSettings(
                direction=Direction.OUTPUT, output_value=Value.INACTIVE, active_low=active_low
            )
            self._line = line
            self._request = gpiod.request_lines(chip, consumer=CONSUMER, config={line: inactive})

        def drive(self, *, active: bool) -> None:
            self._request.set_value(self._line, Value.ACTIVE if active else Value.INACTIVE)

        def release(self) -> None:
            self._request.release()

    return Line


def load_gpiod_inputs(asked: str) -> Listen:
    """The real gpiod; raises `SwitchError` where there is none, naming the setting that asks for it."""
    try:
        import gpiod  # noqa: PLC0415  # only where it is used
        from gpiod.line import Bias, Direction, Value  # noqa: PLC0415
    except ImportError as error:
        raise SwitchError(f"{asked}: gpiod cannot be loaded ({error}); install doorbus-actuator[gpiod]") from None

    class Line:
        def __init__(self, chip: str, line: int | str, pulled_up: bool) -> None:  # noqa: FBT001  # a Listen
            bias = Bias.PULL_UP if pulled_up else Bias.PULL_DOWN
            wanted = gpiod.LineSettings(direction=Direction.INPUT, bias=bias)
            self._line = line
            self._request = gpiod.request_lines(chip, consumer=CONSUMER, config={line: wanted})

        def high(self) -> bool:
            return self._request.get_value(self._line) is Value.ACTIVE

        def release(self) -> None:
            self._request.release()

    return Line


class GpiodSwitch:
    """Reads one line, which is pulled to the other side of what the switch connects it to."""

    def __init__(self, listen: Listen, chip: str, line: int | str, pole: Pole, normally: Circuit) -> None:
        self._listen = listen
        self._chip = chip
        self._line = line
        self._pulled_up = pole is Pole.GROUND
        self._felt_high = self._pulled_up is (normally is Circuit.CLOSED)
        self._request: InputRequest | None = None

    def setup(self) -> None:
        """Claim the line."""
        self.close()
        try:
            self._request = self._listen(self._chip, self._line, self._pulled_up)
        except (OSError, ValueError, TypeError) as error:
            raise SwitchError(
                f"{self._chip} line {self._line}: {error}; is it the right chip, does nobody else use the line, and "
                "may this user (group gpio)? gpioinfo shows them"
            ) from error

    def read(self) -> bool:
        """Whether it is felt."""
        if self._request is None:
            raise SwitchError(f"{self._chip} line {self._line}: it is not set up")
        try:
            return self._request.high() is self._felt_high
        except (OSError, ValueError) as error:
            raise SwitchError(f"{self._chip} line {self._line}: {error}") from error

    def close(self) -> None:
        """Give the line back."""
        request, self._request = self._request, None
        if request is not None:
            with suppress(OSError, ValueError):
                request.release()


class GpiodRelay:
    """Drives one line, which nobody else can drive meanwhile.

    The call that makes it an output sets its level, too. What becomes of a line that is given back, or whose holder was
    killed, is the driver's choice: it may float, so the board needs a resistor that holds the relay off.
    """

    def __init__(self, claim: Claim, chip: str, line: int | str, *, active_low: bool) -> None:
        self._claim = claim
        self._chip = chip
        self._line = line
        self._active_low = active_low
        self._request: LineRequest | None = None
        self._closed = False

    def setup(self) -> None:
        """Claim the line, de-energised; one that is ours already is claimed anew."""
        if self._closed:
            raise RelayError("the relay is closed")
        if self._request is not None:
            with suppress(OSError, ValueError):
                self._request.drive(active=False)
                self._request.release()
            self._request = None
        try:
            self._request = self._claim(self._chip, self._line, self._active_low)
        except (OSError, ValueError, TypeError) as error:
            raise RelayError(
                f"{self._chip} line {self._line}: {error}; is it the right chip, does nobody else use the line, and "
                "may this user (group gpio)? gpioinfo shows them"
            ) from error

    def energise(self) -> None:
        """Unlock."""
        self._drive(active=True)

    def de_energise(self) -> None:
        """Lock."""
        self._drive(active=False)

    def tend(self) -> None:
        """Nothing is ever left over."""

    def close(self) -> None:
        """Lock, and give the line back."""
        if self._request is not None and not self._closed:
            self._drive(active=False)
            with suppress(OSError, ValueError):
                self._request.release()
        self._closed = True

    def _drive(self, *, active: bool) -> None:
        if self._closed or self._request is None:
            raise RelayError("the relay is closed" if self._closed else "the relay is not set up")
        try:
            self._request.drive(active=active)
        except (OSError, ValueError) as error:
            raise RelayError(f"{self._chip} line {self._line}: {error}") from error
