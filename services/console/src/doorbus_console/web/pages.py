"""The pages."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from doorbus.runtime.checks import Heard, Observed, findings
from doorbus.wire.channels import OPTIONAL
from doorbus.wire.codec import Refused
from doorbus.wire.jpeg import survey
from doorbus.wire.messages import LONGEST_SECONDS, Action, Lockdown, Reason
from doorbus_console import bundle, plot, words
from doorbus_console.live import News, Place
from doorbus_console.passkeys import NotConfirmed
from doorbus_console.rights import Right, Visitor
from doorbus_console.scene import KEPT, Sought, in_rows
from doorbus_console.steps import NEEDED
from doorbus_console.web import asking, streams
from doorbus_console.web.confirming import purpose_of_unlock, show
from doorbus_console.web.forms import Form, read_form
from doorbus_console.web.guard import Needs, party, session_of, still
from doorbus_console.web.problems import Problem
from doorbus_console.web.rendering import language_of
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Seeing = Annotated[Visitor, Depends(Needs(Right.SEE))]
Opening = Annotated[Visitor, Depends(Needs(Right.OPEN))]
LockingDown = Annotated[Visitor, Depends(Needs(Right.LOCK_DOWN))]
Watching = Annotated[Visitor, Depends(Needs(Right.WATCH))]
Keeping = Annotated[Visitor, Depends(Needs(Right.PEOPLE))]
Administering = Annotated[Visitor, Depends(Needs(Right.ADMINISTER))]

_ON_PAGE = 50
_SILENT_SECONDS = 15.0
_MOST_DRAWN = 200
_PART = "part/"
"""Templates of parts of pages, which carry no form token: that of the page goes with their forms."""


def page(request: Request, template: str, visitor: Visitor | None = None, /, **values: Any) -> HTMLResponse:
    """A page, or a part of one, in the language of the browser."""
    return HTMLResponse(text(request, template, visitor, **values), headers={"Vary": "Accept-Language"})


def text(request: Request, template: str, visitor: Visitor | None = None, /, **values: Any) -> str:
    """The same as text."""
    site = site_of(request)
    session = None if visitor is None or template.startswith(_PART) else session_of(request)
    common = {
        "scene": site.live.scene,
        "visitor": visitor,
        "form_token": None if session is None else site.sessions.form_token(session),
        "Right": Right,
        "path": request.url.path,
    }
    return site.pages.render(template, language(request), {**common, **values})


def language(request: Request) -> str:
    """The language of a browser."""
    return language_of(request.headers.get("accept-language", ""))


@router.get("/")
async def home(visitor: Seeing) -> RedirectResponse:  # noqa: ARG001  # asked for its right
    """The first page."""
    return RedirectResponse("/doors", HTTPStatus.SEE_OTHER)


@router.get("/doors")
async def doors(request: Request, site: TheSite, visitor: Seeing) -> HTMLResponse:
    """Each door at a glance."""
    taken = site.steps() if visitor.may(Right.PEOPLE) else {}
    shown = taken if not all(taken.get(one) for one in NEEDED) else {}
    return page(request, "doors.html", visitor, doors=site.doors_of(visitor), steps=shown)


@router.get("/doors/{door}/{camera}/live.mjpg")
async def live_picture(request: Request, site: TheSite, visitor: Seeing, door: str, camera: str) -> StreamingResponse:
    """What a camera sees."""
    return streams.mjpeg(site.live, site.camera(visitor, door, camera), still(request, visitor))


@router.post("/doors/{door}/unlock")
async def unlock(request: Request, site: TheSite, visitor: Opening, door: str) -> HTMLResponse:
    """Unlock a door, and say what it has made of it."""
    form = await read_form(request)
    seconds, code = _seconds(form.get("seconds")), form.get("code")[:16] or None
    confirmed = False
    if asking.must_confirm(site, visitor):
        if not form.get("passkey"):
            return _ask_for_passkey(request, site, visitor, door, form)
        confirmed = _confirmed(request, site, visitor, door, form.get("passkey"))
    sent = asking.command(site, visitor, door, Action.UNLOCK, seconds=seconds, code=code, confirmed=confirmed)
    command = await site.desk.outcome(sent, site.settings.answer_seconds)
    asks = command.decision is not None and command.decision.reason in {Reason.CODE_MISSING, Reason.CODE_WRONG}
    return page(request, "part/answer.html", visitor, command=command, door=door, asks_code=asks)


@router.post("/doors/{door}/lock")
async def lock(request: Request, site: TheSite, visitor: Opening, door: str) -> HTMLResponse:
    """Lock a door, and say what it has made of it."""
    sent = asking.command(site, visitor, door, Action.LOCK)
    command = await site.desk.outcome(sent, site.settings.answer_seconds)
    return page(request, "part/answer.html", visitor, command=command, door=door, asks_code=False)


@router.post("/doors/{door}/lockdown")
async def lock_down(request: Request, site: TheSite, visitor: LockingDown, door: str) -> HTMLResponse:
    """Begin or end a lockdown of a door."""
    lockdown = Lockdown.ON if (await read_form(request)).get("lockdown") == "ON" else Lockdown.OFF
    asking.lock_down(site, visitor, door, lockdown)
    return page(request, "part/done.html", visitor, what="lockdown", warning=None)


@router.get("/system")
async def system(request: Request, site: TheSite, visitor: Watching) -> HTMLResponse:
    """How everything does, and the way out where it does not."""
    values = {"findings": _findings(site), "lines": _lines(site), "deeds": site.store.deeds(_ON_PAGE)}
    return page(request, "system.html", visitor, **values)


@router.get("/system/list")
async def system_list(request: Request, site: TheSite, visitor: Watching) -> HTMLResponse:
    """The same as a part of the page."""
    return page(request, "part/system.html", visitor, findings=_findings(site), lines=_lines(site))


@router.get("/system/bundle.zip")
async def support_bundle(site: TheSite, visitor: Administering) -> Response:
    """What somebody who helps wants to see, without secrets."""
    site.note(visitor.name, "support bundle", "", "made")
    health = {f"{one[0].service}/{one[0].instance}": one[0] for one in site.live.scene.services.values()}
    doctor = "".join(f"{one.level.value}: {one.what}: {one.state} {one.way_out}\n" for one in _findings(site))
    files = {
        "doctor.txt": doctor,
        "versions.txt": bundle.versions(),
        "settings.txt": bundle.settings(site.settings),
        "health.json": "[" + ",\n".join(one.model_dump_json() for _, one in sorted(health.items())) + "]\n",
    }
    content = await asyncio.to_thread(lambda: bundle.zipped(files | bundle.tails(site.logs)))
    name = f"doorbus-{site.clock.now():%Y%m%d-%H%M}.zip"
    return Response(
        content, media_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.get("/live")
async def live(request: Request, site: TheSite, visitor: Seeing) -> StreamingResponse:
    """What moves on the pages, as parts of them."""
    known = [("door", door) for door in site.doors_of(visitor)]
    tell = partial(_parts, request, site, visitor)
    return streams.events(site.live, [("broker",), *known], tell, still(request, visitor))


def _parts(request: Request, site: Site, visitor: Visitor, news: News) -> Iterable[tuple[str, str]]:
    """Names of parts of the pages and what is in them now, for news that `visitor` may hear."""
    kind, *ids = news
    if kind == "broker":
        yield _part(request, site, visitor, "broker", "part/broker.html")
    elif kind == "enrolment":
        door, camera = ids
        if visitor.may(Right.PEOPLE) and visitor.knows(door):
            yield f"enrolment-{door}-{camera}", text(request, "part/enrolment.html", visitor, door=door, camera=camera)
    elif kind in {"door", "faces"}:
        yield from _at_door(request, site, visitor, kind, ids) if visitor.knows(ids[0]) else ()
    elif kind in {"happening", "recorded"}:
        yield from _of_events(request, site, visitor, kind, ids[0]) if visitor.may(Right.WATCH) else ()
    elif kind in {"people", "services", "doors", "arranged"}:
        yield kind, ""


def _at_door(request: Request, site: Site, visitor: Visitor, kind: str, ids: list[str]) -> Iterable[tuple[str, str]]:
    if kind == "door":
        yield _part(request, site, visitor, f"door-{ids[0]}", "part/door.html", door=site.live.scene.doors[ids[0]])
    else:
        yield f"faces-{ids[0]}-{ids[1]}", _faces(request, site, (ids[0], ids[1]))


def _of_events(request: Request, site: Site, visitor: Visitor, kind: str, which: str) -> Iterable[tuple[str, str]]:
    for row in in_rows(Sought(doors=visitor.doors, limit=KEPT).of(site.live.scene.happenings)):
        if kind == "happening" and row.number == int(which):
            if row.before is not None:
                yield f"grown-{row.before}", ""
            yield _part(request, site, visitor, "happening", "part/event.html", happening=row)
            return
        if kind == "recorded" and which in row.decision.frame_ids:
            yield _part(request, site, visitor, f"picture-{row.number}", "part/picture.html", happening=row)


def _ask_for_passkey(request: Request, site: Site, visitor: Visitor, door: str, form: Form) -> HTMLResponse:
    known = site.store.passkeys(visitor.name)
    if not known:
        detail = "to unlock you need a passkey: make one on the page of your account"
        raise Problem(HTTPStatus.FORBIDDEN, "no_passkey", detail)
    purpose = purpose_of_unlock(visitor.name, site.door(visitor, door))
    options = site.passkeys.to_show(party(request), purpose, known, site.clock.monotonic())
    given = {name: form.get(name) for name in ("seconds", "code")}
    return page(request, "part/confirm.html", visitor, door=door, options=options, given=given)


def _confirmed(request: Request, site: Site, visitor: Visitor, door: str, answer: str) -> bool:
    try:
        shown = show(request, site, purpose_of_unlock(visitor.name, door), answer)
    except NotConfirmed as error:
        site.note(visitor.name, "unlock", f"door {door}", f"refused: {error}")
        raise Problem(HTTPStatus.FORBIDDEN, "not_confirmed", "your passkey has not confirmed this; try again") from None
    if shown.name != visitor.name:
        raise Problem(HTTPStatus.FORBIDDEN, "not_confirmed", "this is somebody else's passkey")
    return True


def _seconds(given: str) -> float | None:
    if not given:
        return None
    try:
        seconds = float(given.replace(",", "."))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_SECONDS:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", f"seconds are a number from 1 to {LONGEST_SECONDS}"
        )
    return seconds


def _faces(request: Request, site: Site, place: Place) -> str:
    shown, known = site.live.picture(place), site.live.scene
    camera = known.cameras.get(place)
    if shown is None or camera is None or not camera.faces:
        return ""

    def drawn() -> str:
        try:
            seen = survey(shown.jpeg)
        except Refused:
            return ""
        return text(request, "part/faces.html", None, camera=camera, width=seen.width, height=seen.height)

    return _once(site, (place, language(request)), (shown, camera, known.people), drawn)


def _part(
    request: Request, site: Site, visitor: Visitor, name: str, template: str, **values: object
) -> tuple[str, str]:
    """A part of that name, which shows everybody of the same rights the same of the scene as it is."""
    anybody = replace(visitor, name="")
    key, of = (name, language(request), anybody), (site.live.scene, *values.values())
    return name, _once(site, key, of, lambda: text(request, template, anybody, **values))


def _once(site: Site, key: tuple[object, ...], of: tuple[object, ...], draw: Callable[[], str]) -> str:
    """What `draw` makes of what is the same for many browsers: it is drawn for the first of them."""
    kept = site.drawn.get(key)
    if kept is not None and all(one is other for one, other in zip(kept[0], of, strict=True)):
        return kept[1]
    part = draw()
    if len(site.drawn) >= _MOST_DRAWN:  # names of cameras can be invented
        site.drawn.clear()
    site.drawn[key] = (of, part)
    return part


def _lines(site: Site) -> dict[tuple[str, str], dict[str, str]]:
    return {key: plot.lines(site.live.figures(key)) for key in site.live.scene.services}


def _findings(site: Site) -> list[Any]:
    known, now = site.live.scene, site.clock.now()
    heard = tuple(
        Heard(health, at, live=times > 1 and (now - at).total_seconds() < _SILENT_SECONDS)
        for health, at, times in known.services.values()
        if health.service not in {role.value for role in OPTIONAL}
    )
    states = {name: door.state for name, door in known.doors.items() if door.state is not None}
    return list(findings(Observed(now, heard, states, known.roster)))


def error_page(request: Request, problem: Problem) -> Response:
    """A problem for people."""
    tongue = language(request)
    site = site_of(request)
    said = {word.value: sentence for word, sentence in words.ERRORS.items()}.get(problem.code, problem.detail)
    values = {
        "problem": problem,
        "said": site.pages.say(said, tongue),
        "detail": site.pages.told(problem.detail, tongue),
    }
    if "hx-request" in request.headers:
        body = site.pages.render("part/problem.html", tongue, values)
    else:
        body = text(request, "problem.html", None, **values)
    return HTMLResponse(body, problem.status, problem.headers)
