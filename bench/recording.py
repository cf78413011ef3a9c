"""Work for a recorder, and what has to hold of it after a kill: for bench/kills.py."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np

from doorbus.cli.asking import Asker, asking
from doorbus.local.stack import Stack
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.keyfiles import read_key
from doorbus.wire.messages import (
    Box,
    Decision,
    DiscardReview,
    EraseRecording,
    FaceForReview,
    FacesForReview,
    Frame,
    GetRecording,
    GetReview,
    Health,
    KeptPicture,
    ListRecordings,
    ListReviews,
    Outcome,
    Reason,
    Recording,
    Recordings,
    ReviewPicture,
    Reviews,
    Trigger,
    Verdict,
)
from doorbus.wire.seal import Seal
from doorbus.wire.templates import to_review, unit
from doorbus_capture.imaging import encode_jpeg

DOOR = {"door": "front"}
PLACE = {"door": "front", "camera": "porch"}
KEEPS_ALL = {
    "DOORBUS_RECORDER__REVIEW": "unknown",
    "DOORBUS_RECORDER__REVIEW_ENTRIES": "1000",
    "DOORBUS_RECORDER__MAX_RECORDINGS": "100000",
}
"""Settings with which nothing goes by itself."""
_RECOGNISED_AFTER, _KEPT_AFTER = 0.02, 0.1
_SOON, _AT_LAST = 0.3, 20.0
"""Seconds for an answer of a recorder that may be killed, and of one that is not."""
_UNTOUCHED = 4
"""So many pictures stay when others are erased."""
_LOOKED_AT = 3


class WrongError(Exception):
    """Something does not hold."""


@dataclass
class Book:
    """What was told and answered, and so has to hold after each kill."""

    told: dict[str, str] = field(default_factory=dict)
    """Recordings that were told, and the digests of their pictures."""
    of: dict[str, str] = field(default_factory=dict)
    """Whom they show, by recording."""
    asked: set[str] = field(default_factory=set)
    """Whose erasing was asked for: they may be gone."""
    erased: set[str] = field(default_factory=set)
    """Whose erasing was answered."""
    discarded: set[str] = field(default_factory=set)
    """Entries of the inbox whose discarding was answered."""


@dataclass(frozen=True)
class Records:
    """A recorder, what a site sends it, and who asks it."""

    door: Client
    camera: Client
    recognizer: Client
    viewer: Client
    recordings: Asker[Recordings]
    pictures: Asker[KeptPicture]
    reviews: Asker[Reviews]
    faces: Asker[ReviewPicture]
    stack: Stack
    book: Book = field(default_factory=Book)
    sent: dict[str, str] = field(default_factory=dict)
    """The digest of each frame."""

    async def remember(self) -> None:
        """Note what is told of new recordings."""
        while True:
            told: Recording = (await self.viewer.expect(channels.RECORDED)).message
            self.book.told[told.recording] = self.sent[told.frame_id]
            if told.person is not None:
                self.book.of[told.recording] = told.person

    async def show(self, picture: bytes) -> str:
        """A frame; its id."""
        frame_id = uuid4().hex
        self.sent[frame_id] = hashlib.sha256(picture).hexdigest()
        frame = Frame(jpeg=picture, frame_id=frame_id, captured_at=datetime.now(UTC))
        await self.camera.send(Outbound(channels.FRAME, frame, PLACE))
        await asyncio.sleep(_RECOGNISED_AFTER)
        return frame_id

    async def let_in(self, frame_id: str, person: str | None = None) -> None:
        """The door opens for who is on a frame."""
        now = datetime.now(UTC)
        decision = Decision(
            outcome=Outcome.GRANTED,
            reason=Reason.MATCHED,
            trigger=Trigger.FACE,
            at=now,
            person=person,
            frame_ids=(frame_id,),
        )
        await self.door.send(Outbound(channels.DECISION, decision, DOOR))

    async def stranger(self, frame_id: str, box: Box, chance: random.Random) -> None:
        """A recognizer knows nobody on a frame, and has seen nobody like that before."""
        seal = Seal(read_key(self.stack.var / "credentials" / "recorder.key"))
        template = unit(np.random.default_rng(chance.randrange(2**32)).normal(size=192))
        face = FaceForReview(box=box, verdict=Verdict.UNKNOWN, template=to_review(template, seal))
        said = FacesForReview(frame_id=frame_id, model="made up", same_person_similarity=0.6, faces=(face,))
        await self.recognizer.send(Outbound(channels.FACES, said, PLACE))

    async def waiting(self, picture: bytes, box: Box, chance: random.Random) -> str:
        """The entry of a stranger who has come into the inbox."""
        before = await self.entries()
        await self.stranger(await self.show(picture), box, chance)
        async with asyncio.timeout(_AT_LAST):
            while not (news := await self.entries() - before):
                pass
        return news.pop()

    async def entries(self, patience: float = _AT_LAST) -> set[str]:
        """Who waits in the inbox."""
        found, after = set[str](), None
        while True:
            page = await self.reviews.ask(channels.REVIEW_LIST, ListReviews(limit=200, after=after), {}, patience)
            if page is None:
                return found
            found |= {each.entry for each in page.entries}
            if (after := page.next) is None:
                return found

    async def digest(self, entry: str) -> str:
        """The SHA-256 of the face of an entry."""
        found = await self.faces.ask(channels.REVIEW_GET, GetReview(), {"entry": entry}, _AT_LAST)
        return "" if found is None else hashlib.sha256(found.jpeg).hexdigest()

    async def keeps(self, person: str, picture: bytes) -> None:
        """Let a person in, and wait until that is kept, which it is not before the person is on the roster."""
        before = len(self.book.of)
        async with asyncio.timeout(_AT_LAST):
            while len(self.book.of) == before:
                await self.let_in(await self.show(picture), person)
                await asyncio.sleep(_KEPT_AFTER)

    async def forgets(self, person: str) -> None:
        """Wait until no picture shows a person."""
        gone = {each for each, shown in self.book.of.items() if shown == person}
        self.book.asked |= gone
        try:
            async with asyncio.timeout(_AT_LAST):
                while gone & await self.there():
                    pass
        except TimeoutError:
            raise WrongError(f"pictures of {person}, who was removed, are there") from None

    async def picture(self, recording: str) -> bytes:
        """A picture that is kept; empty where there is none."""
        found = await self.pictures.ask(channels.RECORDING_GET, GetRecording(), {"recording": recording}, _AT_LAST)
        return b"" if found is None else found.jpeg

    @asynccontextmanager
    async def working(self, chance: random.Random) -> AsyncIterator[None]:
        """Show, decide, erase and discard meanwhile, as fast as it is answered."""
        over = asyncio.Event()
        task = asyncio.create_task(self._work(chance, over))
        try:
            yield
        finally:
            over.set()
            await task

    async def _work(self, chance: random.Random, over: asyncio.Event) -> None:
        while not over.is_set():
            frame_id = await self.show(_grey(chance))
            await self.let_in(frame_id)
            await self.stranger(frame_id, (20.0, 20.0, 40.0, 40.0), chance)
            await self._erase()
            await self._discard()

    async def _erase(self) -> None:
        there = sorted(self.book.told.keys() - self.book.asked)
        if len(there) > _UNTOUCHED:
            self.book.asked.add(there[0])
            ids = {"recording": there[0]}
            answer = await self.recordings.ask(channels.RECORDING_ERASE, EraseRecording(), ids, _SOON)
            if answer is not None and answer.error is None:
                self.book.erased.add(there[0])

    async def _discard(self) -> None:
        for entry in sorted(await self.entries(_SOON))[:1]:
            answer = await self.reviews.ask(channels.REVIEW_DISCARD, DiscardReview(), {"entry": entry}, _SOON)
            if answer is not None and answer.error is None:
                self.book.discarded.add(entry)

    async def holds(self) -> None:
        """What was told and not erased is there, byte for byte; what was erased is not; no file is half written."""
        told, asked = dict(self.book.told), set(self.book.asked)
        there = await self.there()
        if back := there & self.book.erased:
            raise WrongError(f"pictures that were erased are there: {sorted(back)}")
        if lost := told.keys() - asked - there:
            raise WrongError(f"pictures that were told of are not there: {sorted(lost)}")
        if back := await self.entries() & self.book.discarded:
            raise WrongError(f"faces that were discarded are there: {sorted(back)}")
        for each in sorted(told.keys() - asked)[-_LOOKED_AT:]:
            if hashlib.sha256(await self.picture(each)).hexdigest() != told[each] and each not in self.book.asked:
                raise WrongError(f"{each}: not the picture that was shown")
        await self._is_whole()

    async def there(self) -> set[str]:
        """All recordings."""
        found, after = set[str](), None
        while True:
            asked = ListRecordings(limit=200, after=after)
            page = await self.recordings.ask(channels.RECORDING_LIST, asked, {}, _AT_LAST)
            if page is None:
                raise WrongError("the recorder does not answer")
            found |= {each.recording for each in page.recordings}
            if (after := page.next) is None:
                return found

    async def _is_whole(self) -> None:
        async with (
            connect(self.stack.broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer,
            asyncio.timeout(_AT_LAST),
        ):
            health: Health = (await viewer.expect(channels.HEALTH, service=Role.RECORDER.value)).message
        wrong = [name for name in ("damaged", "foreign", "review_damaged", "review_foreign") if health.figures[name]]
        if wrong:
            raise WrongError(f"the recorder has found files that it cannot read: {wrong}")
        names = [path.name for path in (self.stack.var / "recorder").glob("*/*")]
        if left := [name for name in names if name.startswith(".") or not name.endswith(".sealed")]:
            raise WrongError(f"half a file is left: {left}")


@asynccontextmanager
async def records(stack: Stack) -> AsyncIterator[Records]:
    """All of it, for a recorder that is online."""
    async with AsyncExitStack() as opened:

        async def client(role: Role) -> Client:
            return await opened.enter_async_context(connect(stack.broker.transport(role)))

        viewer = await client(Role.VIEWER)
        await viewer.listen(channels.RECORDED)
        one = Records(
            door=await client(Role.ACTUATOR),
            camera=await client(Role.CAPTURE),
            recognizer=await client(Role.RECOGNIZER),
            viewer=viewer,
            recordings=await opened.enter_async_context(asking(await client(Role.ADMIN), channels.RECORDINGS_REPLY)),
            pictures=await opened.enter_async_context(asking(await client(Role.ADMIN), channels.RECORDING_REPLY)),
            reviews=await opened.enter_async_context(asking(await client(Role.ADMIN), channels.REVIEWS_REPLY)),
            faces=await opened.enter_async_context(asking(await client(Role.ADMIN), channels.REVIEW_REPLY)),
            stack=stack,
        )
        listening = asyncio.create_task(one.remember())
        try:
            yield one
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def _grey(chance: random.Random) -> bytes:
    """A picture of nobody, unlike all others."""
    noise = np.random.default_rng(chance.randrange(2**32)).integers(100, 156, (15, 20, 1), np.uint8)
    return encode_jpeg(np.repeat(np.kron(noise, np.ones((8, 8, 1), np.uint8)), 3, axis=2), 80)
