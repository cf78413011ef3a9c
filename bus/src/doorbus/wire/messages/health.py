"""Whether a service is there, and how it does. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from doorbus.wire import figures
from doorbus.wire.messages.base import Instant, Message, Name, Slug


class Presence(StrEnum):
    """Whether a service is there."""

    ONLINE = "online"
    OFFLINE = "offline"


class Health(Message):
    """Whether a service is up, how it does and what it refused. The broker sends `offline` when a service vanishes.

    mosquitto_sub -t 'doorbus/v1/health/#'
    """

    state: Presence
    service: Slug
    instance: Slug
    version: str
    at: Instant
    started_at: Instant
    door: Slug | None = None
    """The door that it drives, or whose camera it reads."""
    camera: Slug | None = None
    """The camera that it reads."""
    country: Annotated[str, Field(max_length=16)] | None = None
    """By whose public holidays it reads opening hours."""
    problem: str | None = None
    """What keeps the service from its work, for people; None when nothing does."""
    site_key: str | None = None
    """Which site key it seals with, by an id that does not tell the key; None when it has none."""
    model: Name | None = None
    """The embedding model that a recognizer runs."""
    site_keys: tuple[str, ...] = ()
    """All that it unseals with, the newest first: two while the key is rotated."""
    figures: dict[str, float] = Field(default_factory=dict, description=figures.explained())
    refused: dict[str, int] = Field(default_factory=dict)
    """How many messages were refused, by `channel.reason`."""
    last_refused: dict[str, Instant] = Field(default_factory=dict)
    """When the last of them was, by the same."""


class HomeAssistantStatus(StrEnum):
    """Whether Home Assistant is there; the payload is the bare word.

    mosquitto_sub -t homeassistant/status
    """

    ONLINE = "online"
    OFFLINE = "offline"
