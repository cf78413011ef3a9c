"""The `doorbus` command as a person runs it, on a real broker."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from doorbus import homeassistant
from doorbus.homeassistant import Device, Origin
from doorbus.local.stack import Broker, free_port
from doorbus.runtime.client import connect
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.runner import Runner
from doorbus.runtime.service import Service
from doorbus.runtime.settings import ServiceSettings
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.messages import (
    Decision,
    LockCommand,
    LockState,
    Outcome,
    Presence,
    Reason,
    Result,
    ResultStatus,
    RosterEntry,
    Trigger,
)
from doorbus.wire.snapshot import pack

JPEG = b"\xff\xd8\xff\xe0 not looked into"


class Keeper(Service):
    """Grants what the reception asks, denies all else; locks."""

    role = Role.ACTUATOR

    def __init__(self, door: str) -> None:
        self.ids = {"door": door}
        self.commands: list[LockCommand] = []

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (Subscription(channels.LOCK_COMMAND, self._on_command, self.ids),)

    def connected(self) -> Iterable[Outbound]:
        return (Outbound(channels.LOCK_STATE, LockState.LOCKED, self.ids),)

    async def _on_command(self, inbound: Inbound[LockCommand]) -> Iterable[Outbound]:
        self.commands.append(inbound.message)
        if inbound.message.action == "LOCK":
            return self.connected()
        granted = inbound.message.by == "reception"
        decision = Decision(
            outcome=Outcome.GRANTED if granted else Outcome.DENIED,
            reason=Reason.COMMANDED if granted else Reason.COOLDOWN,
            trigger=Trigger.COMMAND,
            at=inbound.at,
            command_id=inbound.message.id,
        )
        return (Outbound(channels.DECISION, decision, self.ids),)


class Clerk(Service):
    """Takes every picture, and publishes a roster of one."""

    role = Role.ENROLLER

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (Subscription(channels.ENROL, self._on_enrol),)

    def connected(self) -> Iterable[Outbound]:
        manifest, shards = pack([RosterEntry(person="alice", name="Alice Smith")], 1)
        yield Outbound(channels.ROSTER_MANIFEST, manifest)
        yield Outbound(channels.ROSTER_SHARD, shards[0], {"shard": "0"})

    async def _on_enrol(self, inbound: Inbound[Any]) -> Iterable[Outbound]:
        person = inbound.ids["person"]
        return inbound.reply(Result(status=ResultStatus.OK, action="enrol", person=person, at=inbound.at, samples=1))


@asynccontextmanager
async def _running(broker: Broker, service: Service, instance: str) -> AsyncIterator[None]:
    settings = ServiceSettings(_env_file=None, instance=instance)
    stop = asyncio.Event()
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
        task = asyncio.create_task(Runner(service, broker.transport(service.role), settings, SystemClock()).run(stop))
        try:
            async with asyncio.timeout(20):
                while (await viewer.expect(channels.HEALTH, instance=instance)).message.state is not Presence.ONLINE:
                    pass
            yield
        finally:
            stop.set()
            await task


async def _start(broker: Broker, *arguments: str, **changes: str) -> Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOORBUS_")}
    environment |= {"DOORBUS_BROKER__PORT": str(broker.port), "DOORBUS_VAR": str(broker.var), "COLUMNS": "200"}
    command = [sys.executable, "-W", "error", "-m", "doorbus.cli", *arguments]
    return await asyncio.create_subprocess_exec(*command, env=environment | changes, stdout=PIPE, stderr=PIPE)


async def _run(broker: Broker, *arguments: str, **changes: str) -> tuple[int | None, str, str]:
    """Exit status, output and errors of the command."""
    process = await _start(broker, *arguments, **changes)
    async with asyncio.timeout(40):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_unlock_says_what_was_decided_and_lock_that_it_is_locked(broker: Broker) -> None:
    door = f"t-{uuid4().hex[:8]}"
    keeper = Keeper(door)
    async with _running(broker, keeper, door):
        granted = await _run(broker, "unlock", door, "--by", "reception", "--seconds", "5")
        denied = await _run(broker, "unlock", door)
        locked = await _run(broker, "lock", door, "--as", "nodered")

    assert granted == (0, f"{door}: granted commanded\n", "")
    assert denied[0] == 1
    assert denied[1].startswith(f"{door}: denied cooldown (")
    assert locked == (0, f"{door}: LOCKED\n", "")
    assert [(one.action, one.seconds, one.by) for one in keeper.commands] == [
        ("UNLOCK", 5.0, "reception"),
        ("UNLOCK", None, "operator"),
        ("LOCK", None, "nodered"),
    ]


async def test_a_door_without_an_actuator_gives_no_answer(fresh_broker: Broker) -> None:
    status, out, err = await _run(fresh_broker, "unlock", "nobody-there", "--timeout", "0.3")

    assert (status, err) == (2, "")
    assert out.startswith("nobody-there: no answer within 0.3 s")


async def test_a_user_who_may_not_send_commands_opens_nothing(broker: Broker) -> None:
    door = f"t-{uuid4().hex[:8]}"
    keeper = Keeper(door)
    async with _running(broker, keeper, door):
        status, _, _ = await _run(broker, "unlock", door, "--as", "viewer", "--by", "reception", "--timeout", "0.3")

    assert status == 2
    assert keeper.commands == []


async def test_people_are_enrolled_and_listed(broker: Broker, tmp_path: Path) -> None:
    picture = tmp_path / "alice.jpg"
    picture.write_bytes(JPEG)
    async with _running(broker, Clerk(), f"t-{uuid4().hex[:8]}"):
        enrolled = await _run(broker, "enrol", "alice", str(picture))
        people = await _run(broker, "people")

    assert enrolled == (0, f"{picture}: ok alice has 1 sample\n", "")
    assert people[0] == 0
    assert "alice   Alice Smith" in people[1]


async def test_watch_prints_a_line_for_each_event_until_it_is_interrupted(broker: Broker) -> None:
    door = f"t-{uuid4().hex[:8]}"
    async with _running(broker, Keeper(door), door):
        process = await _start(broker, "watch", "--as", "viewer")
        assert process.stdout is not None
        async with asyncio.timeout(40):
            while f"{door} lock LOCKED" not in (line := (await process.stdout.readline()).decode()):
                assert line
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()

    assert (process.returncode, err) == (0, b"")
    assert b"Traceback" not in out


async def test_doctor_names_what_is_missing_and_the_way_out(fresh_broker: Broker) -> None:
    async with _running(fresh_broker, Clerk(), "clerk"):
        status, out, err = await _run(fresh_broker, "doctor", "--seconds", "6")

    assert (status, err) == (1, "")
    for line in (
        f"ok   broker: 127.0.0.1:{fresh_broker.port}",
        "ok   user: operator",
        "ok   enroller/clerk: online",
        "fail actuator: was never here - start it",
        "ok   roster: 1 enrolled",
        "fail doors: no lock has ever reported its state",
    ):
        assert line in out


class Watcher(Service):
    """A camera that Home Assistant is told of."""

    role = Role.CAPTURE

    def __init__(self, camera: str) -> None:
        self._camera = camera

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return ()

    def device(self, site: Origin) -> Device:
        return homeassistant.camera(site, "front", self._camera)


async def _documents(broker: Broker) -> dict[str, dict[str, Any]]:
    """What is retained for Home Assistant, withdrawn or not."""
    told: dict[str, dict[str, Any]] = {}
    kept = [channels.HOMEASSISTANT_CONFIG, channels.HOMEASSISTANT_WITHDRAWN]
    async with connect(broker.transport(Role.HOMEASSISTANT), kept) as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while True:
                    event = await client.expect(*kept)
                    told[event.packet.topic] = dict(event.message)
    return told


async def test_home_assistant_is_made_to_forget_what_is_gone_and_not_what_others_have_told(
    fresh_broker: Broker,
) -> None:
    others = {"name": "a lamp", "state_topic": "lamp", "availability": [{"topic": "lamp/health"}]}
    ids = {"component": "light", "service": "lamp", "object": "hall"}
    async with connect(fresh_broker.transport(Role.HOMEASSISTANT)) as client:
        await client.send(Outbound(channels.HOMEASSISTANT_CONFIG, others, ids))
    async with _running(fresh_broker, Watcher("porch"), "pi"):
        while not any("porch" in topic for topic in await _documents(fresh_broker)):
            pass
        running = await _run(fresh_broker, "homeassistant", "forget")
        while not any("porch" in topic for topic in await _documents(fresh_broker)):
            pass
    async with _running(fresh_broker, Watcher("yard"), "pi"):
        while not any("yard" in topic for topic in await _documents(fresh_broker)):
            pass
    before = await _documents(fresh_broker)
    forgotten = await _run(fresh_broker, "homeassistant", "forget")

    assert running[:2] == (1, "5 documents taken back\n")
    assert "5 announced again by services that run" in running[2]
    assert any(topic.endswith("/withdrawn") for topic in before)
    assert forgotten == (0, "10 documents taken back\n", "")
    assert await _documents(fresh_broker) == {"homeassistant/light/lamp/hall/config": others}


async def test_without_a_broker_there_is_one_clear_sentence(broker: Broker) -> None:
    port = str(free_port())
    commands = (["unlock", "front"], ["people"], ["watch"], ["doctor"])
    for status, out, err in await asyncio.gather(*(_run(broker, *one, DOORBUS_BROKER__PORT=port) for one in commands)):
        assert status == 2
        told = out + err
        assert f"broker 127.0.0.1:{port}: Connection refused; is it running?" in told
        assert told.count("\n") == 1


async def test_a_wrong_password_is_told_from_a_missing_one(broker: Broker, tmp_path: Path) -> None:
    wrong = await _run(broker, "people", DOORBUS_BROKER__PASSWORD="hunter2")
    missing = await _run(broker, "people", DOORBUS_VAR=str(tmp_path))

    assert wrong[0] == missing[0] == 2
    assert "as operator" in wrong[2]
    assert "it does not take DOORBUS_BROKER__PASSWORD as the password of operator" in wrong[2]
    assert "hunter2" not in wrong[2]
    assert f"there is no password: {tmp_path}/credentials/operator does not exist" in missing[2]
    assert wrong[2].count("\n") == missing[2].count("\n") == 1


async def test_a_wrong_setting_is_one_clear_sentence(broker: Broker) -> None:
    status, out, err = await _run(broker, "people", DOORBUS_BROKER__PORT="many")

    assert (status, out) == (2, "")
    assert err.startswith("DOORBUS_BROKER__PORT=many: ")
    assert err.count("\n") == 1
