"""Pictures that become samples: those that were sent, and frames of a camera that somebody sits at.

A picture takes a detour through a recognizer, without waiting.
"""

import asyncio
import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from doorbus.runtime.clock import Clock
from doorbus.wire import channels
from doorbus.wire.codec import Refused
from doorbus.wire.exchange import Inbound, Outbound
from doorbus.wire.jpeg import survey
from doorbus.wire.messages import Course, Embedded, Enrol, EnrolFromCamera, Enrolment, ErrorCode, Fault, Frame, Rights
from doorbus.wire.plain import plain
from doorbus.wire.seal import Seal
from doorbus_enroller.asking import Asking
from doorbus_enroller.codes import NOTHING_TO_CHECK_WITH, Codes, apart
from doorbus_enroller.desk import Desk
from doorbus_enroller.enrolment import id_of
from doorbus_enroller.register.samples import Shot
from doorbus_enroller.settings import Enroller
from doorbus_enroller.sitting import Sitting
from doorbus_enroller.telling import hint, progress
from doorbus_enroller.templates import read_answer

NOBODY_YET = {"person": "newcomer"}
"""Whose result tells of a newcomer of whom no id could be made."""
ADVICE_SECONDS = 1.0
"""How long whoever sits at a camera has to do what was said, before something else is said."""


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
class _Seat:
    """Who sits at a camera, and what is to be kept of it once it is enough: a failed enrolment leaves nothing."""

    request: Inbound[EnrolFromCamera]
    sitting: Sitting
    shots: tuple[Shot, ...] = ()
    told: str = ""
    """What the person was told last to do."""
    told_at: float = -math.inf


