"""What both the pages and the API ask for, noted in the audit."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from doorbus.wire.channels import (
    ENROL,
    ENROL_FROM_CAMERA,
    NEWCOMER,
    REMOVE,
    REMOVE_CREDENTIAL,
    REMOVE_SAMPLE,
    SET_CREDENTIAL,
    UPDATE,
    Channel,
)
from doorbus.wire.codec import JPEG_START
from doorbus.wire.messages import (
    Action,
    Enrol,
    EnrolFromCamera,
    ErrorCode,
    Lockdown,
    Message,
    Recognised,
    Remove,
    RemoveCredential,
    RemoveSample,
    Result,
    SetCredential,
    Update,
)
from doorbus_console.desk import BrokerAway, Command, Errand
from doorbus_console.rights import Visitor
from doorbus_console.settings import Confirm
from doorbus_console.web.forms import Upload
from doorbus_console.web.problems import Problem, broker_away
from doorbus_console.web.site import Site

_REMEMBERED = 1000
_FETCH_SECONDS = 5.0
_NEWS_SECONDS = 2.0
"""The roster comes before the answer, but is read in pieces: who asks next is to see what he did."""
_STATUS = {
    ErrorCode.UNKNOWN_PERSON: HTTPStatus.NOT_FOUND,
    ErrorCode.UNKNOWN_RECORDING: HTTPStatus.NOT_FOUND,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.NO_RECOGNIZER: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.STORAGE_FAILED: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Once:
    """Idempotency keys: the same key with the same content is the same request, with another it is a mistake."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def id_for(self, visitor: Visitor, key: str | None, *content: object) -> str | None:
        """The id of the request of this key; None without one. Raises `Problem` for another content."""
        if key is None:
            return None
        made = hashlib.sha256(f"{visitor.name}\n{key}".encode()).hexdigest()[:40]
        print_of = hashlib.sha256(repr(content).encode()).hexdigest()
        if self._known.setdefault(made, print_of) != print_of:
            detail = "this Idempotency-Key was used for something else; use a new one for each request"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "key_reused", detail)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return made


def command(
    site: Site,
    visitor: Visitor,
    door: str,
    action: Action,
    *,
    seconds: float | None = None,
    code: str | None = None,
    command_id: str | None = None,
    confirmed: bool = False,
) -> Command:
    """Send a command to a door; raises `Problem`, also where it must be `confirmed` with a passkey and is not."""
    site.door(visitor, door)
    if action is not Action.LOCK and not confirmed and must_confirm(site, visitor):
        detail = "an unlock must be confirmed with a passkey here; use the page"
        raise Problem(HTTPStatus.FORBIDDEN, "passkey_needed", detail)
    known = command_id is not None and site.desk.find_command(command_id) is not None
    try:
        sent = site.desk.command(door, action, visitor.name, seconds=seconds, code=code, command_id=command_id)
    except BrokerAway:
        raise broker_away() from None
    if not known:
        how = ", confirmed with a passkey" if confirmed else ""
        site.note(visitor.name, action.value.lower(), f"door {door}", f"sent as {sent.id}{how}")
    return sent


def lock_down(site: Site, visitor: Visitor, door: str, lockdown: Lockdown) -> None:
    """Begin or end a lockdown of a door; its state says what came of it. Raises `Problem`."""
    site.door(visitor, door)
    try:
        site.desk.lock_down(door, lockdown, visitor.name)
    except BrokerAway:
        raise broker_away() from None
    site.note(visitor.name, f"lockdown {lockdown.value.lower()}", f"door {door}", "sent")


async def kept(site: Site, recording: str, *, boxes: bool) -> bytes:
    """A picture that was kept; raises `Problem`."""
    try:
        picture = await site.desk.fetch(recording, _FETCH_SECONDS, boxes=boxes)
    except BrokerAway:
        raise broker_away() from None
    if picture is None:
        raise Problem(HTTPStatus.GATEWAY_TIMEOUT, "no_answer", "no recorder has answered; is one running?")
    if picture.error is not None:
        raise refusal(picture.error, picture.why)
    return picture.jpeg


