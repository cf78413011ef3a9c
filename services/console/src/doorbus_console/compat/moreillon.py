"""The calls of Maxime Moreillon's face recognition. Its ids are those of MongoDB: `{"$oid": ID}` when they are read."""

import asyncio
import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from doorbus.wire import drawing
from doorbus.wire.codec import Refused
from doorbus.wire.ids import is_slug
from doorbus.wire.messages import MAX_NAME, RosterEntry, Update, Verdict
from doorbus_console.compat.access import PEOPLE, RECOGNISE, WATCH
from doorbus_console.compat.common import the_image
from doorbus_console.rights import Visitor
from doorbus_console.web import asking
from doorbus_console.web.entitling import message_of
from doorbus_console.web.forms import read_body, read_form
from doorbus_console.web.naming import new_id_for
from doorbus_console.web.problems import Problem, not_found
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)
TheSite = Annotated[Site, Depends(site_of)]
Keeping = Annotated[Visitor, Depends(PEOPLE)]
Watching = Annotated[Visitor, Depends(WATCH)]
_MOST_JSON = 64 * 1024


@router.get("/users")
@router.get("/users/")
async def users(site: TheSite, visitor: Watching) -> list[dict[str, Any]]:  # noqa: ARG001  # asked for its right
    """Everybody."""
    return [_user(entry) for entry in site.live.scene.people.values()]


@router.post("/users")
@router.post("/users/")
async def create_user(request: Request, site: TheSite, visitor: Keeping) -> dict[str, str]:
    """Enrol somebody new from a picture; two of the same name are two people."""
    image, fields = await the_image(request)
    name = fields.get("name", "")[:MAX_NAME]
    person, named = new_id_for(name, site.live.scene.people), message_of(Update, name=name)
    await asking.done(site, asking.enrol(site, visitor, person, image.content))
    await asking.done(site, asking.change(site, visitor, person, named))
    site.live.remember_portrait(person, image.content, None)
    return {"_id": person}


@router.get("/users/{user}")
async def user(site: TheSite, visitor: Watching, user: str) -> dict[str, Any]:  # noqa: ARG001  # asked for its right
    """Somebody."""
    return _user(_known(site, user))


@router.patch("/users/{user}")
async def update_user(request: Request, site: TheSite, visitor: Keeping, user: str) -> dict[str, Any]:
    """Give somebody another name, as JSON or as a form."""
    entry = _known(site, user)
    name = await _name_in(request)
    if not name:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", "give a name")
    await asking.done(site, asking.change(site, visitor, user, message_of(Update, name=name[:MAX_NAME])))
    return _user(entry.model_copy(update={"name": name[:MAX_NAME]}))


@router.delete("/users/{user}")
async def delete_user(site: TheSite, visitor: Keeping, user: str) -> dict[str, str]:
    """Forget somebody."""
    _known(site, user)
    await asking.done(site, asking.remove(site, visitor, user))
    return {"_id": user}


@router.get("/users/{user}/image")
async def user_image(site: TheSite, visitor: Watching, user: str) -> Response:  # noqa: ARG001  # asked for its right
    """Their face as it was sent or seen last since the console was started; doorbus keeps no pictures."""
    _known(site, user)
    kept = site.live.portrait(user)
    if kept is None:
        raise not_found(f"a picture of {user}, which is kept only since it was sent or seen here,")
    try:
        jpeg, box = kept
        jpeg = jpeg if box is None else await asyncio.to_thread(drawing.cut_out, jpeg, box)
    except Refused as refused:
        raise not_found(f"a picture of {user} that can be read") from refused
    return Response(jpeg, media_type="image/jpeg")


@router.post("/recognize")
async def recognize(request: Request, site: TheSite, visitor: Annotated[Visitor, Depends(RECOGNISE)]) -> dict[str, Any]:
    """Who is on a picture: the surest, of whoever is known."""
    image, _ = await the_image(request)
    answer = await asking.recognise(site, visitor, image.content)
    if not answer.faces:
        raise Problem(HTTPStatus.BAD_REQUEST, "no_face", "Invalid image")
    known = [face for face in answer.faces if face.verdict is Verdict.MATCH and face.person in site.live.scene.people]
    if not known:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown", "No match found")
    best = max(known, key=lambda face: face.confidence)
    return {**_user(site.live.scene.people[str(best.person)]), "confidence": best.confidence}


def _user(entry: RosterEntry) -> dict[str, Any]:
    return {"_id": {"$oid": entry.person}, "name": entry.name or entry.person, "image": f"{entry.person}.jpg"}


def _known(site: Site, user: str) -> RosterEntry:
    entry = site.live.scene.people.get(user) if is_slug(user) else None
    if entry is None:
        raise not_found(f"user {user}")
    return entry


async def _name_in(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return (await read_form(request)).get("name")
    try:
        given = json.loads(await read_body(request, _MOST_JSON))
    except ValueError:
        given = None
    name = given.get("name") if isinstance(given, dict) else None
    return name.strip() if isinstance(name, str) else ""
