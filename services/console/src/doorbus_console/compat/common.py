"""What the calls of several programs have in common."""

from http import HTTPStatus

from fastapi import Request

from doorbus.wire.messages import Face, Verdict
from doorbus_console.live import Place, Shown
from doorbus_console.rights import Visitor
from doorbus_console.web.forms import Upload, as_jpegs, read_form
from doorbus_console.web.problems import Problem, not_found
from doorbus_console.web.site import Site

UNKNOWN = "unknown"


def first_door(site: Site, request: Request, visitor: Visitor) -> str:
    """The door in the query, else the first; raises `Problem`. These programs know one door only."""
    doors = site.doors_of(visitor)
    if not doors:
        raise not_found("a door")
    return site.door(visitor, request.query_params.get("door") or doors[0])


def first_camera(site: Site, request: Request, visitor: Visitor) -> Place:
    """The camera in the query, else the first of the door, or of all; raises `Problem`."""
    door, camera = request.query_params.get("door"), request.query_params.get("camera")
    for place in sorted(site.live.scene.cameras):
        if door in {None, place[0]} and camera in {None, place[1]} and visitor.knows(place[0]):
            return place
    raise not_found("a camera")


async def looked(site: Site, place: Place) -> Shown:
    """The newest picture of a camera, whatever its motion gate says; raises `Problem` where it shows nothing."""
    shown = site.live.picture(place)
    if shown is None or site.clock.monotonic() - shown.at > _RECENT_SECONDS:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "no_frame", f"camera {place[1]} of door {place[0]} has sent nothing of late"
        )
    return shown


_RECENT_SECONDS = 5.0
"""A camera before which nothing moves sends a frame each two seconds."""


async def the_image(request: Request, name: str = "image") -> tuple[Upload, dict[str, str]]:
    """The picture `name` of a form, else its first, as JPEG, and its other fields; raises `Problem` (400) for none."""
    form = await read_form(request)
    pictures = form.pictures(name) or form.pictures()
    if not pictures:
        raise Problem(HTTPStatus.BAD_REQUEST, "no_picture", f"there is no file {name} in the request")
    return (await as_jpegs(pictures[:1]))[0], {field: form.get(field) for field in form.fields}


def name_of(site: Site, face: Face) -> str:
    """The name of whoever this is, or `unknown`."""
    return site.live.scene.name_of(face.person) if face.verdict is Verdict.MATCH else UNKNOWN
