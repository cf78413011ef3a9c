"""Frames and decisions in, pictures of decisions kept; and who may look asks for them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
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
    ReviewPicture,
    Reviews,
    RosterEntry,
)
from doorbus.wire.seal import Seal
from doorbus.wire.signatures import Keyring
from doorbus.wire.snapshot import Snapshot, SnapshotReader, as_they_are, refuse_older, shard_number
from doorbus_recorder.keeping import Calendar, page_of, people_on, recording_of, surplus
from doorbus_recorder.review import Case
from doorbus_recorder.reviewing import Inbox
from doorbus_recorder.ring import Ring, Seen
from doorbus_recorder.settings import Recorder
from doorbus_recorder.shelf import Shelf
from doorbus_recorder.store import Kept, StorageFailed, Store

_log = structlog.get_logger("doorbus.recorder")

LOOK_SECONDS = 10.0
"""How often what is due is done: erasing what is too old, and again what the disk had refused."""


class RecorderService(Service):
    """Keeps the picture that led to a decision, and faces that wait for a person's word.

    `seal` opens what recognizers send, `floor` says which roster came last of all that ever came, and `instance` is
    the name under which the enroller answers.
    """

    role: ClassVar[Role] = Role.RECORDER

    def __init__(
        self,
        settings: Recorder,
        clock: Clock,
        *,
        store: Store[Recording],
        faces: Store[Case],
        seal: Seal,
        keys: Keyring,
        floor: Floor,
        instance: str,
        new_id: Callable[[], str] = lambda: uuid4().hex[:12],
    ) -> None:
        self.keys = keys
        self._settings = settings
        self._floor = floor
        self._clock = clock
        self._new_id = new_id
        self._ring = Ring(settings.ring_seconds, int(settings.ring_megabytes * 1_000_000))
        self._shelf = Shelf(store, _about, clock)
        self._inbox = Inbox(settings, faces, seal, self._ring, clock, reply_token=instance, new_id=self._id_at)
        self._roster = SnapshotReader(RosterEntry, as_they_are)
        self._roster_version = -1
        self._people: Mapping[str, str] | None = None
        """Id and name of whoever is on the roster; None before there was a whole one."""
        self._calendar = Calendar()
        self._newest_id_at = datetime.min.replace(tzinfo=UTC)
        self._look_at = clock.monotonic() + LOOK_SECONDS
        self._counts = dict.fromkeys(("recorded", "without_frame", "not_enrolled"), 0)

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """What people ask; frames and decisions where pictures are kept; and who is on the roster."""
        places = [{"door": door} for door in self._settings.door_ids] or [{}]
        looking = self._settings.reasons or self._settings.wanted
        return (
            *(Subscription(channels.FRAME, self._on_frame, place) for place in places if looking),
            *(Subscription(channels.RECOGNITION, self._on_recognition, place) for place in places if looking),
            *(Subscription(channels.DECISION, self._on_decision, each) for each in places if self._settings.reasons),
            Subscription(channels.ROSTER_MANIFEST, self._on_manifest),
            Subscription(
                channels.ROSTER_SHARD,
                self._on_shard,
                newest_only=True,
                on_demand=self._roster.wanted,
                asked=self._roster.asked,
            ),
            Subscription(channels.RECORDING_LIST, self._on_list),
            Subscription(channels.RECORDING_GET, self._on_get),
            Subscription(channels.RECORDING_ERASE, self._on_erase),
            *self._inbox.subscriptions(places),
        )

    async def start(self) -> None:
        """See what is there; a disk that cannot be read is told and tried again."""
        await self._look()

    def wake_at(self) -> float | None:
        """When to look again."""
        return self._look_at

    async def tick(self) -> Iterable[Outbound]:
        """Erase what is too old, and what could not be erased before."""
        self._look_at = self._clock.monotonic() + LOOK_SECONDS
        self._ring.forget(self._clock.monotonic())
        return await self._look()

    def refused(self, arrived: Arrived[Any], refused: Refused) -> Iterable[Outbound]:
        """Tell the sender of a request that was refused what was wrong with it."""
        code = _CODES.get(refused.reason, ErrorCode.BAD_REQUEST)
        why = f"the message cannot be taken ({refused})"
        if arrived.channel is channels.RECORDING_GET:
            return arrived.reply(KeptPicture(jpeg=b"", recording=arrived.ids["recording"], error=code, why=why[:128]))
        if arrived.channel is channels.REVIEW_GET:
            return arrived.reply(ReviewPicture(jpeg=b"", entry=arrived.ids["entry"], error=code, why=why[:128]))
        if arrived.channel in _ANSWERS:
            return arrived.reply(_ANSWERS[arrived.channel](error=Fault(code=code, message=why)))
        return ()

    def figures(self) -> Mapping[str, float]:
        """How many are kept, and what became of the others."""
        return {
            "recordings": len(self._shelf.items),
            "bytes": sum(each.bytes for each in self._shelf.items.values()),
            "ring_frames": len(self._ring),
            "ring_bytes": self._ring.bytes,
            "roster_version": self._roster_version,
            **self._counts,
            **self._shelf.figures(),
            **self._inbox.figures(),
            **self._floor.figures("roster"),
        }

    def problem(self) -> str | None:
        """What is wrong with the disk."""
        return self._shelf.problem() or self._inbox.shelf.problem() or self._floor.problem

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
        recording = recording_of(decision, seen, self._id_at(self._clock.now()))
        if not self._may_stay(recording):
            self._counts["not_enrolled"] += 1
            return ()
        return await self._keep(recording, seen)

    async def _keep(self, recording: Recording, seen: Seen) -> Iterable[Outbound]:
        if not await self._shelf.keep(recording.recording, recording, seen.frame.jpeg):
            return ()
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
            await self._shelf.erase(self._strays())
            await self._inbox.go_by(self._people)
            self._roster_version = snapshot.manifest.version
        return ()

    def _strays(self) -> list[str]:
        return [each.recording for each in self._shelf.items.values() if not self._may_stay(each)]

    def _may_stay(self, recording: Recording) -> bool:
        return self._people is None or people_on(recording) <= self._people.keys()

    # What people ask.

    async def _on_list(self, inbound: Inbound[ListRecordings]) -> Iterable[Outbound]:
        kept = self._shelf.items
        page, behind = page_of((kept[each] for each in sorted(kept, reverse=True)), inbound.message)
        return inbound.reply(Recordings(recordings=page, next=behind, count=len(kept)))

    async def _on_get(self, inbound: Inbound[GetRecording]) -> Iterable[Outbound]:
        wanted = inbound.ids["recording"]
        recording = self._shelf.items.get(wanted)
        if recording is None:
            fault = _unknown(wanted)
            return inbound.reply(KeptPicture(jpeg=b"", recording=wanted, error=fault.code, why=fault.message))
        try:
            jpeg = await self._shelf.picture(wanted)
            if inbound.message.boxes:
                jpeg = await asyncio.to_thread(labelled, jpeg, self._labels(recording))
        except StorageFailed as failed:
            why = str(failed)[:128]
            return inbound.reply(KeptPicture(jpeg=b"", recording=wanted, error=ErrorCode.STORAGE_FAILED, why=why))
        except Refused as refused:
            why = f"it cannot be drawn on: {refused}"[:128]
            return inbound.reply(KeptPicture(jpeg=b"", recording=wanted, error=ErrorCode.NOT_A_PICTURE, why=why))
        return inbound.reply(KeptPicture(jpeg=jpeg, recording=wanted))

    async def _on_erase(self, inbound: Inbound[EraseRecording]) -> Iterable[Outbound]:
        wanted = inbound.ids["recording"]
        if wanted not in self._shelf.items:
            return inbound.reply(Recordings(count=len(self._shelf.items), error=_unknown(wanted)))
        await self._shelf.erase([wanted])
        if self._shelf.owes(wanted):
            fault = Fault(code=ErrorCode.STORAGE_FAILED, message=f"{self._shelf.problem()}; it is tried again")
            return inbound.reply(Recordings(count=len(self._shelf.items), error=fault))
        return inbound.reply(Recordings(count=len(self._shelf.items)))

    def _labels(self, recording: Recording) -> list[Label]:
        names = self._people or {}
        return [
            Label(face.box, names.get(face.person, face.person) if face.person else "?", face.person is not None)
            for face in recording.faces
        ]

    # The disk.

    async def _look(self) -> Iterable[Outbound]:
        by_age = self._calendar.believes(self._clock.now(), self._clock.monotonic())
        await self._shelf.open()
        await self._shelf.erase(self._strays())
        await self._make_room(by_age=by_age)
        return await self._inbox.look(by_age=by_age)

    async def _make_room(self, *, by_age: bool = False) -> None:
        """Erase the oldest beyond the bounds."""
        await self._shelf.erase(surplus(self._shelf.kept(), self._settings, self._clock.now(), by_age=by_age))

    def _id_at(self, at: datetime) -> str:
        """An id that comes after all those before, also where the clock has gone back."""
        self._newest_id_at = max(at, self._newest_id_at + timedelta(microseconds=1))
        return f"{self._newest_id_at:%Y%m%dt%H%M%S%f}-{self._new_id()}"


_ANSWERS: Mapping[Channel[Any], type[Recordings] | type[Reviews]] = {
    channels.RECORDING_LIST: Recordings,
    channels.RECORDING_ERASE: Recordings,
    channels.REVIEW_LIST: Reviews,
    channels.REVIEW_ACCEPT: Reviews,
    channels.REVIEW_DISCARD: Reviews,
}
_CODES = {
    Refusal.RETAINED: ErrorCode.RETAINED,
    Refusal.OVERLOADED: ErrorCode.BUSY,
    Refusal.TOO_LARGE: ErrorCode.TOO_LARGE,
}


def _about(recording: Recording) -> Kept:
    return Kept(recording.recording, recording.at, recording.bytes)


def _unknown(recording: str) -> Fault:
    return Fault(
        code=ErrorCode.UNKNOWN_RECORDING,
        message=f"{recording[:64]}: no such recording; it may have been erased",
    )
