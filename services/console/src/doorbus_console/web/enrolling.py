"""Enrolling from the pages: from files, from the camera of a browser's own device, and from a door's camera."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from doorbus.wire.channels import ENROL
from doorbus.wire.codec import Refused
from doorbus.wire.ids import is_slug
from doorbus.wire.jpeg import survey
from doorbus.wire.messages import EnrolFromCamera, ErrorCode, Update
from doorbus_console import posing, words
from doorbus_console.rights import Right, Visitor
from doorbus_console.web import asking
from doorbus_console.web.entitling import message_of
from doorbus_console.web.forms import Form, as_jpegs, read_body, read_form
from doorbus_console.web.guard import Needs
from doorbus_console.web.naming import id_for
from doorbus_console.web.pages import language, page
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Keeping = Annotated[Visitor, Depends(Needs(Right.PEOPLE))]
_LOOK_SECONDS = 5.0


@router.post("/people")
async def enrol(request: Request, site: TheSite, visitor: Keeping) -> HTMLResponse:
    """Enrol somebody from pictures or from a camera."""
    form = await read_form(request)
    name = form.get("name")
    person = form.get("person") or id_for(name)
    if not is_slug(person):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_person_id", f"{person!r} is no id")
    return await _enrol(request, site, visitor, form, person=person, name=name)


@router.post("/people/{person}/samples")
async def add_samples(request: Request, site: TheSite, visitor: Keeping, person: str) -> HTMLResponse:
    """Add pictures of a person."""
    site.person(person)
    return await _enrol(request, site, visitor, await read_form(request), person=person)


@router.get("/enrol/camera")
async def standing(request: Request, site: TheSite, visitor: Keeping, camera: str = "") -> HTMLResponse:
    """What a door's camera sees, and what it asks of whoever stands there."""
    door, _, name = camera.partition("/")
    if not name:
        return HTMLResponse("")
    site.camera(visitor, door, name)
    return page(request, "part/standing.html", visitor, door=door, camera=name)


@router.post("/enrol/look")
async def look(
    request: Request,
    site: TheSite,
    visitor: Keeping,  # noqa: ARG001  # asked for its right
    before: Annotated[tuple[float, ...], Query(max_length=10)] = (),
) -> dict[str, Any]:
    """What is to be done so that a picture helps. Nobody is told who is on it, and nothing is kept."""
    jpeg = await read_body(request, ENROL.max_bytes)
    try:
        seen = survey(jpeg)
    except Refused:
        code = ErrorCode.NOT_A_PICTURE.value
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, f"{code}: send a JPEG") from None
    answer = await asking.look(site, jpeg, _LOOK_SECONDS)
    pose = posing.judged(answer.faces, seen.width, seen.height, before)
    said = site.pages.say(words.HINTS[pose.hint], language(request))
    return {"hint": said, "used": pose.used, "fresh": pose.fresh, "quality": pose.quality, "yaw": pose.yaw}


async def _enrol(
    request: Request, site: Site, visitor: Visitor, form: Form, *, person: str, name: str = ""
) -> HTMLResponse:
    place, named = form.get("camera").partition("/"), message_of(Update, name=name[:128] or None)
    pictures = form.pictures("image")
    if not pictures and not place[2]:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no_picture", "choose pictures, or a camera")
    if pictures:
        pictures = await as_jpegs(pictures)
        errands = await asking.enrol_all(site, visitor, person, pictures)
        if named.name and any(errand.result is not None and errand.result.error is None for errand in errands):
            renamed = asking.change(site, visitor, person, named)
            await asking.result(site, renamed, site.settings.enrol_seconds)
    else:
        wish = EnrolFromCamera(door=place[0], camera=place[2], name=named.name)
        errand = asking.capture(site, visitor, person, wish)
        errands = [await asking.result(site, errand, wish.timeout_s + 5)]
    names = [picture.name for picture in pictures]
    return page(request, "part/enrolled.html", visitor, person=person, errands=errands, names=names)
