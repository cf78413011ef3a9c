"""The runner: whatever arrives, the service goes on, and says in health what it refused."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from doorbus.healthcheck import judge
from doorbus.runtime.client import Client, connect
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.errors import SetupError
from doorbus.runtime.heartbeat import Heartbeat
from doorbus.runtime.runner import REMEMBERED_SECONDS, Runner
from doorbus.runtime.service import Inlet, Producer, Service
from doorbus.runtime.settings import ServiceSettings
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Arrived, Inbound, Intake, Outbound, Subscription
from doorbus.wire.messages import (
    Action,
    Decision,
    Frame,
    Health,
    LockCommand,
    LockState,
    Outcome,
    Presence,
    Reason,
    Recognition,
    Remove,
    Result,
    ResultStatus,
    Trigger,
)
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

ROOT = channels.DEFAULT_ROOT
SET = TOPICS.topic(channels.LOCK_COMMAND, door="front")
FRAME = TOPICS.topic(channels.FRAME, door="front", camera="porch")
REMOVE = TOPICS.topic(channels.REMOVE, person="alice")
JPEG = b"\xff\xd8\xff\xe0 not looked into"
FRONT = {"door": "front"}


class Notary(Service):
    """Confirms every command by a decision, looks at frames when let, and does as it is told by `by`."""

    role = Role.ACTUATOR

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.commands: list[LockCommand] = []
        self.frames: list[bytes] = []
        self.refusals: list[Refusal] = []
        self.history: list[str] = []
        self.look = asyncio.Event()
        self.outbox: asyncio.Queue[Outbound] = asyncio.Queue()
        self.trouble: str | None = None
        self.due: float | None = None

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (
            Subscription(channels.LOCK_COMMAND, self._on_command, FRONT),
            Subscription(channels.FRAME, self._on_frame, share="recognizers", newest_only=True),
            Subscription(channels.REMOVE, self._on_remove),
        )

    async def start(self) -> None:
        self.history.append("start")

    def connected(self) -> Iterable[Outbound]:
        return (Outbound(channels.LOCK_STATE, LockState.LOCKED, FRONT),)

    def wake_at(self) -> float | None:
        return self.due

    async def tick(self) -> Iterable[Outbound]:
        self.history.append("tick")
        self.due = None
        return ()

    def producers(self) -> Sequence[Producer]:
        return (self._produce, self._produce_one)

    def refused(self, arrived: Arrived[Any], refused: Refused) -> Iterable[Outbound]:
        assert arrived.channel in (channels.LOCK_COMMAND, channels.FRAME, channels.REMOVE)
        assert arrived.packet.topic == TOPICS.address(arrived.channel).format_map(arrived.ids)
        self.refusals.append(refused.reason)
        return ()

    def figures(self) -> Mapping[str, float]:
        return {"commands": len(self.commands)}

    def problem(self) -> str | None:
        return self.trouble

    async def stop(self) -> Iterable[Outbound]:
        self.history.append("stop")
        return (Outbound(channels.LOCK_STATE, LockState.JAMMED, FRONT),)

    async def _produce(self) -> AsyncIterator[Outbound]:
        while True:
            yield await self.outbox.get()

    async def _produce_one(self) -> AsyncIterator[Outbound]:
        yield self.decision("of a source that ends")

    async def _on_command(self, inbound: Inbound[LockCommand]) -> Iterable[Outbound]:
        if inbound.message.by == "a fault":
            raise RuntimeError("a mistake in a handler")
        if inbound.message.by == "somebody late":
            raise Refused(Refusal.STALE, "too late")
        if inbound.message.by == "a wrong id":
            return (Outbound(channels.LOCK_STATE, LockState.LOCKED, {"door": "No Slug"}),)
        self.commands.append(inbound.message)
        return (self.decision(inbound.message.id),)

    async def _on_frame(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:
        await self.look.wait()
        self.frames.append(inbound.message.jpeg)
        return ()

    async def _on_remove(self, inbound: Inbound[Remove]) -> Iterable[Outbound]:
        result = Result(status=ResultStatus.OK, action="remove", person=inbound.ids["person"], at=inbound.at)
        return (Outbound(channels.RESULT, result, inbound.ids), *inbound.reply(result))

    def decision(self, command: str | None = None) -> Outbound:
        decision = Decision(
            outcome=Outcome.GRANTED,
            reason=Reason.COMMANDED,
            trigger=Trigger.COMMAND,
            at=self.clock.now(),
            command_id=command,
        )
        return Outbound(channels.DECISION, decision, FRONT)


@asynccontextmanager
async def _at_work(service: Notary, bus: MemoryBus) -> AsyncIterator[Client]:
    everything = (channels.DECISION, channels.HEALTH, channels.RESULT, channels.RESULT_REPLY)
    async with asyncio.timeout(20), running(service, bus, service.clock), connect(bus, everything) as client:
        yield client


async def _confirmed(client: Client, id: str = "good") -> Decision:  # noqa: A002  # the message's word
    """Send a good command and wait for its confirmation."""
    await client.send_packet(Packet(SET, b'{"action": "UNLOCK", "id": "%s"}' % id.encode(), qos=1))
    while True:
        decision: Decision = (await client.expect(channels.DECISION)).message
        if decision.command_id == id:
            return decision


async def _health(bus: MemoryBus, wanted: Callable[[Health], bool]) -> Health:
    """What the service says of itself, once that is as `wanted`."""
    topic = TOPICS.topic(channels.HEALTH, service="actuator", instance="test")
    await _until(lambda: wanted(Health.model_validate_json(bus.retained[topic].payload)))
    return Health.model_validate_json(bus.retained[topic].payload)


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is watched has no event
            await asyncio.sleep(0.001)


async def test_a_message_in_gives_messages_out() -> None:
    service, bus = Notary(), MemoryBus()

    async with _at_work(service, bus) as client:
        decision = await _confirmed(client)

    assert decision.outcome is Outcome.GRANTED
    assert [command.id for command in service.commands] == ["good"]


@pytest.mark.parametrize(
    ("packet", "refusal"),
    [
        (Packet(SET, b"UNLOCK", retain=True), "lock_command.retained"),
        (Packet(SET, b"unlock"), "lock_command.unknown_word"),
        (Packet(SET, b" UNLOCK "), "lock_command.unknown_word"),
        (Packet(SET, b""), "lock_command.empty"),
        (Packet(SET, b'{"action": "UNLOCK", "seconds": NaN}'), "lock_command.wrong_shape"),
        (Packet(SET, b'{"action": "UNLOCK", "x": 1}'), "lock_command.wrong_shape"),
        (Packet(SET, b'{"action"'), "lock_command.not_json"),
        (Packet(SET, b"{" + b" " * 5000 + b"}"), "lock_command.too_large"),
        (Packet(SET, b'{"action": "UNLOCK", "by": "somebody late"}'), "lock_command.stale"),
        (Packet(f"{ROOT}/person/Alice Smith/remove"), "remove.bad_id"),
        (Packet(f"{ROOT}/person/../remove"), "remove.bad_id"),
        (Packet(f"{ROOT}/person//remove"), "remove.bad_id"),
        (Packet(REMOVE, b"alice"), "remove.not_empty"),
        (Packet(REMOVE, retain=True), "remove.retained"),
        (Packet(FRAME, b"GIF89a"), "frame.not_a_picture"),
        (Packet(FRAME, b""), "frame.empty"),
        (Packet(FRAME, JPEG, user=(("captured_at", "noon"),)), "frame.bad_metadata"),
        (Packet(FRAME, JPEG + bytes(channels.FRAME.max_bytes)), "frame.too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_bad_input_is_refused_counted_and_logged_and_the_next_command_works(packet: Packet, refusal: str) -> None:
    service, bus = Notary(), MemoryBus()
    service.look.set()

    with capture_logs() as logs:
        async with _at_work(service, bus) as client:
            for number in ("first", "second"):
                await client.send_packet(packet)
                await _confirmed(client, number)
            health = await _health(bus, lambda one: one.refused.get(refusal) == 2)

    refused = [entry for entry in logs if entry["event"] == "refused"]
    assert health.refused == {refusal: 2}
    assert health.state is Presence.ONLINE
    assert [(entry["topic"], entry["reason"]) for entry in refused] == [(packet.topic, refusal.split(".")[1])]
    assert [command.id for command in service.commands] == ["first", "second"]
    assert service.frames == []
    assert service.refusals == [Refusal(refusal.split(".")[1])] * 2


async def test_a_refusal_is_logged_again_when_it_goes_on_for_long_and_says_how_often_it_happened() -> None:
    service, bus = Notary(), MemoryBus()

    with capture_logs() as logs:
        async with _at_work(service, bus) as client:
            for _ in range(3):
                await client.send_packet(Packet(SET, b"unlock"))
            await _confirmed(client)
            service.clock.advance(61)
            await client.send_packet(Packet(SET, b"unlock"))
            await _confirmed(client, "again")

    refused = [entry for entry in logs if entry["event"] == "refused"]
    assert [entry["like_it_since"] for entry in refused] == [None, 2]


async def test_a_handler_that_fails_is_counted_and_the_next_command_works() -> None:
    service, bus = Notary(), MemoryBus()

    with capture_logs() as logs:
        async with _at_work(service, bus) as client:
            for by in (b"a fault", b"a wrong id"):
                await client.send_packet(Packet(SET, b'{"action": "UNLOCK", "by": "%s"}' % by))
            await _confirmed(client)
            health = await _health(bus, lambda one: one.figures["errors"] == 2)

    assert health.refused == {}
    assert [entry["what"] for entry in logs if entry["event"] == "handler_failed"] == [SET, SET]


async def test_an_answer_goes_to_the_usual_place_and_to_the_response_topic_with_its_correlation() -> None:
    bus = MemoryBus()
    response = TOPICS.topic(channels.RESULT_REPLY, token="me")

    async with _at_work(Notary(), bus) as client:
        await client.send_packet(Packet(REMOVE, response_topic=response, correlation=b"c-1"))
        reply = await client.expect(channels.RESULT_REPLY, token="me")

    assert reply.packet.correlation == b"c-1"
    assert [packet.topic for packet in bus.log if "/result" in packet.topic] == [f"{ROOT}/person/alice/result"]


@pytest.mark.parametrize(
    "response", [SET, "elsewhere", f"{ROOT}/reply/No Slug", f"{ROOT}/reply/a/b", "doorbus/v2/reply/me", ""]
)
async def test_an_answer_never_goes_to_a_topic_that_is_not_for_answers(response: str) -> None:
    service, bus = Notary(), MemoryBus()

    async with _at_work(service, bus) as client:
        await client.send_packet(Packet(REMOVE, response_topic=response, correlation=b"c-1"))
        result = await client.expect(channels.RESULT)
        health = await _health(bus, lambda one: bool(one.refused))

    assert result.ids == {"person": "alice"}
    assert health.refused == {"remove.foreign_reply_topic": 1}
    assert not [packet for packet in bus.log if packet.topic == response]
    assert service.commands == []


async def test_only_the_newest_unread_frame_of_a_camera_is_looked_at() -> None:
    service, bus = Notary(), MemoryBus()

    async with _at_work(service, bus) as client:
        await client.send_packet(Packet(FRAME, JPEG + b"busy with this one"))
        await asyncio.sleep(0)
        for number in range(5):
            await client.send_packet(Packet(FRAME, JPEG + b"%d" % number))
        service.look.set()
        await _confirmed(client)
        health = await _health(bus, lambda one: one.figures["superseded"] > 0)

    assert service.frames[-1] == JPEG + b"4"
    assert len(service.frames) + health.figures["superseded"] == 6


async def test_a_service_for_which_something_is_always_due_does_what_it_is_told_all_the_same() -> None:
    class Restless(Notary):
        def wake_at(self) -> float | None:
            return self.clock.monotonic()

    service, bus = Restless(), MemoryBus()
    async with running(service, bus, service.clock):
        await _until(lambda: service.history.count("tick") > 2)
        bus.publish(Packet(SET, b"UNLOCK", qos=1))
        await _until(lambda: bool(service.commands))

    assert [command.action for command in service.commands] == [Action.UNLOCK]


async def test_what_is_due_is_done_at_its_time_also_while_the_broker_is_away() -> None:
    service, bus = Notary(), MemoryBus()
    service.due = service.clock.monotonic() + 3

    async with running(service, bus, service.clock):
        bus.stop()
        service.clock.advance(2.9)
        await asyncio.sleep(0)
        before = list(service.history)
        service.clock.advance(0.2)
        await _until(lambda: "tick" in service.history)

    assert before == ["start"]


async def test_decisions_outlive_an_outage_while_frames_and_commands_do_not() -> None:
    service, bus = Notary(), MemoryBus()
    frame = Frame(jpeg=JPEG, frame_id="f-1", captured_at=service.clock.now())
    recognition = Recognition(
        frame_id="f-1", captured_at=frame.captured_at, recognized_at=frame.captured_at, recognizer="one", model="m"
    )
    place = FRONT | {"camera": "porch"}

    async with running(service, bus, service.clock):
        bus.stop()
        before = len(bus.log)
        await _until(lambda: [packet for packet in bus.log[before:] if b"offline" in packet.payload])
        service.outbox.put_nowait(Outbound(channels.FRAME, frame, place))
        service.outbox.put_nowait(Outbound(channels.RECOGNITION, recognition, place))
        service.outbox.put_nowait(service.decision("while away"))
        await _until(service.outbox.empty)
        bus.publish(Packet(SET, b"UNLOCK", qos=1, expiry=5))
        back = len(bus.log)
        bus.start()
        await _until(lambda: [packet for packet in bus.log[back:] if b"while away" in packet.payload])

    topics = {packet.topic for packet in bus.log[back:]}
    assert TOPICS.topic(channels.DECISION, **FRONT) in topics
    assert not topics & {FRAME, TOPICS.topic(channels.RECOGNITION, **place)}
    assert service.commands == []


async def test_states_are_published_again_after_every_connect() -> None:
    service, bus = Notary(), MemoryBus()
    state = TOPICS.topic(channels.LOCK_STATE, **FRONT)

    async with running(service, bus, service.clock):
        assert bus.retained[state].payload == b"LOCKED"
        bus.stop()
        bus.retained.clear()
        bus.start()
        await _until(lambda: state in bus.retained)

    assert bus.retained[state].payload == b"JAMMED"  # what it says at the end


async def test_a_problem_is_told_at_once_and_also_when_it_is_over() -> None:
    service, bus = Notary(), MemoryBus()

    async with _at_work(service, bus):
        service.trouble = "the camera is silent"
        told = await _health(bus, lambda one: one.problem is not None)
        service.trouble = None
        over = await _health(bus, lambda one: one.problem is None)

    assert told.problem == "the camera is silent"
    assert over.figures["commands"] == 0


async def test_the_last_word_is_offline_after_what_the_service_said_at_its_end() -> None:
    service, bus = Notary(), MemoryBus()

    async with running(service, bus, service.clock):
        pass

    health = channels.HEALTH.codec.decode(bus.log[-1], {}, None)  # type: ignore[arg-type]  # health has no arrival
    assert health.state is Presence.OFFLINE
    assert bus.log[-2].payload == b"JAMMED"
    assert service.history == ["start", "stop"]


async def test_a_service_that_is_cut_off_is_offline_too() -> None:
    service, bus = Notary(), MemoryBus()

    async with running(service, bus, service.clock):
        bus.stop()
        await _until(lambda: b'"offline"' in bus.log[-1].payload)

    assert bus.retained[bus.log[-1].topic].payload == bus.log[-1].payload


class Broken(Notary):
    """Fails where it is told to."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    async def start(self) -> None:
        await super().start()
        if self.where == "start":
            raise OSError("no such relay")

    async def stop(self) -> Iterable[Outbound]:
        await super().stop()
        if self.where == "stop":
            raise OSError("the relay is gone")
        return ()

    async def _produce(self) -> AsyncIterator[Outbound]:
        yield await self.outbox.get()
        raise OSError("the camera is gone")


