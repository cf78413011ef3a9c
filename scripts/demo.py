"""The story of a door, played on this machine through the public topics only.

A real broker with credentials and access rules, the four services as processes of their own, the sample camera and the
simulated relay. Exits 0 only if every step happens as told; otherwise names the step that did not.
"""

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
from typing import Any

from rich.console import Console
from rich.table import Table

from doorbus import channels
from doorbus.channels import Role
from doorbus.client import Client, Event, connect
from doorbus.local import LocalError, Stack, stack
from doorbus.messages import Decision, Frame, LockState, Outcome, Recognition, Result, Status, Trigger

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


async def mosquitto_pub(one: Stack, topic: str, *payload: str) -> None:
    """Publish as anybody would: with the ordinary client, as the operator."""
    command = ["mosquitto_pub", "-V", "5", "-q", "1", "-h", one.broker.host, "-p", str(one.broker.port)]
    command += ["-u", Role.OPERATOR, "-P", one.broker.password(Role.OPERATOR), "-t", topic, *payload]
    console.print(f"    [dim]$ mosquitto_pub -q 1 -t {topic} {' '.join(payload)}[/dim]")
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait():
        raise StoryError(f"mosquitto_pub ended with status {process.returncode}")


def relay_lines(one: Stack) -> list[dict[str, Any]]:
    """The transitions of the simulated relay so far."""
    return [json.loads(line) for line in (one.var / "relay.jsonl").read_text().splitlines()]


def demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # reads like a sentence
    """Fail the story with `otherwise`."""
    if not holds:
        raise StoryError(otherwise)


async def play(story: Story, one: Stack) -> None:
    """The story itself."""
    root = channels.DEFAULT_ROOT
    with story.telling("A broker with credentials and access rules, enroller, recognizer and actuator start"):
        await one.broker.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(one.start(Role.ENROLLER, {}))
            tasks.create_task(one.start(Role.RECOGNIZER, {}))
            tasks.create_task(one.start(Role.ACTUATOR, {
                "DOORBUS_ACTUATOR__UNLOCK_SECONDS": str(UNLOCK_SECONDS),
                "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": str(COOLDOWN_SECONDS),
            }))  # fmt: skip
        story.note(what="ok", why=f"broker on 127.0.0.1:{one.broker.port}, logs in {one.var / 'logs'}")

    heard = [
        channels.FRAME, channels.RECOGNITION, channels.DECISION, channels.LOCK_STATE,
        channels.RESULT, channels.ROSTER_MANIFEST,
    ]  # fmt: skip
    async with connect(one.broker.transport(Role.OPERATOR), heard) as client:
        watch = Watch(client)
        with story.telling("The gallery is empty, the door is locked"):
            manifest = (await watch.next(channels.ROSTER_MANIFEST)).message
            demand(manifest.count == 0, f"the roster already holds {manifest.count} people")
            demand(not relay_lines(one)[-1]["energised"], "the relay is energised")
            story.note(what="ok", why="0 people")

        with story.telling("A picture sent to person/obama/enrol enrols obama, with no restart"):
            await mosquitto_pub(one, f"{root}/person/{PERSON}/enrol", "-f", str(one.var / "samples" / "obama.jpg"))
            result = await watch.result()
            demand(result.status is Status.OK, f"the enroller answered: {result.error}")
            story.note(PERSON, "ok", f"{result.samples} sample, gallery version {result.gallery_version}")

        await one.start(Role.CAPTURE, {"DOORBUS_CAPTURE__SOURCE": "sample"})
        await strangers_and_resident(story, watch, one)

        with story.telling("It locks again after the pulse"):
            await watch.state(LockState.LOCKED)
            opened, closed = relay_lines(one)[-2:]
            demand(opened["energised"] and not closed["energised"], f"the relay's last lines are {opened}, {closed}")
            held = closed["monotonic"] - opened["monotonic"]
            demand(abs(held - UNLOCK_SECONDS) < 0.5, f"the pulse took {held:.2f} s")  # noqa: PLR2004  # generous to a slow machine
            story.note(what="ok", why=f"the relay was energised for {held:.2f} s")

        await one.stop_service(Role.CAPTURE)
        await by_hand(story, watch, one, root, opened["monotonic"])
        await removal(story, watch, one, root)


