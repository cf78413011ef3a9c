"""Requests about people in, results and maps out. A picture takes a detour through a recognizer, without waiting."""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import uuid4

import structlog

from doorbus import channels, homeassistant
from doorbus.channels import SLUG, Channel, Role
from doorbus.clock import Clock
from doorbus.codec import Refusal, Refused
from doorbus.messages import (
    Capture,
    Embedded,
    EmbedRequest,
    Enrol,
    ErrorCode,
    Fault,
    Remove,
    Result,
    Rights,
    Status,
    Update,
)
from doorbus.seal import Seal
from doorbus.service import Inbound, Outbound, Service, Subscription, reply_to
from doorbus.wire import Packet
from doorbus_enroller.enrolment import Candidate, Gallery, decide, fault_of, revise
from doorbus_enroller.maps import Map, gallery_map, roster_map
from doorbus_enroller.settings import EnrollerSettings
from doorbus_enroller.store import People, Sample, StorageFailed, Store
from doorbus_enroller.templates import read_answer, seal_sample, unseal_people

_log = structlog.get_logger("doorbus.enroller")

REOPEN_SECONDS = 10.0
"""How long after a failure of the store it is tried again without being asked."""


@dataclass(frozen=True)
class _Pending:
    """A picture that a recognizer was asked about. `retry_at` and `expires_at` are monotonic times."""

    inbound: Inbound[Enrol]
    picture: str
    retry_at: float | None
    expires_at: float
    trouble: str = ""


