"""Signing in and out, the first account, and the accounts and tokens of others."""

import asyncio
import math
import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from doorbus_console import passwords, tokens
from doorbus_console.rights import Level, Right, Scope, Visitor
from doorbus_console.store import Account
from doorbus_console.web.forms import Form, read_form
from doorbus_console.web.guard import COOKIE, Needs, cross_site, forget_cookie, same_origin, set_cookie
from doorbus_console.web.pages import page
from doorbus_console.web.problems import Problem, not_found
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Seeing = Annotated[Visitor, Depends(Needs(Right.SEE))]
Administering = Annotated[Visitor, Depends(Needs(Right.ADMINISTER))]
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_AT_ONCE = asyncio.Semaphore(2)
"""Hashing takes 64 MiB each."""


@router.get("/login")
async def login_page(request: Request) -> HTMLResponse:
    """Where people sign in."""
    return page(request, "login.html", None, wrong=None, next=_local(request.query_params.get("next", "")))


@router.post("/login")
async def login(request: Request, site: TheSite) -> Response:
    """Sign in. Whoever fails often waits ever longer."""
    if not same_origin(request):
        raise cross_site()
    form = await read_form(request)
    name = form.get("name").lower()[:64]
    address = request.client.host if request.client else ""
    keys, now = (("account", name), ("address", address)), site.clock.monotonic()
    wait = site.throttle.wait(now, *keys)
    if wait > 0:
        headers = {"Retry-After": str(math.ceil(wait))}
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "throttled", f"wait {math.ceil(wait)} s", headers)
    account = site.store.account(name)
    site.throttle.failed(now, *keys)  # before the check, so that many at once are no way around it
    async with _AT_ONCE:
        right = await asyncio.to_thread(
            passwords.matches, form.get("password")[: passwords.LONGEST], None if account is None else account.password
        )
    if account is None or not right:
        site.note(name or "?", "sign in", f"from {address}", "refused")
        answer = page(request, "login.html", None, wrong=name, next=_local(form.get("next")))
        answer.status_code = HTTPStatus.UNAUTHORIZED
        return answer
    site.throttle.succeeded(*keys)
    site.note(name, "sign in", f"from {address}", "done")
    return _welcome(request, site, name, _local(form.get("next")))


@router.post("/logout")
async def logout(request: Request, site: TheSite, visitor: Seeing) -> Response:
    """Sign this browser out."""
    site.sessions.end(request.cookies.get(COOKIE, ""))
    site.note(visitor.name, "sign out", "", "done")
    headers = {"Set-Cookie": forget_cookie(), "HX-Redirect": "/login"}
    request.state.cookie = None
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)


@router.get("/first")
async def first_page(request: Request, site: TheSite) -> HTMLResponse:
    """Where the first account is made, by the link that was printed."""
    key = request.query_params.get("key", "")
    if not site.first.is_key(key):
        raise _no_key()
    return page(request, "first.html", None, key=key)


@router.post("/first")
async def first(request: Request, site: TheSite) -> Response:
    """Make the first account, and sign it in."""
    if not same_origin(request):
        raise cross_site()
    form = await read_form(request)
    if not site.first.is_key(form.get("key")):
        raise _no_key()
    account = await _account(form, Level.ADMIN)
    site.store.put_account(account)
    site.first.used()
    site.note(account.name, "make account", account.name, "first account")
    return _welcome(request, site, account.name, "/doors")


@router.get("/accounts")
async def accounts(request: Request, site: TheSite, visitor: Administering) -> HTMLResponse:
    """Accounts and tokens."""
    return _accounts(request, site, visitor)


@router.post("/accounts")
async def put_account(request: Request, site: TheSite, visitor: Administering) -> HTMLResponse:
    """Add an account."""
    form = await read_form(request)
    if site.store.account(form.get("name").lower()) is not None:
        raise Problem(HTTPStatus.CONFLICT, "there_already", "there is such an account; remove it first")
    try:
        level = Level(form.get("level", Level.RESIDENT))
    except ValueError:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", "choose what the account is") from None
    doors = None if level is not Level.RESIDENT or form.get("every_door") == "on" else form.all("door")
    account = await _account(form, level, doors)
    site.store.put_account(account)
    site.note(visitor.name, "make account", account.name, account.level.value)
    return _accounts(request, site, visitor)


