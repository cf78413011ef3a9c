"""A whole doorbus on this machine as processes of its own, for the demo, the tests and the benches."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from doorbus.local.prepare import REPOSITORY_CONFIG, LocalError, broker_command, check_store, prepare
from doorbus.runtime.client import connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.wire import channels
from doorbus.wire.channels import SERVICES, Role
from doorbus.wire.ed25519 import SecretKey
from doorbus.wire.keyfiles import read_key
from doorbus.wire.messages import Presence
from doorbus.wire.packet import ConnectionLost


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on, and that the system gives to nobody else for a minute.

    A connection that was just closed on it stays behind, which a server that reuses its address, as all do, passes by.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
    return port


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

    def key(self, role: Role) -> SecretKey:
        """The key that `role` signs with."""
        return SecretKey(read_key(self.var / "credentials" / f"{role}.key"))

    async def start(self) -> None:
        """Start mosquitto and wait until it answers. Raises `LocalError`."""
        home = prepare(self.var, self.port, self._config)
        await asyncio.to_thread(check_store, home)
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
                *command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=cwd, umask=0o077
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
        for name in ("weights", "samples", "assets"):  # fetched once, used by every stack
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
        begun = datetime.now(UTC)
        command = [sys.executable, "-m", f"doorbus_{service}"]
        process = await Process.start(name, command, self.var / "logs", variables)
        self._services[name] = process
        await self._until_online(service, process, begun)

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

    async def _until_online(self, service: Role, process: Process, begun: datetime) -> None:
        """Wait for health that was told since `begun`: what is retained may be of the process before."""
        viewer = self.broker.transport(Role.VIEWER)
        try:
            async with asyncio.timeout(60), connect(viewer, [channels.HEALTH]) as client:
                while True:
                    process.check_alive()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.5):
                            event = await client.expect(channels.HEALTH, service=service.value, instance=process.name)
                            if event.message.state is Presence.ONLINE and event.message.started_at >= begun:
                                return
        except TimeoutError:
            raise LocalError(f"{process.name} is not online after 60 s:\n{process.log()[-2000:]}") from None


@asynccontextmanager
async def stack(var: Path, assets: Path, config: Path = REPOSITORY_CONFIG) -> AsyncIterator[Stack]:
    """A stack on a free port, stopped at the end; nothing is started yet."""
    one = Stack(var, port=free_port(), assets=assets, config=config)
    try:
        yield one
    finally:
        await one.stop()
