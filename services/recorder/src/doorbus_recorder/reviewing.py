"""The inbox of faces that wait for a person's word, as a part of the service."""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from doorbus.runtime.clock import Clock
from doorbus.wire import channels
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.drawing import cut_out
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.messages import (
    AcceptReview,
    DiscardReview,
    Enrol,
    ErrorCode,
    FacesForReview,
    Fault,
    GetReview,
    ListReviews,
    Result,
    ReviewPicture,
    Reviews,
)
from doorbus.wire.seal import Seal
from doorbus.wire.templates import from_review
from doorbus_recorder.keeping import Limits, surplus
from doorbus_recorder.review import (
    AROUND,
    WRITTEN_SECONDS,
    Case,
    Sighting,
    begun,
    case_of,
    is_asked_about,
    is_better,
    page_of,
    seen_again,
)
from doorbus_recorder.ring import Ring
from doorbus_recorder.settings import Recorder
from doorbus_recorder.shelf import Shelf
from doorbus_recorder.store import Kept, StorageFailed, Store

_log = structlog.get_logger("doorbus.recorder")

ANSWER_SECONDS = 25.0
"""How long the enroller has for an answer: less than the asker's patience with ours."""
AGAIN_SECONDS = 5.0
"""From then on the same may be said again: an enroller that was restarted meanwhile answers the second time alone."""


@dataclass(frozen=True)
class _Asked:
    """A face that the enroller was asked to enrol."""

    inbound: Inbound[AcceptReview]
    entry: str
    expires_at: float


