"""Groups and schedules on the bus: one change moves everybody whom it concerns, and nobody else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from doorbus.cli.asking import asking
from doorbus.cli.backup import export_people, read_arranged, read_backup, restore_people
from doorbus.cli.groups import list_groups
from doorbus.cli.schedules import list_schedules
from doorbus.runtime.client import Client, connect
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    Arranged,
    ErrorCode,
    ListedGroups,
    ListedSchedules,
    Manifest,
    Message,
    RemoveGroup,
    RemoveSchedule,
    Result,
    Rights,
    RosterEntry,
    SetGroup,
    SetSchedule,
    Update,
)
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import SnapshotReader, as_they_are
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import Enroller, EnrollerSettings
from doorbus_enroller.sqlite_store import SqliteStore
from support.signing import ENROLLERS

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEAL = Seal(bytes(range(32)))
PASSPHRASE = "correct horse battery"


class Site:
    """An enroller with 50 people, and somebody who asks."""

    def __init__(self, stack: AsyncExitStack, path: Path) -> None:
        self.stack, self.path = stack, path
        self.bus, self.clock = MemoryBus(), FakeClock()
        self.client: Client

    async def start(self, people: int = 50) -> "Site":
        store = SqliteStore(self.path / "enroller.db")
        if store.is_new():
            store.begin(AT)
            for number in range(people):
                store.add(f"p{number}", [], Rights(), AT)
        own = Enroller.model_validate({"probe_seconds": 0})
        settings = EnrollerSettings(_env_file=None, instance="one", var=self.path, health_seconds=1e9, enroller=own)
        service = EnrollerService(settings, store, SEAL, ENROLLERS, self.clock)
        await self.stack.enter_async_context(running(service, self.bus, self.clock, settings))
        self.client = await self.stack.enter_async_context(connect(self.bus))
        return self

    async def arrange(self, channel: Channel[Any], message: Message, **ids: str) -> Arranged:
        async with asking(self.client, channels.ARRANGED) as asker:
            answer: Arranged | None = await asker.ask(channel, message, ids, 10)
        assert answer is not None
        return answer

    async def update(self, person: str, **changes: object) -> Result:
        async with asking(self.client, channels.RESULT_REPLY) as asker:
            answer: Result | None = await asker.ask(
                channels.UPDATE, Update.model_validate(changes), {"person": person}, 10
            )
        assert answer is not None
        return answer

    def roster(self) -> dict[str, RosterEntry]:
        reader = SnapshotReader(RosterEntry, as_they_are)
        whole = reader.manifest(self.manifest())
        for topic, packet in self.bus.retained.items():
            if (found := TOPICS.resolve(topic)) and found.channel is channels.ROSTER_SHARD:
                whole = reader.shard(int(found.ids["shard"]), packet.payload) or whole
        assert whole is not None
        return {one.person: one for part in whole.parts() for one in part}

    def manifest(self) -> Manifest:
        return Manifest.model_validate_json(self.bus.retained[TOPICS.topic(channels.ROSTER_MANIFEST)].payload)

    def groups(self) -> ListedGroups:
        return ListedGroups.model_validate_json(self.bus.retained[TOPICS.topic(channels.GROUPS)].payload)

    def schedules(self) -> ListedSchedules:
        return ListedSchedules.model_validate_json(self.bus.retained[TOPICS.topic(channels.SCHEDULES)].payload)


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
