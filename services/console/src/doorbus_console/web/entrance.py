"""Signing in and out, and the first account."""

import os
import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from doorbus.runtime.words import here
from doorbus_console.passkeys import NotConfirmed
from doorbus_console.rights import Level, Right, Visitor
from doorbus_console.store import Account
from doorbus_console.web.admission import Try, account_of, address_of, is_password, is_told, welcome
from doorbus_console.web.confirming import show
from doorbus_console.web.forms import Form, read_form
from doorbus_console.web.guard import COOKIE, Needs, cross_site, forget_cookie, party, same_origin
from doorbus_console.web.pages import page
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import Site, site_of
from doorbus_console.words import _

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Seeing = Annotated[Visitor, Depends(Needs(Right.SEE))]
_SIGN_IN = "sign in"


@router.get("/login")
async def login_page(request: Request) -> HTMLResponse:
    """Where people sign in."""
    return sign_in_page(request, request.query_params.get("next", ""))


@router.post("/login")
async def login(request: Request, site: TheSite) -> Response:
    """Sign in. Whoever fails often waits ever longer."""
    if not same_origin(request):
        raise cross_site()
    form = await read_form(request)
    name = form.get("name").lower()[:64]
    attempt = Try(request, site, name)
    account = site.store.account(name)
    right = await is_password(account, form.get("password"))
    if account is None or not right:
        site.note(name or "?", "sign in", f"from {attempt.address}", "refused")
        return _turned_away(request, form)
    attempt.is_right()
    site.note(name, "sign in", f"from {attempt.address}", "done")
    return welcome(request, site, name, local(form.get("next")))


@router.post("/login/passkey/options")
async def passkey_options(request: Request, site: TheSite) -> Response:
    """What a browser is to show a passkey for."""
    if not same_origin(request):
        raise cross_site()
    options = site.passkeys.to_show(party(request), _SIGN_IN, (), site.clock.monotonic())
    return Response(options, media_type="application/json")


@router.post("/login/passkey")
async def login_with_passkey(request: Request, site: TheSite) -> Response:
    """Sign in with a passkey instead of name and password.

    Nobody guesses one, so that it lets its owner in also while somebody of the same address is kept waiting.
    """
    if not same_origin(request):
        raise cross_site()
    form, address = await read_form(request), address_of(request)
    try:
        account = _shown(request, site, form.get("passkey"))
    except NotConfirmed as error:
        if is_told(site, "passkey", address):
            site.note("?", "sign in", f"from {address}: {error}", "refused")
        return _turned_away(request, form)
    site.note(account.name, "sign in", f"with a passkey from {address}", "done")
    return welcome(request, site, account.name, local(form.get("next")))


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
    return page(request, "first.html", None, key=key, more=bool(site.store.accounts()))


@router.post("/first")
async def first(request: Request, site: TheSite) -> Response:
    """Make the first account, and sign it in."""
    if not same_origin(request):
        raise cross_site()
    form = await read_form(request)
    if not site.first.is_key(form.get("key")):
        raise _no_key()
    account = await account_of(form, Level.ADMIN)
    which = "one more admin" if site.store.accounts() else "first account"
    site.store.put_account(account)
    site.first.used()
    site.note(account.name, "make account", account.name, which)
    return welcome(request, site, account.name, "/doors")


def _shown(request: Request, site: Site, passkey: str) -> Account:
    """Whose passkey it is; raises `NotConfirmed`."""
    account = show(request, site, _SIGN_IN, passkey)
    if account.subject is not None:  # whom the provider knows no more would come back by it
        raise NotConfirmed(f"{account.name} signs in through a provider")
    return account


def sign_in_page(
    request: Request, where: str, said: str = "", status: HTTPStatus = HTTPStatus.OK, *, name: str = ""
) -> HTMLResponse:
    """The page to sign in on, for the page `where`; `said` tells what was wrong, and is translated."""
    site = site_of(request)
    answer = page(
        request,
        "login.html",
        None,
        said=said,
        name=name,
        next=local(where),
        with_passkeys=party(request).can_have_passkeys,
        provider=None if site.provider is None else site.settings.oidc.label,
    )
    answer.status_code = status
    return answer


def _turned_away(request: Request, form: Form) -> HTMLResponse:
    name = form.get("name")
    said = _("Name or password is wrong.") if name else _("Nobody here has this passkey.")
    return sign_in_page(request, form.get("next"), said, HTTPStatus.UNAUTHORIZED, name=name)


def local(where: str) -> str:
    """A page of ours; nothing that leads elsewhere."""
    return where if re.fullmatch(r"/[a-z0-9_/-]*", where) and not where.startswith("//") else "/doors"


def _no_key() -> Problem:
    detail = "this link is no longer good; the file var/console/first-account holds the one that is, if there is one"
    return Problem(HTTPStatus.FORBIDDEN, "no_key", here(detail, os.environ))
