"""The story of a door, played on this machine through the public topics only.

A real broker with credentials and access rules, the four services as processes of their own, the sample camera and the
simulated relay. With `--compose` these are the containers of compose.yaml, which `make up` has started. Exits 0 only if
every step happens as told; otherwise names the step that did not.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dotenv import dotenv_values
from rich.console import Console
from rich.table import Table

from doorbus.local.prepare import LocalError
from doorbus.local.stack import Stack, stack
from doorbus.runtime.broker import transport
from doorbus.runtime.client import Client, connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.runtime.settings import BrokerSettings, CommonSettings
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Event
from doorbus.wire.messages import Decision, Frame, LockState, Outcome, Recognition, Result, ResultStatus, Trigger
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

DOOR, CAMERA, PERSON = "front", "porch", "obama"
STRANGERS = ("astronaut", "biden")
RESIDENT = ("obama2", "obama3")
EMPTY = "empty"
UNLOCK_SECONDS, COOLDOWN_SECONDS = 3.0, 6.0
PATIENCE_SECONDS = 45.0

console = Console(highlight=False, soft_wrap=True)


class StoryError(Exception):
    """Something did not happen as told."""


@dataclass
class Story:
    """What has happened so far, for the last page."""

    step: str = "the beginning"
    lines: list[tuple[str, str, str, str, str, str]] = field(default_factory=list)

    @contextmanager
    def telling(self, step: str) -> Iterator[None]:
        """One step; what goes wrong inside is reported under its name."""
        self.step = step
        console.print(f"\n[bold]{len(self.lines) + 1:2}  {step}[/bold]")
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.note()

    def note(
        self, who: str = "", what: str = "", why: str = "", confidence: float | None = None, ms: float | None = None
    ) -> None:
        """Keep who, what, why, confidence and milliseconds of the current step, and say it."""
        sure = "" if confidence is None else f"{confidence:.2f}"
        took = "" if ms is None else f"{ms:.0f} ms"
        self.lines.append((self.step, who, what, why, sure, took))
        said = "  ".join(part for part in (who, what, why, sure and f"confidence {sure}", took) if part)
        console.print(f"    {said or 'done'}", style="green" if what in ("", "granted", "ok") else "yellow")


@dataclass
class Watch:
    """Follows the bus and knows which picture each frame showed."""

    client: Client
    labels: dict[str, str] = field(default_factory=dict)
    recognised: dict[str, Recognition] = field(default_factory=dict)
    lock: LockState = LockState.LOCKED

    async def next(self, *wanted: channels.Channel[Any]) -> Event[Any]:
        """The next message of one of the `wanted` channels; the rest is remembered on the way."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for event in self.client.events():
                message = event.message
                if isinstance(message, Frame) and message.label:
                    self.labels[message.frame_id] = message.label
                elif isinstance(message, Recognition):
                    self.recognised[message.frame_id] = message
                elif isinstance(message, LockState):
                    self.lock = message
                if event.channel in wanted:
                    return event
        raise StoryError("the broker hung up")

    async def decision(self) -> Decision:
        """The next decision."""
        decision: Decision = (await self.next(channels.DECISION)).message
        return decision

    async def state(self, wanted: LockState) -> None:
        """Wait for a lock state, unless it is there."""
        while self.lock is not wanted:
            await self.next(channels.LOCK_STATE)

    async def result(self) -> Result:
        """The next result of the enroller."""
        result: Result = (await self.next(channels.RESULT)).message
        return result

    def shown(self, decision: Decision) -> str:
        """What the picture was that a decision is about."""
        return self.labels.get(decision.frame_ids[-1], "?") if decision.frame_ids else ""


class Stage(Protocol):
    """Where the story is played."""

    samples: Path
    """Directory of the sample pictures."""
    logs: str
    """How to see what the services said."""

    async def begin(self) -> str:
        """Start everything but the camera; in words, where it is. Raises `LocalError`."""
        ...

    def transport(self, role: Role) -> MqttTransport:
        """A way onto the bus as `role`."""
        ...

    def options(self, role: Role) -> list[str]:
        """What mosquitto_pub must be told to be `role`."""
        ...

    async def relay_record(self) -> str:
        """The transitions of the simulated relay so far, one JSON object a line."""
        ...

    async def start_camera(self) -> None:
        """Show the sample scene from its beginning."""
        ...

    async def stop_camera(self) -> None:
        """Show nothing."""
        ...


