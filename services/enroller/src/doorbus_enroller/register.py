"""The people as the site sees them: what the store keeps, and the two maps that are published of it."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from doorbus.wire import channels
from doorbus.wire.codec import Refused
from doorbus.wire.exchange import Outbound
from doorbus.wire.ids import id_of_model
from doorbus.wire.messages import (
    CheckedPerson,
    CheckPeople,
    ClosePair,
    ErrorCode,
    ExportPeople,
    Fault,
    GalleryEntry,
    GroupEntry,
    KeptPeople,
    KeptPerson,
    Manifest,
    Models,
    ModelState,
    PeopleChecked,
    Rights,
    RosterEntry,
    ScheduleEntry,
    SetCredential,
    SetGroup,
    SetSchedule,
    Update,
)
from doorbus.wire.purposes import of_face
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import Packed, pack, pack_one_by_one, repack, reseal, sealed_with
from doorbus.wire.templates import Template, to_gallery, to_store
from doorbus.wire.topics import Resolved
from doorbus_enroller import maps
from doorbus_enroller.arrangements import Arrangements, composed
from doorbus_enroller.care import close_pairs, examine
from doorbus_enroller.credentials import Credentials
from doorbus_enroller.damage import Damage
from doorbus_enroller.enrolment import Answer, Candidate, Known, Rules, decide, revise
from doorbus_enroller.keeping import kept
from doorbus_enroller.known_faces import Enrolled, KnownFaces
from doorbus_enroller.making import Making
from doorbus_enroller.resealing import BATCH, any_sealed_with, resealed
from doorbus_enroller.rights import unreadable
from doorbus_enroller.runners import Runners
from doorbus_enroller.store import Person, Sample, StorageFailed, Store, StoreDamaged, Unmade, Versions
from doorbus_enroller.templates import Unsealed, face_to_send, look, unopened, unseal

_log = structlog.get_logger("doorbus.enroller")

_NAMED = 100
_PAGE_PEOPLE = 200
_PAGE_BYTES = 1024 * 1024
"""A page of an export is not larger, unless one person is."""


@dataclass(frozen=True)
class Shot:
    """A picture of a person, and what a recognizer says of it."""

    picture: str
    """SHA-256."""
    answer: Answer
    rules: Rules


@dataclass(frozen=True)
class Outcome:
    """What became of a request, and what is to be published of it."""

    fault: Fault | None = None
    taken: int = 0
    """How many of the shots are samples."""
    known: bool = False
    """Whether the picture is a sample already."""
    near: float | None = None
    """How similar the picture is to a sample that is as good; None where none is."""
    people: int = 0
    """How many a change of a group or schedule concerns."""
    valid_until: datetime | None = None
    """When a newcomer's rights end."""
    rights: RosterEntry | None = None
    """Those that the person has now with all that holds, where there is one."""
    doubt: str | None = None
    """What was done otherwise than one may have thought, for people."""
    news: tuple[Outbound, ...] = ()


@dataclass(frozen=True)
class _State:
    """Everybody, as published."""

    versions: Versions
    arrangements: Arrangements
    credentials: Credentials
    samples: Mapping[str, int]
    """How many there are of each person."""
    roster: Packed
    gallery: Packed | None
    """None while no sample at all can be read: an empty one would lock everybody out."""
    model: str | None
    """Of the samples that were read; None where there are none."""
    damage: Damage
    besides: Mapping[str, Packed] = field(default_factory=dict)
    """The galleries of other models, under the version of the gallery."""

    def entry(self, person: str, rights: Rights) -> RosterEntry:
        """What the roster says of a person."""
        return self.credentials.listed(self.arrangements.entry(person, rights))


