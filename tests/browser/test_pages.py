"""Each page and each action in a real browser, against a whole running system with the sample camera."""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from doorbus.wire.channels import Role
from support.browser import (
    ADMIN,
    PAGES,
    PASSWORD,
    Site,
    arrived,
    hold,
    picture,
    sign_in,
    tap,
    too_wide,
    until_locked,
    violations,
    virtual_authenticator,
)

expect.set_options(timeout=60_000)
pytestmark = pytest.mark.timeout(300)
UNLOCK = re.compile("Hold to unlock")


async def test_the_live_picture_moves_and_unknown_faces_have_boxes(page: Page) -> None:
    await page.goto("/doors")

    await page.wait_for_function("() => document.querySelector('.live img').naturalWidth === 640")
    await expect(page.locator(".overlay rect").first).to_be_attached()
    await expect(page.locator(".overlay text").first).to_have_text("unknown")
    await expect(page.locator(".why")).to_contain_text("nobody that the door knows")


async def test_a_new_site_says_what_is_still_to_do(page: Page) -> None:
    await page.goto("/doors")

    await expect(page.get_by_role("heading", name="First steps")).to_be_visible()
    for done in ("A door is heard of", "Its camera shows a picture"):
        await expect(page.locator(".steps li", has_text=done)).to_have_class("done")
    await expect(page.locator(".steps li", has_text="The threshold fits")).to_have_class("open")
    await page.get_by_role("link", name="enrol yourself").click()
    await arrived(page, "/people")


async def test_a_short_press_opens_nothing_and_a_long_one_the_door(page: Page, site: Site) -> None:
    await page.goto("/doors")
    await until_locked(page)
    button = page.get_by_role("button", name=UNLOCK)
    before = site.openings

    await tap(page, button)
    await page.get_by_label("Seconds").press("Enter")
    await page.wait_for_timeout(500)
    assert site.openings == before
    await hold(page, button)

    await expect(page.locator(".answer")).to_have_text("The door is unlocked.")
    await expect(page.locator(".state")).to_contain_text("Unlocked")
    assert site.openings == before + 1
    await until_locked(page)
    await expect(page.locator(".answer")).to_have_text("")


async def test_the_keyboard_alone_opens_and_locks_a_door(page: Page, site: Site) -> None:
    await page.goto("/doors")
    await until_locked(page)
    before = site.openings
    await page.get_by_label("Seconds").fill("3")
    await page.get_by_role("button", name=UNLOCK).focus()

    await page.keyboard.down("Space")
    await expect(page.locator(".answer")).to_have_text("The door is unlocked.")
    await page.keyboard.up("Space")
    await page.get_by_role("button", name="Lock", exact=True).focus()
    await page.keyboard.press("Enter")

    await expect(page.locator(".answer")).to_have_text("The door is locked.")
    await until_locked(page)
    assert site.openings == before + 1


async def test_a_lockdown_keeps_a_door_shut_until_it_is_ended(page: Page, site: Site) -> None:
    await page.goto("/doors")
    await until_locked(page)
    before = site.openings
    await page.locator("summary", has_text="Lockdown").click()
    await page.get_by_role("button", name="Begin a lockdown").click()
    await expect(page.get_by_text("Lockdown: the door opens for nobody")).to_be_visible()
    await hold(page, page.get_by_role("button", name=UNLOCK))
    await expect(page.locator(".answer")).to_contain_text("the door is in lockdown")
    assert site.openings == before

    await page.get_by_role("button", name="End it").click()

    await expect(page.get_by_text("Lockdown: the door opens for nobody")).to_have_count(0)


async def test_one_browser_sees_what_another_does(page: Page, site: Site, chromium: Browser, signed_in: str) -> None:
    context = await chromium.new_context(base_url=site.address, storage_state=signed_in)
    other = await context.new_page()
    await page.goto("/doors")
    await other.goto("/doors")
    await until_locked(page)

    opened = page.locator(".answer", has_text="The door is unlocked.")
    while not await opened.count():  # the door may have been opened just now by another test
        await hold(page, page.get_by_role("button", name=UNLOCK))
        await page.wait_for_timeout(500)

    await expect(other.locator(".state")).to_contain_text("Unlocked")
    await expect(other.get_by_text("Last in:")).to_contain_text(ADMIN)
    await until_locked(other)
    await context.close()


