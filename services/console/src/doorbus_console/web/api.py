"""The HTTP API, version 1: what the pages do, for programs."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar, cast

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, BeforeValidator, ValidationError

from doorbus import __version__
from doorbus.wire.messages import Action, EnrolFromCamera, Message, Reason, Update
from doorbus.wire.mistakes import first_mistake
from doorbus_console.desk import Command, Errand
from doorbus_console.live import News
from doorbus_console.rights import Right, Visitor
from doorbus_console.scene import Sought
from doorbus_console.web import asking, erasing, exposition, reviewing, streams
from doorbus_console.web.forms import MOST_FILES, PICTURES, read_pictures
from doorbus_console.web.guard import Needs, still
from doorbus_console.web.problems import MEDIA_TYPE, Problem, broker_away, not_found
from doorbus_console.web.shapes import (
    AcceptedShape,
    AcceptShape,
    CaptureShape,
    ChangeShape,
    CommandShape,
    DoorShape,
    ErasedShape,
    ErrandShape,
    EventShape,
    FacesShape,
    HealthShape,
    LockdownShape,
    MeShape,
    PersonShape,
    ProblemShape,
    ReviewShape,
    SlugText,
    UnlockShape,
    command_shape,
    door_shape,
    errand_shape,
    event_shape,
    faces_shape,
    me_shape,
    person_shape,
    review_shape,
)
from doorbus_console.web.site import Site, site_of

M = TypeVar("M", bound=Message)
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status.value: {"model": ProblemShape, "content": {MEDIA_TYPE: {}}, "description": status.phrase}
    for status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
}
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "The picture."}}
_PICTURES = {
    "requestBody": {
        "required": True,
        "content": {
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in PICTURES},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "description": f"At most {MOST_FILES} files, whatever their fields are called.",
                    "required": ["image"],
                    "properties": {
                        "image": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                        }
                    },
                }
            },
        },
    }
}

TOKEN = HTTPBearer(auto_error=False, scheme_name="token", description="As `doorbus-console token` prints it.")
"""For the description only: `Needs` decides."""

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, dependencies=[Depends(TOKEN)])

TheSite = Annotated[Site, Depends(site_of)]
Seeing = Annotated[Visitor, Depends(Needs(Right.SEE))]
Opening = Annotated[Visitor, Depends(Needs(Right.OPEN))]
LockingDown = Annotated[Visitor, Depends(Needs(Right.LOCK_DOWN))]
Watching = Annotated[Visitor, Depends(Needs(Right.WATCH))]
Recognising = Annotated[Visitor, Depends(Needs(Right.RECOGNISE))]
Keeping = Annotated[Visitor, Depends(Needs(Right.PEOPLE))]
Erasing = Annotated[Visitor, Depends(Needs(Right.ERASE))]
DoorId = Annotated[SlugText, Path(description="Id of a door.", examples=["front"])]
CameraId = Annotated[SlugText, Path(description="Id of a camera at that door.", examples=["porch"])]
EntryId = Annotated[SlugText, Path(description="Id of a face that waits.")]
RecordingId = Annotated[SlugText, Path(description="As `recording` of an event says.")]
PersonId = Annotated[SlugText, Path(description="Id of a person.", examples=["alice"])]
Wait = Annotated[float, Query(ge=0, le=30, description="Seconds to wait for the outcome.")]
COMMANDED, ASKED = (
    cast("dict[int | str, dict[str, Any]]", {200: {"model": shape, "description": "What came of it within `wait`."}})
    for shape in (CommandShape, ErrandShape)
)
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")


def _is_written_out(text: object) -> object:
    if isinstance(text, str) and not _DATE_AND_TIME.match(text):
        raise ValueError("give a date, a time and a time zone, such as 2026-12-01T08:00Z")
    return text


Moment = Annotated[datetime, BeforeValidator(_is_written_out)]
"""Not the number of seconds that pydantic takes as well."""
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=128, description="Sent again, nothing is done twice."),
]


@router.get("/me")
async def me(visitor: Seeing) -> MeShape:
    """Who asks, and what they may do."""
    return me_shape(visitor)


@router.get("/doors")
async def doors(site: TheSite, visitor: Seeing) -> list[DoorShape]:
    """The doors."""
    return [door_shape(site.live.scene, door) for door in site.doors_of(visitor)]


@router.get("/doors/{door}")
async def one_door(site: TheSite, visitor: Seeing, door: DoorId) -> DoorShape:
    """A door."""
    return door_shape(site.live.scene, site.door(visitor, door))


@router.post("/doors/{door}/unlock", status_code=HTTPStatus.ACCEPTED, responses=COMMANDED)
async def unlock(
    *,
    site: TheSite,
    visitor: Opening,
    door: DoorId,
    request: Request,
    response: Response,
    wish: UnlockShape | None = None,
    key: Key = None,
    wait: Wait = 0,
) -> CommandShape:
    """Unlock a door. It decides by itself; who does not `wait` for its answer has it where `follow` says."""
    wish = wish or UnlockShape()
    once: asking.Once = request.app.state.once
    command_id = once.id_for(visitor, key, "unlock", door, wish.seconds)
    sent = asking.command(
        site, visitor, door, Action.UNLOCK, seconds=wish.seconds, code=wish.code, command_id=command_id
    )
    return await _commanded(site, sent, wait, response)


@router.post("/doors/{door}/lock", status_code=HTTPStatus.ACCEPTED, responses=COMMANDED)
async def lock(site: TheSite, visitor: Opening, door: DoorId, response: Response, wait: Wait = 0) -> CommandShape:
    """Lock a door now, before its pulse is over."""
    return await _commanded(site, asking.command(site, visitor, door, Action.LOCK), wait, response)


@router.put("/doors/{door}/lockdown", status_code=HTTPStatus.ACCEPTED)
async def lock_down(site: TheSite, visitor: LockingDown, door: DoorId, wish: LockdownShape) -> LockdownShape:
    """Open a door for nobody, or by its rules again. Its own `lockdown` says when it holds."""
    asking.lock_down(site, visitor, door, wish.lockdown)
    return wish


@router.get("/commands/{command}")
async def one_command(
    site: TheSite, visitor: Opening, command: Annotated[str, Path(max_length=128)], wait: Wait = 0
) -> CommandShape:
    """What became of a command of one's own."""
    found = site.desk.find_command(command)
    if found is None or found.by != visitor.name:
        raise not_found(f"command {command}")
    return command_shape(await site.desk.outcome(found, wait))


