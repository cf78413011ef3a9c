"""Channels of pictures that were kept. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels import parties
from doorbus.wire.channels.channel import KIB, MIB, Channel, Retain
from doorbus.wire.channels.roles import Role

RECORDED = Channel(
    name="recorded",
    template="door/{door}/recording",
    codec=codec.Json(messages.Recording),
    summary="A picture of a decision was kept; who may look can ask for it by its id.",
    qos=1,
    senders=frozenset({Role.RECORDER}),
    receivers=parties.READERS | {Role.ADMIN, Role.AUDITOR},
)
RECORDINGS_REPLY = Channel(
    name="recordings_reply",
    template="recordings/reply/{token}",
    codec=codec.Json(messages.Recordings),
    summary="What was kept, without pictures; or what became of a request to erase some of it.",
    qos=1,
    expiry=30,
    max_bytes=MIB,
    senders=frozenset({Role.RECORDER}),
    receivers=parties.LOOKERS,
)
RECORDING_LIST = Channel(
    name="recording_list",
    template="recording/list",
    codec=codec.Json(messages.ListRecordings),
    summary="Ask what was kept, the newest first.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=parties.LOOKERS,
    receivers=frozenset({Role.RECORDER}),
    reply=RECORDINGS_REPLY,
)
RECORDING_REPLY = Channel(
    name="recording_reply",
    template="recordings/picture/{token}",
    codec=codec.JpegOrError(messages.KeptPicture),
    summary="A picture that was kept, or why there is none.",
    qos=1,
    expiry=30,
    max_bytes=8 * MIB,
    senders=frozenset({Role.RECORDER}),
    receivers=parties.LOOKERS,
)
RECORDING_GET = Channel(
    name="recording_get",
    template="recording/{recording}/get",
    codec=codec.Json(messages.GetRecording),
    summary="Ask for a picture that was kept.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=parties.LOOKERS,
    receivers=frozenset({Role.RECORDER}),
    reply=RECORDING_REPLY,
)
RECORDING_ERASE = Channel(
    name="recording_erase",
    template="recording/{recording}/erase",
    codec=codec.Empty(messages.EraseRecording),
    summary="Erase a picture that was kept.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=KIB,
    senders=parties.KEEPERS,
    receivers=frozenset({Role.RECORDER}),
    reply=RECORDINGS_REPLY,
)

ROWS: tuple[Channel[Any], ...] = (
    RECORDED,
    RECORDING_LIST,
    RECORDING_GET,
    RECORDING_ERASE,
    RECORDINGS_REPLY,
    RECORDING_REPLY,
)
