"""Who is let in over TLS, by whom a client lets itself be talked to, and what a stolen password is good for."""

import asyncio
import contextlib
import gc
import os
import ssl
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from doorbus.local.stack import Broker, Process, Stack, free_port
from doorbus.runtime.client import connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.site.certificates import Authority, Pair, about, new_authority
from doorbus.site.users import User
from doorbus.wire import channels
from doorbus.wire.channels import DEFAULT_ROOT, Role
from doorbus.wire.packet import (
    CertificateRefused,
    Connection,
    ConnectionLost,
    Filter,
    NoAnswer,
    NotAuthorized,
    Packet,
    TlsFailed,
    Unreachable,
)
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support.tls import HOST, TlsSite, is_let_in

# paho leaves the socket of a handshake that failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
NOW = datetime.now(UTC)
ROOT = DEFAULT_ROOT


@pytest.fixture(autouse=True)
def _no_socket_is_left_to_other_tests() -> Iterator[None]:
    yield
    gc.collect()


def _ignore(_: Packet) -> None:
    """For a connection that listens to nothing."""


@asynccontextmanager
async def _running(folder: Path, repository: Path, listener: str = "tls") -> AsyncIterator[TlsSite]:
    one = TlsSite(folder, repository, listener)
    try:
        yield one
    finally:
        await one.stop()


def _authority(one: TlsSite) -> Authority:
    directory = one.site.directory
    return Authority(Pair(one.ca.read_text(), (directory / "authority" / "ca.key").read_text()))


def _foreign() -> Authority:
    return Authority(new_authority("somebody else", NOW))


def _put(pair: Pair, path: Path) -> None:
    path.with_suffix(".crt").write_text(pair.certificate)
    path.with_suffix(".key").write_text(pair.key)


async def test_every_role_is_let_in_over_tls(tls_site: TlsSite) -> None:
    for role in Role:
        assert await is_let_in(tls_site.transport(role))


async def test_a_client_refuses_an_expired_a_foreign_and_a_wrong_name_broker(tmp_path: Path, repository: Path) -> None:
    async with _running(tmp_path, repository) as one:
        broker = one.site.directory / "broker" / "broker"
        good = Pair(broker.with_suffix(".crt").read_text(), broker.with_suffix(".key").read_text())
        old = NOW - timedelta(days=1000)
        bad = {
            "expired": _authority(one).server([HOST], old),
            "foreign": _foreign().server([HOST], NOW),
            "wrong name": _authority(one).server(["other.example"], NOW),
        }
        _put(bad["expired"], broker)
        await one.start()
        for name, pair in bad.items():
            _put(pair, broker)
            await one.restart()
            assert not await is_let_in(one.transport(Role.OPERATOR)), name
        _put(good, broker)
        await one.restart()
        assert await is_let_in(one.transport(Role.OPERATOR))


async def test_a_renewed_certificate_is_served_after_a_restart_and_everybody_is_let_in_again(
    tmp_path: Path, repository: Path
) -> None:
    async with _running(tmp_path, repository) as one:
        await one.start()
        file = one.site.directory / "broker" / "broker.crt"
        before = file.read_text()
        assert about(ssl.get_server_certificate((HOST, one.port))) == about(before)
        one.site.make(["hub.example"])
        await one.restart()

        assert file.read_text() != before
        assert about(ssl.get_server_certificate((HOST, one.port))) == about(file.read_text())
        assert await is_let_in(one.transport(Role.VIEWER))


async def test_a_client_without_the_sites_authority_refuses_the_broker(tls_site: TlsSite) -> None:
    assert not await is_let_in(tls_site.transport(Role.OPERATOR, tls_ca=None))


async def test_plain_and_tls_do_not_meet(tls_site: TlsSite, broker: Broker) -> None:
    assert not await is_let_in(tls_site.transport(Role.OPERATOR, tls=False))
    assert not await is_let_in(tls_site.transport(Role.OPERATOR, port=broker.port))


