"""What an enrolment costs where many people are enrolled already, and how soon everybody uses it.

Made-up people with three samples each stand in the database; one person is enrolled from a real picture, changed and
removed, again and again: first with one recognizer that has nothing else to do, then with two that look at frames of
this person all the time. Times run from the sending of a request: to its answer, to the first recognition by each
replica with the new gallery, and to the first decision of the actuator by the new roster.
"""

import argparse
import asyncio
import itertools
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np

from common import VAR, keep, run, sample, scene, show, spread
from doorbus.local.prepare import SITE_KEY
from doorbus.local.stack import Stack, stack
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Channel, Role
from doorbus.wire.exchange import Event, Outbound
from doorbus.wire.messages import Manifest, Reason, Result, Rights, utc
from doorbus.wire.seal import Seal
from doorbus.wire.templates import to_store, unit
from doorbus_capture import imaging
from proc import peak, usage

LENGTH = 192
"""Values of a template of the default model."""
SAMPLES = 3
PERSON = "obama"
FPS = 10
T = TypeVar("T")
REPLICAS = ("recognizer", "second")
PORCH = {"door": "front", "camera": "porch"}
PASSING = {
    "DOORBUS_ACTUATOR__VOTES": "1/1",
    "DOORBUS_ACTUATOR__UNLOCK_SECONDS": "0.02",
    "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "0.02",
    "DOORBUS_ACTUATOR__OUT_OF_VIEW_SECONDS": "0",
}


@dataclass
class Seen:
    """What went over the bus, by the monotonic time at which it arrived."""

    maps: list[tuple[str, int]] = field(default_factory=list)
    """Name of the channel and bytes of each shard and manifest."""
    manifests: dict[str, Manifest] = field(default_factory=dict)
    recognitions: list[tuple[float, str, int]] = field(default_factory=list)
    """Replica and version of its gallery."""
    decisions: list[tuple[float, str | None, Reason]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: Event[object]) -> None:
        """Note what arrived."""
        at, message = time.monotonic(), event.message
        if isinstance(message, messages.Recognition):
            self.recognitions.append((at, message.recognizer, message.gallery_version or 0))
        elif isinstance(message, messages.Decision):
            self.decisions.append((at, message.person, message.reason))
        else:
            self.maps.append((event.channel.name, len(event.packet.payload)))
        if isinstance(message, Manifest):
            self.manifests[event.channel.name] = message
        self.news.set()

    async def manifest(self, channel: Channel[Manifest], people: int) -> Manifest:
        """The manifest of a map, once there are so many people on it."""

        def there() -> Manifest | None:
            manifest = self.manifests.get(channel.name)
            return manifest if manifest and manifest.count == people else None

        return await self.until(there)

    async def until(self, first: Callable[[], T | None]) -> T:
        """Wait for what `first` finds."""
        async with asyncio.timeout(60):
            while (found := first()) is None:
                self.news.clear()
                await self.news.wait()
        return found

    async def recognises(self, replica: str, version: int) -> float:
        """When a replica first used this version of the gallery, or a later one."""
        return await self.until(
            lambda: next((at for at, who, had in self.recognitions if who == replica and had >= version), None)
        )

    async def decides(self, since: float, reasons: set[Reason]) -> float:
        """When the actuator first decided about the person for one of these reasons."""
        return await self.until(
            lambda: next(
                (at for at, who, why in self.decisions if at > since and who == PERSON and why in reasons), None
            )
        )


@asynccontextmanager
async def watching(one: Stack) -> AsyncIterator[Seen]:
    """Note what goes over the bus from now on; what is retained is there already."""
    seen = Seen()

    async def follow(client: Client) -> None:
        async for event in client.events():
            seen.take(event)

    gallery = (channels.GALLERY_MANIFEST, channels.GALLERY_SHARD)
    others = (channels.ROSTER_MANIFEST, channels.ROSTER_SHARD, channels.RECOGNITION, channels.DECISION)
    async with (
        connect(one.broker.transport(Role.RECOGNIZER), gallery) as recognizer,
        connect(one.broker.transport(Role.VIEWER), others) as viewer,
    ):
        following = [asyncio.create_task(follow(client)) for client in (recognizer, viewer)]
        try:
            yield seen
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)


