"""How long the console takes for each of its pages, at a site of 200 people and 1,000 decisions of one day.

A real console beside a real broker is asked over HTTP, one page after the other; what is on the bus is published once,
as actuator, enroller and recorder would. The processor's time is that of the console's main thread, which says
something also on a machine that does other things. What a page loads besides (`/list/weak`, pictures) is no part of it.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from common import VAR, keep, run, show, spread
from console import signed_in
from doorbus.local.stack import Stack, free_port, stack
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.snapshot import pack

PAGES = (
    *("/doors", "/people", "/people/person-7", "/groups", "/groups/group-1", "/schedules/schedule-1", "/steps"),
    *("/events", "/review", "/system", "/accounts", "/account", "/login"),
)
ENOUGH_MS = 20.0


async def people(broker: Stack, count: int) -> None:
    """Publish a roster, groups and schedules."""
    entries = [
        messages.RosterEntry(
            person=f"person-{n}",
            name=f"Person Number {n}",
            hours="Mo-Fr 07:00-19:00; PH off",
            group=f"group-{n % 9}",
            credentials=("pin", "tag"),
        )
        for n in range(count)
    ]
    packed = pack(entries, version=1)
    groups = tuple(messages.ListedGroup(group=f"group-{n}", name=f"Group {n}", people=count // 9) for n in range(9))
    schedules = tuple(
        messages.ListedSchedule(schedule=f"schedule-{n}", name=f"Schedule {n}", hours="Mo-Fr 07:00-19:00")
        for n in range(9)
    )
    async with connect(broker.broker.transport(Role.ENROLLER)) as enroller:
        for index, shard in enumerate(packed.shards):
            await enroller.send(Outbound(channels.ROSTER_SHARD, shard, {"shard": str(index)}))
        await enroller.send(Outbound(channels.ROSTER_MANIFEST, packed.manifest))
        await enroller.send(Outbound(channels.GROUPS, messages.ListedGroups(groups=groups)))
        await enroller.send(Outbound(channels.SCHEDULES, messages.ListedSchedules(schedules=schedules)))


async def decisions(broker: Stack, count: int) -> None:
    """Publish the state of two doors, and what they decided within a day."""
    now = datetime.now(UTC)
    async with connect(broker.broker.transport(Role.ACTUATOR)) as actuator:
        for door in ("front", "yard"):
            await actuator.send(Outbound(channels.LOCK_STATE, messages.LockState.LOCKED, {"door": door}))
        for n in range(count):
            granted = n % 3 > 0
            decision = messages.Decision(
                outcome=messages.Outcome.GRANTED if granted else messages.Outcome.DENIED,
                reason=messages.Reason.MATCHED if granted else messages.Reason.UNKNOWN_FACE,
                trigger=messages.Trigger.FACE,
                at=now - timedelta(hours=23) * (1 - n / count),
                person=f"person-{n % 40}" if granted else None,
                confidence=0.7 + 0.2 * ((n * 7) % 10) / 10,
                camera="porch",
                frame_ids=(f"frame-{n}",),
                latency_ms=40.0 + n % 60 if granted else None,
            )
            await actuator.send(Outbound(channels.DECISION, decision, {"door": ("front", "yard")[n % 2]}))


async def health(broker: Stack, minutes: int) -> None:
    """Tell how four services were, once for each minute."""
    for role in (Role.ACTUATOR, Role.RECOGNIZER, Role.ENROLLER, Role.CAPTURE):
        async with connect(broker.broker.transport(role)) as one:
            for n in range(minutes):
                now = datetime.now(UTC) - timedelta(minutes=minutes - n)
                told = messages.Health(
                    state=messages.Presence.ONLINE,
                    service=role.value,
                    instance="one",
                    version="1",
                    at=now,
                    started_at=now,
                    figures={f"figure_{each}": float((n * each) % 17) for each in range(20)},
                )
                await one.send(Outbound(channels.HEALTH, told, {"service": role.value, "instance": "one"}))


@asynccontextmanager
async def inbox(broker: Stack, count: int) -> AsyncIterator[None]:
    """Answer as a recorder with an inbox of so many faces."""
    now = datetime.now(UTC)
    entries = tuple(
        messages.Review(entry=f"entry-{n}", door="front", camera="porch", first_at=now, at=now, bytes=9000)
        for n in range(count)
    )
    async with connect(broker.broker.transport(Role.RECORDER), (channels.REVIEW_LIST,)) as recorder:
        answering = asyncio.create_task(_answer(recorder, messages.Reviews(entries=entries, count=count)))
        yield
        answering.cancel()


async def _answer(recorder: Client, said: messages.Reviews) -> None:
    async for event in recorder.events():
        asked = event.packet
        reply = Outbound(channels.REVIEWS_REPLY, said, correlation=asked.correlation, topic=asked.response_topic)
        await recorder.send(reply)


def busy_ms(pid: int) -> float:
    """Milliseconds that the main thread of a process had a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


async def ask(browser: httpx.AsyncClient, path: str, times: int, pid: int) -> dict[str, float]:
    """Milliseconds from the request to the whole page, and of the console's processor; the page's size in KiB."""
    took, cost = [], []
    for _ in range(times + 1):
        busy, begun = busy_ms(pid), time.perf_counter()
        page = await browser.get(path)
        took.append((time.perf_counter() - begun) * 1000)
        cost.append(busy_ms(pid) - busy)
        if page.status_code != httpx.codes.OK:
            raise SystemExit(f"{path}: {page.status_code} {page.text[:200]}")
    page_ms, busy_of_page = spread(took[1:]), spread(cost[1:])  # the first one compiles the templates
    return {
        "page": page_ms["median"],
        "page p99": page_ms["p99"],
        "processor": busy_of_page["median"],
        "processor p99": busy_of_page["p99"],
        "KiB": len(page.content) / 1024,
    }


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Measure and print."""
    address = f"127.0.0.1:{free_port()}"
    async with stack(var, VAR) as one:
        await one.broker.start()
        await people(one, given.people)
        await one.start(Role.CONSOLE, {"DOORBUS_CONSOLE__PORT": address.rpartition(":")[2]})
        await decisions(one, given.events)
        await health(one, given.minutes)
        cookie = await signed_in(one, address)
        pid = one.process("console").pid
        async with (
            inbox(one, 50),
            httpx.AsyncClient(base_url=f"http://{address}", headers={"Cookie": cookie}, timeout=30.0) as browser,
        ):
            await _until_read(browser, given)
            rows = {path: await ask(browser, path, given.times, pid) for path in PAGES}
    show(f"milliseconds for a page, {given.people} people, {given.events} decisions", rows, "")
    slow = [path for path, row in rows.items() if row["processor"] >= ENOUGH_MS]
    print(f"{ENOUGH_MS:g} ms of a processor or more: {', '.join(slow) or 'no page'}")
    keep("pages", {"people": given.people, "events": given.events, "milliseconds": rows})


async def _until_read(browser: httpx.AsyncClient, given: argparse.Namespace) -> None:
    """Until the console has read what was published."""
    for _ in range(100):
        people, events = [(await browser.get(f"/api/v1/{what}")).json() for what in ("people", "events?limit=1000")]
        if len(people) >= given.people and len(events) >= given.events:
            return
        await asyncio.sleep(0.1)
    raise SystemExit("the console has not read what was published")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=360)
    parser.add_argument("--times", type=int, default=100)
    run(parser, measure)


if __name__ == "__main__":
    main()
