"""A recorder on a bus in memory, and what cameras, recognizers, doors and people send it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.codec import Arrival
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    Decision,
    EraseRecording,
    Face,
    Frame,
    GetRecording,
    KeptPicture,
    ListRecordings,
    Outcome,
    Reason,
    Recognition,
    Recording,
    Recordings,
    RosterEntry,
    Trigger,
    Verdict,
)
from doorbus.wire.packet import Packet
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_recorder.fakes import MemoryStore
from doorbus_recorder.review import Case
from doorbus_recorder.service import RecorderService
from doorbus_recorder.settings import Recorder
from doorbus_recorder.store import Store
from support.signing import KEYS, packet
from support.snapshots import nowhere

FRONT = {"door": "front"}
PORCH = {"door": "front", "camera": "porch"}
ME = {"token": "me"}
SEAL = Seal(bytes(32))


@dataclass
class Watch:
    """A running recorder, and everything around it."""

    bus: MemoryBus
    clock: FakeClock
    service: RecorderService
    _numbers: Iterable[int] = field(default_factory=count)

    def say(self, channel: Channel[Any], message: object, ids: Mapping[str, str]) -> None:
        """Publish a message as those do who may."""
        self.bus.publish(packet(Outbound(channel, message, ids)))

    async def enrolled(self, *people: str, version: int = 1) -> None:
        """Publish a roster, and wait until the recorder goes by it."""
        packed = pack([RosterEntry(person=each, name=each.title()) for each in people], version)
        self.say(channels.ROSTER_MANIFEST, packed.manifest, {})
        for index, shard in enumerate(packed.shards):
            self.say(channels.ROSTER_SHARD, shard, {"shard": str(index)})
        async with asyncio.timeout(20):
            while self.service.figures()["roster_version"] < version:  # noqa: ASYNC110  # health has no event
                await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and wait until what is due is done."""
        self.clock.advance(seconds)
        await self.list()

    def show(self, jpeg: bytes, frame_id: str, ids: Mapping[str, str] = PORCH) -> None:
        """A camera's frame."""
        self.say(channels.FRAME, Frame(jpeg=jpeg, frame_id=frame_id, captured_at=self.clock.now()), ids)

    def recognise(self, jpeg: bytes, frame_id: str, *people: str | None, ids: Mapping[str, str] = PORCH) -> None:
        """What a recognizer says of it."""
        at = self.clock.now()
        faces = tuple(
            Face(
                box=(10.0, 10.0, 40.0, 40.0),
                verdict=Verdict.UNKNOWN if person is None else Verdict.MATCH,
                person=person,
                confidence=0.97,
            )
            for person in people
        )
        digest = hashlib.sha256(jpeg).hexdigest()[:32]
        said = Recognition(
            frame_id=frame_id,
            captured_at=at,
            recognized_at=at,
            recognizer="one",
            model="fake",
            digest=digest,
            width=640,
            height=480,
            faces=faces,
        )
        self.say(channels.RECOGNITION, said, ids)

    def decide(
        self,
        *frame_ids: str,
        person: str | None = "alice",
        reason: Reason = Reason.MATCHED,
        ids: Mapping[str, str] = FRONT,
    ) -> None:
        """What the door decides."""
        outcome = Outcome.GRANTED if reason in {Reason.MATCHED, Reason.COMMANDED} else Outcome.DENIED
        trigger = Trigger.COMMAND if reason is Reason.COMMANDED else Trigger.FACE
        decision = Decision(
            outcome=outcome, reason=reason, trigger=trigger, at=self.clock.now(), person=person, frame_ids=frame_ids
        )
        self.say(channels.DECISION, decision, ids)

    def let_in(self, jpeg: bytes, frame_id: str, person: str = "alice", ids: Mapping[str, str] = PORCH) -> None:
        """The whole of it: shown, recognised, let in."""
        self.show(jpeg, frame_id, ids)
        self.recognise(jpeg, frame_id, person, ids=ids)
        self.decide(frame_id, person=person, ids={"door": ids["door"]})

    async def list(self, **fields: Any) -> Recordings:
        """What the recorder says it keeps, after all that was sent before."""
        answer: Recordings = await self._ask(channels.RECORDING_LIST, ListRecordings(**fields), {})
        return answer

    async def get(self, recording: str, *, boxes: bool = False) -> KeptPicture:
        """A picture, or why there is none."""
        ids = {"recording": recording}
        answer: KeptPicture = await self._ask(channels.RECORDING_GET, GetRecording(boxes=boxes), ids)
        return answer

    async def erase(self, recording: str) -> Recordings:
        """Have one erased."""
        answer: Recordings = await self._ask(channels.RECORDING_ERASE, EraseRecording(), {"recording": recording})
        return answer

    async def send(self, request: Packet) -> Any:
        """The answer to a request as it is, right or wrong."""
        assert request.correlation is not None
        self.bus.publish(request)
        async with asyncio.timeout(20):
            while True:
                for one in self.bus.log:
                    if one.correlation == request.correlation and one is not request:
                        found = TOPICS.resolve(one.topic)
                        assert found is not None
                        return found.channel.codec.decode(one, found.ids, Arrival(self.clock.now(), "given"))
                await asyncio.sleep(0.001)

    async def _ask(self, channel: Channel[Any], message: object, ids: Mapping[str, str]) -> Any:
        assert channel.reply is not None
        correlation = str(next(iter(self._numbers))).encode()
        return await self.send(packet(Outbound(channel, message, ids, correlation, (channel.reply, ME))))


@asynccontextmanager
async def recorder(
    store: Store[Recording],
    bus: MemoryBus | None = None,
    clock: FakeClock | None = None,
    faces: Store[Case] | None = None,
    **settings: Any,
) -> AsyncIterator[Watch]:
    """A recorder that is connected."""
    bus, clock = bus or MemoryBus(), clock or FakeClock()
    faces = MemoryStore() if faces is None else faces
    service = RecorderService(
        Recorder(**settings),
        clock,
        store=store,
        faces=faces,
        seal=SEAL,
        keys=KEYS,
        floor=nowhere("roster"),
        instance="recorder",
    )
    async with running(service, bus, clock):
        yield Watch(bus, clock, service)
