"""Real sources, read as they are: pictures in a directory, the sample scene, video files, streams and snapshots."""

import base64
import hashlib
import itertools
import re
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
import pytest

from doorbus.runtime.clock import SystemClock
from doorbus.testing import FakeClock
from doorbus_capture.imaging import encode_jpeg, thumbnail
from doorbus_capture.sampling import Rules, motion
from doorbus_capture.sources.address import parse
from doorbus_capture.sources.directory import DirectorySource
from doorbus_capture.sources.factory import Options, maker
from doorbus_capture.sources.fakes import FakeSource, plain
from doorbus_capture.sources.sample import SCENES, SampleSource, empty_room
from doorbus_capture.sources.snapshot import SnapshotSource
from doorbus_capture.sources.source import PictureMissed, Source, SourceEnded, SourceError
from doorbus_capture.sources.video import CameraSource, FileSource
from support.cameras import Answer, send, web_camera

OPTIONS = Options(samples=Path("nowhere"), timeout_seconds=2.0)


def made(text: str, options: Options = OPTIONS) -> Source:
    make = maker(parse(text), options, SystemClock())
    assert make is not None
    return make()


def level(source: Source) -> int:
    """Mean grey level of the next picture."""
    return round(float(source.read().image.mean()))


# --- from the setting to the source


def test_no_camera_at_all_is_a_choice() -> None:
    assert maker(parse("none"), OPTIONS, SystemClock()) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sample", SampleSource),
        ("0", CameraSource),
        ("/dev/video1", CameraSource),
        ("rtsp://cam/live", CameraSource),
        ("http://cam/snap.jpg", SnapshotSource),
        ("clip.mp4", FileSource),
        ("alice.jpg", DirectorySource),
        (".", DirectorySource),
    ],
)
def test_each_setting_gets_the_source_that_can_read_it(text: str, kind: type) -> None:
    assert type(made(text)) is kind


# --- rules that all sources keep


@pytest.mark.parametrize("text", ["sample", "0", "rtsp://cam/live", "clip.mp4", "."])
def test_reading_what_is_not_open_is_an_error_and_closing_it_is_not(text: str) -> None:
    source = made(text)
    with pytest.raises(SourceError):
        source.read()
    source.close()
    source.close()


def test_the_fake_keeps_the_rules_too() -> None:
    source = FakeSource([plain(1)], SystemClock())
    with pytest.raises(SourceError):
        source.read()
    source.open()
    assert level(source) == 1
    source.close()
    source.close()
    with pytest.raises(SourceError):
        source.read()
    assert source.history == ["read", "open", "read", "close", "close", "read"]


# --- a directory


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name, grey in (("b.jpg", 80), ("a.png", 20), ("c.JPG", 140)):
        _, content = cv2.imencode(Path(name).suffix.lower(), plain(grey))
        (tmp_path / name).write_bytes(content.tobytes())
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_directory_is_shown_in_the_order_of_names_again_and_again(album: Path) -> None:
    clock = FakeClock()
    source = DirectorySource(album, clock, seconds=2.0, loop=True)
    source.open()
    seen = []
    for _ in range(8):
        seen.append(level(source))
        clock.advance(1.0)
    assert seen == [20, 20, 80, 80, 140, 140, 20, 20]
    assert source.read().captured_at == clock.now()


def test_a_directory_ends_if_it_is_to_end(album: Path) -> None:
    clock = FakeClock()
    source = DirectorySource(album, clock, seconds=2.0, loop=False)
    source.open()
    clock.advance(5.9)
    assert level(source) == 140
    clock.advance(0.2)
    with pytest.raises(SourceEnded, match="DOORBUS_CAPTURE__LOOP"):
        source.read()


def test_a_single_picture_is_shown_for_ever(album: Path) -> None:
    source = made(str(album / "b.jpg"))
    source.open()
    assert [level(source) for _ in range(3)] == [80, 80, 80]


def test_a_directory_without_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no picture"):
        made(str(tmp_path)).open()


@pytest.mark.parametrize("loop", [True, False])
def test_one_bad_file_of_a_directory_is_named_once_and_left_out(album: Path, *, loop: bool) -> None:
    (album / "aa.jpg").write_text("no picture")
    (album / "d.jpg").mkdir()
    clock = FakeClock()
    source = DirectorySource(album, clock, seconds=2.0, loop=loop)
    source.open()
    seen: list[object] = []
    for _ in range(10):
        try:
            seen.append(level(source))
        except PictureMissed as missed:
            seen.append(str(missed).partition(" ")[0])
        except SourceEnded:
            seen.append("end")
        clock.advance(1.0)
    after = [20, 80, 80] if loop else ["end", "end", "end"]
    assert seen == [20, 20, "aa.jpg", 80, 140, 140, "d.jpg", *after]


