"""A lock that hears orders on a topic of its own, as switches, Zigbee and motor locks do. Knows paho.

An order to unlock that could not be handed over at once must never be carried out later: nothing is queued without a
connection, an order expires, and after any failure the connection is given up with all that it still holds.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from doorbus_actuator.relay import RelayError
from doorbus_actuator.words import word_in


@dataclass(frozen=True)
class Words:
    """What is said to a lock, and what it says. Without `state_topic` nothing confirms that it has obeyed."""

    topic: str
    unlock: str
    lock: str
    state_topic: str | None = None
    unlocked: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    field: str | None = None
    """Where in the state, which is JSON then, the word stands."""

    def state_in(self, payload: bytes | bytearray) -> str | None:
        """The word in a state; None when there is none."""
        return word_in(payload, self.field)


@dataclass(frozen=True)
class Broker:
    """Where the lock's topics are."""

    host: str
    port: int
    tls: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    username: str | None = None
    password: str | None = None


class MqttRelay:
    """Publishes the words of a lock, and waits `timeout` seconds for the broker and for the lock to confirm each."""

    def __init__(self, broker: Broker, words: Words, timeout: float) -> None:
        self._broker = broker
        self._words = words
        self._timeout = timeout
        self._link: _Link | None = None
        self._closed = False

    def setup(self) -> None:
        """Connect, and lock."""
        if self._closed:
            raise RelayError("the relay is closed")
        self._give_up()
        self._link = _Link(self._broker, self._words, self._timeout)
        self._say(self._words.lock, self._words.locked, lasting=True)

    def energise(self) -> None:
        """Unlock; over a new connection, and locked first, where the broker went away meanwhile."""
        self._require()
        if self._link is not None and self._link.lost:
            self.setup()
        self._say(self._words.unlock, self._words.unlocked, lasting=False)

    def de_energise(self) -> None:
        """Lock."""
        self._require()
        self._say(self._words.lock, self._words.locked, lasting=True)

    def tend(self) -> None:
        """Nothing is ever left over."""

    def close(self) -> None:
        """Lock, and leave."""
        try:
            if self._link is not None and not self._closed:
                self._say(self._words.lock, self._words.locked, lasting=True)
        finally:
            self._give_up()
        self._closed = True

    def _require(self) -> None:
        if self._closed or self._link is None:
            raise RelayError("the relay is closed" if self._closed else "the relay is not set up")

    def _say(self, word: str, wanted: tuple[str, ...], *, lasting: bool) -> None:
        assert self._link is not None
        try:
            self._link.say(word, wanted, lasting=lasting)
        except RelayError:
            self._give_up()
            raise

    def _give_up(self) -> None:
        if self._link is not None:
            self._link.end()
            self._link = None


class _Link:
    """One connection. `RelayError` from any method: it is of no more use."""

    def __init__(self, broker: Broker, words: Words, timeout: float) -> None:
        self._words = words
        self._timeout = timeout
        self._where = f"{broker.host}:{broker.port}"
        self._news = threading.Condition()
        self._joined: ReasonCode | None = None
        self._taken: dict[int, ReasonCode] = {}
        self._state: str | None = None
        self._lost = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, reconnect_on_failure=False)
        if broker.tls:
            self._client.tls_set(broker.ca, broker.cert, broker.key)
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        self._client.connect_timeout = timeout
        try:
            self._client.connect(broker.host, broker.port, keepalive=10)
        except (OSError, ValueError) as error:
            raise RelayError(f"the lock's broker {self._where} cannot be reached ({error})") from None
        self._client.loop_start()
        try:
            self._join()
        except RelayError:
            self.end()
            raise

    @property
    def lost(self) -> bool:
        """Whether the broker has gone away."""
        return self._lost or not self._client.is_connected()

    def _join(self) -> None:
        self._wait(lambda: self._joined is not None, f"the lock's broker {self._where} does not answer")
        if self._joined is not None and self._joined.is_failure:
            raise RelayError(f"the lock's broker {self._where} lets nobody in: {self._joined}")
        if self._words.state_topic is not None:
            self._client.subscribe(self._words.state_topic, qos=1)

    def say(self, word: str, wanted: tuple[str, ...], *, lasting: bool) -> None:
        """Publish, and wait until the broker has it and the lock says one of `wanted`.

        A lock that has never said anything need not confirm that it is locked: some tell of changes only.
        """
        if self.lost:
            raise RelayError(f"the lock's broker {self._where} is away")
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if not lasting:
            properties.MessageExpiryInterval = math.ceil(self._timeout)
        sent = self._client.publish(self._words.topic, word, qos=1, properties=properties)
        self._wait(lambda: sent.mid in self._taken, f"{self._words.topic}: the broker has not taken the order")
        taken = self._taken.pop(sent.mid)
        if taken.is_failure:
            raise RelayError(
                f"{self._words.topic}: the broker refuses the order ({taken}); may DOORBUS_ACTUATOR__LOCK_USERNAME "
                "write there?"
            )
        if self._words.state_topic is None or (lasting and self._state is None):
            return
        self._wait(
            lambda: self._state in wanted,
            f"{self._words.state_topic}: the lock has not said {' or '.join(wanted)} within {self._timeout:g} s",
        )

    def end(self) -> None:
        """Leave, with all that is not handed over."""
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, holds: Callable[[], bool], why_not: str) -> None:
        until = time.monotonic() + self._timeout
        with self._news:
            while not holds():
                if self._lost:
                    raise RelayError(f"the lock's broker {self._where} is away")
                if not self._news.wait(until - time.monotonic()) and time.monotonic() >= until:
                    raise RelayError(why_not)

    # In paho's thread.

    def _on_connect(self, _client: object, _data: object, _flags: object, code: ReasonCode, _more: object) -> None:
        with self._news:
            self._joined = code
            self._news.notify_all()

    def _on_disconnect(self, _client: object, _data: object, _flags: object, _code: object, _more: object) -> None:
        with self._news:
            self._lost = True
            self._news.notify_all()

    def _on_publish(self, _client: object, _data: object, mid: int, code: ReasonCode, _more: object) -> None:
        with self._news:
            self._taken[mid] = code
            self._news.notify_all()

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        with self._news:
            state = self._words.state_in(message.payload)
            self._state = self._state if state is None else state
            self._news.notify_all()
