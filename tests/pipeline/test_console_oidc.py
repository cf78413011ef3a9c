"""Signing in at an OpenID Connect provider, which is reached over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from doorbus.local.stack import free_port
from doorbus.wire.channels import LOCK_COMMAND, LOCK_STATE
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import LockState
from doorbus.wire.topics import DEFAULT_TOPICS
from doorbus_console import passwords
from doorbus_console.oidc import OidcProvider
from doorbus_console.rights import Level
from doorbus_console.settings import Confirm, Console, Oidc
from doorbus_console.store import Account
from support.authenticator import Authenticator
from support.console import ORIGIN, Desktop, console
from support.provider import CLIENT, SECRET, Provider, a_provider

ADA = {"sub": "0001", "preferred_username": "Ada", "groups": ["staff", "door-admins"]}
BOB = {"sub": "0002", "preferred_username": "bob", "groups": ["guests"]}


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with a_provider() as one:
        one.person = dict(ADA)
        yield one


@asynccontextmanager
async def _office(folder: Path, provider: Provider | str, **settings: Any) -> AsyncIterator[Desktop]:
    """A console whose people sign in at `provider`."""
    issuer = provider if isinstance(provider, str) else provider.address
    given = {"roles": "staff=resident, door-admins=admin", "label": "the office", **settings}
    confirm = given.pop("confirm", Confirm.NEVER)
    oidc = Oidc(issuer=issuer, client_id=CLIENT, client_secret=SECRET, **given)
    async with console(folder, Console(answer_seconds=0.1, oidc=oidc, confirm=confirm)) as one:
        one.site.provider = OidcProvider(oidc, one.clock)
        for door in ("front", "yard"):
            one.bus.publish(Outbound(LOCK_STATE, LockState.LOCKED, {"door": door}).packet(DEFAULT_TOPICS))
        await one.settled()
        yield one


async def _sent_there(browser: httpx.AsyncClient, where: str = "/people") -> str:
    left = await browser.get("/login/oidc", params={"next": where})
    assert left.status_code == 303, left.text
    return left.headers["location"]


async def _sent_back(address: str) -> str:
    """Where the provider sends a browser that was sent to it."""
    async with httpx.AsyncClient() as network:
        answer = await network.get(address)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


async def _signed_in(browser: httpx.AsyncClient) -> httpx.Response:
    return await browser.get(await _sent_back(await _sent_there(browser)))


async def _who(browser: httpx.AsyncClient) -> dict[str, Any]:
    me = await browser.get("/api/v1/me")
    return me.json() if me.status_code == 200 else {}


async def test_somebody_signs_in_at_the_provider_and_is_what_their_groups_make_them(
    tmp_path: Path, provider: Provider
) -> None:
    async with _office(tmp_path, provider) as office, office.stranger() as browser:
        page = (await browser.get("/login")).text
        entered = await _signed_in(browser)
        ada = await _who(browser)
        provider.person = {**ADA, "groups": ["staff"]}
        await _signed_in(browser)
        later = await _who(browser)
        deeds = [(deed.by, deed.action, deed.outcome) for deed in office.site.store.deeds(9)]

    assert "Sign in with the office" in page
    assert (entered.status_code, entered.headers["location"]) == (303, "/people")
    assert "HttpOnly; SameSite=Lax" in entered.headers["set-cookie"]
    assert (ada["name"], ada["level"]) == ("ada", "admin")
    assert later["level"] == "resident"
    assert ("ada", "sign in", "done") in deeds
    assert ("ada", "change account", "resident") in deeds


async def test_what_somebody_does_is_noted_and_sent_with_their_account(tmp_path: Path, provider: Provider) -> None:
    async with _office(tmp_path, provider) as office, office.stranger() as browser:
        await _signed_in(browser)
        without = await browser.post("/doors/front/unlock")
        page = (await browser.get("/doors")).text
        token = page.partition('"X-Form-Token": "')[2].partition('"')[0]
        await browser.post("/doors/front/unlock", headers={"X-Form-Token": token})
        await office.settled()
        topic = DEFAULT_TOPICS.topic(LOCK_COMMAND, door="front")
        sent = [packet.payload for packet in office.bus.log if packet.topic == topic]

    assert without.status_code == 403
    assert len(sent) == 1
    assert b'"by":"ada"' in sent[0].replace(b": ", b":")


async def test_the_browser_is_sent_with_a_state_a_nonce_and_a_challenge(tmp_path: Path, provider: Provider) -> None:
    async with _office(tmp_path, provider) as office, office.stranger() as browser:
        first, second = [parse_qs(urlsplit(await _sent_there(browser)).query) for _ in range(2)]

    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == [f"{ORIGIN}/login/oidc/callback"]
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("part", ["state", "code"])
async def test_another_state_or_code_signs_nobody_in(tmp_path: Path, provider: Provider, part: str) -> None:
    async with _office(tmp_path, provider) as office, office.stranger() as browser:
        back = await _sent_back(await _sent_there(browser))
        value = parse_qs(urlsplit(back).query)[part][0]
        refused = await browser.get(back.replace(value, "another"))
        who = await _who(browser)

    assert refused.status_code == 401
    assert "sign in once more" in refused.text
    assert who == {}


async def test_what_another_browser_began_is_refused_and_so_is_what_was_finished_or_takes_long(
    tmp_path: Path, provider: Provider
) -> None:
    async with _office(tmp_path, provider) as office, office.stranger() as browser, office.stranger() as victim:
        back = await _sent_back(await _sent_there(browser))
        theirs = await victim.get(back)
        done = await browser.get(back)
        again = await browser.get(back)
        back = await _sent_back(await _sent_there(browser))
        office.clock.advance(601)
        late = await browser.get(back)

    assert [one.status_code for one in (theirs, done, again, late)] == [401, 303, 401, 401]


async def test_a_code_that_was_asked_for_by_another_program_is_good_for_nothing_here(
    tmp_path: Path, provider: Provider
) -> None:
    async with _office(tmp_path, provider) as office, office.stranger() as browser, office.stranger() as other:
        stolen = parse_qs(urlsplit(await _sent_back(await _sent_there(other))).query)["code"][0]
        back = await _sent_back(await _sent_there(browser))
        own = parse_qs(urlsplit(back).query)["code"][0]
        refused = await browser.get(back.replace(own, stolen))

    assert refused.status_code == 401  # the verifier is the other browser's


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"aud": ["another program"]},
        {"aud": ["another program"], "azp": CLIENT},
        {"iss": "https://evil.example"},
        {"exp": 1_000_000_000},
        {"iat": 99_999_999_999},
        {"sub": ""},
        {"at_hash": "AAAA"},
    ],
    ids=["nonce", "audience", "audience, but ours is named", "issuer", "expired", "of the future", "nobody", "token"],
)
async def test_a_token_that_is_not_as_it_should_be_signs_nobody_in(
    tmp_path: Path, provider: Provider, wrong: dict[str, Any]
) -> None:
    provider.wrong = wrong
    async with _office(tmp_path, provider) as office, office.stranger() as browser:
        refused = await _signed_in(browser)
        who = await _who(browser)
        accounts = office.site.store.accounts()
        (deed,) = office.site.store.deeds(9)

    assert refused.status_code == 401
    assert "has not confirmed who you are" in refused.text
    assert (who, accounts) == ({}, ())
    assert (deed.action, deed.outcome) == ("sign in", "refused")


async def test_a_token_that_somebody_else_has_signed_signs_nobody_in_and_a_new_key_of_the_provider_does(
    tmp_path: Path, provider: Provider
) -> None:
    async with _office(tmp_path, provider) as office, office.stranger() as browser:
        entered = await _signed_in(browser)
        kept, provider.key = provider.key, RSAKey.generate_key(2048, {"kid": "two"})
        rotated = await _signed_in(browser)
        provider.said = {"jwks": {"keys": [kept.as_dict(private=False)]}}
        office.clock.advance(3601)
        provider.key = RSAKey.generate_key(2048, {"kid": "one"})
        forged = await _signed_in(browser)

    assert [one.status_code for one in (entered, rotated, forged)] == [303, 303, 401]


async def test_claims_that_only_the_userinfo_has_are_asked_for(tmp_path: Path, provider: Provider) -> None:
    provider.only_userinfo = frozenset({"preferred_username", "realm_access"})
    provider.person = {"sub": "0001", "preferred_username": "ada", "realm_access": {"roles": ["staff"]}}
    async with _office(tmp_path, provider, roles_claim="realm_access.roles") as office, office.stranger() as browser:
        await _signed_in(browser)
        ada = await _who(browser)

    assert (ada["name"], ada["level"]) == ("ada", "resident")


async def test_who_has_none_of_the_groups_is_refused_or_a_resident_as_it_is_set(
    tmp_path: Path, provider: Provider
) -> None:
    provider.person = dict(BOB)
    async with _office(tmp_path, provider) as office, office.stranger() as browser:
        refused = await _signed_in(browser)
        nobody = await _who(browser)
    async with _office(tmp_path, provider, unknown="resident") as office, office.stranger() as browser:
        entered = await _signed_in(browser)
        bob = await _who(browser)

    assert (refused.status_code, nobody) == (403, {})
    assert "none of your groups may use this console" in refused.text
    assert (entered.status_code, bob["level"]) == (303, "resident")


async def test_without_groups_accounts_are_made_by_an_admin_for_people_of_the_provider(
    tmp_path: Path, provider: Provider
) -> None:
    provider.person = dict(BOB)
    async with _office(tmp_path, provider, roles="") as office, office.stranger() as bob, office.browser() as admin:
        unknown = await _signed_in(bob)
        made = await admin.post("/accounts", data={"name": "bob", "password": "", "level": "resident", "door": "yard"})
        by_password = await bob.post("/login", data={"name": "bob", "password": ""})
        entered = await _signed_in(bob)
        doors = (await bob.get("/api/v1/doors")).json()
        provider.person = {"sub": "0003", "preferred_username": "bob"}
        namesake = await _signed_in(bob)

    assert (unknown.status_code, made.status_code, by_password.status_code) == (403, 200, 401)
    assert entered.status_code == 303
    assert [door["door"] for door in doors] == ["yard"]
    assert namesake.status_code == 403


async def test_a_name_at_the_provider_takes_no_account_over_that_has_a_password(
    tmp_path: Path, provider: Provider
) -> None:
    async with _office(tmp_path, provider) as office, office.stranger() as browser:
        office.site.store.put_account(Account("ada", Level.ADMIN, passwords.hashed("correct horse")))
        refused = await _signed_in(browser)
        who = await _who(browser)
        by_password = await browser.post("/login", data={"name": "ada", "password": "correct horse"})

    assert (refused.status_code, who) == (403, {})
    assert "sign in with that" in refused.text
    assert by_password.status_code == 303


async def test_a_name_that_no_account_can_have_is_refused_in_words(tmp_path: Path, provider: Provider) -> None:
    provider.person = {**ADA, "preferred_username": "../ada lovelace"}
    async with _office(tmp_path, provider) as office, office.stranger() as browser:
        refused = await _signed_in(browser)

    assert refused.status_code == 403
    assert "under no name that an account can have" in refused.text


@pytest.mark.parametrize("silent", ["away", "nonsense", "nothing", "another issuer", "no https"])
async def test_a_provider_that_does_not_answer_is_told_and_who_has_a_password_signs_in(
    tmp_path: Path, provider: Provider, silent: str
) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "nonsense": {"authorization_endpoint": 7},
        "nothing": {"authorization_endpoint": None},
        "another issuer": {"issuer": "https://evil.example"},
        "no https": {"token_endpoint": "http://evil.example/token"},
    }
    provider.said = wrong.get(silent, {})
    issuer = f"http://127.0.0.1:{free_port()}" if silent == "away" else provider
    async with _office(tmp_path, issuer) as office, office.stranger() as browser:
        office.site.store.put_account(Account("eve", Level.ADMIN, passwords.hashed("correct horse")))
        page = await browser.get("/login/oidc")
        entered = await browser.post("/login", data={"name": "eve", "password": "correct horse"})

    assert page.status_code == 503
    assert "The provider does not answer" in page.text
    assert 'name="password"' in page.text
    assert entered.status_code == 303


async def test_a_provider_that_ends_meanwhile_is_told_and_is_asked_anew_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    async with _office(tmp_path, f"http://127.0.0.1:{port}") as office, office.stranger() as browser:
        async with a_provider(port) as provider:
            provider.person = dict(ADA)
            back = await _sent_back(await _sent_there(browser))
        told = await browser.get(back)
        async with a_provider(port) as provider:
            provider.person = dict(ADA)
            entered = await _signed_in(browser)

    assert told.status_code == 503
    assert "The provider does not answer" in told.text
    assert entered.status_code == 303


async def test_who_was_removed_at_the_provider_is_out_when_the_session_ends(tmp_path: Path, provider: Provider) -> None:
    async with _office(tmp_path, provider, session_hours=12) as office, office.stranger() as browser:
        await _signed_in(browser)
        provider.person = {}
        office.clock.advance(timedelta(hours=12).total_seconds() - 1)
        still = await _who(browser)
        office.clock.advance(1)
        out = await browser.get("/people")
        refused = await _signed_in(browser)
        gone = await _who(browser)

    assert still["name"] == "ada"
    assert (out.status_code, out.headers["location"]) == (303, "/login?next=/people")
    assert (refused.status_code, gone) == (401, {})


async def test_who_loses_the_last_group_loses_every_session_when_the_provider_is_asked(
    tmp_path: Path, provider: Provider
) -> None:
    async with _office(tmp_path, provider) as office, office.stranger() as phone, office.stranger() as desk:
        await _signed_in(phone)
        provider.person = {**ADA, "groups": []}
        refused = await _signed_in(desk)
        who = await _who(phone)

    assert (refused.status_code, who) == (403, {})


async def test_a_passkey_confirms_an_unlock_but_is_no_way_round_the_provider(
    tmp_path: Path, provider: Provider
) -> None:
    device = Authenticator(ORIGIN)
    async with (
        _office(tmp_path, provider, confirm=Confirm.ALWAYS) as office,
        office.stranger() as browser,
        office.stranger() as later,
    ):
        await _signed_in(browser)
        page = (await browser.get("/account")).text
        browser.headers["X-Form-Token"] = page.partition('"X-Form-Token": "')[2].partition('"')[0]
        options = await browser.post("/account/passkeys/options")
        made = await browser.post("/account/passkeys", data={"passkey": device.make(options.json())})
        asked = (await browser.post("/doors/front/unlock")).text
        to_show = (await later.post("/login/passkey/options")).json()
        by_passkey = await later.post("/login/passkey", data={"passkey": device.show(to_show)})
        office.clock.advance(601)
        stale = await browser.post("/account/passkeys/options")

    assert "Your password" not in page
    assert made.status_code == 200
    assert "Confirm with your passkey" in asked
    assert by_passkey.status_code == 401
    assert stale.status_code == 403


async def test_without_a_provider_there_is_no_button_and_no_way(tmp_path: Path) -> None:
    async with console(tmp_path) as office, office.stranger() as browser:
        page = (await browser.get("/login")).text
        left = await browser.get("/login/oidc")
        back = await browser.get("/login/oidc/callback")

    assert "/login/oidc" not in page
    assert (left.status_code, back.status_code) == (404, 404)
