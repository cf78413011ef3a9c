"""`doorbus schedule`: hours with a name, and their holidays."""

from typing import Annotated

import typer
from rich.table import Table

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.arranging import arrange, retained
from doorbus.cli.common import As, ExitStatus, Timeout, here, out, slug
from doorbus.cli.lines import line
from doorbus.cli.options import ClearOfSchedule, Name
from doorbus.cli.people import given, made
from doorbus.runtime.client import Client
from doorbus.wire.channels import REMOVE_SCHEDULE, SCHEDULES, SET_SCHEDULE
from doorbus.wire.messages import RemoveSchedule, SetSchedule

app = typer.Typer(invoke_without_command=True)

Schedule = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id of the schedule, e.g. office.", callback=slug)]


@app.command("set")
def set_schedule(  # noqa: PLR0917  # typer reads them as options
    schedule: Schedule,
    hours: Annotated[
        str | None,
        typer.Argument(metavar="[HOURS]", help="Opening hours, e.g. 'Mo-Fr 07:00-19:00; PH off'.", show_default=False),
    ] = None,
    holiday: Annotated[
        list[str] | None,
        typer.Option(
            help="What PH means, instead of all that is there: 2026-12-24, 2026-12-24/2027-01-06, 'Dec 24', "
            "'easter +1 day', or PH for the country's own; repeat for several.",
            show_default=False,
        ),
    ] = None,
    name: Name = None,
    clear: ClearOfSchedule = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Make SCHEDULE, or change it for all who follow it; what is not given stays as it is."""
    changes = given(name=name, hours=hours, holidays=tuple(holiday) if holiday else None)
    changes |= dict.fromkeys(clear or [])
    if not changes:
        raise typer.BadParameter("nothing to change; see doorbus schedule set --help")
    change = made(SetSchedule, **changes)
    on_the_bus(Access.of(role), lambda client: arrange(client, SET_SCHEDULE, change, timeout, schedule=schedule))


@app.command("remove")
def remove_schedule(schedule: Schedule, timeout: Timeout = 10, role: As = None) -> None:
    """Forget SCHEDULE, which nobody may follow any more."""
    asked = RemoveSchedule()
    on_the_bus(Access.of(role), lambda client: arrange(client, REMOVE_SCHEDULE, asked, timeout, schedule=schedule))


@app.callback()
def schedules(ctx: typer.Context, *, timeout: Timeout = 10, role: As = None) -> None:
    """List the schedules, or change them."""
    if ctx.invoked_subcommand is None:
        on_the_bus(Access.of(role), lambda client: list_schedules(client, timeout))


async def list_schedules(client: Client, timeout: float) -> int:  # noqa: ASYNC109  # the user's number
    """Print all schedules as a table; returns the exit status."""
    told = await retained(client, SCHEDULES, timeout)
    if told is None:
        return ExitStatus.NO_ANSWER
    if not told.schedules:
        out.print(here("There is no schedule: doorbus schedule set SCHEDULE HOURS"))
        return ExitStatus.OK
    table = Table("schedule", "name", "people", "hours", "holidays", box=None, pad_edge=False)
    for each in told.schedules:
        holidays = "the country's" if each.holidays is None else ", ".join(each.holidays) or "none"
        table.add_row(*map(line, (each.schedule, each.name or "", str(each.people), each.hours, holidays)))
    out.print(table)
    return ExitStatus.OK
