"""A door in front of which a test stands: it sends what anybody could send, and sees what anybody could see."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from doorbus.local.stack import Stack
from doorbus.runtime.client import Client, connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Decision, Enrol, Frame, Health, LockState, Outcome, Presence, Reason, Result
from doorbus.wire.packet import Packet, Transport
from doorbus.wire.signatures import sign
from support.jpegs import shot

DOOR, CAMERA = "front", "porch"
ROOT = channels.DEFAULT_ROOT
QUICK_ACTUATOR = {
    "DOORBUS_ACTUATOR__UNLOCK_SECONDS": "0.3",
    "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "0.5",
    "DOORBUS_ACTUATOR__OUT_OF_VIEW_SECONDS": "0",  # one test after another shows the same face
    "DOORBUS_ACTUATOR__TIME_ZONE": "UTC",
}
LISTEN = (channels.DECISION, channels.LOCK_STATE, channels.RESULT, channels.HEALTH)


class Site(Protocol):
    """Where a door is: how to reach its broker, and what its simulated relay recorded."""

    def transport(self, role: Role) -> Transport:
        """A way onto the bus as `role`."""
        ...

    def relay_record(self) -> str:
        """The lines of relay.jsonl so far."""
        ...


class Doorstep:
    """In front of the door `front` of a site, with an operator's rights."""

    def __init__(self, site: Site, operator: Client) -> None:
        self._site = site
        self.operator = operator

    @property
    def openings(self) -> int:
        """How often the relay was energised so far."""
        return sum(json.loads(line)["energised"] for line in self._site.relay_record().splitlines())

    @property
    def energised(self) -> bool:
        """Whether the relay is energised now."""
        return bool(json.loads(self._site.relay_record().splitlines()[-1])["energised"])

    async def show(self, jpeg: bytes, camera: str = CAMERA) -> str:
        """Publish one frame; its id."""
        frame = Frame(jpeg=jpeg, frame_id=uuid4().hex, captured_at=datetime.now(UTC))
        await self.operator.send(Outbound(channels.FRAME, frame, {"door": DOOR, "camera": camera}))
        return frame.frame_id

    async def opens_for(self, jpeg: bytes, within: float = 15.0) -> Decision:
        """Show `jpeg` to the camera until the door opens, and wait until it is locked again."""
        async with asyncio.timeout(within), self.showing(jpeg):
            while True:
                decision = await self.decision()
                if decision.outcome is Outcome.GRANTED:
                    break
        await self.until_locked()
        return decision

    async def refuses(self, jpeg: bytes, frames: int = 6) -> Reason:
        """Show `jpeg` several times; the reason why the door stayed shut, which it must."""
        before = self.openings
        async with asyncio.timeout(15), self.showing(jpeg) as shown:
            while True:
                decision = await self.decision()
                assert decision.outcome is Outcome.DENIED, f"opened: {decision}"
                if len(shown) >= frames and set(decision.frame_ids) & set(shown):
                    break
        assert self.openings == before
        return decision.reason

    @asynccontextmanager
    async def showing(self, *jpegs: bytes) -> AsyncIterator[list[str]]:
        """Stand in front of the camera, with one face of these after another; the ids of the frames so far.

        What is sent are shots of them, because the same picture would be one vote.
        """
        shown: list[str] = []
        gone = asyncio.Event()

        async def camera() -> None:
            for jpeg in itertools.cycle(jpegs):
                if gone.is_set():
                    return
                shown.append(await self.show(shot(jpeg)))
                await asyncio.sleep(0.1)  # ten frames a second, as a camera does

        showing = asyncio.create_task(camera())
        try:
            yield shown
        finally:
            gone.set()  # not cancelled: a publish that is acknowledged in that moment would swallow it
            await asyncio.gather(showing, return_exceptions=True)

    async def decision(self) -> Decision:
        """The next decision."""
        message: Decision = (await self.operator.expect(channels.DECISION, door=DOOR)).message
        return message

    async def until_locked(self) -> None:
        """Wait until the broker's retained state says LOCKED."""
        async with asyncio.timeout(10), connect(self._site.transport(Role.VIEWER), LISTEN[1:2]) as viewer:
            while (await viewer.expect(channels.LOCK_STATE, door=DOOR)).message is not LockState.LOCKED:
                pass

    async def command(self, payload: bytes, *, retain: bool = False) -> None:
        """Publish exactly this to lock/set."""
        await self.operator.send_packet(Packet(f"{ROOT}/door/{DOOR}/lock/set", payload, qos=1, retain=retain))

    async def enrol(self, person: str, jpeg: bytes) -> Result:
        """Enrol, and return the enroller's result."""
        await self.operator.send(Outbound(channels.ENROL, Enrol(jpeg=jpeg), {"person": person}))
        async with asyncio.timeout(30):
            result: Result = (await self.operator.expect(channels.RESULT, person=person)).message
        return result

    async def health(self, service: Role, instance: str = "") -> Health:
        """What a service last said of itself."""
        async with asyncio.timeout(10), connect(self._site.transport(Role.VIEWER), LISTEN[3:]) as viewer:
            event = await viewer.expect(channels.HEALTH, service=service.value, instance=instance or service.value)
        health: Health = event.message
        return health

    async def counted(self, service: Role, refusal: str, before: Health) -> None:
        """Wait until `service` has counted one more `refusal` than in `before`."""
        wanted = before.refused.get(refusal, 0) + 1
        async with asyncio.timeout(15), connect(self._site.transport(Role.VIEWER), LISTEN[3:]) as viewer:
            while True:
                health: Health = (await viewer.expect(channels.HEALTH, service=service.value)).message
                if health.refused.get(refusal, 0) >= wanted:
                    return

    async def health_until(self, service: Role, wanted: Presence) -> Health:
        """Wait until an instance of `service` says `wanted`."""
        async with asyncio.timeout(15), connect(self._site.transport(Role.VIEWER), LISTEN[3:]) as viewer:
            while True:
                health: Health = (await viewer.expect(channels.HEALTH, service=service.value)).message
                if health.state is wanted:
                    return health


