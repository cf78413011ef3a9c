"""All channels, in their order. Pure."""

from typing import Any

from doorbus.wire.channels import (
    door,
    embedding,
    groups,
    health,
    keeping,
    maps,
    people,
    recognition,
    recordings,
    review,
)
from doorbus.wire.channels.channel import Channel

CHANNELS: tuple[Channel[Any], ...] = (
    *recognition.ROWS,
    *door.ROWS,
    *people.ROWS,
    *groups.ROWS,
    *keeping.ROWS,
    *maps.ROWS,
    *embedding.ROWS,
    *recordings.ROWS,
    *review.ROWS,
    *health.ROWS,
)
