"""Passkeys: to sign in with, and to confirm an unlock with."""

import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from doorbus.wire.channels import LOCK_COMMAND, LOCK_STATE
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import LockState
from doorbus.wire.topics import DEFAULT_TOPICS
from doorbus_console import passwords
from doorbus_console.passkeys import SECONDS
from doorbus_console.rights import Level, Scope
from doorbus_console.settings import Confirm, Console
from doorbus_console.store import Account
from support.authenticator import Authenticator
from support.console import ORIGIN, Desktop, console

PASSWORD = "correct horse"


@asynccontextmanager
async def _desktop(folder: Path, confirm: Confirm = Confirm.NEVER) -> AsyncIterator[Desktop]:
    async with console(folder, Console(answer_seconds=0.1, confirm=confirm)) as one:
        for door in ("front", "yard"):
            one.bus.publish(Outbound(LOCK_STATE, LockState.LOCKED, {"door": door}).packet(DEFAULT_TOPICS))
        await one.settled()
        yield one


@asynccontextmanager
async def _browser(desktop: Desktop, name: str = "ada") -> AsyncIterator[httpx.AsyncClient]:
    async with desktop.browser(name) as browser:
        hashed = passwords.hashed(PASSWORD)
        desktop.site.store.put_account(Account(name, Level.ADMIN, hashed))
        yield browser


async def _make(browser: httpx.AsyncClient, device: Authenticator, password: str = PASSWORD) -> httpx.Response:
    options = await browser.post("/account/passkeys/options", data={"old": password})
    if options.status_code != 200:
        return options
    return await browser.post("/account/passkeys", data={"name": "phone", "passkey": device.make(options.json())})


async def _sign_in(desktop: Desktop, device: Authenticator, **changed: Any) -> tuple[int, str]:
    async with desktop.stranger() as stranger:
        options = (await stranger.post("/login/passkey/options")).json() | changed
        answer = await stranger.post("/login/passkey", data={"passkey": device.show(options), "next": "/people"})
        who = await stranger.get("/api/v1/me")
    return answer.status_code, who.json().get("name", "")


def _opened(desktop: Desktop) -> list[str]:
    return [DEFAULT_TOPICS.topic(LOCK_COMMAND, door=door) for door in ("front", "yard") for _ in _sent(desktop, door)]


def _sent(desktop: Desktop, door: str) -> list[bytes]:
    topic = DEFAULT_TOPICS.topic(LOCK_COMMAND, door=door)
    return [packet.payload for packet in desktop.bus.log if packet.topic == topic]


async def _asked(browser: httpx.AsyncClient, door: str) -> dict[str, Any]:
    page = (await browser.post(f"/doors/{door}/unlock", data={"seconds": "5"})).text
    (options,) = re.findall(r'data-passkey="([^"]*)"', page)
    found: dict[str, Any] = json.loads(html.unescape(options))
    return found


async def test_who_has_made_a_passkey_signs_in_with_it(tmp_path: Path) -> None:
    device = Authenticator(ORIGIN)
    async with _desktop(tmp_path) as desktop, _browser(desktop) as browser:
        made = await _make(browser, device)
        entered = await _sign_in(desktop, device)

    assert "phone" in made.text
    assert entered == (303, "ada")


async def test_no_passkey_is_made_without_the_password(tmp_path: Path) -> None:
    device = Authenticator(ORIGIN)
    async with _desktop(tmp_path) as desktop, _browser(desktop) as browser:
        refused = await _make(browser, device, "wrong")
        stolen = await browser.post(
            "/account/passkeys", data={"passkey": device.make({"rp": {"id": "console.test"}, "challenge": "AAAA"})}
        )

    assert (refused.status_code, stolen.status_code) == (403, 422)


@pytest.mark.parametrize(
    ("device", "changed"),
    [
        (Authenticator("https://evil.example"), {}),
        (Authenticator(ORIGIN, verifies=False), {}),
        (Authenticator(ORIGIN), {"rpId": "evil.example"}),
        (Authenticator(ORIGIN), {"challenge": "AAAA"}),
    ],
    ids=["of another page", "without a finger", "of another site", "for no challenge of ours"],
)
async def test_no_passkey_signs_in(tmp_path: Path, device: Authenticator, changed: dict[str, str]) -> None:
    genuine = Authenticator(ORIGIN, id=device.id, _key=device._key)  # noqa: SLF001  # the same key, misused
    async with _desktop(tmp_path) as desktop, _browser(desktop) as browser:
        await _make(browser, genuine)
        refused = await _sign_in(desktop, device, **changed)

    assert refused == (401, "")


