"""`doorbus acl`, `asyncapi`, `env-example`, `settings` and `container-settings`: the generated documents."""

import difflib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from doorbus.cli import env
from doorbus.cli.common import ExitStatus, err
from doorbus.cli.lines import line
from doorbus.site import acl as access_rules
from doorbus.site import acl_emqx
from doorbus.site import asyncapi as description
from doorbus.site.secrets import Site, SiteError
from doorbus.wire.channels import DEFAULT_ROOT, HOMEASSISTANT_PREFIX, Role
from doorbus.wire.topics import Topics

Check = Annotated[
    Path | None,
    typer.Option(
        help="Print nothing; fail when this file is not what is generated.", dir_okay=False, show_default=False
    ),
]
Root = Annotated[str, typer.Option(help="What all topics begin with; DOORBUS_ROOT of the services.")]


HomeAssistant = Annotated[
    str, typer.Option(help="What Home Assistant finds devices under; DOORBUS_HOMEASSISTANT__PREFIX of the services.")
]


class RulesFormat(StrEnum):
    """A broker's way to write access rules."""

    MOSQUITTO = "mosquitto"
    EMQX = "emqx"


def acl(
    root: Root = DEFAULT_ROOT,
    homeassistant: HomeAssistant = HOMEASSISTANT_PREFIX,
    check: Check = None,
    form: Annotated[RulesFormat, typer.Option("--format", help="For which broker.")] = RulesFormat.MOSQUITTO,
    secrets: Annotated[
        Path | None,
        typer.Option(help="A site's secrets: rules for its named users, too.", file_okay=False, show_default=False),
    ] = None,
) -> None:
    """Print the broker's access rules, from the channel table."""
    topics = Topics(root, homeassistant)
    try:
        named = Site(secrets, topics).named() if secrets else ()
    except SiteError as error:
        err.print(line((str(error), "red")))
        raise typer.Exit(ExitStatus.NO_ANSWER) from None
    rules = acl_emqx if form is RulesFormat.EMQX else access_rules
    _give(rules.text(topics, named), check)


def asyncapi(root: Root = DEFAULT_ROOT, check: Check = None) -> None:
    """Print the AsyncAPI 3 document, from the channel table."""
    _give(description.text(Topics(root)), check)


def env_example(check: Check = None) -> None:
    """Print every setting of all services that are installed here, as a .env file."""
    _give(env.example(env.installed()), check)


def settings(
    service: Annotated[Role, typer.Argument(help="Whose settings.", show_default=False)], check: Check = None
) -> None:
    """Print the settings of one service and their defaults, as its README ends."""
    _give(env.of_service(service, env.installed()), check)


def container_settings(check: Check = None) -> None:
    """Print which settings each container of compose.yaml gets, as the compose file that it extends."""
    _give(env.of_containers(env.installed()), check)


def _give(text: str, check: Path | None) -> None:
    if check is None:
        print(text, end="")
        return
    committed = check.read_text() if check.exists() else ""
    differences = [
        change
        for change in difflib.unified_diff(committed.splitlines(), text.splitlines(), lineterm="", n=0)
        if not change.startswith(("---", "+++", "@@"))
    ]
    for change in differences[:20]:
        err.print(line(change))
    if differences:
        err.print(line((f"{check}: not what is generated; write it anew with the same command and > {check}", "red")))
        raise typer.Exit(ExitStatus.REFUSED)
