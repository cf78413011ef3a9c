"""`doorbus homeassistant`: what Home Assistant has been told of this site, taken back."""

import asyncio
from collections.abc import Mapping
from typing import Any

import typer

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.common import As, ExitStatus, err, out
from doorbus.cli.lines import line
from doorbus.homeassistant import Document, is_under
from doorbus.runtime.announcer import LETTING_GO_SECONDS, SETTLING_SECONDS
from doorbus.runtime.client import Client
from doorbus.wire.channels import HOMEASSISTANT_CONFIG as CONFIG
from doorbus.wire.channels import HOMEASSISTANT_WITHDRAWN as WITHDRAWN
from doorbus.wire.channels import Channel, Role
from doorbus.wire.exchange import Outbound

app = typer.Typer(no_args_is_help=True, help="What Home Assistant is told of this site.")
Ids = tuple[tuple[str, str], ...]
"""The ids of a topic, by name."""
_AGAIN = (
    "{} announced again by services that run; stop them, or set DOORBUS_HOMEASSISTANT__ENABLED=false, and try again"
)


@app.callback()
def _group() -> None:
    """Keep the command's name though it is the only one."""


@app.command()
def forget(role: As = None) -> None:
    """Take back all that was announced under this root, also by what ran on a machine that is gone.

    Home Assistant must run, to hear it. Needs its own user on the broker. Exit status 0: nothing is left, 1: services
    that run have announced theirs again, 2: no broker.
    """
    on_the_bus(Access.of(role, Role.HOMEASSISTANT), _forget)


async def _forget(client: Client) -> int:
    told = Told()
    listening = asyncio.create_task(told.follow(client))
    try:
        await told.settled()
        documents, withdrawn = dict(told.of(CONFIG)), dict(told.of(WITHDRAWN))
        gone = {ids: one for ids, one in withdrawn.items() if ids not in documents}
        for ids, document in gone.items():  # Home Assistant forgets what it hears of, and then that there is none
            await client.send(Outbound(CONFIG, document, dict(ids)))
        if gone:
            await asyncio.sleep(LETTING_GO_SECONDS)
        for ids in withdrawn:
            await client.send(Outbound(WITHDRAWN, {}, dict(ids)))
        for ids in documents | gone:
            await client.send(Outbound(CONFIG, {}, dict(ids)))
        await asyncio.sleep(2 * SETTLING_SECONDS)
        await told.settled()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    back = len(told.of(CONFIG))
    out.print(line(f"{len(documents | gone)} documents taken back"), markup=False)
    if back:
        err.print(line((_AGAIN.format(back), "red")), markup=False)
    return ExitStatus.REFUSED if back else ExitStatus.OK


class Told:
    """What the broker keeps of what a root has announced."""

    def __init__(self) -> None:
        self._documents: dict[str, dict[Ids, Document]] = {CONFIG.name: {}, WITHDRAWN.name: {}}
        self._heard = asyncio.Event()

    def of(self, channel: Channel[Any]) -> Mapping[Ids, Document]:
        """The documents on `channel`, by the ids in their topics."""
        return self._documents[channel.name]

    async def follow(self, client: Client) -> None:
        """Listen until the connection is lost, which ends it by `ConnectionLost`."""
        await client.listen(CONFIG, WITHDRAWN)
        async for event in client.events():
            kept, ids = self._documents[event.channel.name], tuple(sorted(event.ids.items()))
            if is_under(client.topics, event.message):
                kept[ids] = event.message
            else:
                kept.pop(ids, None)
            self._heard.set()

    async def settled(self) -> None:
        """Wait until nothing has been heard for a while."""
        while True:
            self._heard.clear()
            try:
                await asyncio.wait_for(self._heard.wait(), SETTLING_SECONDS)
            except TimeoutError:
                return
