"""The capture service with a port that takes pictures by HTTP, on a bus in memory; its senders are real."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from doorbus.local.stack import free_port
from doorbus.runtime.errors import SetupError
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import DEFAULT_ROOT
from doorbus.wire.messages import Health
from doorbus.wire.packet import Filter, Packet
from doorbus_capture.imaging import decode, encode_jpeg
from doorbus_capture.service import CaptureService
from doorbus_capture.settings import Capture
from doorbus_capture.sources.factory import listener
from doorbus_capture.webhook import MOST_SENDERS
from support.capture import Listener, picture
from support.jpegs import refining

TOKEN = "5f1c-a_secret.for~tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIMIT = channels.FRAME.max_bytes
PATIENCE = 10.0
HEAD = f"POST /{TOKEN} HTTP/1.1\r\nHost: door\r\n".encode()


def posted(jpeg: bytes, *, head: bytes = HEAD) -> bytes:
    """A whole request."""
    return head + b"Content-Length: %d\r\n\r\n" % len(jpeg) + jpeg


def as_sent_on(jpeg: bytes) -> bytes:
    """What the bridge makes of a picture that needs no scaling."""
    image = decode(jpeg)
    return encode_jpeg(image, Capture().jpeg_quality)


@dataclass
class Line:
    """A connection whose bytes a test writes itself."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> int:
        """Status of the next answer, whose head is read."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])

    async def ended(self) -> bytes:
        """What comes until the other side closes or cuts the connection."""
        heard = bytearray()
        try:
            while piece := await self.reader.read(65536):
                heard += piece
        except ConnectionError:
            pass
        return bytes(heard)


class Porch(Listener):
    """Somebody who posts pictures, and hears frames and health."""

    def __init__(self, port: int, clock: FakeClock) -> None:
        self.port = port
        super().__init__(clock)
        self._lines: list[Line] = []

    async def refused(self, reason: str, count: int = 1) -> Health:
        """The health that tells of so many such refusals."""
        while (health := await self.healths.get()).refused.get(f"bridge.{reason}") != count:
            pass
        return health

    async def post(
        self, body: bytes | list[bytes], headers: Mapping[str, str] = BEARER, path: str = "/", method: str = "POST"
    ) -> int:
        """Send by Python's own client; the status of the answer. A list of bytes goes in chunks."""

        def send() -> int:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                connection.request(method, path, iter(body) if isinstance(body, list) else body, dict(headers))
                return connection.getresponse().status
            finally:
                connection.close()

        return await asyncio.to_thread(send)

    async def line(self) -> Line:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        self._lines.append(line)
        return line

    async def hang_up(self) -> None:
        for line in self._lines:
            line.writer.transport.abort()
        await asyncio.gather(*(line.writer.wait_closed() for line in self._lines), return_exceptions=True)


def service_at(port: int, clock: FakeClock, **settings: object) -> CaptureService:
    values = {"source": f"webhook:{port}", "webhook_token": TOKEN, "timeout_seconds": PATIENCE} | settings
    capture = Capture.model_validate(values)
    return CaptureService(capture, None, clock, "r1", listener(capture.listening, clock))


@asynccontextmanager
async def porch(**settings: object) -> AsyncIterator[Porch]:
    bus, clock, port = MemoryBus(), FakeClock(), free_port()
    watcher = Porch(port, clock)
    async with bus.connect(client_id="watcher", will=None, deliver=watcher.deliver) as connection:
        await connection.subscribe([Filter(f"{DEFAULT_ROOT}/#")])
        try:
            async with asyncio.timeout(40), running(service_at(port, clock, **settings), bus, clock):
                yield watcher
        finally:
            await watcher.hang_up()


