"""Requests about people in, results and maps out. A picture takes a detour through a recognizer, without waiting."""

import asyncio
import hashlib
import math
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, cast
from uuid import uuid4

import structlog

from doorbus import homeassistant
from doorbus.runtime.clock import Clock
from doorbus.runtime.service import Service
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.codec import Refusal, Refused, parse_json
from doorbus.wire.credentials import SALT_BYTES
from doorbus.wire.exchange import Arrived, Inbound, Outbound, Subscription, later
from doorbus.wire.ids import is_slug
from doorbus.wire.jpeg import survey
from doorbus.wire.messages import (
    CheckPeople,
    Course,
    Deed,
    Embedded,
    Enrol,
    EnrolFromCamera,
    Enrolment,
    ErrorCode,
    ExportPeople,
    Fault,
    Frame,
    Health,
    KeptPeople,
    LockState,
    ManagePerson,
    Manifest,
    PeopleChecked,
    Presence,
    Remove,
    RemoveCredential,
    RemoveGroup,
    RemoveSample,
    RemoveSchedule,
    Rights,
    SetCredential,
    SetGroup,
    SetSchedule,
    Update,
)
from doorbus.wire.plain import plain
from doorbus.wire.seal import Seal
from doorbus.wire.signatures import Keyring
from doorbus_enroller.asking import Asking
from doorbus_enroller.codes import NOTHING_TO_CHECK_WITH, Codes, apart
from doorbus_enroller.custody import Custody, Race
from doorbus_enroller.desk import ENROLMENTS, Desk
from doorbus_enroller.enrolment import fault_of, id_of
from doorbus_enroller.holders import Holders
from doorbus_enroller.lookout import PICTURE, Lookout
from doorbus_enroller.maps import BESIDE, GALLERY, PLACES, ROSTER, Place
from doorbus_enroller.register import Register
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.register.samples import Shot
from doorbus_enroller.restoring import Restoring
from doorbus_enroller.rights import fault_in
from doorbus_enroller.settings import EnrollerSettings
from doorbus_enroller.sitting import Sitting
from doorbus_enroller.store import Store
from doorbus_enroller.takeover import LOOK_SECONDS, Takeover
from doorbus_enroller.telling import hint, place_of, progress
from doorbus_enroller.templates import read_answer

_log = structlog.get_logger("doorbus.enroller")

