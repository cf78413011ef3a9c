"""Many cameras in one process, for bench/load.py: each is a service with a connection of its own, as a real one has.

Their frames begin as a JPEG does and are noise otherwise. All start together once the last is connected, each at a
different moment of the period. A frame id ends with the monotonic time, in nanoseconds, at which the frame was
published, so that whoever receives it on this machine knows how long it took.
"""

import argparse
import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from doorbus.runtime.broker import transport
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.mqtt import MqttTransport
from doorbus.runtime.runner import Runner
from doorbus.runtime.service import Producer, Service
from doorbus.runtime.settings import ServiceSettings, load
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.codec import JPEG_START
from doorbus.wire.exchange import Outbound
from doorbus.wire.packet import Connection, Packet

DRAIN_SECONDS = 3.0
"""How long the cameras stay connected after their last frame, so that all that waits reaches the readers."""


@dataclass
class Start:
    """When the cameras begin: as soon as all of them are connected."""

    missing: int
    at: float = 0.0
    given: asyncio.Event = field(default_factory=asyncio.Event)

    def ready(self) -> None:
        """One more camera is connected."""
        self.missing -= 1
        if self.missing == 0:
            self.at = time.monotonic()
            self.given.set()


class CountingTransport:
    """A transport that counts the frames that go into the network.

    What a session drops on its way there is in its health, but there health itself is counted too.
    """

    def __init__(self, inner: MqttTransport) -> None:
        self._inner = inner
        self.frames = 0

    @property
    def address(self) -> str:
        """`host:port`."""
        return self._inner.address

    @asynccontextmanager
    async def connect(
        self, *, client_id: str, will: Packet | None, deliver: Callable[[Packet], None]
    ) -> AsyncIterator[Connection]:
        """Connect as the inner transport does."""
        async with self._inner.connect(client_id=client_id, will=will, deliver=deliver) as connection:
            yield _Counting(connection, self)


class _Counting:
    def __init__(self, inner: Connection, counter: CountingTransport) -> None:
        self._inner, self._counter = inner, counter
        self.subscribe, self.unsubscribe, self.lost = inner.subscribe, inner.unsubscribe, inner.lost

    async def publish(self, packet: Packet) -> None:
        await self._inner.publish(packet)
        self._counter.frames += packet.payload.startswith(JPEG_START)


class Camera(Service):
    """Publishes `fps` frames a second for `seconds`; `phase`, 0 to 1, is the part of a period by which it is late."""

    role = Role.CAPTURE

    def __init__(
        self,
        name: str,
        jpeg: bytes,
        transport: CountingTransport,
        *,
        fps: float,
        seconds: float,
        phase: float,
        start: Start,
    ) -> None:
        self._name, self._jpeg, self._transport = name, jpeg, transport
        self._period, self._seconds, self._phase = 1 / fps, seconds, phase
        self._start = start
        self._is_ready = False
        self._made = self._skipped = 0

    def connected(self) -> Sequence[Outbound]:
        """Count this camera among those that are there."""
        if not self._is_ready:
            self._is_ready = True
            self._start.ready()
        return ()

    def producers(self) -> Sequence[Producer]:
        """The frames."""
        return (self._frames,)

    def figures(self) -> Mapping[str, float]:
        """Frames made, those of them that went out, and those left out because this process was a whole period late."""
        return {
            "frames_made": self._made,
            "frames_sent": self._transport.frames,
            "frames_skipped": self._skipped,
        }

    async def _frames(self) -> AsyncIterator[Outbound]:
        await self._start.given.wait()
        first = self._start.at + self._phase * self._period
        for number in range(round(self._seconds / self._period)):
            due = first + number * self._period
            now = time.monotonic()
            if now > due + self._period:
                self._skipped += 1
                continue
            await asyncio.sleep(due - now)
            yield Outbound(channels.FRAME, self._frame(), {"door": "load", "camera": self._name})

    def _frame(self) -> messages.Frame:
        self._made += 1
        return messages.Frame(
            jpeg=self._jpeg,
            frame_id=f"{self._name}-{time.monotonic_ns()}",
            captured_at=datetime.now(UTC),
            seq=self._made,
        )


async def publish(settings: ServiceSettings, cameras: int, fps: float, seconds: float, kilobytes: float) -> None:
    """Run `cameras` cameras until each has sent its frames."""
    jpeg = JPEG_START + os.urandom(int(kilobytes * 1000) - len(JPEG_START))
    start, stop = Start(cameras), asyncio.Event()
    runs = []
    for number in range(cameras):
        name = f"camera{number:03}"
        counting = CountingTransport(transport(settings, Role.CAPTURE))
        phase = number / cameras
        camera = Camera(name, jpeg, counting, fps=fps, seconds=seconds, phase=phase, start=start)
        one = settings.model_copy(update={"instance": name})
        runs.append(asyncio.create_task(Runner(camera, counting, one, SystemClock()).run(stop)))
    await start.given.wait()
    print(f"began {start.at}", flush=True)
    await asyncio.sleep(seconds + DRAIN_SECONDS)
    stop.set()
    await asyncio.gather(*runs)


def main() -> None:
    """Parse the command line and publish; the broker is the environment's, as for every service."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--kilobytes", type=float, default=60.0)
    given = parser.parse_args()
    settings = load(ServiceSettings, [])
    asyncio.run(publish(settings, given.cameras, given.fps, given.seconds, given.kilobytes))


if __name__ == "__main__":
    main()
