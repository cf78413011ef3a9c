"""Channels of what cameras see, and of what recognizers say of it. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels import parties
from doorbus.wire.channels.channel import MIB, Channel, Retain
from doorbus.wire.channels.roles import Role

FRAME = Channel(
    name="frame",
    template="door/{door}/frame/{camera}",
    codec=codec.Jpeg(messages.Frame),
    summary="A picture of what a camera sees.",
    qos=0,
    retain=Retain.REFUSED,
    expiry=2,
    max_bytes=8 * MIB,
    senders=frozenset({Role.CAPTURE, Role.OPERATOR}),
    receivers=parties.READERS | {Role.RECOGNIZER, Role.ENROLLER, Role.RECORDER},
)
RECOGNITION = Channel(
    name="recognition",
    template="door/{door}/recognition/{camera}",
    codec=codec.Json(messages.Recognition),
    summary="Who is on a frame, and how sure a recognizer is.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=parties.READERS | {Role.ACTUATOR, Role.RECORDER},
    signed_by=Role.RECOGNIZER,
)
PORTRAIT = Channel(
    name="portrait",
    template="door/{door}/portrait/{camera}",
    codec=codec.Jpeg(messages.Portrait),
    summary="The face of who was recognised last, where that is switched on.",
    qos=0,
    expiry=10,
    max_bytes=MIB,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=frozenset({Role.OPERATOR, Role.VIEWER, Role.HOMEASSISTANT}),
)

ROWS: tuple[Channel[Any], ...] = (
    FRAME,
    RECOGNITION,
    PORTRAIT,
)
