"""The actuator's side of the guardian: starts or finds it, gives it orders, watches it, and locks when it is away."""

import asyncio
import itertools
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from doorbus_actuator import early
from doorbus_actuator.bolt import Report
from doorbus_actuator.guardian import SECRET, UNASKED
from doorbus_actuator.hiring import command
from doorbus_actuator.relay import RelayError
from doorbus_actuator.seat import door_at

_log = structlog.get_logger("doorbus.actuator")

BEAT_SECONDS = 0.1
"""How often the guardian gets a sign of life and gives one."""
ANSWER_SECONDS = 0.4
"""A guardian that takes longer to answer is killed, and another put in its place."""
START_SECONDS = 10.0
"""A new guardian has locked within this time, or yet another is started."""
RETRY_SECONDS = 1.0
"""Time between two tries to start a guardian."""
HERE_SECONDS = 0.1
"""So long the next guardian waits for the actuator itself to de-energise."""
END_SECONDS = 1.0
"""A guardian that is no longer needed has locked and ended within this time, or is killed.

To these comes what a lock that is not on a wire may take to obey.
"""


class Guarded:
    """A relay in the hands of a process of its own; `given` says which relay (`doorbus_actuator.factory`).

    That process is a child, and another one takes its place when it dies or hangs; or, where `path` is given, one that
    listens there and is started by others. While that is away the relay is let go, once, by a child.
    """

    def __init__(self, given: Mapping[str, Any], path: Path | None = None, secret: str | None = None) -> None:
        self._path = path
        self._door: str | None = given.get("door")
        self._patience = ANSWER_SECONDS + given.get("slow", 0.0)
        self._environment = {} if secret is None else {SECRET: secret}
        self._let_go = False
        self._lost = False
        self._started = False
        self._given = json.dumps(given)
        self._tell: Callable[[Report], None] = lambda _: None
        self._line: _Line | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._killed: list[subprocess.Popen[bytes]] = []
        self._news = asyncio.Event()

    async def start(self, tell: Callable[[Report], None]) -> None:
        """Start a guardian; when this returns it has locked, or was told why not."""
        self._tell = tell
        self._started = True
        with suppress(RelayError):  # `watch` tries again
            await self._hire()

    async def hold(self, seconds: float) -> None:
        """Energise for so long."""
        report = await self._ask(f"hold {seconds}")
        if not report.energised:
            raise RelayError(report.fault or "the guardian let go at once")

    async def lock(self) -> None:
        """De-energise."""
        report = await self._ask("lock")
        if report.fault is not None:
            raise RelayError(report.fault)

    async def watch(self) -> AsyncIterator[None]:
        """Give the guardian signs of life, and see that there is one."""
        while True:
            patience = await self._attend()
            yield
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._news.wait()
            yield

    async def close(self) -> None:
        """De-energise, and see the guardian off; if it does not answer, another one locks in its place."""
        if self._started:
            with suppress(RelayError):
                await self._ask("lock")
            if self._line is None:
                with suppress(RelayError):
                    await self._hire()
        if self._line is not None:
            line, self._line = self._line, None
            await self._dismiss(line)
        self._kill()
        for process in self._killed:
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)

    async def _attend(self) -> float:
        """A sign of life to the guardian, or a new guardian; seconds until the next."""
        if self._line is not None:
            with suppress(RelayError):
                await self._ask("beat")
                return BEAT_SECONDS
            return 0.0
        with suppress(RelayError):
            await self._hire()
            return BEAT_SECONDS
        return RETRY_SECONDS

    async def _ask(self, order: str) -> Report:
        """Give an order; the answer. Raises `RelayError` when there is none, and then there is no guardian either."""
        line = self._line
        if line is None:
            raise RelayError("the relay has no guardian at the moment")
        return await self._in_time(line, line.order(order), self._patience, "answered")

    async def _hire(self) -> None:
        """Put a guardian in the place of the one before, which has locked when this returns. Raises `RelayError`."""
        if self._lost:
            self._lost = False
            await self._let_go_here()
        if self._path is None:
            line = _Line(self._hear, self._lose)
            await self._start_one(line)
            self._line = line
            return
        try:
            self._line = await self._find_one(self._path)
        except RelayError:
            if not self._let_go:
                await self._let_go_of_it()
            raise
        self._let_go = False

    async def _let_go_here(self) -> None:
        """De-energise a relay on a wire in this process: to start another takes seconds on a small or busy machine."""
        acting = threading.Thread(
            target=self._act, daemon=True
        )  # a thread, because what the guardian hung on hangs here
        acting.start()
        until = time.monotonic() + HERE_SECONDS
        while acting.is_alive() and time.monotonic() < until:  # noqa: ASYNC110  # a thread that nothing else waits for
            await asyncio.sleep(0.001)

    def _act(self) -> None:
        with suppress(RelayError):  # the next guardian says so
            early.let_go(json.loads(self._given))

    async def _start_one(self, line: "_Line") -> Report:
        self._kill()
        self._killed = [process for process in self._killed if process.poll() is None]
        try:
            await self._launch(line)
        except OSError as error:
            why = f"no guardian can be started for the relay: {error.strerror}"
            self._lose(line, why)
            raise RelayError(why) from None
        return await self._in_time(line, line.first, START_SECONDS + self._patience, "locked")

    async def _find_one(self, path: Path) -> "_Line":
        line = _Line(self._hear, self._lose)
        if (other := door_at(path)) not in {None, self._door}:
            why = f"the guardian at DOORBUS_ACTUATOR__GUARDIAN={path} is of door {other}; {self._door} needs its own"
            self._lose(line, why)
            raise RelayError(why)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await asyncio.get_running_loop().create_unix_connection(lambda: line, str(path))
        except OSError as error:
            why = f"no guardian at DOORBUS_ACTUATOR__GUARDIAN={path} ({error.strerror or 'no answer'}); does it run?"
            self._lose(line, why)
            raise RelayError(why) from None
        await self._in_time(line, line.first, self._patience, "locked")
        return line

    async def _let_go_of_it(self) -> None:
        """De-energise by a child: the guardian that is away may have been killed while the door was open."""
        line = _Line(lambda _: None, lambda lost, why: lost.abort(why))
        report = await self._start_one(line)
        await self._dismiss(line)
        self._let_go = report.fault is None

    async def _dismiss(self, line: "_Line") -> None:
        line.dismiss()
        await asyncio.wait([line.gone], timeout=END_SECONDS + self._patience)
        self._kill()

    async def _launch(self, line: "_Line") -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            words, environment = command(self._given)
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603  # asyncio has a thread wait for each; our own words
                words,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={**os.environ, **environment, **self._environment},
                start_new_session=True,  # what is sent to all processes of a terminal or supervisor is not for it
            )
            await asyncio.get_running_loop().create_unix_connection(lambda: line, sock=ours.dup())

    async def _in_time(self, line: "_Line", report: asyncio.Future[Report], seconds: float, done: str) -> Report:
        # Not asyncio.timeout: when this loop stood still, what has arrived meanwhile is in time.
        await asyncio.wait([report], timeout=seconds)
        if not report.done():
            self._lose(line, f"the relay's guardian has not {done} within {seconds:g} s")
        return report.result()

    def _hear(self, report: Report) -> None:
        self._tell(report)
        self._news.set()

    def _lose(self, line: "_Line", why: str) -> None:
        """Be without the guardian at the other end of `line`."""
        line.abort(why)
        self._kill()
        if self._line is line:
            self._line, self._lost = None, True
        self._hear(Report(energised=False, fault=why))

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()  # SIGKILL: one that was stopped obeys nothing else
            self._killed.append(self._process)
            self._process = None


