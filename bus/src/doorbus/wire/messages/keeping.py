"""People as the enroller keeps them, to be exported and put back. Pure."""

from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Instant, Message, Name, Sha256, Slug, Unit
from doorbus.wire.messages.credentials import HashedCredential
from doorbus.wire.messages.groups import GroupEntry, ScheduleEntry
from doorbus.wire.messages.results import Fault
from doorbus.wire.messages.rights import Rights


class KeptSample(Message):
    """What the enroller keeps of one picture of a person."""

    template: str = Field(repr=False)
    """Base64 of the template, sealed with the site key for this person alone."""
    model: Name
    quality: Unit
    picture: Sha256
    """Of the picture, which is not kept."""
    created_at: Instant
    number: Annotated[int, Field(ge=0)] | None = None
    """By which it can be removed; another one once it was restored."""
    brightness: Unit | None = None
    face: str | None = Field(default=None, repr=False)
    """Base64 of the aligned face, a JPEG, sealed like the template; None where it is not kept."""


class KeptPerson(Message):
    """All that the enroller keeps of one person."""

    person: Slug
    rights: Rights
    samples: tuple[KeptSample, ...] = ()
    credentials: tuple[HashedCredential, ...] | None = None


class ExportPeople(Message):
    """Ask for everybody, a page at a time, in the order of the ids; or for one person.

    mosquitto_rr -q 1 -e doorbus/v1/people/reply/me -t doorbus/v1/people/export -m '{"limit": 10}'
    """

    after: Slug | None = None
    """Begin after this id, as the reply before said in `next`."""
    person: Slug | None = None
    """Only this one."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    """Most people in the reply; it may have fewer, so as not to be too large."""


class RestorePeople(Message):
    """Put people back as they were exported, all of these or none; who is there already is replaced.

    mosquitto_rr -q 1 -e doorbus/v1/people/reply/me -t doorbus/v1/people/restore -f page.json
    """

    people: tuple[KeptPerson, ...]
    groups: tuple[GroupEntry, ...] | None = None
    """Groups to put back before the people."""
    schedules: tuple[ScheduleEntry, ...] | None = None


class KeptPeople(Message):
    """People as they are kept, or what became of a request to put some back.

    mosquitto_sub -t 'doorbus/v1/people/reply/+'
    """

    people: tuple[KeptPerson, ...] = ()
    next: Slug | None = None
    """What to ask for `after` to get the next page; None when this was the last one."""
    left_out: Annotated[int, Field(ge=0)] = 0
    """Samples and rights on this page that cannot be read."""
    count: Annotated[int, Field(ge=0)] = 0
    """How many people there are in all."""
    roster_version: Annotated[int, Field(ge=0)] | None = None
    gallery_version: Annotated[int, Field(ge=0)] | None = None
    """Pages of equal versions belong together."""
    groups: tuple[GroupEntry, ...] | None = None
    """All groups, on the first page of everybody; None where there are none."""
    schedules: tuple[ScheduleEntry, ...] | None = None
    again: tuple[Slug, ...] | None = None
    """Who was put back and has to be enrolled again: not all samples, made with another model, could be taken over."""
    error: Fault | None = None
