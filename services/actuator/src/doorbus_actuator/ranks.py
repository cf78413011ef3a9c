"""Which command goes first in a storm. Pure."""

from datetime import UTC, datetime

from doorbus.wire.channels import LOCK_COMMAND, LOCKDOWN_COMMAND
from doorbus.wire.codec import Arrival
from doorbus.wire.exchange import Rank
from doorbus.wire.messages import Action, Lockdown
from doorbus.wire.packet import Packet

_SOMETIME = Arrival(datetime.min.replace(tzinfo=UTC), "unread")


def rank_of(packet: Packet) -> Rank:
    """Locking before opening. What is no command raises `Refused`: in a flood of it the others must not wait for it."""
    command = LOCK_COMMAND.codec.decode(packet, {}, _SOMETIME)
    return Rank.LOCK if command.action is Action.LOCK else Rank.UNLOCK


def rank_of_lockdown(packet: Packet) -> Rank:
    """To begin a lockdown is to lock, and goes before all that opens; to end it comes after. Raises as `rank_of`."""
    order = LOCKDOWN_COMMAND.codec.decode(packet, {}, _SOMETIME)
    return Rank.LOCK if order.lockdown is Lockdown.ON else Rank.REST
