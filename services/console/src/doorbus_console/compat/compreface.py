"""The recognise call of CompreFace. Its API key is a token of ours."""

import base64
import binascii
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from doorbus.wire.channels import ENROL
from doorbus.wire.messages import Face, Verdict
from doorbus_console.compat.access import RECOGNISE
from doorbus_console.compat.common import the_image
from doorbus_console.rights import Visitor
from doorbus_console.web import asking
from doorbus_console.web.forms import Upload, as_jpegs, read_body
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)
_NO_FACE = {"message": "No face is found in the given image", "code": 28}
_FILE = "file"


@router.post("/api/v1/recognition/recognize")
async def recognize(
    request: Request,
    site: Annotated[Site, Depends(site_of)],
    visitor: Annotated[Visitor, Depends(RECOGNISE)],
    limit: Annotated[int, Query(ge=0)] = 0,
    det_prob_threshold: Annotated[float, Query(ge=0, le=1)] = 0,
) -> JSONResponse:
    """Who is on a picture: the largest `limit` faces, unless it is 0, of those that are as surely one as is asked."""
    answer = await asking.recognise(site, visitor, await _image(request))
    faces = [face for face in _largest_first(answer.faces) if face.quality >= det_prob_threshold]
    if not faces:
        return JSONResponse(_NO_FACE, HTTPStatus.BAD_REQUEST)
    return JSONResponse({"result": [_result(face) for face in faces[: limit or None]]})


async def _image(request: Request) -> bytes:
    """The picture as JPEG: of a form, or as base64 in JSON; raises `Problem`."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return (await the_image(request, _FILE))[0].content
    try:
        given = json.loads(await read_body(request, 2 * ENROL.max_bytes))
        content = base64.b64decode(given[_FILE], validate=True)
    except (ValueError, TypeError, LookupError, binascii.Error):
        detail = f"there is no {_FILE} in the request that is a picture as base64"
        raise Problem(HTTPStatus.BAD_REQUEST, "no_picture", detail) from None
    return (await as_jpegs([Upload(_FILE, _FILE, content)]))[0].content


def _largest_first(faces: Sequence[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def _result(face: Face) -> dict[str, Any]:
    left, top, width, height = (round(value) for value in face.box)
    box = {"probability": face.quality, "x_min": left, "y_min": top, "x_max": left + width, "y_max": top + height}
    known = face.verdict is Verdict.MATCH
    return {"box": box, "subjects": [{"subject": face.person, "similarity": face.confidence}] if known else []}
