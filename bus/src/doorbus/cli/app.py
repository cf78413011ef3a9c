"""All commands in one program."""

import typer

from doorbus.cli import documents, lock, metrics, people, secrets
from doorbus.cli.doctor import doctor
from doorbus.cli.watch import watch

PANELS = {
    "Doors": (lock.unlock, lock.lock),
    "People": (people.enrol, people.people, people.update, people.remove),
    "System": (watch, doctor, metrics.metrics),
    "Documents": (documents.acl, documents.asyncapi, documents.env_example),
}
app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="A door lock on an MQTT bus."
)
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(secrets.app, name="secrets", rich_help_panel="System")
