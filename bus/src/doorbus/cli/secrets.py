"""`doorbus secrets`: certificates, passwords and keys of a site."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from doorbus.cli.common import ExitStatus, err, out
from doorbus.cli.lines import line
from doorbus.runtime.settings import CommonSettings, load
from doorbus.site.secrets import RENEW, Site, SiteError
from doorbus.site.users import UserError, named
from doorbus.wire.channels import SERVICES, Role

app = typer.Typer(
    invoke_without_command=True,
    help="Make a site's certificates, passwords and keys; keep what exists, renew what ends soon.",
)

Into = Annotated[
    Path | None,
    typer.Option("--into", help="Directory of the secrets; VAR/secrets.", show_default=False, file_okay=False),
]
Name = Annotated[str, typer.Argument(metavar="USER", help="Name of a user of the broker.")]
RESTART = (
    "a broker that runs takes it when it is started anew: systemctl restart doorbus-broker; scripts/secrets does so"
)


@app.callback()
def make(
    context: typer.Context,
    into: Into = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="A host name or address that the broker is reached under, besides this machine's."),
    ] = None,
    client_certificates: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--client-certificates", help="Make a certificate for each user, too.")
    ] = False,
) -> None:
    """Make what is not there yet, and say what lasts how long."""
    with _site(into) as site:
        context.obj = site
        if context.invoked_subcommand is not None:
            return
        site.make(name or (), client_certificates=client_certificates)
        _tell(site)
        _tell_ends(site)
        if site.news:
            out.print(line(RESTART))


@app.command()
def show(context: typer.Context) -> None:
    """Say how long certificates last, and which users the site has named. Changes nothing."""
    site: Site = context.obj
    with _said():
        if not site.exists:
            raise SiteError(f"{site.directory}: no secrets here; doorbus secrets makes them")
        _tell_ends(site)
        for user in site.named():
            ids = ", ".join(f"{name} {value}" for name, value in user.ids.items())
            out.print(line(f"{user.name}: {user.role}{f' of {ids}' if ids else ''}"))


@app.command()
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[
        Role | None,
        typer.Option(help="Whose rights the user gets; none for another program on this broker.", show_default=False),
    ] = None,
    *,
    door: Annotated[str | None, typer.Option(help="Only for this door.", show_default=False)] = None,
    camera: Annotated[str | None, typer.Option(help="Only for this camera.", show_default=False)] = None,
    instance: Annotated[
        str | None,
        typer.Option(help="The one instance whose health a service speaks for; the user's name.", show_default=False),
    ] = None,
    any_instance: Annotated[
        bool, typer.Option("--any-instance", help="For replicas that share the user: speak for each of them.")
    ] = False,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            help="A topic or filter of another program that the user may read, such as frigate/porch/person/snapshot; "
            "without a role, read and write. May be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Add a user of its own for a machine or a person: with a password to take away, and no more rights than needed."""
    if instance is None and role in SERVICES and not any_instance:
        instance = name  # else it could claim the name of another, which would then not start
    ids = {"door": door, "camera": camera, "instance": instance}
    with _of(context) as site:
        site.add(named(name, role, _given(ids), topic or ()))
        _tell(site)
        settings = f"DOORBUS_BROKER__USERNAME={name}"
        if instance not in {None, name}:
            settings += f" DOORBUS_INSTANCE={instance}"
        out.print(line(f"{site.directory}/users/{name} is the password; {settings}; {RESTART}"))


@app.command()
def revoke(context: typer.Context, name: Name) -> None:
    """Take a named user's password, rights and certificate away."""
    with _of(context) as site:
        site.revoke(name)
        _tell(site)
        out.print(line(RESTART))


@app.command()
def rotate(context: typer.Context, name: Name) -> None:
    """Give a user a new password, and a new certificate where there is one."""
    with _of(context) as site:
        site.rotate(name)
        _tell(site)
        out.print(line(RESTART))


def _given(ids: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in ids.items() if value is not None}


def _tell(site: Site) -> None:
    for news in site.news:
        out.print(line(f"{site.directory}: {news}"))


def _tell_ends(site: Site) -> None:
    for one in site.expiries():
        days = (one.until - datetime.now(UTC)).days
        soon = "yellow" if days < RENEW.days else ""
        out.print(line(f"{one.name}:", (f"valid until {one.until:%Y-%m-%d}, {days} days", soon)))


@contextmanager
def _site(into: Path | None) -> Iterator[Site]:
    settings = load(CommonSettings, [])
    with _said():
        yield Site(into or settings.var / "secrets", settings.topics)


@contextmanager
def _of(context: typer.Context) -> Iterator[Site]:
    """The site of a subcommand; made when it is not there yet."""
    site: Site = context.obj
    with _said():
        if not site.exists:
            site.make()
        yield site


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except (SiteError, UserError) as error:
        err.print(line((str(error), "red")))
        raise typer.Exit(ExitStatus.REFUSED) from None
