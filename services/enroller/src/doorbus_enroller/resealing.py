"""What the store keeps, sealed anew with the key that counts from now on."""

from collections.abc import Sequence
from dataclasses import replace

from doorbus.wire.codec import Refused
from doorbus.wire.purposes import of_face, of_sample
from doorbus.wire.seal import Seal
from doorbus_enroller.store import Person, Sample

BATCH = 64
"""People whose samples are sealed anew at once: tens of milliseconds, in which nobody else is answered."""


def resealed(person: Person, seal: Seal) -> Person:
    """The person with those samples that are sealed with another key than `seal` seals with, sealed with this one.

    The others, and what cannot be read, are not among the samples. These have to come with their faces.
    """
    changed = [(sample, _sample(sample, person.person, seal)) for sample in person.samples]
    return replace(person, samples=tuple(after for before, after in changed if after is not before))


def any_sealed_with(key: str, people: Sequence[Person], seal: Seal) -> bool:
    """Whether a sample of one of these is sealed with a key."""
    return any(_key(sample.template, of_sample(each.person), seal) == key for each in people for sample in each.samples)


def _sample(sample: Sample, person: str, seal: Seal) -> Sample:
    template = _anew(sample.template, of_sample(person), seal)
    face = None if sample.face is None else _anew(sample.face, of_face(person), seal)
    others = {model: _anew(other, of_sample(person), seal) for model, other in sample.others.items()}
    same = template is sample.template and face is sample.face
    same = same and all(others[model] is other for model, other in sample.others.items())
    return sample if same else replace(sample, template=template, face=face, others=others)


def _anew(data: bytes, purpose: str, seal: Seal) -> bytes:
    if _key(data, purpose, seal) in {None, seal.key_id}:
        return data
    return seal.seal(seal.unseal(data, purpose), purpose)


def _key(data: bytes, purpose: str, seal: Seal) -> str | None:
    try:
        return seal.sealed_with(data, purpose)
    except Refused:
        return None
