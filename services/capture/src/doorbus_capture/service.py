"""The capture service: pictures in, frames out."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import Any, ClassVar

import structlog

from doorbus import homeassistant
from doorbus.runtime.clock import Clock
from doorbus.runtime.errors import SetupError
from doorbus.runtime.service import Inlet, Producer, Service
from doorbus.wire.channels import CHALLENGE, DECISION, DOORBELL, FRAME, Channel, Role
from doorbus.wire.exchange import Inbound, Intake, Outbound, Subscription
from doorbus.wire.messages import Ask, Challenge, Decision, Doorbell, Frame
from doorbus_capture import bridge, imaging, sampling
from doorbus_capture.attention import NOBODY_WAITS
from doorbus_capture.picture import fitted
from doorbus_capture.reader import CameraReader
from doorbus_capture.settings import Capture
from doorbus_capture.sources.address import Kind
from doorbus_capture.sources.source import Shot
from doorbus_capture.stillness import Stillness
from doorbus_capture.webhook import Webhook

_log = structlog.get_logger("doorbus.capture")

_RECENT_SECONDS = 5.0
"""The figure `fps` is a mean over so long, and a decision about a frame comes sooner."""

_ACTS = frozenset({Ask.BLINK, Ask.TURN_LEFT, Ask.TURN_RIGHT})


class CaptureService(Service):
    """Sends what one camera sees, as far as it is worth sending.

    `reader` is None when there is nothing to read: the camera is `none`, or others send their pictures, on a topic of
    theirs or to the `webhook`. `run` tells this run's frame ids from those of every other run.
    """

    role: ClassVar[Role] = Role.CAPTURE

    def __init__(
        self, settings: Capture, reader: CameraReader | None, clock: Clock, run: str, webhook: Webhook | None = None
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._clock = clock
        self._run = run
        self._address = settings.address
        self._view = settings.view
        self._ids = {"door": settings.door, "camera": settings.camera}
        self._webhook = webhook
        self._bridge = self._foreign()
        self._began_at = clock.monotonic()
        self._gate = sampling.GateState()
        self._attention = NOBODY_WAITS
        self._stillness = Stillness()
        self._last_at: float | None = None
        self._last_captured_at: datetime | None = None
        self._recent: deque[tuple[float, str]] = deque()
        """When the frames of late were taken, and their ids."""
        self._sent = 0
        self._suppressed = 0

    def device(self, site: homeassistant.Origin) -> homeassistant.Device:
        """The camera, as a part of its door."""
        return homeassistant.camera(site, self._settings.door, self._settings.camera)

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """What becomes of our frames, who rings, what the door asks; and another program's pictures, if it is that."""
        if self._reader is None and self._bridge is None:
            return ()
        here = {"door": self._settings.door}
        heard = (
            Subscription(DECISION, self._on_decision, here),
            Subscription(DOORBELL, self._on_doorbell, here),
            Subscription(CHALLENGE, self._on_challenge, here),
        )
        if self._bridge is None:
            return heard
        # The broker has nothing to do with what comes to the webhook.
        wanted = tuple if self._webhook is not None else None
        return (*heard, Subscription(self._bridge, self._on_foreign, newest_only=True, on_demand=wanted))

    def inlets(self) -> Sequence[Inlet]:
        """The webhook, if pictures come to it."""
        return () if self._webhook is None else (self._posted,)

    def producers(self) -> Sequence[Producer]:
        """The camera, if there is one."""
        return () if self._reader is None else (self._frames,)

    def place(self) -> Mapping[str, str]:
        """The camera that it reads, and its door."""
        return self._ids

    def figures(self) -> Mapping[str, float]:
        """How the camera does: counts since the start, frames a second of late, when the last picture was taken."""
        if self._reader is None and self._bridge is None:
            return {}
        now = self._clock.monotonic()
        figures: dict[str, float] = {
            "frames_sent": self._sent,
            "frames_suppressed": self._suppressed,
            "fps": sum(now - at <= _RECENT_SECONDS for at, _ in self._recent) / _RECENT_SECONDS,
        }
        if self._reader is not None:
            figures["frames_superseded"] = self._reader.superseded
            figures["frames_missed"] = self._reader.missed
            figures["reopened"] = self._reader.reopened
            figures["hung"] = self._reader.hung
            figures["lost_lately"] = self._reader.lost_lately
        if self._last_at is not None and self._last_captured_at is not None:
            figures["last_frame_age_seconds"] = now - self._last_at
            figures["last_frame_at"] = self._last_captured_at.timestamp()
        return figures

    def problem(self) -> str | None:
        """Why there are no pictures, or none that can be trusted."""
        trouble = self._never_heard() if self._reader is None else self._reader.problem or self._frozen()
        return trouble and f"DOORBUS_CAPTURE__SOURCE={self._address.shown}: {trouble}"

    async def start(self) -> None:
        """Have the webhook's port, if there is one, before anybody is told that this works."""
        if self._webhook is not None:
            with self._having_the_port():
                await self._webhook.open()

    async def stop(self) -> Sequence[Outbound]:
        """Let go of the camera, or of the webhook's port."""
        if self._webhook is not None:
            await self._webhook.close()
        if self._reader is not None:
            await self._reader.close()
        return ()

    async def _frames(self) -> AsyncIterator[Outbound]:
        """Frames while there are pictures; never ends by itself."""
        if self._reader is None:
            return
        self._reader.pace(self._settings.fps)
        async with aclosing(self._reader.shots()) as shots:
            async for shot in shots:
                jpeg = await asyncio.to_thread(self._look, shot)
                self._reader.pace(self._pace(shot.at))
                self._last_at, self._last_captured_at = shot.at, shot.captured_at
                if jpeg is None:
                    self._suppressed += 1
                    continue
                yield Outbound(FRAME, self._frame(shot, jpeg), self._ids)

    async def _on_foreign(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:
        """A frame of another program's picture. One that brings an id and a time of its own keeps them."""
        image = await asyncio.to_thread(imaging.decode, inbound.message.jpeg)
        shot = Shot(image, inbound.message.captured_at, inbound.at_monotonic, inbound.message.label)
        jpeg = await asyncio.to_thread(self._look, shot)
        self._last_at, self._last_captured_at = shot.at, shot.captured_at
        if jpeg is None:
            self._suppressed += 1
            return ()
        return (Outbound(FRAME, self._frame(shot, jpeg, dict(inbound.packet.user).get("frame_id")), self._ids),)

    async def _on_decision(self, inbound: Inbound[Decision]) -> Iterable[Outbound]:
        """Stay awake for somebody whom the actuator has seen on frames of this camera, but could not decide about."""
        if {frame_id for _, frame_id in self._recent}.isdisjoint(inbound.message.frame_ids):
            return ()
        now = self._clock.monotonic()
        self._attention = self._attention.after(inbound.message, now)
        self._keep_pace(now)
        return ()

    async def _on_doorbell(self, _: Inbound[Doorbell]) -> Iterable[Outbound]:
        """Wake for somebody who rings."""
        now = self._clock.monotonic()
        self._attention = self._attention.rung(now)
        self._keep_pace(now)
        return ()

    async def _on_challenge(self, inbound: Inbound[Challenge]) -> Iterable[Outbound]:
        """Send all that the camera sees while somebody is to blink or to turn: lids are on their way for a moment."""
        asked, now = inbound.message, self._clock.monotonic()
        ours = asked.ask in _ACTS and asked.camera in (None, self._settings.camera)
        left = (asked.expires_at - self._clock.now()).total_seconds() if ours and asked.expires_at is not None else 0.0
        self._attention = self._attention.asked(left, now)
        self._keep_pace(now)
        return ()

    def _keep_pace(self, now: float) -> None:
        if self._reader is not None:
            self._reader.pace(self._pace(now))

    def _pace(self, now: float) -> float:
        return sampling.looks_per_second(self._settings, self._gate, now, self._attention)

    async def _posted(self, intake: Intake) -> None:
        if self._webhook is not None:
            with self._having_the_port():
                await self._webhook.run(intake)

    @contextmanager
    def _having_the_port(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SetupError(
                f"DOORBUS_CAPTURE__SOURCE={self._address.shown}: {os.strerror(error.errno or 0)}; "
                "give an address of this machine and a port above 1023 that no other program has"
            ) from None

    def _look(self, shot: Shot) -> bytes | None:
        """The JPEG of a picture that is worth sending. Takes milliseconds, so it runs beside the event loop."""
        if self._address.kind.live:
            self._stillness = self._stillness.after(shot.image, shot.at)
        image = self._view.apply(shot.image)
        self._gate, why = sampling.sample(
            self._settings, self._gate, imaging.thumbnail(image), shot.at, self._attention
        )
        if why is None:
            return None
        size = fitted(image.shape[1], image.shape[0], self._settings.width, self._settings.height)
        return imaging.encode_jpeg(imaging.resize(image, size), self._settings.jpeg_quality)

    def _frame(self, shot: Shot, jpeg: bytes, frame_id: str | None = None) -> Frame:
        frame = Frame(
            jpeg=jpeg,
            frame_id=frame_id or f"{self._settings.camera}-{self._run}-{self._sent}",
            captured_at=shot.captured_at,
            seq=self._sent,
            label=shot.label,
        )
        self._sent += 1
        self._recent.append((shot.at, frame.frame_id))
        while shot.at - self._recent[0][0] > _RECENT_SECONDS:
            self._recent.popleft()
        _log.debug("frame", frame_id=frame.frame_id, bytes=len(jpeg))
        return frame

    def _never_heard(self) -> str | None:
        """A topic or webhook never heard from; one that falls silent later may have nothing to say."""
        waited = self._clock.monotonic() - self._began_at
        if self._bridge is None or self._last_at is not None or waited < self._settings.timeout_seconds:
            return None
        if self._webhook is not None:
            return "no picture yet; can the camera reach it, and does it send the token?"
        return "no picture yet; is it sent, not only kept by the broker, and may this user read it?"

    def _foreign(self) -> Channel[Frame] | None:
        match self._address.kind:
            case Kind.MQTT:
                return bridge.foreign(self._address.topic)
            case Kind.WEBHOOK:
                return bridge.foreign(bridge.WEBHOOK)
            case _:
                return None

    def _frozen(self) -> str | None:
        limit = self._settings.frozen_seconds
        still = 0.0 if self._last_at is None else self._stillness.seconds(self._last_at)
        return f"every picture is the same since {limit:g} s; is the camera frozen?" if 0 < limit <= still else None
