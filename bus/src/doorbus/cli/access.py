"""Who a command is to the broker, and how it gets there."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NoReturn

import typer

from doorbus.cli.common import ExitStatus, err, here
from doorbus.cli.lines import line
from doorbus.runtime.advice import way_out
from doorbus.runtime.broker import transport
from doorbus.runtime.client import Client, connect
from doorbus.runtime.settings import CommonSettings, load
from doorbus.wire.channels import Role
from doorbus.wire.packet import ConnectionLost


@dataclass(frozen=True)
class Access:
    """Who we are to which broker."""

    settings: CommonSettings
    role: str

    @classmethod
    def of(cls, role: Role | None, otherwise: Role = Role.OPERATOR) -> "Access":
        """Access as `role`, as the settings say, or as `otherwise`; raises `SetupError` for a wrong setting."""
        settings = load(CommonSettings, [])
        name = role or settings.broker.username or otherwise
        broker = settings.broker.model_copy(update={"username": str(name)})
        return cls(settings.model_copy(update={"broker": broker}), str(name))

    @property
    def address(self) -> str:
        """Where the broker is: `host:port`."""
        return f"{self.settings.broker.host}:{self.settings.broker.port}"

    def connect(self, name: str) -> AbstractAsyncContextManager[Client]:
        """A connection of the client `name`; raises `SetupError` when a TLS file is of no use."""
        return connect(transport(self.settings, self.role), topics=self.settings.topics, name=name)

    def why_not(self, lost: ConnectionLost) -> str:
        """One sentence on why there is no connection, and the way out."""
        return here(f"{lost}; {way_out(lost, self.settings, self.role)}")


def on_the_bus(access: Access, work: Callable[[Client], Awaitable[int]]) -> NoReturn:
    """Do `work` with a connection to the broker, and end with the status that it returns."""
    try:
        status = asyncio.run(_connected(access, work))
    except KeyboardInterrupt:
        status = ExitStatus.INTERRUPTED
    raise typer.Exit(status)


async def _connected(access: Access, work: Callable[[Client], Awaitable[int]]) -> int:
    try:
        async with access.connect(f"doorbus-{access.role}") as client:
            return await work(client)
    except ConnectionLost as lost:
        err.print(line((access.why_not(lost), "red")))
    return ExitStatus.NO_ANSWER
