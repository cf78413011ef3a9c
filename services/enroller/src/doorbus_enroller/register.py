"""The people as the site sees them: what the store keeps, and the two maps that are published of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import ErrorCode, Fault, GalleryEntry, Rights, RosterEntry, Update
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import Packed, pack, repack
from doorbus.wire.templates import Template, to_gallery, to_store
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
    """Everybody, as published. The sealed shards are all that is kept of the templates but their means."""

    versions: Versions
    samples: Mapping[str, int]
    """How many there are of each person."""
    roster: Packed
    gallery: Packed
    faces: KnownFaces


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
            decision = decide(person, shot.picture, shot.answer, enrolled, state.faces, shot.rules)
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
        state = self._with_rights(state, person, None, versions)
        return self._outcome(self._with_face(state, person, None, None, versions))

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
        """Everybody, one after the other: all at once would be large."""
        samples: dict[str, int] = {}
        roster: list[RosterEntry] = []
        means: dict[str, Template] = {}
        models: list[str] = []

        def gallery() -> Iterator[GalleryEntry]:
            for each in self._store.people(now):
                samples[each.person] = len(each.samples)
                roster.append(_roster_entry(each.person, each.rights))
                enrolled = unseal(each, self._seal)
                if enrolled:
                    means[each.person] = enrolled.mean
                    models.append(each.samples[0].model)
                    yield _gallery_entry(each.person, enrolled)

        packed = pack(gallery(), versions.gallery, None, self._seal)
        faces = KnownFaces.of(next(iter(models), None), means)
        return _State(
            versions=versions,
            samples=samples,
            roster=pack(roster, versions.roster),
            gallery=repack(packed, {}, versions.gallery, faces.model, self._seal),  # known only now
            faces=faces,
        )

    def _with_rights(self, state: _State, person: str, rights: Rights | None, versions: Versions) -> _State:
        """The state with a person who has these rights, or without the person."""
        entry = None if rights is None else _roster_entry(person, rights)
        return replace(state, versions=versions, roster=repack(state.roster, {person: entry}, versions.roster))

    def _with_face(
        self, state: _State, person: str, enrolled: Enrolled | None, model: str | None, versions: Versions
    ) -> _State:
        """The state with a person who has these samples, or without the person."""
        faces = state.faces.but(person, enrolled.mean if enrolled else None, model)
        changes = {person: _gallery_entry(person, enrolled) if enrolled else None}
        others = {each: count for each, count in state.samples.items() if each != person}
        return replace(
            state,
            versions=versions,
            samples=others | ({person: len(enrolled.templates)} if enrolled else {}),
            gallery=repack(state.gallery, changes, versions.gallery, faces.model, self._seal),
            faces=faces,
        )

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
