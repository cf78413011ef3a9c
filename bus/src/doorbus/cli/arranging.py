"""What `doorbus group` and `doorbus schedule` share: a change and its answer, and what is retained of all of them."""

import asyncio
import contextlib
from typing import Any, TypeVar

from doorbus.cli.asking import asking
from doorbus.cli.common import ExitStatus, err, here, out
from doorbus.cli.lines import line
from doorbus.cli.people import SILENCE
from doorbus.runtime.client import Client
from doorbus.wire.channels import ARRANGED, REMOVE_GROUP, REMOVE_SCHEDULE, Channel
from doorbus.wire.messages import Message, ResultStatus

M = TypeVar("M")

_REMOVING = (REMOVE_GROUP, REMOVE_SCHEDULE)


async def arrange(client: Client, channel: Channel[Any], message: Message, timeout: float, **ids: str) -> int:  # noqa: ASYNC109
    """Ask for a change of a group or schedule, and print what became of it; returns the exit status."""
    (name,) = ids.values()
    async with asking(client, ARRANGED) as asker:
        answer = await asker.ask(channel, message, ids, timeout)
    if answer is None:
        err.print(line(f"{name}:", (here(SILENCE.format(timeout)), "red")))
        return ExitStatus.NO_ANSWER
    if answer.status is not ResultStatus.OK or answer.error:
        code, text = (answer.error.code.value, answer.error.message) if answer.error else ("error", "")
        out.print(line(f"{name}:", (code, "red"), here(text)))
        return ExitStatus.REFUSED
    moved = "1 person" if answer.people == 1 else f"{answer.people} people"
    out.print(line(f"{name}:", ("ok", "green"), "forgotten" if channel in _REMOVING else f"holds for {moved}"))
    if answer.warning is not None:
        out.print(line(f"{name}:", ("but", "yellow"), answer.warning))
    return ExitStatus.OK


async def retained(client: Client, channel: Channel[M], timeout: float) -> M | None:  # noqa: ASYNC109
    """What the enroller has told last on a channel; None, and said so, when there is nothing."""
    await client.listen(channel)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            event = await client.expect(channel)
            told: M = event.message
            return told
    err.print(line((here(SILENCE.format(timeout)), "red")))
    return None
