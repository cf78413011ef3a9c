"""Everybody as published, and what becomes of it when something changes. No method changes what is there."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from doorbus.wire.messages import GalleryEntry, Rights, RosterEntry
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import Packed, repack, reseal
from doorbus.wire.templates import to_gallery
from doorbus_enroller.arrangements import Arrangements
from doorbus_enroller.credentials import Credentials
from doorbus_enroller.damage import Damage
from doorbus_enroller.known_faces import Enrolled
from doorbus_enroller.store import Versions


@dataclass(frozen=True)
class State:
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

    def after(self, person: str | None) -> list[str]:
        """The people behind this one in the order of ids; everybody for None."""
        everybody = sorted(self.samples)
        return everybody[bisect_right(everybody, person) if person else 0 :]

    def under(self, versions: Versions, seal: Seal) -> "State":
        """The same people under other versions."""
        roster, gallery = self.roster, self.gallery
        if versions.roster != self.versions.roster:
            roster = repack(roster, {}, versions.roster)
        if gallery and versions.gallery != self.versions.gallery:
            gallery = repack(gallery, {}, versions.gallery, self.model, seal)
        return replace(self, versions=versions, roster=roster, gallery=gallery)

    def resealed(self, versions: Versions, seal: Seal) -> "State":
        """The same people, all galleries sealed anew under another version."""
        gallery = self.gallery and reseal(self.gallery, versions.gallery, self.model, seal)
        besides = {model: reseal(packed, versions.gallery, model, seal) for model, packed in self.besides.items()}
        return replace(self, versions=versions, gallery=gallery, besides=besides)

    def with_rights(self, person: str, rights: Rights, versions: Versions) -> "State":
        """That in which a person has these rights, which can be read."""
        roster = repack(self.roster, {person: self.entry(person, rights)}, versions.roster)
        samples, foreign = (of.get(person, 0) for of in (self.damage.samples, self.damage.foreign))
        damage = self.damage.but(person, samples, rights=False, foreign=foreign)
        return replace(self, versions=versions, roster=roster, damage=damage)

    def with_faces(
        self, faces: Mapping[str, Enrolled | None], versions: Versions, model: str | None, seal: Seal
    ) -> "State":
        """That in which people have these samples, or none, and all together are of `model`; there is a gallery."""
        assert self.gallery is not None
        counts = {person: len(enrolled.templates) if enrolled else 0 for person, enrolled in faces.items()}
        entries = {person: gallery_entry(person, enrolled) if enrolled else None for person, enrolled in faces.items()}
        return replace(
            self,
            versions=versions,
            samples={**self.samples, **counts},
            gallery=repack(self.gallery, entries, versions.gallery, model, seal),
            model=model,
        )

    def with_damage(self, person: str, samples: int, foreign: int) -> "State":
        """That in which so many of a person's samples cannot be used, and so many of these are of another model."""
        rights = person in self.damage.rights
        return replace(self, damage=self.damage.but(person, samples, rights=rights, foreign=foreign))

    def without(self, person: str, versions: Versions) -> "State":
        """That in which a person is not there, who has no samples any more."""
        return replace(
            self,
            versions=versions,
            credentials=self.credentials.without(person),
            samples={each: count for each, count in self.samples.items() if each != person},
            roster=repack(self.roster, {person: None}, versions.roster),
            damage=self.damage.but(person, 0, rights=False),
        )


def gallery_entry(person: str, enrolled: Enrolled) -> GalleryEntry:
    """What a gallery says of a person."""
    return GalleryEntry(person=person, templates=tuple(map(to_gallery, enrolled.templates)))