async def test_somebody_is_enrolled_let_in_disabled_and_removed(page: Page, site: Site, samples: Path) -> None:
    await page.goto("/people")
    await page.get_by_label("Name", exact=True).fill("Barack <O>")
    await page.get_by_label(re.compile("^Pictures")).set_input_files([samples / "obama.jpg", samples / "biden.jpg"])
    await page.get_by_role("button", name="Enrol").click()

    await expect(page.locator("#enrolled li").nth(0)).to_contain_text("taken")
    await expect(page.locator("#enrolled li").nth(1)).to_contain_text("this is not the person on the other pictures")
    await expect(page.get_by_role("link", name="Barack <O>")).to_be_visible()

    await page.goto("/doors")
    await expect(page.locator(".overlay text.known").first).to_contain_text("Barack <O>")
    await expect(page.get_by_text("Last in:")).to_contain_text("Barack <O>")

    await page.goto("/people/barack-o")
    await page.get_by_label("May pass").uncheck()
    await page.get_by_label("In these hours of a week").check()
    await page.get_by_label("Monday from", exact=True).fill("07:00")
    await page.get_by_label("Monday until", exact=True).fill("19:00")
    await page.get_by_role("button", name="Monday's hours for Tuesday to Friday").press("Enter")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await page.goto("/events")
    await expect(page.get_by_text("may not pass at present").last).to_be_visible()
    await page.wait_for_function("() => document.querySelector('#events img.kept').naturalWidth === 640")

    await page.goto("/people/barack-o")
    await expect(page.get_by_label("In these hours of a week")).to_be_checked()
    await expect(page.get_by_label("Friday until", exact=True)).to_have_value("19:00")
    assert await violations(page, site) == []
    assert await too_wide(page) == []
    await page.get_by_label("As a text").check()
    await expect(page.get_by_label("Text of the hours")).to_have_value("Mo-Fr 07:00-19:00")
    await page.locator("summary", has_text="Remove").click()
    await page.get_by_role("button", name="Remove for good").click()
    await arrived(page, "/people")
    await expect(page.get_by_text("Nobody is enrolled.")).to_be_visible()


async def test_a_folder_enrols_everybody_in_it(page: Page, samples: Path, tmp_path: Path) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    folder = tmp_path / "people"
    (folder / "Joe Biden").mkdir(parents=True)
    shutil.copy(samples / "biden.jpg", folder / "Joe Biden" / "one.jpg")
    (folder / "notes.txt").write_text("no picture")
    (folder / "Nobody.jpg").write_bytes(b"no picture either")
    await page.goto("/people")
    await page.locator("summary", has_text="Import a folder").click()
    await page.get_by_label("Folder").set_input_files(folder)
    await page.get_by_role("button", name="Import").click()

    await expect(page.locator("#imported dt")).to_have_text(["Joe Biden", "Nobody"])
    await expect(page.locator("#imported dd", has_text="one.jpg: taken")).to_be_visible()
    told = page.locator("#imported dd").nth(1)
    await expect(told).to_contain_text("this is no picture that can be read")
    await page.get_by_role("link", name="Joe Biden").click()
    await page.locator("summary", has_text="Remove").click()
    await page.get_by_role("button", name="Remove for good").click()
    await arrived(page, "/people")


async def test_faces_are_named_and_discarded_by_the_keyboard_alone(page: Page, site: Site) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    cards = page.locator(".review")
    await page.goto("/review")
    while not await cards.count():  # strangers are before the camera all the time
        await page.wait_for_timeout(500)
        await page.reload()
    await page.wait_for_function("() => document.querySelector('.review img').naturalWidth > 0")
    assert await violations(page, site) == []

    await page.keyboard.press("j")
    named = await page.locator(".review:focus").get_attribute("id")
    await page.keyboard.press("n")
    await page.keyboard.type("Nora New")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"#{named}")).to_have_count(0)
    await page.goto("/people")
    await expect(page.get_by_role("link", name="Nora New")).to_be_visible()
    await page.get_by_role("link", name="Nora New").click()
    await page.locator("summary", has_text="Remove").click()
    await page.get_by_role("button", name="Remove for good").click()
    await arrived(page, "/people")

    await page.goto("/review")
    while not await cards.count():
        await page.wait_for_timeout(500)
        await page.reload()
    await page.keyboard.press("j")
    discarded = await page.locator(".review:focus").get_attribute("id")
    await page.keyboard.press("d")
    await expect(page.locator(f"#{discarded}")).to_have_count(0)


