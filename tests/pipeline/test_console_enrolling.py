"""Enrolling from the console's pages: what whoever stands before a camera is told meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doorbus.wire import channels
from doorbus.wire.ed25519 import SecretKey
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Course, Enrolment, ErrorCode, Face, LockState, Recognised, Recognition, Verdict
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS
from doorbus_console.rights import Level, Scope
from support.console import Desktop, console, say, until_sent
from support.signing import KEYS, RECOGNIZER
from support.signing import STRANGER as OTHER_SITE

FRONT = {"door": "front"}
GERMAN = {"Accept-Language": "de"}
STRANGER = Face(box=(100, 100, 200, 200), verdict=Verdict.UNKNOWN, size=90, sharpness=90, quality=0.8, yaw=1)


@pytest.fixture
async def desktop(tmp_path: Path) -> AsyncIterator[Desktop]:
    async with console(tmp_path) as one:
        say(one, channels.LOCK_STATE, LockState.LOCKED, FRONT)
        await one.settled()
        yield one


async def recognised(one: Desktop, *faces: Face) -> None:
    """Answer the next picture as a recognizer does."""
    request = await until_sent(one, channels.RECOGNISE_REQUEST)
    assert request.response_topic is not None
    payload = Recognised(model="m", faces=faces).model_dump_json(exclude_none=True).encode()
    one.bus.publish(Packet(request.response_topic, payload, qos=1, correlation=request.correlation))


def told(one: Desktop, **fields: Any) -> Enrolment:
    given = {"text": "t", "course": Course.UNDER_WAY, "action": "capture", "at": one.clock.now(), "person": "alice"}
    return Enrolment.model_validate({**given, "door": "front", "camera": "porch", "taken": 2, "asked": 3, **fields})


async def test_a_browsers_own_picture_is_judged_and_nobody_is_named(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    known = STRANGER.model_copy(update={"verdict": Verdict.MATCH, "person": "alice"})
    async with desktop.browser() as browser:
        asked = asyncio.create_task(
            browser.post("/enrol/look", params={"before": [0, 2]}, content=jpeg["obama"], headers=GERMAN)
        )
        await recognised(desktop, known)
        answered = await asked
        none = await browser.post("/enrol/look", content=b"no picture", headers={"HX-Request": "true"})

    assert answered.json() == {
        "hint": "bitte den Kopf ein wenig drehen", "used": True, "fresh": False, "quality": 0.8, "yaw": 1
    }  # fmt: skip
    assert "alice" not in answered.text
    assert (none.status_code, "this is no picture that can be read" in none.text) == (422, True)
    assert desktop.site.store.deeds(10) == ()


@pytest.mark.parametrize(("key", "status"), [(RECOGNIZER, 200), (OTHER_SITE, 504), (None, 504)])
async def test_only_an_answer_that_a_recognizer_of_the_site_has_signed_says_who_is_on_a_picture(
    tmp_path: Path, jpeg: dict[str, bytes], key: SecretKey | None, status: int
) -> None:
    shown = frozenset({channels.RECOGNITION.name, channels.ROSTER_MANIFEST.name})
    async with console(tmp_path, keys=replace(KEYS, unasked=shown)) as one, one.program(Scope.RECOGNISE) as program:
        asked = asyncio.create_task(program.post("/api/v1/recognise", files={"image": jpeg["obama"]}))
        request = await until_sent(one, channels.RECOGNISE_REQUEST)
        answer = Recognised(model="m", faces=(STRANGER,))
        reply = Outbound(
            channels.RECOGNISE_REPLY, answer, topic=request.response_topic, correlation=request.correlation
        )
        one.bus.publish(reply.packet(DEFAULT_TOPICS, key))
        answered = await asked

    assert answered.status_code == status


async def test_a_doors_camera_is_shown_with_how_far_the_enrolment_is(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    say(desktop, channels.RECOGNITION, _nobody(desktop), {"door": "front", "camera": "porch"})
    say(desktop, channels.ENROLMENT, told(desktop, error=ErrorCode.TOO_SMALL), {})
    await desktop.settled()
    async with desktop.browser() as browser:
        shown = (await browser.get("/enrol/camera", params={"camera": "front/porch"})).text
        say(desktop, channels.ENROLMENT, told(desktop, course=Course.OK, door=None, camera=None), {})
        await desktop.settled()
        over = (await browser.get("/enrol/camera", params={"camera": "front/porch"})).text
        nowhere = await browser.get("/enrol/camera", params={"camera": "front/yard"})

    assert 'src="/doors/front/porch/live.mjpg"' in shown
    assert "<strong>2 of 3</strong> come closer" in shown
    assert "of 3" not in over
    assert nowhere.status_code == 404


async def test_who_follows_hears_of_an_enrolment_until_it_is_over(desktop: Desktop) -> None:
    with desktop.site.live.followed() as follower:
        say(desktop, channels.ENROLMENT, told(desktop), {})
        say(desktop, channels.ENROLMENT, told(desktop, course=Course.OK, door=None, camera=None), {})
        await desktop.settled()
        heard = await anext(follower.news(1))

    assert heard == (("enrolment", "front", "porch"),)


async def test_a_resident_sees_no_camera_to_enrol_from(desktop: Desktop) -> None:
    async with desktop.browser("rita", Level.RESIDENT) as browser:
        refused = await browser.get("/enrol/camera", params={"camera": "front/porch"})

    assert refused.status_code == 403


def _nobody(one: Desktop) -> Recognition:
    now = one.clock.now()
    return Recognition(frame_id="1", captured_at=now, recognized_at=now, recognizer="r", model="m")
