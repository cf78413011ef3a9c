"""How a camera by HTTP is shown its user and password: the best way that it offers, and never where it must not be."""

import base64
import hashlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.request import parse_http_list, parse_keqv_list

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus_capture.imaging import encode_jpeg
from doorbus_capture.sources.challenges import best, challenges
from doorbus_capture.sources.factory import Options
from doorbus_capture.sources.fakes import plain
from doorbus_capture.sources.source import PictureMissed, SourceError
from support.cameras import opened, part, send, web_camera

OPTIONS = Options(samples=Path("nowhere"), timeout_seconds=5.0)
JPEG = encode_jpeg(plain(77, 160, 120), 95)
USER, PASSWORD = "bob", "p@ss/word"
GIVEN = "bob:p%40ss%2Fword"


def level(url: str) -> int:
    with opened(url, OPTIONS) as source:
        return round(float(source.read().image.mean()))


def digest(realm: str = "camera", algorithm: str | None = None, qop: str | None = "auth", nonce: str = "once") -> str:
    """A challenge as RFC 7616 has it."""
    parts = [f'realm="{realm}"', f'nonce="{nonce}"']
    parts += [f'qop="{qop}"'] if qop else []
    parts += [f"algorithm={algorithm}"] if algorithm else []
    return f"Digest {', '.join(parts)}"


def proves(header: str, path: str, nonce: str = "once") -> bool:
    """Whether a client's header proves that it knows the password, reckoned as RFC 7616, section 3.4, says."""
    given = parse_keqv_list(parse_http_list(header.partition(" ")[2]))
    name = given.get("algorithm", "MD5").upper()
    kind = name.removesuffix("-SESS").replace("-", "").lower().replace("sha256", "sha256")

    def hashed(text: str) -> str:
        return hashlib.new({"md5": "md5", "sha": "sha1"}.get(kind, kind), text.encode()).hexdigest()

    secret = hashed(f"{USER}:{given['realm']}:{PASSWORD}")
    if name.endswith("-SESS"):
        secret = hashed(f"{secret}:{given['nonce']}:{given['cnonce']}")
    what = hashed(f"GET:{path}")
    middle = f":{given['nc']}:{given['cnonce']}:{given['qop']}:" if "qop" in given else ":"
    proof = hashed(f"{secret}:{given['nonce']}{middle}{what}")
    return given["response"] == proof and given["uri"] == path and given["nonce"] == nonce


class Camera:
    """Asks for one of these ways to show the password, and remembers what it was shown."""

    def __init__(self, *headers: str) -> None:
        self.headers = headers
        self.shown: list[str | None] = []

    @property
    def nonce(self) -> str:
        return "once"

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        header = request.headers["Authorization"]
        self.shown.append(header)
        if header is None or not self._believes(header, request.path):
            request.send_response(401)
            for each in self.headers:
                request.send_header("WWW-Authenticate", each)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            self.serve(request)

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        send(request, JPEG)

    def _believes(self, header: str, path: str) -> bool:
        if header.startswith("Basic "):
            return header == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return proves(header, path, self.nonce)


BASIC = 'Basic realm="camera"'


