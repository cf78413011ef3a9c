"""How recognition scales: frames a second against the number of replicas, and what a larger gallery costs.

Replicas: 1, 2, 3 of them share the frames of four cameras, more than they can take, all on this machine with the broker
and the cameras. What a machine of its own for each would give, the frames for each second of processor time tell.

Gallery: made-up people with three samples each. A new replica gets it from a real broker: first the shards, then it
unseals and builds; after that every face is compared with everybody.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common import VAR, console, keep, run, show, spread
from doorbus.local.prepare import SITE_KEY
from doorbus.local.stack import Broker, free_port, stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import GalleryEntry
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import Snapshot, SnapshotReader, pack
from doorbus.wire.templates import to_gallery, unit
from doorbus_recognizer.calibration import Scale
from doorbus_recognizer.matching import Block, Gallery
from frames import CAMERAS, enrol_one, offer
from proc import usage

LENGTH = 192
"""Values of a template of the default model."""
SAMPLES = 3
PROBES = 200


async def replicas(count: int, given: argparse.Namespace, var: Path) -> dict[str, float]:
    """Frames a second of `count` replicas, and what they used."""
    names = [f"replica{number}" for number in range(count)]
    async with stack(var, VAR) as one:
        await one.broker.start()
        await one.start(Role.ENROLLER, {})
        for name in names:
            await one.start(Role.RECOGNIZER, {}, instance=name)
        await enrol_one(one)
        pids = [one.process(name).pid for name in names]
        before = sum(usage(pid).seconds for pid in pids)
        outcome, rate = await offer(one, given.seconds, given.offered)
        after = [usage(pid) for pid in pids]
        busy = await _busy(one.broker, names)
    cores = (sum(one.seconds for one in after) - before) / given.seconds
    return {
        "recognised a second": rate,
        "cores used": cores,
        "frames a core second": rate / cores,
        "busy": busy,
        "age, median ms": spread(outcome.ages)["median"],
        "age, p99 ms": spread(outcome.ages)["p99"],
        "MiB a replica": max(one.resident for one in after),
    }


async def _busy(broker: Broker, names: Sequence[str]) -> float:
    """The sum of what the replicas last said of how busy they are."""
    async with asyncio.timeout(10), connect(broker.transport(Role.VIEWER), (channels.HEALTH,)) as viewer:
        said: dict[str, float] = {}
        while set(said) != set(names):
            event = await viewer.expect(channels.HEALTH, service=Role.RECOGNIZER.value)
            said[event.ids["instance"]] = event.message.figures["busy"]
    return sum(said.values())


def entries(people: int) -> list[GalleryEntry]:
    """Made-up people."""
    random = np.random.default_rng(1)
    return [
        GalleryEntry(person=f"person{number}", templates=tuple(_template(random) for _ in range(SAMPLES)))
        for number in range(people)
    ]


def _template(random: np.random.Generator) -> str:
    return to_gallery(unit(random.standard_normal(LENGTH)))


async def gallery(people: int, broker: Broker, version: int) -> dict[str, float]:
    """What a gallery of `people` costs to publish, to load, and for each face."""
    seal = Seal(bytes.fromhex((broker.var / "credentials" / SITE_KEY).read_text()))
    made = entries(people)
    began = time.perf_counter()
    manifest, shards = pack(made, version, "bench", seal)
    packed = time.perf_counter()
    async with connect(broker.transport(Role.ENROLLER)) as enroller:
        for number, shard in enumerate(shards):
            await enroller.send(Outbound(channels.GALLERY_SHARD, shard, {"shard": str(number)}))
        await enroller.send(Outbound(channels.GALLERY_MANIFEST, manifest))
    published = time.perf_counter()
    snapshot = await _fetched(broker, version, seal)
    fetched, worked = time.perf_counter(), time.process_time()
    whole = Gallery.of(snapshot.parts(), snapshot.manifest.model, version)
    built, work = time.perf_counter(), time.process_time() - worked
    matching, of_processor = _matching(whole)
    return {
        "MB": sum(map(len, shards)) / 1e6,
        "shards": len(shards),
        "pack ms": (packed - began) * 1000,
        "publish ms": (published - packed) * 1000,
        "fetch ms": (fetched - published) * 1000,
        "unseal and build ms": (built - fetched) * 1000,
        "of processor ms": work * 1000,
        "match a face, µs": matching * 1e6,
        "of processor µs": of_processor * 1e6,
    }


async def _fetched(broker: Broker, version: int, seal: Seal) -> Snapshot[Block]:
    """The gallery as a recognizer that has just started gets it."""
    reader = SnapshotReader(GalleryEntry, Block.read, seal)
    listen = (channels.GALLERY_MANIFEST,)
    async with asyncio.timeout(60), connect(broker.transport(Role.RECOGNIZER), listen) as client:
        async for event in client.events():
            snapshot = await client.collect(reader, event)
            if snapshot is not None and snapshot.manifest.version == version:
                return snapshot
    raise AssertionError("events ends only by an exception")


def _matching(whole: Gallery) -> tuple[float, float]:
    """Seconds for a face, and of the processor's time for it, the medians."""
    random = np.random.default_rng(2)
    scale = Scale(likely=0.4, secure=0.5)
    taken, worked = [], []
    for _ in range(PROBES):
        probe = random.standard_normal(LENGTH).astype(np.float32)
        began, work = time.perf_counter(), time.process_time()
        whole.match(probe, scale)
        taken.append(time.perf_counter() - began)
        worked.append(time.process_time() - work)
    return spread(taken)["median"], spread(worked)["median"]


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Both, printed and kept."""
    rows: dict[str, dict[str, float]] = {}
    for count in given.replicas:
        home = var / f"replicas{count}"
        home.mkdir()
        rows[f"{count} replica{'s' if count > 1 else ''}"] = await replicas(count, given, home)
    if rows:
        offered = f"{given.offered:g} frames a second offered by {CAMERAS} cameras for {given.seconds:g} s"
        show(f"{offered}, all on one machine", rows, "")
    sizes = await galleries(given.people, var / "gallery")
    if sizes:
        show(f"gallery of people with {SAMPLES} samples each", sizes, "")
    load = os.getloadavg()[0]
    console.print(f"load average of the machine at the end: {load:.1f}")
    keep("scale", {"offered": given.offered, "replicas": rows, "gallery": sizes, "load_average": load})


async def galleries(numbers: Sequence[int], var: Path) -> dict[str, dict[str, float]]:
    """What galleries of these sizes cost, on a broker of their own."""
    broker = Broker(var, free_port())
    await broker.start()
    try:
        versions = enumerate(numbers, start=1)
        return {f"{people:,} people": await gallery(people, broker, version) for version, people in versions}
    finally:
        await broker.stop()


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0, help="for each number of replicas; default 12")
    parser.add_argument("--offered", type=float, default=150.0, help="frames a second; default 150")
    parser.add_argument(
        "--replicas", type=int, nargs="*", default=[1, 2, 3], help="how many; default 1 2 3, none to leave out"
    )
    parser.add_argument(
        "--people", type=int, nargs="*", default=[100, 1000, 10000], help="in the gallery; default 100 1000 10000"
    )
    run(parser, measure)


if __name__ == "__main__":
    main()
