"""What all messages are made of: their base, and the types of their fields. Pure."""

from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from doorbus.wire.ids import SLUG
from doorbus.wire.plain import plain

Slug = Annotated[str, Field(pattern=f"^{SLUG}$")]
"""Id of a door, camera, person or instance."""
MAX_NAME = 128
Name = Annotated[str, Field(max_length=MAX_NAME)]
"""Text for people; never part of a topic or a path."""


def _readable(name: str) -> str:
    if plain(name) != name:
        raise ValueError("a name has no control characters, line breaks, or signs that turn the direction of writing")
    return name


NewName = Annotated[Name, AfterValidator(_readable)]
"""A name that somebody gives now, and that can do no more than be read."""
Id = Annotated[str, Field(min_length=1, max_length=128)]
"""Opaque id of one frame or command."""
Unit = Annotated[float, Field(ge=0, le=1)]
Similarity = Annotated[float, Field(ge=-1, le=1)]
"""Cosine similarity of two templates."""
Milliseconds = Annotated[float, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""The first half of a SHA-256."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar, in another time zone
        raise ValueError("outside the years 1 to 9999 in UTC") from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels of the frame."""


class Message(BaseModel):
    """What all messages share."""

    # A cache of strings would be a quarter of a MiB, and was not seen to save time.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True, cache_strings="none"
    )


class Picture(Message):
    """A JPEG; what else is known of it travels beside it, in user properties."""

    jpeg: bytes = Field(repr=False)
    properties: ClassVar[tuple[str, ...]] = ()


def utc(moment: datetime) -> str:
    """RFC 3339 text of `moment` in UTC, as in the JSON of all messages."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
