"""Every page by the keyboard alone: Tab reaches each control, what has the focus is seen, and nothing traps it."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Locator, Page, expect

from support.browser import ADMIN, PAGES, PASSWORD, Site, arrived, until_locked

expect.set_options(timeout=60_000)
pytestmark = pytest.mark.timeout(300)

_STEPS_OF_A_FIELD = 8
"""Fields of dates and times have so many places of their own."""
_CONTROLS = """() => {
  const radios = new Set();
  window.controls = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
    .filter(one => one.checkVisibility() && !one.disabled && one.closest("fieldset:disabled") === null)
    .filter(one => one.type !== "hidden" && (one.type !== "radio" || one.checked));
  window.reached = new Set();
  return window.controls.length;
}"""
_FOCUS = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  const known = window.reached.has(one);
  window.reached.add(one);
  const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return {first: known && one === [...window.reached][0], page: one === document.body, shown: known || (seen && drawn),
          what: one.outerHTML.slice(0, 120)};
}"""
_MISSED = """() => window.controls.filter(one => one.isConnected && one.checkVisibility() && !window.reached.has(one))
  .map(one => one.outerHTML.slice(0, 120))"""


@dataclass(frozen=True)
class Keys:
    """Somebody at a keyboard, without a mouse."""

    page: Page
    site: Site
    samples: Path

    async def to(self, control: Locator) -> None:
        """Press Tab until this has the focus."""
        for _ in range(400):
            if await self.has(control):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {control}")

    async def press(self, control: Locator, key: str = "Enter") -> None:
        """Go there and press a key."""
        await self.to(control)
        await self.page.keyboard.press(key)

    async def write(self, control: Locator, text: str) -> None:
        """Go there and type."""
        await self.to(control)
        await self.page.keyboard.type(text)

    async def choose(self, control: Locator, picture: Path) -> None:
        """Choose a file."""
        async with self.page.expect_file_chooser() as chooser:
            await self.press(control)
        await (await chooser.value).set_files(picture)

    async def has(self, control: Locator) -> bool:
        """Whether it has the focus."""
        if not await control.count():
            return False
        found: bool = await control.first.evaluate("one => one === document.activeElement")
        return found

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """A button by its name."""
        return self.page.get_by_role("button", name=name, exact=isinstance(name, str))

    async def keeps(self, control: Locator) -> None:
        """It has the focus still, or again."""
        await expect(control.first).to_be_focused()

    async def is_somewhere(self) -> None:
        """Something has the focus, so that the next Tab does not begin anew."""
        await self.page.wait_for_function("document.activeElement !== document.body")


async def _unlock_lock_and_lock_down(keys: Keys) -> None:
    page, answer = keys.page, keys.page.locator(".answer")
    await page.goto("/doors")
    await until_locked(page)
    hold = keys.button(re.compile("Hold to unlock"))
    await keys.write(page.get_by_label("Seconds"), "3")
    await keys.to(hold)
    await page.keyboard.down("Space")
    await expect(answer).to_have_text("The door is unlocked.")
    await page.keyboard.up("Space")
    await keys.keeps(hold)
    await keys.press(keys.button("Lock"))
    await expect(answer).to_have_text("The door is locked.")
    await keys.keeps(keys.button("Lock"))
    await keys.press(page.locator("summary", has_text="Lockdown"))
    await keys.press(keys.button("Begin a lockdown"))
    await expect(page.get_by_text("Lockdown: the door opens for nobody")).to_be_visible()
    await keys.press(keys.button("End it"))
    await expect(page.get_by_text("Lockdown: the door opens for nobody")).to_have_count(0)
    await keys.keeps(keys.button("End it"))
    await until_locked(page)


async def _enrol(keys: Keys, name: str) -> None:
    page = keys.page
    await keys.write(page.locator("form[hx-target='#enrolled']").get_by_label("Name", exact=True), name)
    await keys.choose(page.get_by_label(re.compile("^Pictures, one face")), keys.samples / "biden.jpg")
    await keys.press(keys.button("Enrol"))


async def _remove(keys: Keys, arrives: str) -> None:
    await keys.press(keys.page.locator("summary", has_text="Remove"))
    await keys.press(keys.button("Remove for good"))
    await arrived(keys.page, arrives)


