"""What a test sees of a site while things happen to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Event
from doorbus.wire.messages import Decision, Health, Outcome, Presence
from doorbus.wire.packet import ConnectionLost
from support.compose import SERVICES, Project
from support.door import doorstep

RECOVERY_SECONDS = 10.0


@dataclass
class Watchman:
    """Notes all health and decisions, over whatever outage."""

    health: list[Health] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    _last: dict[tuple[str, str], tuple[Health, datetime]] = field(default_factory=dict)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def watch(self, site: Project) -> None:
        """Listen until cancelled."""
        while True:
            with contextlib.suppress(ConnectionLost):
                async with connect(site.transport(Role.VIEWER), (channels.HEALTH, channels.DECISION)) as viewer:
                    async for event in viewer.events():
                        await self._note(event)
            await asyncio.sleep(0.2)

    async def _note(self, event: Event[Any]) -> None:
        async with self._news:
            if event.channel is channels.DECISION:
                self.decisions.append(event.message)
            else:
                health: Health = event.message
                self.health.append(health)
                self._last[health.service, health.instance] = (health, datetime.now(UTC))
            self._news.notify_all()

    async def until(self, holds: Callable[[], bool], within: float = 45.0) -> None:
        """Wait until what was noted makes `holds` true."""
        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(holds)

    async def hears(self, service: str, state: Presence, problem: str = "") -> None:
        """Wait until `service` says so, and forget all health up to now."""
        await self.until(
            lambda: any(
                one.service == service and one.state is state and problem in (one.problem or "") for one in self.health
            )
        )
        self.health.clear()

    async def hears_a_clock_off_by(self, service: str, seconds: float) -> None:
        """Wait for health of `service` whose time is so far from ours."""
        await self.until(
            lambda: any(
                name == service and abs((health.at - at).total_seconds() - seconds) < 60
                for (name, _), (health, at) in self._last.items()
            )
        )

    async def grants(self, count: int) -> None:
        """Wait until the door has opened for a face `count` times since the decisions were last forgotten."""
        await self.until(lambda: sum(one.outcome is Outcome.GRANTED for one in self.decisions) >= count)

    def online(self, service: str) -> int:
        """How many instances of `service` last said that they are online."""
        return sum(name == service and health.state is Presence.ONLINE for (name, _), (health, _) in self._last.items())


@asynccontextmanager
async def watched(site: Project) -> AsyncIterator[Watchman]:
    """Watch a site from a moment on at which all services were seen."""
    watchman = Watchman()
    watching = asyncio.create_task(watchman.watch(site))
    try:
        await watchman.until(lambda: all(watchman.online(service) for service in SERVICES))
        watchman.health.clear()
        watchman.decisions.clear()
        yield watchman
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@asynccontextmanager
async def showing(site: Project, jpeg: bytes) -> AsyncIterator[None]:
    """A camera that shows the same face ten times a second, whatever becomes of the broker."""

    async def show() -> None:
        while True:
            with contextlib.suppress(ConnectionLost):
                async with doorstep(site) as door:
                    while True:
                        await door.show(jpeg, "yard")
                        await asyncio.sleep(0.1)  # ten frames a second, as a camera does
            await asyncio.sleep(0.2)

    task = asyncio.create_task(show())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def opens_again(site: Project, jpeg: bytes, *, before: int) -> None:
    """Nothing has opened since `before`, and the right face opens the door within the time of recovery."""
    assert site.openings == before
    async with asyncio.timeout(RECOVERY_SECONDS):
        while True:
            with contextlib.suppress(ConnectionLost):
                async with doorstep(site) as door:
                    decision = await door.opens_for(jpeg, within=RECOVERY_SECONDS)
                    break
            await asyncio.sleep(0.2)
    assert decision.person == "obama"
    assert site.openings > before


async def opens_twice(site: Project, jpeg: bytes) -> None:
    """The right face opens the door two times."""
    async with doorstep(site) as door:
        for _ in range(2):
            assert (await door.opens_for(jpeg)).person == "obama"
