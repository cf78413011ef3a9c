"""Requests about people in, results and maps out. A picture takes a detour through a recognizer, without waiting."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from uuid import uuid4

import structlog

from doorbus import homeassistant
from doorbus.runtime.clock import Clock
from doorbus.runtime.service import Service
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Arrived, Inbound, Outbound, Subscription
from doorbus.wire.ids import is_slug
from doorbus.wire.jpeg import survey
from doorbus.wire.messages import (
    Embedded,
    EmbedRequest,
    Enrol,
    EnrolFromCamera,
    ErrorCode,
    Fault,
    Frame,
    Remove,
    Result,
    ResultStatus,
    Rights,
    Update,
)
from doorbus.wire.seal import Seal
from doorbus.wire.templates import to_store
from doorbus_enroller.enrolment import Candidate, KnownFaces, decide, fault_of, id_of, revise
from doorbus_enroller.maps import Map, gallery_map, roster_map
from doorbus_enroller.settings import EnrollerSettings
from doorbus_enroller.sitting import Sitting
from doorbus_enroller.store import People, Sample, StorageFailed, Store
from doorbus_enroller.templates import read_answer, unseal_people

_log = structlog.get_logger("doorbus.enroller")

REOPEN_SECONDS = 10.0
"""How long after a failure of the store it is tried again without being asked."""


@dataclass(frozen=True)
class _Pending:
    """A picture that a recognizer was asked about. `retry_at` and `expires_at` are monotonic times.

    `frame_at` is when it came as a frame of the camera that a person sits at; None for a picture that was sent.
    """

    inbound: Inbound[Any]
    jpeg: bytes = field(repr=False)
    picture: str
    retry_at: float | None
    expires_at: float
    trouble: str = ""
    frame_at: float | None = None


@dataclass(frozen=True)
class _State:
    """The people as last read, and the maps made of them."""

    people: People
    gallery: KnownFaces
    roster_map: Map
    gallery_map: Map


class EnrollerService(Service):
    """Keeps the people: the one service that writes the gallery and the roster."""

    role: ClassVar[Role] = Role.ENROLLER

    def __init__(
        self,
        settings: EnrollerSettings,
        store: Store,
        seal: Seal,
        clock: Clock,
        new_id: Callable[[], bytes] = lambda: uuid4().bytes,
    ) -> None:
        self._reply_ids = {"token": settings.instance}
        self._settings = settings.enroller
        self._store = store
        self._seal = seal
        self._clock = clock
        self._new_id = new_id
        self._pending: dict[bytes, _Pending] = {}
        self._sittings: dict[str, tuple[Inbound[EnrolFromCamera], Sitting]] = {}
        self._state: _State | None = None
        self._trouble: str | None = None
        self._reopen_at: float | None = None
        self._enrolled = 0
        self._refused: Counter[str] = Counter()

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """Requests, the answers of recognizers, and the frames of a camera while somebody is enrolled from it."""
        return (
            Subscription(channels.ENROL, self._on_enrol),
            Subscription(channels.ENROL_FROM_CAMERA, self._on_capture),
            Subscription(channels.NEWCOMER, self._on_newcomer),
            Subscription(channels.UPDATE, self._on_update),
            Subscription(channels.REMOVE, self._on_remove),
            Subscription(channels.EMBED_REPLY, self._on_embedded, self._reply_ids),
            Subscription(channels.FRAME, self._on_frame, newest_only=True, on_demand=self._cameras),
        )

    def device(self, site: homeassistant.Origin) -> homeassistant.Device:
        """How many people there are."""
        return homeassistant.people(site)

    async def start(self) -> None:
        """Read the people. A store that cannot be read is reported and tried again."""
        await self._try_store()

    def connected(self) -> Iterable[Outbound]:
        """Both maps whole; nothing while the people were never read: an empty map would lock everybody out."""
        if self._state:
            yield from self._state.roster_map.messages()
            yield from self._state.gallery_map.messages()

    def wake_at(self) -> float | None:
        """When the next picture is to be asked about again or given up, or the store is to be tried again."""
        due = [each.expires_at if each.retry_at is None else each.retry_at for each in self._pending.values()]
        due += [sitting.ends_at for _, sitting in self._sittings.values()]
        return min([*due, *([] if self._reopen_at is None else [self._reopen_at])], default=None)

    async def tick(self) -> Iterable[Outbound]:
        """Ask again, give up, try the store again."""
        now = self._clock.monotonic()
        outbounds: list[Outbound] = []
        for key, pending in list(self._pending.items()):
            if now >= pending.expires_at:
                del self._pending[key]
                outbounds += self._conclude(pending, self._no_recognizer(pending))
            elif pending.retry_at is not None and now >= pending.retry_at:
                outbounds.append(self._ask(key, replace(pending, retry_at=None)))
        for person in list(self._sittings):
            outbounds += self._unless_over(person)
        if self._reopen_at is not None and now >= self._reopen_at:
            outbounds += await self._try_store()
        return outbounds

    def refused(self, arrived: Arrived[Any], refused: Refused) -> Iterable[Outbound]:
        """Tell the sender of a request that was refused what was wrong with it."""
        channel = arrived.channel
        if channel not in _REQUESTS:
            return ()
        person = arrived.ids.get("person", "")
        fault = fault_of(refused.reason, refused.detail, picture=channel is channels.ENROL)
        result = self._result(channel, person, fault)
        reply = arrived.reply(result)
        if not is_slug(person):
            return reply
        return (Outbound(channels.RESULT, result, {"person": person}), *reply)

    def figures(self) -> Mapping[str, float]:
        """How many there are, wait, were enrolled, and were refused by code."""
        people = self._state.people.people if self._state else ()
        return {
            "people": len(people),
            "samples": sum(len(each.samples) for each in people),
            "pending": len(self._pending),
            "sittings": len(self._sittings),
            "enrolled": self._enrolled,
            **{f"refused_{code}": count for code, count in self._refused.items()},
        }

    def problem(self) -> str | None:
        """What is wrong with the store."""
        return self._trouble

    async def stop(self) -> Iterable[Outbound]:
        """Close the store; pictures that still wait are answered, so that their senders need not."""
        waiting = self._withdraw(lambda _: True)
        self._store.close()
        fault = Fault(code=ErrorCode.BUSY, message="the enroller is stopping; send the request again")
        return [outbound for inbound in waiting for outbound in self._answer(inbound, fault)]

    async def _on_enrol(self, inbound: Inbound[Enrol]) -> Iterable[Outbound]:
        if len(self._pending) >= self._settings.max_pending:
            fault = Fault(
                code=ErrorCode.BUSY,
                message=f"{len(self._pending)} pictures are waiting for a recognizer; send this one again later",
            )
            return self._answer(inbound, fault)
        jpeg = inbound.message.jpeg
        # What no recognizer would take is told at once, and in words, which its answer does not have.
        (await asyncio.to_thread(survey, jpeg)).afford()
        now = self._clock.monotonic()
        timeout = self._settings.embed_timeout_seconds
        pending = _Pending(inbound, jpeg, _sha256(jpeg), retry_at=now + timeout / 2, expires_at=now + timeout)
        return (self._ask(self._new_id(), pending),)

    def _ask(self, key: bytes, pending: _Pending) -> Outbound:
        self._pending[key] = pending
        return Outbound(
            channels.EMBED_REQUEST,
            EmbedRequest(jpeg=pending.jpeg),
            correlation=key,
            response=(channels.EMBED_REPLY, self._reply_ids),
        )

    async def _on_embedded(self, inbound: Inbound[Embedded]) -> Iterable[Outbound]:
        """Finish an enrolment. An answer that cannot be used is as none: another recognizer may do better."""
        key = inbound.packet.correlation or b""
        pending = self._pending.get(key)
        if pending is None:
            raise Refused(Refusal.UNEXPECTED, "no picture waits for this answer")
        try:
            answer = read_answer(inbound.message, self._seal)
        except Refused as refused:
            self._pending[key] = replace(pending, trouble=f"an answer was refused ({refused})")
            raise
        del self._pending[key]
        person = pending.inbound.ids["person"]
        from_camera = pending.frame_at is not None

        async def enrol() -> Fault | None:
            gallery = (await self._read()).gallery
            rules = self._settings.of_frames() if from_camera else self._settings
            decision = decide(person, pending.picture, answer, gallery, rules)
            if isinstance(decision, Fault):
                return decision
            if isinstance(decision, Candidate):
                sample = Sample(
                    template=to_store(decision.template, person, self._seal),
                    model=answer.model,
                    quality=decision.quality,
                    picture=pending.picture,
                    created_at=self._clock.now(),
                )
                await asyncio.to_thread(self._store.add, person, sample, _rights(pending.inbound.message))
                self._enrolled += 1
            return None

        before, enrolled = self._state, self._enrolled
        fault = await self._attempt(enrol)
        return [*self._news(before), *self._conclude(pending, fault, taken=self._enrolled > enrolled)]

    async def _on_capture(self, inbound: Inbound[EnrolFromCamera]) -> Iterable[Outbound]:
        """Begin to look out for a person. The answer comes when all samples are there, or time is up."""
        asked, person = inbound.message, inbound.ids["person"]
        for other, (_, sitting) in self._sittings.items():
            if other == person or (sitting.door, sitting.camera) == (asked.door, asked.camera):
                place = f"{sitting.door}/{sitting.camera}"
                fault = Fault(code=ErrorCode.BUSY, message=f"{other} is being enrolled at {place}; try again later")
                return self._answer(inbound, fault)
        ends_at = inbound.at_monotonic + asked.timeout_s
        self._sittings[person] = (inbound, Sitting(asked.door, asked.camera, asked.samples, asked.timeout_s, ends_at))
        return ()

    async def _on_newcomer(self, inbound: Inbound[EnrolFromCamera]) -> Iterable[Outbound]:
        """Give somebody an id, and go on as if the request had named it."""
        known = self._state.people.people if self._state else ()
        taken = {*self._sittings, *(each.person for each in known)}
        person = id_of(inbound.message.name, taken)
        return await self._on_capture(replace(inbound, ids={"person": person}))

    def _cameras(self) -> list[dict[str, str]]:
        return [{"door": sitting.door, "camera": sitting.camera} for _, sitting in self._sittings.values()]

    async def _on_frame(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:
        """Ask a recognizer about a frame of a camera that somebody sits at."""
        for person, (request, sitting) in self._sittings.items():
            if {"door": sitting.door, "camera": sitting.camera} != inbound.ids:
                continue
            if len(self._pending) >= self._settings.max_pending:
                return ()
            age = (inbound.at - inbound.message.captured_at).total_seconds()
            after, ask = sitting.sees(inbound.at_monotonic, age)
            self._sittings[person] = (request, after)
            if not ask:
                return ()
            jpeg = inbound.message.jpeg
            expires_at = self._clock.monotonic() + self._settings.embed_timeout_seconds / 2  # a later frame is as good
            pending = _Pending(request, jpeg, _sha256(jpeg), None, expires_at, frame_at=inbound.at_monotonic)
            return (self._ask(self._new_id(), pending),)
        return ()

    def _conclude(self, pending: _Pending, fault: Fault | None, *, taken: bool = False) -> Iterable[Outbound]:
        """What is said when a picture was looked at: an answer, or for a frame nothing before the sitting is over."""
        person = pending.inbound.ids["person"]
        if pending.frame_at is None:
            return self._answer(pending.inbound, fault)
        request, sitting = self._sittings[person]
        self._sittings[person] = request, sitting.took(pending.frame_at) if taken else sitting.passed_over(fault)
        return self._unless_over(person)

    def _unless_over(self, person: str) -> Iterable[Outbound]:
        request, sitting = self._sittings[person]
        if not sitting.over(self._clock.monotonic()):
            return ()
        self._withdraw(lambda inbound: inbound is request)
        return self._answer(request, sitting.outcome())

    def _withdraw(self, which: Callable[[Inbound[Any]], bool]) -> list[Inbound[Any]]:
        """Forget the requests that still wait for a recognizer or a camera; each of them once."""
        pictures = [key for key, pending in self._pending.items() if which(pending.inbound)]
        waiting = [pending.inbound for key in pictures if (pending := self._pending.pop(key)).frame_at is None]
        people = [person for person, (request, _) in self._sittings.items() if which(request)]
        return [*waiting, *(self._sittings.pop(person)[0] for person in people)]

    async def _on_update(self, inbound: Inbound[Update]) -> Iterable[Outbound]:
        person = inbound.ids["person"]

        async def update() -> Fault | None:
            known = (await self._read()).people.find(person)
            if known is None:
                return _unknown(person)
            rights = revise(known.rights, inbound.message)
            if isinstance(rights, Fault):
                return rights
            if rights != known.rights:
                await asyncio.to_thread(self._store.set_rights, person, rights, self._clock.now())
            return None

        return await self._change(inbound, update)

    async def _on_remove(self, inbound: Inbound[Remove]) -> Iterable[Outbound]:
        """Forget a person, and the person's pictures that still wait: what was sent before must not come back after."""
        person = inbound.ids["person"]
        waiting = self._withdraw(lambda request: request.ids["person"] == person)
        removed = Fault(code=ErrorCode.UNKNOWN_PERSON, message=f"{person} was removed before the picture was looked at")
        outbounds = [each for request in waiting for each in self._answer(request, removed)]

        async def remove() -> Fault | None:
            if (await self._read()).people.find(person) is not None:
                await asyncio.to_thread(self._store.remove, person, self._clock.now())
                return None
            return None if waiting else _unknown(person)

        return [*outbounds, *await self._change(inbound, remove)]

    async def _change(self, inbound: Inbound[Any], work: Callable[[], Awaitable[Fault | None]]) -> Iterable[Outbound]:
        """Do `work`, publish the maps that it changed, and answer."""
        before = self._state
        fault = await self._attempt(work)
        return [*self._news(before), *self._answer(inbound, fault)]

    async def _attempt(self, work: Callable[[], Awaitable[Fault | None]]) -> Fault | None:
        """Do `work` and read what it changed; what was wrong with it, or with the store."""
        try:
            fault = await work()
            if fault is None:
                await self._read()
        except StorageFailed as failed:
            self._failed(failed)
            return Fault(code=ErrorCode.STORAGE_FAILED, message=str(failed))
        return fault

    async def _try_store(self) -> Iterable[Outbound]:
        before = self._state
        try:
            await self._read()
        except StorageFailed as failed:
            self._failed(failed)
        return self._news(before)

    def _failed(self, failed: StorageFailed) -> None:
        self._trouble = str(failed)
        self._reopen_at = self._clock.monotonic() + REOPEN_SECONDS
        _log.error("storage_failed", problem=self._trouble)

    async def _read(self) -> _State:
        """Read everybody anew; raises `StorageFailed`."""
        self._state = await asyncio.to_thread(self._load, self._state)
        self._trouble = self._reopen_at = None
        return self._state

    def _load(self, former: _State | None) -> _State:
        people = self._store.read(self._clock.now())
        roster = former.roster_map if former and former.roster_map.manifest.version == people.roster_version else None
        if former and former.gallery_map.manifest.version == people.gallery_version:
            gallery, templates = former.gallery, former.gallery_map
        else:
            gallery = unseal_people(people, self._seal)
            templates = gallery_map(people.gallery_version, gallery, self._seal)
        return _State(people, gallery, roster or roster_map(people), templates)

    def _news(self, before: _State | None) -> list[Outbound]:
        """The maps that are not those of `before`."""
        after = self._state
        if after is None:
            return []
        pairs = (
            (before.roster_map if before else None, after.roster_map),
            (before.gallery_map if before else None, after.gallery_map),
        )
        return [
            outbound
            for old, new in pairs
            if new is not old
            for outbound in (new.messages(len(old.shards)) if old else new.messages())
        ]

    def _answer(self, inbound: Inbound[Any], fault: Fault | None) -> tuple[Outbound, ...]:
        person = inbound.ids["person"]
        result = self._result(inbound.channel, person, fault)
        return (Outbound(channels.RESULT, result, {"person": person}), *inbound.reply(result))

    def _result(self, channel: Channel[Any], person: str, fault: Fault | None) -> Result:
        known = self._state.people.find(person) if self._state else None
        result = Result(
            status=ResultStatus.ERROR if fault else ResultStatus.OK,
            action=channel.name,
            person=person,
            at=self._clock.now(),
            samples=len(known.samples) if known else 0,
            gallery_version=self._state.people.gallery_version if self._state else None,
            error=fault,
        )
        if fault:
            self._refused[fault.code] += 1
        _log.info(
            "answered",
            action=channel.name,
            person=person,
            samples=result.samples,
            error=str(fault.code) if fault else None,
        )
        return result

    def _no_recognizer(self, pending: _Pending) -> Fault:
        why = f"; {pending.trouble}" if pending.trouble else ""
        return Fault(
            code=ErrorCode.NO_RECOGNIZER,
            message=f"no recognizer answered within {self._settings.embed_timeout_seconds:g} s{why}; is one running?",
        )


_REQUESTS = (channels.ENROL, channels.ENROL_FROM_CAMERA, channels.NEWCOMER, channels.UPDATE, channels.REMOVE)


def _sha256(jpeg: bytes) -> str:
    return hashlib.sha256(jpeg).hexdigest()


def _rights(request: Enrol | EnrolFromCamera) -> Rights:
    """What somebody is given who was not there before."""
    return Rights(name=request.name or None) if isinstance(request, EnrolFromCamera) else Rights()


def _unknown(person: str) -> Fault:
    return Fault(code=ErrorCode.UNKNOWN_PERSON, message=f"nobody is enrolled as {person}; enrol a picture first")
