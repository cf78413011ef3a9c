"""Counts what was refused, and says so now and then."""

from collections import Counter, OrderedDict
from datetime import datetime

import structlog

from doorbus.runtime.clock import Clock
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.packet import Packet

_log = structlog.get_logger("doorbus.runtime.refusals")


LINES = 20
"""A storm of messages under ever new topics fills no disk with lines that say the same."""


class Refusals:
    """Counts what was refused, and logs it once a minute for each topic and reason, at most `LINES` a second in all."""

    def __init__(self, clock: Clock, quiet_seconds: float = 60.0, remember: int = 1024) -> None:
        self._clock = clock
        self._quiet = quiet_seconds
        self._remember = remember
        self._second, self._lines = 0.0, 0
        self._logged: OrderedDict[tuple[str, Refusal], tuple[float, int]] = OrderedDict()
        self.counts: Counter[str] = Counter()
        self.last: dict[str, datetime] = {}
        """When the last of each was."""

    def add(self, channel: str, packet: Packet, refused: Refused) -> None:
        """Count one, and log it if its like was not logged lately."""
        self.counts[f"{channel}.{refused.reason}"] += 1
        self.last[f"{channel}.{refused.reason}"] = self._clock.now()
        key = (packet.topic, refused.reason)
        now = self._clock.monotonic()
        last, unsaid = self._logged.get(key, (-self._quiet, 0))
        if now - last < self._quiet or not self._may_say(now):
            self._logged[key] = (last, unsaid + 1)
            self._forget()
            return
        self._logged[key] = (now, 0)
        self._logged.move_to_end(key)
        self._forget()
        _log.warning(
            "refused",
            topic=packet.topic,
            reason=str(refused.reason),
            detail=refused.detail or None,
            bytes=len(packet.payload),
            frame_id=dict(packet.user).get("frame_id"),
            like_it_since=unsaid or None,
        )

    def _may_say(self, now: float) -> bool:
        if now - self._second >= 1:
            self._second, self._lines = now, 0
        self._lines += 1
        return self._lines <= LINES

    def _forget(self) -> None:
        if len(self._logged) > self._remember:
            self._logged.popitem(last=False)