class _Line(asyncio.Protocol):
    """The line to one guardian: reports go to `hear` as they come, and to `lost` that there will be no more."""

    def __init__(self, hear: Callable[[Report], None], lost: Callable[["_Line", str], None]) -> None:
        self._hear = hear
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._numbers = itertools.count(1)
        self._rest = b""
        self._over = False
        self.first: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        """What the relay is when the guardian has begun."""
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """The guardian has ended."""
        self._answers = {UNASKED: self.first}

    def order(self, order: str) -> asyncio.Future[Report]:
        """Give an order. The answer raises `RelayError` when the guardian is lost meanwhile."""
        number = str(next(self._numbers))
        answer: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        assert self._transport is not None
        self._transport.write(f"{number} {order}\n".encode())
        return answer

    def dismiss(self) -> None:
        """Let the guardian lock and end."""
        self._over = True
        assert self._transport is not None
        self._transport.write_eof()

    def abort(self, why: str) -> None:
        """Want no more of the guardian; who waits for an answer is told why there is none."""
        self._over = True
        if self._transport is not None:
            self._transport.abort()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(RelayError(why))
                answer.exception()  # nobody need look at it
        self._answers.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        self.gone.set_result(None)
        if not self._over:
            self._lost(self, "the relay's guardian has ended")

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self._over:
                self._read(*line.decode(errors="replace").split(" ", 2))

    def _read(self, number: str, word: str, rest: str = "") -> None:
        if word == "note":
            _log.warning("relay_note", note=rest)
            return
        report = Report(energised=word == "on", fault=None if word in ("on", "off") else rest)
        self._hear(report)
        answer = self._answers.pop(number, None)
        if answer is not None and not answer.done():
            answer.set_result(report)
