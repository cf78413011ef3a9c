"""`doorbus import`: everybody whose pictures another program has kept, one after the other and several at once."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.asking import Asker, asking_the_enroller
from doorbus.cli.common import As, ExitStatus, Timeout, err, here, out
from doorbus.cli.layouts import Folder, Found, people_in, subjects_of
from doorbus.cli.lines import line
from doorbus.cli.people import SILENCE, names_on_the_roster
from doorbus.cli.pictures import NoPicture, as_jpeg
from doorbus.runtime.client import Client
from doorbus.wire.channels import ENROL, MIB, UPDATE
from doorbus.wire.messages import MAX_NAME, Enrol, ErrorCode, Result, Update
from doorbus.wire.plain import plain

_BUSY = frozenset({ErrorCode.BUSY, ErrorCode.NO_RECOGNIZER})
"""What may be over in a moment."""
_FULL = ErrorCode.TOO_MANY_SAMPLES
_PAUSES = (0.2, 1.0, 3.0, 10.0)
"""Seconds to wait before each further try."""
_LISTING_MIB = 64


def import_(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A folder with a folder of pictures for each person, or what CompreFace, Double Take or Frigate keep.",
            exists=True,
            file_okay=False,
            readable=True,
        ),
    ],
    in_flight: Annotated[
        int,
        typer.Option(min=1, max=32, help="People whose pictures are under way at once; more help more recognizers."),
    ] = 8,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would be imported, and send nothing.")] = False,  # noqa: FBT002
    timeout: Timeout = 30,
    role: As = None,
) -> None:
    """Enrol everybody in DIR. After an interruption run it again: what was taken is not looked at twice.

    Exit status 0: all taken, 1: some refused, 2: no answer.
    """
    found = look(folder)
    if dry_run:
        raise typer.Exit(tell(folder, found))
    on_the_bus(Access.of(role), lambda client: Import(client, folder, found, timeout).run(in_flight))


def look(folder: Path) -> Found:
    """Who is in a folder."""
    files: list[tuple[str, ...]] = []
    subjects: dict[str, str] = {}
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(where, name)
            files.append(path.relative_to(folder).parts)
            if path.suffix.lower() == ".json" and path.stat().st_size <= _LISTING_MIB * MIB:
                subjects |= subjects_of(_json(path))
    return people_in(files, subjects)


def _json(path: Path) -> object:
    try:
        found: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found


def tell(folder: Path, found: Found) -> int:
    """Print who would be imported; returns the exit status."""
    refused = dict(found.left_out)
    table = Table("person", "name", "pictures", box=None, pad_edge=False)
    for one in found.people:
        readable = 0
        for picture in one.pictures:
            try:
                as_jpeg(folder.joinpath(*picture), ENROL.max_bytes)
            except NoPicture as no:
                refused[picture] = str(no)
            else:
                readable += 1
        table.add_row(line(one.person), line(one.name or ""), str(readable))
    out.print(table)
    _print_refused({path: ("left out", why) for path, why in refused.items()})
    return ExitStatus.REFUSED if refused or not found.people else ExitStatus.OK


@dataclass
class Import:
    """One import under way."""

    client: Client
    folder: Path
    found: Found
    timeout: float
    taken: int = 0
    there: int = 0
    """Pictures that are samples already, or as good as one."""
    people: set[str] = field(default_factory=set)
    """Of whom something is there."""
    refused: dict[tuple[str, ...], tuple[str, str]] = field(default_factory=dict)
    """The code and the reason, by picture."""
    silent: bool = False
    """Whether nobody answers any more."""

    async def run(self, in_flight: int) -> int:
        """Send everything, so many people at once; returns the exit status."""
        self.refused |= {path: ("left out", why) for path, why in self.found.left_out.items()}
        names = await names_on_the_roster(self.client, min(self.timeout, 3.0))
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        whole = False
        try:
            async with asking_the_enroller(self.client) as asker:
                with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
                    bar = progress.add_task("pictures", total=sum(len(one.pictures) for one in self.found.people))
                    await self._together(asker, names, partial(progress.advance, bar), in_flight)
            whole = not self.silent
        finally:
            self._report(whole=whole)
        if self.silent:
            return ExitStatus.NO_ANSWER
        return ExitStatus.REFUSED if self.refused or not self.people else ExitStatus.OK

    async def _together(
        self, asker: Asker[Result], names: Mapping[str, str | None], done: Callable[[int], None], in_flight: int
    ) -> None:
        waiting = iter(self.found.people)

        async def work() -> None:
            for one in waiting:
                if not self.silent:
                    await self._person(asker, one, names.get(one.person), done)

        workers = [asyncio.create_task(work()) for _ in range(in_flight)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _person(
        self, asker: Asker[Result], one: Folder, known_as: str | None, done: Callable[[int], None]
    ) -> None:
        """One picture after the other: the first says who it is, and the others are held against it."""
        to_name = None if known_as else one.name
        for number, picture in enumerate(one.pictures, 1):
            fault = await self._picture(asker, one.person, self.folder.joinpath(*picture))
            if self.silent:
                return
            done(1)
            if fault is None:
                self.people.add(one.person)
                if to_name:
                    named = Update(name=plain(to_name)[:MAX_NAME])
                    await asker.ask(UPDATE, named, {"person": one.person}, self.timeout)
                    to_name = None
                continue
            self.refused[picture] = fault
            if fault[0] == _FULL:
                self.refused |= dict.fromkeys(one.pictures[number:], (_FULL, "not sent, as the one before"))
                done(len(one.pictures) - number)
                return

    async def _picture(self, asker: Asker[Result], person: str, path: Path) -> tuple[str, str] | None:
        """What was wrong with a picture; None when it was taken, or when nobody answers."""
        try:
            jpeg = await asyncio.to_thread(as_jpeg, path, ENROL.max_bytes)
        except NoPicture as no:
            return ErrorCode.NOT_A_PICTURE, str(no)
        result = None
        for pause in (*_PAUSES, None):
            result = await asker.ask(ENROL, Enrol(jpeg=jpeg), {"person": person}, self.timeout)
            if pause is None or (result is not None and (result.error is None or result.error.code not in _BUSY)):
                break
            await asyncio.sleep(pause)
        if result is None:
            self.silent = True
            return None
        if result.error is not None:
            return result.error.code, result.error.message
        self.there += result.added == 0
        self.taken += result.added != 0
        return None

    def _report(self, *, whole: bool) -> None:
        _print_refused(self.refused)
        codes = ", ".join(
            f"{count} {code}" for code, count in Counter(code for code, _ in self.refused.values()).items()
        )
        refused = f"{len(self.refused)} refused: {codes}" if self.refused else "none refused"
        there = f"{self.there} more are there already or add nothing," if self.there else ""
        out.print(line(f"{self.taken} pictures of {len(self.people)} people are new samples,", there, refused))
        if self.silent:
            err.print(line((here(SILENCE.format(self.timeout)), "red")))
        if not whole:
            err.print("The import is not complete; run it again to go on.")


def _print_refused(refused: Mapping[tuple[str, ...], tuple[str, str]]) -> None:
    if refused:
        table = Table(Column("picture", overflow="fold"), "refused", "why", box=None, pad_edge=False)
        for path, (code, why) in sorted(refused.items()):
            table.add_row(line("/".join(path)), line((code, "red")), line(why))
        out.print(table)
