"""The console on a bus: what it shows, what it sends, and whom it refuses."""

import asyncio
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from PIL import Image
from structlog.testing import capture_logs

from doorbus.wire import channels
from doorbus.wire.messages import (
    AlarmState,
    ContactState,
    Decision,
    Doorbell,
    ErrorCode,
    Face,
    Fault,
    Frame,
    Health,
    Lockdown,
    LockState,
    Outcome,
    Presence,
    Reason,
    Recognition,
    Recording,
    Result,
    ResultStatus,
    Review,
    Reviews,
    RosterEntry,
    Trigger,
    Verdict,
)
from doorbus.wire.packet import Packet
from doorbus.wire.snapshot import pack
from doorbus_console.fakes import MemoryStore
from doorbus_console.rights import LEAST, Level, Right, Scope
from doorbus_console.scene import MOST_STRANGE_CAMERAS
from doorbus_console.settings import Console
from doorbus_console.store import Account
from doorbus_console.web.guard import Needs
from doorbus_console.web.rendering import language_of
from support.console import ORIGIN, Desktop, answer, console, enrolled, replied, say, sent, until_sent

FRONT = {"door": "front"}
PORCH = {"door": "front", "camera": "porch"}
PUBLIC = {
    *("/login", "/login/passkey", "/login/passkey/options", "/login/oidc", "/login/oidc/callback"),
    *("/first", "/assets/{name}", "/healthz"),
}
READ_ONLY = {"/login/oidc", "/login/oidc/callback"}


@pytest.fixture
async def desktop(tmp_path: Path) -> AsyncIterator[Desktop]:
    async with console(tmp_path) as one:
        say(one, channels.LOCK_STATE, LockState.LOCKED, FRONT)
        await one.settled()
        yield one


def decision(one: Desktop, **fields: Any) -> Decision:
    given = {"outcome": Outcome.GRANTED, "reason": Reason.COMMANDED, "trigger": Trigger.COMMAND, "at": one.clock.now()}
    return Decision(**{**given, **fields})


async def test_a_program_unlocks_a_door_and_follows_what_became_of_it(desktop: Desktop) -> None:
    async with desktop.program(Scope.UNLOCK) as program:
        accepted = await program.post("/api/v1/doors/front/unlock", json={"seconds": 5})
        command = json.loads((await until_sent(desktop, channels.LOCK_COMMAND, **FRONT)).payload)
        say(desktop, channels.DECISION, decision(desktop, command_id=command["id"]), FRONT)
        followed = await program.get(accepted.headers["location"], params={"wait": 5})

    assert (accepted.status_code, accepted.json()["status"]) == (202, "pending")
    assert command["action"] == "UNLOCK"
    assert command["seconds"] == 5
    assert command["by"] == "token program"
    assert command["issued_at"]
    assert (followed.json()["status"], followed.json()["reason"]) == ("granted", "commanded")


async def test_who_waits_is_told_what_became_of_it_and_of_the_seconds(desktop: Desktop) -> None:
    async with desktop.program(Scope.UNLOCK) as program:
        asked = asyncio.create_task(
            program.post("/api/v1/doors/front/unlock", params={"wait": 5}, json={"seconds": 86400})
        )
        command = json.loads((await until_sent(desktop, channels.LOCK_COMMAND, **FRONT)).payload)
        say(desktop, channels.DECISION, decision(desktop, command_id=command["id"], seconds=30), FRONT)
        answered = await asked

    assert (answered.status_code, answered.json()["status"], answered.json()["seconds"]) == (200, "granted", 30)
    assert answered.json()["note"] == "30 s is the longest that this door is held open, not 86400"


async def test_the_same_idempotency_key_unlocks_once_and_for_another_door_not_at_all(desktop: Desktop) -> None:
    say(desktop, channels.LOCK_STATE, LockState.LOCKED, {"door": "yard"})
    await desktop.settled()
    key = {"Idempotency-Key": "one"}
    async with desktop.program(Scope.UNLOCK) as program:
        first, again = [await program.post("/api/v1/doors/front/unlock", headers=key) for _ in range(2)]
        other = await program.post("/api/v1/doors/yard/unlock", headers=key)
    await until_sent(desktop, channels.LOCK_COMMAND, **FRONT)

    assert first.json()["id"] == again.json()["id"]
    assert len(sent(desktop, channels.LOCK_COMMAND, **FRONT)) == 1
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert sent(desktop, channels.LOCK_COMMAND, door="yard") == []


async def test_nothing_is_sent_while_the_broker_is_away_and_the_page_says_so(desktop: Desktop) -> None:
    desktop.bus.stop()
    await desktop.settled()
    async with desktop.browser() as browser:
        refused = await browser.post("/api/v1/doors/front/unlock")
        page = await browser.get("/doors")

    assert (refused.status_code, refused.json()["code"]) == (503, "broker_away")
    assert refused.headers["content-type"] == "application/problem+json"
    assert "The broker is away" in page.text