@pytest.mark.parametrize(
    ("headers", "way"),
    [
        ([BASIC], "Basic"),
        ([digest()], "MD5"),
        ([digest(qop=None)], "MD5"),
        ([digest(algorithm="MD5-sess")], "MD5-sess"),
        ([digest(algorithm="SHA-256")], "SHA-256"),
        ([digest(algorithm="SHA-256-sess")], "SHA-256-sess"),
        ([digest(qop="auth-int, auth")], "MD5"),
        ([digest(realm='cam, "Digest" of ours'.replace('"', "'"))], "MD5"),
        ([BASIC, digest()], "MD5"),
        ([digest(algorithm="MD5"), digest(algorithm="SHA-256")], "SHA-256"),
        ([digest(algorithm="SHA-256"), digest(algorithm="MD5"), BASIC], "SHA-256"),
        ([", ".join([BASIC, digest(algorithm="MD5"), digest(algorithm="SHA-256")])], "SHA-256"),
        ([digest(algorithm="SHA-512-256"), digest(algorithm="MD5")], "MD5"),
        ([digest(algorithm="MD5", qop="auth-int"), BASIC], "Basic"),
        (["Negotiate", "NTLM", BASIC], "Basic"),
        (["digest " + digest().partition(" ")[2]], "MD5"),
    ],
)
@pytest.mark.parametrize("kind", ["snap.jpg", "stream"])
def test_of_what_a_camera_offers_the_best_that_is_known_is_taken(headers: list[str], way: str, kind: str) -> None:
    class Streaming(Camera):
        def serve(self, request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.end_headers()
            while True:
                request.wfile.write(part(JPEG))

    camera = Streaming(*headers) if kind == "stream" else Camera(*headers)
    with web_camera(camera) as host:
        assert level(f"http://{GIVEN}@{host}/{kind}?channel=1") == 77
    first, second = camera.shown
    assert first is None
    assert second is not None
    assert (second.split()[0] if way == "Basic" else "Digest") == second.split()[0]
    if way not in ("Basic", "MD5"):
        assert f"algorithm={way}" in second


def test_what_was_asked_for_once_is_shown_at_once_from_then_on() -> None:
    camera = Camera(digest(algorithm="SHA-256"))
    with web_camera(camera) as host, opened(f"http://{GIVEN}@{host}/snap.jpg", OPTIONS) as source:
        for _ in range(5):
            source.read()
    assert camera.shown[0] is None
    assert len([header for header in camera.shown if header]) == 5
    assert len({header for header in camera.shown if header}) == 5, "each proof counts once"


def test_a_camera_that_asks_with_a_new_nonce_each_time_is_answered_each_time() -> None:
    class Changing(Camera):
        @property
        def nonce(self) -> str:
            return f"nonce{len(self.shown) // 2}"

        def __call__(self, request: BaseHTTPRequestHandler) -> None:
            self.headers = (digest(nonce=f"nonce{(len(self.shown) + 2) // 2}"),)
            super().__call__(request)

    with web_camera(Changing()) as host, opened(f"http://{GIVEN}@{host}/snap.jpg", OPTIONS) as source:
        for _ in range(4):
            assert round(float(source.read().image.mean())) == 77


@pytest.mark.parametrize("header", [BASIC, digest(), digest(algorithm="SHA-256")])
def test_a_wrong_password_is_a_lost_source_at_once_and_not_tried_again_and_again(header: str) -> None:
    camera = Camera(header)
    with web_camera(camera) as host, opened(f"http://bob:wrong@{host}/snap.jpg", OPTIONS) as source:
        with pytest.raises(SourceError, match="are user and password right") as error:
            source.read()
        assert not isinstance(error.value, PictureMissed)
    assert len(camera.shown) == 2


def test_a_way_that_is_not_known_is_named() -> None:
    with (
        web_camera(Camera("NTLM", digest(algorithm="SHA-512-256"))) as host,
        opened(f"http://{GIVEN}@{host}/snap.jpg", OPTIONS) as source,
        pytest.raises(SourceError, match="not known here: ntlm, digest SHA-512-256"),
    ):
        source.read()


def test_without_a_user_nothing_is_shown() -> None:
    camera = Camera(BASIC)
    with (
        web_camera(camera) as host,
        opened(f"http://{host}/snap.jpg", OPTIONS) as source,
        pytest.raises(SourceError, match="are user and password right"),
    ):
        source.read()
    assert camera.shown == [None]


# --- where the camera sends us


def leading_to(location: str, status: int = 302) -> Camera:
    class Leading(Camera):
        def __call__(self, request: BaseHTTPRequestHandler) -> None:
            if request.path == "/snap.jpg":
                request.send_response(status)
                request.send_header("Location", location)
                request.send_header("Content-Length", "0")
                request.end_headers()
            else:
                super().__call__(request)

    return Leading(digest())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_camera_is_followed_with_the_password(status: int) -> None:
    with web_camera(leading_to("/other/picture.cgi?size=1", status)) as host:
        assert level(f"http://{GIVEN}@{host}/snap.jpg") == 77


def test_a_redirect_to_somebody_else_is_followed_without_the_password() -> None:
    other = Camera(BASIC)
    with web_camera(other) as elsewhere:
        location = f"http://localhost:{elsewhere.rpartition(':')[2]}/picture"
        with (
            web_camera(leading_to(location)) as host,
            opened(f"http://{GIVEN}@{host}/snap.jpg", OPTIONS) as source,
            pytest.raises(SourceError, match="are user and password right"),
        ):
            source.read()
    assert other.shown == [None]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("/snap.jpg", "without an end"),
        ("ftp://cam/picture", "leads to ftp://"),
        ("data:picture", "an address that is none"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_told(location: str, said: str) -> None:
    with (
        web_camera(leading_to(location)) as host,
        opened(f"http://{GIVEN}@{host}/snap.jpg", OPTIONS) as source,
        pytest.raises(SourceError, match=said),
    ):
        source.read()


# --- what a header may hold


def test_challenges_are_told_apart_within_one_header_and_over_several() -> None:
    found = challenges(['Basic realm="a, Digest b", Digest realm="c", nonce="n,1", algorithm=MD5', "NTLM"])

    assert [(each.scheme, each.algorithm) for each in found] == [("basic", ""), ("digest", "MD5"), ("ntlm", "")]
    assert found[1].text == 'Digest realm="c", nonce="n,1", algorithm=MD5'


@given(st.lists(st.text(max_size=60), max_size=5))
def test_whatever_is_in_a_header_the_best_is_one_that_is_known_or_none(headers: list[str]) -> None:
    chosen = best(headers)

    assert chosen is None or chosen.strength >= 0
