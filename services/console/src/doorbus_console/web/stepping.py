"""The page that leads through a site's first steps, and goes on by itself when one is done."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from doorbus.wire.ids import id_of_name
from doorbus_console.rights import Right, Visitor
from doorbus_console.steps import Step, threshold_of
from doorbus_console.web.guard import Needs
from doorbus_console.web.pages import page
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Keeping = Annotated[Visitor, Depends(Needs(Right.PEOPLE))]


@router.get("/steps")
async def steps(request: Request, site: TheSite, visitor: Keeping) -> HTMLResponse:
    """All steps, and what is to be done for the first that is still to do."""
    return page(request, "steps.html", visitor, **_values(site, visitor))


@router.get("/list/steps")
async def step(request: Request, site: TheSite, visitor: Keeping, at: str = "") -> Response:
    """The same as a part of the page, once it is another step than `at`."""
    values = _values(site, visitor)
    if values["at"] == at:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return page(request, "part/step.html", visitor, **values)


@router.get("/steps/name")
async def name(request: Request, visitor: Keeping, name: str = "") -> HTMLResponse:
    """How a door is given a name."""
    return page(request, "part/naming.html", visitor, door=id_of_name(name, "door"))


@router.get("/steps/tries")
async def tries(request: Request, site: TheSite, visitor: Keeping) -> HTMLResponse:
    """What was tried, and which threshold that speaks for."""
    return page(request, "part/tries.html", visitor, **_values(site, visitor))


def _values(site: Site, visitor: Visitor) -> dict[str, Any]:
    taken, threshold = site.steps(), threshold_of(site.live.scene)
    at = next((one for one, is_done in taken.items() if not is_done), None)
    tries = site.live.tries
    return {
        "steps": taken,
        "at": "over" if at is None else at.value,
        "Step": Step,
        "doors": site.doors_of(visitor),
        "cameras": site.cameras_of(visitor),
        "tries": tries,
        "threshold": threshold,
        "advised_threshold": None if threshold is None else tries.advised(threshold),
    }
