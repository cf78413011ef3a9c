"""Templates as bytes: sealed in a recognizer's answer and on disk, plain inside the sealed gallery."""

import base64
import binascii

import numpy as np

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.messages import Embedded
from doorbus.wire.seal import Seal
from doorbus_enroller.enrolment import Answer, Candidate, Enrolled, Gallery, Template
from doorbus_enroller.store import People, StorageFailed

_FLOAT32 = np.dtype("<f4")


def to_bytes(template: Template) -> bytes:
    """Little-endian float32 values."""
    return template.astype(_FLOAT32).tobytes()


def from_bytes(data: bytes) -> Template:
    """The template, scaled to unit length; raises `Refused` when the bytes are none."""
    if not data or len(data) % _FLOAT32.itemsize:
        raise Refused(Refusal.WRONG_SHAPE, f"a template of {len(data)} bytes is not made of float32 values")
    template = np.frombuffer(data, _FLOAT32).astype(np.float64)
    length = np.linalg.norm(template)
    if not np.isfinite(length) or length == 0:
        raise Refused(Refusal.WRONG_SHAPE, "a template without a direction")
    return (template / length).astype(np.float32)


def read_answer(embedded: Embedded, seal: Seal) -> Answer:
    """A recognizer's answer with its templates unsealed; raises `Refused`."""
    return Answer(
        model=embedded.model,
        faces=tuple(
            Candidate(
                size=face.size,
                sharpness=face.sharpness,
                quality=face.quality,
                live=face.live,
                template=from_bytes(seal.unseal(_base64(face.template), "embedding")),
            )
            for face in embedded.faces
        ),
        same_person_similarity=embedded.same_person_similarity,
        error=embedded.error,
    )


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(Refusal.WRONG_SHAPE, "a template that is not base64") from None


def seal_sample(person: str, template: Template, seal: Seal) -> bytes:
    """A template as the store keeps it: worth nothing under another person's name."""
    return seal.seal(to_bytes(template), f"sample {person}")


def unseal_people(people: People, seal: Seal) -> Gallery:
    """What the store keeps, as decisions need it; raises `StorageFailed` when a sample cannot be unsealed."""
    enrolled = {}
    for each in people.people:
        try:
            rows = [from_bytes(seal.unseal(sample.template, f"sample {each.person}")) for sample in each.samples]
            templates = np.stack(rows)
        except (Refused, ValueError):
            raise StorageFailed(
                f"the samples of {each.person} cannot be read with this site key; put the former key back, "
                "or move DOORBUS_ENROLLER__DATABASE away and enrol everybody anew"
            ) from None
        enrolled[each.person] = Enrolled(templates, frozenset(sample.picture for sample in each.samples))
    return Gallery(next((sample.model for each in people.people for sample in each.samples), None), enrolled)
