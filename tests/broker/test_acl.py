"""Who may send and read what, proved on a real mosquitto by what is delivered."""

import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from doorbus.local.prepare import prepare
from doorbus.local.stack import Broker
from doorbus.site import acl
from doorbus.wire.channels import CHANNELS, DEFAULT_ROOT, GALLERY_SHARD, HEALTH, OPTIONAL, SERVICES, Role
from doorbus.wire.packet import Connection, ConnectionLost, Filter, Packet, Transport
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus.wire.topics import Topics
from support.channels import topic_of
from support.tls import TlsSite

ROOT = DEFAULT_ROOT


@dataclass
class Listener:
    """A connection, and what reached it."""

    connection: Connection
    heard: list[Packet] = field(default_factory=list)

    async def caught_up(self) -> None:
        """Wait until everything that the broker had queued for us before has arrived: it answers in order."""
        await self.connection.publish(Packet(f"{ROOT}/nobody/reads/this", qos=1))


class Way(Protocol):
    """A broker that roles can be let in to."""

    def transport(self, role: Role, /) -> Transport: ...


@asynccontextmanager
async def _listener(way: Way, role: Role, *filters: Filter, will: Packet | None = None) -> AsyncIterator[Listener]:
    heard: list[Packet] = []
    name = f"listener-{role}-{id(heard)}"
    async with way.transport(role).connect(client_id=name, will=will, deliver=heard.append) as connection:
        await connection.subscribe(filters)
        yield Listener(connection, heard)


def test_a_local_run_has_the_committed_rules_or_those_of_its_own_root(tmp_path: Path, repository: Path) -> None:
    own = Topics("site/7")
    for topics, rules in ((TOPICS, (repository / "mosquitto" / "acl").read_text()), (own, acl.text(own))):
        home = prepare(tmp_path, 1883, repository / "mosquitto", topics)

        assert (home / "mosquitto" / "secrets" / "acl").read_text() == rules


@pytest.fixture(scope="module", params=["plain", "TLS"])
def way(request: pytest.FixtureRequest, broker: Broker, tls_site: TlsSite) -> Way:
    """The broker of a local run, and that of a site."""
    return tls_site if request.param == "TLS" else broker


async def test_only_who_may_send_is_heard_and_only_by_who_may_read(way: Way) -> None:
    sent = {(sender, channel.name): f"{sender} on {channel.name}".encode() for sender in Role for channel in CHANNELS}
    async with AsyncExitStack() as stack:
        listeners = {  # everybody subscribes to everything
            role: await stack.enter_async_context(_listener(way, role, Filter("#"), Filter("$SYS/#"))) for role in Role
        }
        for (sender, listener), channel in itertools.product(listeners.items(), CHANNELS):
            topic = topic_of(channel, sender, f"by-{sender}")
            await listener.connection.publish(Packet(topic, sent[sender, channel.name], qos=channel.qos))
        for listener in (*listeners.values(), *listeners.values()):  # everybody has sent, then everybody has heard
            await listener.caught_up()
    heard = {role: {packet.payload for packet in listener.heard} for role, listener in listeners.items()}
    wrong = [
        f"{reader} {'hears' if hears else 'does not hear'} what {sender} sends on {channel.name}"
        for sender, channel, reader in itertools.product(Role, CHANNELS, Role)
        for hears in [sent[sender, channel.name] in heard[reader]]
        if hears != (sender in channel.senders and reader in channel.receivers)
    ]

    assert not wrong, "against the table:\n" + "\n".join(wrong)


