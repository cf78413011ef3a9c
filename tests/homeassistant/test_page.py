"""Home Assistant's own page in a real chromium: what is typed there, and what leaving a field does."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.async_api", reason="scripts/setup-browser installs it")
from playwright.async_api import Locator, Page, expect

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from support.browser import a_browser
from support.door import Door
from support.homeassistant import Hass

pytestmark = [pytest.mark.homeassistant, pytest.mark.timeout(600)]

LOADING_MS = 120_000
"""How long a page of so many parts may take on a busy machine."""
ENROL_FIELD = "text.front_door_enrol_at_porch"
ACTIVITY = "sensor.front_door_activity"
PEOPLE, ENROLMENT = "sensor.doorbus_people", "sensor.doorbus_last_enrolment"
PROMPT = "…"


@pytest.fixture
async def page(hass: Hass) -> AsyncIterator[Page]:
    """A page of a browser on this machine, which Home Assistant signs in as its owner."""
    async with a_browser() as browser:
        context = await browser.new_context(base_url=hass.address, locale="en-GB")
        context.set_default_timeout(LOADING_MS)
        yield await context.new_page()
        await context.close()


async def _field_to_enrol(hass: Hass, page: Page) -> Locator:
    """The field for a name on the page of the camera, as a person finds it."""
    await hass.until(ENROL_FIELD, PROMPT)
    device = await hass.template(f"{{{{ device_id('{ENROL_FIELD}') }}}}")
    await page.goto(f"/config/devices/device/{device}")
    field = page.locator("hui-text-entity-row input")
    await expect(field).to_have_value(PROMPT, timeout=LOADING_MS)
    return field


async def test_the_dashboard_shows_who_is_enrolled_and_in_words_what_happened(  # noqa: PLR0917  # fixtures
    hass: Hass, door: Door, page: Page, samples: Path, newcomer: tuple[bytes, ...], expected: list[str]
) -> None:
    expected.append("libturbojpeg")  # pictures are scaled without it
    assert (await door.enrol("zoe", newcomer[0])).error is None
    name = 'Ζωή "小明" Ёж'
    payload = json.dumps({"name": name, "enabled": False})
    await hass.call("mqtt.publish", topic="doorbus/v1/person/zoe/update", payload=payload, qos=1)
    await hass.until(PEOPLE, lambda one: one["attributes"]["disabled"] == [name])
    await door.opens_for((samples / "obama2.jpg").read_bytes(), within=60)
    await hass.until(ACTIVITY, "Obama let in")
    await page.goto("/doorbus-front/front-door")

    people = page.locator("hui-markdown-card li")
    await expect(people).to_have_text(["Obama", f"{name} (disabled)"], timeout=LOADING_MS)
    for card in ("hui-entities-card", "hui-logbook-card"):
        await expect(page.locator(card).get_by_text("Obama let in").first).to_be_visible(timeout=LOADING_MS)
    await hass.call("script.manage", who=name, action="remove")
    await hass.until(PEOPLE, "1")


async def test_only_a_name_that_was_typed_enrols_somebody_and_in_any_letters(  # noqa: PLR0917  # fixtures
    hass: Hass, house: Stack, door: Door, page: Page, newcomer: tuple[bytes, ...], expected: list[str]
) -> None:
    expected.extend(["is too short", "Unexpected exception"])  # what the emptied field is to 2024.3, and to 2026.2
    name = 'Ζωή "小明" Ёж'
    await hass.until(PEOPLE, "1")
    field = await _field_to_enrol(hass, page)
    async with connect(house.broker.transport(Role.OPERATOR), [channels.NEWCOMER]) as operator:
        async with door.showing(*newcomer):
            await field.focus()
            await field.blur()
            await field.fill("")
            await field.blur()
            await field.focus()
            await page.keyboard.type(name)
            await field.blur()
            await hass.until(ENROLMENT, f"{name} is enrolled, 3 samples")
        asked = await operator.expect(channels.NEWCOMER)

    assert asked.message.name == name  # before it, nobody was asked for
    assert (await hass.until(PEOPLE, "2"))["attributes"]["people"] == ["Obama", name]
    await hass.call("script.manage", who=name, action="remove")
    await hass.until(PEOPLE, "1")
