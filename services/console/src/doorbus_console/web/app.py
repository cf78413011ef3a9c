"""The application: all routes, what every answer carries, and what becomes of errors."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doorbus import __version__
from doorbus.wire.mistakes import in_our_words
from doorbus_console import compat, words
from doorbus_console.compat import arsfutura, compreface, doubletake, facerec, moreillon
from doorbus_console.store import StoreFailed
from doorbus_console.web import (
    accounts,
    api,
    api_keeping,
    enrolling,
    entrance,
    events,
    groups,
    inbox,
    own,
    pages,
    people,
    single_sign_on,
    stepping,
)
from doorbus_console.web.asking import Once
from doorbus_console.web.guard import set_cookie
from doorbus_console.web.problems import Problem, not_found
from doorbus_console.web.site import Site, site_of

_log = structlog.get_logger("doorbus.console")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
)
_ALWAYS = (
    *(api.router, api_keeping.router, entrance.router, single_sign_on.router, own.router, accounts.router),
    *(inbox.router, enrolling.router, people.router, groups.router, events.router, stepping.router, pages.router),
)
_COMPATIBLE = {
    "arsfutura": arsfutura.router,
    "compreface": compreface.router,
    "doubletake": doubletake.router,
    "facerec": facerec.router,
    "moreillon": moreillon.router,
}
_KEPT = "public, max-age=31536000, immutable"
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


def create(site: Site) -> FastAPI:
    """The application of a console."""
    app = FastAPI(
        title="doorbus console",
        version=__version__,
        description="Doors, people and events of a doorbus. Send a token as `Authorization: Bearer TOKEN`.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = site
    app.state.once = Once()
    app.state.routers = (*_ALWAYS, *(_COMPATIBLE[name] for name in sorted(site.settings.compatible)))
    for router in app.state.routers:
        app.include_router(router)
    app.add_api_route("/assets/{name}", asset, include_in_schema=False)
    app.add_api_route("/healthz", well, include_in_schema=False)
    app.add_middleware(Carrying)
    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
        Problem: on_problem,
        RequestValidationError: on_invalid,
        HTTPException: on_http,
        StoreFailed: on_store_failed,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    return app


async def asset(request: Request, name: str) -> Response:
    """A file that pages load; its address changes with it."""
    path = site_of(request).pages.file(name)
    if path is None or path.suffix not in _TYPES:
        raise not_found(f"asset {name}")
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": _KEPT})


async def well() -> Response:
    """Whether the console answers."""
    return Response("ok\n", media_type="text/plain")


async def on_problem(request: Request, problem: Problem) -> Response:
    """A problem, for people or for programs."""
    if _of_another_program(request):  # some of their clients look for a message
        return JSONResponse({**problem.document(), "message": problem.detail}, problem.status, problem.headers)
    if _for_programs(request):
        return problem.response()
    if "Location" in problem.headers and problem.status is HTTPStatus.UNAUTHORIZED:
        return Response(status_code=HTTPStatus.SEE_OTHER, headers={"Location": problem.headers["Location"]})
    return pages.error_page(request, problem)


async def on_invalid(request: Request, error: RequestValidationError) -> Response:
    """A call that is not as the description has it."""
    first: Any = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    detail = f"{where}: {in_our_words(first['msg'])}"
    if first["type"] == "extra_forbidden":
        detail += "; /api/v1/openapi.json lists those there are"
    return await on_problem(request, Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail))


async def on_http(request: Request, error: HTTPException) -> Response:
    """No such route, or no such method."""
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    return await on_problem(request, Problem(status, status.name.lower(), str(error.detail), headers))


async def on_store_failed(request: Request, error: StoreFailed) -> Response:
    """The disk."""
    _log.error("store_failed", why=str(error))
    return await on_problem(request, Problem(HTTPStatus.SERVICE_UNAVAILABLE, "store_failed", words.STORE_FAILED))


class Carrying:
    """Gives every answer the headers that keep browsers from harm, and a browser its new cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                names = {name for name, _ in headers}
                headers += [pair for pair in _HEADERS if pair[0] not in names]
                if b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-store"))
                cookie = state.get("cookie")
                if cookie is not None:
                    headers.append((b"set-cookie", set_cookie(cookie, secure=scope["scheme"] == "https").encode()))
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_more)


def _allowed(request: Request) -> list[str]:
    """Every method of an address, where several routes have it."""
    routers: tuple[APIRouter, ...] = request.app.state.routers
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return sorted({name for one in routes if one.path_regex.match(request.url.path) for name in one.methods or ()})


def _for_programs(request: Request) -> bool:
    return request.url.path.startswith("/api/") or _of_another_program(request)


def _of_another_program(request: Request) -> bool:
    endpoint = request.scope.get("endpoint")
    return endpoint is not None and endpoint.__module__.startswith(compat.__name__)
