"""A whole running system with the sample camera, as browsers see it."""

import asyncio
import io
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageOps
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from doorbus.local.stack import Stack, free_port, stack
from doorbus.wire.channels import Role

ACTUATOR = {
    "DOORBUS_ACTUATOR__UNLOCK_SECONDS": "1",
    "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "0.5",
    "DOORBUS_ACTUATOR__OUT_OF_VIEW_SECONDS": "0",
    "DOORBUS_ACTUATOR__TIME_ZONE": "UTC",
}
ADMIN, PASSWORD = "ada", "correct horse battery"
PAGES = ("/doors", "/people", "/groups", "/steps", "/events", "/review", "/system", "/accounts", "/account")


@dataclass
class Site:
    """A running system, and where its console is."""

    stack: Stack
    address: str
    axe: str
    """The source of axe-core."""

    @property
    def openings(self) -> int:
        """How often the relay was energised."""
        lines = (self.stack.var / "relay.jsonl").read_text().splitlines()
        return sum(json.loads(line)["energised"] for line in lines)

    async def token(self, name: str, *scopes: str) -> str:
        """A token of a program, made as the owner of the machine makes it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "doorbus_console", "token", name, "--replace", "--scope", *scopes),
            env={**os.environ, "DOORBUS_VAR": str(self.stack.var)},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode().strip()


@asynccontextmanager
async def a_site(folder: Path, repository: Path) -> AsyncIterator[Site]:
    """Everything runs; the camera plays the sample scene; nobody is enrolled."""
    port = free_port()
    settings = {"DOORBUS_CONSOLE__PORT": str(port), "DOORBUS_CONSOLE__COMPAT": "true"}
    axe = (repository / "var" / "browser" / "axe.min.js").read_text()
    async with stack(folder, repository / "var", repository / "mosquitto") as one:
        capture, recognizer = {"DOORBUS_CAPTURE__SCENE_SECONDS": "1"}, {"DOORBUS_RECOGNIZER__REVIEW": "true"}
        await one.start_all({Role.ACTUATOR: ACTUATOR, Role.CAPTURE: capture, Role.RECOGNIZER: recognizer})
        await one.start(Role.RECORDER, {"DOORBUS_RECORDER__REVIEW": "unknown"})
        await one.start(Role.CONSOLE, settings)
        yield Site(one, f"http://127.0.0.1:{port}", axe)


@asynccontextmanager
async def a_browser(*arguments: str) -> AsyncIterator[Browser]:
    """Debian's chromium, which scripts/setup-browser installs."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium: not there; run scripts/setup-browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *arguments]
        )
        yield browser
        await browser.close()


def filmed(path: Path, *pictures: Path) -> list[str]:
    """Show these pictures to pages as if the machine's camera saw one after the other; arguments of the browser.

    The film is MJPEG, which is JPEGs in a row, at 30 pictures a second, and begins anew when it is over.
    """
    frames = []
    for picture in pictures:
        with Image.open(picture) as one:
            shown = ImageOps.pad(one.convert("RGB"), (640, 480))
        written = io.BytesIO()
        shown.save(written, "JPEG", quality=90)
        frames += [written.getvalue()] * 90
    path.write_bytes(b"".join(frames))
    fake = "--use-fake-device-for-media-stream"
    return [fake, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={path}"]


async def hold(page: Page, button: Locator) -> None:
    """Press a button with the mouse for as long as it asks for."""
    await button.hover()
    await page.mouse.down()
    await expect(button).not_to_have_class(re.compile("holding"))
    await page.mouse.up()


async def tap(page: Page, button: Locator) -> None:
    """Press it for a moment only."""
    await button.hover()
    await page.mouse.down()
    await page.mouse.up()


async def sign_in(page: Page, path: str) -> None:
    """Open a page by name and password."""
    await page.goto(path)
    await page.get_by_label("Name").fill(ADMIN)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await arrived(page, path)


async def arrived(page: Page, path: str) -> None:
    """Until the browser is on the page of this path; the page to sign in on has it too, in its query."""
    await page.wait_for_url(lambda url: urlsplit(url).path == path)


async def virtual_authenticator(page: Page) -> Callable[[], Awaitable[None]]:
    """A phone that makes and shows passkeys for a page, as chromium plays one; what takes it away."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    async def remove() -> None:
        await devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": added["authenticatorId"]})

    return remove


async def until_locked(page: Page) -> None:
    """Until the page says that the door is locked."""
    await expect(page.locator(".state")).to_contain_text("Locked")


async def too_wide(page: Page, width: int = 360) -> list[str]:
    """What makes a page scroll sideways on a phone."""
    before = page.viewport_size
    await page.set_viewport_size({"width": width, "height": 740})
    found: list[str] = await page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] : "
        "[...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > innerWidth)"
        ".map(one => one.outerHTML.slice(0, 120))"
    )
    if before is not None:
        await page.set_viewport_size(before)
    return found


async def violations(page: Page, site: Site) -> list[str]:
    """What axe-core finds wrong with a page."""
    await page.evaluate(site.axe)
    found: dict[str, Any] = await page.evaluate("axe.run(document)")
    return [
        f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


async def picture(page: Page, path: Path) -> None:
    """Keep what a page looks like, as a JPEG for the documents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=path, type="jpeg", quality=80)


async def for_the_documents(page: Page, name: str) -> None:
    """Keep what a phone shows, where DOORBUS_PICTURES names a directory for it."""
    into = os.environ.get("DOORBUS_PICTURES")
    if into:
        before = page.viewport_size
        await page.set_viewport_size({"width": 420, "height": 860})
        await page.locator("[data-shown]").evaluate("one => one.scrollIntoView({block: 'end'})")
        await picture(page, Path(into) / name)
        if before is not None:
            await page.set_viewport_size(before)
