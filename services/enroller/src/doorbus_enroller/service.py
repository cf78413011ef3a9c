"""Requests about people in, results and maps out."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, cast
from uuid import uuid4

import structlog

from doorbus import homeassistant
from doorbus.runtime.clock import Clock
from doorbus.runtime.service import Service
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.credentials import SALT_BYTES
from doorbus.wire.exchange import Arrived, Inbound, Outbound, Subscription
from doorbus.wire.ids import is_slug
from doorbus.wire.messages import (
    CheckPeople,
    Course,
    Deed,
    Embedded,
    Enrolment,
    ErrorCode,
    ExportPeople,
    Fault,
    Health,
    KeptPeople,
    LockState,
    ManagePerson,
    PeopleChecked,
    Presence,
    Remove,
    RemoveCredential,
    RemoveSample,
    SetCredential,
    Update,
)
from doorbus.wire.seal import Seal
from doorbus.wire.signatures import Keyring
from doorbus_enroller.asking import Asking
from doorbus_enroller.desk import ENROLMENTS, Desk
from doorbus_enroller.enrolling import Enrolling
from doorbus_enroller.enrolment import fault_of
from doorbus_enroller.groups import Groups
from doorbus_enroller.guarding import Guarding
from doorbus_enroller.lookout import PICTURE, Lookout
from doorbus_enroller.maps import BESIDE, PLACES
from doorbus_enroller.register import Register
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.restoring import Restoring
from doorbus_enroller.rights import fault_in
from doorbus_enroller.rotation import Rotation
from doorbus_enroller.settings import EnrollerSettings
from doorbus_enroller.store import Store
from doorbus_enroller.takeover import Takeover
from doorbus_enroller.telling import place_of

_log = structlog.get_logger("doorbus.enroller")

SETTLE_SECONDS = 1.0
"""How long after connecting a new store waits for what the broker retains, before it publishes that nobody is there."""


class EnrollerService(Service):
    """Keeps the people: the one service that writes the gallery and the roster."""

    role: ClassVar[Role] = Role.ENROLLER

    def __init__(
        self,
        settings: EnrollerSettings,
        store: Store,
        seal: Seal,
        keys: Keyring,
        clock: Clock,
        *,
        new_id: Callable[[], bytes] = lambda: uuid4().bytes,
        new_salt: Callable[[], str] = lambda: secrets.token_hex(SALT_BYTES),
    ) -> None:
        self.keys = keys
        self.site_keys = seal
        self._clock = clock
        self._settings = settings.enroller
        self._new_salt = new_salt
        self._register = Register(store, seal, keep_faces=self._settings.keep_faces)
        self._desk = Desk(self._register, clock)
        self._asking = Asking(settings.instance, new_id)
        self._enrolling = Enrolling(self._desk, self._asking, seal, clock, self._settings)
        self._groups = Groups(self._desk)
        self._takeover = Takeover(self._desk, self._asking, seal, clock, self._settings)
        self._restoring = Restoring(self._desk, self._asking, seal, clock, self._settings.embed_timeout_seconds)
        self._rotation = Rotation(self._desk, seal, clock)
        self._guarding = Guarding(self._desk, settings.topics, clock)
        self._same_person: float | None = None
        """What the recognizers' model takes for one person."""
        self._lookout = Lookout(self._settings.probe_seconds)
        self._probe: bytes | None = None

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """Requests, the answers of recognizers, and the frames of a camera while somebody is enrolled from it."""
        return (
            Subscription(channels.ENROL, self._enrolling.on_enrol),
            Subscription(channels.ENROL_FROM_CAMERA, self._enrolling.on_capture),
            Subscription(channels.NEWCOMER, self._enrolling.on_newcomer),
            Subscription(channels.UPDATE, self._on_update),
            Subscription(channels.REMOVE, self._on_remove),
            Subscription(channels.MANAGE, self._on_manage),
            Subscription(channels.ENROLMENT, self._on_enrolment),
            Subscription(channels.REMOVE_SAMPLE, self._on_remove_sample),
            Subscription(channels.SET_CREDENTIAL, self._on_set_credential),
            Subscription(channels.REMOVE_CREDENTIAL, self._on_remove_credential),
            Subscription(channels.SET_GROUP, self._groups.on_set_group),
            Subscription(channels.REMOVE_GROUP, self._groups.on_remove_group),
            Subscription(channels.SET_SCHEDULE, self._groups.on_set_schedule),
            Subscription(channels.REMOVE_SCHEDULE, self._groups.on_remove_schedule),
            Subscription(channels.CHECK, self._on_check),
            Subscription(channels.EXPORT, self._on_export),
            Subscription(channels.RESTORE, self._restoring.begin),
            Subscription(channels.EMBED_REPLY, self._on_embedded, self._asking.reply_ids),
            *self._guarding.subscriptions(),
            Subscription(channels.FRAME, self._enrolling.on_frame, newest_only=True, on_demand=self._enrolling.cameras),
            Subscription(channels.LOCK_STATE, self._on_lock_state),
            Subscription(channels.HEALTH, self._on_health, {"service": Role.ACTUATOR.value}),
            Subscription(channels.HEALTH, self._on_health, {"service": Role.RECOGNIZER.value}),
        )

    def device(self, site: homeassistant.Origin) -> homeassistant.Device:
        """How many people there are."""
        return homeassistant.people(site)

    async def start(self) -> None:
        """Read the people. A store that cannot be read is reported and tried again."""
        await self._desk.change(self._register.start)

    def connected(self) -> Iterable[Outbound]:
        """Both maps whole; nothing while the people were never read: an empty map would lock everybody out."""
        now = self._clock.monotonic()
        self._lookout = self._lookout.connected(now)
        self._rotation.connected(now)
        self._asking.runners = self._asking.runners.connected(now)
        self._takeover.connected()
        self._restoring.connected()
        if self._register.gallery_version is None:  # by then it is known what the broker retains
            self._desk.reopen_at = now + SETTLE_SECONDS
        yield from self._register.whole()
        if self._register.roster:
            yield Outbound(channels.PEOPLE, self._desk.names.listed())
            yield from self._desk.list_arrangements(anew=True)
        if self._desk.told is not None:
            yield Outbound(channels.ENROLMENT, self._desk.told)

    def wake_at(self) -> float | None:
        """When the next picture is to be asked about again or given up, or the store is to be tried again."""
        due = [*self._enrolling.due_at(), *self._guarding.due_at(), self._rotation.due_at()]
        due += [self._lookout.due_at] if self._settings.probe_seconds else []
        others = (self._desk.reopen_at, self._takeover.due_at, self._restoring.due_at())
        due += [each for each in others if each is not None]
        return min(due)

    async def tick(self) -> Iterable[Outbound]:
        """Ask again, give up, try the store again, see whether recognizers are there."""
        now = self._clock.monotonic()
        outbounds = self._enrolling.go_on(now)
        if self._settings.probe_seconds and now >= self._lookout.due_at:
            self._lookout, self._probe = self._lookout.asked(now), self._asking.new_id()
            outbounds.append(self._asking.embed(self._probe, PICTURE))
        if self._desk.reopen_at is not None and now >= self._desk.reopen_at:
            outbounds += (await self._desk.change(self._register.refresh)).news
        outbounds += await self._guarding.outrun(now)
        outbounds += await self._restoring.go_on(now)
        outbounds += await self._rotation.go_on(now)
        return [*outbounds, *await self._takeover.go_on(now), *self._guarding.put_right(now)]

    def refused(self, arrived: Arrived[Any], refused: Refused) -> Iterable[Outbound]:
        """Tell the sender of a request that was refused what was wrong with it."""
        channel = arrived.channel
        if channel is channels.LOCK_STATE and not arrived.packet.payload:  # deleted, as the door is no more
            self._desk.doors = self._desk.doors.gone(arrived.ids["door"])
        if channel is channels.HEALTH and not arrived.packet.payload:
            self._rotation.gone(arrived.ids["instance"])
            self._asking.runners = self._asking.runners.gone(arrived.ids["instance"], self._clock.monotonic())
        if channel.name in PLACES or channel.name in BESIDE:
            return self._guarding.refused(arrived)
        if channel in _OF_EVERYBODY:
            fault = fault_of(refused.reason, refused.detail, picture=False)
            return arrived.reply(_OF_EVERYBODY[channel](error=fault))
        if channel in _ARRANGING:
            fault = fault_of(refused.reason, refused.detail, picture=False)
            return self._desk.arranged(arrived, Outcome(fault), None)
        if channel not in _REQUESTS:
            return ()
        person = arrived.ids.get("person", "")
        fault = fault_of(refused.reason, refused.detail, picture=channel is channels.ENROL)
        result = self._desk.result(channel, person, Outcome(fault))
        reply = arrived.reply(result)
        told = self._desk.tell(result, None)
        if not is_slug(person):
            return (told, *reply)
        return (told, Outbound(channels.RESULT, result, {"person": person}), *reply)

    def figures(self) -> Mapping[str, float]:
        """How many there are, wait, were enrolled, and were refused by code."""
        people = self._register.people
        return {
            "people": len(people),
            "samples": sum(people.values()),
            "pending": self._enrolling.pending,
            "sittings": self._enrolling.sittings,
            "enrolled": self._enrolling.enrolled,
            "sealed_formerly": self._register.site_keys.left,
            **self._guarding.figures(),
            **{f"refused_{code}": count for code, count in self._desk.refused.items()},
        }

    def problem(self) -> str | None:
        """What is wrong with the store, that somebody else publishes maps, or that no recognizer answers."""
        problem = self._desk.trouble or self._register.problem() or self._guarding.problem()
        if problem is None and self._lookout.silent(self._clock.monotonic()):
            return "no recognizer answers the test pictures, so that no face opens a door; is one running?"
        return problem

    def hold(self, keys: Sequence[bytes]) -> bool:
        """Go on with these keys; while something is sealed anew, only after that."""
        return self._rotation.postpones(keys) or super().hold(keys)

    async def stop(self) -> Iterable[Outbound]:
        """Close the store; pictures that still wait are answered, so that their senders need not."""
        waiting = self._enrolling.withdraw(lambda _: True)
        self._desk.close()
        fault = Fault(code=ErrorCode.BUSY, message="the enroller is stopping; send the request again")
        outbounds = [outbound for inbound in waiting for outbound in self._desk.answer(inbound, fault)]
        return [*outbounds, *self._restoring.given_up(fault)]

    async def _on_embedded(self, inbound: Inbound[Embedded]) -> Iterable[Outbound]:
        """Give an answer of a recognizer to what waits for it. Any answer is a sign of life."""
        self._lookout = self._lookout.answered()
        if self._register.models.leading in {None, inbound.message.model}:
            self._same_person = inbound.message.same_person_similarity
        key = inbound.packet.correlation or b""
        if key == self._probe:
            return ()
        for other in (self._enrolling, self._takeover, self._restoring):
            if other.waits_for(key):
                return await other.answered(key, inbound.message)
        raise Refused(Refusal.UNEXPECTED, "no picture waits for this answer")

    async def _on_update(self, inbound: Inbound[Update]) -> Iterable[Outbound]:
        fault = await self._desk.work(partial(fault_in, inbound.message))
        if fault is not None:
            return self._desk.answer(inbound, fault)
        outcome = await self._desk.change(
            partial(self._register.persons.update, inbound.ids["person"], inbound.message)
        )
        return [*outcome.news, *await self._desk.answer_outcome(inbound, outcome)]

    async def _on_remove(self, inbound: Inbound[Remove]) -> Iterable[Outbound]:
        """Forget a person, and the person's pictures that still wait: what was sent before must not come back after."""
        person, name = inbound.ids["person"], self._desk.names.called(inbound.ids["person"])
        waiting = self._enrolling.withdraw(lambda request: request.ids["person"] == person)
        self._restoring.removed(person)
        removed = Fault(code=ErrorCode.UNKNOWN_PERSON, message=f"{person} was removed before the picture was looked at")
        outbounds = [each for request in waiting for each in self._desk.answer(request, removed)]
        outcome = await self._desk.change(partial(self._register.persons.remove, person))
        unknown = outcome.fault is not None and outcome.fault.code is ErrorCode.UNKNOWN_PERSON
        fault = None if waiting and unknown else outcome.fault
        return [*outbounds, *outcome.news, *self._desk.answer(inbound, fault, name=name)]

    async def _on_manage(self, inbound: Inbound[ManagePerson]) -> Iterable[Outbound]:
        """The same as an update or a removal, of somebody who is called by name."""
        action, who = inbound.message.action, inbound.message.who
        channel = channels.REMOVE if action is Deed.REMOVE else channels.UPDATE
        person = self._desk.names.who_is(who)
        if isinstance(person, Fault):
            unknown = replace(inbound, channel=channel, ids={"person": place_of(who)})
            return self._desk.answer(unknown, person, name=who)
        message = Remove() if action is Deed.REMOVE else Update(enabled=action is Deed.ENABLE)
        request: Inbound[Any] = replace(cast("Inbound[Any]", inbound), channel=channel, ids={"person": person})
        request = replace(request, message=message)
        return await (self._on_remove if action is Deed.REMOVE else self._on_update)(request)

    async def _on_enrolment(self, inbound: Inbound[Enrolment]) -> Iterable[Outbound]:
        """What an enroller that was killed has left under way has come to nothing."""
        left = inbound.message
        if left.course is not Course.UNDER_WAY or self._desk.told is not None:
            return ()
        name = left.name or left.person
        self._desk.told = left.model_copy(
            update={"text": f"{name} was not enrolled: the enroller was restarted"[:255], "course": Course.ERROR}
        )
        return (Outbound(channels.ENROLMENT, self._desk.told),)

    async def _on_lock_state(self, inbound: Inbound[LockState]) -> Iterable[Outbound]:
        self._desk.doors = self._desk.doors.told(inbound.ids["door"])
        return ()

    async def _on_health(self, inbound: Inbound[Health]) -> Iterable[Outbound]:
        self._guarding.hear_floors(inbound.message.figures)
        if inbound.message.service == Role.RECOGNIZER:
            self._rotation.told(inbound.message)
            self._hear_model(inbound.message)
        if inbound.message.service == Role.ACTUATOR and inbound.message.door is not None:
            told = {name: bool(value) for name, value in inbound.message.figures.items() if name in _OF_DOORS}
            self._desk.doors = self._desk.doors.told(inbound.message.door, inbound.message.country, **told)
        return ()

    def _hear_model(self, health: Health) -> None:
        now = self._clock.monotonic()
        if health.state is not Presence.ONLINE or health.model is None:
            self._asking.runners = self._asking.runners.gone(health.instance, now)
        else:
            self._asking.runners = self._asking.runners.told(health.instance, health.model, now)

    async def _on_remove_sample(self, inbound: Inbound[RemoveSample]) -> Iterable[Outbound]:
        number = int(inbound.ids["sample"]) if inbound.ids["sample"].isdecimal() else None
        outcome = await self._desk.change(partial(self._register.samples.remove, inbound.ids["person"], number))
        return [*outcome.news, *self._desk.answer(inbound, outcome.fault)]

    async def _on_set_credential(self, inbound: Inbound[SetCredential]) -> Iterable[Outbound]:
        person, credential = inbound.ids["person"], inbound.ids["credential"]
        outcome = await self._desk.change(
            partial(
                self._register.credentials.set,
                person,
                credential,
                inbound.message,
                shortest=self._settings.shortest_code,
                new_salt=self._new_salt(),
            )
        )
        return [*outcome.news, *await self._desk.answer_outcome(inbound, outcome)]

    async def _on_remove_credential(self, inbound: Inbound[RemoveCredential]) -> Iterable[Outbound]:
        change = partial(self._register.credentials.remove, inbound.ids["person"], inbound.ids["credential"])
        outcome = await self._desk.change(change)
        return [*outcome.news, *self._desk.answer(inbound, outcome.fault)]

    async def _on_check(self, inbound: Inbound[CheckPeople]) -> Iterable[Outbound]:
        page = PeopleChecked()

        def check(now: datetime) -> Outcome:
            nonlocal page
            margin = self._settings.duplicate_margin
            outcome, page = self._register.samples.check(inbound.message, self._same_person, margin, now)
            return outcome

        outcome = await self._desk.change(check)
        return [*outcome.news, *inbound.reply(page.model_copy(update={"error": outcome.fault}))]

    async def _on_export(self, inbound: Inbound[ExportPeople]) -> Iterable[Outbound]:
        """Answer with a page of everybody, to the response topic alone: the people's own topics are read by many."""
        page = KeptPeople()

        def export(now: datetime) -> Outcome:
            nonlocal page
            outcome, page = self._register.backup.export(inbound.message, now)
            return outcome

        outcome = await self._desk.change(export)
        _log.info("exported", people=len(page.people), more=page.next is not None)
        return [*outcome.news, *inbound.reply(page.model_copy(update={"error": outcome.fault}))]


_ARRANGING = (channels.SET_GROUP, channels.REMOVE_GROUP, channels.SET_SCHEDULE, channels.REMOVE_SCHEDULE)
_OF_EVERYBODY: Mapping[Channel[Any], type[KeptPeople] | type[PeopleChecked]] = {
    channels.EXPORT: KeptPeople,
    channels.RESTORE: KeptPeople,
    channels.CHECK: PeopleChecked,
}
"""What is answered to requests that are about no one person."""
_CREDENTIALS = (channels.SET_CREDENTIAL, channels.REMOVE_CREDENTIAL)
_OF_DOORS = frozenset({"asks_code", "codes_alone"})
"""What an actuator's figures say of what opens its door."""
_REQUESTS = (
    *(*ENROLMENTS, *_CREDENTIALS),
    *(channels.UPDATE, channels.REMOVE, channels.REMOVE_SAMPLE, channels.MANAGE),
)
