"""Every line of docs/cookbook.md, run in the order of the page as a person types it, and what it did."""

import asyncio
import contextlib
import json
import os
import re
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyotp
import pytest

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import DEFAULT_ROOT, Role
from doorbus.wire.exchange import Event, Outbound
from doorbus.wire.messages import Arranged, Decision, Frame, Outcome, Reason, Result, ResultStatus, Trigger
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_capture.imaging import decode, encode_jpeg, resize
from support.door import CAMERA, DOOR, QUICK_ACTUATOR, Door, at_the_door
from support.jpegs import picture_of, shot

COOKBOOK = Path(__file__).parents[2] / "docs" / "cookbook.md"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def _lines(text: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


LINES = _lines(COOKBOOK.read_text())


@dataclass
class Kitchen:
    """A terminal in a directory of its own, beside the shared system."""

    stack: Stack
    door: Door
    home: Path
    pictures: Mapping[str, bytes]
    environment: dict[str, str] = field(default_factory=dict)
    codes: int = 0

    async def run(self, line: str, status: int = 0) -> str:
        """Run a line to its end; what it printed."""
        async with self.started(line) as process, asyncio.timeout(45):
            output, _ = await process.communicate()
        assert process.returncode == status, output.decode(errors="replace")
        return output.decode(errors="replace")

    @asynccontextmanager
    async def started(self, line: str) -> AsyncIterator[Process]:
        """A line that goes on until Ctrl-C."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", line),
            cwd=self.home,
            env=self._variables(line),
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
                    os.killpg(process.pid, signal.SIGTERM)  # what bash puts into the background ignores the other
                try:
                    async with asyncio.timeout(5):
                        await process.wait()
                except TimeoutError:  # mosquitto_sub hangs now and then when a signal meets it amid its work
                    os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()

    def _variables(self, line: str) -> dict[str, str]:
        self.codes += "$code" in line  # each holds once; that of the next half-minute holds already
        at = datetime.now(UTC) + timedelta(seconds=30 * (self.codes % 2))
        return {
            **os.environ,
            "HOME": str(self.home),
            "DOORBUS_VAR": str(self.stack.var),
            "DOORBUS_BROKER__PORT": str(self.stack.broker.port),
            "code": pyotp.TOTP(SECRET).at(at),
            **self.environment,
        }

    @asynccontextmanager
    async def hearing(self, *wanted: channels.Channel[Any], **ids: str) -> AsyncIterator["asyncio.Queue[Event[Any]]"]:
        """What is sent meanwhile."""
        heard: asyncio.Queue[Event[Any]] = asyncio.Queue()
        async with connect(self.stack.broker.transport(Role.OPERATOR), wanted) as listener:

            async def listen() -> None:
                async for event in listener.events():
                    if all(event.ids.get(name) == value for name, value in ids.items()):
                        heard.put_nowait(event)

            task = asyncio.create_task(listen())
            try:
                async with asyncio.timeout(45):
                    yield heard
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def show(self, jpeg: bytes, frame_id: str = "") -> None:
        """A frame of the camera."""
        if frame_id:
            frame = Frame(jpeg=shot(jpeg), frame_id=frame_id, captured_at=datetime.now(UTC))
            await self.door.operator.send(Outbound(channels.FRAME, frame, {"door": DOOR, "camera": CAMERA}))
        else:
            await self.door.show(shot(jpeg))

    async def says(self, line: str, wanted: Callable[[str], bool], meanwhile: Callable[[], Awaitable[object]]) -> str:
        """Do something again and again until a line that goes on has printed what is wanted."""
        printed = ""
        async with self.started(line) as process, asyncio.timeout(45):
            assert process.stdout is not None
            reading = asyncio.create_task(process.stdout.readline())
            while not wanted(printed):
                await meanwhile()
                await asyncio.wait([reading], timeout=0.2)
                while reading.done():
                    if not (said := reading.result()):
                        return printed
                    printed += said.decode(errors="replace")
                    reading = asyncio.create_task(process.stdout.readline())
                    await asyncio.sleep(0)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        return printed


Check = Callable[[Kitchen, str], Awaitable[None]]
CHECKS: dict[str, Check] = {}


def check(*fragments: str) -> Callable[[Check], Check]:
    """What checks the lines that contain one of these."""

    def register(function: Check) -> Check:
        for fragment in fragments:
            (line,) = [line for line in LINES if fragment in line and line not in CHECKS] or [f"no line has {fragment}"]
            CHECKS[line] = function
        return function

    return register


@pytest.fixture(scope="module")
async def kitchen(
    living: Stack, jpeg: dict[str, bytes], samples: Path, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> AsyncIterator[Kitchen]:
    home = tmp_path_factory.mktemp("kitchen")
    (home / "var").symlink_to(living.var)
    (home / ".venv").symlink_to(repository / ".venv")
    left, astronaut = decode(jpeg["biden"]), decode((samples / "astronaut.png").read_bytes())
    people = {"carol": astronaut, "dave": left}
    pictures = {
        f"{name} {quality}": encode_jpeg(image, quality) for name, image in people.items() for quality in range(80, 100)
    }
    (home / "alice.jpg").write_bytes(jpeg["biden"])
    # Narrower and in the dusk: the same picture would add nothing.
    turned = (resize(left, (left.shape[1] * 4 // 5, left.shape[0])) // 2).astype(np.uint8)
    (home / "alice-left.jpg").write_bytes(encode_jpeg(turned, 90))
    code = {**QUICK_ACTUATOR, "DOORBUS_ACTUATOR__DOOR": "back", "DOORBUS_ACTUATOR__TOTP_SECRET": SECRET}
    relay = living.var / "back"
    relay.mkdir()
    for name in ("credentials", "weights"):
        (relay / name).symlink_to(living.var / name)
    await living.start(Role.ACTUATOR, {**code, "DOORBUS_VAR": str(relay)}, instance="back")
    async with at_the_door(living) as door:
        yield Kitchen(living, door, home, {**jpeg, **pictures})
    await living.stop_service("back")


def test_every_line_has_a_check_and_every_check_a_line() -> None:
    assert [line for line in LINES if line not in CHECKS] == []
    assert [line for line in CHECKS if line not in LINES] == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("line", LINES)
async def test_a_line_of_the_cookbook_does_what_it_says(kitchen: Kitchen, line: str) -> None:
    await CHECKS[line](kitchen, line)


@check(
    "mkdir -p ~/.config", "printf '%s\\n' '-h 127.0.0.1'", "(cat ~/", "printf '%s\\n' '-u operator'", "cp ~/", ". .venv"
)
async def it_ends_well(kitchen: Kitchen, line: str) -> None:
    assert await kitchen.run(line) == ""
    if "activate" in line:
        kitchen.environment = {"PATH": f"{kitchen.home / '.venv' / 'bin'}:{os.environ['PATH']}"}


async def _decided(kitchen: Kitchen, line: str, door: str) -> Decision:
    """Run the line, again while an opening before is too near, and await the decision on the command."""
    async with kitchen.hearing(channels.DECISION, door=door) as heard:
        while True:
            await kitchen.run(line)
            decision = (await heard.get()).message
            while decision.trigger is not Trigger.COMMAND:
                decision = (await heard.get()).message
            assert isinstance(decision, Decision)
            if decision.reason is not Reason.COOLDOWN:
                return decision
            await asyncio.sleep(0.3)


@check("front/lock/set -m UNLOCK", '\\"seconds\\": 5', '\\"UNLOCK\\", \\"id\\"')
async def it_opens_the_front_door(kitchen: Kitchen, line: str) -> None:
    await kitchen.door.until_locked()  # else the second line would hold it open for longer
    before = kitchen.door.openings
    decision = await _decided(kitchen, line, DOOR)
    assert (decision.outcome, decision.by) == (Outcome.GRANTED, "reception" if "reception" in line else None)
    assert (decision.command_id is not None) == ("issued_at" in line)
    assert kitchen.door.openings == before + 1


@check("front/lock/set -m LOCK")
async def it_locks_the_front_door(kitchen: Kitchen, line: str) -> None:
    assert kitchen.door.energised  # the five seconds of the line before
    await kitchen.run(line)
    await kitchen.door.until_locked()
    assert not kitchen.door.energised


@check("back/lock/set")
async def it_opens_the_back_door_with_a_code(kitchen: Kitchen, line: str) -> None:
    decision = await _decided(kitchen, line, "back")
    assert (decision.outcome, decision.reason) == (Outcome.GRANTED, Reason.COMMANDED)


@check("doorbus unlock front", "doorbus unlock back")
async def the_command_tells_that_it_is_granted(kitchen: Kitchen, line: str) -> None:
    async with asyncio.timeout(30):
        while True:
            async with kitchen.started(line) as process:
                output = (await process.communicate())[0].decode()
            if "cooldown" not in output and "replayed" not in output:  # the next try has the other half-minute's code
                break
            await asyncio.sleep(0.3)
    assert process.returncode == 0, output
    assert "granted" in output


@check("doorbus lock front")
async def the_command_tells_that_it_is_locked(kitchen: Kitchen, line: str) -> None:
    assert "LOCKED" in (await kitchen.run(line)).upper()
    assert not kitchen.door.energised


@check("-C 1 -t doorbus/v1/door/front/lock/state")
async def it_prints_the_state(kitchen: Kitchen, line: str) -> None:
    await kitchen.door.until_locked()
    assert await kitchen.run(line) == "LOCKED\n"


async def _knock(kitchen: Kitchen) -> None:
    await kitchen.door.command(b"UNLOCK")


@check("-t 'doorbus/v1/door/+/decision' -t 'doorbus/v1/door/+/lock/state'")
async def it_prints_decisions_and_states(kitchen: Kitchen, line: str) -> None:
    def wanted(printed: str) -> bool:
        return "door/front/decision {" in printed and "door/front/lock/state UNLOCKED" in printed

    assert wanted(await kitchen.says(line, wanted, lambda: _knock(kitchen)))


@check("doorbus watch --plain")
async def it_prints_a_line_an_event(kitchen: Kitchen, line: str) -> None:
    assert "commanded" in await kitchen.says(line, lambda printed: "commanded" in printed, lambda: _knock(kitchen))


@check("grep -m 1")
async def it_prints_the_face_that_was_let_in_and_no_command(kitchen: Kitchen, line: str) -> None:
    openings = kitchen.door.openings

    async def somebody_comes() -> None:
        if kitchen.door.openings == openings:  # commands that go on would keep faces waiting for the cooldown
            await _knock(kitchen)
        for _ in range(2):
            await kitchen.show(kitchen.pictures["obama2"])

    printed = await kitchen.says(line, bool, somebody_comes)
    decision = Decision.model_validate_json(printed)
    assert (decision.outcome, decision.trigger, decision.person) == (Outcome.GRANTED, Trigger.FACE, "obama")


@check("-v -W 1 -t 'doorbus/v1/health/#'")
async def it_prints_the_health_of_all_services(kitchen: Kitchen, line: str) -> None:
    printed = await kitchen.run(line, status=27)  # mosquitto_sub's for time that is up
    for service in channels.SERVICES:
        assert f"{DEFAULT_ROOT}/health/{service}/{service} {{" in printed
    assert '"state":"online"' in printed


@check("grep '\"offline\"'")
async def it_prints_what_is_offline(kitchen: Kitchen, line: str) -> None:
    await kitchen.stack.start(Role.CAPTURE, {"DOORBUS_CAPTURE__SOURCE": "none"}, instance="passing")
    await kitchen.stack.stop_service("passing")
    printed = [one for one in (await kitchen.run(line)).splitlines() if one != "Timed out"]
    assert {json.loads(one)["instance"] for one in printed} >= {"passing"}
    assert {json.loads(one)["state"] for one in printed} == {"offline"}


@check("doorbus doctor")
async def it_finds_broker_and_services(kitchen: Kitchen, line: str) -> None:
    async with kitchen.started(line) as process:
        output = (await process.communicate())[0].decode()
    assert process.returncode in {0, 1}, output  # 1: an instance of a test before is gone
    for word in ("broker", "recognizer", "actuator", "enroller", "roster"):
        assert word in output


@check("-v -t 'doorbus/v1/person/+/result'")
async def it_prints_results(kitchen: Kitchen, line: str) -> None:
    async def ask() -> None:
        topic = TOPICS.topic(channels.REMOVE, person="nobody")
        await kitchen.door.operator.send_packet(Packet(topic, qos=1))

    printed = await kitchen.says(line, lambda printed: "unknown_person" in printed, ask)
    assert "person/nobody/result {" in printed


async def _result(kitchen: Kitchen, line: str, person: str) -> Result:
    async with kitchen.hearing(channels.RESULT, person=person) as heard:
        await kitchen.run(line)
        result: Result = (await heard.get()).message
    return result


@check("enrol -f alice.jpg", "enrol -f alice-left.jpg")
async def it_adds_a_sample(kitchen: Kitchen, line: str) -> None:
    result = await _result(kitchen, line, "alice")
    assert (result.error, result.samples) == (None, 2 if "left" in line else 1)


async def _roster(kitchen: Kitchen) -> dict[str, dict[str, Any]]:
    text = await kitchen.run("mosquitto_sub -C 1 -t doorbus/v1/roster/shard/0")
    return {entry["person"]: entry for entry in json.loads(text)}


@check('"name": "Alice"', '"enabled": false', '"enabled": true')
async def it_changes_what_it_names(kitchen: Kitchen, line: str) -> None:
    result = await _result(kitchen, line, "alice")
    assert result.status is ResultStatus.OK
    asked = json.loads(line.split("'")[1])
    entry = (await _roster(kitchen))["alice"]
    assert {name: entry.get(name) for name in asked} == asked
    assert entry["name"] == "Alice"


@check("alice/remove")
async def it_forgets_alice(kitchen: Kitchen, line: str) -> None:
    assert (await _result(kitchen, line, "alice")).status is ResultStatus.OK
    assert "alice" not in await _roster(kitchen)


@check("carol/capture", "newcomer/capture")
async def it_enrols_who_stands_there(kitchen: Kitchen, line: str) -> None:
    person = "carol" if "carol" in line else "dave"
    frames = [jpeg for name, jpeg in kitchen.pictures.items() if name.startswith(person)]

    async def stands_there() -> None:
        while True:
            for jpeg in frames:
                await kitchen.show(jpeg)
                await asyncio.sleep(0.1)  # ten frames a second, as a camera does

    standing = asyncio.create_task(stands_there())
    try:
        result = await _result(kitchen, line, person)
    finally:
        standing.cancel()
        await asyncio.gather(standing, return_exceptions=True)
    assert (result.error, result.samples) == (None, 3)
    if person == "dave":  # he lends his face to Alice
        assert (await _roster(kitchen))["dave"]["name"] == "Dave"
        await _result(kitchen, "mosquitto_pub -q 1 -t doorbus/v1/person/dave/remove -n", "dave")


@check("-e doorbus/v1/reply/me")
async def it_prints_the_answer(kitchen: Kitchen, line: str) -> None:
    result = Result.model_validate_json(await kitchen.run(line))
    assert (result.action, result.person, result.error) == ("update", "carol", None)


@check("roster/shard/0", "doorbus people")
async def it_prints_who_is_there(kitchen: Kitchen, line: str) -> None:
    printed = await kitchen.run(line)
    assert "obama" in printed
    assert "Carol" in printed
    assert "alice" not in printed


@check("doorbus enrol alice", "doorbus update alice")
async def the_command_tells_that_it_is_done(kitchen: Kitchen, line: str) -> None:
    assert "alice" in await kitchen.run(line)
    alice = (await _roster(kitchen))["alice"]
    assert (alice["name"], alice.get("doors")) == ("Alice", None if "enrol" in line else ["front"])


@check("doorbus remove alice")
async def the_command_forgets_alice(kitchen: Kitchen, line: str) -> None:
    await kitchen.run(line)
    assert "alice" not in await _roster(kitchen)


@check("schedule/office/set", "group/staff/set")
async def it_prints_what_became_of_it(kitchen: Kitchen, line: str) -> None:
    arranged = Arranged.model_validate_json(await kitchen.run(line))
    assert (arranged.status, arranged.id) == (ResultStatus.OK, "office" if "schedule/" in line else "staff")


@check('"group": "staff"')
async def it_gives_her_what_the_group_may(kitchen: Kitchen, line: str) -> None:
    assert (await _result(kitchen, line, "carol")).status is ResultStatus.OK
    carol = (await _roster(kitchen))["carol"]
    assert carol["doors"] == ["front"]
    assert "Mo-Fr 07:00-19:00" in carol["hours"]


@check("people/groups -t")
async def it_prints_groups_and_schedules(kitchen: Kitchen, line: str) -> None:
    printed = await kitchen.run(line, status=27)
    for wanted in ('"staff"', '"office"', "Mo-Fr 07:00-19:00; PH off"):
        assert wanted in printed


@check("credential/pin/set", "credential/pin/remove")
async def it_gives_and_takes_her_pin(kitchen: Kitchen, line: str) -> None:
    assert (await _result(kitchen, line, "carol")).status is ResultStatus.OK
    assert (await _roster(kitchen))["carol"].get("credentials", []) == (["pin"] if "/set" in line else [])


@check("credential/keypad")
async def it_says_whose_pin_it_is(kitchen: Kitchen, line: str) -> None:
    async with kitchen.hearing(channels.DECISION, door=DOOR) as heard:
        while True:
            await kitchen.run(line)
            decision: Decision = (await heard.get()).message
            if decision.person is not None:  # until the actuator has it, it is nobody's
                break
            await asyncio.sleep(0.5)
    assert (decision.trigger, decision.person) == (Trigger.CREDENTIAL, "carol")
    assert decision.reason in {Reason.FACE_NEEDED, Reason.OUTSIDE_HOURS}


@check("> frame-$number.jpg")
async def it_writes_different_pictures_to_the_byte(kitchen: Kitchen, line: str) -> None:
    sent = kitchen.pictures["obama2"]
    await kitchen.says(line, lambda _: False, lambda: kitchen.show(sent))
    written = [(kitchen.home / f"frame-{number}.jpg").read_bytes() for number in (1, 2)]
    assert [picture_of(one) for one in written] == [sent, sent]
    assert written[0] != written[1]


@check("-f frame-$vote.jpg")
async def it_opens_the_door_for_the_face_on_it(kitchen: Kitchen, line: str) -> None:
    async with kitchen.hearing(channels.DECISION, door=DOOR) as heard:
        decision = None
        while decision is None or decision.outcome is Outcome.DENIED:  # an opening before may be too near
            for number in (1, 2):
                (kitchen.home / f"frame-{number}.jpg").write_bytes(shot(kitchen.pictures["obama2"]))
            await kitchen.run(line)
            while decision is None or not heard.empty():
                decision = (await heard.get()).message
                if decision.outcome is Outcome.GRANTED:
                    break
    assert (decision.trigger, decision.person) == (Trigger.FACE, "obama")


@check("user-property frame_id")
async def it_brings_its_metadata(kitchen: Kitchen, line: str) -> None:
    async with kitchen.hearing(channels.RECOGNITION, door=DOOR) as heard:
        await kitchen.run(line)
        while (recognition := (await heard.get()).message).frame_id != "mycam-17":
            pass  # of a frame that was sent before
    assert abs((recognition.recognized_at - recognition.captured_at).total_seconds()) < 10
    assert recognition.faces[0].person == "obama"


@check("grep --line-buffered mycam-17")
async def it_prints_a_frames_way(kitchen: Kitchen, line: str) -> None:
    number = 0

    async def a_frame_with_its_vote() -> None:
        nonlocal number
        number += 1
        await kitchen.show(kitchen.pictures["obama2"], f"mycam-17{number}")
        await kitchen.show(kitchen.pictures["obama3"], f"mycam-17{number}-vote")

    def wanted(printed: str) -> bool:
        return all(f"door/front/{word}" in printed for word in ("frame/porch", "recognition/porch", "decision"))

    assert wanted(await kitchen.says(line, wanted, a_frame_with_its_vote))


@check("-C 1 -t doorbus/v1/door/front/recognition/porch")
async def it_prints_faces_and_times(kitchen: Kitchen, line: str) -> None:
    printed = await kitchen.says(line, bool, lambda: kitchen.show(kitchen.pictures["obama2"]))
    recognition = json.loads(printed)
    assert len(recognition["faces"]) == 1
    assert recognition["timings_ms"]
