"""Who asks, and whether they may: the one place where this is decided."""

import base64
import binascii
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import Request

from doorbus_console import tokens
from doorbus_console.passkeys import Party
from doorbus_console.rights import Level, Right, Visitor
from doorbus_console.sessions import LONGEST
from doorbus_console.store import Account, Session, StoreFailed
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import Site, site_of

COOKIE = "doorbus_session"
FORM_TOKEN = "X-Form-Token"  # noqa: S105  # the name of a header
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
AGAIN_SECONDS = 15.0
"""So long, at most, an answer that does not end goes on after somebody was signed out, or their token taken away."""
_API = "/api/"


class Needs:
    """Lets in who has `right`, as a dependency of a route."""

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(self, request: Request) -> Visitor:
        """The visitor; raises `Problem`."""
        visitor = identify(request)
        if visitor is None:
            raise sign_in_first(request)
        if not visitor.may(self.right):
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden", f"{visitor.name} may not do this")
        return visitor


def identify(request: Request) -> Visitor | None:
    """Who asks: a token if there is one, else a browser that is signed in. Raises `Problem` for another site's form."""
    site = site_of(request)
    secret = shown_token(request)
    if secret is not None:
        return by_token(request, secret)
    session = session_of(request)
    visitor = None if session is None else _signed_in(site, session)
    if session is None or visitor is None:
        return None
    if request.method not in SAFE:
        _refuse_another_sites(request, site, session)
    request.state.again = partial(_still_signed_in, site, session)
    return visitor


def by_token(request: Request, secret: str) -> Visitor | None:
    """Whose token it is."""
    site = site_of(request)

    def known() -> Visitor | None:
        return tokens.visitor(site.store, secret, site.clock.now())

    request.state.again = known
    return known()


def still(request: Request, visitor: Visitor) -> Callable[[], bool]:
    """Whether who has asked may go on with an answer that does not end; looked up anew each `AGAIN_SECONDS`."""
    site, again = site_of(request), getattr(request.state, "again", lambda: visitor)
    due = site.clock.monotonic() + AGAIN_SECONDS

    def asked() -> bool:
        nonlocal due
        if site.clock.monotonic() < due:
            return True
        due = site.clock.monotonic() + AGAIN_SECONDS
        try:
            return bool(again() == visitor)
        except StoreFailed:  # who is signed in goes on seeing
            return True

    return asked


def _still_signed_in(site: Site, session: Session) -> Visitor | None:
    known = site.sessions.found(session.id)
    return None if known is None or site.clock.now() - known.begun_at > LONGEST else _signed_in(site, known)


def _signed_in(site: Site, session: Session) -> Visitor | None:
    account = site.store.account(session.account)
    if account is None or _is_over(site, session, account):
        return None
    doors = None if account.doors is None or account.level is not Level.RESIDENT else frozenset(account.doors)
    return Visitor(account.name, level=account.level, doors=doors)


def shown_token(request: Request) -> str | None:
    """The token in a header, as the password of basic authentication, or in the address."""
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return rest.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return request.query_params.get("token")


def session_of(request: Request) -> Session | None:
    """The session of the browser that asks; its cookie may be exchanged by the answer.

    It is looked up once: a cookie that is shown again while an endless answer goes on would be taken for a copy.
    """
    if not hasattr(request.state, "session"):
        request.state.session = _known(request)
    session: Session | None = request.state.session
    return session


def _known(request: Request) -> Session | None:
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        return None
    site = site_of(request)
    known = site.sessions.known(cookie, site.clock.now())
    if known is None:
        return None
    if known.cookie is not None:
        request.state.cookie = known.cookie
    return known.session


def same_origin(request: Request) -> bool:
    """Whether a browser says that a page of ours sent this; what is no browser says nothing."""
    where = request.headers.get("sec-fetch-site")
    if where is not None:
        return where in {"same-origin", "none"}
    origin = request.headers.get("origin")
    if origin is None:
        return True
    ours = {request.headers.get("host", ""), urlsplit(site_of(request).settings.address).netloc}
    return urlsplit(origin).netloc in ours


def party(request: Request) -> Party:
    """The console as authenticators know it, by the address that this browser has."""
    address = site_of(request).settings.url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return Party(urlsplit(address).hostname or "", address)


def cross_site() -> Problem:
    """A form of another site."""
    return Problem(HTTPStatus.FORBIDDEN, "cross_site", "this was not sent by a page of the console; load it anew")


def sign_in_first(request: Request) -> Problem:
    """Nobody is known to ask."""
    headers = {"WWW-Authenticate": "Bearer"}
    if not request.url.path.startswith(_API):
        where = f"/login?next={quote(request.url.path)}" if request.method in SAFE else "/login"
        headers |= {"HX-Redirect": where} if "hx-request" in request.headers else {"Location": where}
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "sign in, or send a token", headers)


def set_cookie(cookie: str, *, secure: bool) -> str:
    """The header that gives a browser its cookie."""
    tail = "; Secure" if secure else ""
    return f"{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000{tail}"


def forget_cookie() -> str:
    """The header that takes it away."""
    return f"{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"


def _is_over(site: Site, session: Session, account: Account) -> bool:
    """Whether somebody has to ask their provider anew; their session ends then."""
    if account.subject is None:
        return False
    oidc = site.settings.oidc
    ours = site.provider is not None and account.subject.startswith(f"{oidc.issuer} ")
    if ours and site.clock.now() - session.begun_at < timedelta(hours=oidc.session_hours):
        return False
    site.sessions.end_of(session.id)
    return True


def _refuse_another_sites(request: Request, site: Site, session: Session) -> None:
    token: Any = request.headers.get(FORM_TOKEN, "")
    if not same_origin(request) or not site.sessions.is_form_token(session, token):
        raise cross_site()