async def _enrol_give_hours_disable_and_remove(keys: Keys) -> None:
    page = keys.page
    await page.goto("/people")
    await _enrol(keys, "Joe Biden")
    await expect(page.locator("#enrolled .good")).to_have_text("taken")
    await keys.keeps(keys.button("Enrol"))
    await keys.press(page.get_by_role("link", name="Joe Biden"))
    await arrived(page, "/people/joe-biden")
    await keys.press(page.get_by_label("May pass"), "Space")
    await keys.to(page.get_by_label("At any time"))
    while not await page.get_by_label("In these hours of a week").is_checked():
        await page.keyboard.press("ArrowDown")
    await keys.write(page.get_by_label("Monday from", exact=True), "0700a")
    await keys.write(page.get_by_label("Monday until", exact=True), "1100a")
    await keys.press(keys.button("Monday's hours for Tuesday to Friday"))
    await keys.press(keys.button("Save"))
    await expect(page.locator("#saved")).to_contain_text("Saved.")
    await keys.keeps(keys.button("Save"))
    await page.reload()
    await expect(page.get_by_label("May pass")).not_to_be_checked()
    await expect(page.get_by_label("Friday until", exact=True)).to_have_value("11:00")
    await keys.write(page.get_by_label(re.compile("^PIN, or what a tag says")), "274163")
    await keys.press(keys.button("Give this code"))
    await keys.press(keys.button("Take away pin"))
    await expect(page.locator("#codes-list")).to_contain_text("None.")
    await keys.is_somewhere()
    await _remove(keys, "/people")


async def _filter_and_follow(keys: Keys) -> None:
    page, rows = keys.page, keys.page.locator("#events tbody tr")
    await page.goto("/events")
    reason = page.get_by_label("Reason")
    await keys.press(reason, "ArrowDown")
    await expect(page).to_have_url(re.compile(r"reason=\w+"))
    await keys.keeps(reason)
    await page.keyboard.press("Home")
    await expect(page).to_have_url(re.compile("reason=(&|$)"))
    await expect(rows.first).to_be_visible()
    await keys.press(page.locator("#plot summary"))
    await expect(page.get_by_text("From 24 hours ago")).to_be_visible()
    first = await rows.first.inner_text()
    await keys.to(page.get_by_role("region", name="Events"))
    await expect(rows.first).not_to_have_text(first)
    await keys.keeps(page.get_by_role("region", name="Events"))


async def _waiting(keys: Keys) -> Locator:
    cards = keys.page.locator(".review")
    await keys.page.goto("/review")
    while not await cards.count():  # strangers are before the camera all the time
        await keys.page.wait_for_timeout(500)
        await keys.page.reload()
    return cards


async def _name_accept_and_discard(keys: Keys) -> None:
    page = keys.page
    cards = await _waiting(keys)
    which = await cards.first.get_attribute("id")
    await keys.write(cards.first.get_by_label("or somebody new, called"), "Nora New")
    await keys.press(cards.first.get_by_role("button", name="Accept"))
    await expect(page.locator(f"#{which}")).to_have_count(0)
    await keys.is_somewhere()
    cards = await _waiting(keys)
    which = await cards.first.get_attribute("id")
    choice = cards.first.get_by_label("It is")
    await keys.write(choice, "Nora")
    await expect(choice).to_have_value("nora-new")
    await keys.press(cards.first.get_by_role("button", name="Accept"))
    await expect(page.locator(f"#{which} [role=status]:empty")).to_have_count(0)  # taken, or refused in words
    await keys.is_somewhere()
    cards = await _waiting(keys)
    which = await cards.first.get_attribute("id")
    await keys.press(cards.first.get_by_role("button", name="Discard"))
    await expect(page.locator(f"#{which}")).to_have_count(0)
    await keys.is_somewhere()
    await page.goto("/people/nora-new")
    await _remove(keys, "/people")


async def _look_at_a_service_and_take_the_bundle(keys: Keys) -> None:
    page = keys.page
    await page.goto("/system")
    service = page.locator("summary", has_text="recognizer/")
    await keys.press(service)
    await expect(page.locator("details[open] dl")).to_be_visible()
    async with page.expect_response(re.compile("/system/list")) as news:
        pass
    await (await news.value).finished()
    await expect(page.locator("details[open] dl")).to_be_visible()
    await keys.keeps(service)
    async with page.expect_download() as bundle:
        await keys.press(page.get_by_role("link", name="Support bundle"))
    assert (await bundle.value).suggested_filename.endswith(".zip")


async def _make_change_and_remove_a_group_and_a_schedule(keys: Keys) -> None:
    page = keys.page
    for what, name, at in (("group", "Staff", "/groups/staff"), ("schedule", "Office", "/schedules/office")):
        await page.goto("/groups")
        await keys.write(page.get_by_label(f"Name of the {what}"), name)
        await keys.press(keys.button(f"Make the {what}"))
        await arrived(page, at)
        await keys.press(keys.button("Save"))
        await expect(page.locator("#saved")).to_contain_text("Saved.")
        await keys.keeps(keys.button("Save"))
        await _remove(keys, "/groups")


