"""Somebody of an office signs in at their provider, and comes back."""

import pytest
from playwright.async_api import Browser, expect

from doorbus.local.stack import free_port
from doorbus.wire.channels import Role
from support.browser import Site, arrived, violations
from support.provider import CLIENT, SECRET, a_provider

expect.set_options(timeout=60_000)
pytestmark = pytest.mark.timeout(300)


async def test_a_button_leads_to_the_provider_and_back_to_the_page_that_was_asked_for(
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
    await context.close()
    await site.stack.stop_service(name)
