"""`python tests/support/hanging.py recognizer|camera|handler`: processes in a call that nothing interrupts."""

import asyncio
import itertools
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Never

import structlog

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.floor import Floor
from doorbus.runtime.process import run
from doorbus.runtime.service import Service
from doorbus.runtime.settings import ServiceSettings
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.ed25519 import SecretKey
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.messages import Frame
from doorbus.wire.seal import Seal
from doorbus.wire.signatures import Keyring
from doorbus_capture.reader import CameraReader
from doorbus_capture.service import CaptureService
from doorbus_capture.settings import Capture
from doorbus_capture.sources.fakes import FakeSource, Happening
from doorbus_capture.sources.source import Shot
from doorbus_recognizer.calibration import Scale
from doorbus_recognizer.faces import Detection, Image
from doorbus_recognizer.models.fakes import FakeEmbedder, FakeMesh
from doorbus_recognizer.service import RecognizerService
from doorbus_recognizer.settings import Recognizer
from doorbus_recognizer.vision import Vision

SAYS = "hangs_now"
_log = structlog.get_logger("doorbus.test")


def hang() -> Never:
    """What a driver does whose device is gone, or a model with a picture that nobody thought of."""
    _log.info(SAYS)
    while True:
        threading.Event().wait()


class HangingDetector:
    """Looks at its first picture for ever."""

    def detect(self, image: Image) -> tuple[Detection, ...]:  # noqa: ARG002  # the Protocol's
        """Never comes back."""
        hang()


class HangingSource(FakeSource):
    """A camera that says when it hangs."""

    def read(self) -> Shot:
        """Never comes back."""
        _log.info(SAYS)
        return super().read()


class Handler(Service):
    """Hands each frame to a thread that does not come back."""

    role = Role.RECOGNIZER

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """Frames."""
        return (Subscription(channels.FRAME, self._on_frame),)

    async def _on_frame(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:  # noqa: ARG002  # the Protocol's
        await asyncio.to_thread(hang)


def recognizer() -> Service:
    """With models that hang."""
    scale = Scale(likely=0.5, secure=0.6)
    eyes = Vision(HangingDetector(), FakeMesh(), FakeEmbedder("fake@1"), None, scale)
    keys, floor = Keyring(SecretKey(bytes([1]) * 32)), Floor(None, "gallery", "hanging", SystemClock())
    return RecognizerService(eyes, Seal(bytes(32)), keys, Recognizer(), floor, instance="hanging", clock=SystemClock())


def camera() -> Service:
    """With a camera whose driver hangs."""
    clock = SystemClock()
    reader = CameraReader(lambda: HangingSource(itertools.repeat(Happening.HANG), clock), clock)
    return CaptureService(Capture(), reader, clock, "run")


KINDS = {"recognizer": recognizer, "camera": camera, "handler": Handler}

if __name__ == "__main__":
    kind = sys.argv.pop(1)
    sys.exit(run(ServiceSettings, lambda _: KINDS[kind]()))
