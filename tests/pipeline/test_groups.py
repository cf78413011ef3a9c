"""Groups and schedules on the bus: one change moves everybody whom it concerns, and nobody else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from doorbus.cli.backup import export_people, read_arranged, read_backup, restore_people
from doorbus.cli.groups import list_groups
from doorbus.cli.schedules import list_schedules
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    ErrorCode,
    RemoveGroup,
    RemoveSchedule,
    RosterEntry,
    SetGroup,
    SetSchedule,
)
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support.enrolled import SEAL, Site

PASSPHRASE = "correct horse battery"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with asyncio.timeout(50), AsyncExitStack() as stack:
        yield await Site(stack, tmp_path).start()


def of(site: Site, what: Callable[[RosterEntry], object]) -> set[object]:
    return {what(site.roster()[f"p{number}"]) for number in range(40)}


async def test_one_change_of_a_group_moves_forty_people_and_nobody_else(site: Site) -> None:
    await site.arrange(channels.SET_GROUP, SetGroup(doors=("front",)), group="cleaners")
    for number in range(40):
        assert (await site.update(f"p{number}", group="cleaners")).error is None
    before = site.manifest().version

    answer = await site.arrange(channels.SET_GROUP, SetGroup(hours="Mo-Fr 06:00-08:00"), group="cleaners")

    assert (answer.error, answer.people) == (None, 40)
    assert of(site, lambda one: (one.doors, one.hours)) == {(("front",), "Mo-Fr 06:00-08:00")}
    assert site.roster()["p45"] == RosterEntry(person="p45")
    assert site.manifest().version > before
    assert [(one.group, one.people, one.doors) for one in site.groups().groups] == [("cleaners", 40, ("front",))]


async def test_a_schedule_moves_those_who_follow_it_by_themselves_or_through_their_group(site: Site) -> None:
    await site.arrange(channels.SET_SCHEDULE, SetSchedule(hours="Mo-Fr 07:00-19:00"), schedule="office")
    await site.arrange(channels.SET_GROUP, SetGroup(schedule="office"), group="staff")
    await site.update("p1", group="staff")
    await site.update("p2", schedule="office")
    await site.update("p3", group="staff", hours="24/7")

    answer = await site.arrange(channels.SET_SCHEDULE, SetSchedule(holidays=("2026-12-24",)), schedule="office")

    assert (answer.error, answer.people) == (None, 2)
    closed = "Mo-Fr 07:00-19:00; 2026 Dec 24 off"
    assert [site.roster()[f"p{one}"].hours for one in (1, 2, 3)] == [closed, closed, "24/7"]
    assert [(one.schedule, one.people) for one in site.schedules().schedules] == [("office", 2)]


async def test_hours_that_no_actuator_can_read_are_refused_where_they_are_written(site: Site) -> None:
    group = await site.arrange(channels.SET_GROUP, SetGroup(hours="Mo-Xx 07:00"), group="cleaners")
    schedule = await site.arrange(channels.SET_SCHEDULE, SetSchedule(hours="Mo-Xx 07:00"), schedule="office")

    assert [one.error and one.error.code for one in (group, schedule)] == [ErrorCode.BAD_REQUEST] * 2
    assert "is not opening hours at character" in (schedule.error.message if schedule.error else "")
    assert (site.groups().groups, site.schedules().schedules) == ((), ())


async def test_a_person_is_put_into_no_group_that_is_not_there(site: Site) -> None:
    result = await site.update("p1", group="nobody")

    assert result.error is not None
    assert result.error.code is ErrorCode.UNKNOWN_GROUP
    assert site.roster()["p1"] == RosterEntry(person="p1")


async def test_what_is_in_use_is_not_removed_and_what_is_not_is_gone(site: Site) -> None:
    await site.arrange(channels.SET_SCHEDULE, SetSchedule(hours="24/7"), schedule="always")
    await site.arrange(channels.SET_GROUP, SetGroup(schedule="always"), group="staff")
    await site.update("p1", group="staff")

    refused = [
        await site.arrange(channels.REMOVE_GROUP, RemoveGroup(), group="staff"),
        await site.arrange(channels.REMOVE_SCHEDULE, RemoveSchedule(), schedule="always"),
    ]
    await site.update("p1", group=None)
    gone = [
        await site.arrange(channels.REMOVE_GROUP, RemoveGroup(), group="staff"),
        await site.arrange(channels.REMOVE_SCHEDULE, RemoveSchedule(), schedule="always"),
    ]

    assert [one.error and one.error.code for one in refused] == [ErrorCode.IN_USE, ErrorCode.IN_USE]
    assert [one.error for one in gone] == [None, None]
    assert (site.groups().groups, site.schedules().schedules) == ((), ())


async def test_a_door_that_nobody_has_is_told_and_the_group_is_made_all_the_same(site: Site) -> None:
    answer = await site.arrange(channels.SET_GROUP, SetGroup(doors=("nowhere",)), group="staff")

    assert answer.error is None
    assert answer.warning is not None
    assert "nowhere" in answer.warning
    assert [one.group for one in site.groups().groups] == ["staff"]


async def test_a_request_that_makes_no_sense_is_answered(site: Site) -> None:
    await site.client.listen(channels.ARRANGED, token="me")
    asked = Outbound(channels.SET_GROUP, SetGroup(), {"group": "x"}, b"1", (channels.ARRANGED, {"token": "me"}))
    site.bus.publish(replace(asked.packet(TOPICS), payload=b'{"doors": "front"}'))

    answer = (await site.client.expect(channels.ARRANGED, token="me")).message

    assert answer.error is not None
    assert (answer.id, answer.error.code) == ("x", ErrorCode.BAD_REQUEST)


async def test_groups_and_schedules_survive_a_restart_and_a_move_to_another_site(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    here, there = tmp_path / "here", tmp_path / "there"
    for place in (here, there):
        place.mkdir()
    async with AsyncExitStack() as stack:
        site = await Site(stack, here).start()
        await site.arrange(channels.SET_SCHEDULE, SetSchedule(hours="24/7", holidays=("Dec 24",)), schedule="always")
        await site.arrange(channels.SET_GROUP, SetGroup(schedule="always", name="Staff"), group="staff")
        await site.update("p1", group="staff")
        roster, groups = site.roster(), site.groups()
    async with AsyncExitStack() as stack:
        site = await Site(stack, here).start()
        assert (site.roster(), site.groups()) == (roster, groups)
        assert await export_people(site.client, file, PASSPHRASE, SEAL, 10) == 0
    async with AsyncExitStack() as stack:
        site = await Site(stack, there).start(people=0)
        arranged = read_arranged(file, PASSPHRASE)
        assert await restore_people(site.client, read_backup(file, PASSPHRASE, SEAL), 50, 10, arranged) == 0
        assert (site.roster(), site.groups()) == (roster, groups)


async def test_groups_and_schedules_are_listed_with_whom_they_concern(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.arrange(channels.SET_SCHEDULE, SetSchedule(hours="Mo-Fr 07:00-19:00"), schedule="office")
    await site.arrange(channels.SET_GROUP, SetGroup(schedule="office", enabled=False, name="Büro"), group="staff")
    await site.update("p1", group="staff")
    client = await site.stack.enter_async_context(connect(site.bus))

    assert await list_groups(client, 10) == 0
    assert await list_schedules(client, 10) == 0

    group, schedule = [
        line.split() for line in capsys.readouterr().out.splitlines() if line[:6] in {"staff ", "office"}
    ]
    assert group == ["staff", "Büro", "1", "no", "all", "always", "office"]
    assert schedule == ["office", "1", "Mo-Fr", "07:00-19:00", "the", "country's"]
