"""Channels by which people are enrolled, changed and removed. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels import parties
from doorbus.wire.channels.channel import KIB, MIB, Channel, Retain
from doorbus.wire.channels.roles import Role

RESULT = Channel(
    name="result",
    template="person/{person}/result",
    codec=codec.Json(messages.Result),
    summary="What became of an enrolment, update or removal.",
    qos=1,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS,
)
RESULT_REPLY = Channel(
    name="result_reply",
    template="reply/{token}",
    codec=codec.Json(messages.Result),
    summary="The same result, to the MQTT 5 response topic that the request named.",
    qos=1,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS | {Role.RECORDER},
)
ENROL = Channel(
    name="enrol",
    template="person/{person}/enrol",
    codec=codec.Jpeg(messages.Enrol),
    summary="A picture of a person to let in.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=8 * MIB,
    senders=parties.PEOPLE | {Role.RECORDER},  # by the word of whoever has looked through its inbox
    receivers=parties.READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
ENROL_FROM_CAMERA = Channel(
    name="capture",
    template="person/{person}/capture",
    codec=codec.Json(messages.EnrolFromCamera),
    summary="Enrol a person from what a camera sees.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
NEWCOMER = Channel(
    name="newcomer",
    template="newcomer/capture",
    codec=codec.Json(messages.EnrolFromCamera),
    summary="Enrol from what a camera sees somebody who has no id yet; the enroller gives one.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
UPDATE = Channel(
    name="update",
    template="person/{person}/update",
    codec=codec.Patch(messages.Update),
    summary="Change a person's name or rights.",
    qos=1,
    retain=Retain.REFUSED,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
SET_CREDENTIAL = Channel(
    name="set_credential",
    template="person/{person}/credential/{credential}/set",
    codec=codec.Json(messages.SetCredential),
    summary="Give a person a PIN or a tag. Only the enroller reads it.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=30,
    max_bytes=4 * KIB,
    senders=parties.PEOPLE,
    receivers=frozenset({Role.ENROLLER}),
    reply=RESULT_REPLY,
)
REMOVE_CREDENTIAL = Channel(
    name="remove_credential",
    template="person/{person}/credential/{credential}/remove",
    codec=codec.Empty(messages.RemoveCredential),
    summary="Take a PIN or a tag away.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
REMOVE = Channel(
    name="remove",
    template="person/{person}/remove",
    codec=codec.Empty(messages.Remove),
    summary="Forget a person.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
REMOVE_SAMPLE = Channel(
    name="remove_sample",
    template="person/{person}/sample/{sample}/remove",
    codec=codec.Empty(messages.RemoveSample),
    summary="Forget one sample of a person.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
MANAGE = Channel(
    name="manage",
    template="people/set",
    codec=codec.Json(messages.ManagePerson),
    summary="Enable, disable or remove somebody who is called by name.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=4 * KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=RESULT_REPLY,
)
PEOPLE = Channel(
    name="people",
    template="people/enrolled",
    codec=codec.Json(messages.ListedPeople),
    summary="Who is enrolled, for a screen: the first ones by name.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS,
)
MODELS = Channel(
    name="models",
    template="people/models",
    codec=codec.Json(messages.Models),
    summary="Which embedding models are in use, and how far people have been taken over to each.",
    qos=1,
    retain=Retain.YES,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS | {Role.ADMIN},
)
ENROLMENT = Channel(
    name="enrolment",
    template="enrolment/progress",
    codec=codec.Json(messages.Enrolment),
    summary="How an enrolment goes, or how the last request about somebody ended, in words.",
    qos=1,
    retain=Retain.YES,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS | {Role.ENROLLER},  # one that was killed has left something under way
)

ROWS: tuple[Channel[Any], ...] = (
    ENROL,
    ENROL_FROM_CAMERA,
    NEWCOMER,
    UPDATE,
    SET_CREDENTIAL,
    REMOVE_CREDENTIAL,
    REMOVE,
    MANAGE,
    PEOPLE,
    MODELS,
    ENROLMENT,
    REMOVE_SAMPLE,
    RESULT,
    RESULT_REPLY,
)