async def test_each_picture_becomes_a_frame_of_now() -> None:
    async with porch() as one:
        for number, level in enumerate((50, 150)):
            assert await one.post(picture(level)) == 204
            frame = await one.frame()
            assert (frame.frame_id, frame.seq) == (f"porch-r1-{number}", number)
            assert frame.captured_at == one.clock.now()
            assert frame.jpeg == as_sent_on(picture(level))
            one.clock.advance(1)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", f"/{TOKEN}", {}),
        ("PUT", f"/{TOKEN}?event=motion", {"Content-Type": "image/jpeg"}),
        ("PUT", "/porch.jpg", BEARER),
    ],
)
async def test_cameras_that_know_but_an_address_are_heard_too(
    method: str, path: str, headers: Mapping[str, str]
) -> None:
    async with porch() as one:
        assert await one.post(picture(50), headers, path, method) == 204
        assert (await one.frame()).jpeg == as_sent_on(picture(50))


async def test_the_picture_in_a_form_is_taken() -> None:
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="MoveDetection.xml"\r\nContent-Type: application/xml\r\n\r\n'
        b"<EventNotificationAlert/>\r\n"
        b'--edge\r\nContent-Disposition: form-data; name="VMDImage"; filename="VMDImage.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + picture(50) + b"\r\n--edge--\r\n"
    )
    async with porch() as one:
        headers = {"Content-Type": "multipart/form-data; boundary=edge"}
        assert await one.post(body, headers, f"/{TOKEN}") == 204
        assert (await one.frame()).jpeg == as_sent_on(picture(50))


async def test_a_picture_in_chunks_is_taken() -> None:
    jpeg = picture(50)
    async with porch() as one:
        assert await one.post([jpeg[:10], jpeg[10:500], jpeg[500:]]) == 204
        assert (await one.frame()).jpeg == as_sent_on(jpeg)


async def test_a_picture_of_the_largest_size_is_taken() -> None:
    async with porch() as one:
        jpeg = picture(50)
        assert await one.post(jpeg + bytes(LIMIT - len(jpeg))) == 204
        assert (await one.frame()).seq == 0


async def test_what_the_settings_say_of_a_camera_holds_here_too() -> None:
    async with porch(rotate=90, width=64, height=64) as one:
        await one.post(picture(50))
        image = decode((await one.frame()).jpeg)
    assert image.shape == (64, 48, 3)


async def test_a_picture_is_as_old_as_its_first_byte_however_long_it_takes() -> None:
    async with porch() as one:
        began = one.clock.now()
        line, request = await one.line(), posted(picture(50), head=HEAD + b"Expect: 100-continue\r\n")
        await line.say(request[: request.index(b"\xff\xd8")])
        assert await line.answer() == 100
        one.clock.advance(PATIENCE - 1)
        await line.say(request[request.index(b"\xff\xd8") :])
        assert await line.answer() == 204
        assert (await one.frame()).captured_at == began


async def test_a_camera_may_keep_its_connection() -> None:
    async with porch() as one:
        line = await one.line()
        for seq in range(3):
            one.clock.advance(PATIENCE - 1)
            await line.say(posted(picture(50 + 50 * seq)))
            assert await line.answer() == 204
            assert (await one.frame()).seq == seq


async def test_a_camera_that_speaks_http_1_0_is_answered_and_hung_up_on() -> None:
    async with porch() as one:
        line = await one.line()
        await line.say(posted(picture(50), head=f"POST /{TOKEN} HTTP/1.0\r\n".encode()))
        assert await line.answer() == 204
        assert await line.ended() == b""
        assert (await one.frame()).seq == 0


async def test_of_pictures_that_come_too_fast_the_newest_wins() -> None:
    async with porch() as one:
        line = await one.line()
        await line.say(b"".join(posted(picture(level)) for level in range(20, 120)))
        for _ in range(100):
            assert await line.answer() == 204
        frames = [await one.frame()]
        while frames[-1].jpeg != as_sent_on(picture(119)):
            frames.append(await one.frame())
        assert len(frames) < 100


