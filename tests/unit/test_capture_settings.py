"""What the settings of the camera accept, and what they never give away."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import load
from doorbus_capture.posting import Listening
from doorbus_capture.settings import Capture, CaptureSettings
from doorbus_capture.sources.address import Kind, parse

TOKEN = "5f1c-a_secret.for~tests"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sample", Kind.SAMPLE),
        (" none ", Kind.NONE),
        ("0", Kind.DEVICE),
        ("/dev/video2", Kind.DEVICE),
        ("clip.mp4", Kind.PATH),
        ("/srv/pictures", Kind.PATH),
        ("rtsp://cam:554/live", Kind.STREAM),
        ("http://cam/stream.mjpg", Kind.STREAM),
        ("http://cam/video?type=.jpg", Kind.STREAM),
        ("http://cam/snap.jpg", Kind.SNAPSHOT),
        ("https://cam/SNAP.JPEG?size=1", Kind.SNAPSHOT),
        ("snapshot+http://cam/cgi-bin/snapshot.cgi", Kind.SNAPSHOT),
        ("rtsp://cam/picture.jpg", Kind.STREAM),
        ("http://[::1]:8080/stream", Kind.STREAM),
        ("webhook:8090", Kind.WEBHOOK),
        ("mqtt:frigate/porch/person/snapshot", Kind.MQTT),
    ],
)
def test_the_kind_of_camera_is_told_by_its_address(text: str, kind: Kind) -> None:
    assert parse(text).kind is kind


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "ftp://cam/x", "snapshot+rtsp://cam/", "http://", "rtsp://cam:99999/", "a\0b"),
        *("webhook:", "webhook:0", "webhook:65536", "webhook:door", "webhook::8090", "webhook:8090/", "webhook: 8090"),
        *("webhook:localhost:8090", "webhook:::1:8090", "webhook:[::1:8090", "webhook:1.2.3:8090", "webhook:\u0663"),
    ],
)
def test_what_is_no_camera_is_refused_before_the_service_starts(text: str) -> None:
    with pytest.raises(ValidationError, match="source"):
        Capture(source=text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:hunter2@cam:554/live", "rtsp://cam:554/live"),
        ("http://cam/snap.jpg?user=admin&pwd=hunter2", "http://cam/snap.jpg?..."),
        ("rtsp://cam/user=admin_password=hunter2_channel=1.sdp", "rtsp://cam/user=..."),
        ("rtsp://cam/token=hunter2/main", "rtsp://cam/token=.../main"),
        ("snapshot+https://admin:hunter2@cam/x", "https://cam/x"),
        ("clip.mp4", "clip.mp4"),
    ],
)
def test_people_see_where_the_camera_is_but_not_its_password(text: str, shown: str) -> None:
    assert parse(text).shown == shown


@given(st.text(st.characters(codec="ascii", exclude_characters="@", min_codepoint=33), min_size=8, max_size=20))
def test_no_password_whatever_its_characters_is_shown(password: str) -> None:
    url = f"rtsp://admin:{password}@camera-0001.example/live"
    try:
        told = parse(url).shown
    except ValueError as error:
        told = str(error)
    assert password not in told


@given(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=8, max_size=20))
def test_whatever_the_password_the_host_is_the_cameras_or_it_is_said_what_to_escape(password: str) -> None:
    url = f"rtsp://admin:{password}@camera-0001.example/live"
    host, told = "camera-0001.example", "%2F"
    try:
        host = urlsplit(parse(url).location).hostname or ""
    except ValueError as error:
        told = str(error)
    assert host == "camera-0001.example"
    assert "%2F" in told
    assert password not in told


@pytest.mark.parametrize(
    "text",
    [
        *(
            "rtsp://admin:1234/5@cam/live",
            "http://admin:/hunter2@cam",
            "rtsp://admin:12#hunter2@cam/",
            "http://u:7?h@cam",
        ),
        *("http://cam:p@hunter2/w#rd@192.0.2.7:8080/digest.jpg", "http://u:p@hunter2/w@cam.example/snap.jpeg"),
    ],
)
def test_a_password_that_makes_the_user_the_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="%2F %3F %23 %40") as refused:
        parse(text)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["admin:hunter2@cam/live", "rtsp:/admin:hunter2@cam", "//admin:hunter2@cam/live"])
def test_a_url_that_lacks_its_beginning_is_no_file_whose_name_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="begin it with rtsp://") as refused:
        parse(text)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        *("http://cam:8080/snap@2x.jpg", "http://cam:80/snap.cgi?user=me@mail.example&pwd=x", "rtsp://cam/Streaming@1"),
        *("./10:00@porch.jpg", "/srv/10:00@porch"),
    ],
)
def test_an_at_behind_the_host_is_part_of_the_path(text: str) -> None:
    assert parse(text).location == text


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("webhook:8090", ("127.0.0.1", 8090)),
        ("webhook:0.0.0.0:8090", ("0.0.0.0", 8090)),
        ("webhook:[::1]:65535", ("::1", 65535)),
        (" webhook:192.168.1.7:1 ", ("192.168.1.7", 1)),
    ],
)
def test_a_webhook_listens_where_it_is_told_and_else_on_this_machine_only(text: str, listen: tuple[str, int]) -> None:
    assert parse(text).listen == listen
    assert parse(text).shown == text.strip()


def test_a_webhook_needs_a_token_and_nothing_else_does() -> None:
    with pytest.raises(ValidationError, match="webhook_token"):
        Capture(source="webhook:8090")
    assert Capture(source="none").listening is None
    assert Capture(source="none", webhook_token=SecretStr(TOKEN)).listening is None
    listening = Capture(source="webhook:8090", webhook_token=SecretStr(TOKEN), timeout_seconds=3).listening
    assert listening == Listening("127.0.0.1", 8090, TOKEN, 3.0)


@pytest.mark.parametrize(
    "environment",
    [
        {"DOORBUS_CAPTURE__SOURCE": "webhook:8090", "DOORBUS_CAPTURE__WEBHOOK_TOKEN": "hunter2"},
        {"DOORBUS_CAPTURE__SOURCE": "webhook:8090/hunter2"},
        {"DOORBUS_CAPTURE__SOURCE": "webhook:8090", "DOORBUS_CAPTURE__WEBHOK_TOKEN": "hunter2"},
    ],
)
def test_a_mistake_about_the_webhook_is_told_without_its_token(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError) as end:
        load(CaptureSettings, [])
    told = str(end.value)
    assert told.startswith("DOORBUS_CAPTURE__")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("source", "location"),
    [
        ("rtsp://admin@cam:554/1", "rtsp://admin:p%40%2Fw%3A@cam:554/1"),
        ("snapshot+http://admin@cam", "http://admin:p%40%2Fw%3A@cam"),
        ("rtsp://admin:own@cam/1", "rtsp://admin:own@cam/1"),
        ("rtsp://cam/@1", "rtsp://cam/@1"),
        ("sample", "sample"),
    ],
)
def test_a_password_goes_to_the_user_whom_the_url_names_without_one(source: str, location: str) -> None:
    camera = Capture(source=source, password=SecretStr("p@/w:"))

    assert camera.address.location == location
    assert "p@/w:" not in repr(camera) + camera.address.shown


def test_the_settings_do_not_show_the_password_when_printed() -> None:
    assert "hunter2" not in repr(Capture(source="rtsp://admin:hunter2@cam/live"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotate", "45"),
        ("crop", "0,0,2,2"),
        ("fps", "0"),
        ("fps", "nan"),
        ("jpeg_quality", "101"),
        ("camera", "Front Porch"),
        ("motion_threshold", "2"),
        ("keepalive", "1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Capture.model_validate({name: value})


def test_settings_come_as_text() -> None:
    chosen = Capture.model_validate({"rotate": "270", "mirror": "true", "crop": "0.25,0,0.5,1", "fps": "5"})
    assert chosen.view.rotate == 270
    assert chosen.view.mirror
    assert chosen.view.region.width == 0.5
    assert chosen.fps == 5.0