NOBODY_YET = {"person": "newcomer"}
"""Whose result tells of a newcomer of whom no id could be made."""
SETTLE_SECONDS = 1.0
"""How long after connecting a new store waits for what the broker retains, before it publishes that nobody is there."""
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
        self._seal = seal
        self._clock = clock
        self._settings = settings.enroller
        self._topics = settings.topics
        self._new_salt = new_salt
        self._register = Register(store, seal, keep_faces=self._settings.keep_faces)
        self._desk = Desk(self._register, clock)
        self._asking = Asking(settings.instance, new_id)
        self._takeover = Takeover(self._desk, self._asking, seal, clock, self._settings)
        self._restoring = Restoring(self._desk, self._asking, seal, clock, self._settings.embed_timeout_seconds)
        self._same_person: float | None = None
        """What the recognizers' model takes for one person."""
        self._pending: dict[bytes, _Pending] = {}
        self._seats: dict[str, _Seat] = {}
        self._looked_at = -math.inf
        self._lookout = Lookout(self._settings.probe_seconds)
        self._probe: bytes | None = None
        self._custody = Custody()
        self._race = Race()
        self._holders = Holders()
        self._later: Sequence[bytes] | None = None
        """The site keys of the file, until what is under way with those before is done."""
        secret = self._settings.totp_secret
        self._codes = None if secret is None else Codes(secret.get_secret_value())
        self._enrolled = 0

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """Requests, the answers of recognizers, and the frames of a camera while somebody is enrolled from it."""
        return (
            Subscription(channels.ENROL, self._on_enrol),
            Subscription(channels.ENROL_FROM_CAMERA, self._on_capture),
            Subscription(channels.NEWCOMER, self._on_newcomer),
            Subscription(channels.UPDATE, self._on_update),
            Subscription(channels.REMOVE, self._on_remove),
            Subscription(channels.MANAGE, self._on_manage),
            Subscription(channels.ENROLMENT, self._on_enrolment),
            Subscription(channels.REMOVE_SAMPLE, self._on_remove_sample),
            Subscription(channels.SET_CREDENTIAL, self._on_set_credential),
            Subscription(channels.REMOVE_CREDENTIAL, self._on_remove_credential),
            Subscription(channels.SET_GROUP, self._on_set_group),
            Subscription(channels.REMOVE_GROUP, self._on_remove_group),
            Subscription(channels.SET_SCHEDULE, self._on_set_schedule),
            Subscription(channels.REMOVE_SCHEDULE, self._on_remove_schedule),
            Subscription(channels.CHECK, self._on_check),
            Subscription(channels.EXPORT, self._on_export),
            Subscription(channels.RESTORE, self._restoring.begin),
            Subscription(channels.EMBED_REPLY, self._on_embedded, self._asking.reply_ids),
            *(Subscription(place.manifest, self._on_manifest, others_only=True) for place in (ROSTER, GALLERY)),
            *(
                Subscription(place.shard, self._on_shard, others_only=True, newest_only=True, rank=later)
                for place in (ROSTER, GALLERY)
            ),
            Subscription(channels.OTHER_MANIFEST, self._on_other_manifest, others_only=True),
            Subscription(channels.OTHER_SHARD, self._on_shard, others_only=True, newest_only=True, rank=later),
            Subscription(channels.CREDENTIALS, self._on_shard, others_only=True, newest_only=True),
            Subscription(channels.FRAME, self._on_frame, newest_only=True, on_demand=self._cameras),
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
        self._holders = self._holders.connected(now)
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
        due = [each.expires_at if each.retry_at is None else each.retry_at for each in self._pending.values()]
        due += [seat.sitting.ends_at for seat in self._seats.values()]
        due += [self._lookout.due_at] if self._settings.probe_seconds else []
        due += [each for each in (self._custody.due_at(), self._race.due_at()) if each is not None]
        due += [] if self._desk.reopen_at is None else [self._desk.reopen_at]
        due += [self._turn_at()]
        due += [each for each in (self._takeover.due_at, self._restoring.due_at()) if each is not None]
        return min(due)

    async def tick(self) -> Iterable[Outbound]:
        """Ask again, give up, try the store again, see whether recognizers are there."""
        now = self._clock.monotonic()
        outbounds: list[Outbound] = []
        for key, pending in list(self._pending.items()):
            if now >= pending.expires_at:
                del self._pending[key]
                outbounds += self._given_up(pending)
            elif pending.retry_at is not None and now >= pending.retry_at:
                outbounds.append(self._ask(key, replace(pending, retry_at=None)))
        for person in list(self._seats):
            outbounds += self._unless_over(person)
        if self._settings.probe_seconds and now >= self._lookout.due_at:
            self._lookout, self._probe = self._lookout.asked(now), self._asking.new_id()
            outbounds.append(self._asking.embed(self._probe, PICTURE))
        if self._desk.reopen_at is not None and now >= self._desk.reopen_at:
            outbounds += (await self._desk.change(self._register.refresh)).news
        self._race, others = self._race.run(now)
        if others is not None:
            outbounds += (await self._desk.change(partial(self._register.outrun, others))).news
        outbounds += await self._restoring.go_on(now)
        return [*outbounds, *await self._turn(now), *await self._takeover.go_on(now), *self._put_right(now)]

    def refused(self, arrived: Arrived[Any], refused: Refused) -> Iterable[Outbound]:
        """Tell the sender of a request that was refused what was wrong with it."""
        channel = arrived.channel
        if channel is channels.LOCK_STATE and not arrived.packet.payload:  # deleted, as the door is no more
            self._desk.doors = self._desk.doors.gone(arrived.ids["door"])
        if channel is channels.HEALTH and not arrived.packet.payload:
            self._holders = self._holders.gone(arrived.ids["instance"])
            self._asking.runners = self._asking.runners.gone(arrived.ids["instance"], self._clock.monotonic())
        if channel in _MANIFESTS:  # deleted, or signed with a former key: whoever is on it is there all the same
            self._register.heard(channel.name, _manifest(arrived.packet.payload))
        if channel.name in PLACES or channel.name in BESIDE:
            self._look_at(arrived, None)
            return list(self._put_right(self._clock.monotonic()))  # no handler has run, so no tick follows
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
        roster, gallery = self._register.published(ROSTER), self._register.published(GALLERY)
        return {
            "people": len(people),
            "samples": sum(people.values()),
            "pending": len(self._pending),
            "sittings": len(self._seats),
            "enrolled": self._enrolled,
            "put_right": self._custody.count,
            "outrun": self._race.count,
            "sealed_formerly": self._register.site_keys.left,
            "roster_version": -1 if roster is None else roster.manifest.version,
            "gallery_version": -1 if gallery is None else gallery.manifest.version,
            **{f"refused_{code}": count for code, count in self._desk.refused.items()},
        }

    def problem(self) -> str | None:
        """What is wrong with the store, that somebody else publishes maps, or that no recognizer answers."""
        now = self._clock.monotonic()
        problem = self._desk.trouble or self._register.problem() or self._custody.problem(now)
        if problem is None and self._lookout.silent(now):
            return "no recognizer answers the test pictures, so that no face opens a door; is one running?"
        return problem

    def hold(self, keys: Sequence[bytes]) -> bool:
        """Go on with these keys; while something is sealed anew, only after that."""
        if self._register.site_keys.left:
            self._later = keys
            return True
        return super().hold(keys)

    def _turn_at(self) -> float:
        """When it is to be seen again whether to seal with another key, or the next part is to be sealed with it."""
        if self._register.site_keys.left and self._desk.reopen_at is None:
            return self._clock.monotonic()
        return self._looked_at + LOOK_SECONDS

    async def _turn(self, now: float) -> Iterable[Outbound]:
        """Seal with the newest key as soon as all recognizers have it, and all that is there, a part at a time."""
        self._looked_at = now
        newest = self._seal.key_ids[0]
        if newest != self._seal.key_id and self._holders.all_have(newest, now):
            _log.info("site_key_turned", key=newest)
            await self._desk.work(partial(self._register.site_keys.turn_to, newest))
        if not self._register.site_keys.left or self._desk.reopen_at is not None:
            return ()
        outcome = await self._desk.change(self._register.site_keys.seal_anew)
        if not self._register.site_keys.left:
            _log.info("sealed_anew", key=newest)
            if self._later is not None and not self._seal.hold(self._later):
                _log.error("site_key_lost", way_out="put the key with this id back into its file", key=newest)
            self._later = None
        return outcome.news

    async def stop(self) -> Iterable[Outbound]:
        """Close the store; pictures that still wait are answered, so that their senders need not."""
        waiting = self._withdraw(lambda _: True)
        self._desk.close()
        fault = Fault(code=ErrorCode.BUSY, message="the enroller is stopping; send the request again")
        outbounds = [outbound for inbound in waiting for outbound in self._desk.answer(inbound, fault)]
        return [*outbounds, *self._restoring.given_up(fault)]

    async def _on_enrol(self, inbound: Inbound[Enrol]) -> Iterable[Outbound]:
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
        outcome = await self._desk.change(partial(self._register.samples.look_up, inbound.ids["person"], picture))
        if outcome.known or outcome.fault:
            return [*outcome.news, *await self._desk.answer_outcome(inbound, outcome)]
        now = self._clock.monotonic()
        timeout = self._settings.embed_timeout_seconds
        pending = _Pending(inbound, jpeg, picture, retry_at=now + timeout / 2, expires_at=now + timeout)
        return [*outcome.news, self._ask(self._asking.new_id(), pending)]

    def _ask(self, key: bytes, pending: _Pending) -> Outbound:
        self._pending[key] = pending
        return self._asking.embed(key, pending.jpeg)

    async def _on_embedded(self, inbound: Inbound[Embedded]) -> Iterable[Outbound]:
        """Finish an enrolment. An answer that cannot be used is as none: another recognizer may do better."""
        self._lookout = self._lookout.answered()
        if self._register.models.leading in {None, inbound.message.model}:
            self._same_person = inbound.message.same_person_similarity
        key = inbound.packet.correlation or b""
        if key == self._probe:
            return ()
        for other in (self._takeover, self._restoring):
            if other.waits_for(key):
                return await other.answered(key, inbound.message)
        pending = self._pending.get(key)
        if pending is None:
            raise Refused(Refusal.UNEXPECTED, "no picture waits for this answer")
        try:
            answer = read_answer(inbound.message, self._seal)
        except Refused as refused:
            self._pending[key] = replace(pending, trouble=f"an answer was refused ({refused})")
            raise
        del self._pending[key]
        if pending.frame_at is not None:
            return await self._on_shot(pending, Shot(pending.picture, answer, self._settings.of_frames()))
        return await self._enrol(pending.inbound, (Shot(pending.picture, answer, self._settings),))

    async def _enrol(self, request: Inbound[Any], shots: tuple[Shot, ...]) -> Iterable[Outbound]:
        rights = self._rights(request)
        outcome = await self._desk.change(partial(self._register.samples.enrol, request.ids["person"], shots, rights))
        self._enrolled += outcome.taken
        return [*outcome.news, *await self._desk.answer_outcome(request, outcome)]

    async def _on_shot(self, pending: _Pending, shot: Shot) -> Iterable[Outbound]:
        """See whether a frame is a sample besides those before it; the last one that is asked for enrols them all."""
        person, frame_at = pending.inbound.ids["person"], pending.frame_at
        seat = self._seats[person]
        assert frame_at is not None
        shots = (*seat.shots, shot)
        rights = self._rights(seat.request)
        outcome = await self._desk.change(partial(self._register.samples.enrol, person, shots, rights, try_only=True))
        if outcome.fault is None and outcome.taken == len(shots):
            seat = replace(seat, sitting=seat.sitting.took(frame_at), shots=shots)
        else:
            seat = replace(seat, sitting=seat.sitting.passed_over(outcome.fault))
        self._seats[person] = seat
        if seat.sitting.outcome() is not None:
            return [*outcome.news, *(self._unless_over(person) or self._advise(person))]
        self._withdraw(lambda inbound: inbound is seat.request)
        return [*outcome.news, *await self._enrol(seat.request, seat.shots)]

    async def _on_capture(self, inbound: Inbound[EnrolFromCamera]) -> Iterable[Outbound]:
        """Begin to look out for a person, if that is asked with a code where one is needed."""
        inbound, fault = self._checked(inbound)
        return self._desk.answer(inbound, fault) if fault else self._seat(inbound)

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

    async def _on_newcomer(self, inbound: Inbound[EnrolFromCamera]) -> Iterable[Outbound]:
        """Give somebody an id, and go on as if the request had named it."""
        inbound, fault = self._checked(inbound)
        person = fault or id_of(inbound.message.name, {*self._seats, *self._register.people})
        if isinstance(person, Fault):
            return self._desk.answer(replace(inbound, ids=NOBODY_YET), person)
        return self._seat(replace(inbound, ids={"person": person}))

    def _cameras(self) -> list[dict[str, str]]:
        return [{"door": seat.sitting.door, "camera": seat.sitting.camera} for seat in self._seats.values()]

    async def _on_frame(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:
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
        self._withdraw(lambda inbound: inbound is seat.request)
        return self._desk.answer(seat.request, seat.sitting.outcome())

    def _withdraw(self, which: Callable[[Inbound[Any]], bool]) -> list[Inbound[Any]]:
        """Forget the requests that still wait for a recognizer or a camera; each of them once."""
        pictures = [key for key, pending in self._pending.items() if which(pending.inbound)]
        waiting = [pending.inbound for key in pictures if (pending := self._pending.pop(key)).frame_at is None]
        people = [person for person, seat in self._seats.items() if which(seat.request)]
        return [*waiting, *(self._seats.pop(person).request for person in people)]

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
        waiting = self._withdraw(lambda request: request.ids["person"] == person)
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
        self._hear_floors(inbound.message.figures)
        if inbound.message.service == Role.RECOGNIZER:
            self._hear_keys(inbound.message)
            self._hear_model(inbound.message)
        if inbound.message.service == Role.ACTUATOR and inbound.message.door is not None:
            told = {name: bool(value) for name, value in inbound.message.figures.items() if name in _OF_DOORS}
            self._desk.doors = self._desk.doors.told(inbound.message.door, inbound.message.country, **told)
        return ()

    def _hear_keys(self, health: Health) -> None:
        """Who reads the gallery reads it with these."""
        online = health.state is Presence.ONLINE
        keys = health.site_keys or ([] if health.site_key is None else [health.site_key])
        self._holders = self._holders.told(health.instance, keys) if online else self._holders.gone(health.instance)

    def _hear_model(self, health: Health) -> None:
        now = self._clock.monotonic()
        if health.state is not Presence.ONLINE or health.model is None:
            self._asking.runners = self._asking.runners.gone(health.instance, now)
        else:
            self._asking.runners = self._asking.runners.told(health.instance, health.model, now)

    def _hear_floors(self, figures: Mapping[str, float]) -> None:
        """A reader that has seen a higher version takes none of ours."""
        for name, place in (("roster_floor", ROSTER), ("gallery_floor", GALLERY)):
            self._hear_version(place, int(figures.get(name, 0)) - 1)  # who has ours refuses nothing

    def _hear_version(self, place: Place, version: int) -> None:
        own = self._register.published(place)
        if own is not None and version >= own.manifest.version:
            self._race = self._race.seen(**{"roster" if place is ROSTER else "gallery": version})

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

    async def _on_set_group(self, inbound: Inbound[SetGroup]) -> Iterable[Outbound]:
        group, fault = inbound.ids["group"], await self._desk.work(partial(fault_in, inbound.message))
        if fault is not None:
            return self._desk.arranged(inbound, Outcome(fault), None)
        return await self._arrange(inbound, partial(self._register.arranging.set_group, group, inbound.message), group)

    async def _on_remove_group(self, inbound: Inbound[RemoveGroup]) -> Iterable[Outbound]:
        return await self._arrange(inbound, partial(self._register.arranging.remove_group, inbound.ids["group"]))

    async def _on_set_schedule(self, inbound: Inbound[SetSchedule]) -> Iterable[Outbound]:
        schedule = inbound.ids["schedule"]
        change = partial(self._register.arranging.set_schedule, schedule, inbound.message)
        return await self._arrange(inbound, change, schedule=schedule)

    async def _on_remove_schedule(self, inbound: Inbound[RemoveSchedule]) -> Iterable[Outbound]:
        return await self._arrange(inbound, partial(self._register.arranging.remove_schedule, inbound.ids["schedule"]))

    async def _arrange(
        self,
        inbound: Inbound[Any],
        work: Callable[[datetime], Outcome],
        group: str | None = None,
        schedule: str | None = None,
    ) -> Iterable[Outbound]:
        """Have a group or schedule changed, and say what will not be as one would think."""
        outcome, entitled = await self._desk.change(work), None
        if outcome.fault is None and group is not None:
            entitled = self._register.arrangements.of_group(group)
        elif outcome.fault is None and schedule is not None:
            entitled = self._register.arrangements.of_schedule(schedule)
        warning = await self._desk.doubts(entitled)
        return [*outcome.news, *self._desk.list_arrangements(), *self._desk.arranged(inbound, outcome, warning)]

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

    async def _on_manifest(self, inbound: Inbound[Manifest]) -> Iterable[Outbound]:
        """Signed, so the enroller's own: of another time, or of another enroller."""
        self._register.heard(inbound.channel.name, inbound.message)
        own = self._register.published(PLACES[inbound.channel.name])
        if own is not None and own.manifest != inbound.message:
            self._hear_version(PLACES[inbound.channel.name], inbound.message.version)
            self._look_at(inbound, inbound.message)
        return ()

    async def _on_other_manifest(self, inbound: Inbound[Manifest]) -> Iterable[Outbound]:
        self._look_at(inbound, inbound.message)
        return ()

    async def _on_shard(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        self._look_at(inbound, inbound.message)
        return ()

    def _look_at(self, arrived: Arrived[Any], found: object) -> None:
        """Note what is not as it should be; None is what can be no part of a map.

        What the broker had kept has been overwritten with both maps since, but for shards of no map.
        """
        wanted = self._register.standing(arrived)
        if wanted is None:
            return
        if wanted != (arrived.packet.payload if found is None else found) and not (wanted and arrived.packet.retain):
            self._custody = self._custody.found(arrived.packet.topic, self._clock.monotonic())

    def _put_right(self, now: float) -> Iterable[Outbound]:
        self._custody, topics = self._custody.put_right(now)
        if topics:
            _log.warning("put_right", topics=topics[:5], count=len(topics))
        for topic in topics:
            found = self._topics.resolve(topic)
            wanted = None if found is None else self._register.standing(found)
            if found is not None and wanted is not None:
                yield Outbound(found.channel, wanted or None, topic=topic)

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


_ARRANGING = (channels.SET_GROUP, channels.REMOVE_GROUP, channels.SET_SCHEDULE, channels.REMOVE_SCHEDULE)
_MANIFESTS = (channels.ROSTER_MANIFEST, channels.GALLERY_MANIFEST)
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


def _manifest(payload: bytes) -> Manifest | None:
    try:
        return parse_json(Manifest, payload)
    except Refused:
        return None


def _sha256(jpeg: bytes) -> str:
    return hashlib.sha256(jpeg).hexdigest()
