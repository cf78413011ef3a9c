"""Somebody is enrolled before a camera: the browser's own, and a door's."""

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from support.browser import Site, a_browser, arrived, filmed, for_the_documents, violations

expect.set_options(timeout=60_000)
pytestmark = pytest.mark.timeout(300)


async def _remove(page: Page, name: str) -> None:
    await page.get_by_role("link", name=name).click()
    await page.locator("summary", has_text="Remove").click()
    await page.get_by_role("button", name="Remove for good").click()
    await arrived(page, "/people")


async def test_the_phones_own_camera_enrols_with_a_word_at_each_step(
    site: Site, signed_in: str, samples: Path, tmp_path: Path
) -> None:
    film = filmed(tmp_path / "phone.mjpeg", *(samples / f"obama{number}.jpg" for number in ("", "2", "3")))
    async with a_browser(*film) as chromium:
        context = await chromium.new_context(base_url=site.address, storage_state=signed_in, locale="en-GB")
        page = await context.new_page()
        await page.goto("/people")
        await page.get_by_label("Name", exact=True).fill("Phone Owner")
        await page.get_by_role("button", name="Use the camera of this device").press("Enter")
        await expect(page.locator("[data-taken]")).to_have_text("1 of 3")
        assert await violations(page, site) == []
        await for_the_documents(page, "console-enrol.jpg")
        await expect(page.locator("[data-said]")).to_have_text(re.compile("turn|hold still|camera|closer"))

        await expect(page.locator("#enrolled li")).to_have_count(3)
        await expect(page.locator("#enrolled .good").first).to_have_text("taken")
        await expect(page.locator("video")).to_be_hidden()
        await _remove(page, "Phone Owner")
        await context.close()


async def test_a_camera_that_shows_nobody_asks_for_a_face_and_can_be_stopped(
    site: Site, signed_in: str, tmp_path: Path
) -> None:
    Image.new("RGB", (64, 48), "grey").save(tmp_path / "wall.png")
    film = filmed(tmp_path / "wall.mjpeg", tmp_path / "wall.png")
    async with a_browser(*film) as chromium:
        context = await chromium.new_context(base_url=site.address, storage_state=signed_in, locale="de-DE")
        page = await context.new_page()
        await page.goto("/people")
        await page.get_by_label("Name", exact=True).fill("Niemand")
        await page.get_by_role("button", name="Die Kamera dieses Geräts benutzen").click()
        await expect(page.locator("[data-said]")).to_have_text("bitte in die Kamera schauen")
        await page.get_by_role("button", name="Aufhören").click()

        await expect(page.locator("video")).to_be_hidden()
        await expect(page.locator("#enrolled")).to_be_empty()
        await context.close()


async def test_a_page_that_may_have_no_camera_says_how_it_may(site: Site, signed_in: str) -> None:
    by_address = site.address.replace("127.0.0.1", "plain.test")
    async with a_browser("--host-resolver-rules=MAP plain.test 127.0.0.1") as chromium:
        context = await chromium.new_context(base_url=by_address, locale="en-GB")
        page = await context.new_page()
        cookies = await (await chromium.new_context(storage_state=signed_in)).cookies(site.address)
        await context.add_cookies([{"name": one["name"], "value": one["value"], "url": by_address} for one in cookies])
        await page.goto("/people")

        await expect(page.get_by_text("Browsers give a camera to pages by https only")).to_be_visible()
        await expect(page.get_by_label("The camera of this phone")).to_be_visible()
        await expect(page.get_by_role("button", name="Use the camera of this device")).to_be_hidden()
        await context.close()


async def test_a_doors_camera_enrols_and_says_what_it_waits_for(page: Page) -> None:
    await page.goto("/people")
    await page.get_by_label("Name", exact=True).fill("At The Door")
    await page.get_by_label(re.compile("^A camera at a door")).select_option("front/porch")
    await page.wait_for_function("() => document.querySelector('#standing img')?.naturalWidth === 640")
    await page.get_by_role("button", name="Enrol", exact=True).click()

    # The sample scene has several people one after the other: whether one of them is seen often enough is luck.
    await expect(page.locator("#standing .state")).to_have_text(re.compile("[0-2] of 3 "))
    await expect(page.locator("#enrolled li")).to_have_count(1)
    await expect(page.locator("#standing .state")).to_have_text("")
    if await page.locator("#enrolled .good").count():
        await _remove(page, "At The Door")
