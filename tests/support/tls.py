"""A real mosquitto that is spoken to over TLS only, with the secrets of a site as `doorbus secrets` makes them."""

import asyncio
import contextlib
import re
import shutil
from pathlib import Path

from doorbus.local.prepare import LocalError, broker_command
from doorbus.local.stack import Process, free_port
from doorbus.runtime.broker import transport
from doorbus.runtime.client import connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.runtime.settings import BrokerSettings, CommonSettings
from doorbus.site.secrets import Site
from doorbus.wire.packet import ConnectionLost

HOST = "127.0.0.1"


class TlsSite:
    """The broker of a site, set up from the files of mosquitto/ and of the site alone."""

    def __init__(self, folder: Path, repository: Path, listener: str = "tls") -> None:
        self.site = Site(folder / "secrets")
        self.site.make(client_certificates=listener == "tls-clients")
        self.port = free_port()
        self.ca = self.site.directory / "ca.crt"
        self._home = folder / "broker"
        self._inside = self._home / "mosquitto"
        (self._inside / "data").mkdir(parents=True)
        (self._inside / "listeners").mkdir()
        (self._inside / "config").symlink_to(repository / "mosquitto")
        text = (repository / "mosquitto" / "listeners" / f"{listener}.conf").read_text()
        text = re.sub(r"^listener 8883.*", f"listener {self.port} {HOST}\nuser root", text, flags=re.MULTILINE)
        (self._inside / "listeners" / "listener.conf").write_text(text)
        self._process: Process | None = None

    def hand_over(self) -> None:
        """Give the broker the site's files, as its start script does."""
        shutil.copytree(self.site.directory / "broker", self._inside / "secrets", dirs_exist_ok=True)

    async def start(self) -> None:
        """Start mosquitto and wait until it is there. Raises `LocalError`."""
        if not (self._inside / "secrets").exists():
            self.hand_over()
        self._process = await Process.start("broker", broker_command(), self._home / "logs", cwd=self._home)
        for _ in range(200):
            self._process.check_alive()
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, self.port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise LocalError(self._process.log())

    async def restart(self) -> None:
        """Start the broker anew with the site's files of now."""
        await self.stop()
        self.hand_over()
        await self.start()

    async def stop(self) -> None:
        """Stop mosquitto."""
        if self._process is not None:
            await self._process.stop()

    def environment(self, user: str) -> dict[str, str]:
        """The settings of a program that is `user`."""
        return {
            "DOORBUS_VAR": str(self._home),
            "DOORBUS_BROKER__HOST": HOST,
            "DOORBUS_BROKER__PORT": str(self.port),
            "DOORBUS_BROKER__TLS": "true",
            "DOORBUS_BROKER__TLS_CA": str(self.ca),
            "DOORBUS_BROKER__USERNAME": user,
            "DOORBUS_BROKER__PASSWORD_FILE": str(self.site.directory / "users" / user),
        }

    def transport(self, user: str, *, password: str | None = None, **tls: object) -> MqttTransport:
        """A way in as `user`, as the settings of a service would make it; `tls` are settings of the broker section."""
        known = self.site.directory / "users" / user
        known_now = known.read_text().strip() if known.exists() else None  # what is rotated later is not known to it
        who = {"username": user, "password": password or known_now}
        broker = BrokerSettings.model_validate(
            {"host": HOST, "port": self.port, "tls": True, "tls_ca": self.ca, **who, **tls}
        )
        return transport(CommonSettings(_env_file=None, var=self._home, broker=broker), user)


async def is_let_in(transport: MqttTransport) -> bool:
    """Whether the broker takes the connection and the client takes the broker."""
    try:
        async with connect(transport):
            return True
    except ConnectionLost:
        return False
