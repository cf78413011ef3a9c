"""The console as a process beside a real broker, real services and the sample pictures."""

import asyncio
import json
import os
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from doorbus.local.stack import Process, Stack, free_port
from doorbus.site.certificates import Authority, new_authority
from doorbus.wire.channels import Role
from support.door import Door
from support.jpegs import shot


@asynccontextmanager
async def _program(stack: Stack, *scopes: str) -> AsyncIterator[httpx.AsyncClient]:
    """A program with a token that the command line made, at a console of its own."""
    token = await _command(stack, "token", "test", "--replace", "--scope", *scopes)
    async with _anybody(stack) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@asynccontextmanager
async def _anybody(stack: Stack, **settings: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a token, at a console of its own."""
    port = free_port()
    await stack.start(Role.CONSOLE, {"DOORBUS_CONSOLE__PORT": str(port), **settings})
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    assert await stack.stop_service("console") == 0


async def _command(stack: Stack, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "doorbus_console", *words),
        env={**os.environ, "DOORBUS_VAR": str(stack.var)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().strip()


async def test_somebody_enrolled_and_let_in_by_http_is_seen_by_http(door: Door, jpeg: dict[str, bytes]) -> None:
    async with _program(door.stack, "read", "unlock", "people") as program:
        unlocked = await program.post("/api/v1/doors/front/unlock")
        answered = await program.get(unlocked.headers["location"], params={"wait": 10})
        assert (await door.decision()).by == "token test"
        await door.until_locked()
        files = [("image", (f"{name}.jpg", jpeg[name], "image/jpeg")) for name in ("biden",)]
        enrolled = await program.post("/api/v1/people/biden/samples", files=files)
        decision = await door.opens_for(jpeg["biden"])
        people = [one["person"] for one in (await program.get("/api/v1/people")).json()]
        told = await _grant_of(program, "biden")
        removed = await program.delete("/api/v1/people/biden")

    assert (answered.json()["status"], answered.json()["reason"]) == ("granted", "commanded")
    assert [one["status"] for one in enrolled.json()] == ["ok"]
    assert people == ["biden", "obama"]
    assert decision.person == "biden"
    assert told["frame_ids"] == list(decision.frame_ids)
    assert removed.status_code == 204


async def test_what_was_decided_before_the_console_listened_is_told_too(door: Door, jpeg: dict[str, bytes]) -> None:
    decision = await door.opens_for(jpeg["obama2"])

    async with _program(door.stack, "read") as program:
        told = await _grant_of(program, "obama")

    assert told["frame_ids"] == list(decision.frame_ids)


async def _grant_of(program: httpx.AsyncClient, person: str) -> dict[str, Any]:
    """The decision that let somebody in, amid those about later frames of theirs."""
    async with asyncio.timeout(30):
        while True:
            events = (await program.get("/api/v1/events", params={"person": person})).json()
            for event in events:
                decision: dict[str, Any] = event["decision"]
                if decision["outcome"] == "granted":
                    return decision
            await asyncio.sleep(0.1)


async def test_a_stream_shows_what_the_camera_shows_and_news_come_as_events(door: Door, jpeg: dict[str, bytes]) -> None:
    pictures = [shot(jpeg["biden"]) for _ in range(3)]
    async with _program(door.stack, "read") as program, asyncio.timeout(20):
        while (await program.get("/api/v1/doors/front/cameras/porch/frame.jpg")).content != pictures[0]:
            await door.show(pictures[0])
        async with program.stream("GET", "/api/v1/doors/front/cameras/porch/stream.mjpg") as stream:
            kind = stream.headers["content-type"]
            seen, shown = b"", 0
            async for piece in stream.aiter_bytes():
                seen += piece
                if pictures[shown] in seen:
                    shown += 1
                    if shown == len(pictures):
                        break
                    await door.show(pictures[shown])
        async with program.stream("GET", "/api/v1/events/stream") as events:
            await door.command(b"UNLOCK")
            told = await _decision_of_command(events)

    assert kind.startswith("multipart/x-mixed-replace; boundary=")
    assert [seen.count(picture) for picture in pictures] == [1, 1, 1]
    assert told["outcome"] == "granted"


async def _decision_of_command(response: httpx.Response) -> dict[str, Any]:
    """What a stream tells of a command, after what else it tells: faces that were shown have decisions of their own."""
    event = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif event == "decision" and line.startswith("data: "):
            decision: dict[str, Any] = json.loads(line.removeprefix("data: "))["decision"]
            if decision["trigger"] == "command":
                return decision
    raise AssertionError("the stream ended without the decision of a command")


async def test_a_broker_that_went_is_told_and_all_is_well_when_it_is_back(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    async with _program(fresh_stack, "read", "unlock") as program:
        before = (await program.get("/api/v1/health")).json()["broker"]
        await fresh_stack.broker.stop()
        away = await _until(program, broker=False)
        await fresh_stack.broker.start()
        back = await _until(program, broker=True)

    assert (before, away, back) == (True, False, True)


async def _until(program: httpx.AsyncClient, *, broker: bool) -> bool:
    """Ask until the console says that the broker is there, or away."""
    async with asyncio.timeout(30):
        while (told := (await program.get("/api/v1/health")).json()["broker"]) is not broker:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.1)
        return bool(told)


async def test_the_link_of_the_first_account_is_printed_once_and_kept_for_its_owner_only(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    async with _program(fresh_stack, "read"):
        pass
    path = fresh_stack.var / "console" / "first-account"
    async with _program(fresh_stack, "read"):
        pass
    log = (fresh_stack.var / "logs" / "console.log").read_text()

    assert log.count(path.read_text().strip()) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_it_speaks_tls_with_a_certificate_that_the_sites_authority_has_signed(
    fresh_stack: Stack, tmp_path: Path
) -> None:
    pair = new_authority("site", datetime.now(UTC))
    server = Authority(pair).server(["localhost"], datetime.now(UTC))
    for name, text in (("ca.crt", pair.certificate), ("tls.crt", server.certificate), ("tls.key", server.key)):
        (tmp_path / name).write_text(text)
    await fresh_stack.broker.start()
    token, port = await _command(fresh_stack, "token", "test", "--scope", "read"), free_port()
    settings = {
        "DOORBUS_CONSOLE__PORT": str(port),
        "DOORBUS_CONSOLE__URL": f"https://localhost:{port}",
        "DOORBUS_CONSOLE__TLS_CERT": str(tmp_path / "tls.crt"),
        "DOORBUS_CONSOLE__TLS_KEY": str(tmp_path / "tls.key"),
    }
    await fresh_stack.start(Role.CONSOLE, settings)
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    async with httpx.AsyncClient(base_url=f"https://localhost:{port}", verify=trusting) as client:
        told = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        link = (fresh_stack.var / "console" / "first-account").read_text().strip()
        form = {"key": link.partition("?key=")[2], "name": "ada", "password": "correct horse"}
        made = await client.post("/first", data=form)
    with pytest.raises(httpx.ConnectError):
        await httpx.AsyncClient(verify=ssl.create_default_context()).get(f"https://localhost:{port}/healthz")
    assert await fresh_stack.stop_service("console") == 0

    assert told.json()["name"] == "token test"
    assert link.startswith(f"https://localhost:{port}/first")
    assert "Secure" in made.headers["set-cookie"]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status", "address"),
    [
        ("127.0.0.1", "192.168.1.20", 404, "192.168.1.20"),
        ("10.0.0.1, 127.0.0.9/8", "192.168.1.20", 404, "192.168.1.20"),
        ("127.0.0.1", "192.168.1.20, 203.0.113.9", 401, "203.0.113.9"),
        ("10.0.0.1", "192.168.1.20", 401, "127.0.0.1"),
        ("", "192.168.1.20", 401, "127.0.0.1"),
    ],
    ids=["named", "of a named network", "told what is not so", "another", "none"],
)
async def test_only_a_named_proxy_says_which_address_and_scheme_a_browser_has(
    fresh_stack: Stack, proxies: str, forwarded: str, status: int, address: str
) -> None:
    settings = {
        "DOORBUS_CONSOLE__PROXIES": proxies,
        "DOORBUS_CONSOLE__TRUSTED": "192.168.1.20",
        "DOORBUS_CONSOLE__COMPAT": "arsfutura",
    }
    await fresh_stack.broker.start()
    told = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
    async with _anybody(fresh_stack, **settings) as program:
        trusted = await program.post("/unlock", headers=told)
        await program.post("/login", data={"name": "eve", "password": "guess"}, headers=told)
        link = (fresh_stack.var / "console" / "first-account").read_text()
        form = {"key": link.strip().partition("?key=")[2], "name": "ada", "password": "correct horse"}
        made = await program.post("/first", data=form, headers=told)
    log = (fresh_stack.var / "logs" / "console.log").read_text()

    assert trusted.status_code == status  # no door is there: who is let in is told so
    assert f"from {address}" in log
    assert ("Secure" in made.headers["set-cookie"]) is (address != "127.0.0.1")


async def test_pictures_for_browsers_give_way_to_what_opens_the_door(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    async with _anybody(fresh_stack):
        priority = os.getpriority(os.PRIO_PROCESS, fresh_stack.process("console").pid)

    assert priority > os.getpriority(os.PRIO_PROCESS, 0)  # a larger number is a lower priority


async def test_a_port_that_is_taken_is_one_sentence(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    environment = {
        **os.environ,
        "DOORBUS_VAR": str(fresh_stack.var),
        "DOORBUS_BROKER__PORT": str(fresh_stack.broker.port),
        "DOORBUS_CONSOLE__PORT": str(fresh_stack.broker.port),
    }
    command = [sys.executable, "-m", "doorbus_console"]
    process = await Process.start("taken", command, fresh_stack.var / "logs", environment)

    assert await process.ended() == 2
    assert f"DOORBUS_CONSOLE__PORT={fresh_stack.broker.port}: Address already in use; give an address" in process.log()
