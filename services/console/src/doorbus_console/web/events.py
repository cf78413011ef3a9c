"""The page of what was decided, and of the pictures that were kept of it."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from doorbus.wire.ids import is_slug
from doorbus_console import plot
from doorbus_console.rights import Right, Visitor
from doorbus_console.scene import Scene, Sought, in_rows
from doorbus_console.web import erasing
from doorbus_console.web.entitling import moment
from doorbus_console.web.forms import read_form
from doorbus_console.web.guard import Needs
from doorbus_console.web.pages import page
from doorbus_console.web.problems import not_found
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Watching = Annotated[Visitor, Depends(Needs(Right.WATCH))]
Erasing = Annotated[Visitor, Depends(Needs(Right.ERASE))]
_ON_PAGE = 50


@router.get("/events")
async def events(request: Request, site: TheSite, visitor: Watching) -> HTMLResponse:
    """What was decided, newest first, and what is decided from now on."""
    query, scene = request.query_params, site.live.scene
    wanted = {name: query.get(name) or None for name in ("door", "person", "reason")}
    since, until = (moment(query.get(name, ""), query.get("offset", "")) for name in ("since", "until"))
    if wanted["door"] is not None:
        site.door(visitor, wanted["door"])
    sought = Sought(
        door=wanted["door"],
        person=wanted["person"],
        reason=wanted["reason"],
        since=since,
        until=until,
        limit=_ON_PAGE,
        doors=visitor.doors,
    )
    of_a_day = replace(sought, limit=len(scene.happenings)).of(scene.happenings)
    template = "part/events.html" if "hx-request" in request.headers else "events.html"
    return page(
        request,
        template,
        visitor,
        happenings=in_rows(replace(sought, limit=len(scene.happenings)).of(scene.happenings))[:_ON_PAGE],
        wanted={**wanted, "since": since, "until": until},
        doors=site.doors_of(visitor),
        persons=_persons(scene),
        day=plot.day_of(of_a_day, site.clock.now()),
    )


@router.post("/recordings/{recording}/erase")
async def erase(site: TheSite, visitor: Erasing, recording: str) -> HTMLResponse:
    """Erase a picture that was kept."""
    if not is_slug(recording):
        raise not_found(f"recording {recording}")
    await erasing.erase(site, visitor, recording)
    return HTMLResponse("")


@router.post("/recordings/erase")
async def erase_all(request: Request, site: TheSite, visitor: Erasing) -> HTMLResponse:
    """Erase all pictures that name a person."""
    person = (await read_form(request)).get("person")
    if not is_slug(person):
        raise not_found(f"person {person}")
    return page(request, "part/erased.html", visitor, count=await erasing.erase_all(site, visitor, person))


def _persons(scene: Scene) -> list[str]:
    """Who is on the roster, and who was when something was decided."""
    seen = {one.decision.person for one in scene.happenings if one.decision.person is not None}
    return sorted({*scene.people, *seen}, key=lambda one: (scene.name_of(one).casefold(), one))
