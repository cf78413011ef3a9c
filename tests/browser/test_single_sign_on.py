"""Somebody of an office signs in at their provider, and comes back."""

import pytest
from playwright.async_api import Browser, expect

from doorbus.local.stack import free_port
from doorbus.wire.channels import Role
from doorbus_console.sqlite_store import SqliteStore
from support.browser import Site, arrived, until_locked, violations
from support.provider import CLIENT, SECRET, a_provider

expect.set_options(timeout=60_000)
pytestmark = pytest.mark.timeout(300)


async def test_a_button_leads_to_the_provider_and_back_and_who_was_removed_is_at_the_door_again(
    chromium: Browser, site: Site
) -> None:
    port, name = free_port(), "console-office"
    async with a_provider() as provider:
        provider.person = {"sub": "1", "preferred_username": "olga", "groups": ["staff"]}
        settings = {
            "DOORBUS_CONSOLE__PORT": str(port),
            "DOORBUS_CONSOLE__OIDC__ISSUER": provider.address,
            "DOORBUS_CONSOLE__OIDC__CLIENT_ID": CLIENT,
            "DOORBUS_CONSOLE__OIDC__CLIENT_SECRET": SECRET,
            "DOORBUS_CONSOLE__OIDC__LABEL": "the office",
            "DOORBUS_CONSOLE__OIDC__ROLES": "staff=operator",
        }
        await site.stack.start(Role.CONSOLE, settings, instance=name)
        context = await chromium.new_context(base_url=f"http://127.0.0.1:{port}", locale="en-GB")
        context.set_default_timeout(60_000)
        page = await context.new_page()
        await page.goto("/people")
        assert await violations(page, site) == []
        await page.get_by_role("link", name="Sign in with the office").click()
        await arrived(page, "/people")
        await expect(page.locator(".me summary")).to_have_text("olga")

        await page.locator(".me summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await arrived(page, "/login")
        provider.person = {}
        await page.get_by_role("link", name="Sign in with the office").click()
        await expect(page.get_by_role("alert")).to_contain_text("has not confirmed who you are")

        provider.person = {"sub": "1", "preferred_username": "olga", "groups": ["staff"]}
        await page.get_by_role("link", name="Sign in with the office").click()
        await until_locked(page)
        store = SqliteStore(site.stack.var / "console" / "console.db")
        store.remove_account("olga")
        store.close()
        await arrived(page, "/login")
    await context.close()
    await site.stack.stop_service(name)
