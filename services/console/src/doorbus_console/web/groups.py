"""The pages of groups of people, and of schedules: hours with a name."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from doorbus.wire.channels import REMOVE_GROUP, REMOVE_SCHEDULE, SET_GROUP, SET_SCHEDULE
from doorbus.wire.messages import ListedSchedule, RemoveGroup, RemoveSchedule, SetGroup, SetSchedule, Update
from doorbus_console.rights import Right, Visitor
from doorbus_console.web import arranging, asking, hours
from doorbus_console.web.entitling import group_of, message_of
from doorbus_console.web.forms import Form, read_form
from doorbus_console.web.guard import Needs
from doorbus_console.web.naming import new_id_for, refuse_taken
from doorbus_console.web.pages import page
from doorbus_console.web.people import WEEK, gone_to, over
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Watching = Annotated[Visitor, Depends(Needs(Right.WATCH))]
Keeping = Annotated[Visitor, Depends(Needs(Right.PEOPLE))]


@router.get("/groups")
async def groups(request: Request, visitor: Watching) -> HTMLResponse:
    """All groups and schedules."""
    return page(request, "groups.html", visitor)


@router.get("/list/groups")
async def groups_list(request: Request, visitor: Watching) -> HTMLResponse:
    """The same as a part of the page."""
    return page(request, "part/groups.html", visitor)


@router.post("/groups")
async def make_group(request: Request, site: TheSite, visitor: Keeping) -> Response:
    """Make a group."""
    name = (await read_form(request)).get("name")[:128]
    group = new_id_for(name, site.live.scene.groups, "group")
    refuse_taken(name, site.live.scene.groups)
    await arranging.arrange(site, visitor, SET_GROUP, message_of(SetGroup, name=name), group=group)
    return gone_to(request, f"/groups/{group}")


@router.get("/groups/{group}")
async def one_group(request: Request, site: TheSite, visitor: Watching, group: str) -> HTMLResponse:
    """A group, what it may, and who is in it."""
    entry = arranging.group(site, group)
    shown = hours.shown(entry.hours, entry.schedule)
    doors = site.doors_of(visitor)
    return page(request, "group.html", visitor, entry=entry, doors=doors, hours=shown, days=WEEK)


@router.post("/groups/{group}")
async def change_group(request: Request, site: TheSite, visitor: Keeping, group: str) -> HTMLResponse:
    """Change what a group may."""
    change = group_of(await read_form(request), arranging.group(site, group), site.doors_of(visitor))
    refuse_taken(change.name, {key: one for key, one in site.live.scene.groups.items() if key != group})
    warning = None
    if change.model_fields_set:
        warning = (await arranging.arrange(site, visitor, SET_GROUP, change, group=group)).warning
        warning = warning or over(request, site, change)
    return page(request, "part/done.html", visitor, what="changed", warning=warning)


@router.post("/groups/{group}/remove")
async def remove_group(request: Request, site: TheSite, visitor: Keeping, group: str) -> Response:
    """Forget a group."""
    arranging.group(site, group)
    await arranging.arrange(site, visitor, REMOVE_GROUP, RemoveGroup(), group=group)
    return gone_to(request, "/groups")


@router.post("/groups/{group}/people")
async def join(request: Request, site: TheSite, visitor: Keeping, group: str) -> HTMLResponse:
    """Put somebody into a group."""
    arranging.group(site, group)
    person = (await read_form(request)).get("person")
    return await _moved(request, site, visitor, group, person, to=group)


@router.post("/groups/{group}/people/{person}/remove")
async def leave(request: Request, site: TheSite, visitor: Keeping, group: str, person: str) -> HTMLResponse:
    """Take somebody out of a group."""
    arranging.group(site, group)
    return await _moved(request, site, visitor, group, person, to=None)


@router.get("/list/groups/{group}")
async def members(request: Request, site: TheSite, visitor: Watching, group: str) -> HTMLResponse:
    """Who is in a group, as a part of the page."""
    return page(request, "part/members.html", visitor, entry=arranging.group(site, group))


@router.post("/schedules")
async def make_schedule(request: Request, site: TheSite, visitor: Keeping) -> Response:
    """Make a schedule; its hours are a working week's until somebody fills in others."""
    name = (await read_form(request)).get("name")[:128]
    schedule = new_id_for(name, site.live.scene.schedules, "schedule")
    refuse_taken(name, site.live.scene.schedules)
    wish = message_of(SetSchedule, name=name, hours="Mo-Fr 07:00-19:00")
    await arranging.arrange(site, visitor, SET_SCHEDULE, wish, schedule=schedule)
    return gone_to(request, f"/schedules/{schedule}")


@router.get("/schedules/{schedule}")
async def one_schedule(request: Request, site: TheSite, visitor: Watching, schedule: str) -> HTMLResponse:
    """A schedule."""
    entry = arranging.schedule(site, schedule)
    return page(request, "schedule.html", visitor, entry=entry, hours=hours.shown(entry.hours), days=WEEK)


@router.post("/schedules/{schedule}")
async def change_schedule(request: Request, site: TheSite, visitor: Keeping, schedule: str) -> HTMLResponse:
    """Change the hours and holidays of a schedule."""
    change = _schedule_of(await read_form(request), arranging.schedule(site, schedule))
    refuse_taken(change.name, {key: one for key, one in site.live.scene.schedules.items() if key != schedule})
    warning = None
    if change.model_fields_set:
        warning = (await arranging.arrange(site, visitor, SET_SCHEDULE, change, schedule=schedule)).warning
    return page(request, "part/done.html", visitor, what="changed", warning=warning)


@router.post("/schedules/{schedule}/remove")
async def remove_schedule(request: Request, site: TheSite, visitor: Keeping, schedule: str) -> Response:
    """Forget a schedule."""
    arranging.schedule(site, schedule)
    await arranging.arrange(site, visitor, REMOVE_SCHEDULE, RemoveSchedule(), schedule=schedule)
    return gone_to(request, "/groups")


async def _moved(
    request: Request, site: Site, visitor: Visitor, group: str, person: str, *, to: str | None
) -> HTMLResponse:
    site.person(person)
    await asking.done(site, asking.change(site, visitor, person, Update(group=to)))
    return page(request, "part/members.html", visitor, entry=arranging.group(site, group))


def _schedule_of(form: Form, entry: ListedSchedule) -> SetSchedule:
    times, _ = hours.told(form, entry.hours)
    if times is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", "a schedule has hours")
    holidays = tuple(line.strip() for line in form.get("holidays").splitlines() if line.strip())
    wish: dict[str, Any] = {
        "name": form.get("name")[:128] or None,
        "hours": times,
        "holidays": holidays if form.get("holidays_own") == "on" else None,
    }
    return message_of(SetSchedule, **{name: value for name, value in wish.items() if value != getattr(entry, name)})
