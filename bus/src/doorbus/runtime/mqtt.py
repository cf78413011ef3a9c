"""The transport over a real broker: MQTT 5 by aiomqtt. The only module that knows that library."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from doorbus.wire.packet import (
    CertificateRefused,
    Connection,
    ConnectionLost,
    Filter,
    NoAnswer,
    NotAuthorized,
    Packet,
    SubscriptionRefused,
    TlsFailed,
    Unreachable,
)

_QUIET = logging.getLogger("doorbus.runtime.mqtt")
_QUIET.setLevel(logging.CRITICAL)  # what matters comes back as ConnectionLost and is logged once, with the address
_RETAIN_NOT_ON_SUBSCRIBE = 2
_FAILURE = 0x80
_PATIENCE_APART = 60
"""Seconds between signs of life where a flood may come: the answer to one stands behind it. That the broker is away the
other connection tells sooner."""
_MAX_PROPERTIES = 4096
"""Bytes: all that doorbus sends takes some 300."""
_UNAUTHORIZED = frozenset({0x86, 0x87, 0x8A, 0x8C})
"""MQTT 5, 2.4: bad user name or password, not authorized, banned, bad authentication method."""


class MqttTransport:
    """One broker, one user. A password that is a function is asked for at every connect: its file may come later."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str | None = None,
        password: str | Callable[[], str | None] | None = None,
        tls: ssl.SSLContext | None = None,
        keepalive: int = 15,
        timeout: float = 5.0,
    ) -> None:
        self._host, self._port = host, port
        self._username, self._password = username, password
        self._tls = tls
        self._keepalive = keepalive
        self._timeout = timeout

    @property
    def address(self) -> str:
        """Where the broker is: `host:port`."""
        return f"{self._host}:{self._port}"

    @asynccontextmanager
    async def connect(
        self, *, client_id: str, will: Packet | None, deliver: Callable[[Packet], None]
    ) -> AsyncIterator[Connection]:
        """Open a connection; see `doorbus.wire.packet.Transport`."""
        client = self._client(client_id, will, deliver, self._keepalive)
        cancelled = False
        try:
            async with AsyncExitStack() as stack:

                async def open_apart() -> aiomqtt.Client:
                    keepalive = max(self._keepalive, _PATIENCE_APART)
                    apart = self._client(f"{client_id}-apart", None, deliver, keepalive)
                    await self._enter(stack, apart)
                    return apart

                await self._enter(stack, client)
                try:
                    yield MqttConnection(client, open_apart, self._who)
                except asyncio.CancelledError:
                    cancelled = True
                    raise
        except aiomqtt.MqttError as error:
            if cancelled:  # a goodbye that fails must not make a cancellation look like a lost connection
                raise asyncio.CancelledError from error
            raise _lost(self._who, error) from error

    def _client(
        self, client_id: str, will: Packet | None, deliver: Callable[[Packet], None], keepalive: int
    ) -> aiomqtt.Client:
        client = aiomqtt.Client(
            self._host,
            self._port,
            username=self._username,
            password=self._password() if callable(self._password) else self._password,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=keepalive,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # else a second packet waits for 40 ms
            timeout=self._timeout,
            tls_context=self._tls,
            logger=_QUIET,
            will=_will(will),
            queue_type=cast("type[asyncio.Queue[aiomqtt.Message]]", lambda maxsize: _Handover(maxsize, deliver)),
        )
        client.pending_calls_threshold = 1000  # it only guards a warning
        return client

    async def _enter(self, stack: AsyncExitStack, client: aiomqtt.Client) -> None:
        try:
            await stack.enter_async_context(client)
        except aiomqtt.MqttCodeError as error:
            raise _lost(self._who, error) from error
        except aiomqtt.MqttError as error:
            raise self._not_connected(error.__context__) from error
        except ValueError as error:  # what can be no name of a host
            raise Unreachable(f"broker {self.address}: {error}") from error

    def _not_connected(self, cause: BaseException | None) -> ConnectionLost:
        """What `cause`, which aiomqtt hides in its own error, says of the broker."""
        broker = f"broker {self.address}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateRefused(f"{broker}: its certificate is refused: {cause.verify_message.rstrip('.')}")
        if isinstance(cause, TimeoutError):
            # asyncio's own, without a word, is that of the wait for an answer; a socket's says what it waited for.
            return NoAnswer(f"{broker}: no MQTT answer") if not cause.args else Unreachable(f"{broker}: {cause}")
        reason = (isinstance(cause, OSError) and cause.strerror) or str(cause)
        broken_off = isinstance(cause, ssl.SSLError | ConnectionResetError | ConnectionAbortedError | BrokenPipeError)
        if self._tls is not None and broken_off:
            return TlsFailed(f"{broker}: no TLS there: {reason}")
        return Unreachable(f"{broker}: {reason}")

    @property
    def _who(self) -> str:
        return f"broker {self.address}{f' as {self._username}' if self._username else ''}"


