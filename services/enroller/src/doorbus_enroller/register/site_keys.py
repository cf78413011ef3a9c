"""The site key that everything is sealed with, and how it gives way to another one."""

from datetime import datetime

from doorbus.wire.snapshot import sealed_with
from doorbus_enroller.register.core import Core
from doorbus_enroller.register.outcome import Outcome


class SiteKeys:
    """The former key and the one that counts from now on."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def left(self) -> int:
        """How many things are to be sealed anew: people, and the gallery."""
        return self._core.turning.left

    def turn_to(self, key: str) -> None:
        """Seal with another key from now on; `seal_anew` does the same with what is there."""
        self._core.turning.begin(key, self._core.state.samples if self._core.state else ())

    def seal_anew(self, now: datetime) -> Outcome:
        """Seal some of the people anew; after the last ones the gallery, which is published once."""
        state, seal = self._core.current(now), self._core.seal
        if not self._core.turning.seal_some(now):
            return self._core.outcome(state)
        self._core.store.scrub()
        published = [*([state.gallery] if state.gallery else []), *state.besides.values()]
        if any(sealed_with(each, seal) != {seal.key_id} for each in published):
            state = state.resealed(self._core.above(state, now), seal)
        self._core.turning.end()
        return self._core.outcome(state)
