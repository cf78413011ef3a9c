"""`doorbus people`: who is enrolled, how well, and what is kept of them."""

from pathlib import Path
from typing import Annotated

import typer

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.backup import hand_over, telling
from doorbus.cli.checking import check_people
from doorbus.cli.common import As, Person, Timeout, maybe_slug
from doorbus.cli.people import list_people
from doorbus.runtime.site_key import open_seal
from doorbus.wire.channels import Role

app = typer.Typer(invoke_without_command=True)


@app.command("export")
def export_person(
    person: Person,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="File to write; PERSON.json when not given.", dir_okay=False),
    ] = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Write all that the enroller keeps of PERSON as JSON that anybody can read, to hand it to the person.

    Needs the site key and a user of the role admin. Exit status 0: written, 1: nobody of this id, 2: no answer.
    """
    access, path = Access.of(role, Role.ADMIN), file or Path(f"{person}.json")
    seal = open_seal(access.settings)
    on_the_bus(access, lambda client: telling(hand_over(client, person, path, seal, timeout)))


@app.callback()
def people(
    ctx: typer.Context,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say who is hard to recognise, and who is hard to tell apart.")
    ] = False,
    person: Annotated[
        str | None, typer.Option(help="Check this person, sample by sample.", callback=maybe_slug, show_default=False)
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Draw those who were found into this PNG; needs the site key and a user of the role admin."),
    ] = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """List who may pass, and when. With --check say how well they are recognised; exit status 0: all well, 1: not."""
    if ctx.invoked_subcommand is not None:
        return
    if not (check or person or sheet):
        on_the_bus(Access.of(role), lambda client: list_people(client, timeout))
    access = Access.of(role, Role.ADMIN if sheet else Role.OPERATOR)
    seal = open_seal(access.settings) if sheet else None
    on_the_bus(access, lambda client: telling(check_people(client, person, sheet, seal, timeout)))
