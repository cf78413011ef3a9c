"""Who may pass where and when. Pure."""

from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Instant, Message, Name, Slug, Unit

OpeningHours = Annotated[str, Field(max_length=512)]
"""In OpenStreetMap's syntax."""


class Entitlement(Message):
    """Where and when somebody may pass: what a person has, and a group for all of it."""

    name: Name | None = None
    enabled: bool = True
    doors: tuple[Slug, ...] | None = None
    """Doors the person may use; None for every door."""
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    hours: OpeningHours | None = None
    """Opening hours besides the door's own."""
    threshold: Unit | None = None
    """Confidence asked instead of the actuator's."""
    schedule: Slug | None = None
    """The schedule whose hours count; there are no `hours` beside it."""
    second_factor: bool | None = None
    """Whether a code is asked for after the face; None for no."""


class Rights(Entitlement):
    """Who a person is to the doors. What is not said here is as the group has it."""

    group: Slug | None = None
