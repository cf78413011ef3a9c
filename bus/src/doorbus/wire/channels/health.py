"""Channels of health, and of Home Assistant. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels import parties
from doorbus.wire.channels.channel import HOMEASSISTANT_PREFIX, KIB, Channel, Retain, Under
from doorbus.wire.channels.roles import OPTIONAL, SERVICES, Role

HEALTH = Channel(
    name="health",
    template="health/{service}/{instance}",
    codec=codec.Json(messages.Health),
    summary="Whether a service is up, how it does and what it refused.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset((*SERVICES, *OPTIONAL)),
    receivers=frozenset(Role) - {Role.KEYPAD},  # a service hears of another under its own name
    own="service",
)
HOMEASSISTANT_STATUS = Channel(
    name="homeassistant_status",
    template=f"{HOMEASSISTANT_PREFIX}/status",
    codec=codec.Word(messages.HomeAssistantStatus),
    summary="Home Assistant has started, or is gone. It says so here whatever its discovery prefix is.",
    qos=0,
    max_bytes=KIB,
    senders=frozenset({Role.HOMEASSISTANT}),
    receivers=parties.ANNOUNCERS,
    under=Under.NOTHING,
)
HOMEASSISTANT_CONFIG = Channel(
    name="homeassistant_config",
    template="{component}/{service}/{object}/config",
    codec=codec.Document(),
    summary="What Home Assistant makes an entity or a device of; empty when it is to forget it.",
    qos=1,
    retain=Retain.YES,
    senders=parties.ANNOUNCERS | {Role.HOMEASSISTANT},  # it empties them when a person deletes the device there
    receivers=parties.ANNOUNCERS | {Role.HOMEASSISTANT},
    own="service",
    under=Under.DISCOVERY,
)
HOMEASSISTANT_WITHDRAWN = Channel(
    name="homeassistant_withdrawn",
    template="{component}/{service}/{object}/withdrawn",
    codec=codec.Document(),
    summary="What was withdrawn and Home Assistant may not have heard; empty once it was withdrawn again.",
    qos=1,
    retain=Retain.YES,
    senders=parties.ANNOUNCERS | {Role.HOMEASSISTANT},
    receivers=parties.ANNOUNCERS | {Role.HOMEASSISTANT},
    own="service",
    under=Under.DISCOVERY,
)

ROWS: tuple[Channel[Any], ...] = (
    HEALTH,
    HOMEASSISTANT_STATUS,
    HOMEASSISTANT_CONFIG,
    HOMEASSISTANT_WITHDRAWN,
)
