"""The recognise calls of Double Take, whose pictures are what our own cameras see: the console fetches no addresses."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Request

from doorbus.wire.messages import Face, Verdict, utc
from doorbus_console.compat.access import RECOGNISE
from doorbus_console.compat.common import UNKNOWN, looked, the_image
from doorbus_console.rights import Visitor
from doorbus_console.web import asking
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)
TheSite = Annotated[Site, Depends(site_of)]
Recognising = Annotated[Visitor, Depends(RECOGNISE)]
_MANUAL = "manual"


@router.get("/api/recognize")
async def recognize(request: Request, site: TheSite, visitor: Recognising) -> dict[str, Any]:
    """Who stands before a camera now, whatever `url` says."""
    camera = request.query_params.get("camera", _MANUAL)
    place = next((one for one in sorted(site.live.scene.cameras) if one[1] == camera and visitor.knows(one[0])), None)
    if place is None:
        detail = f"{camera}: no camera here; name one, or send a picture to /api/recognize/upload: no url is fetched"
        raise Problem(HTTPStatus.BAD_REQUEST, "no_camera", detail)
    return await _seen(site, visitor, (await looked(site, place)).jpeg, camera)


@router.post("/api/recognize/upload")
async def upload(request: Request, site: TheSite, visitor: Recognising) -> dict[str, Any]:
    """Who is on a picture. Double Take tells this on MQTT only, and answers with `success` alone."""
    image, _ = await the_image(request, "files[]")
    return {"success": True, **await _seen(site, visitor, image.content, _MANUAL)}


async def _seen(site: Site, visitor: Visitor, jpeg: bytes, camera: str) -> dict[str, Any]:
    begun = site.clock.monotonic()
    faces = (await asking.recognise(site, visitor, jpeg)).faces
    duration = round(site.clock.monotonic() - begun, 2)
    matches = [_result(face, duration) for face in _best(faces)]
    unknowns = [_result(face, duration) for face in faces if face.verdict is not Verdict.MATCH]
    return {
        "id": str(uuid4()),
        "duration": duration,
        "timestamp": utc(site.clock.now()),
        "attempts": 1,
        "camera": camera,
        "zones": [],
        "counts": {"person": len(faces), "match": len(matches), "miss": 0, "unknown": len(faces) - len(matches)},
        "matches": matches,
        "misses": [],
        "unknowns": sorted(unknowns, key=lambda one: -one["confidence"]),
    }


def _best(faces: Sequence[Face]) -> list[Face]:
    """The surest face of each person."""
    known = sorted((face for face in faces if face.verdict is Verdict.MATCH), key=lambda face: face.confidence)
    return list({face.person: face for face in known}.values())


def _result(face: Face, duration: float) -> dict[str, Any]:
    left, top, width, height = (round(value) for value in face.box)
    return {
        "name": face.person or UNKNOWN,
        "confidence": round(100 * face.confidence, 2),
        "match": face.verdict is Verdict.MATCH,
        "box": {"top": top, "left": left, "width": width, "height": height},
        "type": _MANUAL,
        "duration": duration,
        "detector": "doorbus",
        "filename": None,
        "base64": None,
    }