@dataclass(frozen=True)
class _State:
    """The people as last read, and the maps made of them."""

    people: People
    gallery: Gallery
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
        self._root = settings.root
        self._reply_ids = {"token": settings.instance}
        self._settings = settings.enroller
        self._rules = settings.enroller.rules()
        self._store = store
        self._seal = seal
        self._clock = clock
        self._new_id = new_id
        self._pending: dict[bytes, _Pending] = {}
        self._state: _State | None = None
        self._trouble: str | None = None
        self._reopen_at: float | None = None
        self._enrolled = 0
        self._refused: Counter[str] = Counter()

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """Requests, and the answers of recognizers."""
        return (
            Subscription(channels.ENROL, self._on_enrol),
            Subscription(channels.CAPTURE, self._on_capture),
            Subscription(channels.UPDATE, self._on_update),
            Subscription(channels.REMOVE, self._on_remove),
            Subscription(channels.EMBED_REPLY, self._on_embedded, self._reply_ids),
        )

    def device(self, site: homeassistant.Site) -> homeassistant.Device:
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
        return min([*due, *([] if self._reopen_at is None else [self._reopen_at])], default=None)

    async def tick(self) -> Iterable[Outbound]:
        """Ask again, give up, try the store again."""
        now = self._clock.monotonic()
        outbounds: list[Outbound] = []
        for key, pending in list(self._pending.items()):
            if now >= pending.expires_at:
                del self._pending[key]
                outbounds += self._answer(pending.inbound, self._no_recognizer(pending))
            elif pending.retry_at is not None and now >= pending.retry_at:
                self._pending[key] = replace(pending, retry_at=None)
                outbounds.append(self._ask(key, pending.inbound))
        if self._reopen_at is not None and now >= self._reopen_at:
            outbounds += await self._try_store()
        return outbounds

    def refused(
        self, channel: Channel[Any], ids: Mapping[str, str], packet: Packet, refused: Refused
    ) -> Iterable[Outbound]:
        """Tell the sender of a request that could not be read what was wrong with it."""
        if channel not in _REQUESTS:
            return ()
        person = ids.get("person", _level(channel, packet.topic, "{person}"))
        fault = fault_of(refused.reason, refused.detail, picture=channel is channels.ENROL)
        result = self._result(channel, person, fault)
        reply = reply_to(self._root, channel, packet, result)
        if not re.fullmatch(SLUG, person):
            return reply
        return (Outbound(channels.RESULT, result, {"person": person}), *reply)

    def figures(self) -> Mapping[str, float]:
        """How many there are, wait, were enrolled, and were refused by code."""
        people = self._state.people.people if self._state else ()
        return {
            "people": len(people),
            "samples": sum(len(each.samples) for each in people),
            "pending": len(self._pending),
            "enrolled": self._enrolled,
            **{f"refused_{code}": count for code, count in self._refused.items()},
        }

    def problem(self) -> str | None:
        """What is wrong with the store."""
        return self._trouble

    async def stop(self) -> Iterable[Outbound]:
        """Close the store; pictures that still wait are answered, so that their senders need not."""
        waiting, self._pending = self._pending, {}
        self._store.close()
        fault = Fault(code=ErrorCode.BUSY, message="the enroller is stopping; send the picture again")
        return [outbound for pending in waiting.values() for outbound in self._answer(pending.inbound, fault)]

    async def _on_enrol(self, inbound: Inbound[Enrol]) -> Iterable[Outbound]:
        if len(self._pending) >= self._settings.max_pending:
            fault = Fault(
                code=ErrorCode.BUSY,
                message=f"{len(self._pending)} pictures are waiting for a recognizer; send this one again later",
            )
            return self._answer(inbound, fault)
        key = self._new_id()
        now = self._clock.monotonic()
        timeout = self._settings.embed_timeout_seconds
        picture = hashlib.sha256(inbound.message.jpeg).hexdigest()
        self._pending[key] = _Pending(inbound, picture, retry_at=now + timeout / 2, expires_at=now + timeout)
        return (self._ask(key, inbound),)

    def _ask(self, key: bytes, inbound: Inbound[Enrol]) -> Outbound:
        return Outbound(
            channels.EMBED_REQUEST,
            EmbedRequest(jpeg=inbound.message.jpeg),
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

        async def enrol() -> Fault | None:
            gallery = (await self._read()).gallery
            decision = decide(person, pending.picture, answer, gallery, self._rules)
            if isinstance(decision, Fault):
                return decision
            if isinstance(decision, Candidate):
                sample = Sample(
                    template=seal_sample(person, decision.template, self._seal),
                    model=answer.model,
                    quality=decision.quality,
                    picture=pending.picture,
                    created_at=self._clock.now(),
                )
                await asyncio.to_thread(self._store.add, person, sample, Rights())
                self._enrolled += 1
            return None

        return await self._change(pending.inbound, enrol)

    async def _on_capture(self, inbound: Inbound[Capture]) -> Iterable[Outbound]:
        fault = Fault(
            code=ErrorCode.UNSUPPORTED,
            message="enrolling from a camera is not supported; send a picture to the enrol topic",
        )
        return self._answer(inbound, fault)

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
        waiting = [key for key, pending in self._pending.items() if pending.inbound.ids["person"] == person]
        removed = Fault(code=ErrorCode.UNKNOWN_PERSON, message=f"{person} was removed before the picture was looked at")
        outbounds = [each for key in waiting for each in self._answer(self._pending.pop(key).inbound, removed)]

        async def remove() -> Fault | None:
            if (await self._read()).people.find(person) is not None:
                await asyncio.to_thread(self._store.remove, person, self._clock.now())
                return None
            return None if waiting else _unknown(person)

        return [*outbounds, *await self._change(inbound, remove)]

    async def _change(self, inbound: Inbound[Any], work: Callable[[], Any]) -> Iterable[Outbound]:
        """Do `work`, publish the maps that it changed, and answer."""
        before = self._state
        try:
            fault: Fault | None = await work()
            if fault is None:
                await self._read()
        except StorageFailed as failed:
            self._failed(failed)
            fault = Fault(code=ErrorCode.STORAGE_FAILED, message=str(failed))
        return [*self._news(before), *self._answer(inbound, fault)]

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
            status=Status.ERROR if fault else Status.OK,
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


_REQUESTS = (channels.ENROL, channels.CAPTURE, channels.UPDATE, channels.REMOVE)


def _unknown(person: str) -> Fault:
    return Fault(code=ErrorCode.UNKNOWN_PERSON, message=f"nobody is enrolled as {person}; enrol a picture first")


def _level(channel: Channel[Any], topic: str, parameter: str) -> str:
    """What stands in `topic` where the channel's template has `parameter`, valid or not."""
    template = channel.template.split("/")
    return topic.split("/")[template.index(parameter) - len(template)]