def _runner(service: Service, bus: MemoryBus) -> Runner:
    chosen = ServiceSettings(_env_file=None, instance="test")
    return Runner(service, bus, chosen, FakeClock())


async def test_hardware_is_made_safe_also_when_the_start_fails() -> None:
    service, bus = Broken("start"), MemoryBus()

    with pytest.raises(OSError, match="no such relay"):
        await _runner(service, bus).run(asyncio.Event())

    assert service.history == ["start", "stop"]
    assert bus.log == []


async def test_hardware_is_made_safe_also_when_a_source_fails() -> None:
    service, bus = Broken("source"), MemoryBus()
    service.outbox.put_nowait(service.decision())

    with pytest.raises(OSError, match="the camera is gone"):
        await _runner(service, bus).run(asyncio.Event())

    assert service.history == ["start", "stop"]


async def test_a_service_whose_end_fails_still_says_that_it_is_offline() -> None:
    service, bus = Broken("stop"), MemoryBus()
    stop = asyncio.Event()
    task = asyncio.create_task(_runner(service, bus).run(stop))
    await _until(lambda: bus.retained)
    stop.set()

    with pytest.raises(OSError, match="the relay is gone"):
        await task

    assert b'"offline"' in bus.log[-1].payload


def _on_duty(bus: MemoryBus) -> Health:
    topic = TOPICS.topic(channels.HEALTH, service="actuator", instance="test")
    health: Health = channels.HEALTH.codec.decode(bus.retained[topic], {}, None)  # type: ignore[arg-type]
    return health


