"""The recorder's inbox: faces that wait for a person's word."""

from http import HTTPStatus
from typing import Any

from doorbus.wire.channels import REVIEW_ACCEPT, REVIEW_DISCARD, REVIEW_LIST, Channel
from doorbus.wire.messages import (
    MAX_NAME,
    AcceptReview,
    DiscardReview,
    ListReviews,
    Message,
    ReviewPicture,
    Reviews,
    Update,
)
from doorbus_console.desk import BrokerAway
from doorbus_console.rights import Visitor
from doorbus_console.web import asking
from doorbus_console.web.entitling import message_of
from doorbus_console.web.naming import new_id_for
from doorbus_console.web.problems import Problem, broker_away
from doorbus_console.web.site import Site

_SECONDS = 5.0


async def waiting(site: Site, limit: int) -> Reviews:
    """Whose faces wait, those seen last first; raises `Problem`."""
    return await _said(site, REVIEW_LIST, ListReviews(limit=limit), _SECONDS)


async def face(site: Site, entry: str) -> bytes:
    """The face of an entry; raises `Problem`."""
    try:
        picture: ReviewPicture | None = await site.desk.face(entry, _SECONDS)
    except BrokerAway:
        raise broker_away() from None
    if picture is None:
        raise _nobody()
    if picture.error is not None:
        raise asking.refusal(picture.error, picture.why)
    return picture.jpeg


async def accept(site: Site, visitor: Visitor, entry: str, *, person: str | None = None, name: str = "") -> Reviews:
    """Say that it is `person`, or somebody new called `name`; raises `Problem`."""
    new = person is None
    person = person or new_id_for(name, site.live.scene.people)
    named = message_of(Update, name=name[:MAX_NAME] or None)
    wish = AcceptReview(person=person, new=new, by=visitor.name)
    said = await _said(site, REVIEW_ACCEPT, wish, site.settings.enrol_seconds, entry=entry)
    site.note(visitor.name, "accept face", f"person {person}", f"entry {entry}")
    await site.live.until_people_are_read(_SECONDS)
    if new and named.name:
        await asking.done(site, asking.change(site, visitor, person, named))
    return said


async def discard(site: Site, visitor: Visitor, entry: str) -> None:
    """Forget an entry; raises `Problem`."""
    await _said(site, REVIEW_DISCARD, DiscardReview(), _SECONDS, entry=entry)
    site.note(visitor.name, "discard face", f"entry {entry}", "done")


async def _said(site: Site, channel: Channel[Any], message: Message, seconds: float, **ids: str) -> Reviews:
    try:
        said: Reviews | None = await site.desk.request(channel, message, seconds, **ids)
    except BrokerAway:
        raise broker_away() from None
    if said is None:
        raise _nobody()
    if said.error is not None:
        raise asking.refusal(said.error.code, said.error.message)
    return said


def _nobody() -> Problem:
    return Problem(HTTPStatus.GATEWAY_TIMEOUT, "no_answer", "no recorder has answered; is one running?")