class Enrolling:
    """What waits for a recognizer, and who sits at a camera. `enrolled` counts the samples that came of it."""

    def __init__(self, desk: Desk, asking: Asking, seal: Seal, clock: Clock, settings: Enroller) -> None:
        self.enrolled = 0
        self._desk = desk
        self._samples = desk.register.samples
        self._asking = asking
        self._seal = seal
        self._clock = clock
        self._settings = settings
        self._pending: dict[bytes, _Pending] = {}
        self._seats: dict[str, _Seat] = {}
        secret = settings.totp_secret
        self._codes = None if secret is None else Codes(secret.get_secret_value())

    @property
    def pending(self) -> int:
        """How many pictures wait for a recognizer."""
        return len(self._pending)

    @property
    def sittings(self) -> int:
        """How many people sit at a camera."""
        return len(self._seats)

    def due_at(self) -> Iterable[float]:
        """When each picture is to be asked about again or given up, and when each sitting is over."""
        yield from (each.expires_at if each.retry_at is None else each.retry_at for each in self._pending.values())
        yield from (seat.sitting.ends_at for seat in self._seats.values())

    def go_on(self, now: float) -> list[Outbound]:
        """Ask again, give up, end sittings."""
        outbounds: list[Outbound] = []
        for key, pending in list(self._pending.items()):
            if now >= pending.expires_at:
                del self._pending[key]
                outbounds += self._given_up(pending)
            elif pending.retry_at is not None and now >= pending.retry_at:
                outbounds.append(self._ask(key, replace(pending, retry_at=None)))
        for person in list(self._seats):
            outbounds += self._unless_over(person)
        return outbounds

    async def on_enrol(self, inbound: Inbound[Enrol]) -> Iterable[Outbound]:
        """Ask a recognizer about a picture that was sent, unless it is a sample already."""
        if len(self._pending) >= self._settings.max_pending:
            fault = Fault(
                code=ErrorCode.BUSY,
                message=f"{len(self._pending)} pictures are waiting for a recognizer; send this one again later",
            )
            return self._desk.answer(inbound, fault)
        jpeg = inbound.message.jpeg
        # What no recognizer would take is told at once, and in words, which its answer does not have.
        (await asyncio.to_thread(survey, jpeg)).afford()
        picture = _sha256(jpeg)
        outcome = await self._desk.change(partial(self._samples.look_up, inbound.ids["person"], picture))
        if outcome.known or outcome.fault:
            return [*outcome.news, *await self._desk.answer_outcome(inbound, outcome)]
        now = self._clock.monotonic()
        timeout = self._settings.embed_timeout_seconds
        pending = _Pending(inbound, jpeg, picture, retry_at=now + timeout / 2, expires_at=now + timeout)
        return [*outcome.news, self._ask(self._asking.new_id(), pending)]

    async def on_capture(self, inbound: Inbound[EnrolFromCamera]) -> Iterable[Outbound]:
        """Begin to look out for a person, if that is asked with a code where one is needed."""
        inbound, fault = self._checked(inbound)
        return self._desk.answer(inbound, fault) if fault else self._seat(inbound)

    async def on_newcomer(self, inbound: Inbound[EnrolFromCamera]) -> Iterable[Outbound]:
        """Give somebody an id, and go on as if the request had named it."""
        inbound, fault = self._checked(inbound)
        person = fault or id_of(inbound.message.name, {*self._seats, *self._desk.register.people})
        if isinstance(person, Fault):
            return self._desk.answer(replace(inbound, ids=NOBODY_YET), person)
        return self._seat(replace(inbound, ids={"person": person}))

    def cameras(self) -> list[dict[str, str]]:
        """Those that somebody sits at."""
        return [{"door": seat.sitting.door, "camera": seat.sitting.camera} for seat in self._seats.values()]

    async def on_frame(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:
        """Ask a recognizer about a frame of a camera that somebody sits at."""
        for person, seat in self._seats.items():
            if {"door": seat.sitting.door, "camera": seat.sitting.camera} != inbound.ids:
                continue
            if len(self._pending) >= self._settings.max_pending:
                return ()
            age = (inbound.at - inbound.message.captured_at).total_seconds()
            after, ask = seat.sitting.sees(inbound.at_monotonic, age)
            self._seats[person] = replace(seat, sitting=after)
            if not ask:
                return ()
            jpeg = inbound.message.jpeg
            expires_at = self._clock.monotonic() + self._settings.embed_timeout_seconds / 2  # a later frame is as good
            pending = _Pending(seat.request, jpeg, _sha256(jpeg), None, expires_at, frame_at=inbound.at_monotonic)
            return (self._ask(self._asking.new_id(), pending),)
        return ()

    def waits_for(self, key: bytes) -> bool:
        """Whether recognizers were asked this."""
        return key in self._pending

    async def answered(self, key: bytes, message: Embedded) -> Iterable[Outbound]:
        """Finish an enrolment. An answer that cannot be used is as none: another recognizer may do better."""
        pending = self._pending[key]
        try:
            answer = read_answer(message, self._seal)
        except Refused as refused:
            self._pending[key] = replace(pending, trouble=f"an answer was refused ({refused})")
            raise
        del self._pending[key]
        if pending.frame_at is not None:
            return await self._on_shot(pending, Shot(pending.picture, answer, self._settings.of_frames()))
        return await self._enrol(pending.inbound, (Shot(pending.picture, answer, self._settings),))

    def withdraw(self, which: Callable[[Inbound[Any]], bool]) -> list[Inbound[Any]]:
        """Forget the requests that still wait for a recognizer or a camera; each of them once."""
        pictures = [key for key, pending in self._pending.items() if which(pending.inbound)]
        waiting = [pending.inbound for key in pictures if (pending := self._pending.pop(key)).frame_at is None]
        people = [person for person, seat in self._seats.items() if which(seat.request)]
        return [*waiting, *(self._seats.pop(person).request for person in people)]

    def _ask(self, key: bytes, pending: _Pending) -> Outbound:
        self._pending[key] = pending
        return self._asking.embed(key, pending.jpeg)

    async def _enrol(self, request: Inbound[Any], shots: tuple[Shot, ...]) -> Iterable[Outbound]:
        rights = self._rights(request)
        outcome = await self._desk.change(partial(self._samples.enrol, request.ids["person"], shots, rights))
        self.enrolled += outcome.taken
        return [*outcome.news, *await self._desk.answer_outcome(request, outcome)]

    async def _on_shot(self, pending: _Pending, shot: Shot) -> Iterable[Outbound]:
        """See whether a frame is a sample besides those before it; the last one that is asked for enrols them all."""
        person, frame_at = pending.inbound.ids["person"], pending.frame_at
        seat = self._seats[person]
        assert frame_at is not None
        shots = (*seat.shots, shot)
        rights = self._rights(seat.request)
        outcome = await self._desk.change(partial(self._samples.enrol, person, shots, rights, try_only=True))
        if outcome.fault is None and outcome.taken == len(shots):
            seat = replace(seat, sitting=seat.sitting.took(frame_at), shots=shots)
        else:
            seat = replace(seat, sitting=seat.sitting.passed_over(outcome.fault))
        self._seats[person] = seat
        if seat.sitting.outcome() is not None:
            return [*outcome.news, *(self._unless_over(person) or self._advise(person))]
        self.withdraw(lambda inbound: inbound is seat.request)
        return [*outcome.news, *await self._enrol(seat.request, seat.shots)]

    def _checked(self, inbound: Inbound[EnrolFromCamera]) -> tuple[Inbound[EnrolFromCamera], Fault | None]:
        """The request, its code apart from its name, and why the code does not hold."""
        asked = inbound.message
        if self._codes is None:
            return inbound, NOTHING_TO_CHECK_WITH if asked.door in self._desk.doors.asking else None
        name, code = (asked.name, asked.code) if asked.code else apart(asked.name)
        fault = self._codes.fault(code, self._clock.now(), self._clock.monotonic())
        return replace(inbound, message=asked.model_copy(update={"name": name, "code": None})), fault

    def _seat(self, inbound: Inbound[EnrolFromCamera]) -> tuple[Outbound, ...]:
        """Look out for a person. The answer comes when all samples are there, or time is up."""
        asked, person = inbound.message, inbound.ids["person"]
        for other, seat in self._seats.items():
            if other == person or (seat.sitting.door, seat.sitting.camera) == (asked.door, asked.camera):
                place = f"{seat.sitting.door}/{seat.sitting.camera}"
                fault = Fault(code=ErrorCode.BUSY, message=f"{other} is being enrolled at {place}; try again later")
                return self._desk.answer(inbound, fault)
        ends_at = inbound.at_monotonic + asked.timeout_s
        sitting = Sitting(asked.door, asked.camera, asked.samples, asked.timeout_s, ends_at)
        self._seats[person] = _Seat(inbound, sitting)
        return self._advise(person)

    def _given_up(self, pending: _Pending) -> Iterable[Outbound]:
        """What is said of a picture that no recognizer looked at; of a frame nothing before the sitting is over."""
        fault = self._no_recognizer(pending)
        if pending.frame_at is None:
            return self._desk.answer(pending.inbound, fault)
        person = pending.inbound.ids["person"]
        seat = self._seats[person]
        self._seats[person] = replace(seat, sitting=seat.sitting.passed_over(fault))
        return self._unless_over(person) or self._advise(person)

    def _advise(self, person: str) -> tuple[Outbound, ...]:
        """Tell somebody who sits at a camera how far it is and what to do, at most once a second unless it went on."""
        seat, now = self._seats[person], self._clock.monotonic()
        trouble = None if seat.sitting.trouble is None else seat.sitting.trouble.code
        sitting, name = seat.sitting, seat.request.message.name or self._desk.names.called(person)
        text = progress(name, sitting.taken, sitting.samples, hint(sitting.taken, trouble))
        went_on = seat.told.partition(",")[0] != text.partition(",")[0]
        if text == seat.told or (not went_on and now - seat.told_at < ADVICE_SECONDS):
            return ()
        self._seats[person] = replace(seat, told=text, told_at=now)
        self._desk.told = Enrolment(
            text=plain(text),
            course=Course.UNDER_WAY,
            action=seat.request.channel.name,
            at=self._clock.now(),
            person=person,
            name=name,
            door=sitting.door,
            camera=sitting.camera,
            taken=sitting.taken,
            asked=sitting.samples,
            error=trouble,
        )
        return (Outbound(channels.ENROLMENT, self._desk.told),)

    def _unless_over(self, person: str) -> Iterable[Outbound]:
        seat = self._seats[person]
        if not seat.sitting.over(self._clock.monotonic()):
            return ()
        self.withdraw(lambda inbound: inbound is seat.request)
        return self._desk.answer(seat.request, seat.sitting.outcome())

    def _rights(self, request: Inbound[Enrol] | Inbound[EnrolFromCamera]) -> Rights:
        """What somebody is given who was not there before. A newcomer without a name is a guest."""
        message, hours = request.message, self._settings.guest_hours
        if isinstance(message, Enrol):
            return Rights()
        guest = request.channel is channels.NEWCOMER and message.name is None
        ends = self._clock.now() + timedelta(hours=hours) if guest and hours else None
        return Rights(name=message.name or None, valid_until=ends)

    def _no_recognizer(self, pending: _Pending) -> Fault:
        why = f"; {pending.trouble}" if pending.trouble else ""
        return Fault(
            code=ErrorCode.NO_RECOGNIZER,
            message=f"no recognizer answered within {self._settings.embed_timeout_seconds:g} s{why}; is one running?",
        )


def _sha256(jpeg: bytes) -> str:
    return hashlib.sha256(jpeg).hexdigest()
