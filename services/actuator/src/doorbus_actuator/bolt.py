"""The pulse of the relay: energised for so long and no longer, let go on time, and tried again where it fails.

What the relay did is told as lock states. A method that moves the bolt returns those that follow from it, oldest first.
"""

from collections.abc import Callable

import structlog

from doorbus.runtime.clock import Clock, Timer
from doorbus.wire.messages import LockState
from doorbus_actuator.relay import Relay, RelayError

_log = structlog.get_logger("doorbus.actuator")

RETRY_SECONDS = 1.0
"""How often a relay that failed is told to de-energise."""

States = tuple[LockState, ...]


class Bolt:
    """One lock behind one relay. No pulse is longer than `max_hold` seconds, whoever asks for it."""

    def __init__(self, relay: Relay, clock: Clock, max_hold: float) -> None:
        self._relay = relay
        self._clock = clock
        self._max_hold = max_hold
        self._state = LockState.LOCKED
        self._fault: str | None = None
        self._hold_until: float | None = None
        self._pulse: Timer | None = None
        self._retry_at: float | None = None

    @property
    def state(self) -> LockState:
        """`LOCKED`, `UNLOCKED`, or `JAMMED` while the relay cannot be driven."""
        return self._state

    @property
    def fault(self) -> str | None:
        """Why the relay cannot be driven; None when it can."""
        return self._fault

    def secure(self) -> None:
        """Claim the relay, de-energised. A relay that cannot be driven is tried again by `tick`."""
        self._attempt(self._relay.setup)

    def open(self, seconds: float) -> States:
        """Unlock for so long; `JAMMED` comes first, and `UNLOCKED` not at all, when the relay cannot be driven."""
        self._cancel_pulse()
        try:
            self._relay.energise()
        except RelayError as error:
            self._fail(error)
            self._attempt(self._relay.de_energise)
            return (LockState.JAMMED,) if self._fault else (LockState.JAMMED, LockState.LOCKED)
        self._hold_until = self._clock.monotonic() + min(seconds, self._max_hold)
        # Besides the tick: the relay drops on time while a handler waits for something.
        self._pulse = self._clock.call_at(self._hold_until, self._end_pulse)
        self._state = LockState.UNLOCKED
        self._fault = self._retry_at = None
        return (LockState.UNLOCKING, LockState.UNLOCKED)

    def lock(self) -> States:
        """Lock at once."""
        was = self._state
        self._cancel_pulse()
        self._attempt(self._relay.de_energise)
        if self._state is LockState.LOCKED and was is not LockState.LOCKED:
            return (LockState.LOCKING, LockState.LOCKED)
        return (self._state,)

    def wake_at(self) -> float | None:
        """The monotonic time at which `tick` is due: the end of the pulse, or another try; None when neither is."""
        return self._retry_at if self._hold_until is None else self._hold_until

    def tick(self) -> States:
        """Lock if the pulse is over; try a relay again that could not be driven. Nothing else is due: no states."""
        now = self._clock.monotonic()
        if self._hold_until is not None and now >= self._hold_until:
            return self.lock()
        if self._retry_at is not None and now >= self._retry_at:
            self._attempt(self._relay.setup)
            return (LockState.LOCKED,) if self._fault is None else ()
        return ()

    def close(self) -> States:
        """Lock and let go of the relay."""
        was = self._state
        self._cancel_pulse()
        self._attempt(self._relay.close)
        if was is LockState.UNLOCKED and self._state is LockState.LOCKED:
            return (LockState.LOCKING, LockState.LOCKED)
        return (self._state,)

    def _end_pulse(self) -> None:
        try:
            self._relay.de_energise()
        except RelayError as error:
            self._fail(error)  # the tick that is due now tries again, and says so

    def _cancel_pulse(self) -> None:
        if self._pulse is not None:
            self._pulse.cancel()
        self._pulse = self._hold_until = None

    def _attempt(self, act: Callable[[], None]) -> None:
        """Bring the relay into its safe state by `act`; if that fails the door counts as jammed until it works."""
        try:
            act()
        except RelayError as error:
            self._fail(error)
            return
        self._state = LockState.LOCKED
        self._fault = self._retry_at = None

    def _fail(self, error: RelayError) -> None:
        if self._fault is None:
            _log.error("relay_failed", why=str(error))
        self._state = LockState.JAMMED
        self._fault = str(error)
        self._retry_at = self._clock.monotonic() + RETRY_SECONDS
