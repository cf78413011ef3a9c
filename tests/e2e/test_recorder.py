"""A recorder as a process beside the others: the picture that led to a grant, and what is left after kills."""

import asyncio
import hashlib
import random
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from doorbus.cli.asking import Asker, asking
from doorbus.local.stack import Stack
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.keyfiles import read_key
from doorbus.wire.messages import (
    Decision,
    DiscardReview,
    EraseRecording,
    FaceForReview,
    FacesForReview,
    Frame,
    GetRecording,
    KeptPicture,
    ListRecordings,
    ListReviews,
    Outcome,
    Reason,
    Recording,
    Recordings,
    Remove,
    Reviews,
    Trigger,
    Verdict,
)
from doorbus.wire.seal import Seal
from doorbus.wire.templates import to_review, unit
from support.door import CAMERA, DOOR, QUICK_ACTUATOR, Door, at_the_door
from support.jpegs import shot
from support.programs import doorbus


@pytest.mark.timeout(300)
async def test_the_picture_that_let_somebody_in_is_kept_as_it_was_and_goes_with_the_person(
    own_door: Door, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    site, shown = own_door.stack, dict[str, bytes]()
    await site.start(Role.RECORDER, {})
    async with connect(site.broker.transport(Role.VIEWER), [channels.RECORDED]) as viewer:
        async with asyncio.timeout(30):
            decision = None
            while decision is None or decision.outcome is not Outcome.GRANTED:
                picture = shot(jpeg["obama2"])
                shown[await own_door.show(picture)] = picture
                decision = await own_door.decision()
            told: Recording = (await viewer.expect(channels.RECORDED, door=DOOR)).message
    path = tmp_path / "let-in.jpg"
    status, said = await doorbus(site, "recordings", "show", told.recording, path)
    drawn = await doorbus(site, "recordings", "show", told.recording, tmp_path / "drawn.jpg", "--boxes")
    stolen = await doorbus(site, "recordings", "list", "--as", "viewer", "--timeout", "2")
    listed = await doorbus(site, "recordings", "list", "--person", "obama")

    assert (told.person, told.camera, told.frame_id) == ("obama", CAMERA, decision.frame_ids[-1])
    assert (status, drawn[0]) == (0, 0), said
    assert path.read_bytes() == shown[told.frame_id]
    assert (tmp_path / "drawn.jpg").read_bytes() != path.read_bytes()
    assert stolen[0] == 2, "a viewer has no answer"
    assert listed[0] == 0
    assert told.recording in listed[1]

    await own_door.operator.send(Outbound(channels.REMOVE, Remove(), {"person": "obama"}))
    async with asyncio.timeout(20):
        while (left := files_of(site)) and told.recording in " ".join(left):  # noqa: ASYNC110  # files have no event
            await asyncio.sleep(0.05)
    status, said = await doorbus(site, "recordings", "show", told.recording, path)
    assert (status, "unknown_recording" in said) == (1, True)


@pytest.mark.timeout(300)  # the command is started again and again
async def test_a_stranger_waits_as_one_entry_and_is_let_in_once_somebody_has_said_who_it_is(
    fresh_stack: Stack, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    site = fresh_stack
    await site.start_all(
        {
            Role.ACTUATOR: QUICK_ACTUATOR,
            Role.CAPTURE: {"DOORBUS_CAPTURE__SOURCE": "none"},
            Role.RECOGNIZER: {"DOORBUS_RECOGNIZER__REVIEW": "true"},
        }
    )
    await site.start(Role.RECORDER, {"DOORBUS_RECORDER__KEEP": "", "DOORBUS_RECORDER__REVIEW": "unknown"})
    async with at_the_door(site) as door:
        assert (await door.enrol("obama", jpeg["obama"])).error is None
        async with asyncio.timeout(120), door.showing(jpeg["biden"]):
            listed, times = "", 0
            while times < 3:
                status, listed = await doorbus(site, "review", "--into", tmp_path)
                assert status == 0
                times = int((re.search(r"seen (\d+) times", listed) or [0, 0])[1])
        assert await door.refuses(jpeg["biden"]) is Reason.UNKNOWN_FACE
        (entry,) = [line.split()[0] for line in listed.splitlines() if "unknown" in line]
        mistyped = await doorbus(site, "review", "accept", entry, "bidne")
        accepted = await doorbus(site, "review", "accept", entry, "biden", "--new")
        after = await doorbus(site, "review")
        opened = await door.opens_for(jpeg["biden"])

    assert mistyped[0] == 1
    assert "unknown_person" in mistyped[1]
    assert accepted == (0, f"{entry}: ok biden has 1 sample\n")
    assert after[1].startswith("0 faces wait")
    assert opened.person == "biden"
    assert (tmp_path / f"{entry}.jpg").read_bytes().startswith(b"\xff\xd8")


@dataclass
class Book:
    """What was told and answered, and so has to hold after each kill."""

    kept: dict[str, str] = field(default_factory=dict)
    """Recordings that were told, and the digests of their pictures."""
    erased: set[str] = field(default_factory=set)
    """Whose erasing was answered."""
    asked: set[str] = field(default_factory=set)
    """Whose erasing was asked for: they may be gone."""
    discarded: set[str] = field(default_factory=set)
    """Entries of the inbox whose discarding was answered."""


@pytest.mark.timeout(600)
async def test_twenty_kills_lose_nothing_that_was_told_undo_nothing_that_was_answered_and_leave_no_half_file(
    fresh_stack: Stack, jpeg: dict[str, bytes]
) -> None:
    site, book, chance = fresh_stack, Book(), random.Random(7)  # noqa: S311  # a story that can be told again
    await site.broker.start()
    await site.start(Role.RECORDER, {"DOORBUS_RECORDER__REVIEW": "unknown"})
    async with working(site, book, jpeg["obama"]):
        for _ in range(20):
            await asyncio.sleep(chance.uniform(0, 0.5))  # the moment of a kill is any moment
            await site.stop_service(Role.RECORDER, signal.SIGKILL)
            await site.start(Role.RECORDER)
            await holds(site, book)
    await site.stop_service(Role.RECORDER)

    assert len(book.kept) >= 20
    assert len(book.erased) >= 5
    assert len(book.discarded) >= 5
    assert all(name.endswith(".sealed") and not name.startswith(".") for name in files_of(site))


@asynccontextmanager
async def working(site: Stack, book: Book, picture: bytes) -> AsyncIterator[None]:
    """Show, decide and erase meanwhile, as fast as it is answered."""
    gone = asyncio.Event()

    async def work() -> None:
        async with (
            connect(site.broker.transport(Role.ACTUATOR)) as door,
            connect(site.broker.transport(Role.CAPTURE)) as camera,
            connect(site.broker.transport(Role.RECOGNIZER)) as recognizer,
            connect(site.broker.transport(Role.ADMIN)) as admin,
            connect(site.broker.transport(Role.VIEWER), [channels.RECORDED]) as viewer,
            asking(admin, channels.RECORDINGS_REPLY) as asker,
        ):
            seal = Seal(read_key(site.var / "credentials" / "recorder.key"))
            listening = asyncio.create_task(remember(viewer, book, sent))
            while not gone.is_set():
                frame_id = await let_in(door, camera, shot(picture), sent)
                await recognizer.send(stranger(frame_id, seal))
                await erase_one(asker, book)
                await discard_one(site, book)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    sent: dict[str, str] = {}
    task = asyncio.create_task(work())
    try:
        yield
    finally:
        gone.set()
        await task


async def let_in(door: Client, camera: Client, picture: bytes, sent: dict[str, str]) -> str:
    frame_id, now = uuid4().hex, datetime.now(UTC)
    sent[frame_id] = hashlib.sha256(picture).hexdigest()
    frame = Frame(jpeg=picture, frame_id=frame_id, captured_at=now)
    await camera.send(Outbound(channels.FRAME, frame, {"door": DOOR, "camera": CAMERA}))
    await asyncio.sleep(0.02)  # a recognizer takes as long
    decision = Decision(
        outcome=Outcome.GRANTED, reason=Reason.MATCHED, trigger=Trigger.FACE, at=now, frame_ids=(frame_id,)
    )
    await door.send(Outbound(channels.DECISION, decision, {"door": DOOR}))
    return frame_id


def stranger(frame_id: str, seal: Seal) -> Outbound:
    """A face that nobody has seen before, as a recognizer sends it."""
    template = unit(np.random.default_rng(list(frame_id.encode())).normal(size=192))
    face = FaceForReview(box=(100.0, 100.0, 80.0, 80.0), verdict=Verdict.UNKNOWN, template=to_review(template, seal))
    said = FacesForReview(frame_id=frame_id, model="made up", same_person_similarity=0.6, faces=(face,))
    return Outbound(channels.FACES, said, {"door": DOOR, "camera": CAMERA})


async def waiting(asker: Asker[Reviews], seconds: float) -> set[str] | None:
    answer = await asker.ask(channels.REVIEW_LIST, ListReviews(limit=200), {}, seconds)
    return None if answer is None else {each.entry for each in answer.entries}


async def discard_one(site: Stack, book: Book) -> None:
    async with (
        connect(site.broker.transport(Role.ADMIN)) as admin,
        asking(admin, channels.REVIEWS_REPLY) as asker,
    ):
        there = await waiting(asker, 0.3) or set[str]()
        for entry in sorted(there)[:1]:
            answer = await asker.ask(channels.REVIEW_DISCARD, DiscardReview(), {"entry": entry}, 0.3)
            if answer is not None and answer.error is None:
                book.discarded.add(entry)


async def remember(viewer: Client, book: Book, sent: dict[str, str]) -> None:
    while True:
        told: Recording = (await viewer.expect(channels.RECORDED)).message
        book.kept[told.recording] = sent[told.frame_id]


async def erase_one(asker: Asker[Recordings], book: Book) -> None:
    known = sorted(book.kept.keys() - book.asked)
    if len(known) < 4:
        return
    book.asked.add(known[0])
    answer = await asker.ask(channels.RECORDING_ERASE, EraseRecording(), {"recording": known[0]}, 0.3)
    if answer is not None and answer.error is None:
        book.erased.add(known[0])


async def holds(site: Stack, book: Book) -> None:
    """What was told and not erased is there, byte for byte; what was erased is not."""
    told, gone, asked, discarded = dict(book.kept), set(book.erased), set(book.asked), set(book.discarded)
    async with connect(site.broker.transport(Role.ADMIN)) as admin:
        async with asking(admin, channels.REVIEWS_REPLY) as reviews:
            assert not discarded & (await waiting(reviews, 20) or set())
        async with asking(admin, channels.RECORDINGS_REPLY) as asker:
            there, after = set[str](), None
            while True:
                page = await asker.ask(channels.RECORDING_LIST, ListRecordings(limit=200, after=after), {}, 20)
                assert page is not None
                there |= {each.recording for each in page.recordings}
                if (after := page.next) is None:
                    break
        assert not there & gone
        assert told.keys() - asked <= there | book.asked
        async with asking(admin, channels.RECORDING_REPLY) as pictures:
            for each in sorted(there & told.keys())[-3:]:
                answer: KeptPicture | None = await pictures.ask(
                    channels.RECORDING_GET, GetRecording(), {"recording": each}, 20
                )
                assert answer is not None
                assert answer.error is not None or hashlib.sha256(answer.jpeg).hexdigest() == told[each]
                assert answer.error is None or each in book.asked


def files_of(site: Stack) -> list[str]:
    return sorted(path.name for path in (site.var / "recorder").glob("*/*"))