@router.get("/doors/{door}/cameras/{camera}/frame.jpg", response_class=Response, responses=_JPEG)
async def frame(site: TheSite, visitor: Seeing, door: DoorId, camera: CameraId) -> Response:
    """The newest picture of a camera; 404 where none came for ten seconds."""
    place = site.camera(visitor, door, camera)
    shown = site.live.picture(place)
    if shown is None:
        last_at = site.live.last_at(place)
        since = "yet" if last_at is None else f"for {site.clock.monotonic() - last_at:.0f} s"
        detail = f"camera {camera} of door {door} has sent no picture {since}; doorbus doctor tells how it does"
        raise Problem(HTTPStatus.NOT_FOUND, "no_frame", detail)
    headers = {"X-Frame-Id": ascii(shown.frame_id)[1:-1], "X-Captured-At": shown.captured_at.isoformat()}
    return Response(shown.jpeg, media_type="image/jpeg", headers=headers)


@router.get("/doors/{door}/cameras/{camera}/stream.mjpg", response_class=StreamingResponse)
async def stream(request: Request, site: TheSite, visitor: Seeing, door: DoorId, camera: CameraId) -> StreamingResponse:
    """The pictures of a camera as MJPEG. Who reads slowly gets fewer, never older ones."""
    return streams.mjpeg(site.live, site.camera(visitor, door, camera), still(request, visitor))


@router.get("/people")
async def people(site: TheSite, visitor: Watching) -> list[PersonShape]:  # noqa: ARG001  # asked for its right
    """The people and their rights."""
    return [person_shape(entry) for entry in site.live.scene.people.values()]


@router.get("/people/{person}")
async def one_person(site: TheSite, visitor: Watching, person: PersonId) -> PersonShape:  # noqa: ARG001  # as above
    """A person."""
    return person_shape(site.person(person))


@router.patch("/people/{person}")
async def change_person(site: TheSite, visitor: Keeping, person: PersonId, change: ChangeShape) -> ErrandShape:
    """Change a person's name or rights."""
    if not change.model_fields_set:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "nothing_to_change", "name at least one field")
    errand = asking.change(site, visitor, person, message_of(Update, change))
    await asking.done(site, errand)
    return errand_shape(site.desk.find_errand(errand.id) or errand)


