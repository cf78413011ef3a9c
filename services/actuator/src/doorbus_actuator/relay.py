"""What the guardian needs of the thing that moves the bolt."""

from doorbus_actuator.slim import Protocol


class RelayError(Exception):
    """The relay could not be driven; the text says why and what to do."""


class Relay(Protocol):
    """One output. Energised means unlocked: the lock is fail-secure.

    Every method but `tend` and `close` raises `RelayError` when the output cannot be driven, and after `close`.
    """

    def setup(self) -> None:
        """Claim the output, de-energised by the very call that configures it. May be called again after a failure."""

    def energise(self) -> None:
        """Unlock. Needs `setup`."""

    def de_energise(self) -> None:
        """Lock. Needs `setup`."""

    def tend(self) -> None:
        """Do what could not be done at once, ten times a second while the actuator lives. Must not take long."""

    def close(self) -> None:
        """De-energise and let go; the second time does nothing."""
