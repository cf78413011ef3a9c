"""The README's commands, run as a person runs them."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from doorbus.local.stack import free_port
from doorbus.runtime.client import connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import Decision, LockState, Outcome, Presence, Reason
from doorbus.wire.packet import ConnectionLost
from support.jpegs import shot

TOPIC = "doorbus/v1"


def plain_environment(**more: str) -> dict[str, str]:
    """Ours without what another make or a developer's shell has set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOORBUS_", "MAKE", "MFLAGS"))}
    return kept | more


def with_assets(var: Path, repository: Path) -> Path:
    """A directory for a run, with the weights and pictures that are fetched already."""
    var.mkdir()
    for name in ("weights", "samples"):
        shutil.copytree(repository / "var" / name, var / name)
    return var


@pytest.mark.timeout(180)
async def test_the_demo_tells_its_story_and_succeeds(repository: Path, tmp_path: Path) -> None:
    var = with_assets(tmp_path / "var", repository)
    status, output = await finished(repository, var)
    assert status == 0, output
    assert "Every step happened as told" in output
    assert not list(var.glob("demo-*"))


@pytest.mark.timeout(180)
async def test_the_demo_names_the_step_that_did_not_happen(repository: Path, tmp_path: Path) -> None:
    var = with_assets(tmp_path / "var", repository)
    shutil.copy(var / "samples" / "biden.jpg", var / "samples" / "obama.jpg")
    status, output = await finished(repository, var)
    assert status == 1, output
    assert "Not as told: Biden is refused" in output


async def finished(repository: Path, var: Path) -> tuple[int, str]:
    """Exit status and output of the demo."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "scripts/demo.py",
        cwd=repository,
        env=plain_environment(DOORBUS_VAR=str(var)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode is not None
    return process.returncode, output


@pytest.mark.timeout(180)
async def test_make_run_opens_for_frames_sent_by_hand_and_ends_with_ctrl_c(repository: Path, tmp_path: Path) -> None:
    var, port = with_assets(tmp_path / "var", repository), free_port()
    environment = plain_environment(
        DOORBUS_VAR=str(var),
        DOORBUS_BROKER__PORT=str(port),
        DOORBUS_CAPTURE__SOURCE="none",
        DOORBUS_ACTUATOR__UNLOCK_SECONDS="30",
    )
    with (tmp_path / "log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            "make", "run", cwd=repository, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        await everybody_online(var, port)
        await mosquitto_pub(var, port, "operator", "person/obama/enrol", var / "samples" / "obama.jpg", "-q", "1")
        decision = await opened_by_frames(var, port)
        assert (decision.outcome, decision.person) == (Outcome.GRANTED, "obama")
        assert relay_is_energised(var)
        killed = processes_of(var, "doorbus_recognizer")[0]
        os.kill(killed, signal.SIGKILL)
        await another_than(killed, var)
        said = await heard_while_stopping(var, port, running.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGINT)
        async with asyncio.timeout(20):
            await running.wait()
    assert said == {"LOCKED", "actuator offline", "enroller offline"}
    assert not relay_is_energised(var)
    assert not processes_of(var), (tmp_path / "log").read_text()
    with pytest.raises(ConnectionLost):
        async with connect(transport(var, port, Role.VIEWER)):
            pass


async def another_than(killed: int, var: Path) -> None:
    async with asyncio.timeout(30):
        while not set(processes_of(var, "doorbus_recognizer")) - {killed}:  # noqa: ASYNC110  # /proc sends no events
            await asyncio.sleep(0.1)


async def heard_while_stopping(var: Path, port: int, group: int) -> set[str]:
    """Press Ctrl-C, and listen until the broker goes."""
    said = set()
    heard = [channels.LOCK_STATE, channels.HEALTH]
    async with asyncio.timeout(20), connect(transport(var, port, Role.VIEWER), heard) as viewer:
        os.killpg(group, signal.SIGINT)
        with contextlib.suppress(ConnectionLost):
            async for event in viewer.events():
                if event.message is LockState.LOCKED:
                    said.add("LOCKED")
                elif event.ids.get("service") in {"actuator", "enroller"} and event.message.state is Presence.OFFLINE:
                    said.add(f"{event.ids['service']} offline")
    return said


def transport(var: Path, port: int, role: Role) -> MqttTransport:
    password = (var / "credentials" / role).read_text().strip()
    return MqttTransport("127.0.0.1", port, username=role, password=password)


async def everybody_online(var: Path, port: int) -> None:
    async with asyncio.timeout(120):
        missing = set(channels.SERVICES)
        while missing:
            try:
                async with connect(transport(var, port, Role.VIEWER), [channels.HEALTH]) as viewer:
                    while missing:
                        event = await viewer.expect(channels.HEALTH)
                        if event.message.state is Presence.ONLINE and event.message.problem is None:
                            missing -= {event.ids["service"]}
            except (ConnectionLost, FileNotFoundError):
                await asyncio.sleep(0.2)  # the broker is not there yet


async def mosquitto_pub(var: Path, port: int, role: str, topic: str, file: Path, *more: str) -> None:
    password = (var / "credentials" / role).read_text().strip()
    command = ["mosquitto_pub", "-p", str(port), "-u", role, "-P", password, "-t", f"{TOPIC}/{topic}", "-f", str(file)]
    process = await asyncio.create_subprocess_exec(*command, *more)
    assert await process.wait() == 0


async def opened_by_frames(var: Path, port: int) -> Decision:
    """The first decision that is not about missing votes, with frames sent by mosquitto_pub until then."""
    picture, file = (var / "samples" / "obama2.jpg").read_bytes(), var / "frame.jpg"
    async with asyncio.timeout(30), connect(transport(var, port, Role.VIEWER), [channels.DECISION]) as viewer:
        while True:
            for _ in range(2):
                file.write_bytes(shot(picture))
                await mosquitto_pub(var, port, "capture", "door/front/frame/porch", file)
            decision: Decision = (await viewer.expect(channels.DECISION)).message
            early = {Reason.AWAITING_VOTES, Reason.UNKNOWN_FACE, Reason.ROSTER_INCOMPLETE, Reason.NOT_ON_ROSTER}
            if decision.reason not in early:  # the enrolment travels beside the first frames
                return decision


def relay_is_energised(var: Path) -> bool:
    return bool(json.loads((var / "relay.jsonl").read_text().splitlines()[-1])["energised"])


def processes_of(var: Path, name: str = "") -> list[int]:
    """Processes that were started with this directory and have `name` on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (path / "environ").read_bytes(), (path / "cmdline").read_bytes()
        except OSError:
            continue
        if f"DOORBUS_VAR={var}".encode() in environment.split(b"\0") and command and name.encode() in command:
            if name and b"keep" in command:
                continue
            found.append(int(path.name))
    return found
