"""What recognizers answer and what the store keeps, unsealed as decisions need it."""

from doorbus.wire import templates
from doorbus.wire.codec import Refused
from doorbus.wire.messages import Embedded
from doorbus.wire.seal import Seal
from doorbus_enroller.enrolment import Answer, Candidate
from doorbus_enroller.known_faces import Enrolled
from doorbus_enroller.store import Person, StorageFailed


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


def unseal(person: Person, seal: Seal) -> Enrolled | None:
    """The samples of a person; None when there are none. Raises `StorageFailed` when one cannot be unsealed."""
    if not person.samples:
        return None
    try:
        return Enrolled.of(
            (templates.from_store(sample.template, person.person, seal) for sample in person.samples),
            (sample.picture for sample in person.samples),
        )
    except Refused:
        raise StorageFailed(
            f"the samples of {person.person} cannot be read with this site key; put the former key back, "
            "or move DOORBUS_ENROLLER__DATABASE away and enrol everybody anew"
        ) from None
