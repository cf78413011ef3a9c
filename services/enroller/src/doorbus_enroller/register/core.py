"""The store and what is known of it: every change begins with `current` and ends with `outcome`."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from doorbus.wire.messages import Fault, Manifest
from doorbus.wire.seal import Seal
from doorbus_enroller import maps
from doorbus_enroller.known_faces import Enrolled, KnownFaces
from doorbus_enroller.register import publication
from doorbus_enroller.register.beside import Beside
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.register.reading import read
from doorbus_enroller.register.state import State
from doorbus_enroller.register.turning import Turning
from doorbus_enroller.store import StorageFailed, Store, Versions


class Core:
    """What all changes work through. `state` is what is published; None while nobody was read yet.

    `faces` is, besides the sealed shards, all that is kept of templates. What is given the time raises `StorageFailed`.
    """

    def __init__(self, store: Store, seal: Seal) -> None:
        self.store = store
        self.seal = seal
        self.state: State | None = None
        self.faces = KnownFaces()
        self.beside = Beside(store, seal)
        self.turning = Turning(store, seal)
        self._retained: dict[str, int] = {}
        """How many people are on each map that the broker retains from a time before."""
        self._now = datetime.min.replace(tzinfo=UTC)
        self._in_doubt = True
        """Whether the store may hold something else than the state: from the beginning of a request to its end."""

    def heard(self, name: str, manifest: Manifest | None) -> None:
        """A map of this name is retained, or was deleted. Before anything was published it is of another time."""
        if self.state is None:
            self._retained[name] = manifest.count if manifest else 0

    def current(self, now: datetime) -> State:
        """What is known of everybody; read anew when it is in doubt and the store has changed."""
        state, in_doubt, self._in_doubt = self.state, self._in_doubt, True
        self._now = now
        if self.store.is_new():
            self._begin(now)
        if state is None or in_doubt:
            versions = self.store.versions(now)
            if state is None or versions != state.versions:
                state = self.read(self._ahead(versions, now), now)
        return state

    def outcome(self, state: State, fault: Fault | None = None, taken: int = 0) -> Outcome:
        """The end of a request, after which this is the state."""
        former = self.state
        state = replace(state, roster=maps.naming(state.roster, state.credentials.all))
        state = self.beside.taken_along(state, self._now)
        self.state, self._in_doubt = state, False
        news = publication.whole(state) if former is None else publication.news(state, former)
        return Outcome(fault, taken, news=tuple(news))

    def read(self, versions: Versions, now: datetime) -> State:
        """Everybody, as the store has them."""
        everybody = self.store.people(now)
        self.turning.go_on(everybody.rights, now)
        state, self.faces = read(self.store, self.seal, everybody, versions, now)
        self.beside.begin_anew(everybody.model, state, now)
        return state

    def raised(self, state: State, now: datetime) -> State:
        """The same under a higher version of the gallery."""
        return state.under(self.above(state, now), self.seal)

    def above(self, state: State, now: datetime) -> Versions:
        """Versions of which that of the gallery is higher."""
        return self.store.outrun(replace(state.versions, roster=-1), now)

    def with_faces(
        self, state: State, faces: Mapping[str, Enrolled | None], model: str | None, versions: Versions
    ) -> State:
        """The state in which these people have these samples of a model, or none any more."""
        self.beside.touch(faces)
        for person, enrolled in faces.items():
            self.faces.drop(person)
            if enrolled and model:
                self.faces.put(person, enrolled.mean, model)
        return state.with_faces(faces, versions, self.faces.model, self.seal)

    def _begin(self, now: datetime) -> None:
        """Begin with nobody, unless people are known elsewhere: then the file was lost, and is no new site."""
        known = max([len(self.state.samples) if self.state else 0, *self._retained.values()])
        if known:
            raise StorageFailed(
                f"{self.store.name} is missing or empty, but {known} people are enrolled and can still pass; put "
                "everybody back with doorbus restore, or restore a backup of it, or, to begin anew, delete what the "
                "broker retains under roster/ and gallery/"
            )
        self.store.begin(now)

    def _ahead(self, versions: Versions, now: datetime) -> Versions:
        """The versions above all that were ever published: of a backup that took the place of the file, too.

        They are times, and raised at each start. Where a full or read-only disk does not let them be raised, those that
        are kept must do.
        """
        known = self.state.versions if self.state else versions
        if versions.roster > known.roster and versions.gallery > known.gallery:
            return versions
        with suppress(StorageFailed):
            return self.store.outrun(known, now)
        return versions
