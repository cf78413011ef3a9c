"""Groups, schedules, codes and samples on the console's pages and in its API."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from doorbus.wire import channels
from doorbus.wire.messages import (
    Arranged,
    CheckedPerson,
    CheckedSample,
    ClosePair,
    Decision,
    ErrorCode,
    Fault,
    ListedGroup,
    ListedGroups,
    ListedSchedule,
    ListedSchedules,
    LockState,
    Outcome,
    PeopleChecked,
    Reason,
    Recognition,
    Recording,
    Recordings,
    ResultStatus,
    RosterEntry,
    Trigger,
    Weakness,
    utc,
)
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_console.rights import Level, Scope
from doorbus_console.week import DAYS
from support.console import Desktop, answer, console, enrolled, replied, say, sent

ALICE = RosterEntry(person="alice", name="Alice", group="staff", credentials=("pin",), inherited=("doors",))
BOB = RosterEntry(person="bob", name="Bob", hours="Mo-Fr 07:00-19:00", schedule="office")

WORKING_WEEK = {f"{day}0{edge}": at for day in DAYS[:5] for edge, at in (("from", "07:00"), ("to", "19:00"))}


@pytest.fixture
async def desktop(tmp_path: Path) -> AsyncIterator[Desktop]:
    async with console(tmp_path) as one:
        say(one, channels.LOCK_STATE, LockState.LOCKED, {"door": "front"})
        group = ListedGroup(group="staff", name="Staff", doors=("front",), people=1)
        office = ListedSchedule(schedule="office", hours="Mo-Fr 07:00-19:00", holidays=("Dec 24",), people=1)
        say(one, channels.GROUPS, ListedGroups(groups=(group,)), {})
        say(one, channels.SCHEDULES, ListedSchedules(schedules=(office,)), {})
        enrolled(one, ALICE, BOB)
        async with asyncio.timeout(5):
            while not one.site.live.scene.people:
                await one.settled()
        yield one


def arranged(one: Desktop, which: str, error: ErrorCode | None = None, **fields: Any) -> Arranged:
    fault = Fault(code=error, message="as it was found") if error else None
    status = ResultStatus.ERROR if error else ResultStatus.OK
    return Arranged(status=status, action="a", id=which, at=one.clock.now(), error=fault, **fields)


def form(**fields: Any) -> dict[str, Any]:
    """The form of somebody's rights as a browser sends it."""
    return {"name": "Bob", "enabled": "on", "every_door": "on", "hours_way": "schedule", "schedule": "office", **fields}