@asynccontextmanager
async def standing_there(one: Stack) -> AsyncIterator[None]:
    """The person is in front of the camera, on no two frames the same."""
    image = imaging.decode(scene("obama2"))

    async def film() -> None:
        async with connect(one.broker.transport(Role.CAPTURE)) as camera:
            for number in itertools.count():
                frame = messages.Frame(
                    jpeg=imaging.encode_jpeg(image, 70 + number % 30),
                    frame_id=f"bench-{time.monotonic_ns()}",
                    captured_at=datetime.now(UTC),
                )
                await camera.send(Outbound(channels.FRAME, frame, PORCH))
                await asyncio.sleep(1 / FPS)

    filming = asyncio.create_task(film())
    try:
        yield
    finally:
        filming.cancel()
        await asyncio.gather(filming, return_exceptions=True)


class Admin:
    """Sends requests about the person."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def enrol(self) -> tuple[float, float, Result]:
        """Enrol the person: when it was asked, when it was answered, and the answer."""
        return await self._ask(Outbound(channels.ENROL, messages.Enrol(jpeg=sample("obama.jpg")), {"person": PERSON}))

    async def disable(self) -> tuple[float, float, Result]:
        """Let the person in no more."""
        return await self._ask(Outbound(channels.UPDATE, messages.Update(enabled=False), {"person": PERSON}))

    async def remove(self) -> tuple[float, float, Result]:
        """Forget the person."""
        return await self._ask(Outbound(channels.REMOVE, messages.Remove(), {"person": PERSON}))

    async def _ask(self, request: Outbound) -> tuple[float, float, Result]:
        asked = time.monotonic()
        async with asyncio.timeout(30):
            await self._client.send(request)
            result: Result = (await self._client.expect(channels.RESULT, person=PERSON)).message
        if result.error:
            raise SystemExit(f"{request.channel.name}: {result.error.message}")
        return asked, time.monotonic(), result


def populate(path: Path, seal: Seal, people: int, model: str) -> None:
    """Put made-up people into a database that is there."""
    chance = np.random.default_rng(1)
    now = utc(datetime.now(UTC))
    db = sqlite3.connect(path)
    with db:
        for number in range(people):
            person = f"person{number}"
            rights = Rights(name=f"Person {number}").model_dump_json()
            db.execute("INSERT INTO people VALUES (?, ?, ?, ?)", (person, rights, now, now))
            db.executemany(
                "INSERT INTO samples (person, template, model, quality, picture, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (person, to_store(unit(values), person, seal), model, 0.9, f"{one:064x}", now)
                    for one, values in enumerate(chance.standard_normal((SAMPLES, LENGTH)))
                ],
            )
        db.execute("UPDATE versions SET version = version + 1")
    db.close()


async def prepare(one: Stack, people: int) -> float:
    """A running site with so many people: seconds from the start of the enroller to whole maps with all of them."""
    await one.broker.start()
    await one.start(Role.ENROLLER, {})
    await one.start(Role.RECOGNIZER, {})
    async with watching(one) as seen, connect(one.broker.transport(Role.OPERATOR), (channels.RESULT,)) as client:
        admin = Admin(client)
        await admin.enrol()
        model = (await seen.manifest(channels.GALLERY_MANIFEST, 1)).model
        await admin.remove()
        await one.stop_service("enroller")
        seal = Seal(bytes.fromhex((one.var / "credentials" / SITE_KEY).read_text()))
        await asyncio.to_thread(populate, one.var / "enroller.db", seal, people, str(model))
        began = time.monotonic()
        await one.start(Role.ENROLLER)
        await seen.manifest(channels.GALLERY_MANIFEST, people)
        await seen.manifest(channels.ROSTER_MANIFEST, people)
        return time.monotonic() - began


async def answers(one: Stack, rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Milliseconds to the answers of each kind of request, and what an enrolment published."""
    taken: dict[str, list[float]] = {"enrol": [], "update": [], "remove": []}
    async with watching(one) as seen, connect(one.broker.transport(Role.OPERATOR), (channels.RESULT,)) as client:
        admin = Admin(client)
        await asyncio.sleep(1)  # what is retained has come
        before = len(seen.maps)
        for _ in range(rounds):
            for name, ask in (("enrol", admin.enrol), ("update", admin.disable), ("remove", admin.remove)):
                asked, answered, _ = await ask()
                taken[name].append((answered - asked) * 1000)
        await asyncio.sleep(1)
        sent = seen.maps[before:]
    shards = [size for name, size in sent if name.endswith("shard")]
    return taken, {
        "shards a round": len(shards) / rounds,
        "kB a round": sum(size for _, size in sent) / rounds / 1000,
    }


