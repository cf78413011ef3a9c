"""One rule for every camera that is reached by TLS: whose certificate is believed, and what is told when it is not."""

import socket
import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from doorbus.runtime.clock import SystemClock
from doorbus_capture.imaging import encode_jpeg
from doorbus_capture.settings import Capture
from doorbus_capture.sources.address import parse
from doorbus_capture.sources.factory import maker
from doorbus_capture.sources.fakes import plain
from doorbus_capture.sources.source import Source, SourceError
from support.cameras import opened, part, send, web_camera
from support.certificates import Identity, Shop, self_made

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=10 * 365)
KINDS = ("snap.jpg", "stream", "film.avi", "list.m3u8")
"""A snapshot, MJPEG, and what is left to FFmpeg: a film and HLS."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"), NOW)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of a grey wall, by their ends."""
    folder, films = tmp_path_factory.mktemp("films"), {}
    for end, code in (("avi", "MJPG"), ("ts", "mp4v")):
        path = folder / f"film.{end}"
        film = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), 10, (160, 120))
        for _ in range(30):
            film.write(np.full((120, 160, 3), 77, np.uint8))
        film.release()
        films[end] = path.read_bytes()
    return films


class Camera:
    """A camera behind TLS that knows every kind, and remembers what it was asked for."""

    def __init__(self, films: dict[str, bytes]) -> None:
        self._films = films
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append((request.path, request.headers["Authorization"]))
        jpeg = encode_jpeg(plain(77, 160, 120), 95)
        if request.path == "/snap.jpg":
            send(request, jpeg)
        elif request.path == "/stream":
            request.send_response(200)
            request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            request.end_headers()
            while True:
                request.wfile.write(part(jpeg))
        elif request.path == "/list.m3u8":
            text = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfilm.ts\n#EXT-X-ENDLIST\n"
            send(request, text.encode(), "application/vnd.apple.mpegurl")
        else:
            end = request.path.rpartition(".")[2]
            send(request, self._films[end], {"avi": "video/x-msvideo", "ts": "video/mp2t"}[end])


def trusting(host: str, kind: str, certificate: str) -> AbstractContextManager[Source]:
    settings = Capture(source=f"https://bob:hunter2@{host}/{kind}", certificate=certificate, timeout_seconds=5)
    return opened(settings.source, settings.options(Path("nowhere")))


def plays(camera: Camera, identity: Identity, kind: str, certificate: str, name: str = "localhost") -> bool:
    with web_camera(camera, identity.context()) as host:
        port = host.rpartition(":")[2]
        with trusting(f"{name}:{port}", kind, certificate) as source:
            return abs(float(source.read().image.mean()) - 77) < 3


def complaint(camera: Camera, identity: Identity, kind: str, certificate: str, name: str = "localhost") -> str:
    """Why it does not play; the camera has heard nothing by then, least of all the password."""
    with web_camera(camera, identity.context()) as host:
        port = host.rpartition(":")[2]
        with pytest.raises(SourceError) as error, trusting(f"{name}:{port}", kind, certificate) as source:
            source.read()
    assert camera.asked == []
    assert "hunter2" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_camera_of_an_authority_in_the_file_is_believed(
    shop: Shop, films: dict[str, bytes], kind: str, name: str
) -> None:
    assert plays(Camera(films), shop.camera(), kind, str(shop.file), name)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_word_a_camera_that_nobody_vouches_for_is_not_asked_and_its_fingerprint_is_told(
    shop: Shop, films: dict[str, bytes], kind: str
) -> None:
    identity = shop.camera()

    told = complaint(Camera(films), identity, kind, "")

    assert "its certificate is not trusted" in told
    assert "DOORBUS_CAPTURE__CERTIFICATE" in told
    assert identity.fingerprint in told