async def test_a_second_process_under_the_same_name_ends_and_the_first_works_on() -> None:
    bus, clock = MemoryBus(), FakeClock()
    first, second = Notary(clock), Notary(FakeClock(clock.now() + timedelta(minutes=1)))
    async with running(first, bus, clock), connect(bus, [channels.DECISION]) as client:
        with pytest.raises(SetupError, match="DOORBUS_INSTANCE=test: another actuator of this name is at work since"):
            async with asyncio.timeout(10):
                await Runner(second, bus, ServiceSettings(_env_file=None, instance="test"), second.clock).run(
                    asyncio.Event()
                )

        assert second.history == ["start", "stop"]
        await _until(lambda: (_on_duty(bus).state, _on_duty(bus).started_at) == (Presence.ONLINE, clock.now()))
        await client.send(Outbound(channels.LOCK_COMMAND, LockCommand(action=Action.UNLOCK, id="1"), FRONT))
        await client.expect(channels.DECISION)


class Curious(Notary):
    """It listens to the health of its kind."""

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        health = Subscription(channels.HEALTH, self._hear, {"service": "actuator"}, others_only=True)
        return (*super().subscriptions(), health)

    async def _hear(self, inbound: Inbound[Health]) -> Iterable[Outbound]:
        assert inbound.message.service == "actuator"
        return ()


