"""`doorbus review`: the faces that a recorder has seen and that wait for a person's word."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.asking import Unanswered, asking, pages
from doorbus.cli.backup import telling
from doorbus.cli.common import As, ExitStatus, Person, Timeout, out, slug
from doorbus.cli.lines import line
from doorbus.cli.pictures import NoPicture, in_blocks
from doorbus.cli.recordings import SILENCE
from doorbus.files import put
from doorbus.runtime.client import Client
from doorbus.wire.channels import (
    REVIEW_ACCEPT,
    REVIEW_DISCARD,
    REVIEW_GET,
    REVIEW_LIST,
    REVIEW_REPLY,
    REVIEWS_REPLY,
    Channel,
    Role,
)
from doorbus.wire.messages import AcceptReview, DiscardReview, GetReview, ListReviews, Message, Review, Reviews

app = typer.Typer(invoke_without_command=True)
Entry = Annotated[str, typer.Argument(metavar="ENTRY", help="Id of the entry, as review tells it.", callback=slug)]


@app.callback()
def review(
    ctx: typer.Context,
    *,
    into: Annotated[
        Path | None, typer.Option(help="Write the faces into this directory, as ENTRY.jpg.", file_okay=False)
    ] = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """List the faces that wait for a word, those seen last first; a terminal shows them.

    Exit status 0: told, 1: refused, 2: no answer.
    """
    if ctx.invoked_subcommand is None:
        on_the_bus(Access.of(role, Role.ADMIN), lambda client: telling(tell_reviews(client, into, timeout)))


@app.command()
def accept(
    entry: Entry,
    person: Person,
    *,
    new: Annotated[bool, typer.Option("--new", help="PERSON is somebody new, and not enrolled yet.")] = False,
    timeout: Timeout = 30,
    role: As = None,
) -> None:
    """Say that the face is PERSON's, and enrol it. Exit status 0: enrolled, 1: refused, 2: no answer."""
    access = Access.of(role, Role.ADMIN)
    said = AcceptReview(person=person, new=new, by=access.role)
    on_the_bus(access, lambda client: telling(say(client, REVIEW_ACCEPT, said, (entry,), timeout)))


@app.command()
def discard(
    entries: Annotated[list[str], typer.Argument(metavar="ENTRY...", help="Ids, as review tells them.")],
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Forget faces. Exit status 0: forgotten, 1: refused, 2: no answer."""
    ids = tuple(slug(each) for each in entries)
    work = say
    on_the_bus(
        Access.of(role, Role.ADMIN),
        lambda client: telling(work(client, REVIEW_DISCARD, DiscardReview(), ids, timeout)),
    )


async def tell_reviews(client: Client, into: Path | None, timeout: float) -> int:  # noqa: ASYNC109  # of the user
    """Print who waits, with pictures where these can be shown; the exit status. Raises `Unanswered`."""
    told = [each async for page in _listed(client, timeout) for each in page.entries]
    for each in told:
        out.print(_sentence(each))
        if into is not None or out.is_terminal:
            await _show(client, each, into, timeout)
    out.print(line(f"{len(told)} faces wait for a word: doorbus review accept ENTRY PERSON, or discard ENTRY"))
    return ExitStatus.OK


async def _show(client: Client, each: Review, into: Path | None, timeout: float) -> None:  # noqa: ASYNC109
    async with asking(client, REVIEW_REPLY) as asker:
        picture = await asker.ask(REVIEW_GET, GetReview(), {"entry": each.entry}, timeout)
    if picture is None:
        raise Unanswered(SILENCE.format(timeout), ExitStatus.NO_ANSWER)
    if picture.error is not None:  # somebody else has dealt with it meanwhile
        out.print(line((str(picture.why), "red")))
    elif into is not None:
        path = into / f"{each.entry}.jpg"
        try:
            into.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  # nobody else is served by this process
            put(path, picture.jpeg)
        except OSError as error:
            raise Unanswered(f"{path}: {error.strerror}", ExitStatus.REFUSED) from None
        out.print(line(str(path)))
    else:
        try:
            out.print(in_blocks(picture.jpeg))
        except NoPicture as error:
            out.print(line((str(error), "red")))


async def say(
    client: Client,
    channel: Channel[Message],
    said: Message,
    entries: tuple[str, ...],
    timeout: float,  # noqa: ASYNC109  # of the user
) -> int:
    """Send a word about each of `entries`, and print what became of it; the exit status. Raises `Unanswered`."""
    status = ExitStatus.OK
    async with asking(client, REVIEWS_REPLY) as asker:
        for entry in entries:
            answer: Reviews | None = await asker.ask(channel, said, {"entry": entry}, timeout)
            if answer is None:
                raise Unanswered(SILENCE.format(timeout), ExitStatus.NO_ANSWER)
            if answer.error is not None:
                status = ExitStatus.REFUSED
                out.print(line(f"{entry}:", (str(answer.error.code), "red"), answer.error.message))
            elif answer.person is not None:
                samples = "1 sample" if answer.samples == 1 else f"{answer.samples} samples"
                out.print(line(f"{entry}:", ("ok", "green"), f"{answer.person} has {samples}"))
            else:
                out.print(line(f"{entry}:", ("ok", "green")))
    return status


async def _listed(client: Client, timeout: float) -> AsyncIterator[Reviews]:  # noqa: ASYNC109
    async with asking(client, REVIEWS_REPLY) as asker:
        async for page in pages(asker, REVIEW_LIST, ListReviews(limit=200), timeout, SILENCE):
            yield page


def _sentence(each: Review) -> object:
    who = "unknown" if each.person is None else f"perhaps {each.person} ({each.confidence:.2f})"
    times = "once" if each.count == 1 else f"{each.count} times"
    seen = f"{each.at.astimezone():%Y-%m-%d %H:%M:%S}"
    return line(each.entry, (who, "yellow"), f"seen {times}, last {seen},", each.door, each.camera)
