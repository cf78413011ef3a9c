"""What the relay does, told as lock states. The guardian holds it; the bolt says of each change what residents see."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple, Protocol

import structlog

from doorbus.wire.messages import LockState
from doorbus_actuator.relay import RelayError

_log = structlog.get_logger("doorbus.actuator")


class Report(NamedTuple):
    """What the relay is."""

    energised: bool
    fault: str | None
    """Why nobody can drive it; None when somebody can."""


class Guardian(Protocol):
    """Who holds the relay, and lets go of it in time, whatever befalls the service.

    From `start` to `close` it tells each report as it comes, the oldest first.
    """

    async def start(self, tell: Callable[[Report], None]) -> None:
        """De-energise, before this returns."""
        ...

    async def hold(self, seconds: float) -> None:
        """Energise for so long; returns when it is so. Raises `RelayError` when it is not, or when nobody can tell."""
        ...

    async def lock(self) -> None:
        """De-energise; returns when it is so. Raises `RelayError` when it is not, or when nobody can tell."""
        ...

    def watch(self) -> AsyncIterator[None]:
        """Keep watch over the relay as long as this is iterated: yields when something may have been reported."""
        ...

    async def close(self) -> None:
        """De-energise and let go of the relay; also when it was never started."""
        ...


class Bolt:
    """One lock. What it does is told once, in order: by the method that caused it, or by `changes`.

    `moved` hears of each change of `state` or `fault` first, at once.
    """

    def __init__(self, guardian: Guardian, moved: Callable[[], None] = lambda: None) -> None:
        self._guardian = guardian
        self._moved = moved
        self._state = LockState.LOCKED
        self._fault: str | None = None
        self._untold: list[LockState] = []

    @property
    def state(self) -> LockState:
        """`LOCKED`, `UNLOCKED`, or `JAMMED` while nobody can drive the relay."""
        return self._state

    @property
    def fault(self) -> str | None:
        """Why nobody can drive the relay; None when somebody can."""
        return self._fault

    async def secure(self) -> None:
        """Have the relay claimed and de-energised. One that cannot be driven is tried again."""
        await self._guardian.start(self._follow)
        self._untold.clear()  # nobody is there yet to be told

    async def open(self, seconds: float) -> bool:
        """Unlock for so long; whether it did. `told` says what there is to say."""
        try:
            await self._guardian.hold(seconds)
        except RelayError:
            return False
        return True

    async def lock(self) -> Iterable[LockState]:
        """Lock at once; what there is to say."""
        try:
            await self._guardian.lock()
        except RelayError as error:
            _log.warning("not_locked", why=str(error))  # whoever watches the relay tries again
        return self.told() or (self._state,)

    def told(self) -> tuple[LockState, ...]:
        """What has happened and was not told yet, the oldest first; it counts as told from now on."""
        untold, self._untold = self._untold, []
        return tuple(untold)

    async def changes(self) -> AsyncIterator[LockState]:
        """What happens by itself: the end of a pulse, a relay that fails or works again. Keeps watch meanwhile."""
        async for _ in self._guardian.watch():
            for state in self.told():
                yield state

    async def close(self) -> Iterable[LockState]:
        """Lock and let go of the relay; what there is to say."""
        await self._guardian.close()
        return self.told() or (self._state,)

    def _follow(self, report: Report) -> None:
        before, fault_before = self._state, self._fault
        if report.fault is not None and self._fault is None:
            _log.error("relay_failed", why=report.fault)
        self._fault = report.fault
        if report.fault is not None:
            self._state = LockState.JAMMED
        else:
            self._state = LockState.UNLOCKED if report.energised else LockState.LOCKED
        if (before, fault_before) != (self._state, self._fault):
            self._moved()
        # The relay moves in a millisecond: that it is about to is nothing that anybody could see.
        self._untold += () if before is self._state else (self._state,)
