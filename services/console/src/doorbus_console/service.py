"""The console as a client of the bus: what it hears becomes the scene, what people ask for is sent."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from doorbus.runtime.clock import Clock, Timer
from doorbus.runtime.service import Inlet, Producer, Service
from doorbus.wire import channels
from doorbus.wire.channels import Retain, Role
from doorbus.wire.codec import Refused
from doorbus.wire.exchange import Arrived, Inbound, Intake, Outbound, Subscription
from doorbus.wire.messages import (
    AlarmState,
    Challenge,
    ContactState,
    Decision,
    Doorbell,
    Enrolment,
    Frame,
    Health,
    ListedGroups,
    ListedSchedules,
    Lockdown,
    LockState,
    Manifest,
    Presence,
    Recognised,
    Recognition,
    Recording,
    Result,
    RosterEntry,
)
from doorbus.wire.signatures import Keyring
from doorbus.wire.snapshot import Snapshot, SnapshotReader, as_they_are, shard_number
from doorbus_console import scene
from doorbus_console.desk import Desk
from doorbus_console.live import Live
from doorbus_console.past import Past


class Front(Protocol):
    """What `doorbus_console.server.Server` offers."""

    async def open(self) -> None:
        """Take hold of the address; raises `SetupError`."""
        ...

    async def run(self) -> None:
        """Answer until cancelled."""
        ...

    async def close(self) -> None:
        """Let go of the address."""
        ...

    def problem(self) -> str | None:
        """What cannot be written, in words for people."""
        ...


class ConsoleService(Service):
    """Hears what the doors do, and lets people see it through `front`."""

    role: ClassVar[Role] = Role.CONSOLE

    def __init__(self, live: Live, desk: Desk, front: Front, clock: Clock, keys: Keyring) -> None:
        self.keys = keys
        self._live = live
        self._desk = desk
        self._front = front
        self._clock = clock
        self._roster = SnapshotReader(RosterEntry, as_they_are)
        self._letting_go: Timer | None = None
        self._past = Past(desk, self._remember, self._keep)

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """All that a page shows, and the answers to what was asked from it."""
        return (
            Subscription(channels.FRAME, self._on_frame, newest_only=True),
            Subscription(channels.RECOGNITION, self._on_recognition),
            Subscription(channels.LOCK_STATE, self._on_state),
            Subscription(channels.DECISION, self._on_decision),
            Subscription(channels.CHALLENGE, self._on_challenge),
            Subscription(channels.LOCKDOWN_STATE, self._on_lockdown),
            Subscription(channels.CONTACT_STATE, self._on_contact),
            Subscription(channels.ALARM_STATE, self._on_alarm),
            Subscription(channels.DOORBELL, self._on_doorbell),
            Subscription(channels.RECORDED, self._on_recorded),
            Subscription(channels.ROSTER_MANIFEST, self._on_manifest),
            Subscription(
                channels.ROSTER_SHARD,
                self._on_shard,
                newest_only=True,
                on_demand=self._roster.wanted,
                asked=self._roster.asked,
            ),
            Subscription(channels.ENROLMENT, self._on_enrolment),
            Subscription(channels.GROUPS, self._on_groups),
            Subscription(channels.SCHEDULES, self._on_schedules),
            Subscription(channels.HEALTH, self._on_health),
            Subscription(channels.RESULT_REPLY, self._on_reply, self._desk.reply_ids),
            Subscription(channels.RECOGNISE_REPLY, self._on_recognised, self._desk.reply_ids),
            Subscription(channels.JOURNAL_REPLY, self._on_replied, self._desk.reply_ids),
            Subscription(channels.RECORDING_REPLY, self._on_replied, self._desk.reply_ids),
            Subscription(channels.ARRANGED, self._on_replied, self._desk.reply_ids),
            Subscription(channels.PEOPLE_CHECKED, self._on_replied, self._desk.reply_ids),
            Subscription(channels.RECORDINGS_REPLY, self._on_replied, self._desk.reply_ids),
            Subscription(channels.REVIEWS_REPLY, self._on_replied, self._desk.reply_ids),
            Subscription(channels.REVIEW_REPLY, self._on_replied, self._desk.reply_ids),
        )

    async def start(self) -> None:
        """Have the address before anybody is told that this works."""
        await self._front.open()

    def connected(self) -> Iterable[Outbound]:
        """Note that the broker is there."""
        self._past.again()
        self._is_connected(yes=True)
        return ()

    def disconnected(self) -> None:
        """Note that it is away, and say so to whoever looks."""
        self._is_connected(yes=False)

    def refused(self, arrived: Arrived[Any], refused: Refused) -> Iterable[Outbound]:  # noqa: ARG002  # as it is told
        """Note that something retained was deleted, which is no message of its channel."""
        if not arrived.packet.payload and arrived.channel.retain is Retain.YES:
            door = arrived.ids.get("door")
            after = scene.unsaid(self._live.scene, arrived.channel.name, arrived.ids)
            news = ("door", door) if door is not None and door in after.doors else ("services",)
            self._see(after, news, *([] if set(after.doors) == set(self._live.scene.doors) else [("doors",)]))
        return ()

    def producers(self) -> Sequence[Producer]:
        """What people have asked for."""
        return (self._desk.outgoing,)

    def inlets(self) -> Sequence[Inlet]:
        """The page and the API; and what happened before."""
        return (self._serve, self._past.run)

    def figures(self) -> Mapping[str, float]:
        """How many follow, and what is known."""
        known = self._live.scene
        return {
            "following": self._live.following,
            "doors": len(known.doors),
            "cameras": len(known.cameras),
            "takes_unsigned": float(channels.RECOGNISE_REPLY.name in self.keys.unasked),
        }

    def problem(self) -> str | None:
        """What of its own the console cannot write; doors are opened and locked all the same."""
        return self._front.problem()

    async def stop(self) -> Iterable[Outbound]:
        """Let go of the address."""
        if self._letting_go is not None:
            self._letting_go.cancel()
        await self._front.close()
        return ()

    async def _serve(self, _: Intake) -> None:
        await self._front.run()

    def _is_connected(self, *, yes: bool) -> None:
        self._desk.connected = yes
        self._live.scene = scene.heard(self._live.scene, connected=yes)
        self._live.tell(("broker",))

    async def _on_frame(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:
        frame, (door, camera) = inbound.message, (inbound.ids["door"], inbound.ids["camera"])
        self._live.show((door, camera), frame.jpeg, frame.frame_id, frame.captured_at, inbound.at_monotonic)
        self._let_go_in_time()
        self._see(scene.framed(self._live.scene, door, camera, frame.captured_at), ("faces", door, camera))
        return ()

    def _let_go_in_time(self) -> None:
        due = self._live.let_go_at
        if self._letting_go is None and due is not None:
            self._letting_go = self._clock.call_at(due, self._let_go)

    def _let_go(self) -> None:
        self._letting_go = None
        for door, camera in self._live.let_go(self._clock.monotonic()):
            self._see(scene.unseen(self._live.scene, door, camera), ("faces", door, camera))
        self._let_go_in_time()

    async def _on_recognition(self, inbound: Inbound[Recognition]) -> Iterable[Outbound]:
        door, camera = inbound.ids["door"], inbound.ids["camera"]
        self._see(scene.recognised(self._live.scene, door, camera, inbound.message), ("faces", door, camera))
        self._live.tries = self._live.tries.seen(inbound.message.faces)
        shown = self._live.picture((door, camera))
        for face in inbound.message.faces if shown and shown.frame_id == inbound.message.frame_id else ():
            if face.person in self._live.scene.people:
                assert shown is not None
                self._live.remember_portrait(str(face.person), shown.jpeg, face.box)
        return ()

    async def _on_state(self, inbound: Inbound[LockState]) -> Iterable[Outbound]:
        door = inbound.ids["door"]
        self._see(scene.locked(self._live.scene, door, inbound.message, self._clock.now()), ("door", door))
        self._desk.told(door, inbound.message)
        self._past.wanted(door)
        return ()

    async def _on_decision(self, inbound: Inbound[Decision]) -> Iterable[Outbound]:
        door = inbound.ids["door"]
        after = scene.decided(self._live.scene, door, inbound.message)
        self._see(after, ("door", door), ("happening", str(after.happenings[-1].number)))
        self._desk.decided(inbound.message)
        return ()

    async def _on_challenge(self, inbound: Inbound[Challenge]) -> Iterable[Outbound]:
        return self._told(inbound, challenge=inbound.message)

    async def _on_lockdown(self, inbound: Inbound[Lockdown]) -> Iterable[Outbound]:
        return self._told(inbound, lockdown=inbound.message)

    async def _on_contact(self, inbound: Inbound[ContactState]) -> Iterable[Outbound]:
        return self._told(inbound, contact=inbound.message)

    async def _on_alarm(self, inbound: Inbound[AlarmState]) -> Iterable[Outbound]:
        return self._told(inbound, alarm=inbound.message)

    async def _on_doorbell(self, inbound: Inbound[Doorbell]) -> Iterable[Outbound]:
        return self._told(inbound, rang_at=inbound.message.at)

    def _remember(self, door: str, decisions: Iterable[Decision]) -> None:
        self._see(scene.remembered(self._live.scene, door, decisions), ("door", door))

    async def _on_recorded(self, inbound: Inbound[Recording]) -> Iterable[Outbound]:
        self._keep(inbound.message)
        return ()

    def _keep(self, recording: Recording) -> None:
        self._see(scene.recorded(self._live.scene, recording), ("recorded", recording.frame_id))

    async def _on_enrolment(self, inbound: Inbound[Enrolment]) -> Iterable[Outbound]:
        after = scene.enrolling(self._live.scene, inbound.message)
        told = {(one.door, one.camera) for one in (self._live.scene.enrolment, inbound.message) if one is not None}
        self._see(after, *(("enrolment", door, camera) for door, camera in told if door and camera))
        return ()

    async def _on_groups(self, inbound: Inbound[ListedGroups]) -> Iterable[Outbound]:
        self._see(scene.grouped(self._live.scene, inbound.message), ("arranged",))
        return ()

    async def _on_schedules(self, inbound: Inbound[ListedSchedules]) -> Iterable[Outbound]:
        self._see(scene.scheduled(self._live.scene, inbound.message), ("arranged",))
        return ()

    async def _on_manifest(self, inbound: Inbound[Manifest]) -> Iterable[Outbound]:
        self._live.people_change(inbound.message.version)
        return await self._people(self._roster.manifest(inbound.message))

    async def _on_shard(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        return await self._people(self._roster.shard(shard_number(inbound.ids), inbound.message))

    async def _people(self, snapshot: Snapshot[tuple[RosterEntry, ...]] | None) -> Iterable[Outbound]:
        if snapshot is not None:
            parts = await asyncio.to_thread(snapshot.parts)
            entries = (entry for part in parts for entry in part)
            self._see(scene.peopled(self._live.scene, snapshot.manifest, entries), ("people",))
            self._live.people_are_read()
            self._live.forget_portraits(self._live.scene.people)
        return ()

    async def _on_health(self, inbound: Inbound[Health]) -> Iterable[Outbound]:
        health = inbound.message
        key = (health.service, health.instance)
        before = self._live.scene.services.get(key)
        news = before is None or _gist(before[0]) != _gist(health)
        self._live.remember_figures(health)
        # Who is offline for good is heard of again at each start, from what the broker keeps.
        self._see(
            scene.healthy(self._live.scene, health, self._clock.now()),
            *([("services",)] if news or health.state is Presence.OFFLINE else []),
        )
        return ()

    async def _on_reply(self, inbound: Inbound[Result]) -> Iterable[Outbound]:
        self._desk.answered(inbound.packet.correlation, inbound.message)
        return ()

    async def _on_recognised(self, inbound: Inbound[Recognised]) -> Iterable[Outbound]:
        self._desk.seen(inbound.packet.correlation, inbound.message)
        return ()

    async def _on_replied(self, inbound: Inbound[Any]) -> Iterable[Outbound]:
        self._desk.replied(inbound.packet.correlation, inbound.message)
        return ()

    def _told(self, inbound: Inbound[Any], **fields: object) -> Iterable[Outbound]:
        door = inbound.ids["door"]
        self._see(scene.at_door(self._live.scene, door, **fields), ("door", door))
        return ()

    def _see(self, after: scene.Scene, *news: tuple[str, ...]) -> None:
        if after is self._live.scene:
            return
        doors_before, self._live.scene = set(self._live.scene.cameras), after
        if set(after.cameras) != doors_before:
            news = (*news, ("doors",))
        self._live.tell(*news)


def _gist(health: Health) -> tuple[object, ...]:
    return health.state, health.problem, health.started_at