async def test_a_predecessor_that_was_killed_with_its_broker_keeps_nobody_from_its_name() -> None:
    bus, clock = MemoryBus(), FakeClock()
    topic = TOPICS.topic(channels.HEALTH, service="actuator", instance="test")
    async with running(Notary(clock), bus, clock):
        kept = bus.retained[topic]
    bus.publish(kept)
    later = FakeClock(clock.now() + timedelta(minutes=1))

    async with running(Curious(later), bus, later):
        await _until(lambda: _on_duty(bus).started_at == later.now())

        assert _on_duty(bus).state is Presence.ONLINE


async def test_the_late_last_will_of_a_predecessor_is_contradicted() -> None:
    bus, service = MemoryBus(), Notary()
    topic = TOPICS.topic(channels.HEALTH, service="actuator", instance="test")
    async with running(service, bus, service.clock):
        dead = _on_duty(bus).model_copy(
            update={"state": Presence.OFFLINE, "started_at": datetime(2020, 1, 1, tzinfo=UTC)}
        )
        bus.publish(Packet(topic, channels.HEALTH.codec.encode(dead).payload, qos=1, retain=True))
        assert _on_duty(bus).state is Presence.OFFLINE

        await _until(lambda: _on_duty(bus).state is Presence.ONLINE)


