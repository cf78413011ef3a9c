"""What recognizers answer and what the store keeps, unsealed as decisions need it."""

from dataclasses import dataclass

from doorbus.wire import templates
from doorbus.wire.codec import Refused
from doorbus.wire.messages import Embedded
from doorbus.wire.seal import Seal
from doorbus.wire.templates import Template
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
            )
            for face in embedded.faces
        ),
        same_person_similarity=embedded.same_person_similarity,
        error=embedded.error,
    )


@dataclass(frozen=True)
class Unsealed:
    """The samples of a person that can be used, and how many cannot."""

    enrolled: Enrolled | None
    damaged: int


def unseal(person: Person, model: str | None, seal: Seal) -> Unsealed:
    """The samples of a person that were made with `model` and sealed with the site's key."""
    kept: list[tuple[Template, str]] = []
    damaged = person.damaged
    for sample in person.samples:
        try:
            template = templates.from_store(sample.template, person.person, seal)
        except Refused:
            template = None
        if template is None or sample.model != model or (kept and len(kept[0][0]) != len(template)):
            damaged += 1
        else:
            kept.append((template, sample.picture))
    try:
        enrolled = Enrolled.of(*zip(*kept, strict=True)) if kept else None
    except Refused:  # they cancel each other out
        return Unsealed(None, damaged + len(kept))
    return Unsealed(enrolled, damaged)
