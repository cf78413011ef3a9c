"""`doorbus credential`: PINs and tags of people, which nobody sees again."""

import sys
from typing import Annotated

import typer

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.common import As, Person, Timeout, maybe_moment, slug
from doorbus.cli.options import ValidFrom, ValidUntil
from doorbus.cli.people import given, made, request
from doorbus.wire.channels import REMOVE_CREDENTIAL, SET_CREDENTIAL
from doorbus.wire.messages import RemoveCredential, SetCredential

app = typer.Typer(no_args_is_help=True, help="Give people PINs and tags, or take them away.")

Credential = Annotated[
    str, typer.Option("--name", help="What it is called, in the journal too.", callback=slug, show_default=True)
]


@app.command("add")
def add_credential(  # noqa: PLR0917  # typer reads them as options
    person: Person,
    credential: Credential = "pin",
    valid_from: ValidFrom = None,
    valid_until: ValidUntil = None,
    guest: Annotated[
        str | None,
        typer.Option(help="Name of a guest, who is let in by this alone and need not be enrolled.", show_default=False),
    ] = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Give PERSON a PIN or a tag: asked for without showing it, or the first line of standard input."""
    ends = given(valid_from=maybe_moment(valid_from), valid_until=maybe_moment(valid_until), guest=guest)
    message = made(SetCredential, **ends, code=_code())
    on_the_bus(
        Access.of(role),
        lambda client: request(client, SET_CREDENTIAL, message, person, timeout, credential=credential),
    )


@app.command("remove")
def remove_credential(person: Person, credential: Credential = "pin", timeout: Timeout = 10, role: As = None) -> None:
    """Take a PIN or a tag of PERSON away."""
    asked = RemoveCredential()
    on_the_bus(
        Access.of(role),
        lambda client: request(client, REMOVE_CREDENTIAL, asked, person, timeout, credential=credential),
    )


def _code() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("PIN or tag", hide_input=True, confirmation_prompt=True, err=True))
    code = sys.stdin.readline().strip()
    if not code:
        raise typer.BadParameter("no PIN or tag on standard input")
    return code