async def test_a_group_is_made_changed_and_removed_on_its_page(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        listed = (await browser.get("/groups")).text
        made = asyncio.create_task(browser.post("/groups", data={"name": "Staff 2"}, headers={"HX-Request": "true"}))
        making = await replied(desktop, channels.SET_GROUP, arranged(desktop, "staff-2"), group="staff-2")
        page = (await browser.get("/groups/staff")).text
        saved = asyncio.create_task(
            browser.post(
                "/groups/staff",
                data={"name": "Staff", "enabled": "on", "door": [], "hours_way": "schedule", "schedule": "office"},
            )
        )
        told = arranged(desktop, "staff", warning="no door at all may be used")
        changing = await replied(desktop, channels.SET_GROUP, told, group="staff")
        removed = asyncio.create_task(browser.post("/groups/staff/remove", headers={"HX-Request": "true"}))
        busy = arranged(desktop, "staff", ErrorCode.IN_USE)
        await replied(desktop, channels.REMOVE_GROUP, busy, group="staff")

    assert all(text in listed for text in ("Staff", "Dec 24", "/schedules/office"))
    assert (await made).headers["hx-redirect"] == "/groups/staff-2"
    assert json.loads(making.payload) == {"name": "Staff 2"}
    assert "Alice" in page
    assert json.loads(changing.payload) == {"doors": [], "hours": None, "schedule": "office"}
    assert "no door at all may be used" in (await saved).text
    assert "there are still people who have it" in (await removed).text


async def test_a_schedule_has_hours_as_a_week_and_holidays_of_its_own(desktop: Desktop) -> None:
    before = {"hours_way": "text", "hours": BOB.hours, "holidays_own": "on", "holidays": "Dec 24"}
    fields = {
        "hours_way": "week",
        "Sa0from": "09:00",
        "Sa0to": "12:00",
        "holidays_own": "on",
        "holidays": "PH\r\nDec 31\r\n",
    }
    async with desktop.browser() as browser:
        page = (await browser.get("/schedules/office")).text
        saved = asyncio.create_task(browser.post("/schedules/office", data=fields))
        request = await replied(desktop, channels.SET_SCHEDULE, arranged(desktop, "office"), schedule="office")
        same = await browser.post("/schedules/office", data=before)
        never = await browser.post("/schedules/office", data={"hours_way": "text", "hours": ""})

    assert "Dec 24</textarea>" in page
    assert "Saved" in (await saved).text
    assert json.loads(request.payload) == {"hours": "Sa 09:00-12:00", "holidays": ["PH", "Dec 31"]}
    assert ("Saved" in same.text, never.status_code) == (True, 422)
    assert len(sent(desktop, channels.SET_SCHEDULE, schedule="office")) == 1


async def test_a_name_that_another_group_or_schedule_has_is_refused(desktop: Desktop) -> None:
    named = ListedGroup(group="night", name="Night")
    say(desktop, channels.GROUPS, ListedGroups(groups=(ListedGroup(group="staff", name="Staff"), named)), {})
    await desktop.settled()
    async with desktop.browser() as browser:
        answers = [
            await browser.post("/groups", data={"name": " staff"}, headers={"HX-Request": "true"}),
            await browser.post("/groups/night", data={"name": "Staff"}, headers={"HX-Request": "true"}),
            await browser.post("/schedules", data={"name": "Office"}, headers={"HX-Request": "true"}),
        ]

    assert [one.status_code for one in answers] == [409] * 3
    assert all("There is one of this name" in one.text for one in answers)
    assert not sent(desktop, channels.SET_GROUP, group="staff-2")


async def test_groups_that_are_called_alike_are_told_apart_where_one_is_chosen(desktop: Desktop) -> None:
    alike = tuple(ListedGroup(group=one, name="Family") for one in ("family", "family-2"))
    say(desktop, channels.GROUPS, ListedGroups(groups=alike), {})
    await desktop.settled()
    async with desktop.browser() as browser:
        page = (await browser.get("/people/alice")).text

    assert ">Family (family)</option>" in page
    assert ">Family (family-2)</option>" in page


async def test_people_are_put_into_a_group_and_taken_out(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        joined = asyncio.create_task(browser.post("/groups/staff/people", data={"person": "bob"}))
        joining = await answer(desktop, channels.UPDATE, person="bob")
        left = asyncio.create_task(browser.post("/groups/staff/people/alice/remove"))
        leaving = await answer(desktop, channels.UPDATE, person="alice")
        nobody = await browser.post("/groups/staff/people", data={"person": "nobody"})

    assert (await joined).status_code == (await left).status_code == 200
    assert (json.loads(joining.payload), json.loads(leaving.payload)) == ({"group": "staff"}, {"group": None})
    assert nobody.status_code == 404


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"group": "staff"}, {"group": "staff"}),
        ({"second_factor": "yes"}, {"second_factor": True}),
        ({"hours_way": "any"}, {"hours": None, "schedule": None}),
        ({"hours_way": "text", "hours": "Mo-Fr 07:00-19:00"}, {"hours": "Mo-Fr 07:00-19:00", "schedule": None}),
        (
            {"hours_way": "week", **WORKING_WEEK},
            {"hours": "Mo-Fr 07:00-19:00", "schedule": None},
        ),
        ({"schedule": "night"}, {"hours": None, "schedule": "night"}),
    ],
)  # fmt: skip
async def test_a_persons_group_schedule_and_second_factor_are_changed_alone(
    desktop: Desktop, fields: dict[str, str], expected: dict[str, object] | None
) -> None:
    async with desktop.browser() as browser:
        saved = asyncio.create_task(browser.post("/people/bob", data=form(**fields)))
        request = None if expected is None else await answer(desktop, channels.UPDATE, person="bob")
        text = (await saved).text

    assert "Saved" in text
    assert (request and json.loads(request.payload)) == expected


