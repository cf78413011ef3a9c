"""`doorbus models`: which embedding models run, and how far people have been taken over to each."""

import asyncio
from collections.abc import Iterator, Sequence

from rich.table import Table

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.common import As, ExitStatus, Timeout, err, out
from doorbus.cli.lines import line
from doorbus.runtime.client import Client
from doorbus.wire.channels import MODELS, Role
from doorbus.wire.messages import Models, ModelState

_SHOWN = 10


def models(timeout: Timeout = 5, role: As = None) -> None:
    """Say which embedding models recognizers run, what each gallery has, and who must be enrolled again for one.

    Exit status 0: everybody is known to all models that run, 1: not yet, or not all can be, 2: no answer.
    """
    access = Access.of(role, Role.OPERATOR)
    on_the_bus(access, lambda client: _models(client, timeout))


async def _models(client: Client, timeout: float) -> int:  # noqa: ASYNC109
    await client.listen(MODELS)
    try:
        async with asyncio.timeout(timeout):
            state: Models = (await client.expect(MODELS)).message
    except TimeoutError:
        err.print(line(("nobody is enrolled, or no enroller has told of models yet", "yellow")))
        return ExitStatus.NO_ANSWER
    table = Table(box=None, pad_edge=False)
    for name in ("model", "recognizers", "gallery", "people", "samples", "still to do"):
        table.add_column(name, justify="right" if name in {"people", "samples", "still to do"} else "left")
    for one in state.models:
        table.add_row(one.model, ", ".join(one.recognizers) or "none", _gallery(one), *_counts(one))
    out.print(table)
    for one in state.models:
        for text in _again(one):
            err.print(line((text, "yellow")))
    waiting = any(one.left or one.again_count for one in state.models if one.recognizers)
    return ExitStatus.REFUSED if waiting else ExitStatus.OK


def _gallery(one: ModelState) -> str:
    if one.leading:
        return "leads"
    return "beside" if one.published else "not yet"


def _counts(one: ModelState) -> tuple[str, str, str]:
    return str(one.people), str(one.samples), str(one.left)


def _again(one: ModelState) -> Iterator[str]:
    if one.again_count:
        yield f"{one.model}: {enrol_again(one.again, one.again_count)}"


def enrol_again(people: Sequence[str], count: int) -> str:
    """The first of `count` people of whom samples cannot be taken over to a model, and why."""
    named = ", ".join(people[:_SHOWN])
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    return f"enrol again, as no face of a sample is kept, or none is found on it: {named}{more}"
