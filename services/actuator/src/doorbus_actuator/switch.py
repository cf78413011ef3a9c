"""What the service needs of the thing that feels a door or a button."""

from enum import StrEnum

from doorbus_actuator.slim import Protocol


class SwitchError(Exception):
    """An input cannot be read; the text says why and what to do."""


class Pole(StrEnum):
    """What a switch connects its pin to; the pin's own resistor pulls it the other way."""

    GROUND = "ground"
    SUPPLY = "supply"


class Circuit(StrEnum):
    """What a switch is while nothing is felt: the door shut, the button not pressed, the case shut."""

    OPEN = "open"
    CLOSED = "closed"


class Switch(Protocol):
    """One input. Both methods raise `SwitchError`, and may be tried again."""

    def setup(self) -> None:
        """Claim the input."""

    def read(self) -> bool:
        """Whether it feels what it is for: the door is open, the button pressed, the case open. Needs `setup`."""

    def close(self) -> None:
        """Let go of it; the second time does nothing."""
