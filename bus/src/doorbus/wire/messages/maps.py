"""The maps that everybody needs whole: roster and gallery. Pure."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Instant, Message, Name, Sha256, Slug
from doorbus.wire.messages.rights import Rights


class Manifest(Message):
    """Which shards make up a snapshot. A reader uses the snapshot only when every shard matches.

    mosquitto_sub -t doorbus/v1/roster/manifest
    """

    version: Annotated[int, Field(ge=0)]
    count: Annotated[int, Field(ge=0)]
    """Number of people."""
    shards: tuple[Sha256, ...]
    """SHA-256 of each shard's payload, in order."""
    model: Name | None = None
    """Embedding model of a gallery's templates; None for a roster and for an empty gallery."""
    credentials: Sha256 | None = None
    """Of a roster: of the payload with the hashes of PINs and tags; None where there are none."""
    seal: Annotated[str, Field(max_length=128)] | None = None
    """Of a gallery: base64 of what the site's key makes of the other fields, so that nobody without it can name shards
    of different times together. A roster has none."""


class RosterEntry(Rights):
    """A person on the roster, with all that holds: also what comes from the group, and the hours of the schedule."""

    person: Slug
    hours: Annotated[str, Field(max_length=4096)] | None = None
    credentials: tuple[Slug, ...] | None = None
    """What the person's PINs and tags are called; None where there are none."""
    codes_until: Mapping[Slug, Instant] | None = None
    """When those of them that end do; None where none does."""
    inherited: tuple[str, ...] | None = None
    """Fields whose values are the group's; None where none are."""


class GalleryEntry(Message):
    """A person's templates."""

    person: Slug
    templates: tuple[str, ...]
    """Each the base64 of little-endian float32 values, a unit vector."""
