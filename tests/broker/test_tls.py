"""Who is let in over TLS, by whom a client lets itself be talked to, and what a stolen password is good for."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from doorbus import channels
from doorbus.certificates import Authority, Pair, new_authority
from doorbus.channels import DEFAULT_ROOT, Role
from doorbus.client import connect
from doorbus.local import Broker, Stack
from doorbus.mqtt import MqttTransport
from doorbus.users import User
from doorbus.wire import ConnectionLost, Filter, Packet
from tls import HOST, TlsSite, is_let_in

# paho leaves the socket of a handshake that failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
NOW = datetime.now(UTC)
ROOT = DEFAULT_ROOT


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
            await one.reload()
            assert not await is_let_in(one.transport(Role.OPERATOR)), name
        _put(good, broker)
        await one.reload()
        assert await is_let_in(one.transport(Role.OPERATOR))


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
        assert not await is_let_in(one.transport(Role.OPERATOR))
        assert not await is_let_in(operator("expired"))
        assert not await is_let_in(operator("foreign"))

        one.site.rotate("operator")
        await one.stop()
        await one.start()
        assert not await is_let_in(operator("stolen"))
        files: dict[str, Any] = {"tls_cert": clients / "operator.crt", "tls_key": clients / "operator.key"}
        assert await is_let_in(one.transport(Role.OPERATOR, **files))


async def test_a_rotated_password_and_a_revoked_user_end_without_a_restart(tmp_path: Path, repository: Path) -> None:
    async with _running(tmp_path, repository) as one:
        one.site.make()
        one.site.add(User("tablet", Role.VIEWER, {}))
        await one.start()
        old, tablet = one.transport(Role.OPERATOR), one.transport("tablet")
        assert await is_let_in(old)
        assert await is_let_in(tablet)

        one.site.rotate("operator")
        one.site.revoke("tablet")
        await one.reload()

        assert not await is_let_in(old)
        assert not await is_let_in(tablet)
        assert await is_let_in(one.transport(Role.OPERATOR))


STOLEN = {
    channels.LOCK_COMMAND.topic(ROOT, door="front"): b"UNLOCK",
    channels.RECOGNITION.topic(ROOT, door="front", camera="porch"): b"{}",
    channels.FRAME.topic(ROOT, door="front", camera="porch"): b"\xff\xd8",
    channels.GALLERY_MANIFEST.topic(ROOT): b"{}",
    channels.ROSTER_MANIFEST.topic(ROOT): b"{}",
    channels.ENROL.topic(ROOT, person="mallory"): b"\xff\xd8",
    channels.HEALTH.topic(ROOT, service="actuator", instance="front"): b"{}",
    "homeassistant/lock/x/config": b"{}",
    "homeassistant/status": b"offline",
}


async def test_a_stolen_viewer_password_can_send_nothing_and_read_no_gallery(tls_site: TlsSite) -> None:
    heard: list[Packet] = []
    secret = Packet(channels.GALLERY_SHARD.topic(ROOT, shard="7"), b"sealed", qos=1, retain=True)
    stolen: list[Packet] = []
    async with AsyncExitStack() as stack:
        for role in Role:
            way = tls_site.transport(role).connect(client_id=f"honest-{role}", will=None, deliver=heard.append)
            await (await stack.enter_async_context(way)).subscribe([Filter("#"), Filter("homeassistant/#")])
        way = tls_site.transport(Role.ENROLLER).connect(client_id="enroller", will=None, deliver=heard.append)
        enroller = await stack.enter_async_context(way)
        await enroller.publish(secret)
        way = tls_site.transport(Role.VIEWER).connect(client_id="thief", will=None, deliver=stolen.append)
        thief = await stack.enter_async_context(way)
        await thief.subscribe([Filter("#", replay=True), Filter(channels.GALLERY_SHARD.filter(ROOT), replay=True)])
        heard.clear()
        for topic, payload in STOLEN.items():
            await thief.publish(Packet(topic, payload, qos=1))
            await thief.publish(Packet(topic, payload, qos=1, retain=True))
        await thief.publish(Packet(f"{ROOT}/nobody/reads/this", qos=1))

        assert [packet.topic for packet in heard if packet.topic in STOLEN] == []
        assert [packet for packet in stolen if packet.payload == secret.payload] == []


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
                    channels.FRAME.topic(ROOT, door=door, camera=camera)
                    for door in ("front", "back")
                    for camera in ("porch", "yard")
                ],
                "actuator-back": [channels.LOCK_STATE.topic(ROOT, door=door) for door in ("front", "back")],
            }
            for user, topics in tried.items():
                async with one.transport(user).connect(client_id=user, will=None, deliver=heard.append) as client:
                    for topic in topics:
                        await client.publish(Packet(topic, user.encode(), qos=1))
            await viewer.publish(Packet(f"{ROOT}/nobody/reads/this", qos=1))

        assert {packet.topic for packet in heard} == {
            channels.FRAME.topic(ROOT, door="front", camera="porch"),
            channels.LOCK_STATE.topic(ROOT, door="back"),
        }


async def test_nobody_takes_over_a_service_by_the_names_it_is_known_by(fresh_stack_capture: Broker) -> None:
    broker = fresh_stack_capture
    names = ["capture", "porch", "capture-porch", "doorbus-capture", "capture-porch-"]
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
        await viewer.expect(channels.HEALTH, instance="porch")
        for name in names:
            way = broker.transport(Role.VIEWER).connect(client_id=name, will=None, deliver=lambda _: None)
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
