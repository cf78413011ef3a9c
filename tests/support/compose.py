"""A compose project of a test's own, and the faults that befall its containers."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from doorbus.local.stack import free_port
from doorbus.runtime.broker import transport
from doorbus.runtime.client import connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.runtime.settings import BrokerSettings, CommonSettings
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Action, LockCommand
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

REPOSITORY = Path(__file__).parent.parent.parent
HOST = "127.0.0.1"
DOOR = "front"
FILES = ("compose.yaml", "tests/compose/project.yaml")
IMAGE = "doorbus-actuator"
"""Any image with a Python will do for a look at a volume."""
SERVICES = ("capture", "recognizer", "actuator", "enroller")


class DockerError(Exception):
    """A docker command failed; the text is what it said."""


async def docker(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a docker command; what it prints. Raises `DockerError`."""
    status, said = await _run("docker", *arguments, environment=environment)
    if status:
        raise DockerError(f"docker {' '.join(arguments)}: {said[-2000:]}")
    return said


@dataclass
class Project:
    """The services of compose.yaml under a name, with secrets, volumes, a network and a port of their own."""

    folder: Path
    """Of its own; the secrets and what the camera shows are in it."""
    name: str = field(default_factory=lambda: f"doorbus-test-{uuid4().hex[:8]}")
    port: int = field(default_factory=free_port)

    @property
    def secrets(self) -> Path:
        """What `doorbus secrets` made."""
        return self.folder / "secrets"

    async def compose(
        self, *arguments: str, environment: Mapping[str, str] | None = None, overlays: Sequence[str] = ()
    ) -> str:
        """Run a `docker compose` command on the project."""
        files = [part for file in (*FILES, *overlays) for part in ("-f", file)]
        variables = {
            "DOORBUS_TAG": self.name,
            "DOORBUS_SECRETS": str(self.secrets),
            "DOORBUS_TLS_PORT": str(self.port),
            "DOORBUS_CAPTURE__SOURCE": "none",
            **(environment or {}),
        }
        return await docker(
            "compose",
            "--env-file",
            os.devnull,
            "-p",
            self.name,
            "--profile",
            "demo",
            *files,
            *arguments,
            environment=variables,
        )

    async def up(
        self, *arguments: str, environment: Mapping[str, str] | None = None, overlays: Sequence[str] = ()
    ) -> None:
        """Start what is named (or all) and wait until it is healthy."""
        await self.compose("up", "-d", "--wait", *arguments, environment=environment, overlays=overlays)

    # What a door is seen through; see support.Site.

    def transport(self, role: Role) -> MqttTransport:
        """A way onto the bus as `role`, over TLS, through the published port."""
        tls = {"tls": True, "tls_ca": self.secrets / "ca.crt"}
        broker = BrokerSettings(
            host=HOST, port=self.port, username=role, password_file=self.secrets / "users" / role, **tls
        )
        return transport(CommonSettings(_env_file=None, broker=broker), role)

    def password(self, role: Role) -> str:
        """The password of the user `role`."""
        return (self.secrets / "users" / role).read_text().strip()

    def relay_record(self) -> str:
        """The lines of relay.jsonl so far, also while the actuator is down."""
        command = ["docker", "run", "--rm", "--network", "none", "-v", f"{self.name}_actuator:/volume:ro"]
        command += ["--entrypoint", "python", IMAGE, "-c", "print(open('/volume/relay.jsonl').read(), end='')"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    @property
    def openings(self) -> int:
        """How often the relay was energised so far."""
        return sum(json.loads(line)["energised"] for line in self.relay_record().splitlines())

    # Containers and what befalls them.

    async def containers(self, service: str) -> list[str]:
        """The ids of the running containers of a service."""
        return (await self.compose("ps", "-q", service)).split()

    async def container(self, service: str) -> str:
        """The id of the only running container of a service."""
        (one,) = await self.containers(service)
        return one

    async def kill(self, *services: str) -> float:
        """SIGKILL from outside, as the kernel does when memory is out; `docker kill` would count as a wish.

        Returns the monotonic time at which that happened.
        """
        pids = [
            int(await docker("inspect", "--format", "{{.State.Pid}}", await self.container(service)))
            for service in services
        ]
        told = await docker(
            *("run", "--rm", "--network", "none", "--pid", "host", "--user", "0", "--entrypoint", "python"),
            *(IMAGE, "-c", f"import os, time; print(time.monotonic()); [os.kill(pid, 9) for pid in {pids}]"),
        )
        return float(told)

    async def unlocked(self, seconds: float) -> float:
        """Unlock for so long; the monotonic time, which all containers share, at which the relay was energised."""
        command = LockCommand(action=Action.UNLOCK, seconds=seconds)
        async with asyncio.timeout(30), connect(self.transport(Role.OPERATOR)) as operator:
            while not (last := self._last_transition())["energised"]:
                await operator.send(Outbound(channels.LOCK_COMMAND, command, {"door": DOOR}))
                await asyncio.sleep(0.5)
        return float(last["monotonic"])

    async def locked(self) -> float:
        """Wait until the relay is de-energised; the monotonic time at which that happened."""
        async with asyncio.timeout(60):
            while (last := self._last_transition())["energised"]:  # noqa: ASYNC110  # a file tells nobody
                await asyncio.sleep(0.5)
        return float(last["monotonic"])

    def _last_transition(self) -> dict[str, Any]:
        last: dict[str, Any] = json.loads(self.relay_record().splitlines()[-1])
        return last

    @asynccontextmanager
    async def partitioned(self, service: str) -> AsyncIterator[None]:
        """Take a service off the network while the context lasts."""
        network, container = f"{self.name}_default", await self.container(service)
        await docker("network", "disconnect", network, container)
        try:
            yield
        finally:
            await docker("network", "connect", "--alias", service, network, container)

    async def is_cut_off(self, service: str) -> None:
        """Wait until the health check of a service's container says that the broker is away."""
        container = await self.container(service)
        async with asyncio.timeout(30):
            while True:
                status, said = await _run("docker", "exec", container, "python", "-m", "doorbus.healthcheck")
                if status:
                    assert said == "the service runs, but the broker is away"
                    return
                await asyncio.sleep(0.5)

    async def settled(self) -> None:
        """Wait until every container is healthy, whatever was done to it before."""
        async with asyncio.timeout(60):
            while True:
                listed = (await self.compose("ps", "--format", "{{.Service}} {{.ID}} {{.Health}}")).splitlines()
                states = [await self._is_well(*one.split()) for one in listed]
                if len(states) == len(SERVICES) + len(("broker", "guardian")) and all(states):
                    return
                await asyncio.sleep(0.5)

    async def _is_well(self, service: str, container: str, health: str) -> bool:
        """Whether its health check says so; docker, which asks each ten seconds, may not know yet."""
        if health != "healthy" and service in SERVICES:
            return not (await _run("docker", "exec", container, "python", "-m", "doorbus.healthcheck"))[0]
        return health == "healthy"

    async def scale(self, service: str, count: int) -> None:
        """Have `count` containers of a service; does not wait for their health."""
        await self.compose("up", "-d", "--no-deps", "--scale", f"{service}={count}", service)

    async def recreate(self, *services: str, clock: str | None = None) -> None:
        """Put new containers in the place of those of `services`, with a clock that is off by `clock`, e.g. `+1h`."""
        if clock is None:
            await self.up("--force-recreate", "--no-deps", *services)
            return
        (service,) = services
        image = f"doorbus-{service}-clock:{self.name}"
        await docker("build", "-t", image, "--build-arg", f"BASE=doorbus-{service}:{self.name}", "tests/compose/clock")
        overlay = self.folder / "clock.yaml"
        overlay.write_text(json.dumps({"services": {service: {"image": image, "environment": {"FAKETIME": clock}}}}))
        await self.up("--force-recreate", "--no-deps", "--no-build", service, overlays=(str(overlay),))

    async def lose_the_broker(self) -> None:
        """Remove the broker and its volume, and start another one."""
        await self.compose("rm", "--stop", "--force", "broker")
        await docker("volume", "rm", f"{self.name}_broker")
        await self.up("broker")

    @asynccontextmanager
    async def reader_that_stops_reading(self) -> AsyncIterator[None]:
        """A viewer that asks for all frames and then takes none from its socket."""
        command = [
            "stdbuf",
            "-oL",
            "mosquitto_sub",
            "-h",
            HOST,
            "-p",
            str(self.port),
            "--cafile",
            str(self.secrets / "ca.crt"),
        ]
        command += [
            "-u",
            Role.VIEWER,
            "-P",
            self.password(Role.VIEWER),
            "-t",
            TOPICS.filter(channels.FRAME),
        ]
        process = await asyncio.create_subprocess_exec(*command, "-d", stdout=subprocess.PIPE)
        assert process.stdout is not None
        async with asyncio.timeout(10):
            while b"SUBACK" not in await process.stdout.readline():
                pass
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.kill()
            await process.wait()

    async def down(self) -> None:
        """Remove all of it, volumes and images too."""
        await self.compose("down", "--volumes", "--timeout", "5", "--remove-orphans")
        await self.forget_images()

    async def forget_images(self) -> None:
        """Remove the images that are tagged with its name, so that no other project's build takes their place."""
        listed = await docker(
            "image", "ls", "--filter", f"reference=doorbus*:{self.name}", "--format", "{{.Repository}}"
        )
        if repositories := listed.split():
            await docker("image", "rm", "--force", *(f"{one}:{self.name}" for one in repositories))


async def _run(*command: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command; its exit status and what it says: its output, or when it fails without one, its errors."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    status = process.returncode or 0
    return status, (out or (err if status else b"")).decode().strip()
