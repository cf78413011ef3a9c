"""What the webhook takes and what it turns away, before any network."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.codec import Refusal
from doorbus_capture.posting import MAX_BYTES, Head, Listening, Rejected, admit, good_token, picture

TOKEN = "5f1c-a_secret.for~tests"
BEARER = f"Bearer {TOKEN}"
JPEG = b"\xff\xd8\xff\xe0 not looked into \r\n--edge and on \xff\xd9"


def form(*parts: bytes, boundary: bytes = b"edge-of-a-part") -> bytes:
    """A form as Hikvision's alarm server sends it: a description of the event, then pictures."""
    lines = b"".join(
        b'--%s\r\nContent-Disposition: form-data; name="VMDImage"; filename="VMDImage.jpg"\r\n'
        b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (boundary, len(part), part)
        for part in parts
    )
    event = b'--%s\r\nContent-Disposition: form-data; name="MoveDetection.xml"\r\n\r\n<Event/>\r\n' % boundary
    return event + lines + b"--%s--\r\n" % boundary


FORM = "multipart/form-data; boundary=edge-of-a-part"


def rejection(head: Head, token: str = TOKEN) -> Rejected:
    with pytest.raises(Rejected) as caught:
        admit(head, token)
    return caught.value


@pytest.mark.parametrize(
    "head",
    [
        Head("POST", "/", BEARER, content_length=1),
        Head("PUT", "/porch.jpg", BEARER, chunked=True),
        Head("POST", "/", f"bearer  {TOKEN} ", content_length=0),
        Head("POST", f"/{TOKEN}", content_length=MAX_BYTES),
        Head("POST", f"/{TOKEN}?event=motion", content_length=1),
        Head("POST", f"/{TOKEN}", "Basic cm9vdDpwYXNz", content_length=1),
    ],
)
def test_who_shows_the_token_in_the_header_or_in_the_path_is_let_in(head: Head) -> None:
    assert admit(head, TOKEN) is None  # type: ignore[func-returns-value]  # it raises otherwise


@pytest.mark.parametrize(
    "head",
    [
        Head("POST", "/"),
        Head("POST", "/", "Bearer"),
        Head("POST", "/", f"Bearer {TOKEN}x"),
        Head("POST", "/", f"Basic {TOKEN}"),
        Head("POST", "/", TOKEN),
        Head("POST", f"/?{TOKEN}"),
        Head("POST", f"/{TOKEN[:-1]}"),
        Head("POST", f"/{TOKEN}/"),
        Head("POST", f"/{TOKEN}", "Bearer of something else"),
        Head("POST", "/\xff\xfe", "Bearer \xe9"),
    ],
)
def test_who_does_not_show_the_token_is_told_so_and_nothing_else(head: Head) -> None:
    rejected = rejection(head)

    assert (rejected.status, rejected.reason) == (HTTPStatus.UNAUTHORIZED, Refusal.UNAUTHORIZED)


@given(method=st.sampled_from(["GET", "POST", "BREW"]), length=st.none() | st.integers(0), given=st.text(max_size=40))
def test_nothing_about_a_request_matters_as_long_as_the_token_is_wrong(
    method: str, length: int | None, given: str
) -> None:
    rejected = rejection(Head(method, f"/{given}", f"Bearer {given}", content_length=length))

    assert rejected.status is HTTPStatus.UNAUTHORIZED
    assert TOKEN not in str(rejected)


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (Head("GET", "/", BEARER), 405, Refusal.UNEXPECTED),
        (Head("DELETE", "/", BEARER, content_length=1), 405, Refusal.UNEXPECTED),
        (Head("POST", "/", BEARER), 411, Refusal.UNEXPECTED),
        (Head("POST", "/", BEARER, content_length=MAX_BYTES + 1), 413, Refusal.TOO_LARGE),
    ],
)
def test_what_cannot_become_a_picture_is_turned_away_before_its_body_is_read(
    head: Head, status: int, reason: Refusal
) -> None:
    rejected = rejection(head)

    assert (rejected.status, rejected.reason) == (status, reason)


@pytest.mark.parametrize(
    "content_type", ["image/jpeg", "", "application/x-www-form-urlencoded", "image/png", "nonsense"]
)
def test_a_jpeg_is_taken_whatever_it_is_called(content_type: str) -> None:
    assert picture(JPEG, content_type) == JPEG


@pytest.mark.parametrize(
    "content_type", [FORM, 'Multipart/Form-Data; boundary="edge-of-a-part"', f"{FORM}; charset=utf-8"]
)
def test_the_one_jpeg_of_a_form_is_taken_to_the_byte(content_type: str) -> None:
    assert picture(form(JPEG), content_type) == JPEG


@given(st.binary(max_size=2000))
def test_a_form_changes_no_byte_of_a_picture(rest: bytes) -> None:
    jpeg = b"\xff\xd8\xff" + rest

    assert picture(form(jpeg, boundary=b"f" * 40), f"multipart/form-data; boundary={'f' * 40}") == jpeg


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"", "image/jpeg", Refusal.EMPTY),
        (b"\x89PNG\r\n\x1a\n", "image/jpeg", Refusal.NOT_A_PICTURE),
        (b"/9j/4AAQSkZJRg==", "image/jpeg", Refusal.NOT_A_PICTURE),
        (b'{"image": "..."}', "application/json", Refusal.NOT_A_PICTURE),
        (form(), FORM, Refusal.NOT_A_PICTURE),
        (form(JPEG, JPEG), FORM, Refusal.NOT_A_PICTURE),
        (form(JPEG)[:-20], FORM, Refusal.NOT_A_PICTURE),
        (form(JPEG), "multipart/form-data", Refusal.NOT_A_PICTURE),
        (form(JPEG), "multipart/form-data; boundary=another", Refusal.NOT_A_PICTURE),
        (form(*([b"x"] * 100), JPEG), FORM, Refusal.NOT_A_PICTURE),
        (b"", FORM, Refusal.NOT_A_PICTURE),
        (JPEG, FORM, Refusal.NOT_A_PICTURE),
    ],
)
def test_what_holds_no_picture_or_several_is_refused(body: bytes, content_type: str, reason: Refusal) -> None:
    with pytest.raises(Rejected) as caught:
        picture(body, content_type)

    assert (caught.value.status, caught.value.reason) == (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_body_whatever_makes_more_than_a_refusal(body: bytes, content_type: str) -> None:
    for one in (content_type, f"multipart/form-data; {content_type}", FORM):
        try:
            assert picture(body, one) in body
        except Rejected as rejected:
            assert rejected.reason in {Refusal.EMPTY, Refusal.NOT_A_PICTURE}  # noqa: PT017  # either will do


@pytest.mark.parametrize("token", [TOKEN, "0" * 16, "a" * 256])
def test_a_token_that_can_stand_in_a_url_will_do(token: str) -> None:
    assert good_token(token)


@pytest.mark.parametrize(
    "token", ["", "short", "a" * 257, "sixteen letters!", "a/b/c/d/e/f/g/h/i/j", "ünïcödé-ünïcödé-"]
)
def test_a_token_that_is_short_or_needs_quoting_will_not_do(token: str) -> None:
    assert not good_token(token)


def test_neither_token_nor_credentials_are_shown_when_printed() -> None:
    printed = repr(Listening("127.0.0.1", 8090, TOKEN, 10.0)) + repr(Head("POST", f"/{TOKEN}", BEARER))

    assert TOKEN not in printed
