"""`doorbus group`: groups of people, and what all of a group may."""

from typing import Annotated

import typer
from rich.table import Table

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.arranging import arrange, retained
from doorbus.cli.common import As, ExitStatus, Timeout, here, maybe_slug, out, slug
from doorbus.cli.lines import line
from doorbus.cli.people import given, made, moment, rights_cells
from doorbus.runtime.client import Client
from doorbus.wire.channels import GROUPS, REMOVE_GROUP, SET_GROUP
from doorbus.wire.messages import RemoveGroup, SetGroup

app = typer.Typer(invoke_without_command=True)

Group = Annotated[str, typer.Argument(metavar="GROUP", help="Id of the group, e.g. cleaners.", callback=slug)]


@app.command("set")
def set_group(  # noqa: PLR0917  # typer reads them as options
    group: Group,
    name: Annotated[str | None, typer.Option(help="Name for people to read.", show_default=False)] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Let the group in, or nobody of it.", show_default=False)
    ] = None,
    door: Annotated[
        list[str] | None, typer.Option(help="Door the group may use; repeat for several.", show_default=False)
    ] = None,
    all_doors: Annotated[bool, typer.Option("--all-doors", help="The group may use every door.")] = False,  # noqa: FBT002
    valid_from: Annotated[
        str | None, typer.Option(help="First moment, e.g. 2026-12-01; local time, or with an offset.")
    ] = None,
    valid_until: Annotated[str | None, typer.Option(help="Last moment.", show_default=False)] = None,
    hours: Annotated[
        str | None, typer.Option(help="Opening hours, e.g. 'Mo-Fr 07:00-19:00'.", show_default=False)
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Schedule whose hours count.", callback=maybe_slug, show_default=False)
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Confidence asked of the group.", show_default=False)
    ] = None,
    second_factor: Annotated[
        bool | None,
        typer.Option("--second-factor/--no-second-factor", help="Ask for a code after the face.", show_default=False),
    ] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(
            help="Field to clear: name, valid_from, valid_until, hours, schedule, threshold or second_factor.",
            show_default=False,
        ),
    ] = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Make GROUP, or change it for everybody in it; what is not given stays. Who is in it: doorbus update --group."""
    changes = given(
        name=name,
        enabled=enabled,
        doors=tuple(slug(one) for one in door) if door else None,
        valid_from=moment(valid_from),
        valid_until=moment(valid_until),
        hours=hours,
        schedule=schedule,
        threshold=threshold,
        second_factor=second_factor,
    )
    changes |= dict.fromkeys((["doors"] if all_doors else []) + (clear or []))
    change = made(SetGroup, **changes)
    on_the_bus(Access.of(role), lambda client: arrange(client, SET_GROUP, change, timeout, group=group))


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
