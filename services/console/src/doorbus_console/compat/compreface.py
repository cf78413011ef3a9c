"""The recognise call of CompreFace. Its API key is a token of ours."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from doorbus.wire.messages import Face, Verdict
from doorbus_console.compat.access import RECOGNISE
from doorbus_console.compat.common import the_image
from doorbus_console.rights import Visitor
from doorbus_console.web import asking
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)
_NO_FACE = {"message": "No face is found in the given image", "code": 28}


@router.post("/api/v1/recognition/recognize")
async def recognize(
    request: Request, site: Annotated[Site, Depends(site_of)], visitor: Annotated[Visitor, Depends(RECOGNISE)]
) -> JSONResponse:
    """Who is on a picture."""
    image, _ = await the_image(request, "file")
    answer = await asking.recognise(site, visitor, image.content)
    if not answer.faces:
        return JSONResponse(_NO_FACE, HTTPStatus.BAD_REQUEST)
    return JSONResponse({"result": [_result(face) for face in answer.faces]})


def _result(face: Face) -> dict[str, Any]:
    left, top, width, height = (round(value) for value in face.box)
    box = {"probability": face.quality, "x_min": left, "y_min": top, "x_max": left + width, "y_max": top + height}
    known = face.verdict is Verdict.MATCH
    return {"box": box, "subjects": [{"subject": face.person, "similarity": face.confidence}] if known else []}