class Processes:
    """A broker and services of the story's own."""

    def __init__(self, one: Stack) -> None:
        self._one = one
        self.samples = one.var / "samples"
        self.logs = f"The logs are in {one.var / 'logs'}."

    async def begin(self) -> str:
        """See `Stage`."""
        await self._one.broker.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._one.start(Role.ENROLLER, {}))
            tasks.create_task(self._one.start(Role.RECOGNIZER, {}))
            tasks.create_task(self._one.start(Role.ACTUATOR, {
                "DOORBUS_ACTUATOR__UNLOCK_SECONDS": str(UNLOCK_SECONDS),
                "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": str(COOLDOWN_SECONDS),
            }))  # fmt: skip
        return f"broker on 127.0.0.1:{self._one.broker.port}, logs in {self._one.var / 'logs'}"

    def transport(self, role: Role) -> MqttTransport:
        """See `Stage`."""
        return self._one.broker.transport(role)

    def options(self, role: Role) -> list[str]:
        """See `Stage`."""
        broker = self._one.broker
        return ["-h", broker.host, "-p", str(broker.port), "-u", role, "-P", broker.password(role)]

    async def relay_record(self) -> str:
        """See `Stage`."""
        return (self._one.var / "relay.jsonl").read_text()

    async def start_camera(self) -> None:
        """See `Stage`."""
        await self._one.start(Role.CAPTURE, {"DOORBUS_CAPTURE__SOURCE": "sample"})

    async def stop_camera(self) -> None:
        """See `Stage`."""
        await self._one.stop_service(Role.CAPTURE)


