"""Streams of JPEGs by HTTP, as cameras send them, odd ones included; and what is said of what is no stream."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.clock import SystemClock
from doorbus_capture.imaging import encode_jpeg
from doorbus_capture.reader import CameraReader
from doorbus_capture.sources.address import parse
from doorbus_capture.sources.factory import Options, maker
from doorbus_capture.sources.fakes import plain
from doorbus_capture.sources.source import PictureMissed, Source, SourceError
from doorbus_capture.sources.splitting import Splitter
from support.cameras import Answer, opened, part, send, web_camera

OPTIONS = Options(samples=Path("nowhere"), timeout_seconds=5.0)
GREYS = range(10, 250, 10)
JPEGS = [encode_jpeg(plain(grey, 160, 120), 95) for grey in GREYS]
MULTIPART = "multipart/x-mixed-replace; boundary=frame"


def streaming(kind: str | None, pieces: Iterable[bytes]) -> Answer:
    """A camera that sends these pieces, again and again, until nobody listens."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if kind is not None:
            request.send_header("Content-Type", kind)
        request.end_headers()
        while True:
            for piece in pieces:
                request.wfile.write(piece)

    return answer


def saying(*lines: bytes) -> Answer:
    """A camera that answers with these bytes and hangs up."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"".join(lines))
        request.close_connection = True

    return answer


def levels(source: Source, count: int = 5) -> set[int]:
    return {round(float(source.read().image.mean())) for _ in range(count)}


def parts(head: str = "Content-Type: image/jpeg\r\nContent-Length: {}\r\n", boundary: str = "frame") -> list[bytes]:
    return [part(jpeg, head, boundary) for jpeg in JPEGS]


def too_long(jpeg: bytes) -> bytes:
    return part(jpeg, f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg) + 700}\r\n")


@pytest.mark.parametrize(
    ("kind", "pieces"),
    [
        (MULTIPART, parts()),
        (MULTIPART, parts("Content-Type: image/jpg\r\nContent-Length: {}\r\n")),
        (MULTIPART, parts("Content-Length: {}\r\n")),
        (MULTIPART, parts("X-Timestamp: 12.5\r\n")),
        (MULTIPART, parts("Content-Type: image/jpeg\r\nContent-Length: 17\r\n")),
        (MULTIPART, [too_long(jpeg) for jpeg in JPEGS]),
        (MULTIPART, parts("Content-Type: image/jpeg\r\nContent-Length: many\r\n")),
        (MULTIPART, [JPEGS[0] + b"\r\n", *parts()]),
        ("multipart/x-mixed-replace; boundary=--frame", parts()),
        ('multipart/x-mixed-replace;boundary="other"', parts()),
        ("multipart/x-mixed-replace", parts()),
        ("multipart/mixed; boundary=frame", parts()),
        ("MULTIPART/X-Mixed-Replace; Boundary=frame", parts()),
        (None, parts()),
        (None, [b"\r\n", *parts()]),
        ("application/octet-stream", parts()),
        ("video/x-motion-jpeg", JPEGS),
        ("image/jpeg", JPEGS),
        (MULTIPART, [b"--frame\n" + b"Content-Type: image/jpeg\n\n" + jpeg + b"\n" for jpeg in JPEGS]),
        (MULTIPART, [b"a note to whoever reads this\r\n" * 300, *parts()]),
    ],
    ids=[
        "as it should be",
        "image/jpg",
        "no type",
        "no length",
        "length too short",
        "length too long",
        "no number as length",
        "boundary after the first part",
        "boundary with its dashes",
        "another boundary",
        "no boundary",
        "multipart/mixed",
        "upper case",
        "no type at all",
        "a line first",
        "octet-stream",
        "bare JPEGs",
        "bare JPEGs as image",
        "line feeds only",
        "a preamble",
    ],
)
def test_whatever_stands_between_them_the_jpegs_of_a_stream_are_played(kind: str | None, pieces: list[bytes]) -> None:
    with web_camera(streaming(kind, pieces)) as host, opened(f"http://{host}/video", OPTIONS) as source:
        assert levels(source) <= set(GREYS)
        assert source.skip()
        assert levels(source) <= set(GREYS)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-type:multipart/x-mixed-replace;boundary=frame\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Type: multipart/x-mixed-replace;boundary=frame\n\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nServer : Camera 1.0\r\nContent-Type : multipart/x-mixed-replace;boundary=frame\r\n\r\n",
    ],
    ids=["1.0", "no phrase", "line feeds", "no headers", "blanks before colons"],
)
def test_cameras_that_take_http_lightly_are_played(head: bytes) -> None:
    with web_camera(saying(head, *parts(), *parts())) as host, opened(f"http://{host}/video", OPTIONS) as source:
        assert levels(source, 1) <= set(GREYS)


def test_a_stream_in_chunks_is_played() -> None:
    def chunked(pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"

    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n"
    with (
        web_camera(saying(head, *chunked(parts()), *chunked(parts()))) as host,
        opened(f"http://{host}/video", OPTIONS) as source,
    ):
        assert levels(source, 1) <= set(GREYS)


def test_each_picture_is_given_as_soon_as_its_last_byte_is_there() -> None:
    more = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", MULTIPART)
        request.end_headers()
        request.wfile.write(part(JPEGS[0])[:-2])  # nothing tells yet that it is over but the picture itself
        more.wait(10)

    with web_camera(answer) as host, opened(f"http://{host}/video", OPTIONS) as source:
        assert levels(source, 1) == {GREYS[0]}
        more.set()


@pytest.mark.parametrize(
    "damaged",
    [part(JPEGS[0][:-200] + b"\xff\xd9"), part(JPEGS[0][:-200]), part(JPEGS[0][:400])],
    ids=["closed again", "broken off", "broken off in its tables"],
)
def test_a_damaged_picture_of_a_stream_is_missed_and_the_next_is_had(damaged: bytes) -> None:
    with (
        web_camera(saying(b"HTTP/1.0 200 OK\r\n\r\n", *parts(), damaged, part(JPEGS[1]), part(JPEGS[2]))) as host,
        opened(f"http://{host}/video", OPTIONS) as source,
    ):
        seen: list[int] = []
        missed = 0
        with pytest.raises(SourceError, match="has stopped sending pictures"):  # noqa: PT012  # after the pictures
            while True:
                try:
                    seen.append(round(float(source.read().image.mean())))
                except PictureMissed:
                    missed += 1
    assert missed <= 1
    assert seen
    assert set(seen) <= set(GREYS)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            lambda request: send(request, JPEGS[0]),
            r"one picture \(image/jpeg\), not with a stream; put snapshot\+ before",
        ),
        (lambda request: send(request, b"\x89PNG", "image/png"), r"one picture \(image/png\).*put snapshot\+ before"),
        (
            lambda request: send(request, b"<html>log in</html>", "text/html"),
            r"a page \(text/html\).*is the path right",
        ),
        (streaming(MULTIPART, [part(bytes(1000))]), r"multipart/x-mixed-replace without JPEGs.*snapshot\+"),
        (lambda request: send(request, b"", MULTIPART), r"without JPEGs.*snapshot\+"),
        (lambda request: request.send_error(503), "HTTP status 503; is the camera reachable"),
        (lambda request: send(request, b"no stream that anybody knows", "video/made-up"), "cannot be opened"),
    ],
    ids=["a JPEG", "a PNG", "a page", "other parts", "nothing", "an error", "made up"],
)
def test_what_is_no_stream_is_told_what_it_is_and_what_to_give_instead(answer: Answer, said: str) -> None:
    with (
        web_camera(answer) as host,
        pytest.raises(SourceError, match=said),
        opened(f"http://{host}/video", OPTIONS) as source,
    ):
        source.read()


def test_what_ffmpeg_says_of_a_film_that_it_cannot_read_reaches_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    half_a_film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(2000)
    with (
        web_camera(lambda request: send(request, half_a_film, "video/mp4")) as host,
        pytest.raises(SourceError, match="cannot be opened"),
        opened(f"http://{host}/film", OPTIONS),
    ):
        pass
    assert "".join(capfd.readouterr()) == ""


def test_a_stream_that_ends_after_one_picture_is_a_snapshot() -> None:
    with (
        web_camera(saying(b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", JPEGS[0])) as host,
        opened(f"http://{host}/video", OPTIONS) as source,
    ):
        assert levels(source, 1) == {GREYS[0]}
        with pytest.raises(SourceError, match=r"one picture.*put snapshot\+ before"):
            source.read()


def test_a_stream_that_drips_is_given_up() -> None:
    released = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", MULTIPART)
        request.end_headers()
        while not released.wait(0.02):
            request.wfile.write(b"\xff")

    with web_camera(drip) as host:
        options = Options(samples=Path("nowhere"), timeout_seconds=0.3)
        make = maker(parse(f"http://{host}/video"), options, SystemClock())
        assert make is not None
        source = make()
        source.open()
        with pytest.raises(SourceError, match=r"no whole picture within 0\.3 s"):
            source.read()
        source.close()
        released.set()


@pytest.mark.parametrize(("end", "code", "kind"), [("avi", "MJPG", "video/x-msvideo"), ("ts", "mp4v", "video/mp2t")])
def test_films_and_other_streams_are_left_to_ffmpeg_with_their_own_pace(
    tmp_path: Path, end: str, code: str, kind: str
) -> None:
    path = tmp_path / f"film.{end}"
    film = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), 10, (160, 120))
    for _ in range(10):
        film.write(np.full((120, 160, 3), 77, np.uint8))
    film.release()
    with (
        web_camera(lambda request: send(request, path.read_bytes(), kind)) as host,
        opened(f"http://{host}/film", OPTIONS) as source,
    ):
        assert abs(float(source.read().image.mean()) - 77) < 3


@pytest.mark.parametrize(
    "bad",
    [
        lambda request: send(request, JPEGS[0][:-200] + b"\xff\xd9"),
        lambda request: send(request, JPEGS[0][:300]),
        lambda request: send(request, b""),
        lambda request: send(request, b"<html>busy</html>", "text/html"),
        lambda request: request.send_error(503),
        lambda request: request.connection.shutdown(socket.SHUT_RDWR),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", JPEGS[0][:400]),
    ],
    ids=["damaged", "cut off", "empty", "a page", "busy", "hangs up", "breaks off"],
)
async def test_one_bad_snapshot_of_four_is_missed_and_counted_and_the_camera_goes_on(bad: Answer) -> None:
    numbers = itertools.count(1)

    def answer(request: BaseHTTPRequestHandler) -> None:
        (bad if next(numbers) % 4 == 0 else lambda one: send(one, JPEGS[5]))(request)

    with web_camera(answer) as host:
        make = maker(parse(f"snapshot+http://{host}/"), OPTIONS, SystemClock())
        assert make is not None
        reader = CameraReader(make, SystemClock())
        reader.pace(100)
        async with asyncio.timeout(20), aclosing(reader.shots()) as shots:
            while reader.missed < 5:
                assert round(float((await anext(shots)).image.mean())) == GREYS[5]
        await reader.close()
    assert reader.reopened == 0


def test_a_snapshot_camera_that_takes_http_lightly_is_understood() -> None:
    head = b"HTTP/1.0 200 OK\r\nServer : Camera 1.0\r\nContent-Type : image/jpeg\r\n\r\n"
    with web_camera(saying(head, JPEGS[3])) as host, opened(f"http://{host}/snap.jpg", OPTIONS) as source:
        assert levels(source, 3) == {GREYS[3]}


def test_a_snapshot_with_a_wrong_length_is_taken_if_it_is_whole() -> None:
    longer = saying(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 99999\r\n\r\n", JPEGS[3])
    with web_camera(longer) as host, opened(f"http://{host}/snap.jpg", OPTIONS) as source:
        assert levels(source, 1) == {GREYS[3]}


def test_a_snapshot_of_a_stream_is_its_first_picture() -> None:
    with web_camera(streaming(MULTIPART, parts())) as host, opened(f"snapshot+http://{host}/video", OPTIONS) as source:
        assert levels(source, 3) == {GREYS[0]}


# --- out of a stream of bytes


@given(st.data())
def test_however_a_stream_is_cut_into_pieces_the_same_pictures_come_out(drawn: st.DataObject) -> None:
    stream = b"".join(parts()[:4])
    cuts = sorted(drawn.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
    pieces = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    splitter = Splitter(1_000_000)

    assert [picture for piece in pieces for picture in splitter.feed(piece)] == JPEGS[:4]
    assert (splitter.begun, splitter.broken) == (4, 0)


@given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from(JPEGS[:3])), max_size=12))
def test_whatever_bytes_come_it_keeps_no_more_than_it_may(pieces: list[bytes]) -> None:
    splitter = Splitter(2000)
    found = [picture for piece in pieces for picture in splitter.feed(piece)]

    assert all(picture.startswith(b"\xff\xd8\xff") and picture.endswith(b"\xff\xd9") for picture in found)
    assert len(found) <= splitter.begun


def test_a_picture_inside_a_picture_is_none_of_its_own() -> None:
    """A thumbnail, as cameras put it into the EXIF data."""
    small = encode_jpeg(plain(5, 16, 16), 80)
    body = b"Exif\0\0" + small
    outer = JPEGS[0][:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + JPEGS[0][2:]

    assert Splitter(1_000_000).feed(part(outer)) == [outer]


def test_a_picture_that_is_larger_than_it_may_be_is_dropped_and_the_next_is_had() -> None:
    splitter = Splitter(len(JPEGS[0]) + 500)
    endless = JPEGS[0][:-2] + bytes(4000)

    assert splitter.feed(endless) == []
    assert splitter.broken == 1
    assert splitter.feed(JPEGS[1]) == [JPEGS[1]]
