"""The broker over TLS, set up as mosquitto/README.md says."""

import subprocess
from pathlib import Path

import pytest

from doorbus.channels import Role
from doorbus.client import connect
from doorbus.local import Broker, free_port
from doorbus.mqtt import MqttTransport
from doorbus.settings import CommonSettings
from doorbus.wire import ConnectionLost


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, the broker's certificate and a client's."""
    folder = tmp_path_factory.mktemp("certificates")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl(
        folder,
        *("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.crt", "-days", "1", "-subj", "/CN=doorbus CA"),
    )
    for name, extension in (
        ("broker", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ("client", "extendedKeyUsage=clientAuth"),
    ):
        (folder / f"{name}.ext").write_text(extension)
        _openssl(folder, "req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", f"{name}.ext")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)
    return folder


async def _listen(broker: Broker, certificates: Path, *more: str) -> int:
    """Give the running broker a TLS listener; its port."""
    port = free_port()
    files = {"cafile": "ca.crt", "certfile": "broker.crt", "keyfile": "broker.key"}
    lines = [f"listener {port} 127.0.0.1", *(f"{key} {certificates / file}" for key, file in files.items()), *more]
    (broker.var / "broker" / "mosquitto" / "listeners" / "tls.conf").write_text("\n".join(lines) + "\n")
    await broker.restart()
    return port


def _transport(broker: Broker, port: int, **tls: object) -> MqttTransport:
    settings = CommonSettings(
        _env_file=None, var=broker.var, broker={"host": broker.host, "port": port, "tls": bool(tls), **tls}
    )
    return MqttTransport(
        settings.broker.host,
        settings.broker.port,
        username=Role.OPERATOR,
        password=settings.password(Role.OPERATOR),
        tls=settings.broker.tls_context(),
    )


async def _is_let_in(transport: MqttTransport) -> bool:
    try:
        async with connect(transport):
            return True
    except ConnectionLost:
        return False


@pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")  # paho drops it unclosed
async def test_tls_needs_the_authority_that_signed_the_broker(fresh_broker: Broker, certificates: Path) -> None:
    port = await _listen(fresh_broker, certificates)

    assert await _is_let_in(_transport(fresh_broker, port, tls_ca=certificates / "ca.crt"))
    assert not await _is_let_in(_transport(fresh_broker, port, tls=True))
    assert not await _is_let_in(_transport(fresh_broker, port))


async def test_a_broker_may_ask_for_a_certificate_besides_the_password(
    fresh_broker: Broker, certificates: Path
) -> None:
    port = await _listen(fresh_broker, certificates, "require_certificate true")
    ours = {"tls_cert": certificates / "client.crt", "tls_key": certificates / "client.key"}

    assert await _is_let_in(_transport(fresh_broker, port, tls_ca=certificates / "ca.crt", **ours))
    assert not await _is_let_in(_transport(fresh_broker, port, tls_ca=certificates / "ca.crt"))
