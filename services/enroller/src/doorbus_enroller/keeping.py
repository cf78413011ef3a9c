"""People as the store keeps them, and as they cross the bus to be exported and restored. Pure."""

import base64

from doorbus.wire.messages import KeptPerson, KeptSample
from doorbus_enroller.store import Person, Sample


def kept(person: Person) -> KeptPerson:
    """What is exported of a person; rights that cannot be read allow nothing."""
    return KeptPerson(
        person=person.person,
        rights=person.effective_rights,
        samples=tuple(
            KeptSample(
                template=base64.b64encode(one.template).decode(),
                model=one.model,
                quality=min(1.0, max(0.0, one.quality)),
                picture=one.picture,
                created_at=one.created_at,
                number=one.number,
                brightness=one.brightness,
                face=None if one.face is None else base64.b64encode(one.face).decode(),
            )
            for one in person.samples
        ),
        credentials=person.credentials or None,
    )


def restored(kept: KeptPerson) -> Person:
    """The person that was exported; raises `ValueError` for a template that is not base64."""
    return Person(
        person=kept.person,
        rights=kept.rights,
        samples=tuple(
            Sample(
                template=base64.b64decode(one.template, validate=True),
                model=one.model,
                quality=one.quality,
                picture=one.picture,
                created_at=one.created_at,
                brightness=one.brightness,
                face=None if one.face is None else base64.b64decode(one.face, validate=True),
            )
            for one in kept.samples
        ),
        credentials=tuple(one for one in kept.credentials or () if one.person == kept.person),
    )
