"""The HTTP API of those who keep the people: groups, schedules, codes, samples, and who is hard to recognise."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from doorbus.wire.channels import REMOVE_GROUP, REMOVE_SCHEDULE, SET_GROUP, SET_SCHEDULE
from doorbus.wire.messages import Arranged, RemoveGroup, RemoveSchedule, SetCredential, SetGroup, SetSchedule
from doorbus_console.web import arranging, asking, checkup
from doorbus_console.web.api import PROBLEMS, TOKEN, Keeping, PersonId, TheSite, Watching, message_of
from doorbus_console.web.problems import Problem
from doorbus_console.web.shapes import (
    ArrangedShape,
    ChangeScheduleShape,
    CodeShape,
    EntitlementShape,
    ErrandShape,
    GroupShape,
    ScheduleShape,
    Shape,
    SlugText,
    WeakShape,
    errand_shape,
    group_shape,
    schedule_shape,
)

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, dependencies=[Depends(TOKEN)])

GroupId = Annotated[SlugText, Path(description="Id of a group.", examples=["cleaners"])]
ScheduleId = Annotated[SlugText, Path(description="Id of a schedule.", examples=["office"])]
CredentialId = Annotated[SlugText, Path(description="What a PIN or tag is called.", examples=["pin"])]
SampleId = Annotated[int, Path(ge=0, le=2**63 - 1, description="Number of a sample.")]


@router.get("/groups")
async def groups(site: TheSite, visitor: Watching) -> list[GroupShape]:  # noqa: ARG001  # asked for its right
    """The groups, and what everybody in them may."""
    return [group_shape(one) for one in site.live.scene.groups.values()]


@router.get("/groups/{group}")
async def one_group(site: TheSite, visitor: Watching, group: GroupId) -> GroupShape:  # noqa: ARG001  # as above
    """A group."""
    return group_shape(arranging.group(site, group))


@router.patch("/groups/{group}")
async def set_group(site: TheSite, visitor: Keeping, group: GroupId, change: EntitlementShape) -> ArrangedShape:
    """Make a group, or change what everybody in it may. Who is in it is said by the `group` of each person."""
    wish = message_of(SetGroup, change)
    return _arranged(await arranging.arrange(site, visitor, SET_GROUP, wish, group=group))


@router.delete("/groups/{group}", status_code=HTTPStatus.NO_CONTENT)
async def remove_group(site: TheSite, visitor: Keeping, group: GroupId) -> None:
    """Forget a group in which nobody is."""
    await arranging.arrange(site, visitor, REMOVE_GROUP, RemoveGroup(), group=group)


@router.get("/schedules")
async def schedules(site: TheSite, visitor: Watching) -> list[ScheduleShape]:  # noqa: ARG001  # as above
    """The schedules."""
    return [schedule_shape(one) for one in site.live.scene.schedules.values()]


@router.get("/schedules/{schedule}")
async def one_schedule(site: TheSite, visitor: Watching, schedule: ScheduleId) -> ScheduleShape:  # noqa: ARG001  # as above
    """A schedule."""
    return schedule_shape(arranging.schedule(site, schedule))


@router.patch("/schedules/{schedule}")
async def set_schedule(
    site: TheSite, visitor: Keeping, schedule: ScheduleId, change: ChangeScheduleShape
) -> ArrangedShape:
    """Make a schedule, or change its hours and holidays for all who follow it."""
    wish = message_of(SetSchedule, _something(change))
    return _arranged(await arranging.arrange(site, visitor, SET_SCHEDULE, wish, schedule=schedule))


@router.delete("/schedules/{schedule}", status_code=HTTPStatus.NO_CONTENT)
async def remove_schedule(site: TheSite, visitor: Keeping, schedule: ScheduleId) -> None:
    """Forget a schedule that nobody follows."""
    await arranging.arrange(site, visitor, REMOVE_SCHEDULE, RemoveSchedule(), schedule=schedule)


@router.put("/people/{person}/credentials/{credential}")
async def give_code(
    *, site: TheSite, visitor: Keeping, person: PersonId, credential: CredentialId, wish: CodeShape
) -> ErrandShape:
    """Give a person a PIN or a tag, or another one in place of it. Only a hash of it is kept."""
    errand = asking.give_code(site, visitor, person, credential, message_of(SetCredential, wish))
    await asking.done(site, errand)
    return errand_shape(site.desk.find_errand(errand.id) or errand)


@router.delete("/people/{person}/credentials/{credential}", status_code=HTTPStatus.NO_CONTENT)
async def take_code(site: TheSite, visitor: Keeping, person: PersonId, credential: CredentialId) -> None:
    """Take a PIN or a tag away."""
    await asking.done(site, asking.take_code(site, visitor, person, credential))


@router.delete("/people/{person}/samples/{sample}", status_code=HTTPStatus.NO_CONTENT)
async def forget_sample(site: TheSite, visitor: Keeping, person: PersonId, sample: SampleId) -> None:
    """Forget one sample of a person; the last one stays."""
    await asking.done(site, asking.forget_sample(site, visitor, person, sample))


@router.get("/weak")
async def weak(site: TheSite, visitor: Watching) -> WeakShape:  # noqa: ARG001  # as above
    """Who is hard to recognise and why, and the closest pairs of people."""
    found = await checkup.whole(site)
    return WeakShape(people=list(found.people), pairs=list(found.pairs))


@router.get("/weak/{person}")
async def one_weak(site: TheSite, visitor: Watching, person: PersonId) -> WeakShape:  # noqa: ARG001  # as above
    """How good the samples of a person are, each with its number."""
    site.person(person)
    found = await checkup.of_person(site, person)
    if found is None:
        raise checkup.no_answer()
    return WeakShape(people=[found], pairs=[])


def _something(change: Shape) -> Shape:
    if not change.model_fields_set:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "nothing_to_change", "name at least one field")
    return change


def _arranged(said: Arranged) -> ArrangedShape:
    return ArrangedShape(id=said.id, people=said.people, warning=said.warning)
