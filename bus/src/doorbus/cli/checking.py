"""`doorbus people --check`: who is hard to recognise, and who is hard to tell apart; with pictures, if wished."""

import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from rich.table import Table

from doorbus.cli.asking import asking, pages
from doorbus.cli.backup import kept
from doorbus.cli.common import ExitStatus, here, out
from doorbus.cli.lines import line
from doorbus.cli.people import SILENCE
from doorbus.cli.sheets import draw
from doorbus.runtime.client import Client
from doorbus.wire.channels import CHECK, PEOPLE_CHECKED
from doorbus.wire.codec import Refused
from doorbus.wire.messages import (
    CheckedPerson,
    CheckedSample,
    CheckPeople,
    ClosePair,
    ExportPeople,
    PeopleChecked,
    Weakness,
)
from doorbus.wire.purposes import of_face
from doorbus.wire.seal import Seal

_ROWS = 100
"""Most rows of a sheet."""
_WHY = {
    Weakness.FEW_SAMPLES: "few samples",
    Weakness.UNLIKE: "a sample unlike the others",
    Weakness.POOR_QUALITY: "no good picture",
    Weakness.ONE_LIGHT: "all in one light",
    Weakness.DAMAGED: "samples that cannot be read",
}


async def check_people(  # what it depends on
    client: Client,
    person: str | None,
    sheet: Path | None,
    seal: Seal | None,
    timeout: float,  # noqa: ASYNC109
) -> int:
    """Print what is weak, and draw it into the file `sheet` if given; returns the exit status. Raises `Unanswered`."""
    pages = [page async for page in _checked(client, CheckPeople(person=person), timeout)]
    weak = [each for page in pages for each in page.people]
    first = pages[0]
    if person and weak:
        _print_samples(weak[0])
    elif weak:
        _print_weak(weak)
    if first.pairs:
        table = Table("hard to tell apart", "", "similarity", box=None, pad_edge=False)
        for pair in first.pairs:
            table.add_row(line(pair.person), line(pair.other), f"{pair.similarity:.2f}")
        out.print(table)
    if first.similarity is None:
        out.print(here("Nobody knows yet what the recognizers take for one person; is one running? doorbus doctor"))
    found = sum(bool(each.weaknesses) for each in weak)
    out.print(line(f"{found} of {first.count} people are hard to recognise, {first.close} pairs to tell apart"))
    if sheet is not None and seal is not None:
        draw(sheet, await _rows(client, weak, first.pairs, seal, timeout))
        out.print(line(f"{sheet}: pictures of people; keep it to yourself"))
    return ExitStatus.REFUSED if found or first.close else ExitStatus.OK


async def _checked(client: Client, asked: CheckPeople, timeout: float) -> AsyncIterator[PeopleChecked]:  # noqa: ASYNC109
    async with asking(client, PEOPLE_CHECKED) as asker:
        async for page in pages(asker, CHECK, asked, timeout, SILENCE):
            yield page


def _print_weak(weak: Iterable[CheckedPerson]) -> None:
    table = Table("hard to recognise", "samples", "why", box=None, pad_edge=False)
    for each in weak:
        table.add_row(line(each.person), str(len(each.samples)), _why(each))
    out.print(table)


def _print_samples(one: CheckedPerson) -> None:
    table = Table("sample", "quality", "brightness", "like the others", "since", box=None, pad_edge=False)
    for each in one.samples:
        table.add_row(
            str(each.number),
            f"{each.quality:.2f}",
            "" if each.brightness is None else f"{each.brightness:.2f}",
            "" if each.likeness is None else f"{each.likeness:.2f}",
            f"{each.created_at.astimezone():%Y-%m-%d %H:%M}",
        )
    out.print(table)
    out.print(line(f"{one.person}:", _why(one) or "nothing is weak"))


def _why(one: CheckedPerson) -> str:
    least = min(one.samples, key=_likeness, default=None)
    return ", ".join(
        f"{_WHY[each]} ({least.number})" if each is Weakness.UNLIKE and least else _WHY[each] for each in one.weaknesses
    )


def _likeness(sample: CheckedSample) -> float:
    return 1.0 if sample.likeness is None else sample.likeness


async def _rows(
    client: Client,
    weak: Iterable[CheckedPerson],
    pairs: Iterable[ClosePair],
    seal: Seal,
    timeout: float,  # noqa: ASYNC109
) -> list[tuple[str, list[bytes | None]]]:
    """What the sheet shows: each who is weak, and each pair side by side."""
    wanted: list[tuple[str, tuple[str, ...]]] = [(f"{each.person}: {_why(each)}", (each.person,)) for each in weak]
    wanted += [
        (f"{pair.person} | {pair.other}: similarity {pair.similarity:.2f}", (pair.person, pair.other)) for pair in pairs
    ]
    wanted = wanted[:_ROWS]
    faces: Mapping[str, list[bytes | None]] = {
        person: await _faces(client, person, seal, timeout)
        for person in dict.fromkeys(person for _, people in wanted for person in people)
    }
    return [(text, [face for person in people for face in faces[person]]) for text, people in wanted]


async def _faces(client: Client, person: str, seal: Seal, timeout: float) -> list[bytes | None]:  # noqa: ASYNC109
    pages = [page async for page in kept(client, ExportPeople(person=person), timeout)]
    samples = [sample for page in pages for each in page.people for sample in each.samples]
    return [None if one.face is None else _opened(one.face, person, seal) for one in samples]


def _opened(face: str, person: str, seal: Seal) -> bytes | None:
    try:
        return seal.unseal(base64.b64decode(face), of_face(person))
    except (Refused, ValueError):
        return None