class OfStack:
    """A stack of processes on this machine, as a site."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def transport(self, role: Role) -> Transport:
        """A way onto the bus as `role`."""
        return self._stack.broker.transport(role)

    def relay_record(self) -> str:
        """The lines of relay.jsonl so far."""
        path = self._stack.var / "relay.jsonl"
        return path.read_text() if path.exists() else ""


class Door(Doorstep):
    """The door `front` of a running stack, whose parts a test may kill."""

    def __init__(self, stack: Stack, operator: Client, recognizer: Client) -> None:
        super().__init__(OfStack(stack), operator)
        self.stack = stack
        self.recognizer = recognizer
        """A connection with the recognizer's credentials, for recognitions that no recognizer would send."""

    async def recognised(self, payload: bytes, camera: str) -> None:
        """Publish exactly this as a recognition, right or wrong, signed as by a recognizer."""
        raw = Packet(f"{ROOT}/door/{DOOR}/recognition/{camera}", payload, qos=1)
        key = self.stack.broker.key(Role.RECOGNIZER)
        await self.recognizer.send_packet(sign(channels.RECOGNITION, raw, key))

    def logged(self, service: Role, **values: str) -> list[str]:
        """The lines of a service's log that carry all of `values`."""
        wanted = [f"{name}={value}" for name, value in values.items()]
        return [
            line for line in self.stack.process(service).log().splitlines() if all(w in line.split() for w in wanted)
        ]


@asynccontextmanager
async def at_the_door(stack: Stack) -> AsyncIterator[Door]:
    """Stand in front of the door of a running stack."""
    async with (
        connect(stack.broker.transport(Role.OPERATOR), LISTEN[:3]) as operator,
        connect(stack.broker.transport(Role.RECOGNIZER)) as recognizer,
    ):
        yield Door(stack, operator, recognizer)


@asynccontextmanager
async def doorstep(site: Site) -> AsyncIterator[Doorstep]:
    """Stand in front of the door of any site."""
    async with connect(site.transport(Role.OPERATOR), LISTEN[:3]) as operator:
        yield Doorstep(site, operator)