class OneOfMany(Notary):
    """A replica."""

    interchangeable = True


async def test_a_replica_that_ends_in_order_says_so_and_leaves_nothing_behind() -> None:
    service, bus = OneOfMany(), MemoryBus()
    topic = TOPICS.topic(channels.HEALTH, service="actuator", instance="test")

    async with running(service, bus, service.clock):
        await _until(lambda: topic in bus.retained)

    assert topic not in bus.retained
    last = channels.HEALTH.codec.decode(bus.log[-2], {}, None)  # type: ignore[arg-type]  # health has no arrival
    assert (last.state, bus.log[-1].payload) == (Presence.OFFLINE, b"")


async def test_a_replica_that_ends_while_the_broker_starts_anew_leaves_nothing_behind() -> None:
    service, bus, stop = OneOfMany(), MemoryBus(), asyncio.Event()
    topic = TOPICS.topic(channels.HEALTH, service="actuator", instance="test")
    task = asyncio.create_task(_runner(service, bus).run(stop))
    await _until(lambda: topic in bus.retained)
    bus.stop()
    await _until(lambda: _on_duty(bus).state is Presence.OFFLINE)  # its last will

    stop.set()
    bus.start()
    await task

    assert topic not in bus.retained
    assert service.history[-1] == "stop"