async def _make_and_remove_an_account_and_a_token(keys: Keys) -> None:
    page = keys.page
    await page.goto("/accounts")
    of_people, of_programs = page.locator("form[hx-post='/accounts']"), page.locator("form[hx-post='/tokens']")
    await keys.write(of_people.get_by_label("Name"), "rita")
    await keys.write(of_people.get_by_label("Password"), PASSWORD)
    await keys.write(of_people.get_by_label("Is"), "operator")
    await keys.press(of_people.get_by_role("button"))
    await expect(page.locator("li", has_text="rita, operator")).to_be_visible()
    await keys.keeps(of_people.get_by_role("button"))
    await keys.write(of_programs.get_by_label("Name"), "siri")
    await keys.press(of_programs.get_by_label("unlock"), "Space")
    await keys.press(of_programs.get_by_role("button"))
    await expect(page.locator(".banner code")).to_have_text(re.compile("^doorbus_"))
    for name in ("rita", "siri"):
        await keys.press(keys.button(f"Remove {name}"))
        await expect(page.locator("li", has_text=name)).to_have_count(0)
        await keys.is_somewhere()


async def _is_told_that_the_old_password_is_wrong(keys: Keys) -> None:
    page = keys.page
    await page.goto("/account")
    await keys.write(page.get_by_label("Old password"), "not that one")
    await keys.write(page.get_by_label("New password"), PASSWORD)
    await keys.press(keys.button("Change the password"))
    await expect(page.locator("#password-answer")).to_contain_text("wrong")
    await keys.keeps(keys.button("Change the password"))


async def _go_through_the_first_steps(keys: Keys) -> None:
    page = keys.page
    await page.goto("/doors")
    await keys.press(page.get_by_role("link", name="Go through them one by one"))
    await arrived(page, "/steps")
    await keys.press(page.locator("summary", has_text="Give a door another name"))
    await keys.write(page.get_by_label("Name of the door"), "Back Door")
    await keys.press(keys.button("How is it set?"))
    await expect(page.locator("#naming pre")).to_contain_text("DOORBUS_ACTUATOR__DOOR=back-door")
    await keys.keeps(keys.button("How is it set?"))
    await _enrol(keys, "First Resident")
    await expect(page.get_by_role("heading", name="3. Enrol yourself")).to_have_count(0)
    await keys.is_somewhere()
    await page.goto("/people/first-resident")
    await _remove(keys, "/people")


async def _sign_out_and_in(keys: Keys) -> None:
    browser = keys.page.context.browser
    assert browser is not None
    context = await browser.new_context(base_url=keys.site.address, locale="en-GB")
    page = await context.new_page()
    other = Keys(page, keys.site, keys.samples)
    await page.goto("/doors")
    await other.write(page.get_by_label("Name"), ADMIN)
    await other.write(page.get_by_label("Password"), PASSWORD)
    await other.press(page.get_by_role("button", name="Sign in", exact=True))
    await arrived(page, "/doors")
    await other.press(page.locator(".me summary"))
    await other.press(other.button("Sign out"))
    await arrived(page, "/login")
    await context.close()


WALKS: dict[str, Callable[[Keys], Awaitable[None]]] = {
    "doors": _unlock_lock_and_lock_down,
    "people": _enrol_give_hours_disable_and_remove,
    "groups": _make_change_and_remove_a_group_and_a_schedule,
    "steps": _go_through_the_first_steps,
    "events": _filter_and_follow,
    "review": _name_accept_and_discard,
    "system": _look_at_a_service_and_take_the_bundle,
    "accounts": _make_and_remove_an_account_and_a_token,
    "account": _is_told_that_the_old_password_is_wrong,
    "login": _sign_out_and_in,
}


@pytest.mark.parametrize("walk", WALKS)
async def test_what_a_page_is_for_is_done_by_the_keyboard_alone(
    page: Page, site: Site, samples: Path, walk: str
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())

    await WALKS[walk](Keys(page, site, samples))

    assert urlsplit(page.url).path != "/login"


@pytest.mark.parametrize("path", PAGES)
async def test_tab_leads_through_each_control_of_a_page_and_shows_where_it_is(page: Page, path: str) -> None:
    await page.goto(path)
    count = await page.evaluate(_CONTROLS)
    hidden = []
    for _ in range(_STEPS_OF_A_FIELD * count):
        await page.keyboard.press("Tab")
        now = await page.evaluate(_FOCUS)
        if now["first"]:
            break
        hidden += [] if now["shown"] or now["page"] else [now["what"]]
    else:
        raise AssertionError(f"Tab does not leave {now['what']}")

    assert await page.evaluate(_MISSED) == []
    assert hidden == []
