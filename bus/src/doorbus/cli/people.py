"""`doorbus enrol`, `update` and `remove` ask the enroller; a list of people is read from the roster."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.table import Table

from doorbus.cli import options
from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.asking import asking_the_enroller
from doorbus.cli.common import As, ExitStatus, Person, Timeout, err, here, maybe_moment, maybe_slug, out, slug
from doorbus.cli.doors import at_doors
from doorbus.cli.lines import clean, line
from doorbus.cli.options import (
    AllDoors,
    ClearOfPerson,
    Hours,
    Name,
    Schedule,
    SecondFactor,
    Threshold,
    ValidFrom,
    ValidUntil,
)
from doorbus.cli.standing import Doors, amiss, may_pass
from doorbus.runtime.client import Client
from doorbus.wire.channels import (
    ENROL,
    ENROL_FROM_CAMERA,
    HEALTH,
    LOCK_STATE,
    MIB,
    REMOVE,
    REMOVE_CREDENTIAL,
    REMOVE_SAMPLE,
    ROSTER_MANIFEST,
    ROSTER_SHARD,
    SET_CREDENTIAL,
    UPDATE,
    Channel,
)
from doorbus.wire.codec import Refused
from doorbus.wire.messages import (
    Enrol,
    EnrolFromCamera,
    Entitlement,
    Message,
    Remove,
    RemoveSample,
    Result,
    ResultStatus,
    RosterEntry,
    Update,
)
from doorbus.wire.mistakes import first_mistake
from doorbus.wire.snapshot import Snapshot, SnapshotReader, as_they_are

M = TypeVar("M", bound=Message)

SILENCE = "no answer within {:g} s; is the enroller running? doorbus doctor"


STDIN = Path("-")
_ANSWERS_SECONDS = 5.0
"""How much longer than it looks the enroller may take to say what came of it."""


def picture_files(values: list[Path] | None) -> list[Path] | None:
    """Check files on the command line."""
    for value in values or ():
        if value != STDIN and not (value.exists() and not value.is_dir() and os.access(value, os.R_OK)):
            raise typer.BadParameter(f"{str(value)!r}: there is no such file, or it may not be read")
    return values


def camera(value: str | None) -> str | None:
    """Check DOOR/CAMERA on the command line."""
    if value is not None:
        door, _, name = value.partition("/")
        slug(door)
        slug(name)
    return value


def enrol(
    person: Person,
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PICTURE...",
            help="JPEG files, one face on each; - is standard input.",
            callback=picture_files,
            show_default=False,
        ),
    ] = None,
    *,
    from_camera: Annotated[
        str | None,
        typer.Option(
            metavar="DOOR/CAMERA",
            help="What this camera sees instead of pictures.",
            callback=camera,
            show_default=False,
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, max=10, help="How many frames of the camera are taken.")] = 3,
    name: Name = None,
    timeout: Timeout = 30,
    role: As = None,
) -> None:
    """Enrol PERSON from pictures or a camera; more of them add samples.

    Exit status 0: all taken, 1: one refused, 2: no answer.
    """
    if (from_camera is None) == (not pictures):
        raise typer.BadParameter("give pictures, or --from-camera DOOR/CAMERA")
    if from_camera is not None:
        door, _, lens = from_camera.partition("/")
        given_time = min(timeout, 120)
        asked = made(EnrolFromCamera, door=door, camera=lens, name=name, samples=samples, timeout_s=given_time)
        on_the_bus(Access.of(role), lambda client: enrol_from_camera(client, person, asked))
    change = made(Update, name=name) if name is not None else None
    on_the_bus(Access.of(role), lambda client: enrol_pictures(client, person, pictures or (), change, timeout))


def remove(
    person: Person,
    sample: Annotated[
        int | None,
        typer.Option(min=0, help="Forget this sample only; doorbus people --check names them.", show_default=False),
    ] = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Forget PERSON: templates and rights."""
    access = Access.of(role)
    if sample is None:
        on_the_bus(access, lambda client: request(client, REMOVE, Remove(), person, timeout))
    on_the_bus(
        access, lambda client: request(client, REMOVE_SAMPLE, RemoveSample(), person, timeout, sample=str(sample))
    )


