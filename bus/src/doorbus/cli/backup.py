"""`doorbus export` and `doorbus restore`: everybody in one file, which a passphrase opens."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.asking import Unanswered, answered, asking, pages
from doorbus.cli.common import As, ExitStatus, Timeout, err, out
from doorbus.cli.lines import line
from doorbus.cli.models import enrol_again
from doorbus.files import put
from doorbus.runtime.client import Client
from doorbus.runtime.site_key import open_seal
from doorbus.site import vault
from doorbus.site.vault import VaultError
from doorbus.wire.channels import EXPORT, PEOPLE_REPLY, RESTORE, Role
from doorbus.wire.codec import Refused
from doorbus.wire.messages import ExportPeople, KeptPeople, KeptPerson, KeptSample, RestorePeople
from doorbus.wire.mistakes import first_mistake
from doorbus.wire.purposes import of_face, of_sample
from doorbus.wire.seal import Seal

_FORMAT = "doorbus people 1"
_PAGE_BYTES, _PAGE_PEOPLE = 1024 * 1024, 100
_TRIES = 5
_SILENCE = "no answer within {:g} s; is the enroller running, and may this user ask (role admin)? doorbus doctor"

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        help="File with the passphrase on its first line; asked for when not given.", exists=True, dir_okay=False
    ),
]


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.", dir_okay=False)],
    passphrase_file: PassphraseFile = None,
    timeout: Timeout = 10,
    role: As = None,
) -> None:
    """Write everybody to FILE: rights, templates, and when they came. It is encrypted with a passphrase.

    Needs the site key and a user of the role admin. Exit status 0: written, 1: refused, 2: no answer.
    """
    access = Access.of(role, Role.ADMIN)
    seal, passphrase = open_seal(access.settings), _passphrase(passphrase_file, again=True)
    on_the_bus(access, lambda client: telling(export_people(client, file, passphrase, seal, timeout)))


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What export has written.", exists=True, dir_okay=False)],
    passphrase_file: PassphraseFile = None,
    timeout: Timeout = 30,
    role: As = None,
) -> None:
    """Put everybody in FILE back, at this site or another. Who is in it is replaced, who is not stays.

    Where the site has another model, its recognizers make new templates of the faces in FILE. After an interruption run
    it again. Exit status 0: all are back, 1: refused, FILE cannot be opened, or some must enrol again, 2: no answer.
    """
    access = Access.of(role, Role.ADMIN)
    seal, passphrase = open_seal(access.settings), _passphrase(passphrase_file, again=False)
    try:
        people = [person.person for person in read_backup(file, passphrase, seal)]  # all of it, before anything is done
        arranged = read_arranged(file, passphrase)
    except (VaultError, OSError) as error:
        reason = str(error.strerror) if isinstance(error, OSError) else str(error)
        err.print(line(f"{file}:", (reason, "red")))
        raise typer.Exit(ExitStatus.REFUSED) from None
    on_the_bus(
        access,
        lambda client: telling(
            restore_people(client, read_backup(file, passphrase, seal), len(people), timeout, arranged)
        ),
    )


async def export_people(client: Client, file: Path, passphrase: str, seal: Seal, timeout: float) -> int:  # noqa: ASYNC109
    """Ask for everybody, page by page, and write the file; returns the exit status. Raises `Unanswered`."""
    for _ in range(_TRIES):
        try:
            people, lost = await _export(client, file, passphrase, seal, timeout)
        except _Changed:
            continue
        out.print(line(f"{file}: {people} people; keep it and its passphrase apart"))
        if lost:
            err.print(line((f"{lost} samples or rights cannot be read, and are not in it", "yellow")))
        return ExitStatus.OK
    raise Unanswered("people are being changed all the time; try again when it is quiet", ExitStatus.REFUSED)


async def restore_people(
    client: Client,
    people: Iterator[KeptPerson],
    count: int,
    timeout: float,  # noqa: ASYNC109
    arranged: RestorePeople | None = None,
) -> int:
    """Send what is `arranged`, then everybody, page by page; returns the exit status. Raises `Unanswered`."""
    here, again = 0, list[str]()
    async with asking(client, PEOPLE_REPLY) as asker:
        with _progress() as progress:
            bar = progress.add_task("people", total=count)
            first = [arranged] if arranged and (arranged.groups or arranged.schedules) else []
            for page in chain(first, _pages(people)):
                told = await answered(asker, RESTORE, page, timeout, _SILENCE)
                here, again = told.count, [*again, *(told.again or ())]
                progress.advance(bar, len(page.people))
    out.print(line(f"{count} people are back; {here} are here"))
    if again:
        err.print(line((enrol_again(again, len(again)), "yellow")))
    return ExitStatus.REFUSED if again else ExitStatus.OK


async def kept(client: Client, asked: ExportPeople, timeout: float) -> AsyncIterator[KeptPeople]:  # noqa: ASYNC109
    """Everybody whom `asked` names, a page at a time. Raises `Unanswered`."""
    async with asking(client, PEOPLE_REPLY) as asker:
        async for page in pages(asker, EXPORT, asked, timeout, _SILENCE):
            yield page


class _Changed(Exception):  # noqa: N818  # an outcome
    """Somebody was enrolled, changed or removed meanwhile: what was read does not belong together."""


async def _export(client: Client, file: Path, passphrase: str, seal: Seal, timeout: float) -> tuple[int, int]:  # noqa: ASYNC109
    """How many people are in the file, and how many samples and rights are not."""
    people, lost, opened, versions = 0, 0, 0, None
    with vault.sealing(file, passphrase) as write, _progress() as progress:
        bar = progress.add_task("people", total=None)
        async for page in kept(client, ExportPeople(), timeout):
            if versions is None:
                arranged = page.model_dump(mode="json", include={"groups", "schedules"}, exclude_none=True)
                write(json.dumps({"format": _FORMAT, **arranged}).encode())
            versions = versions or (page.roster_version, page.gallery_version)
            if versions != (page.roster_version, page.gallery_version):
                raise _Changed
            lost += page.left_out
            for person in page.people:
                bare = unsealed(person, seal)
                opened += len(bare.samples)
                lost += len(person.samples) - len(bare.samples)
                write(bare.model_dump_json().encode())
            people += len(page.people)
            progress.update(bar, total=page.count, advance=len(page.people))
        if lost and not opened:
            text = "none of the samples can be read; is DOORBUS_SITE_KEY_FILE here the enroller's?"
            raise Unanswered(text, ExitStatus.REFUSED)
    return people, lost


async def hand_over(client: Client, person: str, file: Path, seal: Seal, timeout: float) -> int:  # noqa: ASYNC109
    """Write what is kept of one person, unsealed; returns the exit status. Raises `Unanswered`."""
    pages = [page async for page in kept(client, ExportPeople(person=person), timeout)]
    found = [each for page in pages for each in page.people]
    if not found:
        raise Unanswered(f"nobody is enrolled as {person}", ExitStatus.REFUSED)
    bare = unsealed(found[0], seal)
    lost = len(found[0].samples) - len(bare.samples) + sum(page.left_out for page in pages)
    put(file, bare.model_dump_json(indent=2, exclude_none=True) + "\n")
    out.print(line(f"{file}: all that is kept of {person}; docs/privacy.md says what it means"))
    if lost:
        err.print(line((f"{lost} samples or rights cannot be read, and are not in it", "yellow")))
    return ExitStatus.OK


def unsealed(person: KeptPerson, seal: Seal) -> KeptPerson:
    """The same with templates that anybody can read, without those that this key does not open."""
    samples = []
    for sample in person.samples:
        try:
            template = seal.unseal(base64.b64decode(sample.template), of_sample(person.person))
        except (Refused, ValueError):
            continue
        samples.append(_with(sample, template, _face(sample, person.person, seal)))
    return person.model_copy(update={"samples": tuple(samples)})


def _face(sample: KeptSample, person: str, seal: Seal) -> bytes | None:
    try:
        return None if sample.face is None else seal.unseal(base64.b64decode(sample.face), of_face(person))
    except (Refused, ValueError):
        return None


def _with(sample: KeptSample, template: bytes, face: bytes | None) -> KeptSample:
    texts = {
        "template": base64.b64encode(template).decode(),
        "face": None if face is None else base64.b64encode(face).decode(),
    }
    return sample.model_copy(update=texts)


def read_arranged(file: Path, passphrase: str) -> RestorePeople:
    """The groups and schedules in a file, without its people. Raises `VaultError`, `OSError`."""
    header = json.loads(next(vault.unseal(file, passphrase), b"{}"))
    arranged = {name: header.get(name) for name in ("groups", "schedules")}
    try:
        return RestorePeople.model_validate_json(json.dumps({"people": [], **arranged}))
    except ValidationError as error:
        raise VaultError(f"of a newer version ({first_mistake(error)})") from None


def read_backup(file: Path, passphrase: str, seal: Seal) -> Iterator[KeptPerson]:
    """Everybody in a file, sealed for this site. Raises `VaultError`, `OSError`."""
    records = vault.unseal(file, passphrase)
    if json.loads(next(records, b"{}")).get("format") != _FORMAT:
        raise VaultError("no backup of people, or one of a newer version")
    for record in records:
        try:
            yield sealed(KeptPerson.model_validate_json(record), seal)
        except ValidationError as error:
            raise VaultError(f"of a newer version ({first_mistake(error)})") from None


def sealed(person: KeptPerson, seal: Seal) -> KeptPerson:
    """The person whose samples are open, as the enroller keeps them."""

    def anew(sample: KeptSample) -> KeptSample:
        template = seal.seal(base64.b64decode(sample.template), of_sample(person.person))
        face = None if sample.face is None else seal.seal(base64.b64decode(sample.face), of_face(person.person))
        return _with(sample, template, face)

    return person.model_copy(update={"samples": tuple(map(anew, person.samples))})


def _pages(people: Iterator[KeptPerson]) -> Iterator[RestorePeople]:
    page, size = list[KeptPerson](), 0
    for person in people:
        length = len(person.model_dump_json())
        if page and (size + length > _PAGE_BYTES or len(page) == _PAGE_PEOPLE):
            yield RestorePeople(people=tuple(page))
            page, size = [], 0
        page.append(person)
        size += length
    if page:
        yield RestorePeople(people=tuple(page))


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _passphrase(file: Path | None, *, again: bool) -> str:
    if file is not None:
        passphrase = file.read_text().split("\n", 1)[0]
    else:
        passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=again, err=True)
    if len(passphrase) < vault.SHORTEST:
        raise typer.BadParameter(f"a passphrase has at least {vault.SHORTEST} characters; this has {len(passphrase)}")
    return passphrase


async def telling(work: Awaitable[int]) -> int:
    """Do `work`, and say why it could not be done, if so; the exit status."""
    try:
        return await work
    except Unanswered as unanswered:
        err.print(line((str(unanswered), "red")))
        return unanswered.status
    except OSError as error:
        err.print(line((f"{error.filename}: {error.strerror}", "red")))
        return ExitStatus.REFUSED