async def test_health_that_was_deleted_is_told_again() -> None:
    bus, service = MemoryBus(), Notary()
    topic = TOPICS.topic(channels.HEALTH, service="actuator", instance="test")
    async with running(service, bus, service.clock):
        bus.publish(Packet(topic, b"", qos=1, retain=True))

        await _until(lambda: topic in bus.retained)


async def test_what_an_instance_leaves_behind_expires() -> None:
    bus, service = MemoryBus(), Notary()

    async with running(service, bus, service.clock):
        online = bus.log[-1]

    assert online.expiry is None
    assert bus.log[-1].expiry == REMEMBERED_SECONDS


async def test_a_service_that_never_reaches_a_broker_says_which_and_ends() -> None:
    bus, service = MemoryBus(), Notary()
    bus.stop()
    broker = {"host": "brokr", "port": 18, "patience_seconds": 0.01}
    settings = ServiceSettings(_env_file=None, instance="test", broker=broker)

    with pytest.raises(SetupError) as told:
        async with asyncio.timeout(10):
            await Runner(service, bus, settings, SystemClock()).run(asyncio.Event())

    assert str(told.value).startswith(
        "DOORBUS_BROKER__HOST=brokr, DOORBUS_BROKER__PORT=18: no connection within 0.01 s"
    )
    assert service.history == ["start", "stop"]


def _later(clock: FakeClock) -> bool:
    clock.advance(1.0)
    return True


async def test_a_supervisor_hears_whether_the_service_is_at_work(tmp_path: Path) -> None:
    bus, service, path = MemoryBus(), Notary(), tmp_path / "status.json"
    service.trouble = "the camera is silent"
    settings = ServiceSettings(_env_file=None, instance="test")
    stop = asyncio.Event()
    runner = Runner(service, bus, settings, service.clock, Heartbeat(path, None))
    task = asyncio.create_task(runner.run(stop))

    def told() -> tuple[bool, str]:
        return judge(str(path), monotonic=service.clock.monotonic(), alive=False)

    await _until(lambda: told() == (True, "at work, with a problem: the camera is silent"))
    bus.stop()
    await _until(lambda: _later(service.clock) and told() == (False, "the service runs, but the broker is away"))
    stop.set()
    await task

    assert not path.exists()


async def _stood_still(seconds: float, by: str) -> Notary:
    """What becomes of a command that the network held for `seconds`, and of one sent after it."""
    bus, service = MemoryBus(), Notary()
    settings = ServiceSettings(_env_file=None, instance="test", health_seconds=2)
    async with running(service, bus, service.clock, settings), connect(bus) as client:
        bus.stand_still()
        await client.send(Outbound(channels.LOCK_COMMAND, LockCommand(action=Action.UNLOCK, by=by), FRONT))
        service.clock.advance(seconds)
        bus.go_on()
        await _health(bus, lambda one: one.at == service.clock.now())  # the connection is alive again
        await asyncio.sleep(0)  # and that has come back
        await client.send(Outbound(channels.LOCK_COMMAND, LockCommand(action=Action.UNLOCK, by="later"), FRONT))
        await _until(lambda: any(command.by == "later" for command in service.commands))
    return service


async def test_a_command_that_a_network_held_too_long_is_refused_and_the_next_one_works() -> None:
    service = await _stood_still(7.1, "held")

    assert [command.by for command in service.commands] == ["later"]
    assert service.refusals == [Refusal.STALE]


async def test_a_command_that_was_held_for_a_moment_works() -> None:
    service = await _stood_still(6.9, "held")

    assert [command.by for command in service.commands] == ["held", "later"]


class WithInlet(Notary):
    """Gets what `comes`, and what is refused at its door, another way than over the broker."""

    def __init__(self, comes: Sequence[Packet | Refused] = (), trouble: Exception | None = None) -> None:
        super().__init__()
        self.comes = comes
        self.inlets_trouble = trouble
        self.history_of_inlet: list[str] = []

    def inlets(self) -> Sequence[Inlet]:
        return (self._take,)

    async def _take(self, intake: Intake) -> None:
        if self.inlets_trouble is not None:
            raise self.inlets_trouble
        for one in self.comes:
            if isinstance(one, Packet):
                intake.deliver(one)
            else:
                intake.refuse(Packet(FRAME), one)
        try:
            await asyncio.Event().wait()
        finally:
            self.history_of_inlet.append("cancelled")


