"""Channels of faces that wait for a person's word. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels import parties
from doorbus.wire.channels.channel import KIB, MIB, Channel, Retain
from doorbus.wire.channels.roles import Role

FACES = Channel(
    name="faces",
    template="door/{door}/face/{camera}",
    codec=codec.Json(messages.FacesForReview),
    summary="Faces that a person may want to name, their templates sealed for the recorder, where switched on.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    senders=frozenset({Role.RECOGNIZER}),
    receivers=frozenset({Role.RECORDER}),
)
REVIEWS_REPLY = Channel(
    name="reviews_reply",
    template="reviews/reply/{token}",
    codec=codec.Json(messages.Reviews),
    summary="What waits for a person's word, without pictures; or what became of such a word.",
    qos=1,
    expiry=30,
    max_bytes=MIB,
    senders=frozenset({Role.RECORDER}),
    receivers=parties.LOOKERS,
)
REVIEW_LIST = Channel(
    name="review_list",
    template="review/list",
    codec=codec.Json(messages.ListReviews),
    summary="Ask whose faces wait for a person's word.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=parties.LOOKERS,
    receivers=frozenset({Role.RECORDER}),
    reply=REVIEWS_REPLY,
)
REVIEW_REPLY = Channel(
    name="review_reply",
    template="reviews/picture/{token}",
    codec=codec.JpegOrError(messages.ReviewPicture),
    summary="The face of an entry of the inbox, or why there is none.",
    qos=1,
    expiry=30,
    max_bytes=MIB,
    senders=frozenset({Role.RECORDER}),
    receivers=parties.LOOKERS,
)
REVIEW_GET = Channel(
    name="review_get",
    template="review/{entry}/get",
    codec=codec.Empty(messages.GetReview),
    summary="Ask for the face of an entry of the inbox.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=KIB,
    senders=parties.LOOKERS,
    receivers=frozenset({Role.RECORDER}),
    reply=REVIEW_REPLY,
)
REVIEW_ACCEPT = Channel(
    name="review_accept",
    template="review/{entry}/accept",
    codec=codec.Json(messages.AcceptReview),
    summary="Say who it is, and enrol the face as a picture of them.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=parties.KEEPERS,
    receivers=frozenset({Role.RECORDER}),
    reply=REVIEWS_REPLY,
)
REVIEW_DISCARD = Channel(
    name="review_discard",
    template="review/{entry}/discard",
    codec=codec.Empty(messages.DiscardReview),
    summary="Forget an entry of the inbox.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=KIB,
    senders=parties.KEEPERS,
    receivers=frozenset({Role.RECORDER}),
    reply=REVIEWS_REPLY,
)

ROWS: tuple[Channel[Any], ...] = (
    FACES,
    REVIEW_LIST,
    REVIEW_GET,
    REVIEW_ACCEPT,
    REVIEW_DISCARD,
    REVIEWS_REPLY,
    REVIEW_REPLY,
)
