"""`doorbus secrets`: certificates, passwords and keys of a site."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from doorbus.cli.common import ExitStatus, err, out
from doorbus.cli.lines import line
from doorbus.runtime.settings import CommonSettings, load
from doorbus.site.secrets import RENEW, Site, SiteError
from doorbus.site.users import UserError, named
from doorbus.wire.channels import OPTIONAL, SERVICES, Role

app = typer.Typer(
    invoke_without_command=True,
    help="Make a site's certificates, passwords and keys; keep what exists, renew what ends soon.",
)

Into = Annotated[
    Path | None,
    typer.Option("--into", help="Directory of the secrets; VAR/secrets.", show_default=False, file_okay=False),
]
Name = Annotated[str, typer.Argument(metavar="USER", help="Name of a user of the broker.")]
RESTART = "a broker that runs takes it when it is started anew: systemctl restart doorbus-broker, or make run again"


@app.callback()
def make(
    context: typer.Context,
    into: Into = None,
    shown_as: Annotated[
        str | None, typer.Option("--shown-as", hidden=True, help="What scripts/secrets calls --into.")
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="A host name or address that the broker is reached under, besides this machine's."),
    ] = None,
    client_certificates: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--client-certificates", help="Make a certificate for each user, too.")
    ] = False,
) -> None:
    """Make what is not there yet, and say what lasts how long."""
    settings = load(CommonSettings, [])
    place = _Place(Site(into or settings.var / "secrets", settings.topics), shown_as)
    context.obj = place
    if context.invoked_subcommand is not None:
        return
    with place.saying():
        place.site.make(name or (), client_certificates=client_certificates)
        place.tell_ends()


@app.command()
def show(context: typer.Context) -> None:
    """Say how long certificates last, and which users the site has named. Changes nothing."""
    place: _Place = context.obj
    with place.saying():
        if not place.site.exists:
            raise SiteError(f"{place.site.directory}: no secrets here; doorbus secrets makes them")
        place.tell_ends()
        for role in place.site.signing.replaced():
            place.say(f"signers: a former key of {role} still counts; doorbus secrets rotate-key {role} --finish")
        for user in place.site.named():
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
    reader: Annotated[
        str | None, typer.Option(help="Only for this keypad or reader of tags.", show_default=False)
    ] = None,
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
    if instance is None and role in {*SERVICES, *OPTIONAL} and not any_instance:
        instance = name  # else it could claim the name of another, which would then not start
    ids = {"door": door, "camera": camera, "reader": reader, "instance": instance}
    with _change(context) as place:
        place.site.add(named(name, role, _given(ids), topic or ()))
    settings = f"DOORBUS_BROKER__USERNAME={name}"
    if instance not in {None, name}:
        settings += f" DOORBUS_INSTANCE={instance}"
    place.say(f"{place.site.directory}/users/{name} is the password; {settings}")


@app.command()
def revoke(context: typer.Context, name: Name) -> None:
    """Take a named user's password, rights and certificate away."""
    with _change(context) as place:
        place.site.revoke(name)


@app.command()
def rotate(context: typer.Context, name: Name) -> None:
    """Give a user a new password, and a new certificate where there is one."""
    with _change(context) as place:
        place.site.rotate(name)


@app.command("set")
def set_(
    context: typer.Context,
    name: Name,
    setting: Annotated[str, typer.Argument(metavar="SETTING", help="Such as DOORBUS_CAPTURE__PASSWORD.")],
) -> None:
    """Tell one service a setting that nobody else may read, such as its camera's password: a line of standard input.

    An empty line takes it back. A container of the service reads it; elsewhere give it the file settings/USER/SETTING.
    """
    value = typer.prompt(setting, default="", hide_input=True, show_default=False) if sys.stdin.isatty() else _line()
    with _change(context) as place:
        place.site.set(name, setting, value)


def _line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


@app.command()
def new_authority(context: typer.Context) -> None:
    """Begin anew with another authority: new certificates for the broker and, if they have one, for users.

    Passwords and the site key stay. Every program elsewhere needs the new ca.crt, and its client certificate.
    """
    place: _Place = context.obj
    with place.saying():
        place.site.replace_authority()
    place.say(f"every program elsewhere needs the new {place.site.directory}/ca.crt before it gets in again")


@app.command()
def rotate_key(
    context: typer.Context,
    role: Annotated[Role, typer.Argument(help="A role that signs: recognizer or enroller.", show_default=False)],
    *,
    finish: Annotated[
        bool, typer.Option("--finish", help="Let former keys no longer count; at once where one was stolen.")
    ] = False,
) -> None:
    """Give a role a new key to sign with. The former one counts, too, until --finish, so that nobody is shut out."""
    with _change(context) as place:
        place.site.rotate_key(role, finish=finish)
    secrets = place.site.directory
    readers = f"give {secrets}/signers to every actuator, recognizer and enroller, and restart them"
    if finish:
        place.say(f"{secrets}/signers: former keys of {role} no longer count; {readers}")
    else:
        place.say(f"{secrets}/signers: a new key of {role}, whose former one still counts; {readers}")
        place.say(f"then give {place.site.signing.path(role)} to each {role}, and restart it")
        place.say(f"then doorbus secrets rotate-key {role} --finish")


@app.command()
def rotate_site_key(
    context: typer.Context,
    *,
    finish: Annotated[
        bool, typer.Option("--finish", help="Take the former key out: not before doorbus key wait says that it may.")
    ] = False,
) -> None:
    """Put a new key into site.key before the one that is there. doorbus key rotate does all of it where it can."""
    with _change(context) as place:
        place.site.rotate_site_key(finish=finish)


def _given(ids: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in ids.items() if value is not None}


@dataclass(frozen=True)
class _Place:
    """The secrets, and how to speak of them where a script stands between them and the reader."""

    site: Site
    shown_as: str | None
    """What `scripts/secrets` calls the directory; it restarts the broker itself."""

    def say(self, text: str) -> None:
        """Print a sentence in the reader's words."""
        out.print(line(self.in_words(text)))

    def in_words(self, text: str) -> str:
        """A sentence in the reader's words."""
        if self.shown_as is None:
            return text
        return text.replace(str(self.site.directory), self.shown_as).replace("doorbus secrets", "scripts/secrets")

    def tell_ends(self) -> None:
        """Say how long certificates last."""
        for one in self.site.expiries():
            days = (one.until - datetime.now(UTC)).days
            soon = "yellow" if days < RENEW.days else ""
            out.print(line(f"{one.name}:", (f"valid until {one.until:%Y-%m-%d}, {days} days", soon)))

    @contextmanager
    def saying(self) -> Iterator[None]:
        """Say what was changed within, or why it could not be."""
        try:
            yield
        except (SiteError, UserError) as error:
            err.print(line((self.in_words(str(error)), "red")))
            raise typer.Exit(ExitStatus.REFUSED) from None
        finally:
            for news in self.site.news:
                self.say(f"{self.site.directory}: {news}")
        if self.site.news and self.shown_as is None:
            self.say(RESTART)


@contextmanager
def _change(context: typer.Context) -> Iterator[_Place]:
    """The site of a subcommand; made when it is not there yet."""
    place: _Place = context.obj
    with place.saying():
        if not place.site.exists:
            place.site.make()
        yield place
