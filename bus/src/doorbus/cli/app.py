"""All commands in one program."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from doorbus import __version__
from doorbus.cli import (
    archive,
    backup,
    credentials,
    documents,
    gallery,
    groups,
    home_assistant,
    importing,
    key,
    lock,
    metrics,
    models,
    people,
    recordings,
    review,
    schedules,
    secrets,
)
from doorbus.cli.calibrate import calibrate
from doorbus.cli.doctor import doctor
from doorbus.cli.forget import forget
from doorbus.cli.journal import journal
from doorbus.cli.watch import watch

PANELS: Mapping[str, tuple[Callable[..., None], ...]] = {
    "Doors": (lock.unlock, lock.lock, lock.lockdown, journal),
    "People": (people.enrol, importing.import_, people.update, people.remove, models.models),
    "Backup": (backup.export, backup.restore),
    "System": (watch, doctor, calibrate, forget, metrics.metrics),
    "Documents": (
        documents.acl,
        documents.asyncapi,
        documents.env_example,
        documents.settings,
        documents.container_settings,
    ),
}
app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="A door lock on an MQTT bus."
)
for panel, commands in PANELS.items():
    for command in commands:
        app.command(command.__name__.strip("_").replace("_", "-"), rich_help_panel=panel)(command)
for scripts_own in (archive.seal, archive.unseal):
    app.command(hidden=True)(scripts_own)


def _version(asked: bool) -> None:  # noqa: FBT001  # typer's
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def doorbus(
    *,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """A door lock on an MQTT bus."""


app.add_typer(recordings.app, name="recordings", rich_help_panel="Doors")
app.add_typer(review.app, name="review", rich_help_panel="People")
app.add_typer(gallery.app, name="people", rich_help_panel="People")
app.add_typer(credentials.app, name="credential", rich_help_panel="People")
app.add_typer(groups.app, name="group", rich_help_panel="People")
app.add_typer(schedules.app, name="schedule", rich_help_panel="People")
app.add_typer(home_assistant.app, name="homeassistant", rich_help_panel="System")
app.add_typer(key.app, name="key", rich_help_panel="System")
app.add_typer(secrets.app, name="secrets", rich_help_panel="System")