def test_a_file_that_only_looks_like_a_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    source = made(str(tmp_path))
    source.open()
    with pytest.raises(SourceError, match=r"a\.jpg is no picture"):
        source.read()


# --- the sample scene


def test_the_sample_scene_shows_nobody_two_strangers_and_a_resident_in_a_loop(samples: Path) -> None:
    clock = FakeClock()
    source = SampleSource(samples, clock)
    source.open()
    shots = []
    for _ in range(150):
        shots.append(source.read())
        clock.advance(0.1)
    labels = [label for label, _ in itertools.groupby(shot.label for shot in shots)]
    assert labels == ["empty", "astronaut", "biden", "obama2", "obama3", "empty"]
    assert {shot.image.shape for shot in shots} == {(480, 640, 3)}


def test_the_sample_scene_moves_enough_for_the_motion_gate(samples: Path) -> None:
    clock = FakeClock()
    source = SampleSource(samples, clock)
    source.open()
    for scene in SCENES:
        looks = []
        for _ in range(5):
            looks.append(thumbnail(source.read().image))
            clock.advance(0.5)
        assert max(motion(looks[0], look) for look in looks[1:]) > Rules().motion_threshold, scene.label


def test_no_two_pictures_of_the_sample_scene_are_equal_as_of_a_real_camera(samples: Path) -> None:
    source = SampleSource(samples, FakeClock(), scene_seconds=1e9)
    source.open()
    shots = [source.read().image for _ in range(20)]
    assert len({encode_jpeg(shot, 88) for shot in shots}) == len(shots)
    assert np.abs(shots[0].astype(int) - shots[1]).max() <= 4


def test_the_sample_scene_without_its_pictures_names_the_command_that_fetches_them(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"astronaut\.png: missing; fetch it with: .*doorbus\.assets"):
        SampleSource(tmp_path, FakeClock()).open()


def test_the_empty_room_is_larger_than_the_view_so_that_it_can_sway() -> None:
    height, width = empty_room().shape[:2]
    assert width > 640
    assert height > 480


# --- video files


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds at 10 fps, each picture 10 levels brighter."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (320, 240))
    for grey in range(0, 200, 10):
        writer.write(plain(grey, 320, 240))
    writer.release()
    return path


def test_a_video_file_plays_at_its_own_speed(clip: Path) -> None:
    clock = FakeClock()
    source = FileSource(clip, clock, loop=True)
    source.open()
    seen = []
    for _ in range(3):
        clock.advance(0.5)
        seen.append(level(source))
    assert np.allclose(np.diff(seen), 50, atol=3)
    source.close()


def test_a_video_file_begins_again_at_its_end(clip: Path) -> None:
    clock = FakeClock()
    source = FileSource(clip, clock, loop=True)
    source.open()
    clock.advance(1.95)
    last = level(source)
    clock.advance(0.1)
    assert level(source) < 20 < last
    source.close()


def test_a_video_file_ends_if_it_is_to_end(clip: Path) -> None:
    clock = FakeClock()
    source = FileSource(clip, clock, loop=False)
    source.open()
    clock.advance(2.5)
    with pytest.raises(SourceEnded, match="has ended"):
        source.read()
    source.close()


def test_a_file_that_is_missing_or_no_video_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        made(str(tmp_path / "missing.mp4")).open()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(SourceError, match="is it a video file"):
        made(str(tmp_path / "text.mp4")).open()


def test_a_device_that_is_not_there_says_so() -> None:
    with pytest.raises(SourceError, match="is it plugged in"):
        made("97").open()


# --- cameras in the network


def test_a_snapshot_camera_gives_a_picture_for_each_request() -> None:
    greys = itertools.count(50, 50)
    with web_camera(lambda request: send(request, encode_jpeg(plain(next(greys)), 95))) as host:
        source = made(f"http://{host}/snap.jpg")
        source.open()
        assert [level(source), level(source)] == [50, 100]
        source.close()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda request: request.send_error(404), "HTTP status 404"),
        (lambda request: request.send_error(401), "HTTP status 401; are user and password right"),
        (lambda request: request.send_error(503), "HTTP status 503"),
        (lambda request: send(request, b"<html>log in</html>", "text/html"), "19 bytes of text/html"),
        (lambda request: send(request, encode_jpeg(plain(9), 90)[:50]), "no picture, but 50 bytes"),
        (lambda request: send(request, b""), "no picture, but 0 bytes"),
        (lambda request: request.wfile.write(b"SSH-2.0-x\r\n"), "does not speak HTTP"),
        (lambda request: send(request, bytes(9_000_000)), "more than 8388608 bytes"),
    ],
)
def test_a_snapshot_camera_that_answers_wrongly_is_a_problem_in_words(answer: Answer, complaint: str) -> None:
    with web_camera(answer) as host:
        source = made(f"snapshot+http://bob:hunter2@{host}/cgi?token=hunter2")
        with pytest.raises(SourceError, match=complaint) as error:
            source.read()
        assert "hunter2" not in str(error.value)