async def test_a_passkey_that_was_removed_a_copy_of_it_and_an_answer_sent_twice_are_refused(tmp_path: Path) -> None:
    device = Authenticator(ORIGIN)
    async with _desktop(tmp_path) as desktop, _browser(desktop) as browser, desktop.stranger() as stranger:
        await _make(browser, device)
        options = (await stranger.post("/login/passkey/options")).json()
        answer = {"passkey": device.show(options)}
        statuses = [(await stranger.post("/login/passkey", data=answer)).status_code for _ in range(2)]
        device.used = 0
        copy = await _sign_in(desktop, device)
        (kept,) = desktop.site.store.passkeys("ada")
        await browser.post(f"/account/passkeys/{kept.id}/remove")
        removed = await _sign_in(desktop, Authenticator(ORIGIN, id=device.id, used=9, _key=device._key))  # noqa: SLF001

    assert statuses == [303, 401]
    assert (copy, removed) == ((401, ""), (401, ""))


async def test_a_passkey_lets_its_owner_in_while_others_of_the_same_address_fail(tmp_path: Path) -> None:
    device = Authenticator(ORIGIN)
    async with _desktop(tmp_path) as desktop, _browser(desktop) as browser, desktop.stranger() as stranger:
        await _make(browser, device)
        guesses = [await stranger.post("/login", data={"name": "ada", "password": f"guess {n}"}) for n in range(7)]
        strangers = [await stranger.post("/login/passkey", data={"passkey": "{}"}) for _ in range(20)]
        entered = await _sign_in(desktop, device)
        refused = [deed for deed in desktop.site.store.deeds(100) if deed.outcome == "refused"]

    assert guesses[-1].status_code == 429
    assert {one.status_code for one in strangers} == {401}
    assert entered == (303, "ada")
    assert len(refused) < len(guesses) + 10


async def test_an_answer_that_comes_late_is_refused(tmp_path: Path) -> None:
    device = Authenticator(ORIGIN)
    async with _desktop(tmp_path) as desktop, _browser(desktop) as browser, desktop.stranger() as stranger:
        await _make(browser, device)
        options = (await stranger.post("/login/passkey/options")).json()
        desktop.clock.advance(SECONDS)
        late = await stranger.post("/login/passkey", data={"passkey": device.show(options)})

    assert late.status_code == 401


async def test_a_passkey_confirms_one_unlock_of_one_door(tmp_path: Path) -> None:
    device = Authenticator(ORIGIN)
    async with _desktop(tmp_path, Confirm.OWN) as desktop, _browser(desktop) as browser:
        await _make(browser, device)
        answer = device.show(await _asked(browser, "front"))
        asked = _opened(desktop)
        other = await browser.post("/doors/yard/unlock", data={"passkey": answer})
        answer = device.show(await _asked(browser, "front"))
        done = await browser.post("/doors/front/unlock", data={"seconds": "5", "passkey": answer})
        again = await browser.post("/doors/front/unlock", data={"passkey": answer})
        by_api = await browser.post("/api/v1/doors/front/unlock")
        await desktop.settled()

    assert asked == []
    assert (other.status_code, done.status_code, again.status_code, by_api.status_code) == (403, 200, 403, 403)
    (command,) = _sent(desktop, "front")
    assert (json.loads(command)["by"], json.loads(command)["seconds"]) == ("ada", 5)
    assert _sent(desktop, "yard") == []
    assert by_api.json()["code"] == "passkey_needed"


async def test_somebody_elses_passkey_confirms_nothing(tmp_path: Path) -> None:
    adas, bobs = Authenticator(ORIGIN), Authenticator(ORIGIN)
    async with _desktop(tmp_path, Confirm.OWN) as desktop, _browser(desktop) as ada, _browser(desktop, "bob") as bob:
        await _make(ada, adas)
        await _make(bob, bobs)
        answer = bobs.show(await _asked(ada, "front"))
        refused = await ada.post("/doors/front/unlock", data={"passkey": answer})

    assert refused.status_code == 403
    assert _opened(desktop) == []


async def test_who_has_no_passkey_unlocks_where_only_owners_confirm_and_not_where_all_do(tmp_path: Path) -> None:
    statuses = []
    for confirm in Confirm:
        async with _desktop(tmp_path, confirm) as desktop, _browser(desktop) as browser:
            statuses.append((await browser.post("/doors/front/unlock")).status_code)
            async with desktop.program(Scope.UNLOCK) as program:
                statuses.append((await program.post("/api/v1/doors/front/unlock")).status_code)

    assert statuses == [200, 202, 200, 202, 403, 202]


async def test_an_address_without_a_name_offers_no_passkeys_and_says_why(tmp_path: Path) -> None:
    async with _desktop(tmp_path) as desktop, _browser(desktop) as browser:
        by_name = (await browser.get("/account")).text
        browser.base_url = "http://192.168.1.20:8080"
        by_address = (await browser.get("/account", headers={"Cookie": _cookie(browser)})).text
        login = (await browser.get("/login")).text

    assert "Make a passkey" in by_name
    assert "Make a passkey" not in by_address
    assert "Browsers make passkeys for names only" in by_address
    assert "Sign in with a passkey" not in login


def _cookie(browser: httpx.AsyncClient) -> str:
    return "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar)