async def test_the_page_says_why_a_door_stays_locked_in_words(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        asked = asyncio.create_task(browser.post("/doors/front/unlock", data={"seconds": "", "code": ""}))
        command = json.loads((await until_sent(desktop, channels.LOCK_COMMAND, **FRONT)).payload)
        denied = decision(desktop, outcome=Outcome.DENIED, reason=Reason.CODE_MISSING, command_id=command["id"])
        say(desktop, channels.DECISION, denied, FRONT)
        answered = await asked

    assert command["by"] == "ada"
    assert "The door stays locked: the door asks for a one-time code" in " ".join(answered.text.split()).replace(
        "> ", ">"
    )
    assert "data-asks-code" in answered.text


async def test_a_door_that_does_not_answer_is_told_from_one_that_refuses(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        answered = await browser.post("/doors/front/unlock")

    assert "has not answered" in answered.text


async def test_a_page_tells_what_a_door_feels(desktop: Desktop) -> None:
    say(desktop, channels.CONTACT_STATE, ContactState.OPEN, FRONT)
    say(desktop, channels.ALARM_STATE, AlarmState.FORCED, FRONT)
    say(desktop, channels.LOCKDOWN_STATE, Lockdown.ON, FRONT)
    say(desktop, channels.DOORBELL, Doorbell(at=desktop.clock.now()), FRONT)
    await desktop.settled()
    async with desktop.browser() as browser:
        page = (await browser.get("/doors")).text
        told = (await browser.get("/api/v1/doors/front")).json()

    assert all(text in page for text in ("The door was forced open", "opens for nobody", "Last rung:"))
    assert (told["contact"], told["alarm"], told["lockdown"]) == ("OPEN", "forced", "ON")


async def test_what_a_door_no_longer_says_is_no_longer_shown(desktop: Desktop) -> None:
    say(desktop, channels.CONTACT_STATE, ContactState.OPEN, FRONT)
    say(desktop, channels.ALARM_STATE, AlarmState.FORCED, FRONT)
    say(desktop, channels.LOCK_STATE, LockState.LOCKED, {"door": "yard"})
    await desktop.settled()
    for channel, door in (
        (channels.CONTACT_STATE, "front"),
        (channels.ALARM_STATE, "front"),
        (channels.LOCK_STATE, "yard"),
    ):
        say(desktop, channel, None, {"door": door})
    await desktop.settled()
    async with desktop.browser() as browser:
        page = (await browser.get("/doors")).text
        told = (await browser.get("/api/v1/doors")).json()

    assert "The door was forced open" not in page
    assert [(one["door"], one["state"], one["contact"], one["alarm"]) for one in told] == [
        ("front", "LOCKED", None, "none")
    ]


async def test_faces_wait_for_a_word_and_get_it(desktop: Desktop) -> None:
    now = desktop.clock.now()
    entry = Review(entry="e1", door="front", camera="porch", first_at=now, at=now, count=3, person="alice", bytes=9)
    async with desktop.browser() as browser:
        asked = asyncio.create_task(browser.get("/review"))
        await replied(desktop, channels.REVIEW_LIST, Reviews(entries=(entry,), count=1))
        page = (await asked).text
        asked = asyncio.create_task(browser.post("/reviews/e1/accept", data={"person": "alice", "name": ""}))
        accept = await replied(desktop, channels.REVIEW_ACCEPT, Reviews(person="alice", samples=2), entry="e1")
        accepted = await asked
        asked = asyncio.create_task(browser.delete("/api/v1/reviews/e1"))
        gone = Fault(code=ErrorCode.UNKNOWN_RECORDING, message="there is no entry e1")
        await replied(desktop, channels.REVIEW_DISCARD, Reviews(error=gone), entry="e1")
        discarded = await asked
        both = await browser.post("/api/v1/reviews/e1/accept", json={"person": "alice", "name": "Alice"})

    assert "Perhaps alice" in page
    assert json.loads(accept.payload) == {"person": "alice", "new": False, "by": "ada"}
    assert accepted.headers["hx-retarget"] == "#review-e1"
    assert (discarded.status_code, discarded.json()["detail"]) == (404, "there is no entry e1")
    assert both.status_code == 422


@pytest.mark.parametrize(
    ("asks", "sends", "expected"),
    [(0, 1, "Review is switched off"), (1, 0, "No recognizer sends faces"), (1, 1, "Nothing waits.")],
)
async def test_the_page_says_where_nobody_is_asked_about_faces(
    desktop: Desktop, asks: int, sends: int, expected: str
) -> None:
    now = desktop.clock.now()
    for service, figure, value in (("recorder", "review_kinds", asks), ("recognizer", "review", sends)):
        health = Health(
            state=Presence.ONLINE,
            service=service,
            instance="one",
            version="1",
            at=now,
            started_at=now,
            figures={figure: value},
        )
        say(desktop, channels.HEALTH, health, {"service": service, "instance": "one"})
    await desktop.settled()
    async with desktop.browser() as browser:
        asked = asyncio.create_task(browser.get("/review"))
        await replied(desktop, channels.REVIEW_LIST, Reviews(count=0))
        page = (await asked).text

    assert expected in page


async def test_a_face_becomes_somebody_new_with_a_name(desktop: Desktop) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        asked = asyncio.create_task(program.post("/api/v1/reviews/e1/accept", json={"name": "Zoë Bee"}))
        accept = await replied(desktop, channels.REVIEW_ACCEPT, Reviews(person="zoe-bee", samples=1), entry="e1")
        named = await answer(desktop, channels.UPDATE, person="zoe-bee")
        done = await asked

    assert json.loads(accept.payload) == {"person": "zoe-bee", "new": True, "by": "token program"}
    assert json.loads(named.payload) == {"name": "Zoë Bee"}
    assert done.json() == {"person": "zoe-bee", "samples": 1}


async def test_a_support_bundle_has_what_helps_and_no_name_of_anybody(desktop: Desktop) -> None:
    enrolled(desktop, RosterEntry(person="alice", name="Alice Secret"))
    say(desktop, channels.DECISION, decision(desktop, person="alice", trigger=Trigger.FACE), FRONT)
    await desktop.settled()
    async with desktop.browser() as browser:
        plot = (await browser.get("/events")).text
        answered = await browser.get("/system/bundle.zip")
    with zipfile.ZipFile(io.BytesIO(answered.content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}

    assert "1 let in, 0 refused" in plot
    assert set(files) == {"doctor.txt", "versions.txt", "settings.txt", "health.json"}
    assert "capture" in files["doctor.txt"]
    assert not any("alice" in text.lower() for text in files.values())


async def test_a_lockdown_is_ordered_with_the_name_of_who_orders_it(desktop: Desktop) -> None:
    async with desktop.browser() as browser, desktop.program(Scope.UNLOCK) as program:
        await browser.post("/doors/front/lockdown", data={"lockdown": "ON"})
        await program.put("/api/v1/doors/front/lockdown", json={"lockdown": "OFF"})
        await desktop.settled()

    orders = [json.loads(packet.payload) for packet in sent(desktop, channels.LOCKDOWN_COMMAND, **FRONT)]
    assert orders == [{"lockdown": "ON", "by": "ada"}, {"lockdown": "OFF", "by": "token program"}]


async def test_a_full_disk_keeps_nobody_from_opening_and_locking_and_the_rest_is_refused_in_words(
    desktop: Desktop,
) -> None:
    async with desktop.browser() as browser, desktop.program(Scope.UNLOCK) as program:
        desktop.clock.advance(1800)  # the cookie would be exchanged
        assert isinstance(desktop.site.store, MemoryStore)
        desktop.site.store.disk_is_full = True
        with capture_logs() as logs:
            done = [
                await browser.post("/doors/front/unlock", data={"seconds": "", "code": ""}),
                await browser.post("/doors/front/lock"),
                await browser.post("/doors/front/lockdown", data={"lockdown": "ON"}),
                await program.post("/api/v1/doors/front/unlock"),
                await program.post("/api/v1/doors/front/lock"),
                await program.put("/api/v1/doors/front/lockdown", json={"lockdown": "OFF"}),
            ]
        made = {"name": "bob", "password": "long enough", "level": "resident", "every_door": "on"}
        refused = await browser.post("/accounts", data=made, headers={"HX-Request": "true", "Accept-Language": "de"})
        problem = desktop.service.problem()
        desktop.site.store.disk_is_full = False

    assert [one.status_code for one in done] == [200, 200, 200, 202, 202, 202]
    assert len(sent(desktop, channels.LOCK_COMMAND, **FRONT)) == 4
    assert len(sent(desktop, channels.LOCKDOWN_COMMAND, **FRONT)) == 2
    assert refused.status_code == 503
    assert "Das wurde nicht getan" in refused.text
    assert "is the disk full?" in (problem or "")
    assert desktop.service.problem() is None
    missed = [one for one in logs if one["event"] == "not_in_the_audit"]
    assert [(one["by"], one["action"], one["what"]) for one in missed[:2]] == [
        ("ada", "unlock", "door front"),
        ("ada", "lock", "door front"),
    ]


async def test_events_have_the_pictures_that_the_recorder_has_kept(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    now = desktop.clock.now()
    one = decision(desktop, person="alice", trigger=Trigger.FACE, reason=Reason.MATCHED, frame_ids=("f1", "f2"))
    kept = Recording(
        recording="r1", camera="porch", at=now, reason=Reason.MATCHED, frame_id="f2", captured_at=now, bytes=9,
        door="front", outcome=Outcome.GRANTED,
    )  # fmt: skip
    say(desktop, channels.DECISION, one, FRONT)
    say(desktop, channels.RECORDED, kept, FRONT)
    await desktop.settled()
    async with desktop.browser() as browser:
        page = (await browser.get("/events")).text
        events = (await browser.get("/api/v1/events")).json()
        asked = asyncio.create_task(browser.get("/api/v1/recordings/r1/picture.jpg"))
        request = await until_sent(desktop, channels.RECORDING_GET, recording="r1")
        assert request.response_topic is not None
        named = (("recording", "r1"),)
        reply = Packet(request.response_topic, jpeg["obama"], qos=1, correlation=request.correlation, user=named)
        desktop.bus.publish(reply)
        picture = await asked

    assert "/api/v1/recordings/r1/picture.jpg" in page
    assert events[0]["recording"] == "r1"
    assert picture.content == jpeg["obama"]


async def test_a_lock_command_is_over_when_the_door_says_that_it_is_locked(desktop: Desktop) -> None:
    async with desktop.program(Scope.UNLOCK) as program:
        accepted = await program.post("/api/v1/doors/front/lock")
        await until_sent(desktop, channels.LOCK_COMMAND, **FRONT)
        say(desktop, channels.LOCK_STATE, LockState.LOCKED, FRONT)
        followed = await program.get(accepted.headers["location"], params={"wait": 5})

    assert (followed.json()["status"], followed.json()["state"]) == ("done", "LOCKED")


async def test_the_newest_picture_of_a_camera_is_the_frame_byte_for_byte(
    desktop: Desktop, jpeg: dict[str, bytes]
) -> None:
    for name in ("obama", "biden"):
        frame = Frame(jpeg=jpeg[name], frame_id=name, captured_at=desktop.clock.now())
        say(desktop, channels.FRAME, frame, PORCH)
        await desktop.settled()
    async with desktop.program(Scope.READ) as program:
        picture = await program.get("/api/v1/doors/front/cameras/porch/frame.jpg")
        none = await program.get("/api/v1/doors/front/cameras/yard/frame.jpg")

    assert picture.content == jpeg["biden"]
    assert picture.headers["x-frame-id"] == "biden"
    assert none.status_code == 404


async def test_a_picture_is_let_go_when_no_other_comes_and_its_faces_with_it(
    desktop: Desktop, jpeg: dict[str, bytes]
) -> None:
    address = "/api/v1/doors/front/cameras/porch/frame.jpg"
    now = desktop.clock.now()
    face = Face(box=(10, 20, 30, 40), verdict=Verdict.UNKNOWN)
    seen = Recognition(frame_id="2", captured_at=now, recognized_at=now, recognizer="r", model="m", faces=(face,))
    async with desktop.program(Scope.READ) as program, desktop.browser() as browser:
        for number in ("1", "2"):
            say(desktop, channels.FRAME, Frame(jpeg=jpeg["obama"], frame_id=number, captured_at=now), PORCH)
            await desktop.settled()
            desktop.clock.advance(6)
        say(desktop, channels.RECOGNITION, seen, PORCH)
        await desktop.settled()
        kept = await program.get(address)
        desktop.clock.advance(138)
        await desktop.settled()
        gone = await program.get(address)
        faces = desktop.site.live.scene.cameras["front", "porch"].faces
        page = await browser.get("/doors")
        say(desktop, channels.FRAME, Frame(jpeg=jpeg["biden"], frame_id="3", captured_at=now), PORCH)
        await desktop.settled()
        back = await program.get(address)

    assert (kept.status_code, kept.headers["x-frame-id"]) == (200, "2")
    assert (gone.status_code, gone.json()["code"]) == (404, "no_frame")
    assert "no picture for 144 s" in gone.json()["detail"]
    assert faces == ()
    assert page.status_code == 200
    assert back.content == jpeg["biden"]


async def test_a_stream_goes_on_when_a_camera_comes_back(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    place, now = ("front", "porch"), desktop.clock.now()
    for number in ("1", "2"):
        say(desktop, channels.FRAME, Frame(jpeg=jpeg["obama"], frame_id=number, captured_at=now), PORCH)
        await desktop.settled()
    last = await desktop.site.live.newer(place)
    desktop.clock.advance(20)
    await desktop.settled()
    say(desktop, channels.FRAME, Frame(jpeg=jpeg["biden"], frame_id="3", captured_at=now), PORCH)
    async with asyncio.timeout(5):
        next_one = await desktop.site.live.newer(place, last.number)

    assert next_one.frame_id == "3"


async def test_a_page_that_is_open_for_long_signs_nobody_out(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        following = asyncio.create_task(browser.get("/live"))
        await desktop.followed()
        for _ in range(40):
            desktop.clock.advance(61)
            say(desktop, channels.DOORBELL, Doorbell(at=desktop.clock.now()), FRONT)
            await desktop.settled()
        still = await browser.get("/api/v1/me")
        following.cancel()

    assert still.json()["name"] == "ada"


@pytest.mark.parametrize("path", ["/doors/front/porch/live.mjpg", "/api/v1/doors/front/cameras/porch/stream.mjpg"])
@pytest.mark.parametrize("how", ["account", "session", "level", "token"])
async def test_pictures_end_for_who_may_see_them_no_more(
    desktop: Desktop, jpeg: dict[str, bytes], path: str, how: str
) -> None:
    def show(name: str) -> None:
        say(desktop, channels.FRAME, Frame(jpeg=jpeg[name], frame_id=name, captured_at=desktop.clock.now()), PORCH)

    show("obama")
    await desktop.settled()
    store = desktop.site.store
    who = desktop.program(Scope.READ) if how == "token" else desktop.browser("bob", Level.RESIDENT)
    async with who as client, asyncio.timeout(10):
        looking = asyncio.create_task(client.get(path))
        await desktop.looked(PORCH)
        match how:
            case "account":
                store.remove_account("bob")
            case "session":
                store.remove_sessions("bob")
            case "level":
                store.put_account(Account("bob", Level.RESIDENT, "hash", ("yard",)))
            case "token":
                store.remove_token("program")
        desktop.clock.advance(15)
        show("biden")
        seen = (await looking).content

    assert jpeg["obama"] in seen
    assert jpeg["biden"] not in seen


@pytest.mark.parametrize(
    ("level", "more"),
    [(Level.ADMIN, {"happening", "picture-1"}), (Level.OPERATOR, {"happening", "picture-1"}), (Level.RESIDENT, set())],
)
async def test_a_page_hears_of_all_that_moves_and_that_its_reader_may_know(
    desktop: Desktop, jpeg: dict[str, bytes], level: Level, more: set[str]
) -> None:
    now = desktop.clock.now()
    face = Face(box=(10, 20, 30, 40), verdict=Verdict.UNKNOWN)
    seen = Recognition(frame_id="f1", captured_at=now, recognized_at=now, recognizer="r", model="m", faces=(face,))
    kept = Recording(
        recording="r1", camera="porch", at=now, reason=Reason.MATCHED, frame_id="f1", captured_at=now, bytes=9,
        door="front", outcome=Outcome.GRANTED,
    )  # fmt: skip
    async with desktop.browser("bob", level) as client, desktop.browser("eve", level) as other, asyncio.timeout(10):
        following = [asyncio.create_task(one.get("/live")) for one in (client, other)]
        await desktop.followed(2)
        say(desktop, channels.FRAME, Frame(jpeg=jpeg["obama"], frame_id="f1", captured_at=now), PORCH)
        say(desktop, channels.RECOGNITION, seen, PORCH)
        say(desktop, channels.LOCK_STATE, LockState.UNLOCKED, FRONT)
        say(desktop, channels.DECISION, decision(desktop, frame_ids=("f1",)), FRONT)
        say(desktop, channels.RECORDED, kept, FRONT)
        await desktop.settled()
        for name in ("bob", "eve"):
            desktop.site.store.remove_account(name)
        desktop.clock.advance(15)
        say(desktop, channels.DOORBELL, Doorbell(at=now), FRONT)
        heard = [(await one).text for one in following]

    names = {line.removeprefix("event: ") for line in heard[0].splitlines() if line.startswith("event: ")}
    assert names - {"doors", "people", "services"} == {"broker", "door-front", "faces-front-porch"} | more
    assert heard[0] == heard[1]


async def test_a_denial_that_repeats_is_one_row_that_grows_until_it_has_been_over_for_a_while(desktop: Desktop) -> None:
    refused = {"outcome": Outcome.DENIED, "reason": Reason.UNKNOWN_FACE, "trigger": Trigger.FACE}
    async with desktop.browser("bob") as client, asyncio.timeout(10):
        following = asyncio.create_task(client.get("/live"))
        await desktop.followed()
        for frame, seconds in enumerate((1, 1, 8, 30)):
            say(desktop, channels.DECISION, decision(desktop, **refused, count=5, frame_ids=(f"f{frame}",)), FRONT)
            say(desktop, channels.DECISION, decision(desktop, **refused, person="bob", frame_ids=(f"g{frame}",)), FRONT)
            await desktop.settled()
            desktop.clock.advance(seconds)
        say(desktop, channels.DECISION, decision(desktop, **refused, count=2), FRONT)
        await desktop.settled()
        page = (await client.get("/events")).text
        desktop.site.store.remove_account("bob")
        desktop.clock.advance(15)
        say(desktop, channels.DOORBELL, Doorbell(at=desktop.clock.now()), FRONT)
        heard = (await following).text

    assert page.count('<tr class="denied"') == 3
    assert [f"({count}x)" in page for count in (20, 4, 2, 5)] == [True, True, True, False]
    gone = [line.removeprefix("event: ") for line in heard.splitlines() if line.startswith("event: grown-")]
    assert gone == [f"grown-{number}" for number in range(1, 7)]


@pytest.mark.parametrize("path", ["/live", "/api/v1/events/stream"])
async def test_news_end_for_who_may_hear_them_no_more(desktop: Desktop, path: str) -> None:
    async with desktop.browser("bob") as client, asyncio.timeout(10):
        following = asyncio.create_task(client.get(path))
        await desktop.followed()
        desktop.site.store.remove_account("bob")
        desktop.clock.advance(15)
        say(desktop, channels.DECISION, decision(desktop, person="alice", trigger=Trigger.FACE), FRONT)
        heard = (await following).text

    assert "alice" not in heard


async def test_the_page_makes_no_token_of_a_name_that_another_has(desktop: Desktop) -> None:
    async with desktop.program(Scope.READ) as program, desktop.browser() as ada:
        refused = await ada.post("/tokens", data={"name": "program", "scope": "read"})
        still = await program.get("/api/v1/doors")

    assert (refused.status_code, still.status_code) == (409, 200)


async def test_faces_are_boxes_with_names_until_a_frame_shows_nobody(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    now = desktop.clock.now()
    face = Face(box=(10, 20, 30, 40), verdict=Verdict.MATCH, person="alice", confidence=0.97)
    seen = Recognition(frame_id="1", captured_at=now, recognized_at=now, recognizer="r", model="m", faces=(face,))
    enrolled(desktop, RosterEntry(person="alice", name="Alice <A>"))
    async with asyncio.timeout(5):
        while desktop.site.live.scene.name_of("alice") == "alice":  # its shard is read in a thread
            await desktop.settled()
    say(desktop, channels.FRAME, Frame(jpeg=jpeg["obama"], frame_id="1", captured_at=now), PORCH)
    say(desktop, channels.RECOGNITION, seen, PORCH)
    await desktop.settled()
    faces = desktop.site.live.scene.cameras["front", "porch"].faces
    later = Frame(jpeg=jpeg["obama"], frame_id="2", captured_at=now + timedelta(seconds=2))
    say(desktop, channels.FRAME, later, PORCH)
    await desktop.settled()

    assert faces == (face,)
    assert desktop.site.live.scene.cameras["front", "porch"].faces == ()
    assert desktop.site.live.scene.name_of("alice") == "Alice <A>"


async def test_events_are_filtered_and_counted_on(desktop: Desktop) -> None:
    for person in ("alice", "bob", "alice"):
        say(desktop, channels.DECISION, decision(desktop, person=person, trigger=Trigger.FACE), FRONT)
    await desktop.settled()
    async with desktop.program(Scope.READ) as program:
        of_alice = (await program.get("/api/v1/events", params={"person": "alice"})).json()
        after = (await program.get("/api/v1/events", params={"after": of_alice[-1]["number"]})).json()
        wrong = await program.get("/api/v1/events", params={"since": "2026-06-01T00:00:00"})
        number = await program.get("/api/v1/events", params={"since": "0.5"})

        nowhere = await program.get("/api/v1/events", params={"door": "nodoor"})
        yesterday = await program.get("/api/v1/events", params={"since": "yesterday"})
        slashed = await program.get("/api/v1/events", params={"door": "a/b"})
    async with desktop.browser("bob", Level.OPERATOR) as browser:
        page = await browser.get("/events", params={"door": "nodoor"})

    assert (nowhere.status_code, nowhere.json()["detail"]) == (404, "door nodoor: not found")
    assert page.status_code == 404
    assert yesterday.json()["detail"] == ("query.since: give a date, a time and a time zone, such as 2026-12-01T08:00Z")
    assert "an id is a-z" in slashed.json()["detail"]
    assert [one["decision"]["person"] for one in of_alice] == ["alice", "alice"]
    assert [one["decision"]["person"] for one in after] == ["alice", "bob"]
    assert wrong.status_code == 422
    assert number.status_code == 422


async def test_a_field_that_is_not_there_is_named_with_where_the_others_are(desktop: Desktop) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        refused = await program.patch("/api/v1/people/alice", json={"nmae": "Alice"})

    assert refused.status_code == 422
    assert refused.json()["detail"] == "body.nmae: there is no such field; /api/v1/openapi.json lists those there are"


async def test_an_address_tells_all_its_methods(desktop: Desktop) -> None:
    async with desktop.stranger() as stranger:
        refused = await stranger.put("/api/v1/people/alice")

    assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET, PATCH")


async def test_pictures_enrol_somebody_and_each_has_its_own_outcome(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    files = [("image", ("a.jpg", jpeg["obama"], "image/jpeg"))]
    async with desktop.program(Scope.PEOPLE) as program:
        asked = asyncio.create_task(program.post("/api/v1/people/obama/samples", files=files))
        request = await answer(desktop, channels.ENROL, person="obama")
        taken = await asked

    assert request.payload == jpeg["obama"]
    assert taken.status_code == 200
    assert [(one["status"], one["samples"]) for one in taken.json()] == [("ok", 1)]


@pytest.mark.parametrize(("added", "told"), [(1, "taken"), (0, "adds nothing: one like it is there already")])
async def test_whoever_sends_a_picture_again_is_told_that_it_adds_nothing(
    desktop: Desktop, jpeg: dict[str, bytes], added: int, told: str
) -> None:
    result = Result(
        status=ResultStatus.OK, action="enrol", person="obama", at=desktop.clock.now(), samples=2, added=added
    )
    files = {"image": ("a.jpg", jpeg["obama"], "image/jpeg")}
    enrolled(desktop, RosterEntry(person="obama"))
    async with desktop.program(Scope.PEOPLE) as program, desktop.browser() as browser:
        asked = asyncio.create_task(program.post("/api/v1/people/obama/samples", files=files))
        await replied(desktop, channels.ENROL, result, person="obama")
        by_program = await asked
        asked = asyncio.create_task(browser.post("/people/obama/samples", files=files))
        await replied(desktop, channels.ENROL, result, after=1, person="obama")
        by_page = await asked

    assert [one["added"] for one in by_program.json()] == [added]
    assert told in by_page.text


@pytest.mark.parametrize(
    ("error", "status"), [(ErrorCode.NO_FACE, 422), (ErrorCode.NO_RECOGNIZER, 503), (ErrorCode.TOO_LARGE, 413)]
)
async def test_what_the_enroller_refuses_is_a_problem_with_its_code(
    desktop: Desktop, error: ErrorCode, status: int
) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        kind = {"Content-Type": "image/jpeg"}
        asked = asyncio.create_task(program.post("/api/v1/people/obama/samples", content=b"\xff\xd8\xff", headers=kind))
        await answer(desktop, channels.ENROL, error, person="obama")
        refused = await asked

    assert (refused.status_code, refused.json()["code"]) == (status, error.value)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_other_kinds_of_pictures_in_fields_of_any_name_arrive_as_jpeg(
    desktop: Desktop, jpeg: dict[str, bytes], kind: str
) -> None:
    made = io.BytesIO()
    Image.open(io.BytesIO(jpeg["obama"])).convert("RGBA").save(made, kind)
    async with desktop.program(Scope.PEOPLE) as program:
        files = {"photo": ("a", made.getvalue())}
        asked = asyncio.create_task(program.post("/api/v1/people/obama/samples", files=files))
        request = await answer(desktop, channels.ENROL, person="obama")
        taken = await asked

    with Image.open(io.BytesIO(request.payload)) as arrived, Image.open(io.BytesIO(jpeg["obama"])) as given:
        assert (arrived.format, arrived.size) == ("JPEG", given.size)
    assert taken.status_code == 200


async def test_what_is_no_picture_is_refused_before_a_recognizer_is_asked(desktop: Desktop) -> None:
    torn = (b"no picture", b"\x89PNG\r\n\x1a\n torn", b"RIFF....WEBPVP8 torn")
    async with desktop.program(Scope.RECOGNISE) as program:
        refused = [await program.post("/api/v1/recognise", files={"image": one}) for one in torn]

    assert {(one.status_code, one.json()["code"]) for one in refused} == {(422, "not_a_picture")}
    assert sent(desktop, channels.RECOGNISE_REQUEST) == []


async def test_who_has_enrolled_somebody_sees_them_at_once(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    packed = pack([RosterEntry(person="obama", name="Obama")], version=7)
    kind = {"Content-Type": "image/jpeg"}
    async with desktop.program(Scope.PEOPLE, Scope.READ) as program:
        asked = asyncio.create_task(program.post("/api/v1/people/obama/samples", content=jpeg["obama"], headers=kind))
        await until_sent(desktop, channels.ENROL, person="obama")
        say(desktop, channels.ROSTER_MANIFEST, packed.manifest, {})
        await answer(desktop, channels.ENROL, person="obama")
        await desktop.settled()
        answered_before_it_is_there = asked.done()
        for index, shard in enumerate(packed.shards):
            say(desktop, channels.ROSTER_SHARD, shard, {"shard": str(index)})
        await asked
        people = (await program.get("/api/v1/people")).json()

    assert not answered_before_it_is_there
    assert [one["name"] for one in people] == ["Obama"]


async def test_what_somebody_has_of_a_group_and_a_schedule_is_told(desktop: Desktop) -> None:
    bob = RosterEntry(person="bob", doors=("front",), hours="Mo-Fr 06:00-08:00", group="cleaners", inherited=("doors",))
    enrolled(desktop, bob)
    async with desktop.program(Scope.READ) as program, asyncio.timeout(5):
        while not (people := (await program.get("/api/v1/people")).json()):
            await desktop.settled()

    assert [(one["group"], one["doors"], one["inherited"]) for one in people] == [("cleaners", ["front"], ["doors"])]


async def test_a_silent_enroller_is_a_timeout_that_says_where_to_ask_again(desktop: Desktop) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        silent = await program.delete("/api/v1/people/alice")
        pending = await program.get(silent.headers["location"])

    assert (silent.status_code, silent.json()["code"]) == (504, "no_answer")
    assert pending.json()["status"] == "pending"


async def test_changing_a_person_sends_only_what_changes(desktop: Desktop) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        change = {"enabled": False, "valid_until": "2026-12-01T08:00:00Z"}
        asked = asyncio.create_task(program.patch("/api/v1/people/alice", json=change))
        request = await answer(desktop, channels.UPDATE, person="alice")
        changed = await asked
        nothing = await program.patch("/api/v1/people/alice", json={})

    assert changed.status_code == 200
    assert json.loads(request.payload) == change
    assert nothing.status_code == 422


def filled_in(**fields: str) -> dict[str, str]:
    """The form of a person as a browser sends it."""
    return {"name": "Bob", "enabled": "on", "every_door": "on", "hours_way": "any", **fields}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"hours_way": "week", "Mo0from": "07:00", "Mo0to": "19:00", "Tu0from": "07:00", "Tu0to": "19:00"},
            "Mo-Tu 07:00-19:00",
        ),
        (
            {"hours_way": "week", "Sa0from": "00:00", "Sa0to": "00:00", "holidays_closed": "on"},
            "Sa 00:00-24:00; PH off",
        ),
        ({"hours_way": "text", "hours": "Mo-Fr sunrise-sunset"}, "Mo-Fr sunrise-sunset"),
        ({"hours": "Mo 07:00-09:00", "Mo0from": "10:00"}, None),
    ],
)
async def test_a_week_that_is_filled_in_becomes_opening_hours(
    desktop: Desktop, fields: dict[str, str], expected: str | None
) -> None:
    enrolled(desktop, RosterEntry(person="bob", name="Bob", hours="Su 10:00-11:00"))
    async with asyncio.timeout(5):
        while not desktop.site.live.scene.people:
            await desktop.settled()
    async with desktop.browser() as browser:
        asked = asyncio.create_task(browser.post("/people/bob", data=filled_in(**fields)))
        request = await answer(desktop, channels.UPDATE, person="bob")
        saved = await asked

    assert "Saved" in saved.text
    assert json.loads(request.payload) == {"hours": expected}


async def test_saving_a_person_sends_nothing_that_is_the_groups_or_did_not_change(desktop: Desktop) -> None:
    bob = RosterEntry(
        person="bob", name="Bob", hours="Mo  07:00-19:00", group="cleaners", schedule="office", inherited=("hours",)
    )
    enrolled(desktop, bob)
    async with asyncio.timeout(5):
        while not desktop.site.live.scene.people:
            await desktop.settled()
    async with desktop.browser() as browser:
        page = (await browser.get("/people/bob")).text
        without_hours = {name: value for name, value in filled_in().items() if name != "hours_way"}
        saved = await browser.post("/people/bob", data=without_hours)

    assert "the schedule office" in page
    assert "Saved" in saved.text
    assert sent(desktop, channels.UPDATE, person="bob") == []


@pytest.mark.parametrize(
    "wrong", [{"Mo0from": "07:00"}, {}, {"Mo0from": "07:00", "Mo0to": "07:00"}, {"Mo0from": "x", "Mo0to": "y"}]
)
async def test_a_week_that_cannot_be_meant_is_refused_with_a_sentence(desktop: Desktop, wrong: dict[str, str]) -> None:
    enrolled(desktop, RosterEntry(person="bob", name="Bob"))
    async with asyncio.timeout(5):
        while not desktop.site.live.scene.people:
            await desktop.settled()
    async with desktop.browser() as browser:
        refused = await browser.post("/people/bob", data=filled_in(hours_way="week", **wrong))

    assert refused.status_code == 422
    assert sent(desktop, channels.UPDATE, person="bob") == []


async def test_a_camera_enrols_a_newcomer(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    frame = Frame(jpeg=jpeg["obama"], frame_id="1", captured_at=desktop.clock.now())
    say(desktop, channels.FRAME, frame, PORCH)
    await desktop.settled()
    async with desktop.program(Scope.PEOPLE) as program:
        begun = await program.post("/api/v1/capture", json={**PORCH, "name": "Alice"})
        request = await answer(desktop, channels.NEWCOMER)
        await desktop.settled()
        done = await program.get(begun.headers["location"], params={"wait": 5})
        nowhere = await program.post("/api/v1/capture", json={"door": "front", "camera": "yard"})

    assert begun.status_code == 202
    assert json.loads(request.payload)["name"] == "Alice"
    assert (done.json()["status"], done.json()["person"]) == ("ok", "newcomer-1")
    assert nowhere.status_code == 404


async def test_pages_show_the_people_and_nothing_of_theirs_as_markup(desktop: Desktop) -> None:
    enrolled(desktop, RosterEntry(person="eve", name="<script>alert(1)</script>", hours='" onload="x'))
    await desktop.settled()
    async with desktop.browser() as browser:
        pages = [(await browser.get(path)).text for path in ("/people", "/people/eve", "/events", "/system")]

    assert all("&lt;script&gt;" in page for page in pages[:3])
    assert not any("<script>alert" in page or '" onload="x' in page for page in pages)


@pytest.mark.parametrize(
    "path", ["/doors", "/people", "/groups", "/steps", "/events", "/system", "/accounts", "/login"]
)
@pytest.mark.parametrize("tongue", ["en", "de"])
async def test_every_page_renders_on_an_empty_site_without_anything_inline(
    tmp_path: Path, path: str, tongue: str
) -> None:
    async with console(tmp_path) as desktop, desktop.browser() as browser:
        page = await browser.get(path, headers={"Accept-Language": tongue})

    assert page.status_code == 200
    assert f'<html lang="{tongue}">' in page.text
    assert " style=" not in page.text
    assert "<script>" not in page.text
    assert not [word for word in page.text.split() if word.startswith("on") and "=" in word]
    assert "'unsafe" not in page.headers["content-security-policy"]


async def test_a_resident_sees_and_opens_their_own_doors_only(desktop: Desktop) -> None:
    say(desktop, channels.LOCK_STATE, LockState.LOCKED, {"door": "yard"})
    await desktop.settled()
    async with desktop.browser("rita", Level.RESIDENT, ("yard",)) as rita:
        doors = (await rita.get("/api/v1/doors")).json()
        page = (await rita.get("/doors")).text
        refused = await rita.post("/api/v1/doors/front/unlock")
        opened = await rita.post("/api/v1/doors/yard/unlock")

    assert [one["door"] for one in doors] == ["yard"]
    assert "front" not in page
    assert (refused.status_code, opened.status_code) == (404, 202)


async def test_what_was_done_is_told_with_the_account_that_did_it(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        await browser.post("/api/v1/doors/front/unlock")
        page = (await browser.get("/system")).text

    assert "<td>ada</td><td>unlock</td><td>door front</td>" in page


async def test_a_link_makes_the_first_account_once_and_signs_it_in(desktop: Desktop) -> None:
    desktop.site.first.offer()
    (path,) = desktop.site.assets.glob("first-account")
    key = path.read_text().strip().partition("?key=")[2]
    form = {"key": key, "name": "ada", "password": "correct horse"}
    async with desktop.stranger() as browser:
        short = await browser.post("/first", data={**form, "password": "short"})
        made = await browser.post("/first", data=form)
        page = await browser.get("/accounts")
    async with desktop.stranger() as another:
        again = await another.post("/first", data=form)
        signed_in = await another.post(
            "/login", data={"name": "ada", "password": "correct horse", "next": "//evil.example"}
        )

    assert short.status_code == 422
    assert (made.status_code, made.headers["location"]) == (303, "/doors")
    assert all(word in made.headers["set-cookie"] for word in ("HttpOnly", "SameSite=Lax"))
    assert page.status_code == 200
    assert again.status_code == 403
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/doors")


async def test_wrong_passwords_are_throttled_by_account_and_address(desktop: Desktop) -> None:
    async with desktop.stranger() as browser:
        answers = [await browser.post("/login", data={"name": "ada", "password": f"guess {n}"}) for n in range(7)]
        other = await browser.post("/login", data={"name": "bob", "password": "guess"})

    assert [answer.status_code for answer in answers[:6]] == [401] * 5 + [429]
    assert answers[-1].headers["retry-after"]
    assert other.status_code == 429


async def test_signing_out_ends_the_session_also_for_a_copy_of_the_cookie(desktop: Desktop) -> None:
    async with desktop.browser() as browser, desktop.stranger() as copy:
        copy.cookies = httpx.Cookies(browser.cookies)
        before = await copy.get("/api/v1/me")
        out = await browser.post("/logout")
        after = await copy.get("/api/v1/me")

    assert (before.status_code, out.status_code, after.status_code) == (200, 204, 401)


async def test_a_changed_password_signs_every_other_browser_out(desktop: Desktop) -> None:
    desktop.site.first.offer()
    key = next(desktop.site.assets.glob("first-account")).read_text().strip().partition("?key=")[2]
    async with desktop.stranger() as first, desktop.browser("ada") as other:
        await first.post("/first", data={"key": key, "name": "ada", "password": "correct horse"})
        wrong = await other.post("/password", data={"old": "wrong", "password": "battery staple"})
        changed = await other.post("/password", data={"old": "correct horse", "password": "battery staple"})
        outside = await first.get("/api/v1/me")

    assert (wrong.status_code, changed.status_code, outside.status_code) == (403, 303, 401)


async def test_the_last_admin_stays(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        refused = await browser.post("/accounts/ada/remove")
        account = {"name": "bob", "password": "battery staple", "level": "admin"}
        await browser.post("/accounts", data=account)
        gone = await browser.post("/accounts/bob/remove")

    assert (refused.status_code, gone.status_code) == (409, 200)


async def test_a_token_is_taken_as_bearer_as_password_and_in_the_address(desktop: Desktop) -> None:
    async with desktop.program(Scope.READ) as program, desktop.stranger() as stranger:
        secret = program.headers["Authorization"].removeprefix("Bearer ")
        bearer = await program.get("/api/v1/doors")
        basic = await stranger.get("/api/v1/doors", auth=("anything", secret))
        address = await stranger.get("/api/v1/doors", params={"token": secret})
        wrong = await stranger.get("/api/v1/doors", params={"token": secret[:-1]})

    assert [one.status_code for one in (bearer, basic, address, wrong)] == [200, 200, 200, 401]


async def test_the_refusal_of_pictures_that_are_too_large_names_them(desktop: Desktop) -> None:
    names = ("first.jpg", "large.jpg", "larger.jpg")
    contents = (b"\xff\xd8\xff", b"\xff\xd8\xff" + bytes(8 * 2**20), b"\xff\xd8\xff" + bytes(9 * 2**20))
    files = [("image", (name, content)) for name, content in zip(names, contents, strict=True)]
    async with desktop.browser() as browser, desktop.program(Scope.PEOPLE) as program:
        headers = {"HX-Request": "true", "Accept-Language": "de"}
        page = await browser.post("/people", data={"name": "Alice"}, files=files, headers=headers)
        call = await program.post("/api/v1/people/a/samples", files=files)

    assert (page.status_code, call.status_code) == (413, 413)
    assert call.json()["detail"] == "large.jpg, larger.jpg: send pictures of at most 8 MiB"
    assert "large.jpg, larger.jpg: schicken Sie Bilder von höchstens 8 MiB" in page.text


async def test_a_body_that_is_too_large_or_no_form_is_refused(desktop: Desktop) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        large = await program.post(
            "/api/v1/people/a/samples", content=bytes(9 * 2**20), headers={"Content-Type": "image/jpeg"}
        )
        torn = await program.post(
            "/api/v1/people/a/samples", content=b"--x", headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        text = await program.post("/api/v1/people/a/samples", content=b"x", headers={"Content-Type": "text/plain"})

    assert [one.status_code for one in (large, torn, text)] == [413, 400, 415]


def routes(desktop: Desktop) -> Iterator[tuple[str, str, Right]]:
    """Method, path and right of every route that is not public."""
    for route in _all(desktop.app.routes):
        needs = [one.call for one in route.dependant.dependencies if isinstance(one.call, Needs)]
        if route.path in PUBLIC:
            continue
        assert len(needs) == 1, f"{route.path} lets everybody in"
        path = route.path.replace("{door}", "front").replace("{camera}", "porch")
        for name in ("person", "command", "errand", "name", "passkey", "recording", "entry"):
            path = path.replace(f"{{{name}}}", "some")
        for method in route.methods or ():
            yield method, path, needs[0].right


def _all(found: Any) -> Iterator[APIRoute]:
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _all(getattr(getattr(route, "original_router", None), "routes", ()))


async def test_no_route_lets_a_stranger_in(desktop: Desktop) -> None:
    async with desktop.stranger() as stranger:
        answers = {(method, path): await stranger.request(method, path) for method, path, _ in routes(desktop)}

    assert len(answers) > 30
    assert {
        key: answer.status_code
        for key, answer in answers.items()
        if answer.status_code != 401 and not answer.headers.get("location", "").startswith("/login")
    } == {}


async def test_no_route_lets_somebody_in_whose_level_is_too_low(desktop: Desktop) -> None:
    order = list(Level)
    wrong = []
    for method, path, right in routes(desktop):
        for level in order[: order.index(LEAST[right])]:
            async with desktop.browser("low", level) as browser:
                answer = await browser.request(method, path)
            if answer.status_code != 403:
                wrong.append((method, path, level, answer.status_code))

    assert wrong == []


async def test_no_route_that_changes_something_takes_another_sites_form(desktop: Desktop) -> None:
    wrong = []
    async with desktop.browser() as browser, desktop.browser() as without:
        del without.headers["X-Form-Token"]
        ways = (
            (browser, {"Sec-Fetch-Site": "cross-site"}),
            (browser, {"Sec-Fetch-Site": "same-site"}),
            (browser, {"Origin": "http://evil.example"}),
            (without, {"Origin": ORIGIN}),
        )
        changing = [(method, path) for method, path, _ in routes(desktop) if method != "GET"]
        for method, path in [
            *changing,
            *(("POST", path) for path in PUBLIC - READ_ONLY if path.startswith(("/login", "/first"))),
        ]:
            for client, headers in ways[: 3 if path in PUBLIC else 4]:
                answer = await client.request(method, path, headers=headers)
                if answer.status_code != 403:
                    wrong.append((method, path, headers, answer.status_code))

    assert len(changing) > 10
    assert wrong == []


async def test_no_token_does_what_its_scopes_do_not_say(desktop: Desktop) -> None:
    wrong = []
    async with desktop.program() as program:
        for method, path, _ in routes(desktop):
            answer = await program.request(method, path)
            if answer.status_code != 403:
                wrong.append((method, path, answer.status_code))

    assert wrong == []


async def test_the_api_describes_every_action_and_its_problems(desktop: Desktop) -> None:
    async with desktop.stranger() as stranger:
        document = (await stranger.get("/api/v1/openapi.json")).json()

    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert {("POST", "/api/v1/doors/{door}/unlock"), ("POST", "/api/v1/people/{person}/samples")} <= described
    assert all(path.startswith("/api/v1/") for _, path in described)
    unlock = document["paths"]["/api/v1/doors/{door}/unlock"]["post"]
    assert "application/problem+json" in unlock["responses"]["503"]["content"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Alice", "alice"),
        ("Jörg Weiß", "jorg-weiss"),
        ("  A  B ", "a-b"),
        ("Ελένη Παπαδοπούλου", "person-"),
        ("../x", "x"),
        ("é" * 99, "e" * 64),
    ],
)
async def test_an_id_is_made_of_any_name_with_a_letter(
    desktop: Desktop, jpeg: dict[str, bytes], name: str, expected: str
) -> None:
    files = {"image": ("one.jpg", jpeg["obama"], "image/jpeg")}
    async with desktop.browser() as browser:
        asked = asyncio.create_task(browser.post("/people", data={"name": name, "person": ""}, files=files))
        async with asyncio.timeout(5):
            while not (topics := [one.topic for one in desktop.bus.log if one.topic.endswith("/enrol")]):
                await desktop.settled()
        await asked

    made = topics[0].split("/")[-2]
    assert made == expected or (expected == "person-" and re.fullmatch("person-[0-9a-f]{8}", made))


@pytest.mark.parametrize("path", ["/people", "/guests", "/groups", "/schedules"])
async def test_a_name_without_a_letter_is_refused_with_a_sentence_wherever_one_is_given(
    desktop: Desktop, jpeg: dict[str, bytes], path: str
) -> None:
    files = {"image": ("one.jpg", jpeg["obama"], "image/jpeg")}
    async with desktop.browser() as browser:
        refused = await browser.post(
            path, data={"name": "???", "code": "274163"}, files=files, headers={"HX-Request": "true"}
        )

    assert refused.status_code == 422
    assert "A name has at least one letter or digit." in refused.text


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("", "en"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr", "en"), ("en;q=0.1,de", "de"), ("de;q=x", "en"), ("*", "en")],
)
def test_the_language_is_the_one_that_the_browser_likes_best(accepted: str, expected: str) -> None:
    assert language_of(accepted) == expected


@pytest.mark.parametrize(("text", "number"), [("true", 5), ("false", 0), ("facerec, arsfutura", 2), ("", 0)])
def test_calls_of_other_programs_are_taken_all_some_or_none(text: str, number: int) -> None:
    assert len(Console(compat=text).compatible) == number


async def test_names_of_cameras_that_somebody_invents_crowd_out_none_that_is_there(desktop: Desktop) -> None:
    porch = Health(
        state=Presence.ONLINE,
        service="capture",
        instance="porch",
        version="1",
        at=desktop.clock.now(),
        started_at=desktop.clock.now(),
        door="front",
        camera="porch",
    )
    say(desktop, channels.HEALTH, porch, {"service": "capture", "instance": "porch"})
    for number in range(3 * MOST_STRANGE_CAMERAS):
        frame = Frame(jpeg=b"\xff\xd8\xff\xd9", frame_id=f"f{number}", captured_at=desktop.clock.now())
        say(desktop, channels.FRAME, frame, {"door": f"door{number}", "camera": "porch"})
        await desktop.settled()

    async with desktop.program(Scope.READ) as program:
        doors = (await program.get("/api/v1/doors")).json()
    text = json.dumps(doors)
    assert "front" in text
    assert f"door{3 * MOST_STRANGE_CAMERAS - 1}" in text
    assert text.count('"porch"') == 1 + MOST_STRANGE_CAMERAS
