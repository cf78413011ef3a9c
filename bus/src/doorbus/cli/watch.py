"""`doorbus watch`."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.live import Live

from doorbus.cli.common import Access, As, Status, err, line, out
from doorbus.cli.scene import CHANNELS, Scene, fold, is_news, render, sentence
from doorbus.client import Client, Event, connect
from doorbus.wire import ConnectionLost

_RETRY_SECONDS = 2.0


def watch(
    plain: Annotated[bool, typer.Option("--plain", help="One line an event, also in a terminal.")] = False,  # noqa: FBT002
    role: As = None,
) -> None:
    """Show doors, decisions, recognitions and services as they happen, until Ctrl-C."""
    try:
        status = asyncio.run(_watch(Access.of(role), plain=plain or not out.is_terminal))
    except KeyboardInterrupt:
        status = Status.OK
    raise typer.Exit(status)


class Watcher:
    """Keeps the scene, and tells each piece of news to `tell`."""

    def __init__(self, tell: Callable[[str], object] | None = None) -> None:
        self.scene = Scene()
        self._tell = tell

    async def follow(self, client: Client) -> None:
        """Watch until the connection is lost, which ends it by `ConnectionLost`."""
        await client.listen(*CHANNELS)
        self.scene = replace(self.scene, connected=True)
        async for event in client.events():
            self._take(event, datetime.now(UTC))

    def _take(self, event: Event[Any], at: datetime) -> None:
        if self._tell is not None and is_news(self.scene, event):
            self._tell(sentence(event, at))
        self.scene = fold(self.scene, event, at)

    def lost(self, why: str) -> None:
        """The broker is away."""
        self.scene = replace(self.scene, connected=False)
        if self._tell is not None:
            self._tell(why)


async def _watch(access: Access, *, plain: bool) -> int:
    if plain:
        return await _follow(access, Watcher(lambda text: out.print(text, markup=False)))
    watcher = Watcher()
    with Live(get_renderable=lambda: render(watcher.scene, datetime.now(UTC)), console=out, refresh_per_second=4):
        return await _follow(access, watcher)


async def _follow(access: Access, watcher: Watcher) -> int:
    """Watch for ever, but give up when the broker was never there."""
    been_there = False
    while True:
        try:
            async with connect(access.transport(), root=access.settings.root, name="doorbus-watch") as client:
                been_there = True
                await watcher.follow(client)
        except ConnectionLost as lost:
            why = await access.why_not(lost)
        except OSError as error:
            why = f"DOORBUS_BROKER__TLS_*: {error}"
        if not been_there:
            err.print(line((why, "red")))
            return Status.NO_ANSWER
        watcher.lost(why)
        await asyncio.sleep(_RETRY_SECONDS)