class MqttConnection:
    """An open connection to a broker, and another beside it once something is to come apart; lost when either is.

    `who` says for people which broker, and as whom.
    """

    def __init__(
        self, client: aiomqtt.Client, open_apart: Callable[[], Coroutine[Any, Any, aiomqtt.Client]], who: str
    ) -> None:
        self._client = client
        self._open_apart = open_apart
        self._apart: aiomqtt.Client | None = None
        self._who = who

    async def subscribe(self, filters: Sequence[Filter]) -> None:
        """Subscribe in one packet for each way, so that the broker answers once."""
        if any(one.apart for one in filters):
            self._apart = self._apart or await self._open_apart()
        for client, those in self._by_client(filters):
            await self._subscribe(client, those)

    async def _subscribe(self, client: aiomqtt.Client, filters: Sequence[Filter]) -> None:
        try:
            codes = await client.subscribe([(f.topic, _options(f)) for f in filters])
        except aiomqtt.MqttError as error:
            raise _lost(self._who, error) from error
        for one, code in zip(filters, codes, strict=True):
            value = code.value if isinstance(code, ReasonCode) else code
            if isinstance(value, int) and value >= _FAILURE:
                raise SubscriptionRefused(f"{self._who}: it refuses the subscription to {one.topic}: {code}")

    async def unsubscribe(self, filters: Sequence[Filter]) -> None:
        """Unsubscribe in one packet for each way."""
        for client, those in self._by_client(filters):
            try:
                await client.unsubscribe([one.topic for one in those])
            except aiomqtt.MqttError as error:
                raise _lost(self._who, error) from error

    def _by_client(self, filters: Sequence[Filter]) -> Iterable[tuple[aiomqtt.Client, Sequence[Filter]]]:
        ways = ((self._apart, True), (self._client, False))
        found = ((client, [one for one in filters if one.apart is apart]) for client, apart in ways)
        return ((client, those) for client, those in found if client is not None and those)

    async def publish(self, packet: Packet) -> None:
        """Send, and for QoS 1 wait for the acknowledgement."""
        try:
            await self._client.publish(
                packet.topic, packet.payload, packet.qos, packet.retain, properties=_properties(packet)
            )
        except aiomqtt.MqttError as error:
            raise _lost(self._who, error) from error

    async def lost(self) -> None:
        """Wait for the end of either; packets do not come this way."""
        clients = [client for client in (self._client, self._apart) if client is not None]
        ends = [asyncio.ensure_future(_end_of(client)) for client in clients]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                if end.done():
                    end.result()
        except aiomqtt.MqttError as error:
            raise _lost(self._who, error) from error
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)


async def _end_of(client: aiomqtt.Client) -> None:
    async for _ in client.messages:
        pass  # pragma: no cover  # the queue hands everything over before it gets here