@pytest.mark.parametrize(
    ("body", "reason", "status"),
    [
        (b"", "empty", 415),
        (b"\x89PNG\r\n\x1a\n", "not_a_picture", 415),
        (b"\xff\xd8\xff\xe0 no picture at all \xff\xd9", "not_a_picture", 204),
        (picture(50)[:500], "not_a_picture", 204),
        (refining(7000, 7000, 30), "too_much_work", 204),
        (picture(50) + bytes(LIMIT), "too_large", 413),
        ([picture(50), *[bytes(1024 * 1024)] * 9], "too_large", 413),
    ],
)
async def test_what_is_no_picture_is_refused_and_counted_as_on_a_topic(
    body: bytes | list[bytes], reason: str, status: int
) -> None:
    async with porch() as one:
        assert await one.post(body) == status
        await one.refused(reason)
        assert one.frames.empty()
        assert await one.post(picture(50)) == 204
        assert (await one.frame()).seq == 0


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/", {}),
        ("POST", "/", {"Authorization": "Bearer wrong"}),
        ("POST", "/wrong", {}),
        ("GET", "/", {}),
        ("POST", f"/?token={TOKEN}", {}),
    ],
)
async def test_without_the_token_nothing_is_taken(method: str, path: str, headers: Mapping[str, str]) -> None:
    async with porch() as one:
        assert await one.post(picture(50), headers, path, method) == 401
        await one.refused("unauthorized")
        assert one.frames.empty()