@pytest.mark.parametrize(("version", "works"), [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_tls_before_1_2_is_refused(tls_site: TlsSite, version: str, *, works: bool) -> None:
    command = ["openssl", "s_client", version, "-cipher", "DEFAULT:@SECLEVEL=0", "-CAfile", str(tls_site.ca)]
    done = subprocess.run(
        [*command, "-connect", f"{HOST}:{tls_site.port}"], input=b"", capture_output=True, check=False, timeout=20
    )

    assert (done.returncode == 0) is works


@pytest.mark.parametrize(("user", "password"), [("operator", "wrong"), ("nobody", "wrong")])
async def test_nobody_is_let_in_by_the_certificate_of_the_broker_alone(
    tls_site: TlsSite, user: str, password: str
) -> None:
    assert not await is_let_in(tls_site.transport(user, password=password))


async def test_an_anonymous_client_is_refused(tls_site: TlsSite) -> None:
    tls = tls_site.transport(Role.VIEWER)._tls  # noqa: SLF001  # the same way in, without a name

    assert not await is_let_in(MqttTransport(HOST, tls_site.port, tls=tls))


async def test_with_certificates_asked_a_password_alone_is_not_enough(tmp_path: Path, repository: Path) -> None:
    async with _running(tmp_path, repository, "tls-clients") as one:
        await one.start()

        def operator(name: str) -> MqttTransport:
            path = tmp_path / name
            return one.transport(Role.OPERATOR, tls_cert=path.with_suffix(".crt"), tls_key=path.with_suffix(".key"))

        _put(_authority(one).client("operator", NOW - timedelta(days=1000)), tmp_path / "expired")
        _put(_foreign().client("operator", NOW), tmp_path / "foreign")
        clients = one.site.directory / "clients"
        for suffix in (".crt", ".key"):
            (tmp_path / f"stolen{suffix}").write_bytes((clients / f"operator{suffix}").read_bytes())

        assert await is_let_in(operator("stolen"))
        why, told, *let_in = await asyncio.gather(  # each waits for an answer that does not come
            _why_not(one.transport(Role.OPERATOR)),
            _doctor(one.environment("operator")),
            is_let_in(operator("expired")),
            is_let_in(operator("foreign")),
        )
        assert why is NoAnswer
        assert "does it ask for a certificate, DOORBUS_BROKER__TLS_CERT" in told
        assert let_in == [False, False]

        one.site.rotate("operator")
        await one.restart()
        assert not await is_let_in(operator("stolen"))
        files: dict[str, Any] = {"tls_cert": clients / "operator.crt", "tls_key": clients / "operator.key"}
        assert await is_let_in(one.transport(Role.OPERATOR, **files))


async def test_what_is_taken_away_ends_with_the_restart_and_who_keeps_a_password_is_let_in(
    tmp_path: Path, repository: Path
) -> None:
    async with _running(tmp_path, repository) as one, AsyncExitStack() as stack:
        one.site.add(User("tablet", Role.VIEWER, {}))
        await one.start()
        ways = {user: one.transport(user) for user in ("operator", "tablet", "viewer")}
        held = {
            user: await stack.enter_async_context(_held(way.connect(client_id=user, will=None, deliver=_ignore)))
            for user, way in ways.items()
        }

        one.site.rotate("operator")
        one.site.revoke("tablet")
        await one.restart()

        for connection in held.values():
            async with asyncio.timeout(10):
                with pytest.raises(ConnectionLost):
                    await connection.lost()
        assert [user for user, way in ways.items() if await is_let_in(way)] == ["viewer"]
        assert await is_let_in(one.transport(Role.OPERATOR))


@asynccontextmanager
async def _held(way: AbstractAsyncContextManager[Connection]) -> AsyncIterator[Connection]:
    """A connection that may be lost."""
    with contextlib.suppress(ConnectionLost):
        async with way as connection:
            yield connection


STOLEN = {
    TOPICS.topic(channels.LOCK_COMMAND, door="front"): b"UNLOCK",
    TOPICS.topic(channels.RECOGNITION, door="front", camera="porch"): b"{}",
    TOPICS.topic(channels.FRAME, door="front", camera="porch"): b"\xff\xd8",
    TOPICS.topic(channels.GALLERY_MANIFEST): b"{}",
    TOPICS.topic(channels.ROSTER_MANIFEST): b"{}",
    TOPICS.topic(channels.ENROL, person="mallory"): b"\xff\xd8",
    TOPICS.topic(channels.HEALTH, service="actuator", instance="front"): b"{}",
    TOPICS.topic(channels.HOMEASSISTANT_CONFIG, component="lock", service="actuator", object="front"): b"{}",
    TOPICS.topic(channels.HOMEASSISTANT_STATUS): b"offline",
}


async def test_a_stolen_viewer_password_can_send_nothing_and_read_no_gallery(tmp_path: Path, repository: Path) -> None:
    heard: dict[Role, list[Packet]] = {role: [] for role in Role}
    stolen: list[Packet] = []
    sealed = Packet(TOPICS.topic(channels.GALLERY_SHARD, shard="7"), b"sealed", qos=1, retain=True)
    own = Packet(TOPICS.topic(channels.HOMEASSISTANT_STATUS), b"online", qos=1)
    async with _running(tmp_path, repository) as one, AsyncExitStack() as stack:
        await one.start()
        honest = {}
        for role in Role:
            way = one.transport(role).connect(client_id=f"honest-{role}", will=None, deliver=heard[role].append)
            honest[role] = await stack.enter_async_context(way)
            await honest[role].subscribe([Filter("#", qos=1)])
        way = one.transport(Role.VIEWER).connect(client_id="thief", will=None, deliver=stolen.append)
        thief = await stack.enter_async_context(way)
        await thief.subscribe([Filter("#", qos=1, replay=True), Filter(TOPICS.filter(channels.GALLERY_SHARD), qos=1)])
        for topic, payload in STOLEN.items():
            await thief.publish(Packet(topic, payload, qos=1))
            await thief.publish(Packet(topic, payload, qos=1, retain=True))
        await honest[Role.ENROLLER].publish(sealed)
        await honest[Role.HOMEASSISTANT].publish(own)
        for connection in (*honest.values(), thief):  # the broker answers in order: what it let through has arrived
            await connection.publish(Packet(f"{ROOT}/nobody/reads/this", qos=1))

        assert {role: [packet.topic for packet in packets] for role, packets in heard.items() if packets} == {
            role: read
            for role in Role
            if (
                read := [
                    packet.topic
                    for channel, packet in ((channels.GALLERY_SHARD, sealed), (channels.HOMEASSISTANT_STATUS, own))
                    if role in channel.receivers
                ]
            )
        }
        assert stolen == []


async def test_a_named_user_has_the_rights_that_it_was_given_and_no_more(tmp_path: Path, repository: Path) -> None:
    async with _running(tmp_path, repository) as one:
        one.site.add(User("capture-porch", Role.CAPTURE, {"door": "front", "camera": "porch"}))
        one.site.add(User("actuator-back", Role.ACTUATOR, {"door": "back"}))
        await one.start()
        heard: list[Packet] = []
        way = one.transport(Role.VIEWER).connect(client_id="viewer", will=None, deliver=heard.append)
        async with AsyncExitStack() as stack:
            viewer = await stack.enter_async_context(way)
            await viewer.subscribe([Filter(f"{ROOT}/#", qos=1)])
            tried = {
                "capture-porch": [
                    TOPICS.topic(channels.FRAME, door=door, camera=camera)
                    for door in ("front", "back")
                    for camera in ("porch", "yard")
                ],
                "actuator-back": [TOPICS.topic(channels.LOCK_STATE, door=door) for door in ("front", "back")],
            }
            for user, topics in tried.items():
                async with one.transport(user).connect(client_id=user, will=None, deliver=heard.append) as client:
                    for topic in topics:
                        await client.publish(Packet(topic, user.encode(), qos=1))
            await viewer.publish(Packet(f"{ROOT}/nobody/reads/this", qos=1))

        assert {packet.topic for packet in heard} == {
            TOPICS.topic(channels.FRAME, door="front", camera="porch"),
            TOPICS.topic(channels.LOCK_STATE, door="back"),
        }


async def test_a_service_and_the_command_are_who_their_settings_say(tmp_path: Path, repository: Path) -> None:
    async with _running(tmp_path, repository) as one:
        one.site.add(User("capture-porch", Role.CAPTURE, {"door": "front", "camera": "porch", "instance": "porch"}))
        one.site.add(User("alice", Role.OPERATOR, {}))
        await one.start()
        names = one.environment("capture-porch") | {"DOORBUS_CAPTURE__SOURCE": "none", "DOORBUS_INSTANCE": "porch"}
        command = [sys.executable, "-m", "doorbus_capture"]
        service = await Process.start("capture", command, tmp_path / "logs", os.environ | names)
        try:
            async with asyncio.timeout(30), connect(one.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
                health = (await viewer.expect(channels.HEALTH, instance="porch")).message
            told = await _doctor(one.environment("alice"))
        finally:
            await service.stop()

    assert health.state.value == "online"
    assert "ok   user: alice" in told
    assert "ok   certificate: valid until" in told
    assert "ok   capture/porch: online" in told


async def _why_not(way: MqttTransport) -> type[BaseException]:
    with pytest.raises(ConnectionLost) as lost:
        async with connect(way):
            pass
    return lost.type


async def test_each_way_of_not_being_let_in_is_a_type_of_its_own(
    tls_site: TlsSite, broker: Broker, tmp_path: Path
) -> None:
    foreign = tmp_path / "ca.crt"
    foreign.write_text(new_authority("somebody else", NOW).certificate)

    assert await _why_not(tls_site.transport("viewer", password="wrong")) is NotAuthorized
    assert await _why_not(tls_site.transport("viewer", tls_ca=foreign)) is CertificateRefused
    assert await _why_not(tls_site.transport("viewer", host="127.1")) is CertificateRefused
    assert await _why_not(tls_site.transport("viewer", tls=False)) is NoAnswer
    assert await _why_not(tls_site.transport("viewer", port=broker.port)) is TlsFailed
    for host in ("no-such-host.invalid", "a..b", ""):
        assert await _why_not(tls_site.transport("viewer", host=host)) is Unreachable
    assert await _why_not(tls_site.transport("viewer", port=free_port())) is Unreachable


async def test_the_doctor_says_why_there_is_no_tls(tls_site: TlsSite, broker: Broker, tmp_path: Path) -> None:
    foreign = tmp_path / "ca.crt"
    foreign.write_text(new_authority("somebody else", NOW).certificate)
    known = tls_site.environment("viewer")
    wrong = {
        "unable to get local issuer certificate; DOORBUS_BROKER__TLS_CA must": {"DOORBUS_BROKER__TLS_CA": str(foreign)},
        "is not valid for '127.1'; DOORBUS_BROKER__TLS_CA must": {"DOORBUS_BROKER__HOST": "127.1"},
        "it speaks TLS; set DOORBUS_BROKER__TLS=true": {"DOORBUS_BROKER__TLS": "false"},
        "is DOORBUS_BROKER__PORT that of the TLS listener?": {"DOORBUS_BROKER__PORT": str(broker.port)},
        "it does not take DOORBUS_BROKER__PASSWORD as the password": {"DOORBUS_BROKER__PASSWORD": "wrong"},
    }
    tellings = await asyncio.gather(*(_doctor(known | change) for change in wrong.values()))
    for sentence, told in zip(wrong, tellings, strict=True):
        assert (sentence in told, told.count("\n")) == (True, 1), told


async def _doctor(environment: Mapping[str, str]) -> str:
    command = [sys.executable, "-W", "ignore", "-m", "doorbus.cli", "doctor", "--seconds", "3"]
    variables = {**os.environ, "COLUMNS": "200", **environment}
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=variables)
    async with asyncio.timeout(40):
        out, err = await process.communicate()
    return (out + err).decode()


async def test_nobody_takes_over_a_service_by_the_names_it_is_known_by(fresh_stack_capture: Broker) -> None:
    broker = fresh_stack_capture
    names = ["capture", "porch", "capture-porch", "doorbus-capture", "capture-porch-"]
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
        await viewer.expect(channels.HEALTH, instance="porch")
        for name in names:
            way = broker.transport(Role.VIEWER).connect(client_id=name, will=None, deliver=_ignore)
            with contextlib.suppress(ConnectionLost):
                async with way as thief:
                    await thief.publish(Packet(f"{ROOT}/nobody/reads/this", qos=1))
        async with asyncio.timeout(20):
            for _ in range(2):
                health = (await viewer.expect(channels.HEALTH, instance="porch")).message

    assert (health.state.value, health.figures["connections"]) == ("online", 1)


@pytest.fixture
async def fresh_stack_capture(fresh_stack: Stack) -> Broker:
    """The broker of a stack in which a camera service runs, named porch."""
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.CAPTURE, {"DOORBUS_CAPTURE__SOURCE": "none"}, instance="porch")
    return fresh_stack.broker
