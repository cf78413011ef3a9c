"""A whole running system with the sample camera, and browsers that look at its console."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from doorbus.local.stack import free_port
from doorbus.wire.channels import Role
from support.browser import ADMIN, PASSWORD, Site, a_browser, a_site, arrived


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> AsyncIterator[Site]:
    """The system that the tests of the pages share; each leaves it as it was."""
    async with a_site(tmp_path_factory.mktemp("site"), repository) as one:
        yield one


@pytest.fixture
async def by_name(site: Site, signed_in: str) -> AsyncIterator[Site]:
    """A second console of the same site and accounts, by a name, as passkeys need it; unlocks are confirmed."""
    port = free_port()
    settings = {"DOORBUS_CONSOLE__PORT": str(port), "DOORBUS_CONSOLE__CONFIRM": "own"}
    await site.stack.start(Role.CONSOLE, settings, instance="console-by-name")
    yield Site(site.stack, f"http://localhost:{port}", site.axe)
    await site.stack.stop_service("console-by-name")


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests; each has a context of its own."""
    async with a_browser() as one:
        yield one


@pytest.fixture(scope="session")
async def signed_in(site: Site, chromium: Browser) -> str:
    """The first account, made by the printed link as a person does; the cookies of the browser, as a file."""
    context = await chromium.new_context(base_url=site.address)
    page = await context.new_page()
    await page.goto((site.stack.var / "console" / "first-account").read_text().strip())
    await page.get_by_label("Name").fill(ADMIN)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Make the account").click()
    await arrived(page, "/doors")
    path = site.stack.var / "cookies.json"
    await context.storage_state(path=path)
    await context.close()
    return str(path)


@pytest.fixture
async def context(site: Site, chromium: Browser, signed_in: str) -> AsyncIterator[BrowserContext]:
    """A browser in which the first account is signed in; what it complains of fails the test."""
    one = await chromium.new_context(base_url=site.address, storage_state=signed_in, locale="en-GB")
    one.set_default_timeout(60_000)
    complaints: list[str] = []
    one.on("weberror", lambda error: complaints.append(str(error.error)))
    one.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    yield one
    await one.close()
    assert complaints == []


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """A page of that browser."""
    return await context.new_page()