@router.delete("/people/{person}", status_code=HTTPStatus.NO_CONTENT)
async def remove_person(site: TheSite, visitor: Keeping, person: PersonId) -> None:
    """Forget a person: templates, name and rights."""
    await asking.done(site, asking.remove(site, visitor, person))


@router.post("/people/{person}/samples", openapi_extra=_PICTURES)
async def add_samples(
    site: TheSite, visitor: Keeping, person: PersonId, request: Request, key: Key = None
) -> list[ErrandShape]:
    """Enrol a person from pictures, or add samples. Each has its own outcome; 422 when none was taken."""
    pictures = await read_pictures(request)
    once: asking.Once = request.app.state.once
    errand_id = once.id_for(visitor, key, "samples", person, [one.content for one in pictures])
    errands = await asking.enrol_all(site, visitor, person, pictures, errand_id)
    results = [errand.result for errand in errands]
    first = results[0]
    if first is None:
        await asking.done(site, errands[0])
    elif all(result is None or result.error is not None for result in results):
        raise asking.of_result(first)
    return [errand_shape(errand) for errand in errands]


@router.post("/people/{person}/capture", status_code=HTTPStatus.ACCEPTED, responses=ASKED)
async def enrol_from_camera(
    *, site: TheSite, visitor: Keeping, person: PersonId, wish: CaptureShape, response: Response, wait: Wait = 0
) -> ErrandShape:
    """Enrol a person from what a camera sees; `follow` says where the outcome can be had."""
    return await _asked(site, asking.capture(site, visitor, person, capture_of(wish)), wait, response)


@router.post("/capture", status_code=HTTPStatus.ACCEPTED, responses=ASKED)
async def enrol_newcomer(
    *, site: TheSite, visitor: Keeping, wish: CaptureShape, response: Response, wait: Wait = 0
) -> ErrandShape:
    """Enrol somebody who has no id yet from what a camera sees."""
    return await _asked(site, asking.capture(site, visitor, None, capture_of(wish)), wait, response)


@router.get("/requests/{errand}")
async def one_request(
    site: TheSite, visitor: Keeping, errand: Annotated[str, Path(max_length=128)], wait: Wait = 0
) -> ErrandShape:
    """What became of a request of one's own."""
    found = site.desk.find_errand(errand)
    if found is None or found.by != visitor.name:
        raise not_found(f"request {errand}")
    return errand_shape(await asking.result(site, found, wait))


@router.post("/recognise", openapi_extra=_PICTURES)
async def recognise(site: TheSite, visitor: Recognising, request: Request) -> FacesShape:
    """Who is on a picture. No door hears of it, and nothing is kept."""
    pictures = await read_pictures(request)
    return faces_shape(site.live.scene, await asking.recognise(site, visitor, pictures[0].content))


