"""What recognizers answer and what the store keeps, unsealed as decisions need it."""

from dataclasses import dataclass

from doorbus.wire import templates
from doorbus.wire.codec import Refused
from doorbus.wire.messages import Embedded
from doorbus.wire.purposes import OF_A_FACE, of_face
from doorbus.wire.seal import Seal
from doorbus_enroller.care import Looked
from doorbus_enroller.enrolment import Answer, Candidate
from doorbus_enroller.known_faces import Enrolled
from doorbus_enroller.store import Person


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
                template=templates.from_reply(face.template, seal),
                brightness=face.brightness,
                face=None if face.face is None else seal.unseal(templates.from_base64(face.face), OF_A_FACE),
            )
            for face in embedded.faces
        ),
        same_person_similarity=embedded.same_person_similarity,
        error=embedded.error,
    )


def face_to_send(kept: bytes, person: str, seal: Seal) -> bytes:
    """A face as it is kept, sealed for a recognizer; raises `Refused`."""
    return seal.seal(seal.unseal(kept, of_face(person)), OF_A_FACE)


def unopened(person: Person, seal: Seal) -> int:
    """How many samples of a person are sealed with no key of the site, or damaged."""
    count = 0
    for sample in person.samples:
        try:
            templates.from_store(sample.template, person.person, seal)
        except Refused:
            count += 1
    return count


@dataclass(frozen=True)
class Unsealed:
    """The samples of a person that can be used, and how many cannot."""

    enrolled: Enrolled | None
    damaged: int
    foreign: int = 0
    """Of those that cannot be used, those of another model."""


def unseal(person: Person, model: str | None, seal: Seal) -> Unsealed:
    """The samples of a person that were made with `model` and sealed with the site's key."""
    kept, damaged = look(person, model, seal)
    foreign = 0 if model is None else sum(sample.model != model for sample in person.samples)
    try:
        enrolled = Enrolled.of([each.template for each in kept], [each.sample.picture for each in kept])
    except Refused:  # there are none, or they cancel each other out
        return Unsealed(None, damaged + len(kept), foreign)
    return Unsealed(enrolled, damaged, foreign)


def look(person: Person, model: str | None, seal: Seal) -> tuple[list[Looked], int]:
    """The same, each with its template; and how many cannot be used."""
    kept, damaged = list[Looked](), person.damaged
    for sample in person.samples:
        try:
            template = templates.from_store(sample.template, person.person, seal)
        except Refused:
            template = None
        if template is None or sample.model != model or (kept and len(kept[0].template) != len(template)):
            damaged += 1
        else:
            kept.append(Looked(sample, template))
    return kept, damaged
