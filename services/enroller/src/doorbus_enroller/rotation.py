"""From one site key to another, once all recognizers have it, while everybody can still come in."""

import math
from collections.abc import Iterable, Sequence
from functools import partial

import structlog

from doorbus.runtime.clock import Clock
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Health, Presence
from doorbus.wire.seal import Seal
from doorbus_enroller.desk import Desk
from doorbus_enroller.holders import Holders
from doorbus_enroller.takeover import LOOK_SECONDS

_log = structlog.get_logger("doorbus.enroller")


class Rotation:
    """Who has which key, and how much is still to be sealed anew."""

    def __init__(self, desk: Desk, seal: Seal, clock: Clock) -> None:
        self._desk = desk
        self._keys = desk.register.site_keys
        self._seal = seal
        self._clock = clock
        self._holders = Holders()
        self._looked_at = -math.inf
        self._later: Sequence[bytes] | None = None
        """The site keys of the file, until what is under way with those before is done."""

    def connected(self, now: float) -> None:
        """Hear anew who has which key."""
        self._holders = self._holders.connected(now)

    def told(self, health: Health) -> None:
        """A recognizer tells its keys: it reads the gallery with these."""
        online = health.state is Presence.ONLINE
        keys = health.site_keys or ([] if health.site_key is None else [health.site_key])
        self._holders = self._holders.told(health.instance, keys) if online else self._holders.gone(health.instance)

    def gone(self, recognizer: str) -> None:
        """A recognizer is no more."""
        self._holders = self._holders.gone(recognizer)

    def postpones(self, keys: Sequence[bytes]) -> bool:
        """Whether these keys have to wait until all is sealed anew with those before; then they are remembered."""
        if self._keys.left:
            self._later = keys
        return self._keys.left > 0

    def due_at(self) -> float:
        """When it is to be seen again whether to seal with another key, or the next part is to be sealed with it."""
        if self._keys.left and self._desk.reopen_at is None:
            return self._clock.monotonic()
        return self._looked_at + LOOK_SECONDS

    async def go_on(self, now: float) -> Iterable[Outbound]:
        """Seal with the newest key as soon as all recognizers have it, and all that is there, a part at a time."""
        self._looked_at = now
        newest = self._seal.key_ids[0]
        if newest != self._seal.key_id and self._holders.all_have(newest, now):
            _log.info("site_key_turned", key=newest)
            await self._desk.work(partial(self._keys.turn_to, newest))
        if not self._keys.left or self._desk.reopen_at is not None:
            return ()
        outcome = await self._desk.change(self._keys.seal_anew)
        if not self._keys.left:
            _log.info("sealed_anew", key=newest)
            if self._later is not None and not self._seal.hold(self._later):
                _log.error("site_key_lost", way_out="put the key with this id back into its file", key=newest)
            self._later = None
        return outcome.news