async def test_what_comes_another_way_than_over_the_broker_goes_the_way_of_all_packets() -> None:
    frames = [Packet(FRAME, JPEG + bytes([number])) for number in range(3)]
    service, bus = WithInlet([*frames, Packet(SET, b"unlock"), Packet(SET, b"LOCK"), Packet("elsewhere")]), MemoryBus()
    service.look.set()

    async with _at_work(service, bus) as client:
        await _confirmed(client)
        health = await _health(bus, lambda one: sum(one.refused.values()) == 2)

    assert service.frames == [frames[-1].payload]
    assert [command.action for command in service.commands] == [Action.LOCK, Action.UNLOCK]
    assert health.refused == {"lock_command.unknown_word": 1, "none.unexpected": 1}
    assert service.history_of_inlet == ["cancelled"]


async def test_what_is_for_another_door_than_the_one_asked_for_reaches_no_handler() -> None:
    back = Packet(TOPICS.topic(channels.LOCK_COMMAND, door="back"), b"UNLOCK")
    service, bus = WithInlet([back, back]), MemoryBus()

    async with _at_work(service, bus) as client:
        await _confirmed(client)
        health = await _health(bus, lambda one: bool(one.refused))

    assert health.refused == {"lock_command.unexpected": 2}
    assert service.refusals == [Refusal.UNEXPECTED] * 2
    assert [command.id for command in service.commands] == ["good"]


async def test_a_frame_that_is_refused_does_not_take_the_place_of_a_good_one_that_waits() -> None:
    service, bus = Notary(), MemoryBus()

    async with _at_work(service, bus) as client:
        await client.send_packet(Packet(FRAME, JPEG + b"busy with this one"))
        await asyncio.sleep(0)
        await client.send_packet(Packet(FRAME, JPEG + b"good"))
        await client.send_packet(Packet(FRAME, JPEG + bytes(channels.FRAME.max_bytes)))
        service.look.set()
        await _confirmed(client)
        health = await _health(bus, lambda one: bool(one.refused))

    assert service.frames[-1] == JPEG + b"good"
    assert health.refused == {"frame.too_large": 1}


async def test_what_is_turned_away_before_it_is_a_packet_is_counted_like_one() -> None:
    service, bus = WithInlet([Refused(Refusal.UNAUTHORIZED, "no token")] * 2), MemoryBus()

    with capture_logs() as logs:
        async with _at_work(service, bus):
            health = await _health(bus, lambda one: bool(one.refused))

    assert health.refused == {"frame.unauthorized": 2}
    assert [entry["detail"] for entry in logs if entry["event"] == "refused"] == ["no token"]


async def test_an_inlet_that_cannot_work_ends_the_service_with_its_sentence() -> None:
    service, bus = WithInlet(trouble=SetupError("SOURCE=9: in use")), MemoryBus()

    with pytest.raises(SetupError, match="SOURCE=9: in use"):
        await _runner(service, bus).run(asyncio.Event())

    assert service.history == ["start", "stop"]


async def test_a_source_that_comes_to_its_end_does_not_end_the_service() -> None:
    service, bus = Notary(), MemoryBus()

    async with _at_work(service, bus) as client:
        await _confirmed(client)

    assert [packet for packet in bus.log if b"of a source that ends" in packet.payload]


@pytest.mark.parametrize("share", [None, "recognizers"])
def test_a_subscription_asks_for_retained_messages_only_where_they_are_meant(share: str | None) -> None:
    async def handler(_: Inbound[Any]) -> Iterable[Outbound]:
        return ()

    (command,) = Subscription(channels.LOCK_COMMAND, handler, FRONT, share).filters(TOPICS)
    (roster,) = Subscription(channels.ROSTER_MANIFEST, handler, share=share).filters(TOPICS)

    assert (command.topic, command.replay) == (f"$share/{share}/{SET}" if share else SET, False)
    assert roster.replay


def test_a_message_takes_quality_expiry_and_retention_from_its_channel() -> None:
    packet = Outbound(channels.LOCK_STATE, LockState.LOCKED, FRONT).packet(TOPICS)
    command = Outbound(channels.LOCK_COMMAND, LockCommand(action=Action.OPEN), FRONT).packet(TOPICS)

    assert packet == Packet(f"{ROOT}/door/front/lock/state", b"LOCKED", qos=1, retain=True, content_type="text/plain")
    assert replace(command, content_type=None) == Packet(SET, b"OPEN", qos=1, expiry=5)