def update(  # noqa: PLR0917  # typer reads them as options
    person: Person,
    name: Name = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Let the person in, or not.", show_default=False)
    ] = None,
    door: options.Doors = None,
    new_door: options.NewDoors = None,
    all_doors: AllDoors = False,  # noqa: FBT002
    valid_from: ValidFrom = None,
    valid_until: ValidUntil = None,
    hours: Hours = None,
    threshold: Threshold = None,
    schedule: Schedule = None,
    second_factor: SecondFactor = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Group whose rights count where none are given here.", callback=maybe_slug, show_default=False
        ),
    ] = None,
    clear: ClearOfPerson = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Change PERSON's name or rights; what is not given stays as it is."""
    changes = rights_changed(
        [*(door or ()), *(new_door or ())],
        valid_from,
        valid_until,
        (["doors"] if all_doors else []) + (clear or []),
        name=name,
        enabled=enabled,
        hours=hours,
        threshold=threshold,
        schedule=schedule,
        second_factor=second_factor,
        group=group,
    )
    if not changes:
        raise typer.BadParameter("nothing to change; see doorbus update --help")
    message = made(Update, **changes)
    on_the_bus(
        Access.of(role),
        lambda client: at_doors(client, door or (), lambda: request(client, UPDATE, message, person, timeout)),
    )


def given(**values: Any) -> dict[str, Any]:
    """Those options that were given."""
    return {name: value for name, value in values.items() if value is not None}


def rights_changed(
    door: Sequence[str], valid_from: str | None, valid_until: str | None, cleared: Sequence[str], **others: Any
) -> dict[str, Any]:
    """The fields of a person or of a group that the command line changes; those that are `cleared` become None."""
    doors = tuple(slug(one) for one in door) or None
    changes = given(doors=doors, valid_from=maybe_moment(valid_from), valid_until=maybe_moment(valid_until), **others)
    return changes | dict.fromkeys(cleared)


def made(model: type[M], **fields: Any) -> M:
    """A message of what was given on the command line."""
    try:
        return model(**fields)
    except ValidationError as error:
        raise typer.BadParameter(str(first_mistake(error))) from None


async def enrol_pictures(
    client: Client,
    person: str,
    pictures: Sequence[Path],
    change: Update | None,
    timeout: float,  # noqa: ASYNC109  # the user's number, told in the answer
) -> int:
    """Send the pictures one after the other, each result on a line of its own; returns the exit status."""
    ids = {"person": person}
    async with asking_the_enroller(client) as asker:
        statuses = []
        for number, picture in enumerate(pictures, 1):
            jpeg = await asyncio.to_thread(_read, picture)
            if len(jpeg) > ENROL.max_bytes:
                err.print(line(f"{picture}:", ("too large", "red"), f"at most {ENROL.max_bytes // MIB} MiB are taken"))
                statuses.append(ExitStatus.REFUSED)
                continue
            with out.status(f"{person}: {clean(picture.name)} ({number} of {len(pictures)})"):
                result = await asker.ask(ENROL, Enrol(jpeg=jpeg), ids, timeout)
            statuses.append(_report(str(picture), result, timeout))
            if result is None:
                break
        if change is not None and ExitStatus.OK in statuses:
            statuses.append(_report(f"{person}: name", await asker.ask(UPDATE, change, ids, timeout), timeout, "set"))
        return max(statuses, default=ExitStatus.OK)


async def enrol_from_camera(client: Client, person: str, asked: EnrolFromCamera) -> int:
    """Have the enroller look through a camera, and print what became of it; returns the exit status."""
    where = f"{asked.door}/{asked.camera}"
    async with asking_the_enroller(client) as asker:
        with out.status(f"{person}: look into the camera {where} alone"):
            wait = asked.timeout_s + _ANSWERS_SECONDS
            result = await asker.ask(ENROL_FROM_CAMERA, asked, {"person": person}, wait)
        return _report(f"{person} at {where}", result, wait)


def _read(picture: Path) -> bytes:
    """What is in a file, but not more than shows that it is too large: some files, such as /dev/zero, never end."""
    if picture == STDIN:
        return sys.stdin.buffer.read(ENROL.max_bytes + 1)
    with picture.open("rb") as file:
        return file.read(ENROL.max_bytes + 1)


async def request(
    client: Client,
    channel: Channel[Any],
    message: Message,
    person: str,
    timeout: float,  # noqa: ASYNC109  # the user's number
    **ids: str,
) -> int:
    """Send one request about `person` and print what became of it; returns the exit status."""
    async with asking_the_enroller(client) as asker:
        done = _DONE.get(channel.name, "")
        return _report(person, await asker.ask(channel, message, {"person": person, **ids}, timeout), timeout, done)


_DONE = {
    REMOVE.name: "forgotten",
    UPDATE.name: "changed",
    SET_CREDENTIAL.name: "has a code",
    REMOVE_CREDENTIAL.name: "is rid of the code",
}


