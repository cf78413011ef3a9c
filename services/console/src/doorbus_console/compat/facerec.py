"""The calls of ha-facerec."""

import asyncio
import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from doorbus.wire.drawing import Label, labelled
from doorbus.wire.messages import ErrorCode, Face, Update, Verdict
from doorbus_console.compat.access import PEOPLE, RECOGNISE
from doorbus_console.compat.common import first_camera, looked, name_of
from doorbus_console.live import Shown
from doorbus_console.rights import Visitor
from doorbus_console.web import asking
from doorbus_console.web.problems import Problem, not_found
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)
TheSite = Annotated[Site, Depends(site_of)]
Recognising = Annotated[Visitor, Depends(RECOGNISE)]
_NAME = re.compile(r"[0-9a-zA-Z]{1,64}")
_TEXTS = {
    ErrorCode.NO_FACE: "No faces detected in the image, cannot save training data.",
    ErrorCode.SEVERAL_FACES: "Multiple faces detected in the image, cannot save training data.",
}


@router.get("/motion-detected")
async def motion_detected(request: Request, site: TheSite, visitor: Recognising) -> PlainTextResponse:
    """Look now, and keep what was seen for /last-detection.jpg."""
    site.live.last_detection = await _look(request, site, visitor)
    return PlainTextResponse("OK")


@router.get("/last-detection.jpg")
async def last_detection(site: TheSite, visitor: Recognising) -> Response:  # noqa: ARG001  # asked for its right
    """What the last look has seen, with boxes and names."""
    if site.live.last_detection is None:
        raise not_found("a detection; ask for /motion-detected first, a detection")
    return Response(site.live.last_detection, media_type="image/jpeg")


@router.get("/recognize")
async def recognize(request: Request, site: TheSite, visitor: Recognising) -> Response:
    """What the camera sees now, with boxes and names."""
    return Response(await _look(request, site, visitor), media_type="image/jpeg")


@router.get("/add-face/{name}")
async def add_face(
    request: Request, site: TheSite, visitor: Annotated[Visitor, Depends(PEOPLE)], name: str
) -> PlainTextResponse:
    """Enrol whoever stands before the camera now."""
    if not _NAME.fullmatch(name):
        return PlainTextResponse("Invalid name provided for training sample.", HTTPStatus.BAD_REQUEST)
    shown = await looked(site, first_camera(site, request, visitor))
    person = name.lower()
    try:
        await asking.done(site, asking.enrol(site, visitor, person, shown.jpeg))
    except Problem as problem:
        if problem.status is not HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        said = {code.value: text for code, text in _TEXTS.items()}.get(problem.code, problem.detail)
        return PlainTextResponse(said, problem.status)
    if person not in site.live.scene.people and name != person:
        await asking.done(site, asking.change(site, visitor, person, Update(name=name)))
    return PlainTextResponse("OK")


async def _look(request: Request, site: Site, visitor: Visitor) -> bytes:
    shown: Shown = await looked(site, first_camera(site, request, visitor))
    answer = await asking.recognise(site, visitor, shown.jpeg)
    return await asyncio.to_thread(labelled, shown.jpeg, [_label(site, face) for face in answer.faces])


def _label(site: Site, face: Face) -> Label:
    known = face.verdict is Verdict.MATCH
    return Label(face.box, f"{name_of(site, face)} {face.confidence:.0%}" if known else name_of(site, face), known)
