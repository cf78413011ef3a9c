"""The console in containers, as the administrator of an office meets it."""

import re
import ssl
from datetime import UTC, datetime

import httpx
import pytest

from doorbus.local.stack import free_port
from doorbus.site.certificates import Authority, Pair
from support.clone import Clone
from support.compose import docker
from support.provider import CLIENT, SECRET, a_provider

pytestmark = pytest.mark.timeout(900)


async def test_up_names_the_link_of_the_first_account_until_there_is_one(office: Clone) -> None:
    port = free_port()
    office.set(COMPOSE_PROFILES="demo,console", DOORBUS_CONSOLE_PORT=str(port))

    said = await office.well("scripts/up")
    (link,) = re.findall(r"make the first account of the console here: ([^\s\x1b]+)", said)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as browser:
        page = await browser.get(link)
        key = httpx.URL(link).params["key"]
        made = await browser.post("/first", data={"key": key, "name": "ada", "password": "correct horse battery"})
        me = await browser.get("/api/v1/me")
        used = await browser.get(link)
    console = ("docker", "compose", "exec", "-T", "console", "python", "-m", "doorbus_console")
    token = (await office.well(*console, "token", "siri", "--scope", "read")).split()[-1]
    unknown = await office.refused(*console, "revoke", "nobody")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as program:
        people = await program.get("/api/v1/people", headers={"Authorization": f"Bearer {token}"})
    again = await office.well("scripts/up")

    assert link.startswith(f"http://127.0.0.1:{port}/")
    assert page.status_code == 200, page.text
    assert made.status_code == 200, made.text
    assert me.json()["name"] == "ada"
    assert "make up names the one that is" in used.text
    assert "docker compose exec console python -m doorbus_console tokens" in unknown
    assert people.status_code == 200, people.text
    assert "first account" not in again


async def test_the_secret_of_a_provider_is_told_the_console_alone_and_people_sign_in_there(office: Clone) -> None:
    port = free_port()
    network = ("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", f"{office.name}_default")
    gateway = await docker(*network)
    authority = Authority(Pair(*((office.secrets / name).read_text() for name in ("ca.crt", "authority/ca.key"))))
    own = authority.server([gateway], datetime.now(UTC))
    pair = office.folder / "provider.crt", office.folder / "provider.key"
    pair[0].write_text(own.certificate)
    pair[1].write_text(own.key)
    async with a_provider(host=gateway, pair=pair) as provider:
        provider.person = {"sub": "1", "preferred_username": "olga", "groups": ["staff"]}
        office.set(
            COMPOSE_PROFILES="demo,console",
            DOORBUS_CONSOLE_PORT=str(port),
            DOORBUS_CONSOLE__URL=f"http://127.0.0.1:{port}",
            DOORBUS_CONSOLE__OIDC__ISSUER=provider.address,
            DOORBUS_CONSOLE__OIDC__CLIENT_ID=CLIENT,
            DOORBUS_CONSOLE__OIDC__TLS_CA="/run/secrets/ca.crt",
            DOORBUS_CONSOLE__OIDC__ROLES="staff=operator",
        )
        told = ("scripts/secrets", "set", "console", "DOORBUS_CONSOLE__OIDC__CLIENT_SECRET")
        await office.well(*told, stdin=f"{SECRET}\n".encode())
        await office.well("scripts/up")
        trusted = ssl.create_default_context(cafile=office.secrets / "ca.crt")
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as browser,
            httpx.AsyncClient(verify=trusted) as outside,
        ):
            there = (await browser.get("/login/oidc")).headers["location"]
            back = (await outside.get(there)).headers["location"]
            await browser.get(back)
            me = (await browser.get("/api/v1/me")).json()
        seen = {name: await docker("inspect", f"{office.name}-{name}") for name in await office.running()}
        logs = await docker("logs", f"{office.name}-console-1")

    assert me["name"] == "olga"
    assert [name for name, text in seen.items() if SECRET in text] == []
    assert SECRET not in logs
