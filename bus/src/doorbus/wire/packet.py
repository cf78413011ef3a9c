"""What a transport carries, and what it must offer. Everything above this module is free of any MQTT library."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from doorbus.wire.records import dataclass


@dataclass(frozen=True, slots=True)
class Packet:
    """One MQTT publication, sent or received.

    `expiry` is the MQTT 5 message expiry interval in seconds; `user` the user properties in order of appearance.
    """

    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    expiry: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation: bytes | None = None
    user: tuple[tuple[str, str], ...] = ()
    excess: int = 0
    """Bytes of properties that were not read, because they were more than anybody needs."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One subscription as the broker sees it.

    `replay` asks for retained messages at subscribe time; without it the broker sends none (retain handling 2).
    Without `as_published` the broker takes the retain flag off what is sent now, and leaves it on what it replays.
    Without `own` it delivers nothing that this connection has sent itself. What comes `apart` has a way of its own, so
    that a flood of it holds nothing else up. Another number in `asked` has what is retained replayed once more.
    """

    topic: str
    qos: int = 0
    replay: bool = False
    as_published: bool = True
    own: bool = True
    apart: bool = False
    asked: int = 0


class ConnectionLost(Exception):  # noqa: N818  # an event of the network, not a fault of the caller
    """The connection to the broker ended, could not be made, or the broker refused it; the text names the broker."""


class Unreachable(ConnectionLost):
    """Nothing answers where the broker should be, or there is no such place."""


class TlsFailed(ConnectionLost):
    """What answers does not speak TLS, or not as it must."""


class CertificateRefused(TlsFailed):
    """What answers is not who it should be: we do not accept its certificate."""


class NoAnswer(ConnectionLost):
    """Something takes the connection, and gives no MQTT answer."""


class NotAuthorized(ConnectionLost):
    """The broker does not know this user by this password, or does not let it in any more."""


class SubscriptionRefused(ConnectionLost):
    """The broker lets us in, and refuses a subscription."""


class Connection(Protocol):
    """An open connection. Every method raises `ConnectionLost` once the connection is gone."""

    async def subscribe(self, filters: Sequence[Filter]) -> None:
        """Subscribe to all `filters`; returns when the broker has acknowledged them.

        What comes apart is among the first filters. Raises `SubscriptionRefused` when the broker refuses one.
        """
        ...

    async def unsubscribe(self, filters: Sequence[Filter]) -> None:
        """End the subscriptions to all `filters`; returns when the broker has acknowledged it."""
        ...

    async def publish(self, packet: Packet) -> None:
        """Send `packet`; for QoS 1 returns when the broker has acknowledged it."""
        ...

    async def lost(self) -> None:
        """Wait until the connection is gone, then raise `ConnectionLost`."""
        ...


class Transport(Protocol):
    """Makes connections to one broker as one user."""

    @property
    def address(self) -> str:
        """Where the broker is, for people: `host:port`."""
        ...

    def connect(
        self, *, client_id: str, will: Packet | None, deliver: Callable[[Packet], None]
    ) -> AbstractAsyncContextManager[Connection]:
        """Open a connection with a clean start and no session expiry; leaving the context closes it.

        Each packet that arrives is handed to `deliver` at once, on the event loop. Entering raises `Unreachable`,
        `TlsFailed`, `NoAnswer`, `NotAuthorized`, or a plain `ConnectionLost` when the broker has another reason.
        """
        ...
