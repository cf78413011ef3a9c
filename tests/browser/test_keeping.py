"""Groups, schedules, PINs and tags are kept from the pages, and weak people are flagged."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from support.browser import Site, arrived, too_wide, violations

expect.set_options(timeout=60_000)
pytestmark = pytest.mark.timeout(300)
CODE = "274163"


async def _remove(page: Page) -> None:
    await page.locator("summary", has_text="Remove").click()
    await page.get_by_role("button", name="Remove for good").click()


async def _good(page: Page, site: Site) -> None:
    assert await violations(page, site) == []
    assert await too_wide(page) == []


async def _saved(page: Page) -> None:
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#saved")).to_contain_text("Saved.")


async def _named(page: Page, what: str, name: str) -> None:
    await page.goto("/groups")
    await page.get_by_label(f"Name of the {what}").fill(name)
    await page.get_by_role("button", name=f"Make the {what}").press("Enter")


async def _biden(page: Page, samples: Path) -> None:
    await page.goto("/people")
    await page.get_by_label("Name", exact=True).fill("Joe Biden")
    await page.get_by_label(re.compile("^Pictures")).set_input_files(samples / "biden.jpg")
    await page.get_by_role("button", name="Enrol", exact=True).click()
    await expect(page.locator("#enrolled .good")).to_have_text("taken")


async def test_a_group_on_a_schedule_gives_its_people_their_hours(page: Page, site: Site, samples: Path) -> None:
    await _named(page, "schedule", "Office hours")
    await arrived(page, "/schedules/office-hours")
    await page.get_by_label("Monday from", exact=True).fill("06:00")
    await page.get_by_label("Holidays of its own").check()
    await page.get_by_label(re.compile("^Its holidays")).fill("PH\nDec 31")
    await _saved(page)
    await _good(page, site)

    await _named(page, "group", "Staff")
    await arrived(page, "/groups/staff")
    await page.get_by_label("By a schedule").check()
    await _saved(page)
    await _good(page, site)
    await page.goto("/groups")
    await expect(page.get_by_role("region", name="Schedules")).to_contain_text("PH, Dec 31")
    await expect(page.get_by_role("region", name="Groups")).to_contain_text("Office hours")

    await _biden(page, samples)
    await page.goto("/groups/staff")
    await page.get_by_label("Who is to be in it").select_option("joe-biden")
    await page.get_by_role("button", name="Put into the group").click()
    await page.get_by_role("link", name="Joe Biden").click()
    await expect(page.get_by_text("Of the group, until something else is said here:")).to_contain_text("schedule")
    await expect(page.get_by_label("By a schedule")).to_be_checked()
    await _remove(page)
    await arrived(page, "/people")

    for path, empty in (("/groups/staff", "There is no group."), ("/schedules/office-hours", "There is no schedule.")):
        await page.goto(path)
        await _remove(page)
        await arrived(page, "/groups")
        await expect(page.get_by_text(empty)).to_be_visible()


async def test_a_code_is_given_and_never_shown_again_and_weak_people_are_flagged(
    page: Page, site: Site, samples: Path
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    await _biden(page, samples)
    await expect(page.locator("section", has_text="Hard to recognise").get_by_text("few pictures")).to_be_visible()
    await page.goto("/people/joe-biden")
    await expect(page.locator("#samples-list tbody tr")).to_have_count(1)
    code = page.get_by_label(re.compile("^PIN, or what a tag says"))

    await code.fill("123456")
    await page.get_by_role("button", name="Give this code").click()
    await expect(page.locator("#codes-list")).to_contain_text("the code is too short, or one that anybody tries first")
    await code.fill(CODE)
    await page.get_by_role("button", name="Give this code").click()
    await expect(page.locator("#codes-list li")).to_contain_text("pin")
    await expect(code).to_have_value("")
    assert CODE not in await page.content()
    await _good(page, site)

    await page.get_by_role("button", name="Take away pin").press("Enter")
    await expect(page.locator("#codes-list")).to_contain_text("None.")
    await _remove(page)
    await arrived(page, "/people")


async def test_a_guest_comes_by_a_code_without_a_picture_and_the_page_says_what_it_opens(
    page: Page, site: Site
) -> None:
    await page.goto("/people")
    await page.locator("summary", has_text="Let a guest in by a code").click()
    await page.get_by_label("Name of the guest").fill("The Plumber")
    await page.get_by_label(re.compile("^PIN, or what a tag says")).fill("839274")
    await page.get_by_role("button", name="Let in").click()

    told = page.locator("#guest")
    await expect(told).to_contain_text("the code opens nothing by itself at front: DOORBUS_ACTUATOR__CODES_ALONE=true")
    await expect(page.get_by_label("Name of the guest")).to_have_value("")
    await expect(page.get_by_label("Until (for good if left empty)")).not_to_have_value("")
    await _good(page, site)
    await told.get_by_role("link", name="To this guest").click()
    await arrived(page, "/people/the-plumber")
    await expect(page.locator("#codes-list li")).to_contain_text("pin")
    await _remove(page)
    await arrived(page, "/people")


async def test_pictures_are_erased_one_by_one_and_with_the_person(page: Page, site: Site, samples: Path) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    await _biden(page, samples)
    await page.goto("/events")
    await page.get_by_label("Person").select_option("joe-biden")
    await expect(page).to_have_url(re.compile("person=joe-biden"))
    first = page.get_by_role("button", name=re.compile("^Erase the picture"))
    while not await first.count():  # until the camera has seen him, and the recorder has kept it
        await page.wait_for_timeout(500)
        await page.reload()
    which = await page.locator("#events img.kept").first.get_attribute("src")
    await first.first.press("Enter")
    await expect(page.locator(f"#events img[src='{which}']")).to_have_count(0)
    await page.locator("summary", has_text="Erase pictures").click()
    await _good(page, site)
    await page.get_by_role("button", name="Erase all pictures of Joe Biden").click()
    await expect(page.locator("#erased")).to_have_text(re.compile(r"^Erased: \d+$"))

    await page.goto("/people/joe-biden")
    await page.locator("summary", has_text="Remove").click()
    await page.get_by_label("Erase also all pictures").check()
    await page.get_by_role("button", name="Remove for good").click()
    await arrived(page, "/people")
