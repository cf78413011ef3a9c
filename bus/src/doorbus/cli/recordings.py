"""`doorbus recordings`: the pictures that a recorder has kept of what happened at the doors."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.asking import Unanswered, asking, pages
from doorbus.cli.backup import telling
from doorbus.cli.common import As, Door, ExitStatus, Timeout, err, moment, out, slug
from doorbus.cli.lines import line
from doorbus.cli.pictures import NoPicture, animation
from doorbus.files import put
from doorbus.runtime.client import Client
from doorbus.wire.channels import (
    RECORDING_ERASE,
    RECORDING_GET,
    RECORDING_LIST,
    RECORDING_REPLY,
    RECORDINGS_REPLY,
    Role,
)
from doorbus.wire.messages import EraseRecording, GetRecording, ListRecordings, Outcome, Recording, Recordings

app = typer.Typer(no_args_is_help=True, help="Pictures that the recorder has kept.")
LAPSE_PICTURES, LAPSE_SECONDS = 150, 0.3
"""Most pictures of a day, and how long each is shown: 45 seconds, and at most some 10 MB."""
SILENCE = "no answer within {:g} s; is a recorder running, and may this user ask (role admin)? doorbus doctor"


def _slug(value: str | None) -> str | None:
    return None if value is None else slug(value)


Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the recording, as list tells it.", callback=slug)]
OfDoor = Annotated[str | None, typer.Option(help="Those of this door.", callback=_slug, show_default=False)]
OfPerson = Annotated[str | None, typer.Option(help="Those that name this person.", callback=_slug, show_default=False)]
Since = Annotated[datetime | None, typer.Option(parser=moment, help="Those from then on.", metavar="TIME")]
Until = Annotated[datetime | None, typer.Option(parser=moment, help="Those before then.", metavar="TIME")]


@app.command("list")
def list_(  # noqa: PLR0917  # typer reads them as options
    door: OfDoor = None,
    person: OfPerson = None,
    since: Since = None,
    until: Until = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Those of this outcome.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,  # noqa: FBT002
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """List what was kept, the newest first. Exit status 0: told, 1: refused, 2: no answer."""
    asked = ListRecordings(door=door, person=person, since=since, until=until, outcome=outcome, limit=200)
    on_the_bus(Access.of(role, Role.ADMIN), lambda client: telling(tell_recordings(client, asked, timeout, json=json)))


@app.command()
def show(
    recording: Id,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="File to write; ID.jpg when not given.", dir_okay=False)
    ] = None,
    boxes: Annotated[bool, typer.Option("--boxes", help="Draw boxes and names on it.")] = False,  # noqa: FBT002
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Write the picture into a file. Exit status 0: written, 1: there is none of this id, 2: no answer."""
    path = file or Path(f"{recording}.jpg")
    work = show_recording
    on_the_bus(Access.of(role, Role.ADMIN), lambda client: telling(work(client, recording, path, timeout, boxes=boxes)))


@app.command()
def lapse(  # noqa: PLR0917  # typer reads them as options
    door: Door,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="File to write; DOOR-DAY.gif when not given.", dir_okay=False),
    ] = None,
    day: Annotated[
        datetime | None, typer.Option(parser=moment, help="The day; today when not given.", metavar="DAY")
    ] = None,
    boxes: Annotated[bool, typer.Option("--boxes", help="Draw boxes and names on the pictures.")] = False,  # noqa: FBT002
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Write a day of DOOR as a GIF, a picture after another; of many, so many that it stays small.

    Exit status 0: written, 1: there is none of that day, 2: no answer.
    """
    since = (day or datetime.now().astimezone()).replace(hour=0, minute=0, second=0, microsecond=0)
    path = file or Path(f"{door}-{since:%Y-%m-%d}.gif")
    asked = ListRecordings(door=door, since=since, until=since + timedelta(days=1), limit=200)
    on_the_bus(
        Access.of(role, Role.ADMIN), lambda client: telling(write_lapse(client, asked, path, timeout, boxes=boxes))
    )


@app.command()
def erase(  # noqa: PLR0917  # typer reads them as options
    recordings: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Ids, as list tells them.", show_default=False)
    ] = None,
    door: OfDoor = None,
    person: OfPerson = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,  # noqa: FBT002
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Erase pictures: by id, those that the options name, or all. Exit status 0: gone, 1: refused, 2: no answer."""
    ids = [slug(each) for each in recordings or ()]
    wanted = ListRecordings(door=door, person=person, since=since, until=until, limit=200)
    if not ids and wanted == ListRecordings(limit=200) and not everything:
        raise typer.BadParameter("name ids, or say which ones: --door, --person, --since, --until, or --all")
    on_the_bus(Access.of(role, Role.ADMIN), lambda client: telling(erase_recordings(client, ids, wanted, timeout)))


