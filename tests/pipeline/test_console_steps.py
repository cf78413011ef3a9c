"""The first steps of a site, as the console leads through them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorbus.wire import channels
from doorbus.wire.messages import (
    Decision,
    Face,
    Frame,
    Health,
    LockState,
    Outcome,
    Presence,
    Reason,
    Recognition,
    RosterEntry,
    Trigger,
    Verdict,
)
from doorbus_console.rights import Level
from doorbus_console.trying import ENOUGH
from support.console import Desktop, console, enrolled, say

PORCH = {"door": "front", "camera": "porch"}


@pytest.fixture
async def desktop(tmp_path: Path) -> AsyncIterator[Desktop]:
    async with console(tmp_path) as one:
        yield one


def seen(one: Desktop, confidence: float) -> None:
    face = Face(box=(1, 2, 3, 4), verdict=Verdict.MATCH, person="alice", confidence=confidence)
    now = one.clock.now()
    recognition = Recognition(
        frame_id="1", captured_at=now, recognized_at=now, recognizer="r", model="m", faces=(face,)
    )
    say(one, channels.RECOGNITION, recognition, PORCH)


def actuator(one: Desktop, threshold: float) -> None:
    now = one.clock.now()
    health = Health(
        state=Presence.ONLINE, service="actuator", instance="front", version="1", at=now, started_at=now, door="front",
        figures={"threshold": threshold},
    )  # fmt: skip
    say(one, channels.HEALTH, health, {"service": "actuator", "instance": "front"})


async def test_each_step_says_what_is_missing_and_the_next_comes_by_itself(
    desktop: Desktop, jpeg: dict[str, bytes]
) -> None:
    now = desktop.clock.now()
    granted = Decision(outcome=Outcome.GRANTED, reason=Reason.COMMANDED, trigger=Trigger.COMMAND, at=now)
    pages = []
    async with desktop.browser() as browser:
        pages.append((await browser.get("/steps")).text)
        waiting = await browser.get("/list/steps", params={"at": "door"})
        say(desktop, channels.LOCK_STATE, LockState.LOCKED, {"door": "front"})
        await desktop.settled()
        pages.append((await browser.get("/list/steps", params={"at": "door"})).text)
        say(desktop, channels.FRAME, Frame(jpeg=jpeg["obama"], frame_id="1", captured_at=now), PORCH)
        await desktop.settled()
        pages.append((await browser.get("/list/steps", params={"at": "camera"})).text)
        enrolled(desktop, RosterEntry(person="alice", name="Alice"))
        async with asyncio.timeout(5):
            while not desktop.site.live.scene.people:
                await desktop.settled()
        pages.append((await browser.get("/list/steps", params={"at": "enrol"})).text)
        say(desktop, channels.DECISION, granted, {"door": "front"})
        actuator(desktop, 0.8)
        await desktop.settled()
        pages.append((await browser.get("/list/steps", params={"at": "open"})).text)
        for _ in range(ENOUGH):
            seen(desktop, 0.74)
        await desktop.settled()
        tried = (await browser.get("/steps/tries")).text
        actuator(desktop, 0.69)
        await desktop.settled()
        pages.append((await browser.get("/list/steps", params={"at": "threshold"})).text)

    assert waiting.status_code == 204
    titles = ("1. A door", "2. What its camera sees", "3. Enrol yourself", "4. Open", "5. A threshold", "All is done")
    assert [[title for title in titles if title in page] for page in pages] == [[title] for title in titles]
    assert "DOORBUS_ACTUATOR__THRESHOLD=0.69" in tried


async def test_a_name_of_a_door_is_told_as_the_settings_that_make_it(desktop: Desktop) -> None:
    async with desktop.browser() as browser:
        told = (await browser.get("/steps/name", params={"name": "Hall & Café"})).text
        none = (await browser.get("/steps/name", params={"name": "???"})).text

    assert "DOORBUS_ACTUATOR__DOOR=hall-cafe" in told
    assert "DOORBUS_" not in none


async def test_a_resident_is_led_through_nothing(desktop: Desktop) -> None:
    async with desktop.browser("rita", Level.RESIDENT) as rita:
        doors = (await rita.get("/doors")).text
        refused = await rita.get("/steps")

    assert "First steps" not in doors
    assert refused.status_code == 403
