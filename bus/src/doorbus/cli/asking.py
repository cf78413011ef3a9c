"""Questions to a service, several under way at once, each with the answer to that very one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar
from uuid import uuid4

from doorbus.cli.common import ExitStatus, here
from doorbus.runtime.client import Client
from doorbus.wire.channels import RESULT_REPLY, Channel
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Fault, Message, Result
from doorbus.wire.packet import ConnectionLost

M = TypeVar("M")


class Unanswered(Exception):  # noqa: N818  # an outcome that is told
    """Nobody answered, or the answer was no; the text says so."""

    def __init__(self, text: str, status: ExitStatus) -> None:
        super().__init__(text)
        self.status = status


class Answer(Protocol):
    """What may be a no."""

    @property
    def error(self) -> Fault | None:
        """Why it is a no."""
        ...


class Page(Answer, Protocol):
    """A piece of an answer."""

    @property
    def next(self) -> str | None:
        """Behind whom the next piece begins; None in the last one."""
        ...


A = TypeVar("A", bound=Answer)
P = TypeVar("P", bound=Page)


class Asker(Generic[M]):
    """Asks, and knows the answer by response topic and correlation data."""

    def __init__(self, client: Client, reply: Channel[M], token: str) -> None:
        self._client = client
        self._reply = reply
        self._token = token
        self._waiting: dict[bytes, asyncio.Future[M]] = {}

    async def ask(self, channel: Channel[Any], message: Message, ids: Mapping[str, str], timeout: float) -> M | None:  # noqa: ASYNC109
        """The answer; None when nobody gave one within `timeout` seconds. Raises `ConnectionLost`."""
        correlation = uuid4().bytes
        answer: asyncio.Future[M] = asyncio.get_running_loop().create_future()
        self._waiting[correlation] = answer
        try:
            await self._client.send(Outbound(channel, message, ids, correlation, (self._reply, {"token": self._token})))
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._waiting[correlation]

    async def listen(self) -> None:
        """Hand answers to those who wait for them, until the connection is lost."""
        try:
            while True:
                event = await self._client.expect(self._reply, token=self._token)
                answer = self._waiting.get(event.packet.correlation or b"")
                if answer is not None and not answer.done():
                    answer.set_result(event.message)
        except ConnectionLost as lost:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(lost)


@asynccontextmanager
async def asking(client: Client, reply: Channel[M]) -> AsyncIterator[Asker[M]]:
    """Listen on a response topic of our own, and to nothing else meanwhile."""
    token = uuid4().hex
    asker = Asker(client, reply, token)
    await client.listen(reply, token=token)
    listening = asyncio.create_task(asker.listen())
    try:
        yield asker
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


@asynccontextmanager
async def asking_the_enroller(client: Client) -> AsyncIterator[Asker[Result]]:
    """For requests that are answered with a `Result`."""
    async with asking(client, RESULT_REPLY) as asker:
        yield asker


async def answered(asker: Asker[A], channel: Channel[Any], asked: Message, timeout: float, silence: str) -> A:  # noqa: ASYNC109
    """The answer that is no no. Raises `Unanswered`, for want of one with `silence`, which has a place for seconds."""
    answer = await asker.ask(channel, asked, {}, timeout)
    if answer is None:
        raise Unanswered(here(silence.format(timeout)), ExitStatus.NO_ANSWER)
    if answer.error:
        raise Unanswered(f"{answer.error.code}: {answer.error.message}", ExitStatus.REFUSED)
    return answer


async def pages(
    asker: Asker[P],
    channel: Channel[Any],
    asked: Message,
    timeout: float,  # noqa: ASYNC109
    silence: str,
) -> AsyncIterator[P]:
    """All pieces of an answer, each asked for by the `after` of the request. Raises `Unanswered`, as `answered`."""
    while True:
        page = await answered(asker, channel, asked, timeout, silence)
        yield page
        if page.next is None:
            return
        asked = asked.model_copy(update={"after": page.next})