class Inbox:
    """Faces as entries, and what people say of them. `seal` opens templates; `new_id` makes an entry's."""

    def __init__(
        self,
        settings: Recorder,
        store: Store[Case],
        seal: Seal,
        ring: Ring,
        clock: Clock,
        *,
        reply_token: str,
        new_id: Callable[[datetime], str],
    ) -> None:
        self._settings = settings
        self._seal = seal
        self._ring = ring
        self._clock = clock
        self._reply_ids = {"token": reply_token}
        self._new_id = new_id
        self.shelf = Shelf(store, _about, clock)
        self._limits = Limits(max_recordings=settings.review_entries, max_days=settings.review_days)
        self._written: dict[str, float] = {}
        self._asked: dict[bytes, _Asked] = {}
        self._numbers = itertools.count()
        self._people: Mapping[str, str] | None = None
        self._counts = dict.fromkeys(("faces_seen", "faces_without_frame", "accepted", "discarded"), 0)

    def subscriptions(self, places: Sequence[Mapping[str, str]]) -> Iterable[Subscription[Any]]:
        """Faces of the doors at `places` where they are asked about, what people say, and the enroller's answers."""
        if self._settings.wanted:
            yield from (Subscription(channels.FACES, self._on_faces, place) for place in places)
        yield Subscription(channels.REVIEW_LIST, self._on_list)
        yield Subscription(channels.REVIEW_GET, self._on_get)
        yield Subscription(channels.REVIEW_ACCEPT, self._on_accept)
        yield Subscription(channels.REVIEW_DISCARD, self._on_discard)
        yield Subscription(channels.RESULT_REPLY, self._on_result, self._reply_ids)

    def figures(self) -> Mapping[str, float]:
        """How many wait, and what became of others."""
        disk = {f"review_{name}": value for name, value in self.shelf.figures().items()}
        return {
            "review_kinds": len(self._settings.wanted),
            "review_entries": len(self.shelf.items),
            **self._counts,
            **disk,
        }

    async def go_by(self, people: Mapping[str, str]) -> None:
        """Forget the faces of whoever is not on the roster any more."""
        self._people = people
        await self.shelf.erase([each for each, case in self.shelf.items.items() if not self._may_stay(case)])

    async def look(self, *, by_age: bool) -> Iterable[Outbound]:
        """Forget what is too old or too much, and answer for an enroller that has not."""
        await self.shelf.open()
        kept = sorted(self.shelf.kept(), key=_seen_last)
        await self.shelf.erase(surplus(kept, self._limits, self._clock.now(), by_age=by_age))
        self._written = {each: at for each, at in self._written.items() if each in self.shelf.items}
        late = [key for key, asked in self._asked.items() if self._clock.monotonic() >= asked.expires_at]
        fault = Fault(code=ErrorCode.BUSY, message="the enroller has not answered; is it running? say it again")
        return [outbound for key in late for outbound in self._asked.pop(key).inbound.reply(self._answer(fault))]

    async def _on_faces(self, inbound: Inbound[FacesForReview]) -> Iterable[Outbound]:
        said = inbound.message
        for face in said.faces:
            if not is_asked_about(face, self._settings.wanted, self._settings):
                continue
            template = from_review(face.template, self._seal)
            self._counts["faces_seen"] += 1
            await self._see(
                Sighting(
                    inbound.ids["door"],
                    inbound.ids["camera"],
                    self._clock.now(),
                    said.model,
                    said.same_person_similarity,
                    face,
                    template,
                ),
                said.frame_id,
            )
        return ()

    async def _see(self, sighting: Sighting, frame_id: str) -> None:
        entry = case_of(sighting, self.shelf.items)
        if entry is not None and not is_better(sighting, self.shelf.items[entry]):
            await self._count(entry, sighting)
            return
        seen = self._ring.find(sighting.door, frame_id)
        if seen is None:
            self._counts["faces_without_frame"] += 1
            return
        jpeg = await asyncio.to_thread(cut_out, seen.frame.jpeg, sighting.face.box, AROUND)
        if entry is None:
            case = begun(self._new_id(sighting.at), sighting, len(jpeg))
        else:
            case = seen_again(self.shelf.items[entry], sighting, len(jpeg))
        if self._may_stay(case):
            await self._keep(case, jpeg)
            await self.look(by_age=False)

    async def _count(self, entry: str, sighting: Sighting) -> None:
        """Note a sighting that brings no better picture; not each is worth a write."""
        case = self.shelf.items[entry] = seen_again(self.shelf.items[entry], sighting, None)
        if self._clock.monotonic() - self._written.get(entry, 0.0) >= WRITTEN_SECONDS:
            try:
                jpeg = await self.shelf.picture(entry)
            except StorageFailed:
                return
            await self._keep(case, jpeg)

    async def _keep(self, case: Case, jpeg: bytes) -> None:
        review = case.review
        self._written[review.entry] = self._clock.monotonic()
        if await self.shelf.keep(review.entry, case, jpeg) and review.count == 1:
            _log.info("waits_for_a_word", entry=review.entry, door=review.door, camera=review.camera)

    def _may_stay(self, case: Case) -> bool:
        return case.review.person is None or self._people is None or case.review.person in self._people

    # What people say.

    async def _on_list(self, inbound: Inbound[ListReviews]) -> Iterable[Outbound]:
        page, behind = page_of(self.shelf.items.values(), inbound.message)
        return inbound.reply(Reviews(entries=page, next=behind, count=len(self.shelf.items)))

    async def _on_get(self, inbound: Inbound[GetReview]) -> Iterable[Outbound]:
        entry = inbound.ids["entry"]
        if entry not in self.shelf.items:
            fault = _unknown(entry)
            return inbound.reply(ReviewPicture(jpeg=b"", entry=entry, error=fault.code, why=fault.message))
        try:
            return inbound.reply(ReviewPicture(jpeg=await self.shelf.picture(entry), entry=entry))
        except StorageFailed as failed:
            why = str(failed)[:128]
            return inbound.reply(ReviewPicture(jpeg=b"", entry=entry, error=ErrorCode.STORAGE_FAILED, why=why))

    async def _on_accept(self, inbound: Inbound[AcceptReview]) -> Iterable[Outbound]:
        """Have the face enrolled; the answer comes when the enroller has answered."""
        entry, said = inbound.ids["entry"], inbound.message
        if (fault := self._why_not(entry, said)) is not None:
            return inbound.reply(self._answer(fault))
        try:
            jpeg = await self.shelf.picture(entry)
        except StorageFailed as failed:
            return inbound.reply(self._answer(Fault(code=ErrorCode.STORAGE_FAILED, message=str(failed))))
        key = f"{entry}/{next(self._numbers)}".encode()
        self._asked[key] = _Asked(inbound, entry, self._clock.monotonic() + ANSWER_SECONDS)
        _log.info("accepted", entry=entry, person=said.person, new=said.new, by=said.by)
        response = (channels.RESULT_REPLY, self._reply_ids)
        return (Outbound(channels.ENROL, Enrol(jpeg=jpeg), {"person": said.person}, key, response),)

    def _why_not(self, entry: str, said: AcceptReview) -> Fault | None:
        if entry not in self.shelf.items:
            return _unknown(entry)
        lately = self._clock.monotonic() + ANSWER_SECONDS - AGAIN_SECONDS
        if any(asked.entry == entry and asked.expires_at > lately for asked in self._asked.values()):
            return Fault(code=ErrorCode.BUSY, message=f"{entry}: the enroller is asked about this face already")
        if self._people is None:
            return Fault(code=ErrorCode.BUSY, message="nobody knows yet who is enrolled; does the enroller run?")
        if said.new and said.person in self._people:
            return Fault(code=ErrorCode.ALREADY_ENROLLED, message=f"{said.person} is enrolled; accept it without new")
        if not said.new and said.person not in self._people:
            message = f"{said.person} is not enrolled; accept it as somebody new, if that is meant"
            return Fault(code=ErrorCode.UNKNOWN_PERSON, message=message)
        return None

    async def _on_result(self, inbound: Inbound[Result]) -> Iterable[Outbound]:
        asked = self._asked.pop(inbound.packet.correlation or b"", None)
        if asked is None:
            raise Refused(Refusal.UNEXPECTED, "no face waits for this answer")
        result = inbound.message
        if result.error is not None:
            return asked.inbound.reply(self._answer(result.error))
        await self.shelf.erase([asked.entry])
        self._counts["accepted"] += 1
        count = len(self.shelf.items)
        return asked.inbound.reply(Reviews(person=result.person, samples=result.samples, count=count))

    async def _on_discard(self, inbound: Inbound[DiscardReview]) -> Iterable[Outbound]:
        entry = inbound.ids["entry"]
        if entry not in self.shelf.items:
            return inbound.reply(self._answer(_unknown(entry)))
        await self.shelf.erase([entry])
        self._counts["discarded"] += 1
        if self.shelf.owes(entry):
            fault = Fault(code=ErrorCode.STORAGE_FAILED, message=f"{self.shelf.problem()}; it is tried again")
            return inbound.reply(self._answer(fault))
        return inbound.reply(self._answer(None))

    def _answer(self, fault: Fault | None) -> Reviews:
        return Reviews(count=len(self.shelf.items), error=fault)


def _about(case: Case) -> Kept:
    return Kept(case.review.entry, case.review.at, case.review.bytes)


def _seen_last(kept: Kept) -> datetime:
    return kept.at


def _unknown(entry: str) -> Fault:
    return Fault(code=ErrorCode.UNKNOWN_ENTRY, message=f"{entry[:64]}: no such entry; somebody may have dealt with it")