async def test_a_code_is_given_and_taken_away_and_never_shown(desktop: Desktop) -> None:
    ends = {"valid_from": "2026-12-01T08:00", "valid_until": "2026-12-01T10:00", "offset": "-60"}
    async with desktop.browser() as browser:
        page = (await browser.get("/people/alice")).text
        german = (await browser.get("/people/alice", headers={"Accept-Language": "de"})).text
        given = asyncio.create_task(
            browser.post("/people/alice/codes", data={"credential": "tag", "code": "04-a2-1b-32", **ends})
        )
        giving = await answer(desktop, channels.SET_CREDENTIAL, person="alice", credential="tag")
        taken = asyncio.create_task(browser.post("/people/alice/codes/pin/remove"))
        await answer(desktop, channels.REMOVE_CREDENTIAL, person="alice", credential="pin")
        empty = await browser.post("/people/alice/codes", data={"credential": "tag", "code": ""})
        bad = await browser.post("/people/alice/codes", data={"code": "274163", "valid_from": "soon"})

    deeds, told = desktop.site.store.deeds(10), (await given).text
    assert "<strong>pin</strong>" in page
    assert ("said here: the doors<" in page, "gesagt ist: die Türen<" in german) == (True, True)
    assert json.loads(giving.payload) == {
        "code": "04-a2-1b-32",
        "valid_from": "2026-12-01T07:00:00Z",
        "valid_until": "2026-12-01T09:00:00Z",
    }
    assert ("Saved" in told, (await taken).status_code) == (True, 200)
    assert (empty.status_code, bad.status_code) == (422, 422)
    assert "04-a2" not in f"{told} {deeds}"
    assert [deed.action for deed in deeds] == ["remove_credential", "set_credential"]


