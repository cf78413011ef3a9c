"""People who are put back, once recognizers have taken them over to the gallery's model."""

from collections.abc import Iterable, Sequence
from functools import partial

import structlog

from doorbus.runtime.clock import Clock
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Inbound, Outbound
from doorbus.wire.messages import Embedded, ErrorCode, Fault, GroupEntry, KeptPeople, RestorePeople, ScheduleEntry
from doorbus.wire.seal import Seal
from doorbus.wire.templates import to_store
from doorbus_enroller.asking import Asking
from doorbus_enroller.desk import Desk
from doorbus_enroller.keeping import restored
from doorbus_enroller.returning import Returning, blind_to
from doorbus_enroller.store import Person
from doorbus_enroller.templates import face_to_send, read_answer

_log = structlog.get_logger("doorbus.enroller")


class Restoring:
    """The request that is under way, if any. An answer of recognizers is waited for `timeout` seconds."""

    def __init__(self, desk: Desk, asking: Asking, seal: Seal, clock: Clock, timeout: float) -> None:
        self._desk = desk
        self._asking = asking
        self._seal = seal
        self._clock = clock
        self._timeout = timeout
        self._under_way: tuple[Inbound[RestorePeople], Returning] | None = None

    def connected(self) -> None:
        """Ask again about what was not answered."""
        if self._under_way is not None:
            self._under_way = (self._under_way[0], self._under_way[1].anew())

    def removed(self, person: str) -> None:
        """Somebody who was removed meanwhile does not come back."""
        if self._under_way is not None:
            self._under_way = (self._under_way[0], self._under_way[1].without(person))

    def given_up(self, fault: Fault) -> Iterable[Outbound]:
        """Answer a request that nothing will come of."""
        return () if self._under_way is None else self._under_way[0].reply(KeptPeople(error=fault))

    def due_at(self) -> float | None:
        """When recognizers are to be asked about more faces, once more, or no longer."""
        if self._under_way is None:
            return None
        returning = self._under_way[1]
        if returning.done or (returning.todo and len(returning.asked) < self._asking.room_for(returning.model)):
            return self._clock.monotonic()
        return returning.heard_at + (self._timeout if returning.asked_again else self._timeout / 2)

    async def begin(self, inbound: Inbound[RestorePeople]) -> Iterable[Outbound]:
        """Put people back, at once if nobody has to be taken over."""
        try:
            people = [restored(each) for each in inbound.message.people]
        except ValueError:
            bad = Fault(code=ErrorCode.BAD_REQUEST, message="a template that is not base64")
            return inbound.reply(KeptPeople(error=bad))
        running = {*self._asking.runners.models.values()}
        model = self._desk.register.backup.takes_over(people, running)
        if model is None:
            return await self._restore(inbound, people, blind_to(people, running))
        if (fault := self._why_not_over_to(model, people)) is not None:
            return inbound.reply(KeptPeople(error=fault))
        self._under_way = (inbound, Returning.begun(tuple(people), model, self._clock.monotonic()))
        return await self.go_on(self._clock.monotonic())

    def _why_not_over_to(self, model: str, people: Sequence[Person]) -> Fault | None:
        if self._under_way is not None:
            return Fault(code=ErrorCode.BUSY, message="others are being put back; send the request again")
        if not self._asking.runners.of(model) and any(
            sample.face is not None and sample.model != model for each in people for sample in each.samples
        ):
            message = f"the gallery was made with {model}, these samples were not; start a recognizer that runs it"
            return Fault(code=ErrorCode.NO_RECOGNIZER, message=message)
        return self._desk.register.backup.unopened(people)

    async def _restore(
        self, inbound: Inbound[RestorePeople], people: Sequence[Person], lost: Sequence[str] = ()
    ) -> Iterable[Outbound]:
        """Put people back; `lost` are those of whom not all samples could be taken over."""
        register = self._desk.register
        arranged: list[GroupEntry | ScheduleEntry] = [*(inbound.message.schedules or ())]
        arranged += inbound.message.groups or ()
        bare = {each.person for each in people if not each.samples} & {*lost}
        outcome = await self._desk.change(partial(register.backup.restore, people, arranged=arranged, bare=bare))
        error = str(outcome.fault.code) if outcome.fault else None
        _log.info("restored", people=0 if error else len(people), error=error)
        reply = KeptPeople(
            count=len(register.people),
            gallery_version=register.gallery_version,
            again=tuple(lost) or None,
            error=outcome.fault,
        )
        return [*outcome.news, *inbound.reply(reply)]

    async def go_on(self, now: float) -> Iterable[Outbound]:
        """Ask about the faces of people who are to be put back; put them back when all are answered."""
        if self._under_way is None:
            return ()
        inbound, returning = self._under_way
        if not returning.done and now >= returning.heard_at + self._timeout:
            self._under_way = None
            message = f"no recognizer that runs {returning.model} answered within {self._timeout:g} s; is one running?"
            return inbound.reply(KeptPeople(error=Fault(code=ErrorCode.NO_RECOGNIZER, message=message)))
        if not returning.asked_again and now >= returning.heard_at + self._timeout / 2:
            returning = returning.anew()
        outbounds: list[Outbound] = []
        while returning.todo and len(returning.asked) < self._asking.room_for(returning.model):
            key, (person, sample) = self._asking.new_id(), returning.sample(returning.todo[0])
            try:
                face = face_to_send(sample.face or b"", person, self._seal)
            except Refused:
                returning = returning.passed_over()
                continue
            returning = returning.asking(key)
            outbounds.append(self._asking.embed_face(returning.model, key, face))
        self._under_way = (inbound, returning)
        if not returning.done:
            return outbounds
        self._under_way = None
        return [*outbounds, *await self._restore(inbound, list(returning.whole()), returning.lacking())]

    def waits_for(self, key: bytes) -> bool:
        """Whether recognizers were asked this."""
        return self._under_way is not None and key in self._under_way[1].asked

    async def answered(self, key: bytes, message: Embedded) -> Iterable[Outbound]:
        """Take a template of somebody who is to be put back."""
        if self._under_way is None:
            return ()
        inbound, returning = self._under_way
        if message.model != returning.model:
            raise Refused(Refusal.UNEXPECTED, f"no template of {message.model} was asked for")
        answer, now = read_answer(message, self._seal), self._clock.monotonic()
        person, _ = returning.sample(returning.asked[key])
        made = None if answer.error or not answer.faces else to_store(answer.faces[0].template, person, self._seal)
        self._under_way = (inbound, returning.answered(key, made, now))
        return await self.go_on(now)
