"""What the webhook takes: who may send, what may be asked for, and where in the body the picture is. Pure."""

import hmac
import re
from dataclasses import dataclass, field
from http import HTTPStatus

from doorbus.wire.channels import FRAME
from doorbus.wire.codec import JPEG_START, Refusal, Refused
from doorbus_capture.forms import parts

METHODS = ("POST", "PUT")
MAX_BYTES = FRAME.max_bytes
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")
"""What can stand in a header and in a URL as it is."""


@dataclass(frozen=True)
class Listening:
    """Where to listen, and what senders must know."""

    host: str
    port: int
    token: str = field(repr=False)
    patience_seconds: float
    """How long a sender may say nothing, and how long it may take for one request."""


class Rejected(Refused):
    """A request that is not taken; `detail` is also what the sender is told."""

    def __init__(self, status: HTTPStatus, reason: Refusal, detail: str) -> None:
        super().__init__(reason, detail)
        self.status = status


@dataclass(frozen=True)
class Head:
    """What a request says before its body."""

    method: str
    target: str = field(repr=False)
    """Path and query; may hold the token."""
    authorization: str = field(default="", repr=False)
    content_type: str = ""
    content_length: int | None = None
    chunked: bool = False


def good_token(token: str) -> bool:
    """Whether a token is long enough and can stand in a URL as it is."""
    return _TOKEN.fullmatch(token) is not None


def admit(head: Head, token: str) -> None:
    """Raise `Rejected` when the body of this request need not be read.

    Who does not know the token learns nothing else.
    """
    if not hmac.compare_digest(_shown(head).encode(), token.encode()):
        raise Rejected(
            HTTPStatus.UNAUTHORIZED, Refusal.UNAUTHORIZED, "neither Authorization: Bearer TOKEN nor the path /TOKEN"
        )
    if head.method not in METHODS:
        raise Rejected(HTTPStatus.METHOD_NOT_ALLOWED, Refusal.UNEXPECTED, "pictures come by POST or PUT")
    if head.content_length is None and not head.chunked:
        raise Rejected(HTTPStatus.LENGTH_REQUIRED, Refusal.UNEXPECTED, "neither Content-Length nor chunks")
    if head.content_length is not None:
        check_size(head.content_length)


def check_size(size: int) -> None:
    """Raise `Rejected` when a body of `size` bytes is too large."""
    if size > MAX_BYTES:
        raise Rejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Refusal.TOO_LARGE, f"at most {MAX_BYTES} bytes are taken")


def picture(body: bytes, content_type: str) -> bytes:
    """The JPEG in a body: all of it, or the one part of a form that is a JPEG.

    What else the sender says of its type counts for nothing: cameras and curl say many things.

    Raises:
        Rejected: there is none, or more than one.
    """
    try:
        form = parts(body, content_type)
    except ValueError as error:
        raise _unsupported(Refusal.NOT_A_PICTURE, str(error)) from None
    if form is None:
        return _jpeg(body)
    pictures = [part for part in form if part.startswith(JPEG_START)]
    if len(pictures) != 1:
        raise _unsupported(Refusal.NOT_A_PICTURE, f"{len(pictures)} JPEGs in the form; send one")
    return pictures[0]


def _shown(head: Head) -> str:
    """What the sender shows as the token."""
    scheme, _, credentials = head.authorization.partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else head.target.partition("?")[0].removeprefix("/")


def _jpeg(body: bytes) -> bytes:
    if not body:
        raise _unsupported(Refusal.EMPTY, "no picture in the body")
    if not body.startswith(JPEG_START):
        raise _unsupported(Refusal.NOT_A_PICTURE, "not a JPEG")
    return body


def _unsupported(reason: Refusal, detail: str) -> Rejected:
    return Rejected(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason, detail)
