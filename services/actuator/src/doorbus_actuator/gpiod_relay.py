"""A relay on a line of a GPIO chip, by the kernel's character device. The only module that knows gpiod (libgpiod 2)."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from doorbus_actuator.relay import RelayError

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
