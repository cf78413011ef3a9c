"""`doorbus unlock`, `lock` and `lockdown` send a command and tell what became of it."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import ValidationError

from doorbus.cli.access import Access, on_the_bus
from doorbus.cli.common import As, Door, ExitStatus, Timeout, err, here, out, slug
from doorbus.cli.doors import REPLAY_SECONDS, known_doors
from doorbus.cli.lines import line
from doorbus.cli.standing import names
from doorbus.runtime.client import Client
from doorbus.wire.channels import (
    DECISION,
    HEALTH,
    LOCK_COMMAND,
    LOCK_STATE,
    LOCKDOWN_COMMAND,
    LOCKDOWN_OF_ALL,
    LOCKDOWN_STATE,
    Role,
)
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    LONGEST_SECONDS,
    Action,
    Decision,
    LockCommand,
    Lockdown,
    LockdownOrder,
    LockState,
    Outcome,
    Reason,
)
from doorbus.wire.mistakes import first_mistake

_ADVICE = {
    Reason.COOLDOWN: "it was opened a moment ago; try again in some seconds",
    Reason.STALE: "the clocks of this machine and of the actuator disagree, or the network is slow; see doorbus doctor",
    Reason.FROM_THE_FUTURE: "the clocks of this machine and of the actuator disagree; see doorbus doctor",
    Reason.CLOCK_IMPLAUSIBLE: "the actuator's clock is wrong; see doorbus doctor",
    Reason.CODE_MISSING: "give the one-time password with --code",
    Reason.CODE_WRONG: "is the code of the right door, and is the clock right?",
    Reason.RELAY_FAILED: "see the actuator's log",
    Reason.JOURNAL_FAILED: "the journal cannot be written; see doorbus doctor",
}


def unlock(  # noqa: PLR0917  # typer reads them as options
    door: Door,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=LONGEST_SECONDS, help="How long to hold it open; the actuator bounds it.", show_default=False
        ),
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="One-time password, where the actuator asks for one.", show_default=False)
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who opens it, told in the decision; the broker's user.", show_default=False)
    ] = None,
    timeout: Timeout = 5,
    role: As = None,
) -> None:
    """Unlock DOOR and say what was decided. Exit status 0: granted, 1: denied, 2: no answer."""
    access = Access.of(role)
    message = _command(Action.UNLOCK, by or access.role, seconds, code)
    on_the_bus(access, lambda client: command(client, door, message, timeout))


def lock(
    door: Door,
    by: Annotated[
        str | None, typer.Option(help="Who locks it, told in the decision; the broker's user.", show_default=False)
    ] = None,
    timeout: Timeout = 5,
    role: As = None,
) -> None:
    """Lock DOOR at once. Exit status 0: locked, 1: denied, 2: no answer."""
    access = Access.of(role)
    message = _command(Action.LOCK, by or access.role)
    on_the_bus(access, lambda client: command(client, door, message, timeout))


def lockdown(  # noqa: PLR0917  # typer reads them as options
    door: Annotated[str, typer.Argument(metavar="DOOR", help="Id of the door; leave it out with --all.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All doors whose actuator is there.")] = False,  # noqa: FBT002
    release: Annotated[bool, typer.Option("--release", help="End it.")] = False,  # noqa: FBT002
    by: Annotated[
        str | None, typer.Option(help="Who orders it, kept in the journal; the broker's user.", show_default=False)
    ] = None,
    timeout: Timeout = 5,
    role: As = None,
) -> None:
    """Lock DOOR, and open it for nobody until that is ended. Exit status 0: it is so, 1: it is not, 2: no answer."""
    if every == bool(door):
        raise typer.BadParameter("name one DOOR, or give --all")
    access = Access.of(role)
    order = _order(Lockdown.OFF if release else Lockdown.ON, by or access.role)
    on_the_bus(access, lambda client: confine(client, None if every else slug(door), order, timeout))


def _order(wanted: Lockdown, by: str) -> LockdownOrder:
    try:
        return LockdownOrder(lockdown=wanted, by=by)
    except ValidationError as error:
        raise typer.BadParameter(f"--{first_mistake(error)}") from None


async def confine(client: Client, door: str | None, order: LockdownOrder, timeout: float) -> int:  # noqa: ASYNC109  # of the user
    """Begin or end a lockdown of `door`, or of all, and print what each says; returns the exit status."""
    ids = {} if door is None else {"door": door}
    await client.listen(LOCKDOWN_STATE, **ids)
    await client.listen(HEALTH, service=Role.ACTUATOR)
    answers: dict[str, Lockdown | None] = dict.fromkeys(ids.values())
    unkept: dict[str | None, float] = {}
    with contextlib.suppress(TimeoutError):  # the doors that there are have said so before
        async with asyncio.timeout(REPLAY_SECONDS):
            while True:
                event = await client.expect(LOCKDOWN_STATE, HEALTH)
                if event.channel is LOCKDOWN_STATE:
                    answers[event.ids["door"]] = None
                else:
                    unkept[event.message.door] = event.message.figures.get("lockdown_unkept", 0)
    await client.send(Outbound(LOCKDOWN_OF_ALL if door is None else LOCKDOWN_COMMAND, order, ids))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            while not answers or None in answers.values():
                event = await client.expect(LOCKDOWN_STATE)
                answers[event.ids["door"]] = event.message
    for one, answer in sorted(answers.items()):
        if answer is None:
            err.print(line(f"{one}:", ("no answer", "red"), f"within {timeout:g} s; is its actuator running?"))
        else:
            out.print(line(f"{one}:", "lockdown", (answer.value, "green" if answer is order.lockdown else "red")))
            if unkept.get(one):
                why = "its actuator cannot keep that for its next start; is its disk full? doorbus doctor"
                err.print(line(f"{one}:", (why, "red")))
    if not answers or None in answers.values():
        return ExitStatus.NO_ANSWER
    return ExitStatus.OK if set(answers.values()) == {order.lockdown} else ExitStatus.REFUSED


def _command(action: Action, by: str, seconds: float | None = None, code: str | None = None) -> LockCommand:
    now = datetime.now(UTC)
    try:
        return LockCommand(action=action, seconds=seconds, code=code, by=by, id=uuid4().hex, issued_at=now)
    except ValidationError as error:
        raise typer.BadParameter(f"--{first_mistake(error)}") from None


async def command(client: Client, door: str, command: LockCommand, timeout: float) -> int:  # noqa: ASYNC109  # of the user
    """Send `command` to `door`, wait for the answer to it, and print it; returns the exit status."""
    await client.listen(DECISION, LOCK_STATE, door=door)
    try:  # the retained state tells nothing of what comes now
        async with asyncio.timeout(REPLAY_SECONDS):
            await client.expect(LOCK_STATE, door=door)
    except TimeoutError:
        doors = await known_doors(client)
        if doors and door not in doors:
            err.print(line((f"there is no door {door}; the doors are {names(doors)}", "red")))
            return ExitStatus.NO_ANSWER
    await client.send(Outbound(LOCK_COMMAND, command, {"door": door}))
    try:
        async with asyncio.timeout(timeout):
            answer = await _answer(client, door, command)
    except TimeoutError:
        why = here(f"within {timeout:g} s; is its actuator running? doorbus doctor")
        out.print(line(f"{door}:", ("no answer", "red"), why))
        return ExitStatus.NO_ANSWER
    if isinstance(answer, LockState):
        locked = answer is LockState.LOCKED
        out.print(line(f"{door}:", (answer.value, "green" if locked else "red")))
        return ExitStatus.OK if locked else ExitStatus.REFUSED
    return _report(door, command, answer)


async def _answer(client: Client, door: str, command: LockCommand) -> Decision | LockState:
    """The decision on this very command; LOCK is answered by the state, as there is nothing to decide."""
    while True:
        event = await client.expect(DECISION, LOCK_STATE, door=door)
        message: Decision | LockState = event.message
        if isinstance(message, Decision):
            if message.command_id == command.id:
                return message
        elif command.action is Action.LOCK and message in (LockState.LOCKED, LockState.JAMMED):
            return message


def _report(door: str, command: LockCommand, decision: Decision) -> int:
    granted = decision.outcome is Outcome.GRANTED
    took = f"in {decision.latency_ms:.0f} ms" if decision.latency_ms is not None else ""
    verdict = (decision.outcome.value, "green" if granted else "red")
    advice = here(_ADVICE.get(decision.reason, ""))
    if decision.seconds is not None and command.seconds is not None and decision.seconds < command.seconds:
        advice = (
            f"for {decision.seconds:g} s, the longest that its actuator holds it, not for {command.seconds:g}: "
            "DOORBUS_ACTUATOR__HOLD_OPEN_SECONDS"
        )
    out.print(line(f"{door}:", verdict, decision.reason.value, took, f"({advice})" if advice else ""))
    return ExitStatus.OK if granted else ExitStatus.REFUSED
