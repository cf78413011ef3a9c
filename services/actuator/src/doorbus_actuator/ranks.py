"""Which command goes first in a storm. Pure."""

from datetime import UTC, datetime

from doorbus.wire.channels import LOCK_COMMAND, LOCKDOWN_COMMAND
from doorbus.wire.codec import Arrival, Refused
from doorbus.wire.exchange import Rank
from doorbus.wire.messages import Action, Lockdown
from doorbus.wire.packet import Packet

_SOMETIME = Arrival(datetime.min.replace(tzinfo=UTC), "unread")


def rank_of(packet: Packet) -> Rank:
    """Locking before opening, and both before what is no command at all."""
    try:
        command = LOCK_COMMAND.codec.decode(packet, {}, _SOMETIME)
    except Refused:
        return Rank.REST
    return Rank.LOCK if command.action is Action.LOCK else Rank.UNLOCK


def rank_of_lockdown(packet: Packet) -> Rank:
    """To begin a lockdown is to lock, and goes before all that opens; to end it comes after."""
    try:
        order = LOCKDOWN_COMMAND.codec.decode(packet, {}, _SOMETIME)
    except Refused:
        return Rank.REST
    return Rank.LOCK if order.lockdown is Lockdown.ON else Rank.REST
