"""A whole doorbus on this machine: credentials and broker files under var/, and the processes.

`python -m doorbus.local prepare` writes the files, `python -m doorbus.local broker` does so and becomes the broker; the
Procfile uses it. Tests, benches and the demo start the same processes through `Stack`.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from doorbus import acl, channels
from doorbus.channels import DEFAULT_ROOT, HOMEASSISTANT_PREFIX, SERVICES, Role
from doorbus.client import connect
from doorbus.messages import State
from doorbus.mqtt import MqttTransport
from doorbus.passwords import new_password, password_file
from doorbus.settings import CommonSettings, load
from doorbus.wire import ConnectionLost

REPOSITORY_CONFIG = Path("mosquitto")
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on an ordinary user's PATH in Debian
SITE_KEY = "site.key"


class LocalError(Exception):
    """This machine lacks something, or a process did not come up; the text says the way out."""


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def prepare(
    var: Path,
    port: int,
    config: Path = REPOSITORY_CONFIG,
    root: str = DEFAULT_ROOT,
    homeassistant: str = HOMEASSISTANT_PREFIX,
) -> Path:
    """Write what the broker needs under `var`; return the directory to start mosquitto in.

    The access rules are those of topics under `root`, and of announcements under `homeassistant`. Credentials that
    exist are kept. Raises `LocalError`.
    """
    credentials = var / "credentials"
    credentials.mkdir(parents=True, exist_ok=True)
    credentials.chmod(0o700)
    for role in Role:
        _secret(credentials / role, new_password())
    _secret(credentials / SITE_KEY, token_hex(32))

    home = var / "broker"
    inside = home / "mosquitto"
    for name in ("data", "listeners", "secrets"):
        (inside / name).mkdir(parents=True, exist_ok=True)
    link = inside / "config"
    link.unlink(missing_ok=True)
    link.symlink_to(config.resolve(strict=True))
    # Started as root, mosquitto would become the user `mosquitto`, who cannot read a var/ that only root may enter.
    user = "user root\n" if os.geteuid() == 0 else ""
    (inside / "listeners" / "local.conf").write_text(f"listener {port} 127.0.0.1\n{user}")

    passwords = {role.value: (credentials / role).read_text().strip() for role in Role}
    for name, text in (("passwords", password_file(passwords)), ("acl", acl.text(root, homeassistant=homeassistant))):
        fresh = inside / "secrets" / f"{name}.new"
        _write_private(fresh, text)
        fresh.replace(fresh.with_suffix(""))
    return home


def _secret(path: Path, value: str) -> None:
    if not path.exists():
        _write_private(path, value + "\n")


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _find(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise LocalError(f"{program}: not found; install it with: apt-get install mosquitto mosquitto-clients")
    return found


def broker_command() -> list[str]:
    """How mosquitto is started in the directory that `prepare` returns."""
    return [_find("mosquitto"), "-c", "mosquitto/config/mosquitto.conf"]


class Broker:
    """A real mosquitto of its own, with our configuration, access rules and users, on the loopback."""

    host = "127.0.0.1"

    def __init__(self, var: Path, port: int, config: Path = REPOSITORY_CONFIG) -> None:
        self.var = var.resolve()
        self.port = port
        self._config = config
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the running broker. Raises `LocalError` when it was not started."""
        if self._process is None:
            raise LocalError(f"the broker of port {self.port} is not running")
        return self._process.pid

    def password(self, role: str) -> str:
        """The password of the user `role`."""
        return (self.var / "credentials" / role).read_text().strip()

    def transport(self, role: Role) -> MqttTransport:
        """A way onto the bus as `role`."""
        return MqttTransport(self.host, self.port, username=role, password=self.password(role))

    async def start(self) -> None:
        """Start mosquitto and wait until it answers. Raises `LocalError`."""
        home = prepare(self.var, self.port, self._config)
        self._process = await Process.start("broker", broker_command(), self.var / "logs", cwd=home)
        for _ in range(200):
            self._process.check_alive()
            with contextlib.suppress(ConnectionLost):
                async with connect(self.transport(Role.VIEWER)):
                    return
            await asyncio.sleep(0.05)
        raise LocalError(f"the broker does not answer on port {self.port}:\n{self._process.log()[-2000:]}")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop mosquitto; it persists what is retained unless it is killed."""
        if self._process is not None:
            await self._process.stop(number)
            self._process = None

    async def restart(self) -> None:
        """Stop and start again on the same port."""
        await self.stop()
        await self.start()


class Process:
    """A process with its output in a log file."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls,
        name: str,
        command: list[str],
        logs: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> "Process":
        """Start `command`; its output is added to `logs`/`name`.log."""
        logs.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  # a local directory, before anything runs
        path = logs / f"{name}.log"
        with path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=cwd
            )
        return cls(name, process, path)

    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text(errors="replace")

    def check_alive(self) -> None:
        """Raise `LocalError` with the end of the log if the process has ended."""
        status = self._process.returncode
        if status is not None:
            raise LocalError(f"{self.name} ended with status {status}:\n{self.log()[-2000:]}")

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, and wait for nothing."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit status."""
        return await self._process.wait()

    async def stop(self, number: signal.Signals = signal.SIGTERM, patience: float = 10.0) -> int:
        """Send a signal, wait for the end and return the exit status; killed after `patience` seconds."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        try:
            async with asyncio.timeout(patience):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()


class Stack:
    """The broker and the services as processes of their own, with their logs under `var/logs`.

    For the demo, tests and benches: it waits for readiness by health, and can kill and restart every part. `assets` is
    the directory where setup has put weights and sample pictures.
    """

    def __init__(self, var: Path, *, port: int, assets: Path, config: Path = REPOSITORY_CONFIG) -> None:
        self.broker = Broker(var, port, config)
        self.var = self.broker.var
        for name in ("weights", "samples"):  # fetched once, used by every stack
            (self.var / name).symlink_to(assets.resolve() / name)
        self._services: dict[str, Process] = {}
        self._environment: dict[str, Mapping[str, str]] = {}

    def process(self, name: str) -> Process:
        """The process of the service instance `name`."""
        return self._services[name]

    async def start(self, service: Role, environment: Mapping[str, str] | None = None, *, instance: str = "") -> None:
        """Start a service and wait until its health says online. `environment` adds to this process' own.

        Without `environment` an instance starts as it did the last time. Raises `LocalError` with the end of its log
        when it ends before it is online.
        """
        name = instance or service.value
        if environment is not None:
            self._environment[name] = environment
        variables = {
            **os.environ,
            "DOORBUS_VAR": str(self.var),
            "DOORBUS_BROKER__HOST": self.broker.host,
            "DOORBUS_BROKER__PORT": str(self.broker.port),
            "DOORBUS_INSTANCE": name,
            **self._environment.get(name, {}),
        }
        before = await self._last_start(service, name)
        command = [sys.executable, "-m", f"doorbus_{service}"]
        process = await Process.start(name, command, self.var / "logs", variables)
        self._services[name] = process
        await self._until_online(service, process, before)

    async def start_all(self, environments: Mapping[Role, Mapping[str, str]] | None = None) -> None:
        """Start the broker and all four services."""
        await self.broker.start()
        given = environments or {}
        async with asyncio.TaskGroup() as tasks:
            for service in SERVICES:
                tasks.create_task(self.start(service, given.get(service, {})))

    async def stop_service(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to a service, wait for its end and return its exit status."""
        return await self._services.pop(name).stop(number)

    async def stop(self) -> None:
        """Stop everything, services first, so that they can say goodbye."""
        await asyncio.gather(*(process.stop() for process in self._services.values()))
        self._services.clear()
        await self.broker.stop()

    async def _until_online(self, service: Role, process: Process, before: datetime | None) -> None:
        viewer = self.broker.transport(Role.VIEWER)
        try:
            async with asyncio.timeout(60), connect(viewer, [channels.HEALTH]) as client:
                while True:
                    process.check_alive()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.5):
                            event = await client.expect(channels.HEALTH, service=service.value, instance=process.name)
                            if event.message.state is State.ONLINE and event.message.started_at != before:
                                return
        except TimeoutError:
            raise LocalError(f"{process.name} is not online after 60 s:\n{process.log()[-2000:]}") from None

    async def _last_start(self, service: Role, instance: str) -> datetime | None:
        """When the instance that the retained health speaks of was started, to tell it from the one started next."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2), connect(self.broker.transport(Role.VIEWER), [channels.HEALTH]) as client:
                event = await client.expect(channels.HEALTH, service=service.value, instance=instance)
                started: datetime = event.message.started_at
                return started
        return None


@asynccontextmanager
async def stack(var: Path, assets: Path, config: Path = REPOSITORY_CONFIG) -> AsyncIterator[Stack]:
    """A stack on a free port, stopped at the end; nothing is started yet."""
    one = Stack(var, port=free_port(), assets=assets, config=config)
    try:
        yield one
    finally:
        await one.stop()


def _become_broker(settings: CommonSettings) -> None:
    port = settings.broker.port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalError(
                f"DOORBUS_BROKER__PORT={port}: {error.strerror}; another broker runs (systemctl stop mosquitto?), "
                "or choose another port"
            ) from None
    home = prepare(settings.var, port, root=settings.root, homeassistant=settings.homeassistant.prefix)
    command = broker_command()
    os.chdir(home)
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted


def main() -> int:
    """`python -m doorbus.local prepare` and `broker`."""
    if sys.argv[1:2] not in (["prepare"], ["broker"]):
        print("usage: python -m doorbus.local prepare|broker [--broker.port PORT]", file=sys.stderr)  # noqa: T201
        return 2
    try:
        settings = load(CommonSettings, sys.argv[2:])
        if sys.argv[1] == "broker":
            _become_broker(settings)
        else:
            prefix = settings.homeassistant.prefix
            prepare(settings.var, settings.broker.port, root=settings.root, homeassistant=prefix)
    except LocalError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