class Register:
    """Reads and writes the store, and keeps the maps with it: a request costs what one person costs.

    The methods that are given the time take as long as the store does, and raise `StorageFailed`. After that everybody
    is read anew: what the store holds then is what counts.
    """

    def __init__(self, store: Store, seal: Seal, *, keep_faces: bool = True) -> None:
        self._keep_faces = keep_faces
        self._store = store
        self._seal = seal
        self._state: _State | None = None
        self._published: _State | None = None
        self._faces = KnownFaces()
        """Besides the sealed shards all that is kept of templates."""
        self._retained: dict[str, int] = {}
        """How many people are on each map that the broker retains from a time before."""
        self._now = datetime.min.replace(tzinfo=UTC)
        self._in_doubt = True
        """Whether the store may hold something else than the state: from the beginning of a request to its end."""
        self._making: dict[str, Making] = {}
        """How far each other model is."""
        self._touched: set[str] | None = set()
        """Whose samples have changed since what is published; None for everybody's."""
        self._stale = False
        """Whether other models may lack more than `_making` says."""
        self._formerly: Sequence[str] | None = None
        """Whose samples may be sealed with a former key; None when nothing is any more, the gallery included."""

    @property
    def people(self) -> Mapping[str, int]:
        """How many samples there are of each person; empty while nobody was read yet."""
        return self._state.samples if self._state else {}

    @property
    def gallery_version(self) -> int | None:
        """The version of the gallery; None while nobody was read yet."""
        return self._state.versions.gallery if self._state else None

    @property
    def roster(self) -> tuple[bytes, ...]:
        """The shards of the roster as published; none while nobody was read yet."""
        return self._published.roster.shards if self._published else ()

    @property
    def arrangements(self) -> Arrangements:
        """The groups and schedules as published; none while nobody was read yet."""
        return self._published.arrangements if self._published else Arrangements()

    def problem(self) -> str | None:
        """What of the store is left out, because it cannot be read."""
        if self._state is None:
            return None
        return self._state.damage.told(self._store.name) if self._state.gallery else self._sealed_otherwise()

    def whole(self) -> Iterator[Outbound]:
        """Both maps; nothing while nobody was read yet: an empty map would lock everybody out."""
        if self._published:
            yield Outbound(channels.CREDENTIALS, maps.hashes_of(self._published.credentials.all))
            yield from maps.ROSTER.whole(self._published.roster)
            if self._published.gallery:
                yield from maps.GALLERY.whole(self._published.gallery)
            for model, packed in self._published.besides.items():
                yield from maps.Place.beside(model).whole(packed)

    def heard(self, name: str, manifest: Manifest | None) -> None:
        """A map of this name is retained, or was deleted. Before anything was published it is of another time."""
        if self._published is None:
            self._retained[name] = manifest.count if manifest else 0

    def published(self, place: maps.Place) -> Packed | None:
        """What should be retained of a map; None while that is not known."""
        state = self._published
        return None if state is None else state.roster if place is maps.ROSTER else state.gallery

    def standing(self, topic: Resolved[Any]) -> bytes | Manifest | None:
        """What should be retained under a topic of a map; None while that is not known."""
        if self._published is None:
            return None
        if topic.channel is channels.CREDENTIALS:
            return maps.hashes_of(self._published.credentials.all)
        if topic.channel.name not in maps.BESIDE:
            place = maps.PLACES[topic.channel.name]
            own = self.published(place)
            return None if own is None else place.standing(own, topic)
        for model in (*self._published.besides, *self._making):
            if id_of_model(model) == topic.ids["embedder"]:
                packed = self._published.besides.get(model)
                return None if packed is None else maps.Place.beside(model).standing(packed, topic)
        return b""

    @property
    def model(self) -> str | None:
        """The model that leads; None where nobody has a sample."""
        return self._state.model if self._state else None

    @property
    def making(self) -> Mapping[str, Making]:
        """How far each other model is."""
        return self._making

    @property
    def stale(self) -> bool:
        """Whether other models may lack more than `making` says, which `take_up` finds."""
        return self._stale

    def states(self, runners: Runners) -> Models:
        """Which models are in use, and how far people have been taken over to each."""
        state = self._state
        if state is None:
            return Models()
        foreign = tuple(sorted(state.damage.foreign))
        samples = sum(state.samples.values())
        people = sum(count > 0 for count in state.samples.values())
        leads = ModelState(
            model=state.model or "",
            recognizers=runners.of(state.model or "")[:_NAMED],
            leading=True,
            published=state.gallery is not None,
            people=people,
            samples=samples,
            again=foreign[:_NAMED],
            again_count=len(foreign),
        )
        others = [
            ModelState(
                model=model,
                recognizers=runners.of(model)[:_NAMED],
                published=model in state.besides,
                people=state.besides[model].manifest.count if model in state.besides else 0,
                samples=making.made,
                left=len(making.todo),
                again=making.lacking[:_NAMED],
                again_count=len(making.lacking),
            )
            for model, making in sorted(self._making.items())
        ]
        return Models(models=(*([leads] if state.model else []), *others))

    def take_up(self, models: Collection[str], now: datetime) -> Outcome:
        """See what is missing of these models, and of those that there are already."""
        state = self._current(now)
        ready = {model for model, each in self._making.items() if each.ready}
        for model in {*models, *self._making} - {state.model}:
            self._look_through(model, state, now)
        self._stale = False
        if {model for model, each in self._making.items() if each.ready} - ready:
            state = self._raised(state, now)
        return self._outcome(state)

    def _look_through(self, model: str, state: _State, now: datetime) -> None:
        samples = sum(state.samples.values()) + sum(state.damage.samples.values())
        self._making[model] = self._making.get(model, Making()).seen(samples, self._store.unmade(model, now))

    def face(self, one: Unmade, now: datetime) -> bytes | None:
        """The face of a sample, sealed for a recognizer; None where it is gone or cannot be read."""
        kept = self._store.face(one.number, now)
        with suppress(Refused):
            return kept and face_to_send(kept, one.person, self._seal)
        return None

    def give_up(self, model: str, number: int, now: datetime) -> Outcome:
        """No template of a model can be made of the face of a sample."""
        state, making = self._current(now), self._making[model]
        self._making[model] = making.given_up(number)
        if self._making[model].ready and not making.ready:
            state = self._raised(state, now)
        return self._outcome(state)

    def made(self, model: str, templates: Sequence[tuple[Unmade, Template]], now: datetime) -> Outcome:
        """Keep templates of another model; they are published when all are there."""
        state, making = self._current(now), self._making[model]
        kept = {one.number: to_store(template, one.person, self._seal) for one, template in templates}
        self._store.add_templates(model, kept, now)
        self._making[model] = making.done(kept)
        if making.ready and self._touched is not None:
            self._touched |= {one.person for one, _ in templates}
        if self._making[model].ready:
            state = self._raised(state, now)
        return self._outcome(state)

    def lead(self, model: str, now: datetime) -> Outcome:
        """Let another model lead; the one that led stands beside it from now on."""
        self._current(now)
        versions = self._store.lead(model, now)
        self._making.pop(model, None)
        return self._outcome(self._read(versions, now))

    def let_go(self, model: str, now: datetime) -> Outcome:
        """Forget the templates of a model that nobody runs any more, and its gallery."""
        state = self._current(now)
        self._store.forget_model(model, now)
        self._making.pop(model, None)
        return self._outcome(state)

    def _raised(self, state: _State, now: datetime) -> _State:
        """The same under a higher version of the gallery."""
        return self._under(state, self._store.outrun(replace(state.versions, roster=-1), now))

    def _besides(self, state: _State, now: datetime) -> Mapping[str, Packed]:
        """The galleries of other models, as far as there are any."""
        version, found = state.versions.gallery, dict[str, Packed]()
        for model, making in self._making.items():
            if not making.ready:
                continue
            former = state.besides.get(model)
            if former is None or self._touched is None:
                entry = partial(self._entry_beside, model, now)
                found[model] = pack_one_by_one(state.samples, entry, version, model, self._seal)
            elif former.manifest.version != version:
                changes = {person: self._entry_beside(model, now, person) for person in self._touched}
                found[model] = repack(former, changes, version, model, self._seal)
            else:
                found[model] = former
        return found

    def _entry_beside(self, model: str, now: datetime, person: str) -> GalleryEntry | None:
        known = self._store.find(person, now, model=model)
        enrolled = unseal(known, model, self._seal).enrolled if known else None
        return _gallery_entry(person, enrolled) if enrolled else None

    @property
    def sealed_formerly(self) -> int:
        """How many things are to be sealed anew: people, and the gallery."""
        return 0 if self._formerly is None else len(self._formerly) + 1

    def turn_to(self, key: str) -> None:
        """Seal with another key from now on; `seal_anew` does the same with what is there."""
        self._seal.use(key)
        self._formerly = sorted(self.people)

    def seal_anew(self, now: datetime) -> Outcome:
        """Seal some of the people anew; after the last ones the gallery, which is published once."""
        state, ids = self._current(now), self._formerly or ()
        found = (self._store.find(person, now, faces=True) for person in ids[:BATCH])
        changed = [each for each in (resealed(one, self._seal) for one in found if one) if each.samples]
        if changed:
            self._store.reseal(changed, now)
        if ids[BATCH:]:
            self._formerly = ids[BATCH:]
            return self._outcome(state)
        self._store.scrub()
        published = [*([state.gallery] if state.gallery else []), *state.besides.values()]
        if any(sealed_with(each, self._seal) != {self._seal.key_id} for each in published):
            versions = self._store.outrun(replace(state.versions, roster=-1), now)
            gallery = state.gallery and reseal(state.gallery, versions.gallery, self._faces.model, self._seal)
            besides = {
                model: reseal(packed, versions.gallery, model, self._seal) for model, packed in state.besides.items()
            }
            state = replace(state, versions=versions, gallery=gallery, besides=besides)
        self._formerly = None
        return self._outcome(state)

    def outrun(self, others: Versions, now: datetime) -> Outcome:
        """Publish both maps under versions above those of `others`, which somebody has seen."""
        state = self._current(now)
        return self._outcome(self._under(state, self._store.outrun(others, now)))

    def start(self, now: datetime) -> Outcome:
        """Read everybody. A store that is new is left as it is until it is known what the broker retains."""
        return Outcome() if self._store.is_new() else self.refresh(now)

    def refresh(self, now: datetime) -> Outcome:
        """Read everybody, if what is known of them is in doubt."""
        return self._outcome(self._current(now))

    def enrol(
        self, person: str, shots: Sequence[Shot], rights: Rights, now: datetime, *, try_only: bool = False
    ) -> Outcome:
        """Add what the shots show of a person, all or nothing. Who is not there yet gets `rights`.

        To `try_only` says what would become of it, and changes nothing.
        """
        state = self._current(now)
        known = self._store.find(person, now)
        fault = self._unfit(state, known)
        if fault:
            return self._outcome(state, fault)
        unsealed = unseal(known, state.model, self._seal) if known else Unsealed(None, 0)
        enrolled, samples, near = unsealed.enrolled, list[Sample](), None
        for shot in shots:
            decision = decide(person, shot.picture, shot.answer, enrolled, self._faces, shot.rules)
            if isinstance(decision, Fault):
                return self._outcome(state, decision)
            if isinstance(decision, Known):
                near = decision.similarity
            else:
                enrolled = _and_also(enrolled, decision, shot)
                samples.append(self._sample(person, decision, shot, now))
        now_has = state.entry(person, (known.rights if known else rights) or _NONE)
        if enrolled is None or not samples or try_only:
            return replace(self._outcome(state, taken=len(samples)), rights=now_has, near=near)
        versions = self._store.add(person, samples, rights, now)
        if known is None:
            state = self._with_rights(state, person, rights, versions)
        state = self._with_face(state, person, enrolled, samples[0].model, versions)
        if unsealed.damaged:  # a new sample of the same picture has taken the place of a damaged one
            state = self._looked_through(state, person, now)
        ends = rights.valid_until if known is None else None
        return replace(self._outcome(state, taken=len(samples)), valid_until=ends, rights=now_has)

    def look_up(self, person: str, picture: str, now: datetime) -> Outcome:
        """Whether a picture is a sample of a person already, so that no recognizer need look at it."""
        if self._state is None:
            return Outcome()
        state = self._current(now)
        known = self._store.find(person, now)
        enrolled = unseal(known, state.model, self._seal).enrolled if known and not self._unfit(state, known) else None
        return replace(self._outcome(state), known=enrolled is not None and picture in enrolled.pictures)

    def remove_sample(self, person: str, number: int | None, now: datetime) -> Outcome:
        """Forget one sample of a person, but not the last one; None is the number of none."""
        state = self._current(now)
        known = self._store.find(person, now)
        if known is None:
            return self._outcome(state, _nothing_of(person))
        if number is None or number not in {each.number for each in known.samples}:
            numbers = ", ".join(str(each.number) for each in known.samples) or "none"
            message = f"{person} has no such sample; there are {numbers} (doorbus people --person {person})"
            return self._outcome(state, Fault(code=ErrorCode.UNKNOWN_SAMPLE, message=message))
        if len(known.samples) + known.damaged == 1:
            message = f"this is the only sample of {person}; add another one first, or remove {person}"
            return self._outcome(state, Fault(code=ErrorCode.TOO_FEW_SAMPLES, message=message))
        versions = self._store.remove_sample(person, number, now) or state.versions
        left = replace(known, samples=tuple(each for each in known.samples if each.number != number))
        unsealed = unseal(left, state.model, self._seal)
        if unsealed.enrolled is None or state.model is None or state.gallery is None:  # damaged: rare
            return self._outcome(self._read(versions, now))
        state = self._with_face(state, person, unsealed.enrolled, state.model, versions)
        rights = person in state.damage.rights
        damage = state.damage.but(person, unsealed.damaged, rights=rights, foreign=unsealed.foreign)
        return self._outcome(replace(state, damage=damage))

    def check(
        self, asked: CheckPeople, same_person: float | None, margin: float, now: datetime
    ) -> tuple[Outcome, PeopleChecked]:
        """A page of those who are hard to recognise, and the pairs that are hard to tell apart."""
        state = self._current(now)
        similarity = None if same_person is None else same_person + margin * (1 - same_person)
        everybody = sorted(state.samples)
        found, following = list[CheckedPerson](), None
        for person in everybody[bisect_right(everybody, asked.after) if asked.after else 0 :]:
            known = self._store.find(person, now) if asked.person in {None, person} else None
            if known is None:
                continue
            if len(found) == _PAGE_PEOPLE:
                following = found[-1].person
                break
            checked = examine(person, *look(known, state.model, self._seal), same_person)
            found += [checked] if checked.weaknesses or asked.person else []
        pairs, close = tuple[ClosePair, ...](), 0
        if similarity is not None and asked.after is None:
            pairs, close = close_pairs(self._faces, similarity, asked.person)
        return self._outcome(state), PeopleChecked(
            people=tuple(found), next=following, count=len(everybody), pairs=pairs, close=close, similarity=similarity
        )

    def update(self, person: str, update: Update, now: datetime) -> Outcome:
        """Change a person's name or rights. Rights that cannot be read allow nothing but what the update says."""
        state = self._current(now)
        known = self._store.rights(person, now)
        rights = revise(known.rights or _NONE, update) if known else _unknown(person)
        fault = rights if isinstance(rights, Fault) else state.arrangements.fault_in(rights)
        if isinstance(rights, Fault) or fault:
            return self._outcome(state, fault)
        if known and rights != known.rights:
            state = self._with_rights(state, person, rights, self._store.set_rights(person, rights, now))
        return replace(self._outcome(state), rights=state.entry(person, rights))

    def set_credential(
        self, person: str, credential: str, asked: SetCredential, now: datetime, *, shortest: int, new_salt: str
    ) -> Outcome:
        """Give a person a PIN or a tag. A guest who has nothing else is made a person by it."""
        state = self._current(now)
        known = self._store.rights(person, now)
        if known is None and asked.guest is None:
            return self._outcome(state, _unknown(person))
        rights = Rights(
            name=asked.guest,
            valid_from=asked.valid_from,
            valid_until=asked.valid_until,
        )
        rights = rights if known is None else known.rights or _NONE
        doubt = None
        if known is not None and asked.guest is not None and asked.guest != rights.name:
            called = rights.name or person
            doubt = f"{person} is {called} already, whose code this is now; {asked.guest!r} was not written"
        made = state.credentials.made(person, credential, asked, shortest, new_salt)
        if isinstance(made, Fault):
            return self._outcome(state, made)
        versions = self._store.set_credential(made, rights, now)
        samples = {person: 0, **state.samples}
        state = replace(state, credentials=state.credentials.with_one(made), samples=samples)
        outcome = self._outcome(self._with_rights(state, person, rights, versions))
        return replace(outcome, rights=state.entry(person, rights), doubt=doubt)

    def remove_credential(self, person: str, credential: str, now: datetime) -> Outcome:
        """Take a PIN or a tag away from a person."""
        state = self._current(now)
        known = self._store.rights(person, now)
        if known is None:
            return self._outcome(state, _nothing_of(person))
        versions = self._store.remove_credential(person, credential, now)
        if versions is None:
            there = ", ".join(state.credentials.names.get(person, ())) or "none"
            message = f"{person} has no PIN or tag {credential}; there are: {there}"
            return self._outcome(state, Fault(code=ErrorCode.UNKNOWN_CREDENTIAL, message=message))
        state = replace(state, credentials=state.credentials.without(person, credential))
        return self._outcome(self._with_rights(state, person, known.rights or _NONE, versions))

    def set_group(self, group: str, change: SetGroup, now: datetime) -> Outcome:
        """Make or change a group, and with it the rights of everybody in it."""
        state = self._current(now)
        return self._arranged(state, state.arrangements.with_group(group, change), now, group=group)

    def set_schedule(self, schedule: str, change: SetSchedule, now: datetime) -> Outcome:
        """Make or change a schedule, and with it the hours of everybody who follows it."""
        state = self._current(now)
        arrangements = state.arrangements.with_schedule(schedule, change)
        if isinstance(arrangements, Arrangements) and (why := unreadable(composed(arrangements.schedules[schedule]))):
            return self._outcome(state, Fault(code=ErrorCode.BAD_REQUEST, message=f"hours: {why}"))
        return self._arranged(state, arrangements, now, schedule=schedule)

    def remove_group(self, group: str, now: datetime) -> Outcome:
        """Forget a group in which nobody is."""
        state = self._current(now)
        inside = sum(rights is not None and rights.group == group for rights in self._store.people(now).rights.values())
        return self._arranged(state, state.arrangements.without_group(group, inside), now, group=group)

    def remove_schedule(self, schedule: str, now: datetime) -> Outcome:
        """Forget a schedule that nobody follows."""
        state = self._current(now)
        everybody = self._store.people(now).rights.values()
        following = sum(rights is not None and rights.schedule == schedule for rights in everybody)
        return self._arranged(state, state.arrangements.without_schedule(schedule, following), now, schedule=schedule)

    def _arranged(
        self,
        state: _State,
        arrangements: Arrangements | Fault,
        now: datetime,
        *,
        group: str | None = None,
        schedule: str | None = None,
    ) -> Outcome:
        """Keep a group or schedule that has changed, or is no more, and publish those whom it moves."""
        if isinstance(arrangements, Fault):
            return self._outcome(state, arrangements)
        put = [each for each in (arrangements.groups.get(group or ""),) if each is not None]
        follow = [each for each in (arrangements.schedules.get(schedule or ""),) if each is not None]
        before, concerned = state.arrangements, dict[str, RosterEntry | None]()
        for person, rights in self._store.people(now).rights.items():
            if rights is None:
                continue
            entry = replace(state, arrangements=arrangements).entry(person, rights)
            if (group is not None and entry.group == group) or (schedule is not None and entry.schedule == schedule):
                concerned[person] = entry
        if arrangements != before:
            versions = self._store.arrange(now, put=[*put, *follow], group=group, schedule=schedule)
            roster = repack(state.roster, concerned, versions.roster)
            state = replace(state, arrangements=arrangements, versions=versions, roster=roster)
        return replace(self._outcome(state), people=len(concerned))

    def remove(self, person: str, now: datetime) -> Outcome:
        """Forget a person."""
        state = self._current(now)
        versions = self._store.remove(person, now)
        if versions is None:
            return self._outcome(state, _nothing_of(person))
        if state.gallery is None:  # all that could not be read may have been this person's
            return self._outcome(self._read(versions, now))
        return self._outcome(self._without(state, state.gallery, person, versions))

    def export(self, asked: ExportPeople, now: datetime) -> tuple[Outcome, KeptPeople]:
        """A page of everybody as they are kept, and what is to be published because of what was found."""
        state = self._current(now)
        everybody = sorted(state.samples)
        ids = everybody[bisect_right(everybody, asked.after) if asked.after else 0 :]
        ids = ids if asked.person is None else [each for each in ids if each == asked.person]
        people, size, left_out = list[KeptPerson](), 0, 0
        for person in ids[: asked.limit]:
            known = self._store.find(person, now, faces=True)
            size += (
                sum(len(each.template + (each.face or b"")) * 4 // 3 + 300 for each in known.samples) if known else 0
            )
            if people and size > _PAGE_BYTES:
                break
            if known:
                left_out += known.damaged + (known.rights is None)
                people.append(kept(replace(known, credentials=state.credentials.of(person))))
        more = people and people[-1].person != ids[-1]
        page = KeptPeople(
            people=tuple(people),
            next=people[-1].person if more else None,
            left_out=left_out,
            count=len(everybody),
            roster_version=state.versions.roster,
            gallery_version=state.versions.gallery,
        )
        if asked.after is None and asked.person is None:
            groups, schedules = state.arrangements.groups, state.arrangements.schedules
            page = page.model_copy(
                update={
                    "groups": tuple(groups.values()) or None,
                    "schedules": tuple(schedules.values()) or None,
                }
            )
        return self._outcome(state), page

    def takes_over(self, people: Sequence[Person], running: Collection[str]) -> str | None:
        """The model of which samples of these people need templates before they are put back; None where none does.

        That is the one that leads, unless all whom it has are among these people, and no recognizer runs it.
        """
        models = Counter(sample.model for each in people for sample in each.samples)
        state, ids = self._state, {each.person for each in people}
        stay = state is not None and any(count for person, count in state.samples.items() if person not in ids)
        if state is not None and state.model is not None and (stay or state.model in running):
            wanted = state.model
        else:
            wanted = max(models, key=lambda model: (model in running, models[model]), default="")
        return wanted if models.keys() - {wanted} else None

    def unopened(self, people: Sequence[Person]) -> Fault | None:
        """Why people cannot be put back whose samples are sealed otherwise."""
        for each in people:
            if count := unopened(each, self._seal):
                message = f"{count} samples of {each.person} cannot be read with this site key"
                return Fault(code=ErrorCode.BAD_REQUEST, message=message)
        return None

    def restore(
        self,
        people: Sequence[Person],
        now: datetime,
        arranged: Sequence[GroupEntry | ScheduleEntry] = (),
        bare: Collection[str] = (),
    ) -> Outcome:
        """Have these people, groups and schedules exactly as they are given, all or none.

        Those of `bare` have lost all their samples on the way: what is kept of them here stays. That is the way back
        from a store that was lost or is damaged, too: one is begun whoever is known elsewhere.
        """
        state = self._mended(now)
        people = [self._with_own(each, state, now) if each.person in bare else each for each in people]
        whole = dict[str, Enrolled | None]()
        models = {sample.model for each in people for sample in each.samples}
        others = state.samples.keys() - {each.person for each in people}
        theirs = state.model if any(state.samples[each] for each in others) else None
        fault = self.unopened(people)
        if len(models | ({theirs} if theirs else set())) > 1:
            message = (
                f"these samples were made with {' and '.join(sorted(models))}, the gallery with {theirs}; try again"
            )
            fault = Fault(code=ErrorCode.OTHER_MODEL, message=message)
        for each in people:
            unsealed = unseal(each, next(iter(models), None), self._seal)
            whole[each.person] = unsealed.enrolled
            if unsealed.damaged:
                message = f"{unsealed.damaged} samples of {each.person} do not belong together"
                fault = fault or Fault(code=ErrorCode.BAD_REQUEST, message=message)
        if fault:
            return self._outcome(state, fault)
        added = [one for each in people for one in each.credentials]
        if (fault := state.credentials.fault_in(added)) is not None:
            return self._outcome(state, fault)
        anew = [_among(each, resealed(each, self._seal)) for each in people]
        if not self._keep_faces:
            anew = [each if each.person in bare else _faceless(each) for each in anew]
        versions = self._store.put(anew, now, arranged)
        if arranged or added or state.credentials.all:  # it may move others, too
            return self._outcome(self._read(versions, now))
        return self._outcome(self._with_people(state, anew, whole, versions, now))

    def _with_own(self, person: Person, state: _State, now: datetime) -> Person:
        """The person with the samples that are kept here."""
        known = self._store.find(person.person, now, faces=True)
        own = look(known, state.model, self._seal)[0] if known else []
        return replace(person, samples=tuple(each.sample for each in own))

    def _mended(self, now: datetime) -> _State:
        """What is known of everybody, of whom nobody is left where the store was lost or damaged."""
        try:
            if self._store.is_new():
                self._store.begin(now)
            return self._current(now)
        except StoreDamaged as damaged:
            _log.error("set_aside", problem=str(damaged))
            self._store.set_aside(now)
            self._store.begin(now)
            return self._current(now)

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _current(self, now: datetime) -> _State:
        """What is known of everybody; read anew when it is in doubt and the store has changed."""
        state, in_doubt, self._in_doubt = self._state, self._in_doubt, True
        self._now = now
        if self._store.is_new():
            self._begin(now)
        if state is None or in_doubt:
            versions = self._store.versions(now)
            if state is None or versions != state.versions:
                state = self._read(self._ahead(versions, now), now)
        return state

    def _ahead(self, versions: Versions, now: datetime) -> Versions:
        """The versions above all that were ever published: of a backup that took the place of the file, too.

        They are times, and raised at each start. Where a full or read-only disk does not let them be raised, those that
        are kept must do.
        """
        known = self._published.versions if self._published else versions
        if versions.roster > known.roster and versions.gallery > known.gallery:
            return versions
        with suppress(StorageFailed):
            return self._store.outrun(known, now)
        return versions

    def _under(self, state: _State, versions: Versions) -> _State:
        """The same people under other versions."""
        roster, gallery = state.roster, state.gallery
        if versions.roster != state.versions.roster:
            roster = repack(roster, {}, versions.roster)
        if gallery and versions.gallery != state.versions.gallery:
            gallery = repack(gallery, {}, versions.gallery, self._faces.model, self._seal)
        return replace(state, versions=versions, roster=roster, gallery=gallery)

    def _begin(self, now: datetime) -> None:
        """Begin with nobody, unless people are known elsewhere: then the file was lost, and is no new site."""
        known = max([len(self.people), *self._retained.values()])
        if known:
            raise StorageFailed(
                f"{self._store.name} is missing or empty, but {known} people are enrolled and can still pass; put "
                "everybody back with doorbus restore, or restore a backup of it, or, to begin anew, delete what the "
                "broker retains under roster/ and gallery/"
            )
        self._store.begin(now)

    def _outcome(self, state: _State, fault: Fault | None = None, taken: int = 0) -> Outcome:
        """The end of a request."""
        former = self._published
        state = replace(state, roster=maps.naming(state.roster, state.credentials.all))
        if self._making or state.besides:
            state = replace(state, besides=self._besides(state, self._now))
        self._state = self._published = state
        self._in_doubt, self._touched = False, set()
        if former is None:
            return Outcome(fault, taken, news=tuple(self.whole()))
        news: list[Outbound] = []
        if state.roster.manifest.credentials != former.roster.manifest.credentials:
            news.append(Outbound(channels.CREDENTIALS, maps.hashes_of(state.credentials.all)))
        news += maps.ROSTER.news(state.roster, former.roster)
        for model, packed in state.besides.items():  # first: who runs a model that leads no more goes on with this
            place = maps.Place.beside(model)
            news += place.news(packed, former.besides[model]) if model in former.besides else place.whole(packed)
        if state.gallery:
            gallery = maps.GALLERY
            news += gallery.news(state.gallery, former.gallery) if former.gallery else gallery.whole(state.gallery)
        for model in former.besides.keys() - state.besides.keys():
            news += maps.Place.beside(model).gone()
        return Outcome(fault, taken, news=tuple(news))

    def _unfit(self, state: _State, known: Person | None) -> Fault | None:
        """Why nothing can be added to what is there."""
        if state.gallery is None:
            return Fault(code=ErrorCode.STORAGE_FAILED, message=self._sealed_otherwise())
        if known and known.rights is None:
            message = (
                f"{self._store.name}: the rights of {known.person} cannot be read; set them with an update, or remove "
                f"{known.person} and enrol again"
            )
            return Fault(code=ErrorCode.STORAGE_FAILED, message=message)
        return None

    def _sealed_otherwise(self) -> str:
        return (
            f"{self._store.name}: none of the samples can be read with this site key; put the former key back, or "
            "remove all people and enrol them anew"
        )

    def _read(self, versions: Versions, now: datetime) -> _State:
        """Everybody, one after the other: all at once would be large."""
        everybody, arrangements = self._store.people(now), self._store.arrangements(now)
        self._go_on_turning(list(everybody.rights), now)
        credentials = Credentials(self._store.credentials(now))
        rights = {
            person: credentials.listed(arrangements.entry(person, rights))
            for person, rights in everybody.rights.items()
            if rights is not None
        }
        samples = dict.fromkeys(everybody.rights, 0)
        damaged, foreign = dict[str, int](), dict[str, int]()
        faces = KnownFaces()

        def gallery_entry(person: str) -> GalleryEntry | None:
            known = self._store.find(person, now)
            unsealed = unseal(known, everybody.model, self._seal) if known else Unsealed(None, 0)
            enrolled, bad = unsealed.enrolled, unsealed.damaged
            if enrolled and not faces.fits(enrolled.mean):
                bad += len(enrolled.templates)
                enrolled = None
            if bad:
                damaged[person] = bad
                foreign.update({person: unsealed.foreign} if unsealed.foreign else {})
                _log.error("samples_left_out", person=person, samples=bad, of_another_model=unsealed.foreign)
            if enrolled is None or everybody.model is None:
                return None
            samples[person] = len(enrolled.templates)
            faces.put(person, enrolled.mean, everybody.model)
            return _gallery_entry(person, enrolled)

        gallery = pack_one_by_one(samples, gallery_entry, versions.gallery, everybody.model, self._seal)
        self._faces = faces
        unreadable = everybody.rights.keys() - rights.keys()
        for person in sorted(unreadable):
            _log.error("rights_damaged", person=person)
        _tell_unreadable_hours(rights)
        state = _State(
            versions=versions,
            arrangements=arrangements,
            credentials=credentials,
            samples=samples,
            roster=pack(rights.values(), versions.roster),
            gallery=gallery if faces.people or not damaged else None,
            model=faces.model,
            damage=Damage(damaged, frozenset(unreadable), foreign, everybody.lost),
        )
        self._touched = None
        self._making.pop(everybody.model or "", None)
        for model in {*self._store.other_models(now), *self._making} - {everybody.model}:
            self._look_through(model, state, now)
        return state

    def _go_on_turning(self, people: list[str], now: datetime) -> None:
        """Go on with the newest key where the one before was interrupted: then the first people are sealed with it."""
        newest = self._seal.key_ids[0]
        if self._seal.key_ids == (newest,):
            return
        first = (self._store.find(person, now) for person in people[:BATCH])
        if newest == self._seal.key_id or any_sealed_with(newest, [each for each in first if each], self._seal):
            self._seal.use(newest)
            self._formerly = people

    def _looked_through(self, state: _State, person: str, now: datetime) -> _State:
        """The state with what can be read of a person's samples now."""
        known = self._store.find(person, now)
        found = unseal(known, state.model, self._seal) if known else Unsealed(None, 0)
        rights = person in state.damage.rights
        return replace(state, damage=state.damage.but(person, found.damaged, rights=rights, foreign=found.foreign))

    def _with_rights(self, state: _State, person: str, rights: Rights, versions: Versions) -> _State:
        """The state with a person who has these rights."""
        roster = repack(state.roster, {person: state.entry(person, rights)}, versions.roster)
        before = state.damage
        foreign = before.foreign.get(person, 0)
        damage = before.but(person, before.samples.get(person, 0), rights=False, foreign=foreign)
        return replace(state, versions=versions, roster=roster, damage=damage)

    def _with_face(self, state: _State, person: str, enrolled: Enrolled, model: str, versions: Versions) -> _State:
        """The state with a person who has these samples."""
        assert state.gallery is not None
        self._touch(person)
        self._faces.put(person, enrolled.mean, model)
        changes = {person: _gallery_entry(person, enrolled)}
        return replace(
            state,
            versions=versions,
            samples={**state.samples, person: len(enrolled.templates)},
            gallery=repack(state.gallery, changes, versions.gallery, self._faces.model, self._seal),
            model=self._faces.model,
        )

    def _with_people(
        self,
        state: _State,
        people: Sequence[Person],
        faces: Mapping[str, Enrolled | None],
        versions: Versions,
        now: datetime,
    ) -> _State:
        """The state with people who were restored."""
        model = next((sample.model for each in people for sample in each.samples), None)
        if state.gallery is None or (model and state.model not in (None, model)):
            return self._read(versions, now)
        self._touch(*faces)
        for person, enrolled in faces.items():
            self._faces.drop(person)
            if enrolled and model:
                self._faces.put(person, enrolled.mean, model)
        damage = state.damage
        for person in faces:
            damage = damage.but(person, 0, rights=False)
        rights = {each.person: state.entry(each.person, each.rights or _NONE) for each in people}
        entries = {person: _gallery_entry(person, each) if each else None for person, each in faces.items()}
        return replace(
            state,
            versions=versions,
            samples={**state.samples, **{person: len(each.templates) if each else 0 for person, each in faces.items()}},
            roster=repack(state.roster, rights, versions.roster),
            gallery=repack(state.gallery, entries, versions.gallery, self._faces.model, self._seal),
            model=self._faces.model,
            damage=damage,
        )

    def _without(self, state: _State, gallery: Packed, person: str, versions: Versions) -> _State:
        """The state without a person."""
        self._touch(person)
        self._faces.drop(person)
        return replace(
            state,
            versions=versions,
            credentials=state.credentials.without(person),
            samples={each: count for each, count in state.samples.items() if each != person},
            roster=repack(state.roster, {person: None}, versions.roster),
            gallery=repack(gallery, {person: None}, versions.gallery, self._faces.model, self._seal),
            model=self._faces.model,
            damage=state.damage.but(person, 0, rights=False),
        )

    def _touch(self, *people: str) -> None:
        """Note whose samples have changed."""
        self._stale = self._stale or bool(self._making)
        if self._touched is not None:
            self._touched.update(people)

    def _sample(self, person: str, candidate: Candidate, shot: Shot, now: datetime) -> Sample:
        return Sample(
            template=to_store(candidate.template, person, self._seal),
            model=shot.answer.model,
            quality=candidate.quality,
            picture=shot.picture,
            created_at=now,
            brightness=candidate.brightness,
            face=self._seal.seal(candidate.face, of_face(person)) if candidate.face and self._keep_faces else None,
        )


_NONE = Rights(enabled=False, doors=())


def _among(person: Person, others: Person) -> Person:
    """The person with these samples in the place of those of the same pictures."""
    new = {sample.picture: sample for sample in others.samples}
    return replace(person, samples=tuple(new.get(sample.picture, sample) for sample in person.samples))


def _faceless(person: Person) -> Person:
    return replace(person, samples=tuple(replace(sample, face=None) for sample in person.samples))


def _and_also(enrolled: Enrolled | None, candidate: Candidate, shot: Shot) -> Enrolled:
    if enrolled is None:
        return Enrolled.of((candidate.template,), (shot.picture,))
    return enrolled.and_also(candidate.template, shot.picture)


def _gallery_entry(person: str, enrolled: Enrolled) -> GalleryEntry:
    return GalleryEntry(person=person, templates=tuple(map(to_gallery, enrolled.templates)))


def _tell_unreadable_hours(rights: Mapping[str, Rights]) -> None:
    """Hours that were written before they were checked, or into the file."""
    why = {hours: unreadable(hours) for hours in {each.hours for each in rights.values()} if hours is not None}
    for person, each in sorted(rights.items()):
        if each.hours is not None and why[each.hours] is not None:
            _log.warning("hours_unreadable", person=person, why=why[each.hours])


def _unknown(person: str) -> Fault:
    return Fault(code=ErrorCode.UNKNOWN_PERSON, message=f"nobody is enrolled as {person}; enrol a picture first")


def _nothing_of(person: str) -> Fault:
    """For what is taken away."""
    message = f"nobody is enrolled as {person}, so there is nothing to remove; doorbus people lists everybody"
    return Fault(code=ErrorCode.UNKNOWN_PERSON, message=message)