@pytest.mark.parametrize("kind", KINDS)
def test_a_camera_of_another_authority_is_not_asked(
    shop: Shop, films: dict[str, bytes], kind: str, tmp_path: Path
) -> None:
    other = Shop(tmp_path, NOW)

    assert "not trusted" in complaint(Camera(films), other.camera(), kind, str(shop.file))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_certificate_of_the_authority_for_another_name_is_not_enough(
    shop: Shop, films: dict[str, bytes], kind: str, name: str
) -> None:
    assert "mismatch" in complaint(Camera(films), shop.camera(["elsewhere.example"]), kind, str(shop.file), name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_is_out_of_date_is_not_enough(shop: Shop, films: dict[str, bytes], kind: str) -> None:
    assert "expired" in complaint(Camera(films), shop.camera(now=LONG_AGO), kind, str(shop.file))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return self_made(tmp_path_factory.mktemp("own"), "IPCAM")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_camera_is_believed_by_the_fingerprint_of_its_own_certificate(
    own: Identity, films: dict[str, bytes], kind: str, name: str
) -> None:
    assert plays(Camera(films), own, kind, own.fingerprint, name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_camera_with_another_certificate_than_the_one_of_the_fingerprint_is_not_asked(
    shop: Shop, own: Identity, films: dict[str, bytes], kind: str
) -> None:
    other = shop.camera()

    told = complaint(Camera(films), other, kind, own.fingerprint)

    assert "another certificate than the one of the fingerprint" in told
    assert other.fingerprint in told


@pytest.mark.parametrize("kind", ["snap.jpg", "stream"])
def test_a_fingerprint_counts_whatever_the_date(shop: Shop, films: dict[str, bytes], kind: str) -> None:
    identity = shop.camera(["elsewhere.example"], now=LONG_AGO)

    assert plays(Camera(films), identity, kind, identity.fingerprint)


def test_where_ffmpeg_plays_the_certificate_of_the_fingerprint_must_be_in_date_and_that_is_told(
    shop: Shop, films: dict[str, bytes]
) -> None:
    identity = shop.camera(now=LONG_AGO)

    with (
        web_camera(Camera(films), identity.context()) as host,
        pytest.raises(SourceError, match="FFmpeg does not take: certificate has expired"),
        trusting(host, "film.avi", identity.fingerprint),
    ):
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_going_without_is_an_explicit_choice(own: Identity, films: dict[str, bytes], kind: str) -> None:
    assert plays(Camera(films), own, kind, "unchecked")


@pytest.mark.parametrize(("certificate", "heard"), [("", []), ("unchecked", [b"OPTIONS rtsps://"])])
def test_the_same_holds_for_rtsps(own: Identity, certificate: str, heard: list[bytes]) -> None:
    told: list[bytes] = []

    def camera(listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with own.context().wrap_socket(plain, server_side=True) as secured:
                    told.append(secured.recv(4096))
            except OSError:
                plain.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=camera, args=(listener,))
        thread.start()
        settings = Capture(source=f"rtsps://127.0.0.1:{listener.getsockname()[1]}/live", certificate=certificate)
        make = maker(parse(settings.source), settings.options(Path("nowhere")), SystemClock())
        assert make is not None
        source = make()
        with pytest.raises(SourceError):
            source.open()
        source.close()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert [each[: len("OPTIONS rtsps://")] for each in told if each] == heard


@pytest.mark.parametrize(
    "text",
    [
        "sha256:" + "ab" * 32,
        "AB:" * 31 + "AB",
        "sha256 Fingerprint=" + "AB:" * 31 + "AB",
        "unchecked",
        "",
    ],
)
def test_a_fingerprint_may_be_written_as_openssl_prints_it(text: str) -> None:
    assert Capture(certificate=text).certificate == text


@pytest.mark.parametrize("text", ["sha256:zz", "sha256:abcd", "AB:CD:EF", "SHA1 Fingerprint=AB:CD", "sha1:00"])
def test_what_is_meant_as_a_fingerprint_and_is_none_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValidationError, match="sha256: and 64 hexadecimal digits"):
        Capture(certificate=text)


@pytest.mark.parametrize("text", ["nowhere.pem", "none", __file__])
def test_what_names_no_certificate_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(ValidationError, match="give a file of authorities, sha256:FINGERPRINT or unchecked"):
        Capture(certificate=text)
