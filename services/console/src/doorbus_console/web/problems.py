"""What is answered when something cannot be done: problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818  # an answer, not an error of the program
    """Ends a call with this status; `code` is one word for programs, `detail` a sentence for people."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """The problem as JSON."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "code": self.code,
        }

    def response(self) -> JSONResponse:
        """The problem as an answer."""
        return JSONResponse(self.document(), self.status, self.headers, MEDIA_TYPE)


def not_found(what: str) -> Problem:
    """There is no such thing, or it is not for who asks."""
    return Problem(HTTPStatus.NOT_FOUND, "not_found", f"{what}: not found")


def broker_away() -> Problem:
    """Nothing can be sent."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "broker_away",
        "the broker is away; nothing was sent. Try again when it is back",
        {"Retry-After": "5"},
    )