def refusal(error: ErrorCode, why: str | None) -> Problem:
    """Why another service did not do it."""
    status = _STATUS.get(error, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Problem(status, error.value, why or error.value)


def must_confirm(site: Site, visitor: Visitor) -> bool:
    """Whether a passkey is asked for before a door is unlocked."""
    asked = site.settings.confirm
    if visitor.level is None or asked is Confirm.NEVER:
        return False
    return asked is Confirm.ALWAYS or bool(site.store.passkeys(visitor.name))


def enrol(site: Site, visitor: Visitor, person: str, jpeg: bytes, errand_id: str | None = None) -> Errand:
    """Send a picture of a person; raises `Problem`."""
    return _ask(site, visitor, ENROL, Enrol(jpeg=jpeg), person, errand_id=errand_id)


async def enrol_all(
    site: Site, visitor: Visitor, person: str, pictures: Iterable[Upload], errand_id: str | None = None
) -> list[Errand]:
    """Send pictures of a person one after the other, and wait for each result; raises `Problem`."""
    errands = []
    for number, picture in enumerate(pictures):
        one = enrol(site, visitor, person, picture.content, None if errand_id is None else f"{errand_id}-{number}")
        errands.append(await result(site, one, site.settings.enrol_seconds))
        if errands[-1].result is None:
            break
    return errands


def capture(site: Site, visitor: Visitor, person: str | None, wish: EnrolFromCamera) -> Errand:
    """Enrol from a camera; a newcomer when there is no id. Raises `Problem`."""
    site.camera(visitor, wish.door, wish.camera)
    return _ask(site, visitor, NEWCOMER if person is None else ENROL_FROM_CAMERA, wish, person)


def change(site: Site, visitor: Visitor, person: str, update: Update) -> Errand:
    """Change a person; raises `Problem`."""
    return _ask(site, visitor, UPDATE, update, person)


def remove(site: Site, visitor: Visitor, person: str) -> Errand:
    """Forget a person; raises `Problem`."""
    return _ask(site, visitor, REMOVE, Remove(), person)


def give_code(site: Site, visitor: Visitor, person: str, credential: str, wish: SetCredential) -> Errand:
    """Give a person, or a guest who is made by it, a PIN or a tag; raises `Problem`."""
    return _ask(site, visitor, SET_CREDENTIAL, wish, person, credential=credential)


def take_code(site: Site, visitor: Visitor, person: str, credential: str) -> Errand:
    """Take a PIN or a tag away; raises `Problem`."""
    return _ask(site, visitor, REMOVE_CREDENTIAL, RemoveCredential(), person, credential=credential)


def forget_sample(site: Site, visitor: Visitor, person: str, sample: int) -> Errand:
    """Forget one sample of a person; raises `Problem`."""
    return _ask(site, visitor, REMOVE_SAMPLE, RemoveSample(), person, sample=str(sample))


async def recognise(site: Site, visitor: Visitor, jpeg: bytes) -> Recognised:
    """Who is on a picture; no door hears of it. Raises `Problem`."""
    answer = await look(site, jpeg, site.settings.enrol_seconds)
    site.note(visitor.name, "recognise", f"{len(answer.faces)} faces", "done")
    return answer


async def look(site: Site, jpeg: bytes, seconds: float) -> Recognised:
    """The same for who is not told who it is. Raises `Problem`."""
    if not jpeg.startswith(JPEG_START):  # a recognizer would not answer
        code = ErrorCode.NOT_A_PICTURE.value
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, f"{code}: send a JPEG, PNG or WebP")
    try:
        answer = await site.desk.look(jpeg, seconds)
    except BrokerAway:
        raise broker_away() from None
    if answer is None:
        detail = "no recognizer has answered; is one running?"
        raise Problem(HTTPStatus.GATEWAY_TIMEOUT, "no_answer", detail)
    if answer.error is not None:
        status = _STATUS.get(answer.error, HTTPStatus.UNPROCESSABLE_ENTITY)
        raise Problem(status, answer.error.value, f"{answer.error.value}: this picture cannot be looked at")
    return answer


async def result(site: Site, errand: Errand, seconds: float) -> Errand:
    """The request once it is answered and the people are as it left them, or after so many seconds as it is."""
    errand = await site.desk.result(errand, seconds)
    if errand.result is not None:
        await site.live.until_people_are_read(_NEWS_SECONDS)
    return errand


async def done(site: Site, errand: Errand) -> Result:
    """The result of a request that went well; raises `Problem` for one that did not, or that nobody answers."""
    errand = await result(site, errand, site.settings.enrol_seconds)
    if errand.result is None:
        where = f"/api/v1/requests/{errand.id}"
        raise Problem(
            HTTPStatus.GATEWAY_TIMEOUT,
            "no_answer",
            f"the enroller has not answered; is it running? Ask again at {where}",
            {"Location": where},
        )
    if errand.result.error is not None:
        raise of_result(errand.result)
    return errand.result


def of_result(result: Result) -> Problem:
    """Why the enroller did not do it."""
    assert result.error is not None
    return refusal(result.error.code, result.error.message)


def _ask(
    site: Site,
    visitor: Visitor,
    channel: Channel[Any],
    message: Message,
    person: str | None,
    *,
    errand_id: str | None = None,
    **ids: str,
) -> Errand:
    ids |= {} if person is None else {"person": person}
    try:
        errand = site.desk.ask(channel, message, visitor.name, errand_id=errand_id, **ids)
    except BrokerAway:
        raise broker_away() from None
    site.note(visitor.name, channel.name, f"person {person or 'newcomer'}", f"sent as {errand.id}")
    return errand
