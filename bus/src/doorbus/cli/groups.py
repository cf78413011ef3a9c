"""`doorbus group`: groups of people, and what all of a group may."""

from typing import Annotated

import typer
from rich.table import Table

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.arranging import arrange, retained
from doorbus.cli.common import As, ExitStatus, Timeout, here, out, slug
from doorbus.cli.doors import at_doors
from doorbus.cli.lines import line
from doorbus.cli.options import (
    AllDoors,
    ClearOfGroup,
    Doors,
    Hours,
    Name,
    NewDoors,
    Schedule,
    SecondFactor,
    Threshold,
    ValidFrom,
    ValidUntil,
)
from doorbus.cli.people import made, rights_cells, rights_changed
from doorbus.runtime.client import Client
from doorbus.wire.channels import GROUPS, REMOVE_GROUP, SET_GROUP
from doorbus.wire.messages import RemoveGroup, SetGroup

app = typer.Typer(invoke_without_command=True)

Group = Annotated[str, typer.Argument(metavar="GROUP", help="Id of the group, e.g. cleaners.", callback=slug)]


@app.command("set")
def set_group(  # noqa: PLR0917  # typer reads them as options
    group: Group,
    name: Name = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Let the group in, or nobody of it.", show_default=False)
    ] = None,
    door: Doors = None,
    new_door: NewDoors = None,
    all_doors: AllDoors = False,  # noqa: FBT002
    valid_from: ValidFrom = None,
    valid_until: ValidUntil = None,
    hours: Hours = None,
    schedule: Schedule = None,
    threshold: Threshold = None,
    second_factor: SecondFactor = None,
    clear: ClearOfGroup = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Make GROUP, or change it for everybody in it; what is not given stays. Who is in it: doorbus update --group."""
    changes = rights_changed(
        [*(door or ()), *(new_door or ())],
        valid_from,
        valid_until,
        (["doors"] if all_doors else []) + (clear or []),
        name=name,
        enabled=enabled,
        hours=hours,
        schedule=schedule,
        threshold=threshold,
        second_factor=second_factor,
    )
    change = made(SetGroup, **changes)
    on_the_bus(
        Access.of(role),
        lambda client: at_doors(client, door or (), lambda: arrange(client, SET_GROUP, change, timeout, group=group)),
    )


@app.command("remove")
def remove_group(group: Group, timeout: Timeout = 10, role: As = None) -> None:
    """Forget GROUP, in which nobody may be any more."""
    on_the_bus(Access.of(role), lambda client: arrange(client, REMOVE_GROUP, RemoveGroup(), timeout, group=group))


@app.callback()
def groups(ctx: typer.Context, *, timeout: Timeout = 10, role: As = None) -> None:
    """List the groups of people and what they may, or change them."""
    if ctx.invoked_subcommand is None:
        on_the_bus(Access.of(role), lambda client: list_groups(client, timeout))


async def list_groups(client: Client, timeout: float) -> int:  # noqa: ASYNC109  # the user's number
    """Print all groups as a table; returns the exit status."""
    told = await retained(client, GROUPS, timeout)
    if told is None:
        return ExitStatus.NO_ANSWER
    if not told.groups:
        out.print(here("There is no group: doorbus group set GROUP"))
        return ExitStatus.OK
    columns = ("group", "name", "people", "may pass", "doors", "valid", "hours", "threshold")
    table = Table(*columns, box=None, pad_edge=False)
    for each in told.groups:
        passes = "yes" if each.enabled else "no"
        table.add_row(*map(line, (each.group, each.name or "", str(each.people), passes, *rights_cells(each))))
    out.print(table)
    return ExitStatus.OK
