"""`doorbus key`: another site key, without anybody enrolling again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.common import As, ExitStatus, err, out
from doorbus.cli.lines import line
from doorbus.runtime.client import Client
from doorbus.runtime.errors import SetupError
from doorbus.runtime.keyholders import Holdings
from doorbus.runtime.site_key import open_seal
from doorbus.site.site_key import begin, finish
from doorbus.wire.channels import HEALTH, Role
from doorbus.wire.seal import Seal

app = typer.Typer(no_args_is_help=True, help="See and change the site key, which seals templates.")

SETTLE_SECONDS = 3.0
"""How long those who are there may take to tell of themselves."""
Patience = Annotated[float, typer.Option("--timeout", min=3, max=3600, help="Seconds to wait for all services.")]


@app.command()
def show(role: As = None) -> None:
    """Say which keys the services seal with and take. Exit status 0: all with the newest, 1: not yet, 2: no answer."""
    access = Access.of(role, Role.ADMIN)
    on_the_bus(access, lambda client: _wait(client, access, SETTLE_SECONDS))


@app.command()
def wait(timeout: Patience = 60, role: As = None) -> None:
    """Wait until everything is sealed with the newest key in the file. Exit status 0: it is, 1: not yet."""
    access = Access.of(role, Role.ADMIN)
    on_the_bus(access, lambda client: _wait(client, access, timeout))


@app.command()
def rotate(timeout: Patience = 60, role: As = None) -> None:
    """Put a new key into the file of the site key, have everything sealed anew, and take the former key out.

    The door works meanwhile. After an interruption, and when a service on another machine was given the file, run it
    again. Exit status 0: done, 1: not yet, and who is waited for, 2: no connection.
    """
    access = Access.of(role, Role.ADMIN)
    on_the_bus(access, lambda client: _rotate(client, access, timeout))


async def _rotate(client: Client, access: Access, timeout: float) -> int:  # noqa: ASYNC109
    path = access.settings.site_key_path
    holdings = await _heard(client, lambda _: False, SETTLE_SECONDS)
    if strange := holdings.strange(open_seal(access.settings).key_ids):
        err.print(line(f"{path}:", (strange, "red")))
        return ExitStatus.REFUSED
    if _in(path, begin):
        out.print(line(f"{path}: has a new key before the former one; give it to recognizers on other machines"))
    if status := await _wait(client, access, timeout):
        return status
    _in(path, finish)
    out.print(line(f"{path}: has the new key alone"))
    seal = open_seal(access.settings)
    holdings = await _heard(client, lambda seen: not seen.more_than(seal.key_ids), SETTLE_SECONDS)
    for name in holdings.more_than(seal.key_ids):
        out.print(
            line(f"{name} still takes the former key, with which nothing is sealed any more; give it the file, too")
        )
    return ExitStatus.OK


async def _wait(client: Client, access: Access, timeout: float) -> int:  # noqa: ASYNC109
    """Wait until all is sealed with the newest key; the exit status."""
    seal = open_seal(access.settings)
    newest = seal.key_ids[0]
    with out.status("waiting for the services"):
        holdings = await _heard(client, lambda seen: not seen.waiting_for(newest), timeout)
    for name, keys in holdings.told():
        out.print(line(f"{name}: seals with {keys[0]}, takes {', '.join(keys[1:])}"))
    if waiting := holdings.waiting_for(newest):
        for why in waiting:
            err.print(line((why, "yellow")))
        return ExitStatus.REFUSED
    out.print(line(f"everything is sealed with {newest}{_former(seal)}"))
    return ExitStatus.OK


def _former(seal: Seal) -> str:
    former = seal.key_ids[1:]
    return f"; nothing with {', '.join(former)} any more" if former else ""


async def _heard(client: Client, enough: Callable[[Holdings], bool], within: float) -> Holdings:
    """What the services tell until that is enough and all that are there have told, at most for so many seconds."""
    holdings = Holdings()
    loop = asyncio.get_running_loop()
    settled = loop.time() + SETTLE_SECONDS
    with suppress(TimeoutError):
        async with asyncio.timeout(max(within, SETTLE_SECONDS)):
            await client.listen(HEALTH)
            while loop.time() < settled or not enough(holdings):
                holdings = holdings.hear((await client.expect(HEALTH)).message)
    return holdings


def _in(path: Path, change: Callable[[Path], bool]) -> bool:
    try:
        return change(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SetupError(f"DOORBUS_SITE_KEY_FILE={path}: {reason}; may this user write there?") from None
