"""The options of rights, which people, groups and schedules have in common."""

from collections.abc import Callable
from typing import Annotated

import typer

from doorbus.cli.common import maybe_slug

RIGHTS = ("name", "doors", "valid_from", "valid_until", "hours", "schedule", "threshold", "second_factor")
"""What a group has that can be cleared, and a person besides a group."""
OF_SCHEDULES = ("name", "holidays")
"""What a schedule has that can be cleared."""


def clearable(*fields: str) -> Callable[[list[str] | None], list[str] | None]:
    """A check of `--clear` for these fields, which may be written as the options are."""

    def check(values: list[str] | None) -> list[str] | None:
        names = [value.replace("-", "_") for value in values or ()]
        for value, name in zip(values or (), names, strict=True):
            if name not in fields:
                raise typer.BadParameter(f"{value!r} cannot be cleared, only {' or '.join(fields)}")
        return names if values else None

    return check


def _clear(*fields: str) -> object:
    told = f"Field to clear: {', '.join(fields[:-1])} or {fields[-1]}."
    return typer.Option("--clear", help=told, callback=clearable(*fields), show_default=False)


Name = Annotated[str | None, typer.Option(help="Name for people to read.", show_default=False)]
Doors = Annotated[list[str] | None, typer.Option(help="Door that may be used; repeat for several.", show_default=False)]
NewDoors = Annotated[
    list[str] | None,
    typer.Option("--new-door", help="The same for a door that is not there yet.", show_default=False),
]
AllDoors = Annotated[bool, typer.Option("--all-doors", help="Every door may be used.")]
ValidFrom = Annotated[
    str | None,
    typer.Option(help="First moment, e.g. 2026-12-01 or 2026-12-01T08:00; local time, or with an offset."),
]
ValidUntil = Annotated[str | None, typer.Option(help="Last moment.", show_default=False)]
Hours = Annotated[str | None, typer.Option(help="Opening hours, e.g. 'Mo-Fr 07:00-19:00'.", show_default=False)]
Schedule = Annotated[
    str | None, typer.Option(help="Schedule whose hours count.", callback=maybe_slug, show_default=False)
]
Threshold = Annotated[float | None, typer.Option(min=0, max=1, help="Confidence that is asked.", show_default=False)]
SecondFactor = Annotated[
    bool | None,
    typer.Option("--second-factor/--no-second-factor", help="Ask for a code after the face.", show_default=False),
]
ClearOfPerson = Annotated[list[str] | None, _clear(*RIGHTS, "group")]
ClearOfGroup = Annotated[list[str] | None, _clear(*RIGHTS)]
ClearOfSchedule = Annotated[list[str] | None, _clear(*OF_SCHEDULES)]
