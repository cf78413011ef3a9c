"""Frames a second of one recognizer replica, when cameras send more than it can take.

Four cameras send 640x480 frames with one face each as fast as `--offered` says; liveness is on. What the replica does
not get to is superseded, so the recognitions that come out in a second are its throughput. Their age says what the
overload costs.
"""

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from common import VAR, enrol, keep, sample, scene, show, spread
from doorbus import channels, messages
from doorbus.channels import Role
from doorbus.client import connect
from doorbus.local import stack
from doorbus.service import Outbound

CAMERAS = 4


async def measure(seconds: float, offered: float, var: Path) -> None:
    """Offer `offered` frames a second for `seconds` and print what came out."""
    jpeg = scene("obama2")
    arrived: list[float] = []
    ages: list[float] = []
    matched = 0
    async with stack(var, VAR) as one:
        await one.broker.start()
        await one.start(Role.ENROLLER, {})
        await one.start(Role.RECOGNIZER, {})
        async with connect(one.broker.transport(Role.OPERATOR), (channels.RESULT,)) as client:
            await enrol(client, "obama", sample("obama.jpg"))

        async def count() -> None:
            nonlocal matched
            async with connect(one.broker.transport(Role.VIEWER), (channels.RECOGNITION,)) as viewer:
                async for event in viewer.events():
                    recognition: messages.Recognition = event.message
                    arrived.append(time.monotonic())
                    ages.append((datetime.now(UTC) - recognition.captured_at).total_seconds() * 1000)
                    matched += any(face.verdict is messages.Verdict.MATCH for face in recognition.faces)

        counting = asyncio.create_task(count())
        sent = 0
        async with connect(one.broker.transport(Role.CAPTURE)) as camera:
            began = time.monotonic()
            while time.monotonic() - began < seconds:
                frame = messages.Frame(jpeg=jpeg, frame_id=f"bench-{sent}", captured_at=datetime.now(UTC), seq=sent)
                ids = {"door": "front", "camera": f"camera{sent % CAMERAS}"}
                await camera.send(Outbound(channels.FRAME, frame, ids))
                sent += 1
                await asyncio.sleep(max(0.0, began + sent / offered - time.monotonic()))
        counting.cancel()

    warm = [at for at in arrived if at - began > 1.0]
    rate = (len(warm) - 1) / (warm[-1] - warm[0])
    show(
        f"one replica, {offered:g} frames a second offered by {CAMERAS} cameras for {seconds:g} s",
        {"frames a second": {"recognised": rate, "offered": sent / seconds}},
        "",
    )
    rows = {"capture to recognition": spread(ages)}
    show(f"{matched} of {len(arrived)} recognitions name the right person", rows, "ms")
    keep("throughput", {"frames_per_second": rate, "offered": sent / seconds, "matched": matched, "milliseconds": rows})


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--offered", type=float, default=150.0)
    arguments = parser.parse_args()
    VAR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=VAR) as var:
        asyncio.run(measure(arguments.seconds, arguments.offered, Path(var)))


if __name__ == "__main__":
    main()
