"""Where requests about people are done, by the register on a thread of its own, and answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import structlog

from doorbus.runtime.clock import Clock
from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Arrived, Inbound, Outbound
from doorbus.wire.messages import (
    MAX_NAME,
    Arranged,
    Course,
    Enrolment,
    Entitlement,
    ErrorCode,
    Fault,
    ListedGroups,
    ListedSchedules,
    Result,
    ResultStatus,
    RosterEntry,
    Update,
)
from doorbus.wire.plain import plain
from doorbus_enroller.enrolment import advice
from doorbus_enroller.register import Register
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.rights import Doors, doubts
from doorbus_enroller.store import StorageFailed
from doorbus_enroller.telling import Names, ended

_log = structlog.get_logger("doorbus.enroller")

T = TypeVar("T")

ENROLMENTS = (channels.ENROL, channels.ENROL_FROM_CAMERA, channels.NEWCOMER)
REOPEN_SECONDS = 10.0
"""How long after a failure of the store it is tried again without being asked."""


class Desk:
    """The register and what was told of it last.

    `trouble` is what is wrong with the store, and `reopen_at` when it is tried again, in monotonic seconds. `refused`
    counts the requests that came to nothing, by code.
    """

    def __init__(self, register: Register, clock: Clock) -> None:
        self.register = register
        self.names = Names()
        self.doors = Doors()
        self.told: Enrolment | None = None
        self.trouble: str | None = None
        self.reopen_at: float | None = None
        self.refused: Counter[str] = Counter()
        self._clock = clock
        # Not one of the event loop's own threads: each of these keeps memory of its own.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="register")
        self._shards: tuple[bytes, ...] = ()
        self._listed = (ListedGroups(), ListedSchedules())

    def close(self) -> None:
        """Close the store."""
        self.register.close()
        self._worker.shutdown(wait=False)

    async def change(self, work: Callable[[datetime], Outcome]) -> Outcome:
        """Have the register do `work`; a store that fails is what became of it, and is tried again later."""
        try:
            outcome = await self.work(partial(work, self._clock.now()))
        except StorageFailed as failed:
            self._failed(failed)
            return Outcome(Fault(code=ErrorCode.STORAGE_FAILED, message=str(failed)))
        self.trouble = self.reopen_at = None
        if self.register.roster is self._shards:
            return outcome
        self._shards = self.register.roster
        self.names = await self.work(partial(Names.of, self._shards))
        listed = (Outbound(channels.PEOPLE, self.names.listed()), *self.list_arrangements())
        return replace(outcome, news=(*outcome.news, *listed))

    async def work(self, work: Callable[[], T]) -> T:
        """Have `work` done on the register's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _failed(self, failed: StorageFailed) -> None:
        self.trouble = str(failed)
        self.reopen_at = self._clock.monotonic() + REOPEN_SECONDS
        _log.error("storage_failed", problem=self.trouble)

    def list_arrangements(self, *, anew: bool = False) -> Iterable[Outbound]:
        """All groups and schedules, unless that has been told."""
        arrangements, told = self.register.arrangements, self._listed
        self._listed = (self.names.grouped(arrangements), self.names.scheduled(arrangements))
        for channel, now, before in zip((channels.GROUPS, channels.SCHEDULES), self._listed, told, strict=True):
            if anew or now != before:
                yield Outbound(channel, now)

    async def doubts(self, rights: Entitlement | None) -> str | None:
        """What these rights will not do as they stand, for people."""
        if rights is None:
            return None
        samples = self.register.people.get(rights.person) if isinstance(rights, RosterEntry) else None
        only_code = isinstance(rights, RosterEntry) and bool(rights.credentials) and not samples
        return await self.work(partial(doubts, rights, self.doors, self._clock.now(), only_code=only_code))

    async def answer_outcome(self, inbound: Inbound[Any], outcome: Outcome) -> tuple[Outbound, ...]:
        """Say what became of a request, and what the person's rights will not do as they stand."""
        doubts = (outcome.doubt, await self.doubts(outcome.rights))
        return self._answer(inbound, outcome, "; ".join(filter(None, doubts)) or None)

    def answer(self, inbound: Inbound[Any], fault: Fault | None, *, name: str | None = None) -> tuple[Outbound, ...]:
        """Say what became of a request about somebody, who is called by `name` if it is no name of the roster."""
        return self._answer(inbound, Outcome(fault), name=name)

    def _answer(
        self, inbound: Inbound[Any], outcome: Outcome, warning: str | None = None, *, name: str | None = None
    ) -> tuple[Outbound, ...]:
        person = inbound.ids["person"]
        result = self.result(inbound.channel, person, outcome, warning)
        told = self.tell(result, name or getattr(inbound.message, "name", None), inbound.message)
        return (told, Outbound(channels.RESULT, result, {"person": person}), *inbound.reply(result))

    def tell(self, result: Result, name: str | None, request: object = None) -> Outbound:
        """In words how a request ended."""
        name = name or self.names.called(result.person) or "Somebody"
        update = request if isinstance(request, Update) else None
        self.told = Enrolment(
            text=plain(ended(name, result, update)),
            course=Course.ERROR if result.error else Course.OK,
            action=result.action,
            at=result.at,
            person=result.person,
            name=name[:MAX_NAME],
            error=None if result.error is None else result.error.code,
        )
        return Outbound(channels.ENROLMENT, self.told)

    def result(self, channel: Channel[Any], person: str, outcome: Outcome, warning: str | None = None) -> Result:
        """What became of a request, which is counted and logged."""
        fault, samples = outcome.fault, self.register.people.get(person, 0)
        enrolled = channel in ENROLMENTS and fault is None
        result = Result(
            status=ResultStatus.ERROR if fault else ResultStatus.OK,
            action=channel.name,
            person=person,
            at=self._clock.now(),
            samples=samples,
            gallery_version=self.register.gallery_version,
            valid_until=outcome.valid_until,
            added=outcome.taken if enrolled else None,
            advice=advice(samples, outcome.near) if enrolled else None,
            warning=warning,
            error=fault,
        )
        if fault:
            self.refused[fault.code] += 1
        _log.info(
            "answered",
            action=channel.name,
            person=person,
            samples=result.samples,
            error=str(fault.code) if fault else None,
            warning=warning,
        )
        return result

    def arranged(self, arrived: Arrived[Any], outcome: Outcome, warning: str | None) -> tuple[Outbound, ...]:
        """Say what became of a request about a group or a schedule."""
        fault, id_ = outcome.fault, next(iter(arrived.ids.values()), "")
        if fault:
            self.refused[fault.code] += 1
        error = str(fault.code) if fault else None
        action = arrived.channel.name
        _log.info("arranged", action=action, id=id_, people=outcome.people, error=error, warning=warning)
        arranged = Arranged(
            status=ResultStatus.ERROR if fault else ResultStatus.OK,
            action=action,
            id=id_,
            at=self._clock.now(),
            people=outcome.people,
            warning=warning,
            error=fault,
        )
        return tuple(arrived.reply(arranged))