@router.post("/accounts/{name}/remove")
async def remove_account(request: Request, site: TheSite, visitor: Administering, name: str) -> HTMLResponse:
    """Take an account away; the last admin stays."""
    account = site.store.account(name)
    if account is None:
        raise not_found(f"account {name}")
    admins = [one.name for one in site.store.accounts() if one.level is Level.ADMIN]
    if admins == [name]:
        raise Problem(HTTPStatus.CONFLICT, "last_admin", "this is the only admin; make another one first")
    site.store.remove_account(name)
    site.note(visitor.name, "remove account", name, "done")
    return _accounts(request, site, visitor)


@router.post("/password")
async def change_password(request: Request, site: TheSite, visitor: Seeing) -> Response:
    """Change one's own password; all browsers of the account are signed out but this."""
    form = await read_form(request)
    account = site.store.account(visitor.name) if visitor.level is not None else None
    if account is None:
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden", "a token has no password")
    keys, now = (("account", account.name),), site.clock.monotonic()
    wait = site.throttle.wait(now, *keys)
    if wait > 0:
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "throttled", f"wait {math.ceil(wait)} s")
    async with _AT_ONCE:
        right = await asyncio.to_thread(passwords.matches, form.get("old")[: passwords.LONGEST], account.password)
    if not right:
        site.throttle.failed(now, *keys)
        raise Problem(HTTPStatus.FORBIDDEN, "wrong_password", "the old password is wrong")
    fresh = await _account(form, account.level, account.doors, account.name)
    site.store.put_account(fresh)
    site.store.remove_sessions(account.name)
    site.note(visitor.name, "change password", account.name, "done")
    return _welcome(request, site, account.name, "/doors")


@router.post("/tokens")
async def put_token(request: Request, site: TheSite, visitor: Administering) -> HTMLResponse:
    """Make a token, and show it once."""
    form = await read_form(request)
    scopes = frozenset(scope for scope in Scope if scope.value in form.all("scope"))
    days = int(form.get("days")) if re.fullmatch(r"[0-9]{1,5}", form.get("days")) else 0
    if not scopes or not _NAME.fullmatch(form.get("name")):
        detail = "give a name of a-z, 0-9, . _ @ and -, and at least one scope"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", detail)
    until = site.clock.now() + timedelta(days=days) if days else None
    secret = tokens.new(site.store, form.get("name"), scopes, until)
    site.note(visitor.name, "make token", form.get("name"), " ".join(sorted(scopes)))
    return _accounts(request, site, visitor, secret=secret)


@router.post("/tokens/{name}/remove")
async def remove_token(request: Request, site: TheSite, visitor: Administering, name: str) -> HTMLResponse:
    """Take a token away."""
    if not site.store.remove_token(name):
        raise not_found(f"token {name}")
    site.note(visitor.name, "remove token", name, "done")
    return _accounts(request, site, visitor)


async def _account(form: Form, level: Level, doors: tuple[str, ...] | None = None, name: str = "") -> Account:
    name, password = name or form.get("name").lower(), (form.all("password") or ("",))[-1]
    if not _NAME.fullmatch(name):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_name", "a name is made of a-z, 0-9, . _ @ and -")
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        detail = f"a password has {passwords.SHORTEST} to {passwords.LONGEST} characters"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_password", detail)
    async with _AT_ONCE:
        return Account(name, level, await asyncio.to_thread(passwords.hashed, password), doors)


def _welcome(request: Request, site: Site, name: str, where: str) -> Response:
    """Sign a browser in: it gets a session of its own, whatever it had before."""
    site.sessions.end(request.cookies.get(COOKIE, ""))
    request.state.cookie = None
    cookie = set_cookie(site.sessions.begin(name, site.clock.now()), secure=request.url.scheme == "https")
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Set-Cookie": cookie, "HX-Redirect": where})
    return RedirectResponse(where, HTTPStatus.SEE_OTHER, {"Set-Cookie": cookie})


def _accounts(request: Request, site: Site, visitor: Visitor, secret: str | None = None) -> HTMLResponse:
    values: Mapping[str, Any] = {
        "accounts": site.store.accounts(),
        "tokens": site.store.tokens(),
        "secret": secret,
        "doors": site.doors_of(visitor),
        "scopes": tuple(Scope),
        "levels": tuple(Level),
        "now": site.clock.now(),
    }
    template = "part/accounts.html" if "hx-request" in request.headers else "accounts.html"
    return page(request, template, visitor, **values)


def _local(where: str) -> str:
    """A page of ours; nothing that leads elsewhere."""
    return where if re.fullmatch(r"/[a-z0-9_/-]*", where) and not where.startswith("//") else "/doors"


def _no_key() -> Problem:
    detail = "this link is no longer good; the file var/console/first-account holds the one that is, if there is one"
    return Problem(HTTPStatus.FORBIDDEN, "no_key", detail)
