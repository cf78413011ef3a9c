"""Commands that follow the bus until Ctrl-C, whatever befalls the broker meanwhile."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from doorbus.cli.access import Access
from doorbus.cli.common import ExitStatus, err
from doorbus.cli.lines import line
from doorbus.runtime.client import Client
from doorbus.wire.packet import ConnectionLost

_RETRY_SECONDS = 2.0
_GOODBYE_SECONDS = 2.0

Follow = Callable[[Client], Awaitable[None]]
"""Does its work until the connection is lost, which ends it by `ConnectionLost`."""


def until_told(access: Access, name: str, follow: Follow, lost: Callable[[str], object]) -> int:
    """Follow until Ctrl-C or SIGTERM, anew with each connection; returns the exit status.

    Gives up when the broker was never there. `lost` is told why it is away later.
    """
    return asyncio.run(_until_told(access, name, follow, lost))


async def _until_told(access: Access, name: str, follow: Follow, lost: Callable[[str], object]) -> int:
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    waiting = asyncio.create_task(told.wait())
    following = asyncio.create_task(_for_ever(access, name, follow, lost))
    await asyncio.wait([waiting, following], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if following.done():
        return following.result()
    following.cancel()
    # A library may swallow a cancellation; asyncio.run cancels once more what is still there.
    await asyncio.wait([following], timeout=_GOODBYE_SECONDS)
    return ExitStatus.OK


async def _for_ever(access: Access, name: str, follow: Follow, lost: Callable[[str], object]) -> int:
    been_there = False
    while True:
        try:
            async with access.connect(name) as client:
                been_there = True
                await follow(client)
        except ConnectionLost as error:
            why = access.why_not(error)
        if not been_there:
            err.print(line((why, "red")))
            return ExitStatus.NO_ANSWER
        lost(why)
        await asyncio.sleep(_RETRY_SECONDS)
