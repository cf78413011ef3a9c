"""Channels by which recognizers are asked. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels.channel import MIB, Channel, Retain
from doorbus.wire.channels.roles import Role

EMBED_REPLY = Channel(
    name="embed_reply",
    template="embed/reply/{token}",
    codec=codec.Json(messages.Embedded),
    summary="The faces on a picture, their templates sealed.",
    qos=1,
    expiry=30,
    max_bytes=MIB,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=frozenset({Role.ENROLLER}),
)
EMBED_REQUEST = Channel(
    name="embed_request",
    template="embed/request",
    codec=codec.Jpeg(messages.EmbedRequest),
    summary="A picture to turn into templates; one recognizer of all answers.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER}),
    reply=EMBED_REPLY,
)
EMBED_FACE = Channel(
    name="embed_face",
    template="embed/face/{embedder}",
    codec=codec.Raw("application/octet-stream"),
    summary="An aligned face, sealed, to turn into a template; one recognizer of the model answers.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER}),
    reply=EMBED_REPLY,
)
RECOGNISE_REPLY = Channel(
    name="recognise_reply",
    template="recognise/reply/{token}",
    codec=codec.Json(messages.Recognised),
    summary="Who is on the picture that was asked about.",
    qos=1,
    expiry=30,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=frozenset({Role.CONSOLE, Role.OPERATOR}),
    signed_by=Role.RECOGNIZER,
)
RECOGNISE_REQUEST = Channel(
    name="recognise_request",
    template="recognise/request",
    codec=codec.Jpeg(messages.RecogniseRequest),
    summary="A picture to say who is on it; one recognizer of all answers, and no door hears of it.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.CONSOLE, Role.OPERATOR}),
    receivers=frozenset({Role.RECOGNIZER}),
    reply=RECOGNISE_REPLY,
)

ROWS: tuple[Channel[Any], ...] = (
    EMBED_REQUEST,
    EMBED_FACE,
    EMBED_REPLY,
    RECOGNISE_REQUEST,
    RECOGNISE_REPLY,
)
