"""What all commands share: their exit statuses, the options that many have, and where they print."""

import os
from datetime import datetime
from enum import IntEnum
from typing import Annotated

import typer
from rich.console import Console

from doorbus.runtime import words
from doorbus.wire.channels import Role
from doorbus.wire.ids import is_slug

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def here(text: str) -> str:
    """A sentence with commands and files as they are called where its reader stands."""
    return words.here(text, os.environ)


class ExitStatus(IntEnum):
    """Exit statuses of the command."""

    OK = 0
    REFUSED = 1
    """The system answered, and the answer was no."""
    NO_ANSWER = 2
    """Nobody answered: the broker or a service is not there, or the command was not understood."""
    INTERRUPTED = 130


def slug(value: str) -> str:
    """Check an id on the command line."""
    if not is_slug(value):
        raise typer.BadParameter(
            f"{value!r}: an id is a-z, 0-9, _ and -, at most 64 of them, and begins with a-z or 0-9"
        )
    return value


def maybe_slug(value: str | None) -> str | None:
    """Check an id on the command line, if one is given."""
    return None if value is None else slug(value)


def moment(text: str) -> datetime:
    """A time on the command line, in the zone of this machine where it names none."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r}: no date or time such as 2026-12-01 or 2026-12-01T08:00") from None


def maybe_moment(text: str | None) -> datetime | None:
    """A time on the command line, if one is given."""
    return None if text is None else moment(text)


As = Annotated[
    Role | None,
    typer.Option("--as", help="User of the broker to be; DOORBUS_BROKER__USERNAME, or operator.", show_default=False),
]
Door = Annotated[str, typer.Argument(metavar="DOOR", help="Id of the door, e.g. front.", callback=slug)]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Id of the person, e.g. alice.", callback=slug)]
Timeout = Annotated[float, typer.Option(min=0.1, max=600, help="Seconds to wait for an answer.")]