async def test_no_role_reads_or_writes_anything_outside_the_table(way: Way) -> None:
    topics = [
        *(f"{ROOT}/{rest}" for rest in ("anything", "door", "door/x/lock/set/deeper", "gallery", "gallery/secret")),
        "doorbus/v2/door/x/lock/set",
        "door/x/lock/set",
        "homeassistant/lock/x/config",
        "homeassistant/lock/x/y/config/z",
        "$SYS/broker/load",
    ]
    heard: list[Packet] = []
    async with AsyncExitStack() as stack:
        for role in Role:
            filters = [Filter("#"), Filter("$SYS/#", replay=True), Filter("homeassistant/#")]
            listener = await stack.enter_async_context(_listener(way, role, *filters))
            for topic in topics:
                await listener.connection.publish(Packet(topic, b"outside", qos=1))
            await listener.caught_up()
            heard += listener.heard

    assert [packet for packet in heard if packet.payload == b"outside" or packet.topic.startswith("$SYS")] == []


@pytest.mark.parametrize("pretender", [*SERVICES, *OPTIONAL])
async def test_no_service_speaks_for_the_health_of_another(way: Way, pretender: Role) -> None:
    async with (
        _listener(way, Role.VIEWER, Filter(TOPICS.filter(HEALTH))) as viewer,
        _listener(way, pretender) as service,
    ):
        for claimed in Role:
            topic = TOPICS.topic(HEALTH, service=claimed.value, instance=f"claimed-by-{pretender}")
            await service.connection.publish(Packet(topic, claimed.value.encode(), qos=1))
        await viewer.caught_up()

    assert [packet.payload for packet in viewer.heard] == [pretender.value.encode()]


async def test_retained_templates_are_replayed_to_those_only_who_hold_the_key(way: Way) -> None:
    topic = TOPICS.topic(GALLERY_SHARD, shard="replayed")
    async with _listener(way, Role.ENROLLER) as enroller:
        await enroller.connection.publish(Packet(topic, b"sealed", qos=1, retain=True))
    readers = set()
    for role in Role:
        async with _listener(way, role, Filter("#", replay=True), Filter(topic, replay=True)) as listener:
            await listener.caught_up()
            if any(packet.topic == topic for packet in listener.heard):
                readers.add(role)

    assert readers == {Role.RECOGNIZER, Role.ENROLLER}


@pytest.mark.parametrize("role", [role for role in Role if role not in GALLERY_SHARD.receivers])
async def test_a_shared_subscription_is_no_way_round_the_rules(way: Way, role: Role) -> None:
    topic = TOPICS.topic(GALLERY_SHARD, shard=f"shared-{role}")
    share = f"$share/{role}/{TOPICS.filter(GALLERY_SHARD)}"
    async with _listener(way, role, Filter(share)) as thief, _listener(way, Role.ENROLLER) as enroller:
        await enroller.connection.publish(Packet(topic, b"sealed", qos=1))
        await thief.caught_up()

        assert thief.heard == []


async def test_a_last_will_is_no_way_round_the_rules(way: Way) -> None:
    will = Packet(f"{ROOT}/door/willed/lock/set", b"UNLOCK", qos=1)
    allowed = Packet(TOPICS.topic(HEALTH, service="capture", instance="willed"), b"offline", qos=1)
    async with _listener(way, Role.OPERATOR, Filter(f"{ROOT}/#")) as operator:
        for one in (will, allowed):
            await _break_off(way, one)
        await operator.caught_up()
        heard = [packet.payload for packet in operator.heard if packet.topic in (will.topic, allowed.topic)]

    assert heard == [b"offline"]


async def _break_off(way: Way, will: Packet) -> None:
    """Connect twice as one client, so that the broker breaks the first connection off and sends its will."""
    transport = way.transport(Role.CAPTURE)
    first = transport.connect(client_id="willed", will=will, deliver=lambda _: None)
    second = transport.connect(client_id="willed", will=None, deliver=lambda _: None)
    async with AsyncExitStack() as stack:
        stack.enter_context(contextlib.suppress(ConnectionLost))  # what the first one ends by
        await stack.enter_async_context(first)
        async with second as connection:
            await connection.publish(Packet(f"{ROOT}/nobody/reads/this", qos=1))
