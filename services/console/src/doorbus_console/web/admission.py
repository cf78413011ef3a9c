"""Whether a password is right, what accounts are made of, and letting a browser in."""

import asyncio
import math
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from doorbus_console import passwords, words
from doorbus_console.identity import NAME
from doorbus_console.rights import Level
from doorbus_console.store import Account
from doorbus_console.throttle import Throttle
from doorbus_console.web.forms import Form
from doorbus_console.web.guard import COOKIE, set_cookie
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import Site

_AT_ONCE = asyncio.Semaphore(2)
"""Hashing takes 64 MiB each."""


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def is_told(site: Site, kind: str, address: str) -> bool:
    """Whether a failure of this kind and address is written down: the first ones, then ever fewer.

    So what keeps nobody waiting fills the audit of others no faster than what does.
    """
    now = site.clock.monotonic()
    told = site.throttle.wait(now, (kind, address)) == 0
    if told:
        site.throttle.failed(now, (kind, address))
    return told


class Try:
    """One try to prove who somebody is, as `account` if it names one. It counts as failed until it is said to be right.

    So many at once are no way around the throttle. Raises `Problem` where it comes too soon.
    """

    def __init__(self, request: Request, site: Site, account: str = "") -> None:
        self.address = address_of(request)
        self._throttle: Throttle = site.throttle
        self._keys = (*([("account", account)] if account else []), ("address", self.address))
        now = site.clock.monotonic()
        wait = math.ceil(self._throttle.wait(now, *self._keys))
        if wait > 0:
            headers = {"Retry-After": str(wait)}
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "throttled", f"wait {wait} s", headers)
        self._throttle.failed(now, *self._keys)

    def is_right(self) -> None:
        """Forget the failures."""
        self._throttle.succeeded(*self._keys)


async def is_password(account: Account | None, password: str) -> bool:
    """Whether it is the password of this account; takes as long where there is none."""
    kept = None if account is None else account.password
    async with _AT_ONCE:
        return await asyncio.to_thread(passwords.matches, password[: passwords.LONGEST], kept)


async def account_of(
    form: Form, level: Level, doors: tuple[str, ...] | None = None, name: str = "", *, may_lack_password: bool = False
) -> Account:
    """The account that a form describes; raises `Problem`. One without a password is for somebody of the provider."""
    name, password = name or form.get("name").lower(), (form.all("password") or ("",))[-1]
    if not NAME.fullmatch(name):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_name", words.ACCOUNT_NAME)
    if not password and may_lack_password:
        return Account(name, level, "", doors)
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        detail = f"a password has {passwords.SHORTEST} to {passwords.LONGEST} characters"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_password", detail)
    async with _AT_ONCE:
        return Account(name, level, await asyncio.to_thread(passwords.hashed, password), doors)


def welcome(request: Request, site: Site, name: str, where: str) -> Response:
    """Sign a browser in: it gets a session of its own, whatever it had before."""
    site.sessions.end(request.cookies.get(COOKIE, ""))
    request.state.cookie = None
    cookie = set_cookie(site.sessions.begin(name, site.clock.now()), secure=request.url.scheme == "https")
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Set-Cookie": cookie, "HX-Redirect": where})
    return RedirectResponse(where, HTTPStatus.SEE_OTHER, {"Set-Cookie": cookie})