async def test_a_guest_is_made_by_a_code_alone(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        data = {"name": "Alice", "credential": "pin", "code": "274163"}
        made = asyncio.create_task(browser.post("/guests", data=data, headers={"HX-Request": "true"}))
        request = await answer(desktop, channels.SET_CREDENTIAL, person="alice-2", credential="pin")

    assert json.loads(request.payload) == {"code": "274163", "guest": "Alice"}
    assert "Somebody else has the id alice: the id of this guest is alice-2." in (await made).text


@pytest.mark.parametrize(("warning", "status"), [("the code opens nothing", 200), (None, 204)])
async def test_a_code_that_opens_nothing_by_itself_is_told_where_the_guest_is_made(
    desktop: Desktop, warning: str | None, status: int
) -> None:
    data = {"name": "Plumber", "credential": "pin", "code": "274163"}
    async with desktop.browser() as browser:
        made = asyncio.create_task(browser.post("/guests", data=data, headers={"HX-Request": "true"}))
        await answer(desktop, channels.SET_CREDENTIAL, warning=warning, person="plumber", credential="pin")
        page = await made
        call = asyncio.create_task(browser.put("/api/v1/people/paula/credentials/pin", json={"code": "274163"}))
        await answer(desktop, channels.SET_CREDENTIAL, warning=warning, person="paula", credential="pin")
        told = (await call).json()["warning"]

    assert (page.status_code, warning is not None and warning in page.text) == (status, warning is not None)
    assert told == warning


async def test_what_the_enroller_says_is_german_on_a_german_page(desktop: Desktop) -> None:
    warning = "no door at all may be used; valid_until 2026-01-01T00:00:00+00:00 has passed"
    data = {"name": "Plumber", "credential": "pin", "code": "274163"}
    headers = {"HX-Request": "true", "Accept-Language": "de"}
    async with desktop.browser() as browser:
        made = asyncio.create_task(browser.post("/guests", data=data, headers=headers))
        await answer(desktop, channels.SET_CREDENTIAL, warning=warning, person="plumber", credential="pin")
        warned = (await made).text
        taken = asyncio.create_task(browser.post("/groups/staff/remove", headers=headers))
        fault = Fault(
            code=ErrorCode.IN_USE, message="1 person is in the group staff; give them another one first, or null"
        )
        refusal = arranged(desktop, "staff").model_copy(update={"status": ResultStatus.ERROR, "error": fault})
        await replied(desktop, channels.REMOVE_GROUP, refusal, group="staff")
        refused = (await taken).text

    assert "keine einzige Tür darf benutzt werden; valid_until 2026-01-01T00:00:00+00:00 ist vorbei" in warned
    assert "1 Person ist in der Gruppe staff; geben Sie ihnen zuerst eine andere, oder null" in refused


async def test_a_guests_code_ends_within_a_day_unless_it_is_said_and_never_in_the_past(desktop: Desktop) -> None:
    past = (desktop.clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    data = {"name": "Plumber", "credential": "pin", "code": "274163", "valid_until": past, "offset": "0"}
    async with desktop.browser() as browser:
        page = (await browser.get("/people")).text
        refused = await browser.post("/guests", data=data, headers={"HX-Request": "true"})

    until = utc(desktop.clock.now() + timedelta(hours=24))
    assert f'name="valid_until" data-utc="{until}"' in page
    assert refused.status_code == 422
    assert "This end is over already" in refused.text


async def test_the_end_of_a_code_is_told_wherever_codes_are_listed(desktop: Desktop) -> None:
    until = desktop.clock.now() + timedelta(hours=5)
    guest = RosterEntry(person="plumber", credentials=("pin", "tag"), codes_until={"pin": until})
    enrolled(desktop, guest, version=2)
    async with asyncio.timeout(5):
        while "plumber" not in desktop.site.live.scene.people:
            await desktop.settled()
    async with desktop.browser() as browser:
        pages = [(await browser.get(path)).text for path in ("/people", "/people/plumber")]
        told = (await browser.get("/api/v1/people/plumber")).json()

    assert [page.count(f'datetime="{utc(until)}"') for page in pages] == [1, 1]
    assert list(told["codes_until"]) == ["pin"]


async def test_a_code_that_takes_the_place_of_another_says_so(desktop: Desktop) -> None:
    told = []
    async with desktop.browser() as browser:
        for name in ("pin", "tag"):
            data = {"credential": name, "code": "274163"}
            asked = asyncio.create_task(browser.post("/people/alice/codes", data=data))
            await answer(desktop, channels.SET_CREDENTIAL, person="alice", credential=name)
            told.append((await asked).text)

    assert "It has taken the place of the one before." in told[0]
    assert "Saved." in told[1]


async def test_who_passes_by_a_code_without_a_picture_is_not_called_hard_to_recognise(desktop: Desktop) -> None:
    people = tuple(CheckedPerson(person=one, weaknesses=(Weakness.FEW_SAMPLES,)) for one in ("alice", "bob"))
    async with desktop.browser() as browser:
        asked = asyncio.create_task(browser.get("/list/weak"))
        await replied(desktop, channels.CHECK, PeopleChecked(people=people, count=2, similarity=0.4))
        found = (await asked).text

    assert "Alice" not in found  # she has a PIN, and Bob has nothing
    assert "<strong>Bob</strong>" in found


SAMPLE = CheckedSample(number=1, quality=0.9, created_at=datetime(2026, 1, 1, tzinfo=UTC))
CHECKED = PeopleChecked(
    people=(CheckedPerson(person="alice", weaknesses=(Weakness.FEW_SAMPLES, Weakness.ONE_LIGHT), samples=(SAMPLE,)),),
    count=2,
    pairs=(ClosePair(person="alice", other="bob", similarity=0.7),),
    close=1,
    similarity=0.4,
)


async def test_weak_people_are_flagged_and_asked_about_only_when_somebody_has_changed(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        asked = asyncio.create_task(browser.get("/list/weak"))
        await replied(desktop, channels.CHECK, CHECKED.model_copy(update={"next": "alice"}))
        more = PeopleChecked(people=(CheckedPerson(person="bob", weaknesses=(Weakness.POOR_QUALITY,)),), count=2)
        await replied(desktop, channels.CHECK, more, after=1)
        found = " ".join((await asked).text.split())
        again = await browser.get("/list/weak")
        enrolled(desktop, ALICE, version=2)
        async with asyncio.timeout(5):
            while (roster := desktop.site.live.scene.roster) is None or roster.version != 2:
                await desktop.settled()
        asked = asyncio.create_task(browser.get("/list/weak"))
        await replied(desktop, channels.CHECK, PeopleChecked(count=1, similarity=0.4), after=2)
        better = (await asked).text

    assert "<strong>Alice</strong>: few pictures, all in one light" in found
    assert "<strong>Bob</strong>: no good picture" in found
    assert "hard to tell apart" in found
    assert "few pictures" in again.text
    assert better.strip() == ""


async def test_a_persons_samples_are_listed_and_forgotten_one_by_one(desktop: Desktop) -> None:
    at = desktop.clock.now()
    samples = tuple(CheckedSample(number=number, quality=0.5, likeness=0.2, created_at=at) for number in (3, 7))
    checked = PeopleChecked(people=(CheckedPerson(person="alice", weaknesses=(Weakness.UNLIKE,), samples=samples),))
    async with desktop.browser() as browser:
        asked = asyncio.create_task(browser.get("/people/alice/samples"))
        await replied(desktop, channels.CHECK, checked)
        page = (await asked).text
        asked = asyncio.create_task(browser.post("/people/alice/samples/7/remove"))
        await answer(desktop, channels.REMOVE_SAMPLE, person="alice", sample="7")
        await replied(desktop, channels.CHECK, PeopleChecked(), after=1)
        after = (await asked).text

    assert all(text in page for text in ("a picture that is unlike the others", "Forget sample 3", "Forget sample 7"))
    assert "None." in after


async def test_a_program_keeps_groups_schedules_and_codes(desktop: Desktop) -> None:
    async with desktop.program(Scope.PEOPLE, Scope.READ) as program:
        groups = (await program.get("/api/v1/groups")).json()
        schedule = (await program.get("/api/v1/schedules/office")).json()
        asked = asyncio.create_task(program.patch("/api/v1/groups/cleaners", json={"doors": ["front"]}))
        setting = await replied(desktop, channels.SET_GROUP, arranged(desktop, "cleaners", people=3), group="cleaners")
        made = (await asked).json()
        asked = asyncio.create_task(program.delete("/api/v1/schedules/office"))
        busy = arranged(desktop, "office", ErrorCode.IN_USE)
        await replied(desktop, channels.REMOVE_SCHEDULE, busy, schedule="office")
        refused = await asked
        asked = asyncio.create_task(program.put("/api/v1/people/alice/credentials/tag", json={"code": "04-a2-1b-32"}))
        await answer(desktop, channels.SET_CREDENTIAL, person="alice", credential="tag")
        given = await asked
        alice = (await program.get("/api/v1/people/alice")).json()
        untimely = await program.patch("/api/v1/groups/cleaners", json={"valid_from": "2026-12-01T08:00:00"})
        nothing = await program.patch("/api/v1/schedules/office", json={})
        asked = asyncio.create_task(program.get("/api/v1/weak"))
        await replied(desktop, channels.CHECK, CHECKED)
        weak = (await asked).json()

    assert [(one["group"], one["doors"], one["people"]) for one in groups] == [("staff", ["front"], 1)]
    assert schedule["holidays"] == ["Dec 24"]
    assert json.loads(setting.payload) == {"doors": ["front"]}
    assert made == {"id": "cleaners", "people": 3, "warning": None}
    assert (refused.status_code, refused.json()["code"]) == (422, "in_use")
    assert given.json()["status"] == "ok"
    assert "04-a2" not in given.text
    assert (alice["credentials"], alice["inherited"]) == (["pin"], ["doors"])
    assert (untimely.status_code, nothing.status_code) == (422, 422)
    assert weak["people"][0]["weaknesses"] == ["few_samples", "one_light"]


async def test_an_operator_keeps_people_and_a_resident_sees_none_of_it(desktop: Desktop) -> None:
    async with desktop.browser("olga", Level.OPERATOR) as olga, desktop.browser("rita", Level.RESIDENT) as rita:
        pages = [await olga.get(path) for path in ("/groups", "/groups/staff", "/schedules/office", "/people/bob")]
        refused = [await rita.get(path) for path in ("/groups", "/list/weak", "/people/alice/samples")]

    assert {one.status_code for one in pages} == {200}
    assert all("Make the group" in pages[0].text for _ in pages)
    assert {one.status_code for one in refused} == {403}


async def test_a_silent_enroller_leaves_the_pages_and_says_so(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        silent = await browser.post("/groups/staff/remove", headers={"HX-Request": "true"})

    assert silent.status_code == 504
    assert "the enroller has not answered" in silent.text


def recording(one: Desktop, name: str) -> Recording:
    now = one.clock.now()
    return Recording(
        recording=name, camera="porch", at=now, reason=Reason.MATCHED, frame_id=name, captured_at=now, bytes=9,
        door="front", outcome=Outcome.GRANTED, person="alice",
    )  # fmt: skip


async def test_an_admin_erases_one_picture_and_all_of_a_person(desktop: Desktop) -> None:
    one, two = recording(desktop, "r1"), recording(desktop, "r2")
    told = {"outcome": Outcome.GRANTED, "reason": Reason.MATCHED, "trigger": Trigger.FACE, "at": desktop.clock.now()}
    for kept in (one, two):
        decided = Decision.model_validate({**told, "person": "alice", "frame_ids": (kept.frame_id,)})
        say(desktop, channels.DECISION, decided, {"door": "front"})
        say(desktop, channels.RECORDED, kept, {"door": "front"})
    await desktop.settled()
    gone = Fault(code=ErrorCode.UNKNOWN_RECORDING, message="no such recording")
    async with desktop.browser() as browser:
        before = (await browser.get("/events", params={"person": "alice"})).text
        asked = asyncio.create_task(browser.post("/recordings/r1/erase"))
        await replied(desktop, channels.RECORDING_ERASE, Recordings(), recording="r1")
        erased = await asked
        after = (await browser.get("/events", params={"person": "alice"})).text
        asked = asyncio.create_task(browser.delete("/api/v1/people/alice/recordings"))
        listing = await replied(desktop, channels.RECORDING_LIST, Recordings(recordings=(one,), next="r1", count=2))
        await replied(desktop, channels.RECORDING_ERASE, Recordings(error=gone), after=1, recording="r1")
        await replied(desktop, channels.RECORDING_LIST, Recordings(recordings=(two,), count=2), after=1)
        await replied(desktop, channels.RECORDING_ERASE, Recordings(), recording="r2")
        all_of_her = (await asked).json()
        asked = asyncio.create_task(browser.delete("/api/v1/recordings/r1"))
        await replied(desktop, channels.RECORDING_ERASE, Recordings(error=gone), after=2, recording="r1")
        again = await asked

    assert all(f"/recordings/{name}/erase" in before for name in ("r1", "r2"))
    assert (erased.status_code, "/recordings/r1/" in after, "/recordings/r2/" in after) == (200, False, True)
    assert json.loads(listing.payload)["person"] == "alice"
    assert all_of_her == {"erased": 1}
    assert again.status_code == 404
    assert [deed.what for deed in desktop.site.store.deeds(10)] == ["person alice", "recording r1"]


async def test_a_person_is_removed_with_the_pictures_or_without_them(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        asked = asyncio.create_task(browser.post("/people/alice/remove", data={"recordings": "on"}))
        await replied(desktop, channels.RECORDING_LIST, Recordings(recordings=(recording(desktop, "r1"),), count=1))
        await replied(desktop, channels.RECORDING_ERASE, Recordings(), recording="r1")
        await answer(desktop, channels.REMOVE, person="alice")
        await replied(desktop, channels.RECORDING_LIST, Recordings(recordings=(recording(desktop, "r2"),)), after=1)
        await replied(desktop, channels.RECORDING_ERASE, Recordings(), recording="r2")
        removed = await asked
        asked = asyncio.create_task(browser.post("/people/bob/remove"))
        await answer(desktop, channels.REMOVE, person="bob")
        without = await asked

    assert (removed.status_code, without.status_code) == (303, 303)
    assert len(sent(desktop, channels.RECORDING_LIST)) == 2


async def test_who_is_no_admin_erases_no_picture(desktop: Desktop) -> None:
    async with desktop.browser("olga", Level.OPERATOR) as olga, desktop.program(*Scope) as program:
        page = (await olga.get("/events", params={"person": "alice"})).text
        refused = [
            await olga.post("/recordings/r1/erase"),
            await olga.post("/people/alice/remove", data={"recordings": "on"}),
            await program.delete("/api/v1/recordings/r1"),
        ]

    assert "Erase" not in page
    assert {one.status_code for one in refused} == {403}
    assert sent(desktop, channels.REMOVE, person="alice") == []


async def test_events_are_filtered_by_the_time_as_the_viewers_clock_shows_it(desktop: Desktop) -> None:
    at = desktop.clock.now()
    local = (at + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    told = {"outcome": Outcome.GRANTED, "reason": Reason.MATCHED, "trigger": Trigger.FACE, "at": at}
    say(desktop, channels.DECISION, Decision.model_validate({**told, "person": "zoe"}), {"door": "front"})
    await desktop.settled()
    async with desktop.browser() as browser:
        found = [
            (await browser.get("/events", params={edge: local, "offset": "-60"}, headers={"HX-Request": "true"})).text
            for edge in ("since", "until")
        ]
        nonsense = await browser.get("/events", params={"since": "soon"})

    assert [">zoe</td>" in one for one in found] == [True, False]
    assert nonsense.status_code == 422


async def test_no_page_and_no_call_takes_a_name_that_would_do_more_than_be_read(
    desktop: Desktop, jpeg: dict[str, bytes]
) -> None:
    name = "Al\x1b[31mice"
    camera = {"door": "front", "camera": "porch"}
    now = desktop.clock.now()
    seen = Recognition(frame_id="1", captured_at=now, recognized_at=now, recognizer="r", model="m")
    say(desktop, channels.RECOGNITION, seen, camera)
    await desktop.settled()
    picture = {"image": ("a.jpg", jpeg["obama"])}
    async with desktop.browser() as browser:
        browser.headers["HX-Request"] = "true"
        said = [
            await browser.post("/people", data={"name": name}, files=picture),
            await browser.post("/people", data={"name": name, "person": "al", "camera": "front/porch"}),
            await browser.post("/people/bob", data=form(name=name)),
            await browser.post("/guests", data={"name": name, "credential": "pin", "code": "274163"}),
            *[await browser.post(path, data={"name": name}) for path in ("/groups", "/schedules", "/groups/staff")],
            await browser.patch("/api/v1/people/bob", json={"name": name}),
            await browser.patch("/api/v1/groups/staff", json={"name": name}),
            await browser.post("/api/v1/people/al/capture", json={**camera, "name": name}),
            await browser.put("/api/v1/people/al/credentials/pin", json={"code": "274163", "guest": name}),
        ]

    assert [one.status_code for one in said] == [422] * len(said)
    assert all("a name has no control characters" in one.text for one in said)
    to_enroller = (channels.ENROL, channels.UPDATE, channels.SET_GROUP, channels.SET_SCHEDULE, channels.SET_CREDENTIAL)
    resolved = [TOPICS.resolve(one.topic) for one in desktop.bus.log]
    assert [one for one in resolved if one is not None and one.channel in to_enroller] == []
