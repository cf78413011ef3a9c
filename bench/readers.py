"""A reader of frames in a process of its own, for bench/load.py: a recognizer that recognises nothing, or a viewer.

The recognizer is a real service that shares the frames with its like, keeps the newest of each camera and refuses stale
ones, as doorbus-recognizer does; it only counts them. The viewer reads every frame. Both write the milliseconds from
publish to receipt of each frame that reached them when they are told to stop.
"""

import argparse
import asyncio
import json
import signal
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from doorbus.runtime.broker import transport
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.mqtt import MqttTransport
from doorbus.runtime.runner import Runner
from doorbus.runtime.service import Service
from doorbus.runtime.settings import ServiceSettings, load
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.packet import Connection, Filter, Packet

REPLICAS = "recognizers"
MAX_AGE = timedelta(seconds=2)
"""As doorbus-recognizer's default."""


class Stopwatch:
    """Milliseconds from publish to receipt of every frame."""

    def __init__(self) -> None:
        self.milliseconds = array("d")

    def note(self, packet: Packet) -> None:
        """Time a packet that has just arrived, if it is a frame of bench/cameras.py."""
        sent = dict(packet.user).get("frame_id", "").rpartition("-")[2]
        if sent.isdecimal():
            self.milliseconds.append((time.monotonic_ns() - int(sent)) / 1e6)


class TimedTransport:
    """A transport that shows every packet to a stopwatch before anybody can drop it."""

    def __init__(self, inner: MqttTransport, stopwatch: Stopwatch) -> None:
        self._inner, self._stopwatch = inner, stopwatch

    @property
    def address(self) -> str:
        """`host:port`."""
        return self._inner.address

    @asynccontextmanager
    async def connect(
        self, *, client_id: str, will: Packet | None, deliver: Callable[[Packet], None]
    ) -> AsyncIterator[Connection]:
        """Connect as the inner transport does."""

        def timed(packet: Packet) -> None:
            self._stopwatch.note(packet)
            deliver(packet)

        async with self._inner.connect(client_id=client_id, will=will, deliver=timed) as connection:
            yield connection


class Counter(Service):
    """Reads frames as a recognizer replica does, and counts them."""

    role = Role.RECOGNIZER

    def __init__(self) -> None:
        self._frames = 0

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """Frames, shared among the replicas."""
        return (Subscription(channels.FRAME, self._on_frame, share=REPLICAS, newest_only=True),)

    def connected(self) -> Iterable[Outbound]:
        """Tell bench/load.py that frames may come."""
        print("ready", flush=True)
        return ()

    def figures(self) -> Mapping[str, float]:
        """Frames that a recognizer would have looked at."""
        return {"frames": self._frames}

    async def _on_frame(self, inbound: Inbound[messages.Frame]) -> Iterable[Outbound]:
        if datetime.now(UTC) - inbound.message.captured_at > MAX_AGE:
            raise Refused(Refusal.STALE)
        self._frames += 1
        return ()


async def read(settings: ServiceSettings, role: Role) -> Stopwatch:
    """Read frames as `role` until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stopwatch = Stopwatch()
    way = transport(settings, role)
    if role is Role.RECOGNIZER:
        await Runner(Counter(), TimedTransport(way, stopwatch), settings, SystemClock()).run(stop)
    else:
        async with way.connect(client_id=settings.instance, will=None, deliver=stopwatch.note) as connection:
            await connection.subscribe([Filter(settings.topics.filter(channels.FRAME))])
            print("ready", flush=True)
            stopping, lost = asyncio.create_task(stop.wait()), asyncio.create_task(connection.lost())
            done, _ = await asyncio.wait([stopping, lost], return_when=asyncio.FIRST_COMPLETED)
            lost.cancel()
            for ended in done:
                ended.result()
    return stopwatch


def main() -> None:
    """Parse the command line and read; what is not ours there are settings, as for every service."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", type=Role, choices=[Role.RECOGNIZER, Role.VIEWER])
    parser.add_argument("into", type=Path)
    given, settings = parser.parse_known_args()
    stopwatch = asyncio.run(read(load(ServiceSettings, settings), given.role))
    given.into.write_text(json.dumps([round(ms, 3) for ms in stopwatch.milliseconds]))


if __name__ == "__main__":
    main()
