"""What all commands share: who they are to the broker, how they reach it, and how trouble is told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from doorbus.cli.lines import line
from doorbus.runtime.advice import way_out
from doorbus.runtime.broker import transport
from doorbus.runtime.client import Client, connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.runtime.settings import CommonSettings, load
from doorbus.wire.channels import Role
from doorbus.wire.ids import is_slug
from doorbus.wire.packet import ConnectionLost

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class ExitStatus(IntEnum):
    """Exit statuses of the command."""

    OK = 0
    REFUSED = 1
    """The system answered, and the answer was no."""
    NO_ANSWER = 2
    """Nobody answered: the broker or a service is not there, or the command was not understood."""
    INTERRUPTED = 130


def slug(value: str) -> str:
    """Check an id on the command line."""
    if not is_slug(value):
        raise typer.BadParameter(
            f"{value!r}: an id is a-z, 0-9, _ and -, at most 64 of them, and begins with a-z or 0-9"
        )
    return value


As = Annotated[
    Role | None,
    typer.Option("--as", help="User of the broker to be; DOORBUS_BROKER__USERNAME, or operator.", show_default=False),
]
Door = Annotated[str, typer.Argument(metavar="DOOR", help="Id of the door, e.g. front.", callback=slug)]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Id of the person, e.g. alice.", callback=slug)]
Timeout = Annotated[float, typer.Option(min=0.1, max=600, help="Seconds to wait for an answer.")]


@dataclass(frozen=True)
class Access:
    """Who we are to which broker."""

    settings: CommonSettings
    role: str

    @classmethod
    def of(cls, role: Role | None) -> "Access":
        """Access as `role`, or as the settings say; raises `SetupError` for a wrong setting."""
        settings = load(CommonSettings, [])
        if role is not None:
            broker = settings.broker.model_copy(update={"username": role.value})
            settings = settings.model_copy(update={"broker": broker})
        return cls(settings, settings.broker.username or Role.OPERATOR.value)

    @property
    def address(self) -> str:
        """Where the broker is: `host:port`."""
        return f"{self.settings.broker.host}:{self.settings.broker.port}"

    def transport(self) -> MqttTransport:
        """The way to the broker; raises `SetupError` when a TLS file is of no use."""
        return transport(self.settings, self.role)

    def why_not(self, lost: ConnectionLost) -> str:
        """One sentence on why there is no connection, and the way out."""
        return f"{lost}; {way_out(lost, self.settings, self.role)}"


def on_the_bus(access: Access, work: Callable[[Client], Awaitable[int]]) -> NoReturn:
    """Do `work` with a connection to the broker, and end with the status that it returns."""
    try:
        status = asyncio.run(_connected(access, work))
    except KeyboardInterrupt:
        status = ExitStatus.INTERRUPTED
    raise typer.Exit(status)


async def _connected(access: Access, work: Callable[[Client], Awaitable[int]]) -> int:
    try:
        async with connect(access.transport(), topics=access.settings.topics, name=f"doorbus-{access.role}") as client:
            return await work(client)
    except ConnectionLost as lost:
        err.print(line((access.why_not(lost), "red")))
    return ExitStatus.NO_ANSWER
