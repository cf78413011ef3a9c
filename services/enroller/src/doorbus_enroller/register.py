"""The people as the site sees them: what the store keeps, and the two maps that are published of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import ErrorCode, Fault, GalleryEntry, Rights, RosterEntry, Update
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import Packed, pack, pack_one_by_one, repack
from doorbus.wire.templates import to_gallery, to_store
from doorbus_enroller import maps
from doorbus_enroller.enrolment import Answer, Candidate, Rules, decide, revise
from doorbus_enroller.known_faces import Enrolled, KnownFaces
from doorbus_enroller.store import Sample, Store, Versions
from doorbus_enroller.templates import unseal


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
    """How many samples were added."""
    news: tuple[Outbound, ...] = ()


@dataclass(frozen=True)
class _State:
    """Everybody, as published."""

    versions: Versions
    samples: Mapping[str, int]
    """How many there are of each person."""
    roster: Packed
    gallery: Packed


class Register:
    """Reads and writes the store, and keeps the maps with it: a request costs what one person costs.

    The methods that are given the time take as long as the store does, and raise `StorageFailed`. After that everybody
    is read anew: what the store holds then is what counts.
    """

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal
        self._state: _State | None = None
        self._published: _State | None = None
        self._faces = KnownFaces()
        """Besides the sealed shards all that is kept of templates."""
        self._in_doubt = True
        """Whether the store may hold something else than the state: from the beginning of a request to its end."""

    @property
    def people(self) -> Mapping[str, int]:
        """How many samples there are of each person; empty while nobody was read yet."""
        return self._state.samples if self._state else {}

    @property
    def gallery_version(self) -> int | None:
        """The version of the gallery; None while nobody was read yet."""
        return self._state.gallery.manifest.version if self._state else None

    def whole(self) -> Iterator[Outbound]:
        """Both maps; nothing while nobody was read yet: an empty map would lock everybody out."""
        if self._published:
            yield from maps.ROSTER.whole(self._published.roster)
            yield from maps.GALLERY.whole(self._published.gallery)

    def refresh(self, now: datetime) -> Outcome:
        """Read everybody, if what is known of them is in doubt."""
        return self._outcome(self._current(now))

    def enrol(self, person: str, shots: Sequence[Shot], rights: Rights, now: datetime) -> Outcome:
        """Add what the shots show of a person, all or nothing. Who is not there yet gets `rights`."""
        state = self._current(now)
        known = self._store.find(person, now)
        enrolled = unseal(known, self._seal) if known else None
        samples: list[Sample] = []
        for shot in shots:
            decision = decide(person, shot.picture, shot.answer, enrolled, self._faces, shot.rules)
            if isinstance(decision, Fault):
                return self._outcome(state, decision)
            if isinstance(decision, Candidate):
                enrolled = _and_also(enrolled, decision, shot)
                samples.append(self._sample(person, decision, shot, now))
        if enrolled is None or not samples:
            return self._outcome(state)
        versions = self._store.add(person, samples, rights, now)
        if known is None:
            state = self._with_rights(state, person, rights, versions)
        state = self._with_face(state, person, enrolled, samples[0].model, versions)
        return self._outcome(state, taken=len(samples))

    def update(self, person: str, update: Update, now: datetime) -> Outcome:
        """Change a person's name or rights."""
        state = self._current(now)
        known = self._store.find(person, now)
        rights = revise(known.rights, update) if known else _unknown(person)
        if isinstance(rights, Fault):
            return self._outcome(state, rights)
        if known and rights != known.rights:
            state = self._with_rights(state, person, rights, self._store.set_rights(person, rights, now))
        return self._outcome(state)

    def remove(self, person: str, now: datetime) -> Outcome:
        """Forget a person."""
        state = self._current(now)
        versions = self._store.remove(person, now)
        if versions is None:
            return self._outcome(state, _unknown(person))
        return self._outcome(self._without(state, person, versions))

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _current(self, now: datetime) -> _State:
        """What is known of everybody; read anew when it is in doubt and the store has changed."""
        state = self._state
        if state is None or self._in_doubt:
            versions = self._store.versions(now)
            if state is None or versions != state.versions:
                state = self._read(versions, now)
        self._in_doubt = True
        return state

    def _outcome(self, state: _State, fault: Fault | None = None, taken: int = 0) -> Outcome:
        """The end of a request."""
        former = self._published
        self._state = self._published = state
        self._in_doubt = False
        if former is None:
            return Outcome(fault, taken, tuple(self.whole()))
        roster = maps.ROSTER.news(state.roster, former.roster)
        return Outcome(fault, taken, (*roster, *maps.GALLERY.news(state.gallery, former.gallery)))

    def _read(self, versions: Versions, now: datetime) -> _State:
        """Everybody, one after the other: all templates at once would be large."""
        people = self._store.people(now)
        roster = pack((_roster_entry(person, rights) for person, rights in people.items()), versions.roster)
        samples = dict.fromkeys(people, 0)
        faces = self._faces = KnownFaces()

        def gallery_entry(person: str) -> GalleryEntry | None:
            known = self._store.find(person, now)
            enrolled = unseal(known, self._seal) if known else None
            if known is None or enrolled is None:
                return None
            samples[person] = len(enrolled.templates)
            faces.put(person, enrolled.mean, known.samples[0].model)
            return _gallery_entry(person, enrolled)

        gallery = pack_one_by_one(samples, gallery_entry, versions.gallery, None, self._seal)
        return _State(
            versions=versions,
            samples=samples,
            roster=roster,
            gallery=repack(gallery, {}, versions.gallery, faces.model, self._seal),  # the model is known only now
        )

    def _with_rights(self, state: _State, person: str, rights: Rights, versions: Versions) -> _State:
        """The state with a person who has these rights."""
        roster = repack(state.roster, {person: _roster_entry(person, rights)}, versions.roster)
        return replace(state, versions=versions, roster=roster)

    def _with_face(self, state: _State, person: str, enrolled: Enrolled, model: str, versions: Versions) -> _State:
        """The state with a person who has these samples."""
        self._faces.put(person, enrolled.mean, model)
        samples = {**state.samples, person: len(enrolled.templates)}
        return self._with_gallery(state, person, _gallery_entry(person, enrolled), samples, versions)

    def _without(self, state: _State, person: str, versions: Versions) -> _State:
        """The state without a person."""
        self._faces.drop(person)
        samples = {each: count for each, count in state.samples.items() if each != person}
        state = self._with_gallery(state, person, None, samples, versions)
        return replace(state, roster=repack(state.roster, {person: None}, versions.roster))

    def _with_gallery(
        self,
        state: _State,
        person: str,
        entry: GalleryEntry | None,
        samples: Mapping[str, int],
        versions: Versions,
    ) -> _State:
        gallery = repack(state.gallery, {person: entry}, versions.gallery, self._faces.model, self._seal)
        return replace(state, versions=versions, samples=samples, gallery=gallery)

    def _sample(self, person: str, candidate: Candidate, shot: Shot, now: datetime) -> Sample:
        return Sample(
            template=to_store(candidate.template, person, self._seal),
            model=shot.answer.model,
            quality=candidate.quality,
            picture=shot.picture,
            created_at=now,
        )


def _and_also(enrolled: Enrolled | None, candidate: Candidate, shot: Shot) -> Enrolled:
    if enrolled is None:
        return Enrolled.of((candidate.template,), (shot.picture,))
    return enrolled.and_also(candidate.template, shot.picture)


def _roster_entry(person: str, rights: Rights) -> RosterEntry:
    return RosterEntry.model_validate({**rights.model_dump(), "person": person})


def _gallery_entry(person: str, enrolled: Enrolled) -> GalleryEntry:
    return GalleryEntry(person=person, templates=tuple(map(to_gallery, enrolled.templates)))


def _unknown(person: str) -> Fault:
    return Fault(code=ErrorCode.UNKNOWN_PERSON, message=f"nobody is enrolled as {person}; enrol a picture first")
