"""`doorbus forget` deletes what the broker keeps of a service or a door that is no more."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.common import As, ExitStatus, err, out
from doorbus.cli.lines import line
from doorbus.runtime.client import Client
from doorbus.wire.channels import CHANNELS, HEALTH, OPTIONAL, SERVICES, Retain, Role
from doorbus.wire.ids import is_slug
from doorbus.wire.messages import Health, Presence
from doorbus.wire.packet import Packet

_LISTEN_SECONDS = 1.0
_OF_A_DOOR = tuple(one for one in CHANNELS if one.retain is Retain.YES and one.parameters == ("door",))
"""Channels on which the broker keeps what an actuator has said of its door."""
_SILENT = timedelta(minutes=1)
"""Whose last word is older is no longer there, whatever it said."""


def forget(
    whats: Annotated[
        list[str], typer.Argument(metavar="WHAT...", help="capture/porch, or any SERVICE/INSTANCE; or door/back.")
    ],
    role: As = None,
) -> None:
    """Forget cameras, services and doors that are no more, so that nobody misses them. Speaks as the first one's."""
    known = {one.value: one for one in (*SERVICES, *OPTIONAL)} | {"door": Role.ACTUATOR}
    named: list[tuple[str, str]] = []
    for what in whats:
        kind, _, name = what.partition("/")
        if kind not in known or not is_slug(name):
            raise typer.BadParameter(f"{what!r}: give {', '.join(f'{one}/NAME' for one in known)}")
        named.append((kind, name))

    async def all_of_them(client: Client) -> int:
        return max([await forget_it(client, kind, name) for kind, name in named])

    on_the_bus(Access.of(role, known[named[0][0]]), all_of_them)


async def forget_it(client: Client, kind: str, name: str) -> int:
    """Delete what is retained of it, unless it is at work; returns the exit status."""
    if await _at_work(client, kind, name):
        err.print(line((f"{kind}/{name} is at work; stop it first", "red")))
        return ExitStatus.REFUSED
    if kind == "door":
        topics = [client.topics.topic(channel, door=name) for channel in _OF_A_DOOR]
    else:
        topics = [client.topics.topic(HEALTH, service=kind, instance=name)]
    for topic in topics:
        await client.send_packet(Packet(topic, b"", qos=1, retain=True))
    out.print(line(f"{kind}/{name}:", ("ok", "green"), "forgotten"))
    return ExitStatus.OK


async def _at_work(client: Client, kind: str, name: str) -> bool:
    await client.listen(HEALTH)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LISTEN_SECONDS):
            while True:
                event = await client.expect(HEALTH)
                health: Health = event.message
                there = health.state is Presence.ONLINE and datetime.now(UTC) - health.at < _SILENT
                if there and (kind, name) in {(health.service, health.instance), _door_of(health)}:
                    return True
    return False


def _door_of(health: Health) -> tuple[str, str | None]:
    return "door", health.door if health.service == Role.ACTUATOR else None