@router.get("/events")
async def events(
    *,
    site: TheSite,
    visitor: Watching,
    after: Annotated[int, Query(ge=0, description="Only what has a higher number.")] = 0,
    door: Annotated[SlugText | None, Query()] = None,
    person: Annotated[SlugText | None, Query()] = None,
    reason: Annotated[Reason | None, Query()] = None,
    since: Annotated[Moment | None, Query(description="With a time zone, such as 2026-12-01T08:00Z.")] = None,
    until: Annotated[Moment | None, Query(description="Before this.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[EventShape]:
    """What was decided, newest first."""
    if any(one is not None and one.tzinfo is None for one in (since, until)):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no_time_zone", "since and until need a time zone, such as Z")
    if door is not None:
        site.door(visitor, door)
    sought = Sought(after, door, person, reason and reason.value, since, until, limit, visitor.doors)
    return [event_shape(site.live.scene, one) for one in sought.of(site.live.scene.happenings)]


@router.get("/events/stream", response_class=StreamingResponse)
async def follow_events(request: Request, site: TheSite, visitor: Watching) -> StreamingResponse:
    """What is decided from now on, as server-sent events with the name `decision`."""

    def tell(news: News) -> list[tuple[str, str]]:
        if news[0] != "happening":
            return []
        found = Sought(int(news[1]) - 1, doors=visitor.doors).of(site.live.scene.happenings)
        shapes = [event_shape(site.live.scene, one) for one in found if one.number == int(news[1])]
        return [("decision", shape.model_dump_json()) for shape in shapes]

    return streams.events(site.live, (), tell, still(request, visitor))


@router.get("/recordings/{recording}/picture.jpg", response_class=Response, responses=_JPEG)
async def kept_picture(
    *,
    site: TheSite,
    visitor: Watching,  # noqa: ARG001  # asked for its right
    recording: RecordingId,
    boxes: Annotated[bool, Query(description="With boxes and names.")] = False,
) -> Response:
    """A picture that the recorder has kept."""
    return Response(await asking.kept(site, recording, boxes=boxes), media_type="image/jpeg")


@router.delete("/recordings/{recording}", status_code=HTTPStatus.NO_CONTENT)
async def erase_recording(site: TheSite, visitor: Erasing, recording: RecordingId) -> None:
    """Erase a picture that was kept. For admins, as their browser is signed in; no token may."""
    await erasing.erase(site, visitor, recording)


@router.delete("/people/{person}/recordings")
async def erase_recordings(site: TheSite, visitor: Erasing, person: PersonId) -> ErasedShape:
    """Erase all pictures that name a person, also one who is no longer there. For admins, as above."""
    return ErasedShape(erased=await erasing.erase_all(site, visitor, person))


@router.get("/reviews")
async def reviews(
    site: TheSite,
    visitor: Keeping,  # noqa: ARG001  # asked for its right
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[ReviewShape]:
    """Faces that wait for a person's word, those seen last first."""
    return [review_shape(one) for one in (await reviewing.waiting(site, limit)).entries]


@router.get("/reviews/{entry}/picture.jpg", response_class=Response, responses=_JPEG)
async def review_picture(site: TheSite, visitor: Keeping, entry: EntryId) -> Response:  # noqa: ARG001  # as above
    """Such a face."""
    return Response(await reviewing.face(site, entry), media_type="image/jpeg")


@router.post("/reviews/{entry}/accept")
async def accept_review(site: TheSite, visitor: Keeping, entry: EntryId, wish: AcceptShape) -> AcceptedShape:
    """Say who it is, and enrol the face as a picture of them."""
    if (wish.person is None) == (wish.name is None):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", "give either person or name")
    said = await reviewing.accept(site, visitor, entry, person=wish.person, name=wish.name or "")
    return AcceptedShape(person=said.person, samples=said.samples)


@router.delete("/reviews/{entry}", status_code=HTTPStatus.NO_CONTENT)
async def discard_review(site: TheSite, visitor: Keeping, entry: EntryId) -> None:
    """Forget such a face."""
    await reviewing.discard(site, visitor, entry)


@router.get("/health")
async def health(site: TheSite, visitor: Watching) -> HealthShape:  # noqa: ARG001  # asked for its right
    """How everything does."""
    known = site.live.scene
    return HealthShape(
        broker=known.connected,
        version=__version__,
        people=None if known.roster is None else known.roster.count,
        services=[known.services[key][0] for key in sorted(known.services)],
    )


@router.get("/metrics", response_class=Response)
async def metrics(site: TheSite, visitor: Watching) -> Response:  # noqa: ARG001  # asked for its right
    """The figures of health in the text format of Prometheus."""
    if not site.live.scene.connected:
        raise broker_away()
    return Response(exposition.text(site.live.scene), media_type=exposition.MEDIA_TYPE)


def message_of(model: type[M], shape: BaseModel) -> M:
    """The message that asks for this; raises `Problem`."""
    try:
        return model.model_validate_json(shape.model_dump_json(exclude_unset=True))
    except ValidationError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", _mistake(error)) from None


def capture_of(wish: CaptureShape) -> EnrolFromCamera:
    """The message that asks for this."""
    return message_of(EnrolFromCamera, wish)


def _mistake(error: ValidationError) -> str:
    mistake = str(first_mistake(error))
    return f"{mistake}; a time needs a time zone, such as 2026-12-01T08:00Z" if "timezone" in mistake else mistake


async def _commanded(site: Site, sent: Command, wait: float, response: Response) -> CommandShape:
    command = await site.desk.outcome(sent, wait)
    shape = command_shape(command)
    _begun(response, shape.follow, is_over=command.is_over)
    return shape


async def _asked(site: Site, sent: Errand, wait: float, response: Response) -> ErrandShape:
    errand = await asking.result(site, sent, wait)
    shape = errand_shape(errand)
    _begun(response, shape.follow, is_over=errand.result is not None)
    return shape


def _begun(response: Response, follow: str, *, is_over: bool) -> None:
    response.headers["Location"] = follow
    if is_over:
        response.status_code = HTTPStatus.OK
