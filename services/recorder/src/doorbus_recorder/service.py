"""Frames and decisions in, pictures of decisions kept; and who may look asks for them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import structlog

from doorbus.runtime.clock import Clock
from doorbus.runtime.floor import Floor
from doorbus.runtime.service import Service
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.drawing import Label, labelled
from doorbus.wire.exchange import Arrived, Inbound, Outbound, Subscription
from doorbus.wire.messages import (
    Decision,
    EraseRecording,
    ErrorCode,
    Fault,
    Frame,
    GetRecording,
    KeptPicture,
    ListRecordings,
    Manifest,
    Recognition,
    Recording,
    Recordings,
    RosterEntry,
)
from doorbus.wire.signatures import Keyring
from doorbus.wire.snapshot import Snapshot, SnapshotReader, as_they_are, refuse_older, shard_number
from doorbus_recorder.keeping import Calendar, Kept, page_of, people_on, recording_of, surplus
from doorbus_recorder.ring import Ring, Seen
from doorbus_recorder.settings import Recorder
from doorbus_recorder.store import Foreign, StorageFailed, Store

_log = structlog.get_logger("doorbus.recorder")

T = TypeVar("T")

LOOK_SECONDS = 10.0
"""How often what is due is done: erasing what is too old, and again what the disk had refused."""
PATIENCE_SECONDS = 5.0
"""From then on a disk that has not answered is told in health."""


class RecorderService(Service):
    """Keeps the picture that led to a decision. `floor` says which roster came last of all that ever came."""

    role: ClassVar[Role] = Role.RECORDER

    def __init__(
        self,
        settings: Recorder,
        store: Store,
        keys: Keyring,
        floor: Floor,
        clock: Clock,
        *,
        new_id: Callable[[], str] = lambda: uuid4().hex[:12],
    ) -> None:
        self.keys = keys
        self._settings = settings
        self._store = store
        self._floor = floor
        self._clock = clock
        self._new_id = new_id
        self._ring = Ring(settings.ring_seconds, int(settings.ring_megabytes * 1_000_000))
        self._kept: dict[str, Recording] = {}
        """In order of the ids, which is that of time."""
        self._foreign: dict[str, Foreign] = {}
        self._owed: set[str] = set()
        """What has to go, and the disk has not let go of yet; nobody sees it any more."""
        self._roster = SnapshotReader(RosterEntry, as_they_are)
        self._roster_version = -1
        self._people: Mapping[str, str] | None = None
        """Id and name of whoever is on the roster; None before there was a whole one."""
        self._calendar = Calendar()
        self._opened = False
        self._look_at = clock.monotonic() + LOOK_SECONDS
        self._trouble: str | None = None
        self._at_disk_since: float | None = None
        self._counts = dict.fromkeys(("recorded", "without_frame", "not_enrolled", "failed", "damaged", "erased"), 0)

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """What people ask; frames and decisions where pictures are kept; and who is on the roster."""
        places = [{"door": door} for door in self._settings.door_ids] or [{}]
        recording = [
            each
            for place in places
            for each in (
                Subscription(channels.FRAME, self._on_frame, place),
                Subscription(channels.RECOGNITION, self._on_recognition, place),
                Subscription(channels.DECISION, self._on_decision, place),
            )
        ]
        return (
            *(recording if self._settings.reasons else ()),
            Subscription(channels.ROSTER_MANIFEST, self._on_manifest),
            Subscription(channels.ROSTER_SHARD, self._on_shard, newest_only=True, on_demand=self._roster.wanted),
            Subscription(channels.RECORDING_LIST, self._on_list),
            Subscription(channels.RECORDING_GET, self._on_get),
            Subscription(channels.RECORDING_ERASE, self._on_erase),
        )

    async def start(self) -> None:
        """See what is there; a disk that cannot be read is told and tried again."""
        await self._open()

    def wake_at(self) -> float | None:
        """When to look again."""
        return self._look_at

    async def tick(self) -> Iterable[Outbound]:
        """Erase what is too old, and what could not be erased before."""
        self._look_at = self._clock.monotonic() + LOOK_SECONDS
        self._ring.forget(self._clock.monotonic())
        if not self._opened:
            await self._open()
        await self._erase(self._owed)
        await self._make_room()
        return ()

    def refused(self, arrived: Arrived[Any], refused: Refused) -> Iterable[Outbound]:
        """Tell the sender of a request that was refused what was wrong with it."""
        code = _CODES.get(refused.reason, ErrorCode.BAD_REQUEST)
        why = f"the message cannot be taken ({refused})"
        if arrived.channel is channels.RECORDING_GET:
            return arrived.reply(KeptPicture(jpeg=b"", recording=arrived.ids["recording"], error=code, why=why[:128]))
        if arrived.channel in _REQUESTS:
            return arrived.reply(Recordings(error=Fault(code=code, message=why)))
        return ()

    def figures(self) -> Mapping[str, float]:
        """How many are kept, and what became of the others."""
        return {
            "recordings": len(self._kept),
            "bytes": sum(each.bytes for each in self._kept.values()),
            "ring_frames": len(self._ring),
            "ring_bytes": self._ring.bytes,
            "roster_version": self._roster_version,
            "foreign": len(self._foreign),
            "owed": len(self._owed),
            **self._counts,
            **self._floor.figures("roster"),
        }

    def problem(self) -> str | None:
        """What is wrong with the disk."""
        since = self._at_disk_since
        if since is not None and self._clock.monotonic() - since > PATIENCE_SECONDS:
            return "writing or reading a picture takes longer than a few seconds; does the disk hang?"
        if self._trouble is None and self._foreign:
            return (
                f"{len(self._foreign)} pictures were sealed with another key; bring back the file that "
                "DOORBUS_RECORDER_KEY_FILE names, or delete VAR/recorder"
            )
        return self._trouble or self._floor.problem

    # What is seen.

    async def _on_frame(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:
        self._ring.add(inbound.ids["door"], inbound.ids["camera"], inbound.message, inbound.at_monotonic)
        return ()

    async def _on_recognition(self, inbound: Inbound[Recognition]) -> Iterable[Outbound]:
        self._ring.note(inbound.ids["door"], inbound.ids["camera"], inbound.message)
        return ()

    async def _on_decision(self, inbound: Inbound[Decision]) -> Iterable[Outbound]:
        decision, door = inbound.message, inbound.ids["door"]
        if decision.reason not in self._settings.reasons or not decision.frame_ids:
            return ()
        seen = next((found for each in reversed(decision.frame_ids) if (found := self._ring.find(door, each))), None)
        if seen is None:
            self._counts["without_frame"] += 1
            _log.warning("frame_gone", door=door, frame_id=decision.frame_ids[-1])
            return ()
        recording = recording_of(decision, seen, f"{self._clock.now():%Y%m%dt%H%M%S%f}-{self._new_id()}")
        if not self._may_stay(recording):
            self._counts["not_enrolled"] += 1
            return ()
        return await self._keep(recording, seen)

    async def _keep(self, recording: Recording, seen: Seen) -> Iterable[Outbound]:
        try:
            await self._at_disk(lambda: self._store.keep(recording, seen.frame.jpeg))
        except StorageFailed as failed:
            self._fail(failed, frame_id=recording.frame_id)
            return ()
        self._trouble = None
        self._kept[recording.recording] = recording
        self._counts["recorded"] += 1
        _log.info(
            "recorded",
            recording=recording.recording,
            door=recording.door,
            frame_id=recording.frame_id,
            reason=recording.reason.value,
        )
        await self._make_room()
        return (Outbound(channels.RECORDED, recording, {"door": recording.door}),)

    # Who is there.

    async def _on_manifest(self, inbound: Inbound[Manifest]) -> Iterable[Outbound]:
        refuse_older(inbound.message, self._floor.version)
        snapshot = self._roster.manifest(inbound.message)
        await self._floor.lift(inbound.message.version)
        return await self._take(snapshot)

    async def _on_shard(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        return await self._take(self._roster.shard(shard_number(inbound.ids), inbound.message))

    async def _take(self, snapshot: Snapshot[tuple[RosterEntry, ...]] | None) -> Iterable[Outbound]:
        """Erase the pictures of whoever is not on the roster any more."""
        if snapshot is not None:
            parts = await asyncio.to_thread(snapshot.parts)
            self._people = {entry.person: entry.name or entry.person for part in parts for entry in part}
            self._roster_version = snapshot.manifest.version
            await self._erase(self._strays())
        return ()

    def _strays(self) -> list[str]:
        return [each.recording for each in self._kept.values() if not self._may_stay(each)]

    def _may_stay(self, recording: Recording) -> bool:
        return self._people is None or people_on(recording) <= self._people.keys()

    # What people ask.

    async def _on_list(self, inbound: Inbound[ListRecordings]) -> Iterable[Outbound]:
        page, behind = page_of(reversed(self._kept.values()), inbound.message)
        return inbound.reply(Recordings(recordings=page, next=behind, count=len(self._kept)))

    async def _on_get(self, inbound: Inbound[GetRecording]) -> Iterable[Outbound]:
        recording_id = inbound.ids["recording"]
        recording = self._kept.get(recording_id)
        if recording is None:
            fault = _unknown(recording_id)
            return inbound.reply(KeptPicture(jpeg=b"", recording=recording_id, error=fault.code, why=fault.message))
        try:
            jpeg = await self._at_disk(lambda: self._store.picture(recording_id))
            if inbound.message.boxes:
                jpeg = await asyncio.to_thread(labelled, jpeg, self._labels(recording))
        except StorageFailed as failed:
            self._counts["damaged"] += 1
            _log.error("recording_unreadable", recording=recording_id, why=str(failed))
            return inbound.reply(
                KeptPicture(jpeg=b"", recording=recording_id, error=ErrorCode.STORAGE_FAILED, why=str(failed)[:128])
            )
        except Refused as refused:
            return inbound.reply(
                KeptPicture(
                    jpeg=b"",
                    recording=recording_id,
                    error=ErrorCode.NOT_A_PICTURE,
                    why=f"it cannot be drawn: {refused}"[:128],
                )
            )
        return inbound.reply(KeptPicture(jpeg=jpeg, recording=recording_id))

    async def _on_erase(self, inbound: Inbound[EraseRecording]) -> Iterable[Outbound]:
        recording_id = inbound.ids["recording"]
        if recording_id not in self._kept:
            return inbound.reply(Recordings(count=len(self._kept), error=_unknown(recording_id)))
        await self._erase([recording_id])
        if recording_id in self._owed:
            fault = Fault(code=ErrorCode.STORAGE_FAILED, message=f"{self._trouble}; it is tried again")
            return inbound.reply(Recordings(count=len(self._kept), error=fault))
        return inbound.reply(Recordings(count=len(self._kept)))

    def _labels(self, recording: Recording) -> list[Label]:
        names = self._people or {}
        return [
            Label(face.box, names.get(face.person, face.person) if face.person else "?", face.person is not None)
            for face in recording.faces
        ]

    # The disk.

    async def _open(self) -> None:
        try:
            found = await self._at_disk(self._store.open)
        except StorageFailed as failed:
            self._fail(failed)
            return
        self._opened = True
        self._trouble = None
        self._kept = {each.recording: each for each in found.recordings} | self._kept
        self._foreign = {each.id: each for each in found.foreign}
        self._counts["damaged"] += found.damaged
        _log.info("opened", recordings=len(self._kept), foreign=len(self._foreign), damaged=found.damaged)
        await self._erase(self._strays())
        await self._make_room()

    async def _make_room(self) -> None:
        """Erase the oldest beyond the bounds."""
        kept = [Kept(each.recording, each.at, each.bytes) for each in self._kept.values()]
        kept += [Kept(each.id, each.at, each.bytes) for each in self._foreign.values()]
        now = self._clock.now()
        by_age = self._calendar.believes(now, self._clock.monotonic())
        await self._erase(surplus(sorted(kept, key=_id), self._settings, now, by_age=by_age))

    async def _erase(self, recordings: Iterable[str]) -> None:
        """Let nobody see them from now on, and remove them from the disk, now or later."""
        gone = set(recordings) | self._owed
        for each in gone:
            self._kept.pop(each, None)
            self._foreign.pop(each, None)
        self._owed = gone
        for each in sorted(gone):
            try:
                await self._at_disk(lambda each=each: self._store.erase(each))  # type: ignore[misc]  # mypy and lambdas
            except StorageFailed as failed:
                self._fail(failed, recording=each)
                return
            self._owed.discard(each)
            self._counts["erased"] += 1
            _log.info("erased", recording=each)

    async def _at_disk(self, work: Callable[[], T]) -> T:
        with self._waiting():
            return await asyncio.to_thread(work)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._at_disk_since = self._clock.monotonic()
        try:
            yield
        finally:
            self._at_disk_since = None

    def _fail(self, failed: StorageFailed, **what: str) -> None:
        self._counts["failed"] += 1
        self._trouble = str(failed)
        _log.error("storage_failed", problem=str(failed), **what)


_REQUESTS: frozenset[Channel[Any]] = frozenset({channels.RECORDING_LIST, channels.RECORDING_ERASE})
_CODES = {
    Refusal.RETAINED: ErrorCode.RETAINED,
    Refusal.OVERLOADED: ErrorCode.BUSY,
    Refusal.TOO_LARGE: ErrorCode.TOO_LARGE,
}


def _id(kept: Kept) -> str:
    return kept.id


def _unknown(recording: str) -> Fault:
    return Fault(
        code=ErrorCode.UNKNOWN_RECORDING,
        message=f"{recording[:64]}: no such recording; it may have been erased",
    )
