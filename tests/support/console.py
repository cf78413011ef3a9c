"""A console on a bus in memory, asked through its application as a browser or a program asks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import ErrorCode, Fault, Message, Result, ResultStatus, RosterEntry
from doorbus.wire.packet import Packet
from doorbus.wire.signatures import Keyring
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS
from doorbus_console import tokens
from doorbus_console.desk import Desk
from doorbus_console.fakes import MemoryStore, SilentFront
from doorbus_console.first import FirstAccount
from doorbus_console.live import Live
from doorbus_console.rights import Level, Scope
from doorbus_console.service import ConsoleService
from doorbus_console.sessions import Sessions, Trips
from doorbus_console.settings import Console
from doorbus_console.store import Account
from doorbus_console.web.app import create
from doorbus_console.web.guard import COOKIE
from doorbus_console.web.rendering import Pages
from doorbus_console.web.site import Site

BELIEVING_ALL = Keyring(
    unasked=frozenset(one.name for one in (channels.RECOGNITION, channels.ROSTER_MANIFEST, channels.RECOGNISE_REPLY))
)
ORIGIN = "http://console.test"


@dataclass
class Desktop:
    """A running console, and everything around it."""

    site: Site
    service: ConsoleService
    app: FastAPI
    bus: MemoryBus
    clock: FakeClock

    def stranger(self) -> httpx.AsyncClient:
        """Somebody who has not signed in."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN)

    def browser(
        self, name: str = "ada", level: Level = Level.ADMIN, doors: tuple[str, ...] | None = None
    ) -> httpx.AsyncClient:
        """A browser in which `name` has signed in, on a page of ours."""
        self.site.store.put_account(Account(name, level, "no hash", doors))
        cookie = self.site.sessions.begin(name, self.clock.now())
        known = self.site.sessions.known(cookie, self.clock.now())
        assert known is not None
        client = self.stranger()
        client.cookies.set(COOKIE, cookie)
        client.headers["X-Form-Token"] = self.site.sessions.form_token(known.session)
        return client

    def program(self, *scopes: Scope) -> httpx.AsyncClient:
        """A program with a token."""
        client = self.stranger()
        secret = tokens.new(self.site.store, "program", frozenset(scopes), None, replace=True)
        client.headers["Authorization"] = f"Bearer {secret}"
        return client

    async def followed(self, by: int = 1) -> None:
        """Until so many follow the news."""
        async with asyncio.timeout(5):
            while self.site.live.following < by:
                await self.settled()

    async def looked(self, place: dict[str, str]) -> None:
        """Until somebody waits for the next picture of a camera."""
        async with asyncio.timeout(5):
            while not self.site.live.is_awaited((place["door"], place["camera"])):
                await self.settled()

    async def settled(self) -> None:
        """Until what is under way on the bus has arrived."""
        for _ in range(20):
            await asyncio.sleep(0)


@asynccontextmanager
async def console(
    folder: Path, settings: Console | None = None, keys: Keyring = BELIEVING_ALL
) -> AsyncIterator[Desktop]:
    """A console that keeps what it has to in `folder`; entered when it is connected."""
    clock, bus, live, store = FakeClock(), MemoryBus(), Live(portraits=True), MemoryStore()
    desk = Desk(clock.now, "replies-of-the-console")
    site = Site(
        settings=settings or Console(answer_seconds=0.2, enrol_seconds=0.2),
        live=live,
        desk=desk,
        store=store,
        sessions=Sessions(store, "secret"),
        trips=Trips("secret"),
        first=FirstAccount(folder, ORIGIN),
        pages=Pages(folder),
        clock=clock,
        assets=folder,
        logs=folder / "logs",
    )
    app = create(site)
    service = ConsoleService(live, desk, SilentFront(store), clock, keys)
    async with running(service, bus, clock):
        yield Desktop(site, service, app, bus, clock)


def say(one: Desktop, channel: Channel[Any], message: object, ids: dict[str, str]) -> None:
    """Say something on the bus."""
    one.bus.publish(Outbound(channel, message, ids).packet(DEFAULT_TOPICS))


def sent(one: Desktop, channel: Channel[Any], **ids: str) -> list[Packet]:
    """What was sent on a channel."""
    topic = DEFAULT_TOPICS.topic(channel, **ids)
    return [packet for packet in one.bus.log if packet.topic == topic]


async def until_sent(one: Desktop, channel: Channel[Any], **ids: str) -> Packet:
    """What was sent last on a channel, once something was."""
    async with asyncio.timeout(5):
        while not (packets := sent(one, channel, **ids)):
            await one.settled()
    return packets[-1]


async def answer(
    one: Desktop, channel: Channel[Any], error: ErrorCode | None = None, *, warning: str | None = None, **ids: str
) -> Packet:
    """Answer the next request as the enroller does."""
    request = await until_sent(one, channel, **ids)
    fault = Fault(code=error, message="as it was found") if error else None
    status = ResultStatus.ERROR if error else ResultStatus.OK
    person = ids.get("person", "newcomer-1")
    result = Result(
        status=status,
        action=channel.name,
        person=person,
        at=one.clock.now(),
        samples=1,
        warning=warning,
        error=fault,
    )
    assert request.response_topic is not None
    payload = result.model_dump_json(exclude_none=True).encode()
    one.bus.publish(Packet(request.response_topic, payload, qos=1, correlation=request.correlation))
    return request


def enrolled(one: Desktop, *entries: RosterEntry, version: int = 1) -> None:
    """Publish a roster of these people."""
    packed = pack(entries, version=version)
    for index, shard in enumerate(packed.shards):
        say(one, channels.ROSTER_SHARD, shard, {"shard": str(index)})
    say(one, channels.ROSTER_MANIFEST, packed.manifest, {})


async def replied(one: Desktop, channel: Channel[Any], said: Message, after: int = 0, **ids: str) -> Packet:
    """Answer the next request after so many as the enroller or the recorder does."""
    async with asyncio.timeout(5):
        while len(asked := sent(one, channel, **ids)) <= after:
            await one.settled()
    assert asked[-1].response_topic is not None
    payload = said.model_dump_json(exclude_none=True).encode()
    one.bus.publish(Packet(asked[-1].response_topic, payload, qos=1, correlation=asked[-1].correlation))
    return asked[-1]
