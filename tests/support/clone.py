"""A clone of the repository as an office administrator has it: with a .env, scripts and containers of its own."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from doorbus.local.stack import free_port
from support.compose import HOST, REPOSITORY, Project, docker

PATIENT = {"PATIENCE_SECONDS": "400", "DOCTOR_SECONDS": "60"}
"""How long scripts wait for containers at the most, on a machine that may be busy with much else."""


@dataclass(frozen=True)
class Said:
    """What a script said, and its exit status."""

    status: int
    text: str


@dataclass
class Clone(Project):
    """The working tree, copied into `folder`; its containers have names, volumes, a network and a port of their own."""

    environment: dict[str, str] = field(default_factory=dict)
    """What its user's shell has set."""

    def __post_init__(self) -> None:
        """Copy the tree, and write .env."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
            text=True,
        )
        _copy((name for name in listed.stdout.split("\0") if name), self.folder)
        for fetched in ("var/weights", "var/samples"):
            shutil.copytree(REPOSITORY / fetched, self.folder / fetched)
        self.set(
            COMPOSE_PROJECT_NAME=self.name,
            DOORBUS_TAG=self.name,
            DOORBUS_TLS_ADDRESS="127.0.0.1",
            DOORBUS_TLS_PORT=str(self.port),
            DOORBUS_CAPTURE__SOURCE="none",
            DOORBUS_ACTUATOR__UNLOCK_SECONDS="0.3",
            DOORBUS_ACTUATOR__COOLDOWN_SECONDS="0.5",
            DOORBUS_ACTUATOR__TIME_ZONE="UTC",
            # What takes the place of pinned images here, for docker commands beside the scripts.
            **{name: value for name, value in os.environ.items() if name.startswith("DOORBUS_") and "_IMAGE" in name},
        )

    @property
    def secrets(self) -> Path:
        """What `scripts/secrets` made."""
        return self.folder / "var" / "secrets"

    @property
    def settings(self) -> dict[str, str]:
        """What .env says; None takes a line away."""
        path = self.folder / ".env"
        lines = path.read_text().splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def set(self, **settings: str | None) -> None:
        """Change .env; None takes a line away."""
        changed = {name: value for name, value in {**self.settings, **settings}.items() if value is not None}
        (self.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in changed.items()))

    async def run(self, *command: str, stdin: bytes | None = None) -> Said:
        """Run a command in the clone, as its user does."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOORBUS_", "COMPOSE_"))}
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env={**kept, **PATIENT, **self.environment},
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        out, _ = await process.communicate(stdin)
        return Said(process.returncode or 0, out.decode())

    async def well(self, *command: str, stdin: bytes | None = None) -> str:
        """Run a command that must succeed; what it said."""
        said = await self.run(*command, stdin=stdin)
        assert said.status == 0, said.text
        return said.text

    async def refused(self, *command: str) -> str:
        """Run a command that must not succeed; its last words, without the colours of a terminal."""
        said = await self.run(*command)
        assert said.status != 0, said.text
        return said.text

    @asynccontextmanager
    async def hearing(self, user: str, topic: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
        """What comes next on a topic that `user` may read, as long as the context lasts."""
        where = ("-h", HOST, "-p", str(self.port), "--cafile", str(self.secrets / "ca.crt"))
        who = ("-u", user, "-P", (self.secrets / "users" / user).read_text().strip())
        command = ("stdbuf", "-oL", "mosquitto_sub", *where, *who, "-t", topic, "-d")
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        assert process.stdout is not None

        async def line(holds: Callable[[str], bool]) -> str:
            assert process.stdout is not None
            async with asyncio.timeout(30):
                while not holds(said := (await process.stdout.readline()).decode().strip()):
                    assert process.returncode is None
            return said

        try:
            await line(lambda said: "SUBACK" in said)
            yield lambda: line(lambda said: said != "" and not said.startswith(("Client ", "Subscribed ")))
        finally:
            process.kill()
            await process.wait()

    async def running(self) -> dict[str, str]:
        """The running containers of the services: name of the container to its id and the moment of its start."""
        listed = await docker(
            *("ps", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.name}"),
            *("--filter", "label=com.docker.compose.oneoff=False", "--format", "{{.ID}}"),
        )
        told = await docker("inspect", "--format", "{{.Name}} {{.Id}} {{.State.StartedAt}}", *listed.split())
        return {name.strip("/").removeprefix(f"{self.name}-"): f"{id_} {at}" for name, id_, at in _words(told)}

    async def down(self) -> None:
        """Remove all of it, volumes and images too."""
        self.set(COMPOSE_FILE=None, COMPOSE_PROFILES="*")
        await self.run("docker", "compose", "down", "--volumes", "--timeout", "5", "--remove-orphans")
        await self.forget_images()


def _words(text: str) -> Iterable[list[str]]:
    return (line.split() for line in text.splitlines())


def _copy(names: Iterable[str], folder: Path) -> None:
    for name in names:
        if (REPOSITORY / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)


@asynccontextmanager
async def cloned(folder: Path) -> AsyncIterator[Clone]:
    """A clone, of which nothing is left afterwards."""
    one = Clone(folder, f"doorbus-test-{uuid4().hex[:8]}", free_port())
    try:
        yield one
    finally:
        await one.down()
