"""The calls of Ars Futura's lock and of its face recognition."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from doorbus.wire.messages import Action, Face, Verdict
from doorbus_console.compat.access import OPEN, RECOGNISE, SEE
from doorbus_console.compat.common import UNKNOWN, first_camera, first_door, name_of, the_image
from doorbus_console.rights import Visitor
from doorbus_console.web import asking, streams
from doorbus_console.web.guard import still
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)
TheSite = Annotated[Site, Depends(site_of)]


@router.post("/unlock", status_code=HTTPStatus.ACCEPTED)
async def unlock(request: Request, site: TheSite, visitor: Annotated[Visitor, Depends(OPEN)]) -> dict[str, str]:
    """Unlock the door."""
    command = asking.command(site, visitor, first_door(site, request, visitor), Action.UNLOCK)
    return {"id": command.id, "follow": f"/api/v1/commands/{command.id}"}


@router.post("/face-recognition")
async def face_recognition(
    request: Request, site: TheSite, visitor: Annotated[Visitor, Depends(RECOGNISE)]
) -> dict[str, Any]:
    """Who is on a picture; `all_predictions` is null unless `include_predictions` asks for it."""
    image, fields = await the_image(request)
    wanted = fields.get("include_predictions") or request.query_params.get("include_predictions", "")
    answer = await asking.recognise(site, visitor, image.content)
    return {"faces": [_face(site, face, every=wanted.lower() in {"true", "1"}) for face in answer.faces]}


@router.get("/stream.mjpg", response_class=StreamingResponse)
async def stream(request: Request, site: TheSite, visitor: Annotated[Visitor, Depends(SEE)]) -> StreamingResponse:
    """What the camera sees."""
    return streams.mjpeg(site.live, first_camera(site, request, visitor), still(request, visitor))


def _face(site: Site, face: Face, *, every: bool) -> dict[str, Any]:
    left, top, width, height = face.box
    known = face.verdict is Verdict.MATCH
    top_prediction = {
        "label": face.person if known else UNKNOWN,
        "name": name_of(site, face),
        "id": face.person,
        "confidence": face.confidence,
    }
    return {
        "top_prediction": top_prediction,
        "bounding_box": {"left": left, "top": top, "right": left + width, "bottom": top + height},
        "all_predictions": [top_prediction] if every else None,
    }