def test_a_snapshot_camera_that_hangs_is_given_up() -> None:
    released = threading.Event()
    with web_camera(lambda _: (released.wait(), None)[1]) as host:
        source = SnapshotSource(f"http://{host}/", SystemClock(), timeout_seconds=0.1)
        with pytest.raises(SourceError, match=r"within 0\.1 s|in time"):
            source.read()
        released.set()


def test_a_snapshot_camera_that_drips_is_given_up_too() -> None:
    released = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not released.wait(0.02):
            request.wfile.write(b"\xff")

    with web_camera(drip) as host:
        source = SnapshotSource(f"http://{host}/", SystemClock(), timeout_seconds=0.2)
        with pytest.raises(SourceError, match=r"no whole picture within 0\.2 s"):
            source.read()
        released.set()


def test_a_snapshot_camera_that_is_not_there_says_so() -> None:
    with web_camera(lambda request: send(request, b"")) as host:
        pass
    with pytest.raises(SourceError, match="cannot be reached: Connection refused"):
        made(f"snapshot+http://{host}/").read()


def asks_for_basic(request: BaseHTTPRequestHandler) -> None:
    expected = "Basic " + base64.b64encode(b"bob:p@ss/word").decode()
    if request.headers["Authorization"] != expected:
        request.send_response(401)
        request.send_header("WWW-Authenticate", 'Basic realm="camera"')
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    send(request, encode_jpeg(plain(77), 95))


def asks_for_digest(request: BaseHTTPRequestHandler) -> None:
    """RFC 2617, with qop=auth."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    given = dict(re.findall(r'(\w+)="?([^",]+)', request.headers["Authorization"] or ""))
    secret, what = md5("bob:camera:p@ss/word"), md5(f"GET:{request.path}")
    proof = md5(f"{secret}:once:{given.get('nc')}:{given.get('cnonce')}:auth:{what}")
    if given.get("response") != proof:
        request.send_response(401)
        request.send_header("WWW-Authenticate", 'Digest realm="camera", nonce="once", qop="auth"')
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    send(request, encode_jpeg(plain(77), 95))


@pytest.mark.parametrize("answer", [asks_for_basic, asks_for_digest])
def test_a_snapshot_camera_gets_the_user_and_password_of_its_url(answer: Answer) -> None:
    with web_camera(answer) as host:
        assert level(made(f"http://bob:p%40ss%2Fword@{host}/snap.jpg")) == 77
        with pytest.raises(SourceError, match="are user and password right"):
            made(f"http://bob:wrong@{host}/snap.jpg").read()


def test_an_mjpeg_stream_is_played() -> None:
    stop = threading.Event()

    def stream(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        for grey in itertools.count(0, 2):
            jpeg = encode_jpeg(plain(grey % 256, 160, 120), 95)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            request.wfile.write(head.encode() + jpeg + b"\r\n")
            if stop.wait(0.02):
                return

    with web_camera(stream) as host:
        source = made(f"http://{host}/stream")
        source.open()
        first = source.read()
        assert source.skip()
        later = source.read()
        assert first.image.shape == (120, 160, 3)
        assert later.image.mean() > first.image.mean() + 2
        assert later.captured_at > first.captured_at
        source.close()
        stop.set()


def test_a_stream_that_stops_is_an_error_and_no_end() -> None:
    def stream(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        jpeg = encode_jpeg(plain(90, 160, 120), 95)
        for _ in range(10):
            request.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n")

    with web_camera(stream) as host:
        source = made(f"http://{host}/stream")
        source.open()
        with pytest.raises(SourceError, match="stopped sending") as error:  # noqa: PT012  # after some pictures
            while True:
                source.read()
        assert not isinstance(error.value, SourceEnded)
        source.close()


def test_a_stream_that_is_not_there_says_so_without_its_password(capfd: pytest.CaptureFixture[str]) -> None:
    with web_camera(lambda request: request.send_error(404)) as host:
        source = made(f"http://bob:hunter2@{host}/stream?token=hunter2")
        with pytest.raises(SourceError, match="is the camera reachable") as error:
            source.open()
    printed = capfd.readouterr()
    assert "hunter2" not in printed.out + printed.err + str(error.value)