async def uses(one: Stack, rounds: int) -> dict[str, list[float]]:
    """Milliseconds to the use of a change by each replica, and by the actuator."""
    taken: dict[str, list[float]] = {}

    def note(what: str, since: float, at: float) -> None:
        taken.setdefault(what, []).append((at - since) * 1000)

    async with (
        watching(one) as seen,
        connect(one.broker.transport(Role.OPERATOR), (channels.RESULT,)) as client,
        standing_there(one),
    ):
        admin = Admin(client)
        for _ in range(rounds):
            asked, answered, result = await admin.enrol()
            note("enrolled: answered", asked, answered)
            for replica in REPLICAS:
                note("enrolled: a replica", asked, await seen.recognises(replica, result.gallery_version or 0))
            note("enrolled: the actuator", asked, await seen.decides(asked, set(Reason) - {Reason.NOT_ON_ROSTER}))
            asked, *_ = await admin.disable()
            note("disabled: the actuator", asked, await seen.decides(asked, {Reason.DISABLED}))
            asked, _, result = await admin.remove()
            for replica in REPLICAS:
                note("removed: a replica", asked, await seen.recognises(replica, result.gallery_version or 0))
    return taken


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Both parts, printed and kept."""
    async with stack(var, VAR) as one:
        started = await prepare(one, given.people)
        enroller = one.process("enroller").pid
        at_start = peak(enroller)
        alone, sent = await answers(one, given.rounds)
        await one.start(Role.RECOGNIZER, {}, instance=REPLICAS[1])
        await one.start(Role.ACTUATOR, PASSING)
        busy = await uses(one, given.rounds)
        memory = {"after the start": at_start, "at the end": usage(enroller).resident, "most": peak(enroller)}
    people = f"{given.people:,} people with {SAMPLES} samples"
    show(f"answered by an enroller of {people}, one idle recognizer", {n: spread(v) for n, v in alone.items()}, "ms")
    show(f"used, two recognizers at {FPS} frames a second", {n: spread(v) for n, v in busy.items()}, "ms")
    show("published by enrol, update and remove together", {"": sent}, "")
    show("the enroller", {"memory, MiB": memory, "start to published, s": dict.fromkeys(memory, started)}, "")
    keep(
        "enrolment",
        {"people": given.people, "rounds": given.rounds, "started": started, "memory": memory, "sent": sent}
        | {"alone": {n: spread(v) for n, v in alone.items()}, "busy": {n: spread(v) for n, v in busy.items()}},
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000, help="enrolled already; default 10000")
    parser.add_argument("--rounds", type=int, default=20, help="of enrol, update and remove; default 20")
    run(parser, measure)


if __name__ == "__main__":
    main()
