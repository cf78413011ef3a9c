"""Channels of roster and gallery. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels import parties
from doorbus.wire.channels.channel import MIB, Channel, Retain
from doorbus.wire.channels.roles import Role

ROSTER_MANIFEST = Channel(
    name="roster_manifest",
    template="roster/manifest",
    codec=codec.Json(messages.Manifest),
    summary="Version and digests of the roster.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS
    | {Role.ACTUATOR, Role.ENROLLER, Role.RECORDER},  # the enroller hears what was retained before it came
    signed_by=Role.ENROLLER,
)
ROSTER_SHARD = Channel(
    name="roster_shard",
    template="roster/shard/{shard}",
    codec=codec.Raw("application/json"),
    summary="A part of the roster, a JSON array: people and their rights, no biometrics.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS
    | {Role.ACTUATOR, Role.ENROLLER, Role.RECORDER},  # the enroller sees what others put in their place
)
CREDENTIALS = Channel(
    name="credentials",
    template="roster/credentials",
    codec=codec.Raw("application/json"),
    summary="Salted hashes of all PINs and tags, as the roster's manifest names them; for doors alone.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.ACTUATOR, Role.ENROLLER}),  # the enroller sees what others put in their place
)
GALLERY_MANIFEST = Channel(
    name="gallery_manifest",
    template="gallery/manifest",
    codec=codec.Json(messages.Manifest),
    summary="Version, model and digests of the gallery.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER, Role.ENROLLER}),
    signed_by=Role.ENROLLER,
)
GALLERY_SHARD = Channel(
    name="gallery_shard",
    template="gallery/shard/{shard}",
    codec=codec.Raw("application/octet-stream"),
    summary="A part of the gallery: templates, sealed with the site key.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER, Role.ENROLLER}),
)
OTHER_MANIFEST = Channel(
    name="other_manifest",
    template="galleries/{embedder}/manifest",
    codec=codec.Json(messages.Manifest),
    summary="The same of a gallery of another model, while recognizers of two models run.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER, Role.ENROLLER}),
    signed_by=Role.ENROLLER,
)
OTHER_SHARD = Channel(
    name="other_shard",
    template="galleries/{embedder}/shard/{shard}",
    codec=codec.Raw("application/octet-stream"),
    summary="A part of the gallery of another model, sealed as the gallery is.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=frozenset({Role.RECOGNIZER, Role.ENROLLER}),
)

ROWS: tuple[Channel[Any], ...] = (
    ROSTER_MANIFEST,
    ROSTER_SHARD,
    CREDENTIALS,
    GALLERY_MANIFEST,
    GALLERY_SHARD,
    OTHER_MANIFEST,
    OTHER_SHARD,
)
