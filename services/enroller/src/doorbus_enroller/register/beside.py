"""The galleries of other models than the leading one: how far each is, and what changes them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from doorbus.wire.messages import GalleryEntry
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import Packed, pack_one_by_one, repack
from doorbus_enroller.making import Making
from doorbus_enroller.register.state import State, gallery_entry
from doorbus_enroller.store import Store
from doorbus_enroller.templates import unseal


class Beside:
    """How far each other model is, and whether one may lack more than that says (`stale`)."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self.stale = False
        self._store = store
        self._seal = seal
        self._making: dict[str, Making] = {}
        self._touched: set[str] | None = set()
        """Whose samples have changed since what is published; None for everybody's."""

    @property
    def making(self) -> Mapping[str, Making]:
        """How far each other model is."""
        return self._making

    def touch(self, people: Iterable[str]) -> None:
        """Note whose samples have changed."""
        self.stale = self.stale or bool(self._making)
        self._note(people)

    def take_up(self, models: Iterable[str], state: State, now: datetime) -> bool:
        """See what is missing of these models and of those that there are; whether one more has a gallery.

        Raises `StorageFailed`.
        """
        ready = self._ready()
        self._look_through({*models, *self._making} - {state.model}, state, now)
        self.stale = False
        return len(self._ready()) > len(ready)

    def went_on(self, model: str, making: Making, people: Iterable[str] = ()) -> None:
        """Note how far a model is now, and who has new templates of it."""
        if self._making[model].ready:
            self._note(people)
        self._making[model] = making

    def forget(self, model: str) -> None:
        """A model leads, or is not wanted any more."""
        self._making.pop(model, None)

    def begin_anew(self, leading: str | None, state: State, now: datetime) -> None:
        """See what the store has of all models but the leading one, as everybody was read; raises `StorageFailed`."""
        self._touched = None
        self.forget(leading or "")
        self._look_through({*self._store.other_models(now), *self._making} - {leading}, state, now)

    def taken_along(self, state: State, now: datetime) -> State:
        """The state with these galleries as it makes them; raises `StorageFailed`."""
        if self._making or state.besides:
            state = replace(state, besides=self._galleries(state, now))
        self._touched = set()
        return state

    def _ready(self) -> list[str]:
        """The models of which there is a gallery: no look at the store takes one of them away."""
        return [model for model, each in self._making.items() if each.ready]

    def _note(self, people: Iterable[str]) -> None:
        if self._touched is not None:
            self._touched.update(people)

    def _look_through(self, models: Iterable[str], state: State, now: datetime) -> None:
        samples = sum(state.samples.values()) + sum(state.damage.samples.values())
        for model in models:
            self._making[model] = self._making.get(model, Making()).seen(samples, self._store.unmade(model, now))

    def _galleries(self, state: State, now: datetime) -> Mapping[str, Packed]:
        version, found = state.versions.gallery, dict[str, Packed]()
        for model in self._ready():
            former = state.besides.get(model)
            if former is None or self._touched is None:
                entry = partial(self._entry, model, now)
                found[model] = pack_one_by_one(state.samples, entry, version, model, self._seal)
            elif former.manifest.version != version:
                changes = {person: self._entry(model, now, person) for person in self._touched}
                found[model] = repack(former, changes, version, model, self._seal)
            else:
                found[model] = former
        return found

    def _entry(self, model: str, now: datetime, person: str) -> GalleryEntry | None:
        known = self._store.find(person, now, model=model)
        enrolled = unseal(known, model, self._seal).enrolled if known else None
        return gallery_entry(person, enrolled) if enrolled else None
