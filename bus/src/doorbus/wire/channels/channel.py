"""What is known of a channel. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from string import Formatter
from typing import Any, Generic, TypeVar

from doorbus.wire.channels.roles import Role
from doorbus.wire.codec import Codec

DEFAULT_ROOT = "doorbus/v1"
HOMEASSISTANT_PREFIX = "homeassistant"
OF_INPUTS = "_topic"
"""How the names of channels end that are topics of other programs; before it stand the inputs that they are about."""
KIB = 1024
MIB = 1024 * KIB
M = TypeVar("M")


class Retain(StrEnum):
    """What the retain flag means on a channel."""

    NEVER = "never"
    """A sender leaves it off; a receiver does not mind it."""
    REFUSED = "refused"
    """A sender leaves it off; a receiver refuses a message that carries it, because it may be older than it looks: a
    frame without a time of its own would be replayed as a new one to every replica that connects."""
    REPLAY_REFUSED = "replay refused"
    """Other programs' senders set it; a receiver takes what is sent now, and refuses what the broker had kept."""
    YES = "yes"
    """The broker keeps the last message and replays it to whoever subscribes."""


class Under(StrEnum):
    """What the topics of a channel stand under."""

    ROOT = "root"
    """The root of the site's own topics."""
    DISCOVERY = "discovery"
    """The prefix under which Home Assistant finds devices."""
    NOTHING = "nothing"
    """Nothing: another program has laid the whole topic down."""


@dataclass(frozen=True)
class Channel(Generic[M]):
    """One row of the table.

    `template` names the topic beneath what it stands `under`, ids in braces. `expiry` is in seconds and bounds how long
    a broker may hold the message for somebody. `max_bytes` bounds the payload. `senders` and `receivers` become the
    access rules. `own` names the id under which a service sends as itself only. `signed_by` names the role whose key
    signs each message (`doorbus.wire.signatures`).
    """

    name: str
    template: str
    codec: Codec[M]
    summary: str
    qos: int
    senders: frozenset[Role]
    receivers: frozenset[Role]
    retain: Retain = Retain.NEVER
    expiry: int | None = None
    max_bytes: int = 64 * KIB
    reply: "Channel[Any] | None" = field(default=None, repr=False)
    own: str | None = None
    under: Under = Under.ROOT
    signed_by: Role | None = None

    @cached_property
    def parts(self) -> tuple[tuple[str, str | None], ...]:
        """The template cut up: a text and the name of the id that follows it, which the last part may lack."""
        return tuple((text, name) for text, name, _, _ in Formatter().parse(self.template))

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the ids in the topic."""
        return tuple(name for _, name in self.parts if name is not None)
