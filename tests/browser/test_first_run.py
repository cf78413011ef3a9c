"""A new site: the page leads from a door that knows nobody to one that opens by face."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from support.browser import Site, arrived, too_wide, violations

expect.set_options(timeout=90_000)
pytestmark = pytest.mark.timeout(300)


async def test_the_first_steps_go_on_by_themselves_until_the_threshold_fits(
    page: Page, site: Site, samples: Path
) -> None:
    await page.goto("/doors")
    await page.get_by_role("link", name="Go through them one by one").click()
    await expect(page.get_by_role("heading", name="3. Enrol yourself")).to_be_visible()
    await expect(page.get_by_role("button", name="Use the camera of this device")).to_be_visible()
    await page.locator("summary", has_text="Give a door another name").click()
    await page.get_by_label("Name of the door").fill("Back Door")
    await page.get_by_role("button", name="How is it set?").press("Enter")
    await expect(page.locator("#naming pre")).to_contain_text("DOORBUS_ACTUATOR__DOOR=back-door")
    assert await violations(page, site) == []
    assert await too_wide(page) == []

    await page.get_by_label("Name", exact=True).fill("First Resident")
    await page.locator(".drop input").set_input_files(samples / "obama.jpg")
    await page.get_by_role("button", name="Enrol", exact=True).press("Enter")
    await expect(page.get_by_role("heading", name="3. Enrol yourself")).to_have_count(0)
    assert await violations(page, site) == []
    await expect(page.get_by_role("heading", name="All is done")).to_be_visible()
    assert await violations(page, site) == []

    await page.goto("/people/first-resident")
    await page.locator("summary", has_text="Remove").click()
    await page.get_by_role("button", name="Remove for good").click()
    await arrived(page, "/people")