async def tell_recordings(client: Client, asked: ListRecordings, timeout: float, *, json: bool) -> int:  # noqa: ASYNC109
    """Print what was kept; the exit status. Raises `Unanswered`."""
    told = 0
    async for page in _listed(client, asked, timeout):
        for each in page.recordings:
            told += 1
            if json:
                typer.echo(each.model_dump_json(exclude_none=True))
            else:
                out.print(_sentence(each))
        kept = page.count
    err.print(line(f"{told} of {kept} recordings"))
    return ExitStatus.OK


async def show_recording(client: Client, recording: str, path: Path, timeout: float, *, boxes: bool) -> int:  # noqa: ASYNC109
    """Write a picture to `path`; the exit status. Raises `Unanswered`."""
    async with asking(client, RECORDING_REPLY) as asker:
        answer = await asker.ask(RECORDING_GET, GetRecording(boxes=boxes), {"recording": recording}, timeout)
    if answer is None:
        raise Unanswered(SILENCE.format(timeout), ExitStatus.NO_ANSWER)
    if answer.error is not None:
        raise Unanswered(f"{answer.error}: {answer.why}", ExitStatus.REFUSED)
    try:
        put(path, answer.jpeg)
    except OSError as error:
        raise Unanswered(f"{path}: {error.strerror}", ExitStatus.REFUSED) from None
    out.print(line(f"{path}: a picture of people; keep it to yourself"))
    return ExitStatus.OK


async def write_lapse(client: Client, asked: ListRecordings, path: Path, timeout: float, *, boxes: bool) -> int:  # noqa: ASYNC109
    """Write those that are asked for into `path`, the oldest first; the exit status. Raises `Unanswered`."""
    ids = [each.recording async for page in _listed(client, asked, timeout) for each in page.recordings]
    chosen = spread(ids[::-1], LAPSE_PICTURES)
    jpegs: list[bytes] = []
    async with asking(client, RECORDING_REPLY) as asker:
        for each in chosen:
            answer = await asker.ask(RECORDING_GET, GetRecording(boxes=boxes), {"recording": each}, timeout)
            if answer is None:
                raise Unanswered(SILENCE.format(timeout), ExitStatus.NO_ANSWER)
            if answer.error is None:  # else it was erased meanwhile, or is damaged
                jpegs.append(answer.jpeg)
    try:
        put(path, animation(jpegs, LAPSE_SECONDS))
    except NoPicture as error:
        raise Unanswered(str(error), ExitStatus.REFUSED) from None
    except OSError as error:
        raise Unanswered(f"{path}: {error.strerror}", ExitStatus.REFUSED) from None
    out.print(line(f"{path}: {len(jpegs)} of {len(ids)} pictures of people; keep it to yourself"))
    return ExitStatus.OK


def spread(ids: Sequence[str], most: int) -> list[str]:
    """At most so many of them, evenly, the first and the last among them."""
    if len(ids) <= most:
        return list(ids)
    return [ids[round(each * (len(ids) - 1) / (most - 1))] for each in range(most)]


async def erase_recordings(
    client: Client,
    ids: list[str],
    wanted: ListRecordings,
    timeout: float,  # noqa: ASYNC109
) -> int:
    """Erase those of `ids`, or where there are none those that are `wanted`; the exit status. Raises `Unanswered`."""
    if not ids:
        ids = [each.recording async for page in _listed(client, wanted, timeout) for each in page.recordings]
    refused = 0
    async with asking(client, RECORDINGS_REPLY) as asker:
        for each in ids:
            answer = await asker.ask(RECORDING_ERASE, EraseRecording(), {"recording": each}, timeout)
            if answer is None:
                raise Unanswered(SILENCE.format(timeout), ExitStatus.NO_ANSWER)
            if answer.error is not None:
                refused += 1
                err.print(line(f"{each}:", (answer.error.message, "red")))
    out.print(line(f"{len(ids) - refused} erased"))
    return ExitStatus.REFUSED if refused else ExitStatus.OK


async def _listed(client: Client, asked: ListRecordings, timeout: float) -> AsyncIterator[Recordings]:  # noqa: ASYNC109
    async with asking(client, RECORDINGS_REPLY) as asker:
        async for page in pages(asker, RECORDING_LIST, asked, timeout, SILENCE):
            yield page


def _sentence(each: Recording) -> object:
    granted = each.outcome is Outcome.GRANTED
    sure = "" if each.confidence is None else f"{each.confidence:.2f}"
    return line(
        f"{each.recording}  {each.at.astimezone():%Y-%m-%d %H:%M:%S}",
        each.door,
        each.camera,
        (each.outcome.value, "green" if granted else "red"),
        "" if granted else each.reason.value,
        each.person or "",
        sure,
    )
