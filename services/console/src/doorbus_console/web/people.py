"""The pages of the people: who they are, what they may, and their codes and samples."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from doorbus.wire.ids import is_slug
from doorbus.wire.messages import Entitlement, SetCredential
from doorbus_console import words
from doorbus_console.rights import Right, Visitor
from doorbus_console.web import asking, checkup, erasing, hours
from doorbus_console.web.entitling import message_of, moment, update_of
from doorbus_console.web.forms import Form, read_form
from doorbus_console.web.guard import Needs
from doorbus_console.web.naming import id_for, new_id_for
from doorbus_console.web.pages import language, page
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import Site, site_of
from doorbus_console.week import DAYS

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Watching = Annotated[Visitor, Depends(Needs(Right.WATCH))]
Keeping = Annotated[Visitor, Depends(Needs(Right.PEOPLE))]
_GUEST = timedelta(hours=24)
"""How long a guest's code is good for, unless it is said."""
WEEK = tuple(zip(DAYS, words.DAYS, strict=True))


@router.get("/people")
async def people(request: Request, site: TheSite, visitor: Watching) -> HTMLResponse:
    """Who may pass."""
    until = site.clock.now() + _GUEST
    return page(request, "people.html", visitor, cameras=site.cameras_of(visitor), until=until)


@router.get("/list/people")
async def people_list(request: Request, visitor: Watching) -> HTMLResponse:
    """The same as a part of the page."""
    return page(request, "part/people.html", visitor)


@router.get("/list/weak")
async def weak(request: Request, site: TheSite, visitor: Watching) -> HTMLResponse:
    """Who is hard to recognise, and who is hard to tell apart."""
    return page(request, "part/weak.html", visitor, found=await checkup.known(site))


@router.get("/people/{person}")
async def one_person(request: Request, site: TheSite, visitor: Watching, person: str) -> HTMLResponse:
    """A person and their rights."""
    entry = site.person(person)
    return page(
        request,
        "person.html",
        visitor,
        entry=entry,
        cameras=site.cameras_of(visitor),
        doors=site.doors_of(visitor),
        hours=hours.shown(entry.hours, entry.schedule),
        days=WEEK,
    )


@router.post("/people/{person}")
async def change_person(request: Request, site: TheSite, visitor: Keeping, person: str) -> HTMLResponse:
    """Change a person's name and rights."""
    update = update_of(await read_form(request), site.person(person), site.doors_of(visitor))
    warning = None
    if update.model_fields_set:
        warning = (await asking.done(site, asking.change(site, visitor, person, update))).warning
        warning = warning or over(request, site, update)
    return page(request, "part/done.html", visitor, what="changed", warning=warning)


@router.post("/people/{person}/remove")
async def remove_person(request: Request, site: TheSite, visitor: Keeping, person: str) -> Response:
    """Forget a person, and where it is wished the pictures that the recorder keeps."""
    site.person(person)
    with_pictures = (await read_form(request)).get("recordings") == "on"
    if with_pictures and not visitor.may(Right.ERASE):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden", f"{visitor.name} may not erase pictures")
    if with_pictures:  # first, so that nobody is removed where it cannot be done
        await erasing.erase_all(site, visitor, person)
    await asking.done(site, asking.remove(site, visitor, person))
    if with_pictures:  # those that were kept meanwhile
        await erasing.erase_all(site, visitor, person)
    return gone_to(request, "/people")


@router.post("/people/{person}/codes")
async def give_code(request: Request, site: TheSite, visitor: Keeping, person: str) -> HTMLResponse:
    """Give a person a PIN or a tag."""
    site.person(person)
    form = await read_form(request)
    wish = _code_of(form, site.clock.now())
    had = _name_of(form) in (site.person(person).credentials or ())
    done = await asking.done(site, asking.give_code(site, visitor, person, _name_of(form), wish))
    values = {"given": "replaced" if had else "saved", "warning": done.warning}
    return page(request, "part/codes.html", visitor, entry=site.person(person), **values)


@router.post("/people/{person}/codes/{credential}/remove")
async def take_code(request: Request, site: TheSite, visitor: Keeping, person: str, credential: str) -> HTMLResponse:
    """Take a PIN or a tag away."""
    site.person(person)
    if not is_slug(credential):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_credential", f"there is no code {credential}")
    await asking.done(site, asking.take_code(site, visitor, person, credential))
    return page(request, "part/codes.html", visitor, entry=site.person(person), given=None, warning=None)


@router.post("/guests")
async def let_in(request: Request, site: TheSite, visitor: Keeping) -> Response:
    """Make a guest who is let in by a code alone."""
    form = await read_form(request)
    name = form.get("name")[:128]
    person = new_id_for(name, site.live.scene.people)
    wish = _code_of(form, site.clock.now(), guest=name)
    wanted = id_for(name)
    done = await asking.done(site, asking.give_code(site, visitor, person, _name_of(form), wish))
    if person != wanted or done.warning is not None:
        values = {"person": person, "wanted": wanted, "warning": done.warning}
        return page(request, "part/guest.html", visitor, what="changed", **values)
    return gone_to(request, f"/people/{person}")


@router.get("/people/{person}/samples")
async def samples(request: Request, site: TheSite, visitor: Watching, person: str) -> HTMLResponse:
    """How good a person's samples are."""
    return await _samples(request, site, visitor, person)


@router.post("/people/{person}/samples/{sample}/remove")
async def forget_sample(
    request: Request, site: TheSite, visitor: Keeping, person: str, sample: Annotated[int, Path(ge=0)]
) -> HTMLResponse:
    """Forget one sample of a person."""
    site.person(person)
    await asking.done(site, asking.forget_sample(site, visitor, person, sample))
    return await _samples(request, site, visitor, person)


def over(request: Request, site: Site, change: Entitlement) -> str | None:
    """A word of warning where what is changed ends it at once."""
    is_over = change.valid_until is not None and change.valid_until <= site.clock.now()
    return site.pages.say(words.OVER, language(request)) if is_over else None


def gone_to(request: Request, where: str) -> Response:
    """An answer after which the browser goes elsewhere."""
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": where})
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


async def _samples(request: Request, site: Site, visitor: Visitor, person: str) -> HTMLResponse:
    entry = site.person(person)
    return page(request, "part/samples.html", visitor, entry=entry, found=await checkup.of_person(site, person))


def _name_of(form: Form) -> str:
    name = form.get("credential") or "pin"
    if not is_slug(name):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_person_id", f"{name!r} is no name of a code")
    return name


def _code_of(form: Form, now: datetime, **fields: str) -> SetCredential:
    """The code that was filled in, of which nothing is told when it is refused."""
    code = form.get("code")
    if not 0 < len(code) <= 64:  # noqa: PLR2004  # what a code is
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", "give a code of at most 64 characters")
    ends = {name: moment(form.get(name), form.get("offset")) for name in ("valid_from", "valid_until")}
    if ends["valid_until"] is not None and ends["valid_until"] <= now:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "over", words.OVER)
    return message_of(SetCredential, code=code, **ends, **fields)
