"""Sends what people ask for, and finds the answer to each: a decision by the command's id, a result by its reply."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from doorbus.wire.channels import (
    LOCK_COMMAND,
    LOCKDOWN_COMMAND,
    RECOGNISE_REPLY,
    RECOGNISE_REQUEST,
    RECORDING_GET,
    RECORDING_REPLY,
    RESULT_REPLY,
    REVIEW_GET,
    REVIEW_REPLY,
    Channel,
)
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    Action,
    Decision,
    GetRecording,
    GetReview,
    KeptPicture,
    LockCommand,
    Lockdown,
    LockdownOrder,
    LockState,
    Message,
    Recognised,
    RecogniseRequest,
    Result,
    ReviewPicture,
    Slug,
)

KEPT = 1000
"""Commands and requests whose outcome can be asked for."""


class BrokerAway(Exception):  # noqa: N818  # an event of the network
    """Nothing can be sent: it would come late or never."""


@dataclass(frozen=True)
class Command:
    """A lock command that was sent, and what the door has made of it."""

    id: str
    door: Slug
    action: Action
    by: str
    issued_at: datetime
    seconds: float | None = None
    """How long the door was asked to be open."""
    decision: Decision | None = None
    state: LockState | None = None
    """For LOCK, to which no decision belongs: the state that the door told next."""

    @property
    def is_over(self) -> bool:
        """Whether the door has answered."""
        return self.decision is not None or self.state is not None

    @property
    def longest(self) -> float | None:
        """The seconds that the door holds open at most, where it was asked for more."""
        held = None if self.decision is None else self.decision.seconds
        return held if held is not None and self.seconds is not None and held < self.seconds else None


@dataclass(frozen=True)
class Errand:
    """A request to the enroller that was sent, and its result."""

    id: str
    what: str
    person: str
    by: str
    begun_at: datetime
    result: Result | None = None


class Desk:
    """Commands and requests under way. `now` is the time of day."""

    def __init__(self, now: Callable[[], datetime], token: str) -> None:
        self._now = now
        self.reply_ids = {"token": token}
        self._outgoing: asyncio.Queue[Outbound] = asyncio.Queue()
        self._commands: OrderedDict[str, Command] = OrderedDict()
        self._errands: OrderedDict[str, Errand] = OrderedDict()
        self._answered: dict[str, asyncio.Event] = {}
        self._waiting: dict[bytes, asyncio.Future[Any]] = {}
        self.connected = False

    async def outgoing(self) -> AsyncIterator[Outbound]:
        """What is to be sent."""
        while True:
            yield await self._outgoing.get()

    def command(
        self,
        door: str,
        action: Action,
        by: str,
        *,
        seconds: float | None = None,
        code: str | None = None,
        command_id: str | None = None,
    ) -> Command:
        """Send a lock command. One with the id of an earlier one is that one, and is not sent again.

        Raises `BrokerAway`.
        """
        command_id = command_id or uuid4().hex
        known = self._commands.get(command_id)
        if known is not None:
            return known
        command = Command(command_id, door, action, by, self._now(), seconds)
        message = LockCommand(
            action=action, seconds=seconds, id=command_id, issued_at=command.issued_at, code=code, by=by
        )
        self._send(Outbound(LOCK_COMMAND, message, {"door": door}))
        _keep(self._commands, command_id, command)
        self._answered[command_id] = asyncio.Event()
        return command

    def ask(
        self,
        channel: Channel[Any],
        message: Message,
        by: str,
        *,
        errand_id: str | None = None,
        **ids: str,
    ) -> Errand:
        """Send a request about the `person` of `ids`, or about a newcomer. Raises `BrokerAway`."""
        errand_id = errand_id or uuid4().hex
        known = self._errands.get(errand_id)
        if known is not None:
            return known
        outbound = Outbound(channel, message, ids, errand_id.encode(), (RESULT_REPLY, self.reply_ids))
        self._send(outbound)
        errand = Errand(errand_id, channel.name, ids.get("person", ""), by, self._now())
        _keep(self._errands, errand_id, errand)
        self._answered[errand_id] = asyncio.Event()
        return errand

    async def look(self, jpeg: bytes, seconds: float) -> Recognised | None:
        """Who is on a picture; None when nobody says so within so many seconds. Raises `BrokerAway`."""
        request = RecogniseRequest(jpeg=jpeg)
        found: Recognised | None = await self._reply(RECOGNISE_REQUEST, request, {}, RECOGNISE_REPLY, seconds)
        return found

    def seen(self, correlation: bytes | None, recognised: Recognised) -> None:
        """Note who is on a picture that was asked about."""
        self._replied(correlation, recognised)

    async def fetch(self, recording: str, seconds: float, *, boxes: bool) -> KeptPicture | None:
        """A picture that was kept; None when nobody answers within so many seconds. Raises `BrokerAway`."""
        request, ids = GetRecording(boxes=boxes), {"recording": recording}
        found: KeptPicture | None = await self._reply(RECORDING_GET, request, ids, RECORDING_REPLY, seconds)
        return found

    async def request(self, channel: Channel[Any], message: Message, seconds: float, **ids: str) -> Any:
        """The answer to a request; None when nobody answers within so many seconds. Raises `BrokerAway`."""
        assert channel.reply is not None
        return await self._reply(channel, message, ids, channel.reply, seconds)

    async def face(self, entry: str, seconds: float) -> ReviewPicture | None:
        """The face of an entry of the inbox; None when nobody answers within so long. Raises `BrokerAway`."""
        ids = {"entry": entry}
        found: ReviewPicture | None = await self._reply(REVIEW_GET, GetReview(), ids, REVIEW_REPLY, seconds)
        return found

    def replied(self, correlation: bytes | None, message: object) -> None:
        """Note what somebody has answered."""
        self._replied(correlation, message)

    def lock_down(self, door: str, lockdown: Lockdown, by: str) -> None:
        """Begin or end a lockdown of a door. Raises `BrokerAway`."""
        self._send(Outbound(LOCKDOWN_COMMAND, LockdownOrder(lockdown=lockdown, by=by), {"door": door}))

    def decided(self, decision: Decision) -> None:
        """Note a decision; it may be the answer to a command."""
        command = self._commands.get(decision.command_id or "")
        if command is not None and command.decision is None:
            self._commands[command.id] = replace(command, decision=decision)
            self._wake(command.id)

    def told(self, door: str, state: LockState) -> None:
        """Note the state of a door; it answers the LOCK that waits for it."""
        if state not in {LockState.LOCKED, LockState.JAMMED}:
            return
        for command in list(self._commands.values()):
            if command.door == door and command.action is Action.LOCK and not command.is_over:
                self._commands[command.id] = replace(command, state=state)
                self._wake(command.id)

    def answered(self, correlation: bytes | None, result: Result) -> None:
        """Note a result; it may be the answer to a request."""
        errand = self._errands.get((correlation or b"").decode(errors="replace"))
        if errand is not None and errand.result is None:
            self._errands[errand.id] = replace(errand, result=result, person=result.person)
            self._wake(errand.id)

    def find_command(self, command_id: str) -> Command | None:
        """A command of late."""
        return self._commands.get(command_id)

    def find_errand(self, errand_id: str) -> Errand | None:
        """A request of late."""
        return self._errands.get(errand_id)

    async def outcome(self, command: Command, seconds: float) -> Command:
        """The command once it is answered, or after so many seconds as it is."""
        await self._wait(command.id, seconds)
        return self._commands.get(command.id, command)

    async def result(self, errand: Errand, seconds: float) -> Errand:
        """The request once it is answered, or after so many seconds as it is."""
        await self._wait(errand.id, seconds)
        return self._errands.get(errand.id, errand)

    async def _reply(
        self, channel: Channel[Any], request: Message, ids: dict[str, str], reply: Channel[Any], seconds: float
    ) -> Any:
        key = uuid4().bytes
        self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            self._send(Outbound(channel, request, ids, key, (reply, self.reply_ids)))
            async with asyncio.timeout(seconds):
                return await self._waiting[key]
        except TimeoutError:
            return None
        finally:
            del self._waiting[key]

    def _replied(self, correlation: bytes | None, message: object) -> None:
        waiting = self._waiting.get(correlation or b"")
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def _wait(self, key: str, seconds: float) -> None:
        answered = self._answered.get(key)
        if answered is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await answered.wait()
        except TimeoutError:
            return

    def _wake(self, key: str) -> None:
        answered = self._answered.pop(key, None)
        if answered is not None:
            answered.set()

    def _send(self, outbound: Outbound) -> None:
        if not self.connected:
            raise BrokerAway
        self._outgoing.put_nowait(outbound)


def _keep(kept: "OrderedDict[str, Any]", key: str, value: object) -> None:
    kept[key] = value
    while len(kept) > KEPT:
        kept.popitem(last=False)
