"""The `doorbus` command."""

from collections.abc import Callable

import typer

from doorbus.cli import documents, lock, people
from doorbus.cli.doctor import doctor
from doorbus.cli.watch import watch

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="A door lock on an MQTT bus."
)
panels: dict[Callable[..., None], str] = {
    **dict.fromkeys((lock.unlock, lock.lock), "Doors"),
    **dict.fromkeys((people.enrol, people.people, people.update, people.remove), "People"),
    **dict.fromkeys((watch, doctor), "System"),
    **dict.fromkeys((documents.acl, documents.asyncapi, documents.env_example), "Documents"),
}
for command, panel in panels.items():
    app.command(rich_help_panel=panel)(command)


def main() -> None:
    """Run the command of the command line."""
    app(prog_name="doorbus")


if __name__ == "__main__":
    main()
