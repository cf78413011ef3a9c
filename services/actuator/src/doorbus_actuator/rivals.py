"""Other actuators that drive the same door: each obeys its commands, and only one of them has the lock."""

from collections.abc import Mapping

import structlog

from doorbus.wire.exchange import Inbound
from doorbus.wire.messages import Health, Presence

_log = structlog.get_logger("doorbus.actuator")


class Rivals:
    """Those that have told health of the door since the broker was last reached, and have not ended since.

    What the broker had kept does not count: it may be of one that died together with a broker before.
    """

    def __init__(self, door: Mapping[str, str]) -> None:
        self._door = door["door"]
        self._names: frozenset[str] = frozenset()

    def heard(self, inbound: Inbound[Health]) -> None:
        """Another actuator, of whatever door, has told its health."""
        if inbound.packet.retain:
            return
        name, health = inbound.ids["instance"], inbound.message
        there = health.state is Presence.ONLINE and health.door == self._door
        if there and name not in self._names:
            _log.warning("another_actuator", instance=name, why=_why([name], self._door))
        elif not there and name in self._names:
            _log.info("another_actuator_gone", instance=name)
        self._names = self._names | {name} if there else self._names - {name}

    def forget(self) -> None:
        """The broker is away, and with it what is known of others."""
        self._names = frozenset()

    @property
    def problem(self) -> str | None:
        """Who else drives the door, for people; None when nobody does."""
        return _why(sorted(self._names), self._door) if self._names else None


def _why(names: list[str], door: str) -> str:
    drive = "drives" if len(names) == 1 else "drive"
    return (
        f"DOORBUS_ACTUATOR__DOOR={door}: {' and '.join(names)} {drive} this door, too; stop all actuators of it but "
        "one, or give each a door of its own"
    )
