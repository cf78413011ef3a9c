"""`doorbus journal` reads what a door has written down: verifies, filters, exports and follows it."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import ValidationError

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.asking import asking
from doorbus.cli.common import As, ExitStatus, Timeout, err, here, moment, out, slug
from doorbus.cli.entries import COLUMNS, Format, Wanted, csv_line, sentence, told_as
from doorbus.cli.following import until_told
from doorbus.cli.journal_file import opened
from doorbus.cli.lines import line
from doorbus.runtime.client import Client
from doorbus.wire.channels import JOURNAL, JOURNAL_REPLY, JOURNAL_REQUEST
from doorbus.wire.exchange import Outbound
from doorbus.wire.journal import Verifier, digest_of, text_of
from doorbus.wire.messages import JournalEntry, JournalKind, JournalPage, JournalRequest


def journal(  # noqa: PLR0917  # typer reads them as options
    door: Annotated[str, typer.Argument(metavar="DOOR", help="Id of the door, e.g. front.", callback=slug)],
    file: Annotated[
        Path | None, typer.Option(help="Read this file of an actuator (VAR/journal-DOOR.db) instead of asking it.")
    ] = None,
    first: Annotated[int, typer.Option(min=1, help="The number of the first entry to read.")] = 1,
    kind: Annotated[list[JournalKind] | None, typer.Option(help="Tell entries of this kind; may be repeated.")] = None,
    person: Annotated[str | None, typer.Option(help="Tell what was decided about this person.")] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=moment, help="Tell what happened from then on.", metavar="TIME")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=moment, help="Tell what happened before then.", metavar="TIME")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to tell it.")] = Format.TEXT,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what happens, until Ctrl-C.")] = False,  # noqa: FBT002
    timeout: Timeout = 5,
    role: As = None,
) -> None:
    """Tell what DOOR has written down, and whether its chain is whole.

    The chain is verified whatever is told of it. Exit status 0: it is whole, 1: it is not, 2: no answer.
    """
    teller = Teller(Wanted(frozenset(kind or ()), person, since, until), form)
    if file is not None:
        if follow:
            raise typer.BadParameter("--follow asks the actuator, and goes without --file")
        _read(teller, file, first)
        raise typer.Exit(teller.end())
    access = Access.of(role)
    if follow:
        raise typer.Exit(until_told(access, "doorbus-journal", Follower(teller, door, first, timeout).follow, _lost))
    on_the_bus(access, lambda client: ask(client, teller, door, first, timeout))


class Teller:
    """Verifies entries as they come, the oldest first, and prints those that are wanted."""

    def __init__(self, wanted: Wanted, form: Format) -> None:
        self._wanted = wanted
        self._form = form
        self._verifier = Verifier()
        self._numbers: list[int] = []
        self._count = 0
        self.mistakes = 0
        if form is Format.CSV:
            typer.echo(csv_line(COLUMNS))

    def tell(self, entry: JournalEntry, text: bytes) -> None:
        """The next entry."""
        mistake = self._verifier.look(entry, text)
        if mistake is not None:
            self.wrong(f"entry {entry.number}", mistake)
        self._count += 1
        self._numbers = [*self._numbers[:1], entry.number]
        if self._wanted.has(entry) and self._form is Format.TEXT:
            out.print(sentence(entry))
        elif self._wanted.has(entry):
            typer.echo(told_as(entry, self._form))

    def wrong(self, what: str, mistake: str) -> None:
        """Something that is not as it was written."""
        self.mistakes += 1
        err.print(line(f"{what}:", (mistake, "red")))

    def gone(self, first: int, last: int) -> None:
        """The newest entries are not there."""
        which = f"entry {last}" if first == last else f"entries {first} to {last}"
        self.wrong(which, "written once, and not there any more")

    def end(self) -> int:
        """Say how many entries there were, and whether the chain was whole; the exit status."""
        span = f", {self._numbers[0]} to {self._numbers[-1]}" if self._numbers else ""
        verdict = ("the chain is whole", "green") if not self.mistakes else ("the chain is not whole", "red")
        err.print(line(f"{self._count} entries{span}:", verdict))
        return ExitStatus.REFUSED if self.mistakes else ExitStatus.OK


# From a file.


def _read(teller: Teller, path: Path, first: int) -> None:
    number, text = 0, b""
    with opened(path, first) as written:
        for number, text in written.rows:
            try:
                entry = JournalEntry.model_validate_json(text)
            except ValidationError:
                teller.wrong(f"entry {number}", "it cannot be read")
                continue
            if entry.number != number:
                teller.wrong(f"entry {number}", f"it says that it is {entry.number}")
            teller.tell(entry, text)
        if max(number, first - 1) < written.newest:
            teller.gone(max(number + 1, first), written.newest)
        elif number == written.newest and digest_of(text) != written.digest:
            teller.wrong(f"entry {number}", "it is not what was written")


# From the bus.


async def ask(client: Client, teller: Teller, door: str, first: int, timeout: float) -> int:  # noqa: ASYNC109  # of the user
    """Have `teller` tell all entries of `door` from `first` on, page by page; the exit status."""
    async with asking(client, JOURNAL_REPLY) as asker:
        while True:
            page = await asker.ask(JOURNAL_REQUEST, JournalRequest(first=first), {"door": door}, timeout)
            if page is None:
                return _no_answer(door, timeout)
            for entry in page.entries:
                teller.tell(entry, text_of(entry))
            if not page.entries and first <= page.newest:
                teller.gone(first, page.newest)
            if not page.entries or page.entries[-1].number >= page.newest:
                return teller.end()
            first = page.entries[-1].number + 1


def _no_answer(door: str, timeout: float) -> int:
    why = here(f"within {timeout:g} s; is its actuator running? doorbus doctor")
    err.print(line(f"{door}:", ("no answer", "red"), why))
    return ExitStatus.NO_ANSWER


class Follower:
    """Tells what was written, then what is; what was missed, as while the broker was away, is asked for by number."""

    def __init__(self, teller: Teller, door: str, first: int, timeout: float) -> None:
        self._teller = teller
        self._door = door
        self._next = first
        self._heard = 0
        self._chain: str | None = None
        self._timeout = timeout
        self._asked = False

    async def follow(self, client: Client) -> None:
        """Tell until the connection is lost, which ends it by `ConnectionLost`."""
        token = uuid4().hex
        await client.listen(JOURNAL, door=self._door)
        await client.listen(JOURNAL_REPLY, token=token)
        wanted = True
        while True:
            if wanted:
                reply = (JOURNAL_REPLY, {"token": token})
                request = JournalRequest(first=self._next)
                await client.send(Outbound(JOURNAL_REQUEST, request, {"door": self._door}, response=reply))
                self._asked = True
            wanted = await self._hear(client)

    async def _hear(self, client: Client) -> bool:
        """Take what comes next; whether to ask."""
        try:
            async with asyncio.timeout(self._timeout if self._asked else None):
                message = (await client.expect(JOURNAL, JOURNAL_REPLY)).message
        except TimeoutError:  # when it is back it says that it has started
            self._asked = False
            _no_answer(self._door, self._timeout)
            return self._heard >= self._next
        if isinstance(message, JournalPage):
            self._asked = False
            for entry in message.entries:
                self._tell(entry)
            return bool(message.entries) and self._next <= max(message.newest, self._heard)
        if self._chain is not None and message.chain != self._chain:  # the journal was lost, and another one begins
            self._chain, self._next, self._heard = message.chain, 1, 0
        self._heard = max(self._heard, message.number)
        if message.number == self._next and not self._asked:
            self._tell(message)
        return self._heard >= self._next and not self._asked

    def _tell(self, entry: JournalEntry) -> None:
        if entry.number < self._next:
            return
        self._chain, self._next = entry.chain, entry.number + 1
        self._teller.tell(entry, text_of(entry))


def _lost(why: str) -> None:
    err.print(line((why, "red")))