async def test_a_double_press_sends_one_request_and_no_press_is_a_mistake_of_the_page(
    page: Page, samples: Path
) -> None:
    sent: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: sent.append(urlsplit(request.url).path) if request.method == "POST" else None)
    page.on("console", lambda message: said.append(message.text) if message.type in {"warning", "error"} else None)
    await page.goto("/people")
    await page.get_by_label("Name", exact=True).fill("Nobody")
    await page.get_by_label(re.compile("^Pictures, one face")).set_input_files(samples / "coffee.png")
    await page.get_by_role("button", name="Enrol", exact=True).dblclick()
    await expect(page.locator("#enrolled li")).to_have_count(1)
    await expect(page.get_by_role("button", name="Enrol", exact=True)).to_be_enabled()
    await page.goto("/doors")
    await page.get_by_role("button", name="Lock", exact=True).click()
    await expect(page.locator(".answer")).to_have_text("The door is locked.")

    assert [path for path in sent if path == "/people"] == ["/people"]
    assert said == []


async def test_a_picture_without_a_face_is_refused_in_words(page: Page, samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "no.jpg"
    path.write_bytes(b"this is no picture")
    await page.goto("/people")
    await page.get_by_label("Name", exact=True).fill("Nobody")
    await page.get_by_label(re.compile("^Pictures")).set_input_files(path)
    await page.get_by_role("button", name="Enrol").click()

    await expect(page.locator("#enrolled li")).to_contain_text("no.jpg: this is no picture that can be read")


async def test_events_come_by_themselves_and_can_be_filtered(page: Page) -> None:
    await page.goto("/events")
    rows = page.locator("#events tbody tr")
    await expect(rows.first).to_be_visible()
    first = await rows.first.inner_text()
    await expect(rows.first).not_to_have_text(first)
    await expect(rows.first.locator("time")).to_have_text(re.compile(r"\d\d/\d\d/\d{4}, \d\d:\d\d:\d\d"))
    grown = rows.filter(has_text=re.compile(r"\(\d{2,}x\)"))  # somebody stays before the sample camera
    await expect(grown.first).to_be_visible()
    before = await rows.count(), await rows.first.inner_text()
    await expect(rows.first).not_to_have_text(before[1])
    assert await rows.count() <= before[0] + 1

    await page.get_by_label("Reason").select_option("code_wrong")

    await expect(rows).to_have_count(0)
    await expect(page).to_have_url(re.compile("reason=code_wrong"))


async def test_the_system_page_tells_of_every_service(page: Page) -> None:
    await page.goto("/system")

    for service in ("actuator", "capture", "enroller", "recognizer"):
        await expect(page.locator("summary", has_text=f"{service}/")).to_contain_text("online")
    await expect(page.locator(".findings .fail")).to_have_count(0)


async def test_accounts_and_tokens_are_made_and_taken_away(page: Page, site: Site, chromium: Browser) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto("/accounts")
    account = page.locator("form[hx-post='/accounts']")
    await account.get_by_label("Name").fill("rita")
    await account.get_by_label("Password").fill(PASSWORD)
    await account.get_by_role("button", name="Add").click()
    await expect(page.locator("li", has_text="rita, resident")).to_be_visible()
    token = page.locator("form[hx-post='/tokens']")
    await token.get_by_label("Name").fill("siri")
    await token.get_by_label("unlock").check()
    await token.get_by_role("button", name="Make a token").click()
    await expect(page.locator(".banner code")).to_have_text(re.compile("^doorbus_"))

    other = await chromium.new_context(base_url=site.address)
    rita = await other.new_page()
    await rita.goto("/people")
    await rita.get_by_label("Name").fill("rita")
    await rita.get_by_label("Password").fill(PASSWORD)
    await rita.get_by_role("button", name="Sign in").click()
    await expect(rita.get_by_role("heading", name="403: Forbidden")).to_be_visible()
    await rita.get_by_role("link", name="To the doors").click()
    await expect(rita.get_by_role("navigation").get_by_role("link")).to_have_text(["Doors"])
    await rita.locator("summary", has_text="rita").click()
    await rita.get_by_role("button", name="Sign out").click()
    await arrived(rita, "/login")
    await other.close()

    await page.get_by_role("button", name="Remove rita").click()
    await expect(page.locator("li", has_text="rita")).to_have_count(0)
    await page.get_by_role("button", name="Remove siri").click()
    await expect(page.locator("li", has_text="siri")).to_have_count(0)


async def test_somebody_signs_in_and_unlocks_with_a_passkey(chromium: Browser, site: Site, by_name: Site) -> None:
    context = await chromium.new_context(base_url=by_name.address)
    page = await context.new_page()
    await virtual_authenticator(page)
    await sign_in(page, "/account")
    await page.get_by_label("What it is on").fill("phone")
    await page.get_by_label("Your password, once more").fill("wrong")
    await page.get_by_role("button", name="Make a passkey").click()
    await expect(page.locator("[data-failed]")).to_contain_text("the password is wrong")
    await page.get_by_label("Your password, once more").fill(PASSWORD)
    await page.get_by_role("button", name="Make a passkey").click()
    await expect(page.locator("#passkeys li", has_text="phone")).to_be_visible()

    await context.clear_cookies()
    await page.goto("/people")
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await arrived(page, "/people")

    await page.goto("/doors")
    await until_locked(page)
    before = site.openings
    await hold(page, page.get_by_role("button", name=UNLOCK))
    await expect(page.locator(".answer")).to_contain_text("The door is unlocked.")
    assert site.openings == before + 1
    await context.close()


async def test_a_password_never_stands_in_an_address(site: Site, chromium: Browser, signed_in: str) -> None:
    context = await chromium.new_context(
        base_url=site.address, storage_state=signed_in, java_script_enabled=False
    )  # what sends the form has not come, or not yet
    page = await context.new_page()
    await page.goto("/account")
    await page.get_by_label("Old password").fill(PASSWORD)
    await page.get_by_label("New password").fill("another good one")
    await page.get_by_role("button", name="Change the password").click()

    await expect(page.get_by_role("heading", level=1)).to_contain_text("405")
    assert "password" not in page.url
    await context.close()


async def test_without_its_device_a_passkey_opens_no_door(chromium: Browser, site: Site, by_name: Site) -> None:
    context = await chromium.new_context(base_url=by_name.address)
    page = await context.new_page()
    remove = await virtual_authenticator(page)
    await sign_in(page, "/account")
    await page.get_by_label("What it is on").fill("lost")
    await page.get_by_label("Your password, once more").fill(PASSWORD)
    await page.get_by_role("button", name="Make a passkey").click()
    await expect(page.locator("#passkeys li", has_text="lost")).to_be_visible()
    await remove()
    await page.goto("/doors")
    await until_locked(page)
    before = site.openings

    await hold(page, page.get_by_role("button", name=UNLOCK))
    await expect(page.get_by_role("button", name="Confirm with your passkey")).to_be_visible()

    assert site.openings == before
    assert await violations(page, by_name) == []
    await context.close()


async def test_a_dropped_broker_is_told_and_heals_by_itself(page: Page, site: Site) -> None:
    await page.goto("/doors")
    await until_locked(page)
    await site.stack.broker.stop()

    await expect(page.locator(".banner", has_text="The broker is away")).to_be_visible(timeout=40_000)
    await hold(page, page.get_by_role("button", name=UNLOCK))
    await expect(page.locator(".answer")).to_contain_text("nothing was sent")
    await site.stack.broker.start()

    await expect(page.locator(".banner", has_text="The broker is away")).to_have_count(0, timeout=40_000)


async def test_a_console_that_went_is_told_and_the_page_goes_on_when_it_is_back(page: Page, site: Site) -> None:
    await page.goto("/doors")
    await expect(page.locator("#offline")).to_be_hidden()
    await site.stack.stop_service("console")

    await expect(page.locator("#offline")).to_be_visible(timeout=40_000)
    await site.stack.start(Role.CONSOLE)

    await expect(page.locator("#offline")).to_be_hidden(timeout=60_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_wrong_with_any_page(
    site: Site, chromium: Browser, signed_in: str, scheme: str
) -> None:
    found = {}
    context = await chromium.new_context(
        base_url=site.address,
        storage_state=signed_in,
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = await context.new_page()
    for path in PAGES:
        await page.goto(path)
        found[path] = await violations(page, site)
    await context.clear_cookies()
    await page.goto("/login")
    found["/login"] = await violations(page, site)
    await context.close()

    assert {path: wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("width", [360, 1600])
async def test_no_page_scrolls_sideways_and_buttons_are_large_enough_for_thumbs(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 740})
    wrong = []
    for path in PAGES:
        await page.goto(path)
        if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wrong.append(f"{path} scrolls")
        buttons = "[...document.querySelectorAll('main button')].map(one => one.getBoundingClientRect().height)"
        wrong += [f"{path}: a button of {height} px" for height in await page.evaluate(buttons) if 0 < height < 44]

    assert wrong == []


async def test_a_long_name_without_spaces_breaks_on_every_page_of_a_phone(
    page: Page, site: Site, samples: Path
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    name, account = "W" * 128, "w" * 64
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto("/people")
    await page.get_by_label("Name", exact=True).first.fill(name)
    await page.get_by_label(re.compile("^Pictures, one face")).set_input_files(samples / "biden.jpg")
    await page.get_by_role("button", name="Enrol", exact=True).dblclick()
    await expect(page.locator("#enrolled li")).to_have_count(1)
    for path, label, button in (
        ("/groups", "Name of the group", "Make the group"),
        ("/groups", "Name of the schedule", "Make the schedule"),
    ):
        await page.goto(path)
        await page.get_by_label(label).fill(name)
        await page.get_by_role("button", name=button).click()
        await page.wait_for_url("**/*s/w*")
    await page.goto("/accounts")
    people = page.locator("section", has=page.get_by_role("heading", name="Of people"))
    await people.get_by_label("Name").fill(account)
    await people.get_by_label("Password").fill(PASSWORD)
    await people.get_by_role("button", name="Add").click()
    await expect(page.get_by_text(account)).to_be_visible()
    person, group = f"/people/{name.lower()[:64]}", f"/groups/{name.lower()[:64]}"
    schedule = f"/schedules/{name.lower()[:64]}"

    wrong = []
    for path in (*PAGES, person, group, schedule):
        await page.goto(path)
        await page.wait_for_load_state("load")
        if path == "/people":
            await expect(page.get_by_text("Hard to recognise")).to_be_visible()
        if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wrong.append(path)
    for path in (person, group, schedule):
        await page.goto(path)
        await page.locator("summary", has_text="Remove").click()
        await page.get_by_role("button", name="Remove for good").click()
        await page.wait_for_url(re.compile(r"/(people|groups)$"))
    await page.goto("/accounts")
    await page.get_by_role("button", name=f"Remove {account}").click()
    await expect(page.get_by_text(account)).to_have_count(0)

    assert wrong == []


async def test_the_first_load_is_small_and_nothing_comes_from_elsewhere(page: Page, site: Site) -> None:
    sizes: dict[str, int] = {}

    async def note(address: str) -> None:
        if "live" not in address:
            response = await page.context.request.get(address)
            sizes[address] = len(await response.body())

    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    await page.goto("/doors")
    await page.wait_for_function("() => document.querySelector('.live img').naturalWidth === 640")
    for address in addresses:
        await note(address)

    assert all(address.startswith(site.address) for address in addresses)
    assert sum(sizes.values()) <= 150_000


async def test_a_phone_in_german_sees_german(site: Site, chromium: Browser, signed_in: str) -> None:
    context = await chromium.new_context(
        base_url=site.address,
        storage_state=signed_in,
        locale="de-DE",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
    )
    page = await context.new_page()
    await page.goto("/doors")

    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await expect(page.get_by_role("heading", name="Türen", exact=True)).to_be_visible()
    await expect(page.locator(".state")).to_contain_text("Verschlossen")
    await context.close()


@pytest.mark.skipif("DOORBUS_PICTURES" not in os.environ, reason="DOORBUS_PICTURES names no directory for pictures")
async def test_pictures_for_the_documents(page: Page, site: Site, samples: Path) -> None:
    into = Path(os.environ["DOORBUS_PICTURES"])
    await page.goto("/people")
    await page.get_by_label("Name", exact=True).fill("Obama")
    await page.get_by_label(re.compile("^Pictures")).set_input_files(samples / "obama.jpg")
    await page.get_by_role("button", name="Enrol").click()
    await expect(page.locator("#enrolled li").nth(0)).to_contain_text("taken")
    await expect(page.get_by_role("heading", name="Hard to recognise")).to_be_visible()
    await page.evaluate("scrollTo(0, 0)")
    await picture(page, into / "console-people.jpg")
    await page.set_viewport_size({"width": 900, "height": 860})
    await page.goto("/doors")
    await page.wait_for_function("() => document.querySelector('.live img').naturalWidth === 640")
    await expect(page.locator(".overlay text.known").first).to_contain_text("Obama")
    await picture(page, into / "console-doors.jpg")
    assert (into / "console-doors.jpg").stat().st_size > 10_000
