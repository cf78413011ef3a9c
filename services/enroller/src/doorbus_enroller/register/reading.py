"""Everybody as the store has them, one after the other: all at once would be large."""

from collections.abc import Mapping
from datetime import datetime

import structlog

from doorbus.wire.messages import GalleryEntry, Rights
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import pack, pack_one_by_one
from doorbus_enroller.credentials import Credentials
from doorbus_enroller.damage import Damage
from doorbus_enroller.known_faces import KnownFaces
from doorbus_enroller.register.state import State, gallery_entry
from doorbus_enroller.rights import unreadable
from doorbus_enroller.store import Everybody, Store, Versions
from doorbus_enroller.templates import Unsealed, unseal

_log = structlog.get_logger("doorbus.enroller")


def read(store: Store, seal: Seal, everybody: Everybody, versions: Versions, now: datetime) -> tuple[State, KnownFaces]:
    """What is known of these people, who are all that there are, and their faces.

    Raises `StorageFailed`. What cannot be read is left out and told.
    """
    arrangements, credentials = store.arrangements(now), Credentials(store.credentials(now))
    rights = {
        person: credentials.listed(arrangements.entry(person, rights))
        for person, rights in everybody.rights.items()
        if rights is not None
    }
    found = _Faces(store, seal, everybody, now)
    gallery = pack_one_by_one(found.samples, found.entry, versions.gallery, everybody.model, seal)
    without_rights = everybody.rights.keys() - rights.keys()
    for person in sorted(without_rights):
        _log.error("rights_damaged", person=person)
    _tell_unreadable_hours(rights)
    state = State(
        versions=versions,
        arrangements=arrangements,
        credentials=credentials,
        samples=found.samples,
        roster=pack(rights.values(), versions.roster),
        gallery=gallery if found.known.people or not found.damaged else None,
        model=found.known.model,
        damage=Damage(found.damaged, frozenset(without_rights), found.foreign, everybody.lost),
    )
    return state, found.known


class _Faces:
    """What was found of samples so far, by person."""

    def __init__(self, store: Store, seal: Seal, everybody: Everybody, now: datetime) -> None:
        self.known = KnownFaces()
        self.samples = dict.fromkeys(everybody.rights, 0)
        self.damaged: dict[str, int] = {}
        self.foreign: dict[str, int] = {}
        self._store = store
        self._seal = seal
        self._model = everybody.model
        self._now = now

    def entry(self, person: str) -> GalleryEntry | None:
        """Read the samples of one more person: what the gallery says of them."""
        known = self._store.find(person, self._now)
        unsealed = unseal(known, self._model, self._seal) if known else Unsealed(None, 0)
        enrolled, bad = unsealed.enrolled, unsealed.damaged
        if enrolled and not self.known.fits(enrolled.mean):
            bad += len(enrolled.templates)
            enrolled = None
        if bad:
            self.damaged[person] = bad
            self.foreign.update({person: unsealed.foreign} if unsealed.foreign else {})
            _log.error("samples_left_out", person=person, samples=bad, of_another_model=unsealed.foreign)
        if enrolled is None or self._model is None:
            return None
        self.samples[person] = len(enrolled.templates)
        self.known.put(person, enrolled.mean, self._model)
        return gallery_entry(person, enrolled)


def _tell_unreadable_hours(rights: Mapping[str, Rights]) -> None:
    """Hours that were written before they were checked, or into the file."""
    why = {hours: unreadable(hours) for hours in {each.hours for each in rights.values()} if hours is not None}
    for person, each in sorted(rights.items()):
        if each.hours is not None and why[each.hours] is not None:
            _log.warning("hours_unreadable", person=person, why=why[each.hours])
