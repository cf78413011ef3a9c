"""Frames offered to recognizers, and what comes of them; for bench/throughput.py and bench/scale.py."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from common import enrol, sample, scene
from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound

CAMERAS = 4
WARM_UP = 1.0
"""Seconds at the beginning that do not count."""


@dataclass
class Outcome:
    """What came of the frames."""

    offered: float = 0.0
    """Frames a second that were sent."""
    matched: int = 0
    """Recognitions that name somebody."""
    ages: list[float] = field(default_factory=list)
    """Milliseconds from the capture to the arrival of each recognition."""
    arrived: list[float] = field(default_factory=list)

    def rate(self, began: float) -> float:
        """Recognitions a second after the warm-up, for frames from the monotonic time `began` on."""
        warm = [at for at in self.arrived if at - began > WARM_UP]
        return (len(warm) - 1) / (warm[-1] - warm[0])


async def enrol_one(one: Stack) -> None:
    """Enrol the person on the frames; the enroller and a recognizer are running."""
    async with connect(one.broker.transport(Role.OPERATOR), (channels.RESULT,)) as client:
        await enrol(client, "obama", sample("obama.jpg"))


async def offer(one: Stack, seconds: float, fps: float) -> tuple[Outcome, float]:
    """Offer `fps` frames a second, one face each, for `seconds`; what came of them, and recognitions a second."""
    jpeg = scene("obama2")
    outcome = Outcome()

    async def count() -> None:
        async with connect(one.broker.transport(Role.VIEWER), (channels.RECOGNITION,)) as viewer:
            async for event in viewer.events():
                recognition: messages.Recognition = event.message
                outcome.arrived.append(time.monotonic())
                outcome.ages.append((datetime.now(UTC) - recognition.captured_at).total_seconds() * 1000)
                outcome.matched += any(face.verdict is messages.Verdict.MATCH for face in recognition.faces)

    counting = asyncio.create_task(count())
    sent = 0
    async with connect(one.broker.transport(Role.CAPTURE)) as camera:
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            frame = messages.Frame(jpeg=jpeg, frame_id=f"bench-{sent}", captured_at=datetime.now(UTC), seq=sent)
            ids = {"door": "front", "camera": f"camera{sent % CAMERAS}"}
            await camera.send(Outbound(channels.FRAME, frame, ids))
            sent += 1
            await asyncio.sleep(max(0.0, began + sent / fps - time.monotonic()))
    counting.cancel()
    outcome.offered = sent / seconds
    return outcome, outcome.rate(began)