async def list_people(client: Client, timeout: float) -> int:  # noqa: ASYNC109  # the user's number
    """Print the roster as a table; returns the exit status."""
    doors = Doors()
    snapshot = await read_roster(client, timeout, doors)
    if snapshot is None:
        err.print(line((here(f"no whole roster within {timeout:g} s; is the enroller running? doorbus doctor"), "red")))
        return ExitStatus.NO_ANSWER
    try:
        entries = [entry for part in snapshot.parts() for entry in part]
    except Refused as refused:
        err.print(line((f"the roster cannot be read: {refused}", "red")))
        return ExitStatus.NO_ANSWER
    if snapshot.manifest.version < doors.roster_version:
        err.print(line((here("the broker retains an older roster than others go by; doorbus doctor"), "red")))
    if not entries:
        out.print(here("Nobody is enrolled: doorbus enrol PERSON PICTURE..."))
        return ExitStatus.OK
    grouped = any(entry.group for entry in entries)
    columns = ("person", "name", *(["group"] if grouped else []), "may pass", "doors", "valid", "hours", "threshold")
    table = Table(*columns, box=None, pad_edge=False)
    entries.sort(key=lambda one: one.person)
    now = datetime.now(UTC)
    for entry in entries:
        table.add_row(*(line(cell) for cell in _row(entry, may_pass(entry, doors, now), grouped=grouped)))
    out.print(table)
    for entry in entries:
        for wrong in amiss(entry, doors):
            out.print(line((f"{entry.person}:", "yellow"), wrong))
    return ExitStatus.OK


async def names_on_the_roster(client: Client, timeout: float) -> dict[str, str | None]:  # noqa: ASYNC109  # as below
    """What everybody is called, by id; nobody when there is no whole roster within `timeout` seconds."""
    snapshot = await read_roster(client, timeout)
    try:
        return {entry.person: entry.name for part in snapshot.parts() for entry in part} if snapshot else {}
    except Refused:
        return {}


async def read_roster(
    client: Client,
    timeout: float,  # noqa: ASYNC109  # bounds the wait for shards
    doors: Doors | None = None,
) -> Snapshot[tuple[RosterEntry, ...]] | None:
    """The roster once all its shards are there; None when they are not within `timeout` seconds.

    What is retained of doors comes into `doors`.
    """
    reader = SnapshotReader(RosterEntry, as_they_are)
    if doors is not None:
        await client.listen(LOCK_STATE, HEALTH)  # first, so that all that is retained of them comes before the roster
    await client.listen(ROSTER_MANIFEST)
    snapshot = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            while snapshot is None:
                event = await client.expect(LOCK_STATE, HEALTH, ROSTER_MANIFEST, ROSTER_SHARD)
                if event.channel in (ROSTER_MANIFEST, ROSTER_SHARD):
                    snapshot = await client.collect(reader, event)
                elif doors is not None:
                    doors.hear(event)
    return snapshot


def _report(what: str, result: Result | None, timeout: float, done: str = "") -> ExitStatus:
    if result is None:
        err.print(line(f"{what}:", (here(SILENCE.format(timeout)), "red")))
        return ExitStatus.NO_ANSWER
    if result.status is ResultStatus.OK:
        samples = "1 sample" if result.samples == 1 else f"{result.samples} samples"
        told = [done or f"{result.person} has {samples}", *([result.advice] if result.advice else [])]
        out.print(line(f"{what}:", ("ok", "green"), "; ".join(told)))
        if result.warning is not None:
            out.print(line(f"{what}:", ("but", "yellow"), result.warning))
        return ExitStatus.OK
    code = result.error.code.value if result.error else "error"
    out.print(line(f"{what}:", (code, "red"), result.error.message if result.error else ""))
    return ExitStatus.REFUSED


def _row(entry: RosterEntry, passes: str, *, grouped: bool) -> tuple[str, ...]:
    return (entry.person, entry.name or "", *([entry.group or ""] if grouped else []), passes, *rights_cells(entry))


def rights_cells(rights: Entitlement) -> tuple[str, str, str, str]:
    """Doors, validity, hours and threshold as a table shows them."""
    ends = (rights.valid_from, rights.valid_until)
    since, until = (f"{end.astimezone():%Y-%m-%d %H:%M}" if end else "" for end in ends)
    return (
        "all" if rights.doors is None else ", ".join(rights.doors) or "none",
        f"{since} to {until}" if since or until else "always",
        rights.schedule or rights.hours or "any",
        f"{rights.threshold:g}" if rights.threshold is not None else "",
    )
