"""Listens for pictures that come by HTTP. The only user of h11, which knows the protocol.

No sender can hold it up: each has a bounded time for a request, and a bounded number of them is listened to at a time.
The newest counts: when there is one too many, the one goes whose request began longest ago. Strangers go for strangers
only, and those who have shown the token for others who have. Bodies are read only of those.
"""

import asyncio
from datetime import datetime
from http import HTTPStatus

import h11
import structlog

from doorbus.runtime.clock import Clock, Timer
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Intake
from doorbus.wire.messages import utc
from doorbus.wire.packet import Packet
from doorbus_capture.posting import MAX_BYTES, METHODS, Head, Listening, Rejected, admit, check_size, picture

_log = structlog.get_logger("doorbus.capture")

MOST_SENDERS = 8
"""Connections at a time that have shown the token, each with at most `MAX_BYTES`, and as many that have not."""
_PIECE = 64 * 1024
_MOST_HEAD = 16 * 1024
_HEADERS = {
    HTTPStatus.UNAUTHORIZED: [("WWW-Authenticate", "Bearer")],
    HTTPStatus.METHOD_NOT_ALLOWED: [("Allow", ", ".join(METHODS))],
}


class Webhook:
    """Takes pictures at one address, and hands them on as packets of `topic`, dated from when they began to come."""

    def __init__(self, listening: Listening, topic: str, clock: Clock) -> None:
        self._listening = listening
        self._topic = topic
        self._clock = clock
        self._senders: dict[_Sender, asyncio.Task[None]] = {}
        """In the order in which they came, or began their last request with the token."""
        self._server: asyncio.Server | None = None
        self._intake: Intake | None = None

    async def open(self) -> None:
        """Take hold of the address. Raises `OSError` when it cannot be had."""
        host, port = self._listening.host, self._listening.port
        self._server = await asyncio.start_server(self._meet, host, port, limit=_PIECE, start_serving=False)

    async def run(self, intake: Intake) -> None:
        """Let senders in until cancelled. Raises `OSError` when another program was faster."""
        assert self._server is not None, "not open"
        self._intake = intake
        await self._server.start_serving()
        _log.info("listening", address=self._listening.host, port=self._listening.port)
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Let go of the address, and of all who send. Closing twice, or what was never opened, is fine."""
        if self._server is not None:
            self._server.close()
        for sender in self._senders:
            sender.drop()
        await asyncio.gather(*self._senders.values(), return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task, intake = asyncio.current_task(), self._intake
        assert task is not None
        assert intake is not None
        sender = _Sender(reader, writer, self._clock, self._listening.patience_seconds)
        self._senders[sender] = task
        self._keep_the_newest(proven=False)
        try:
            await self._hear(sender, intake)
        except OSError:
            _log.debug("sender_gone", peer=sender.peer)
        finally:
            sender.drop()
            del self._senders[sender]

    def _keep_the_newest(self, *, proven: bool) -> None:
        """Drop the oldest of those who have shown the token, or have not, when there are too many."""
        there = [one for one in self._senders if one.proven is proven and not one.dropped]
        for one in there[:-MOST_SENDERS]:
            one.drop()

    async def _hear(self, sender: "_Sender", intake: Intake) -> None:
        """Take what one sender posts, until it has no more to say or is rejected."""
        another = True
        while another:
            try:
                jpeg = await self._picture(sender)
            except Rejected as rejected:
                intake.refuse(Packet(self._topic), Refused(rejected.reason, f"{rejected.detail}; from {sender.peer}"))
                await sender.answer(rejected.status, rejected.detail)
                break
            if jpeg is None:
                return
            intake.deliver(Packet(self._topic, jpeg, user=(("captured_at", utc(sender.began)),)))
            another = await sender.answer(HTTPStatus.NO_CONTENT)
            await asyncio.sleep(0)  # one who sends without a pause must not keep the others from being heard
        await sender.see_off()

    async def _picture(self, sender: "_Sender") -> bytes | None:
        """The next picture, or None when the sender has closed the connection. Raises `Rejected`."""
        head = await sender.head()
        if head is None:
            return None
        admit(head, self._listening.token)
        sender.proven = True
        self._senders[sender] = self._senders.pop(sender)
        self._keep_the_newest(proven=True)
        try:
            body = await sender.body()
        except OSError:
            raise Rejected(HTTPStatus.REQUEST_TIMEOUT, Refusal.TRUNCATED, "the picture breaks off") from None
        return picture(body, head.content_type)


class _Sender:
    """One connection. Its methods raise `OSError` once it is gone, be it by `drop`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock, patience_seconds: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._patience = patience_seconds
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD)
        self._timer: Timer | None = None
        self._silent = True
        self._method = ""
        self.peer: str = writer.get_extra_info("peername", ("somewhere",))[0]
        self.began: datetime = clock.now()
        """When the first byte of the request came: the picture is at least as old."""
        self.proven = False
        """Whether it has shown the token."""
        self.dropped = False

    def drop(self) -> None:
        """Cut the connection. Dropping twice is fine."""
        self.dropped = True
        if self._timer is not None:
            self._timer.cancel()
        self._writer.transport.abort()

    async def head(self) -> Head | None:
        """The next request, or None when there are no more. Raises `Rejected` when it is not HTTP."""
        self._silent, self.began = True, self._clock.now()
        self._wait_no_longer_than_patience()
        event = await self._next()
        if not isinstance(event, h11.Request):
            return None
        headers = dict(reversed([(name.decode(), value.decode("latin-1")) for name, value in event.headers]))
        length = headers.get("content-length")
        self._method = event.method.decode()
        return Head(
            method=self._method,
            target=event.target.decode("latin-1"),
            authorization=headers.get("authorization", ""),
            content_type=headers.get("content-type", ""),
            content_length=None if length is None else int(length),
            chunked="transfer-encoding" in headers,
        )

    async def body(self) -> bytes:
        """The body of the request. Raises `Rejected` when it is too large or no HTTP."""
        body = bytearray()
        while isinstance(event := await self._next(), h11.Data):
            body += event.data
            check_size(len(body))
        return bytes(body)

    async def answer(self, status: HTTPStatus, text: str = "") -> bool:
        """Answer the request; returns whether another one may follow on this connection."""
        content = f"{text}\n".encode() if text else b""
        headers = [*_HEADERS.get(status, [])]
        if content:
            headers += [("Content-Type", "text/plain"), ("Content-Length", str(len(content))), ("Connection", "close")]
        await self._send(
            h11.Response(status_code=status, reason=status.phrase, headers=headers),
            *([h11.Data(data=content)] if content and self._method != "HEAD" else []),
            h11.EndOfMessage(),
        )
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def see_off(self) -> None:
        """Close, after hearing out what the sender may still be sending: else it would not read the answer."""
        self._wait_no_longer_than_patience()
        self._writer.write_eof()
        left = MAX_BYTES
        while left > 0 and (heard := await self._reader.read(_PIECE)):
            left -= len(heard)

    async def _next(self) -> h11.Event:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:  # its text may quote what was sent
                if self._reader.at_eof():
                    raise Rejected(HTTPStatus.BAD_REQUEST, Refusal.TRUNCATED, "the request breaks off") from None
                status = HTTPStatus(error.error_status_hint)
                raise Rejected(status, Refusal.UNEXPECTED, "no request of HTTP/1.1") from None
            if isinstance(event, h11.Event):
                return event
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[]))
            heard = await self._reader.read(_PIECE)
            if self.dropped:
                raise ConnectionAbortedError
            if self._silent:
                self._silent, self.began = False, self._clock.now()
                self._wait_no_longer_than_patience()
            self._http.receive_data(heard)

    async def _send(self, *events: h11.Event) -> None:
        if self.dropped or self._http.our_state is h11.ERROR:
            raise ConnectionAbortedError
        for event in events:
            self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    def _wait_no_longer_than_patience(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_at(self._clock.monotonic() + self._patience, self.drop)