def _lost(who: str, error: aiomqtt.MqttError) -> ConnectionLost:
    """What an error of an open connection, or the broker's own answer, comes to."""
    told = error if isinstance(error, aiomqtt.MqttCodeError) else error.__cause__
    code = told.rc if isinstance(told, aiomqtt.MqttCodeError) else None
    if not isinstance(code, ReasonCode):
        return ConnectionLost(f"{who}: {str(told or error).rstrip('.')}")
    kind = NotAuthorized if code.value in _UNAUTHORIZED else ConnectionLost
    return kind(f"{who}: {code}")


if TYPE_CHECKING:
    _Queue = asyncio.Queue[aiomqtt.Message]
else:
    _Queue = asyncio.Queue


class _Handover(_Queue):
    """Takes the place of aiomqtt's unbounded queue and hands each message over at once.

    Frames must be superseded the moment that a newer one arrives; a queue in between would hold stale ones.
    """

    def __init__(self, maxsize: int, deliver: Callable[[Packet], None]) -> None:
        super().__init__(maxsize)
        self._deliver = deliver

    def put_nowait(self, item: aiomqtt.Message) -> None:
        self._deliver(_packet(item))


def _options(one: Filter) -> SubscribeOptions:
    # The flag is kept as published because our own senders never set it on what must be fresh.
    handling = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if one.replay else _RETAIN_NOT_ON_SUBSCRIBE
    return SubscribeOptions(
        qos=one.qos, noLocal=not one.own, retainAsPublished=one.as_published, retainHandling=handling
    )


def _properties(packet: Packet, kind: int = PacketTypes.PUBLISH) -> Properties:
    properties = Properties(kind)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    if packet.expiry is not None:
        properties.MessageExpiryInterval = packet.expiry
    if packet.content_type is not None:
        properties.ContentType = packet.content_type
    if packet.response_topic is not None:
        properties.ResponseTopic = packet.response_topic
    if packet.correlation is not None:
        properties.CorrelationData = packet.correlation
    if packet.user:
        properties.UserProperty = list(packet.user)
    return properties


def _will(packet: Packet | None) -> aiomqtt.Will | None:
    if packet is None:
        return None
    properties = _properties(packet, PacketTypes.WILLMESSAGE)
    return aiomqtt.Will(packet.topic, packet.payload, packet.qos, packet.retain, properties)


def _unpack_bounded(self: Properties, buffer: bytes) -> tuple[Properties, int]:
    """Read properties of at most `_MAX_PROPERTIES` bytes, and note how long they are when there are more.

    paho copies all that is left of a packet, payload included, for each property, and extends a list by each: 700 kB of
    user properties took it half a minute, in which nothing else was done.
    """
    length, width = VariableByteIntegers.decode(buffer[:4])  # type: ignore[no-untyped-call]  # paho leaves it untyped
    if not length:
        return self, width
    if length <= _MAX_PROPERTIES:
        return _unpack(self, buffer[: width + length])
    object.__setattr__(self, "excess", length)  # its own takes the names of properties only
    return self, width + length


def _with_shared_tables(self: Properties, packetType: int) -> None:  # noqa: N803  # paho's name
    """Be empty properties. paho builds the tables of all names anew for each message, a sixth of what that costs."""
    self.__dict__.update(_TABLES, packetType=packetType)


_TABLES = dict(Properties(PacketTypes.PUBLISH).__dict__)  # type: ignore[no-untyped-call]  # paho leaves it untyped
Properties.__init__ = _with_shared_tables  # type: ignore[method-assign]
_unpack: Callable[[Properties, bytes], tuple[Properties, int]] = Properties.unpack
Properties.unpack = _unpack_bounded  # type: ignore[method-assign]  # paho has no place to set another


def _packet(message: aiomqtt.Message) -> Packet:
    properties = message.properties
    return Packet(
        topic=message.topic.value,
        payload=message.payload,
        qos=message.qos,
        retain=message.retain,
        expiry=getattr(properties, "MessageExpiryInterval", None),
        content_type=getattr(properties, "ContentType", None),
        response_topic=getattr(properties, "ResponseTopic", None),
        correlation=getattr(properties, "CorrelationData", None),
        user=tuple(getattr(properties, "UserProperty", ())),
        excess=getattr(properties, "excess", 0),
    )