async def test_without_the_token_not_even_the_body_is_read() -> None:
    async with porch() as one:
        line = await one.line()
        await line.say(b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 5000000\r\n\r\n")
        assert await line.answer() == 401


async def test_only_post_and_put_with_a_length_are_understood() -> None:
    async with porch() as one:
        assert await one.post(b"", method="GET") == 405
        assert await one.post(b"", method="HEAD") == 405
        line = await one.line()
        await line.say(HEAD + b"\r\n")
        assert await line.answer() == 411
        await one.refused("unexpected", 3)


@pytest.mark.parametrize(
    ("nonsense", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", 400),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
        (HEAD + b"Content-Length: many\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (HEAD + b"X: " + b"x" * 20_000, 431),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nnot a number\r\n", 400),
    ],
)
async def test_what_is_no_http_is_told_so_and_hung_up_on(nonsense: bytes, status: int) -> None:
    async with porch() as one:
        line = await one.line()
        await line.say(nonsense)
        assert await line.answer() == status
        await one.refused("unexpected")
        assert await one.post(picture(50)) == 204


async def test_a_sender_that_goes_in_the_midst_of_a_picture_leaves_a_count_and_no_frame() -> None:
    async with porch() as one:
        line = await one.line()
        await line.say(posted(picture(50))[:-100])
        line.writer.write_eof()
        assert await line.answer() == 400
        await one.refused("truncated")
        assert one.frames.empty()


async def test_a_connection_that_says_nothing_is_cut_off() -> None:
    async with porch() as one:
        line = await one.line()
        await line.say(posted(picture(50)))
        assert await line.answer() == 204
        one.clock.advance(PATIENCE + 1)
        assert await line.ended() == b""
        assert await one.post(picture(150)) == 204


async def test_a_sender_that_takes_too_long_is_cut_off_and_counted() -> None:
    async with porch() as one:
        line = await one.line()
        await line.say(HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
        assert await line.answer() == 100
        for _ in range(11):
            await line.say(b"\xff")
            one.clock.advance(1)
        assert await line.ended() == b""
        await one.refused("truncated")
        assert await one.post(picture(50)) == 204


async def test_a_crowd_of_strangers_keeps_no_camera_out() -> None:
    async with porch() as one:
        camera = await one.line()
        jpeg = picture(50)
        await camera.say(posted(jpeg, head=HEAD + b"Expect: 100-continue\r\n")[: -len(jpeg)])
        assert await camera.answer() == 100
        strangers = [await one.line() for _ in range(3 * MOST_SENDERS)]
        assert await asyncio.gather(*(line.ended() for line in strangers[: 2 * MOST_SENDERS])) == [b""] * 16
        await camera.say(jpeg)
        assert await camera.answer() == 204
        assert await one.post(picture(150)) == 204
        assert [(await one.frame()).seq, (await one.frame()).seq] == [0, 1]


async def test_stalled_senders_with_the_token_keep_no_camera_out() -> None:
    async with porch() as one:
        stalled = []
        for count in range(3 * MOST_SENDERS):
            stalled.append(line := await one.line())
            await line.say(HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
            assert await line.answer() == 100
            assert await one.post(picture(count)) == 204, "the camera makes a connection for each picture"
        assert await asyncio.gather(*(line.ended() for line in stalled[: 2 * MOST_SENDERS])) == [b""] * 16


async def test_a_camera_that_keeps_its_connection_outlasts_those_who_stall() -> None:
    async with porch() as one:
        camera = await one.line()
        for _ in range(2 * MOST_SENDERS):
            await camera.say(posted(picture(50)))
            assert await camera.answer() == 204
            line = await one.line()
            await line.say(HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
            assert await line.answer() == 100


async def test_two_cameras_at_once_are_both_heard() -> None:
    async with porch() as one:
        first, second = await one.line(), await one.line()
        requests = posted(picture(50)), posted(picture(150))
        await first.say(requests[0][:-10])
        await second.say(requests[1])
        assert await second.answer() == 204
        assert (await one.frame()).jpeg == as_sent_on(picture(150))
        await first.say(requests[0][-10:])
        assert await first.answer() == 204
        assert (await one.frame()).jpeg == as_sent_on(picture(50))


async def test_the_token_is_in_no_log_and_in_no_message() -> None:
    with capture_logs() as logs:
        async with porch() as one:
            await one.post(picture(50), {}, f"/{TOKEN}")
            await one.post(b"no picture", BEARER)
            await one.post(b"", {"Authorization": f"Basic {TOKEN}"}, f"/{TOKEN}x")
            line = await one.line()
            await line.say(f"POST /{TOKEN} HTTP/1.1\r\n{TOKEN} {TOKEN}\r\n\r\n".encode())
            assert TOKEN.encode() not in await line.ended()
            health = await one.refused("unexpected")
    told = [entry for entry in logs if entry["event"] == "refused"]
    assert {entry["reason"] for entry in told} == {"not_a_picture", "unauthorized", "unexpected"}
    assert all("127.0.0.1" in entry["detail"] for entry in told)
    assert TOKEN not in str(logs) + health.model_dump_json()


async def test_a_webhook_that_was_never_heard_from_is_a_problem_until_it_is() -> None:
    async with porch(timeout_seconds=5) as one:
        one.clock.advance(6)
        while (health := await one.healths.get()).problem is None:
            pass
        assert health.problem.startswith(f"DOORBUS_CAPTURE__SOURCE=webhook:{one.port}: no picture yet; can the camera")
        assert await one.post(picture(50)) == 204
        while (await one.healths.get()).problem is not None:
            pass


async def test_the_broker_is_not_asked_for_what_comes_to_the_webhook() -> None:
    bus, clock, port = MemoryBus(), FakeClock(), free_port()
    async with asyncio.timeout(20), running(service_at(port, clock), bus, clock):
        assert not any("webhook" in topic for topic in bus.topics())
        bus.publish(Packet("webhook", picture(50)))
    assert not [packet for packet in bus.log if "/frame/" in packet.topic]


async def test_at_its_end_the_port_is_free_at_once_and_nobody_is_waited_for() -> None:
    async with porch() as one:
        line = await one.line()
        await line.say(HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
        assert await line.answer() == 100
        await one.line()
        await one.post(picture(50))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", one.port)
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", one.port)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(("source", "why"), [("webhook:{}", "Address already in use"), ("webhook:192.0.2.1:{}", "")])
async def test_an_address_that_cannot_be_had_is_named_before_anybody_hears_that_it_works(source: str, why: str) -> None:
    bus, clock, port = MemoryBus(), FakeClock(), free_port()
    taken = source.format(port)
    other = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port)
    try:
        with pytest.raises(SetupError, match=f"^DOORBUS_CAPTURE__SOURCE={taken}: {why}.*; give an address"):
            async with asyncio.timeout(20), running(service_at(port, clock, source=taken), bus, clock):
                pass
    finally:
        other.close()
        await other.wait_closed()
    assert not [packet for packet in bus.log if b"online" in packet.payload]
