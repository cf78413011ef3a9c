"""`doorbus watch` shows what happens while it happens."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.live import Live

from doorbus.cli.access import Access
from doorbus.cli.common import As, out
from doorbus.cli.following import until_told
from doorbus.cli.scene import CHANNELS, Scene, fold, is_news, render, sentence
from doorbus.runtime.client import Client
from doorbus.wire.exchange import Event


def watch(
    plain: Annotated[bool, typer.Option("--plain", help="One line an event, also in a terminal.")] = False,  # noqa: FBT002
    role: As = None,
) -> None:
    """Show doors, decisions, recognitions and services as they happen, until Ctrl-C."""
    access = Access.of(role)
    if plain or not out.is_terminal:
        status = _until_told(access, Watcher(lambda text: out.print(text, markup=False)))
    else:
        watcher = Watcher()
        with Live(get_renderable=lambda: render(watcher.scene, datetime.now(UTC)), console=out, refresh_per_second=4):
            status = _until_told(access, watcher)
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


def _until_told(access: Access, watcher: Watcher) -> int:
    return until_told(access, "doorbus-watch", watcher.follow, watcher.lost)
