"""Channels by which people are checked, exported and put back. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels import parties
from doorbus.wire.channels.channel import KIB, MIB, Channel, Retain
from doorbus.wire.channels.roles import Role

PEOPLE_CHECKED = Channel(
    name="people_checked",
    template="people/checked/{token}",
    codec=codec.Json(messages.PeopleChecked),
    summary="Who is hard to recognise, and who is hard to tell apart.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.PEOPLE | {Role.ADMIN},
)
CHECK = Channel(
    name="check",
    template="people/check",
    codec=codec.Json(messages.CheckPeople),
    summary="Ask who is hard to recognise, and who is hard to tell apart.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    max_bytes=4 * KIB,
    senders=parties.PEOPLE | {Role.ADMIN},
    receivers=frozenset({Role.ENROLLER}),
    reply=PEOPLE_CHECKED,
)
PEOPLE_REPLY = Channel(
    name="people_reply",
    template="people/reply/{token}",
    codec=codec.Json(messages.KeptPeople),
    summary="People as they are kept, their templates sealed; or what became of putting some back.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.ADMIN}),
)
EXPORT = Channel(
    name="export",
    template="people/export",
    codec=codec.Json(messages.ExportPeople),
    summary="Ask for all that is kept of everybody, or of one person.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ADMIN}),
    receivers=frozenset({Role.ENROLLER}),
    reply=PEOPLE_REPLY,
)
RESTORE = Channel(
    name="restore",
    template="people/restore",
    codec=codec.Json(messages.RestorePeople),
    summary="Put people back as they were exported.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ADMIN}),
    receivers=frozenset({Role.ENROLLER}),
    reply=PEOPLE_REPLY,
)

ROWS: tuple[Channel[Any], ...] = (
    CHECK,
    PEOPLE_CHECKED,
    EXPORT,
    RESTORE,
    PEOPLE_REPLY,
)