async def strangers_and_resident(story: Story, watch: Watch, one: Stack) -> None:
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
        demand(relay_lines(one)[-1]["energised"], "the lock says UNLOCKED, the relay is not energised")
        seen = watch.recognised.get(decision.frame_ids[-1])
        stages = ", ".join(f"{name} {ms:.1f}" for name, ms in seen.timings_ms.items()) if seen else ""
        story.note(f"{PERSON} ({shown})", "granted", decision.reason, decision.confidence, decision.latency_ms)
        console.print(f"    [dim]frame {decision.frame_ids[-1]}: {stages} (ms)[/dim]")


async def by_hand(story: Story, watch: Watch, one: Stack, root: str, last_unlock: float) -> None:
    """Manual commands, and the cooldown between them."""
    with story.telling("A plain mosquitto_pub unlocks by hand, once the cooldown is over"):
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, last_unlock + COOLDOWN_SECONDS + 0.2 - loop.time()))
        await mosquitto_pub(one, f"{root}/door/{DOOR}/lock/set", "-m", "UNLOCK")
        decision = await by_command(watch)
        demand(decision.outcome is Outcome.GRANTED, f"refused: {decision.reason}")
        await watch.state(LockState.UNLOCKED)
        story.note("operator", "granted", decision.reason, ms=decision.latency_ms)

    with story.telling("A second UNLOCK in the cooldown is refused"):
        await mosquitto_pub(one, f"{root}/door/{DOOR}/lock/set", "-m", "UNLOCK")
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


async def removal(story: Story, watch: Watch, one: Stack, root: str) -> None:
    """Who is removed stays outside from then on."""
    with story.telling("Obama is removed"):
        await mosquitto_pub(one, f"{root}/person/{PERSON}/remove", "-n")
        result = await watch.result()
        demand(result.status is Status.OK and result.samples == 0, f"the enroller answered: {result}")
        story.note(PERSON, "ok", f"gallery version {result.gallery_version}")

    await one.start(Role.CAPTURE)
    with story.telling("Obama is refused from then on"):
        opened_before = sum(line["energised"] for line in relay_lines(one))
        refused: set[str] = set()
        while refused != set(RESIDENT):
            decision = await watch.decision()
            shown = watch.shown(decision)
            demand(decision.outcome is Outcome.DENIED, f"the door opened for {shown}")
            if shown in RESIDENT:
                refused.add(shown)
        opened_after = sum(line["energised"] for line in relay_lines(one))
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


async def main(assets: Path, var: Path) -> int:
    """Play the story with what `assets` holds, writing under `var`; the exit status."""
    story = Story()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        async with stack(var, assets) as one:
            await play(story, one)
    except (StoryError, LocalError, TimeoutError) as error:
        why = "nothing happened in time" if isinstance(error, TimeoutError) else error
        console.print(f"\n[bold red]Not as told: {story.step}[/bold red]\n{why}\nThe logs are in {var / 'logs'}.")
        return 1
    except BaseExceptionGroup as group:
        console.print(
            f"\n[bold red]Not as told: {story.step}[/bold red]\n{group.exceptions[0]}\nThe logs are in {var / 'logs'}."
        )
        return 1
    except asyncio.CancelledError:
        console.print("\nInterrupted; everything is stopped.")
        return 130
    last_page(story)
    console.print("\n[bold green]Every step happened as told.[/bold green]")
    shutil.rmtree(var)
    return 0


if __name__ == "__main__":
    home = Path(os.environ.get("DOORBUS_VAR", "var")).resolve()
    home.mkdir(exist_ok=True)
    sys.exit(asyncio.run(main(home, Path(tempfile.mkdtemp(prefix="demo-", dir=home)))))
