"""The page of the recorder's inbox."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from doorbus.wire.channels import Role
from doorbus_console.rights import Right, Visitor
from doorbus_console.web import reviewing
from doorbus_console.web.forms import read_form
from doorbus_console.web.guard import Needs
from doorbus_console.web.pages import page
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Keeping = Annotated[Visitor, Depends(Needs(Right.PEOPLE))]
_ON_PAGE = 50


@router.get("/review")
async def review(request: Request, site: TheSite, visitor: Keeping) -> HTMLResponse:
    """Whose faces wait."""
    try:
        entries = (await reviewing.waiting(site, _ON_PAGE)).entries
    except Problem:
        entries = None
    asks_nobody = _is_off(site, Role.RECORDER, "review_kinds")
    sends_nothing = _is_off(site, Role.RECOGNIZER, "review")
    values = {"entries": entries, "asks_nobody": asks_nobody, "sends_nothing": sends_nothing}
    return page(request, "review.html", visitor, **values)


@router.post("/reviews/{entry}/accept")
async def accept(request: Request, site: TheSite, visitor: Keeping, entry: str) -> Response:
    """Say who it is."""
    form = await read_form(request)
    name, person = form.get("name"), form.get("person")
    if not (name or person):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", "choose a person, or give a name")
    await reviewing.accept(site, visitor, entry, person=None if name else person, name=name)
    return _gone(entry)


@router.post("/reviews/{entry}/discard")
async def discard(site: TheSite, visitor: Keeping, entry: str) -> Response:
    """Forget a face."""
    await reviewing.discard(site, visitor, entry)
    return _gone(entry)


def _is_off(site: Site, role: Role, figure: str) -> bool:
    """Whether there are such services, and each of them says that it takes no part in reviews."""
    told = [one.figures.get(figure) for one, _, _ in site.live.scene.services.values() if one.service == role]
    return bool(told) and all(one == 0 for one in told)


def _gone(entry: str) -> Response:
    return HTMLResponse("", headers={"HX-Retarget": f"#review-{entry}", "HX-Reswap": "delete"})