class Containers:
    """The project of compose.yaml with the profile `demo`."""

    logs = "The logs: docker compose --profile demo logs"

    def __init__(self, samples: Path, secrets: Path, port: int) -> None:
        self.samples = samples
        self._secrets = secrets
        self._port = port

    async def begin(self) -> str:
        """See `Stage`."""
        await self._compose("stop", Role.CAPTURE)
        await self._compose("up", "--detach", "--wait", "broker", Role.ENROLLER, Role.RECOGNIZER, Role.ACTUATOR)
        return f"containers, broker on localhost:{self._port} with TLS"

    def transport(self, role: Role) -> MqttTransport:
        """See `Stage`."""
        where = {"host": "localhost", "port": self._port, "tls": True, "tls_ca": self._secrets / "ca.crt"}
        broker = BrokerSettings(**where, username=role, password_file=self._secrets / "users" / role)
        return transport(CommonSettings(_env_file=None, broker=broker), role)

    def options(self, role: Role) -> list[str]:
        """See `Stage`."""
        address = ["-h", "localhost", "-p", str(self._port), "--cafile", str(self._secrets / "ca.crt")]
        return [*address, "-u", role, "-P", self._password(role)]

    async def relay_record(self) -> str:
        """See `Stage`."""
        return await self._compose("exec", "-T", Role.ACTUATOR, "cat", "relay.jsonl")

    async def start_camera(self) -> None:
        """See `Stage`."""
        await self._compose("up", "--detach", "--no-deps", Role.CAPTURE)

    async def stop_camera(self) -> None:
        """See `Stage`."""
        await self._compose("stop", Role.CAPTURE)

    def _password(self, role: Role) -> str:
        return (self._secrets / "users" / role).read_text().strip()

    async def _compose(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *("docker", "compose", "--profile", "demo", *arguments),
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "DOORBUS_CAPTURE__SOURCE": "sample"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode:
            last = (err.decode().strip().splitlines() or ["it said nothing"])[-1]
            raise LocalError(f"docker compose {' '.join(arguments)}: {last}; has `make up` started the containers?")
        return out.decode()


async def mosquitto_pub(stage: Stage, topic: str, *payload: str) -> None:
    """Publish as anybody would: with the ordinary client, as the operator."""
    command = ["mosquitto_pub", "-V", "5", "-q", "1", *stage.options(Role.OPERATOR), "-t", topic, *payload]
    console.print(f"    [dim]$ mosquitto_pub -q 1 -t {topic} {' '.join(payload)}[/dim]")
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait():
        raise StoryError(f"mosquitto_pub ended with status {process.returncode}")


async def relay_lines(stage: Stage) -> list[dict[str, Any]]:
    """The transitions of the simulated relay so far."""
    return [json.loads(line) for line in (await stage.relay_record()).splitlines()]


def demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # reads like a sentence
    """Fail the story with `otherwise`."""
    if not holds:
        raise StoryError(otherwise)


async def play(story: Story, stage: Stage) -> None:
    """The story itself."""
    with story.telling("A broker with credentials and access rules, enroller, recognizer and actuator start"):
        story.note(what="ok", why=await stage.begin())

    heard = [
        channels.FRAME, channels.RECOGNITION, channels.DECISION, channels.LOCK_STATE,
        channels.RESULT, channels.ROSTER_MANIFEST,
    ]  # fmt: skip
    async with connect(stage.transport(Role.OPERATOR), heard) as client:
        watch = Watch(client)
        with story.telling("The gallery is empty, the door is locked"):
            manifest = (await watch.next(channels.ROSTER_MANIFEST)).message
            demand(manifest.count == 0, f"the roster holds {manifest.count} people; the story needs an empty one")
            demand(not (await relay_lines(stage))[-1]["energised"], "the relay is energised")
            story.note(what="ok", why="0 people")

        with story.telling("A picture sent to person/obama/enrol enrols obama, with no restart"):
            await mosquitto_pub(
                stage, TOPICS.topic(channels.ENROL, person=PERSON), "-f", str(stage.samples / "obama.jpg")
            )
            result = await watch.result()
            demand(result.status is ResultStatus.OK, f"the enroller answered: {result.error}")
            story.note(PERSON, "ok", f"{result.samples} sample, gallery version {result.gallery_version}")

        await stage.start_camera()
        await strangers_and_resident(story, watch, stage)

        with story.telling("It locks again after the pulse"):
            await watch.state(LockState.LOCKED)
            opened, closed = (await relay_lines(stage))[-2:]
            demand(opened["energised"] and not closed["energised"], f"the relay's last lines are {opened}, {closed}")
            held = closed["monotonic"] - opened["monotonic"]
            demand(abs(held - UNLOCK_SECONDS) < 0.5, f"the pulse took {held:.2f} s")  # noqa: PLR2004  # generous to a slow machine
            story.note(what="ok", why=f"the relay was energised for {held:.2f} s")

        await stage.stop_camera()
        await by_hand(story, watch, stage)
        await removal(story, watch, stage)


async def strangers_and_resident(story: Story, watch: Watch, stage: Stage) -> None:
    """The sample camera shows nobody, two strangers, then the one who was enrolled."""
    with story.telling("The camera shows an empty scene: nothing happens"):
        empty = 0
        while True:
            event = await watch.next(channels.FRAME, channels.DECISION)
            if isinstance(event.message, Decision):
                raise StoryError(f"a decision about an empty scene: {event.message}")
            if event.message.label != EMPTY and empty:
                break
            empty += event.message.label == EMPTY
        story.note("nobody", "ok", f"{empty} frames without a face")

    for stranger in STRANGERS:
        with story.telling(f"{stranger.capitalize()} is refused"):
            while True:
                decision = await watch.decision()
                demand(decision.outcome is Outcome.DENIED, f"the door opened for {watch.shown(decision)}")
                if watch.shown(decision) == stranger:
                    break
            story.note(stranger, "denied", decision.reason, decision.confidence)

    with story.telling("Obama, on other pictures than the enrolled one, is let in"):
        while True:
            decision = await watch.decision()
            if decision.outcome is Outcome.GRANTED:
                break
            shown = watch.shown(decision)
            demand(
                shown not in RESIDENT or decision.reason == "awaiting_votes", f"{shown} was refused: {decision.reason}"
            )
        shown = watch.shown(decision)
        demand(decision.person == PERSON and shown in RESIDENT, f"granted to {decision.person} for {shown}")
        demand(decision.trigger is Trigger.FACE, f"the trigger was {decision.trigger}")
        await watch.state(LockState.UNLOCKED)
        demand((await relay_lines(stage))[-1]["energised"], "the lock says UNLOCKED, the relay is not energised")
        seen = watch.recognised.get(decision.frame_ids[-1])
        stages = ", ".join(f"{name} {ms:.1f}" for name, ms in seen.timings_ms.items()) if seen else ""
        story.note(f"{PERSON} ({shown})", "granted", decision.reason, decision.confidence, decision.latency_ms)
        console.print(f"    [dim]frame {decision.frame_ids[-1]}: {stages} (ms)[/dim]")


async def by_hand(story: Story, watch: Watch, stage: Stage) -> None:
    """Manual commands, and the cooldown between them."""
    with story.telling("A plain mosquitto_pub unlocks by hand"):
        await mosquitto_pub(stage, TOPICS.topic(channels.LOCK_COMMAND, door=DOOR), "-m", "UNLOCK")
        decision = await by_command(watch)
        demand(decision.outcome is Outcome.GRANTED, f"refused: {decision.reason}")
        await watch.state(LockState.UNLOCKED)
        story.note("operator", "granted", decision.reason, ms=decision.latency_ms)

    with story.telling("A second UNLOCK in the cooldown is refused"):
        await mosquitto_pub(stage, TOPICS.topic(channels.LOCK_COMMAND, door=DOOR), "-m", "UNLOCK")
        decision = await by_command(watch)
        demand(decision.outcome is Outcome.DENIED and decision.reason == "cooldown", f"it was {decision}")
        story.note("operator", "denied", decision.reason)
        await watch.state(LockState.LOCKED)


async def by_command(watch: Watch) -> Decision:
    """The next decision about a command."""
    while True:
        decision = await watch.decision()
        if decision.trigger is Trigger.COMMAND:
            return decision


async def removal(story: Story, watch: Watch, stage: Stage) -> None:
    """Who is removed stays outside from then on."""
    with story.telling("Obama is removed"):
        await mosquitto_pub(stage, TOPICS.topic(channels.REMOVE, person=PERSON), "-n")
        result = await watch.result()
        demand(result.status is ResultStatus.OK and result.samples == 0, f"the enroller answered: {result}")
        story.note(PERSON, "ok", f"gallery version {result.gallery_version}")

    await stage.start_camera()
    with story.telling("Obama is refused from then on"):
        opened_before = sum(line["energised"] for line in await relay_lines(stage))
        refused: set[str] = set()
        while refused != set(RESIDENT):
            decision = await watch.decision()
            shown = watch.shown(decision)
            demand(decision.outcome is Outcome.DENIED, f"the door opened for {shown}")
            if shown in RESIDENT:
                refused.add(shown)
        opened_after = sum(line["energised"] for line in await relay_lines(stage))
        demand(opened_before == opened_after, "the relay was energised")
        story.note(PERSON, "denied", decision.reason, decision.confidence)


def last_page(story: Story) -> None:
    """Who came, and what became of it, once more in a table."""
    table = Table(title="\nWhat happened", title_justify="left")
    for name in ("step", "who", "what", "why", "confidence", "frame to relay"):
        table.add_column(name, justify="right" if name in ("step", "confidence", "frame to relay") else "left")
    for number, (_, who, *rest) in enumerate(story.lines, start=1):
        if who:
            table.add_row(str(number), who, *rest)
    console.print(table)


async def tell(story: Story, stage: Stage) -> int:
    """Play the story on `stage`; the exit status."""
    try:
        await play(story, stage)
    except (StoryError, LocalError, TimeoutError, BaseExceptionGroup) as error:
        why = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
        why = "nothing happened in time" if isinstance(error, TimeoutError) else why
        console.print(f"\n[bold red]Not as told: {story.step}[/bold red]\n{why}\n{stage.logs}")
        return 1
    last_page(story)
    console.print("\n[bold green]Every step happened as told.[/bold green]")
    console.print("The page with doors, people and events: make run, then http://127.0.0.1:8080")
    return 0


async def in_processes(story: Story, assets: Path) -> int:
    """With processes of our own, writing under a directory that goes when all went well; the exit status."""
    var = Path(tempfile.mkdtemp(prefix="demo-", dir=assets))
    async with stack(var, assets) as one:
        status = await tell(story, Processes(one))
    if not status:
        shutil.rmtree(var)
    return status


async def main(home: Path, containers: Containers | None) -> int:
    """Play the story in `containers`, or else in processes that write under `home`; the exit status."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    story = Story()
    try:
        return await (tell(story, containers) if containers else in_processes(story, home))
    except asyncio.CancelledError:
        console.print("\nInterrupted; everything is stopped.")
        return 130


def arguments() -> tuple[Path, Containers | None]:
    """Where setup has put the pictures, and the containers if these are asked for."""
    parser = argparse.ArgumentParser(description="The story of a door, told on this machine.")
    parser.add_argument("--compose", action="store_true", help="play it with the containers that `make up` started")
    chosen = {**dotenv_values(".env"), **os.environ}
    home = Path(chosen.get("DOORBUS_VAR", "var") or ".").resolve()
    home.mkdir(exist_ok=True)
    if not parser.parse_args().compose:
        return home, None
    secrets = Path(chosen.get("DOORBUS_SECRETS") or "var/secrets")
    return home, Containers(home / "samples", secrets, int(chosen.get("DOORBUS_TLS_PORT") or "8883"))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*arguments())))
