"""One's own account: its password and its passkeys."""

import json
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from doorbus_console.passkeys import NotConfirmed
from doorbus_console.rights import Right, Visitor
from doorbus_console.store import Account
from doorbus_console.web.admission import Try, account_of, is_password, welcome
from doorbus_console.web.forms import Form, read_form
from doorbus_console.web.guard import Needs, party, session_of
from doorbus_console.web.pages import page
from doorbus_console.web.problems import Problem, not_found
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Seeing = Annotated[Visitor, Depends(Needs(Right.SEE))]
_MOST_PASSKEYS = 20
_LONGEST_NAME = 64
_FRESH = timedelta(minutes=10)
"""How long a sign-in at a provider counts as a proof like a password."""


@router.get("/account")
async def own_account(request: Request, site: TheSite, visitor: Seeing) -> HTMLResponse:
    """One's own account."""
    return _page(request, site, visitor, _own(site, visitor))


@router.post("/password")
async def change_password(request: Request, site: TheSite, visitor: Seeing) -> Response:
    """Change one's own password; all browsers of the account are signed out but this."""
    form = await read_form(request)
    if not _own(site, visitor).password:
        raise Problem(HTTPStatus.CONFLICT, "no_password", "this account has no password: its provider lets it in")
    account = await _proved(request, site, visitor, form)
    fresh = await account_of(form, account.level, account.doors, account.name)
    site.store.put_account(fresh)
    site.store.remove_sessions(account.name)
    site.note(visitor.name, "change password", account.name, "done")
    return welcome(request, site, account.name, "/doors")


@router.post("/account/passkeys/options")
async def passkey_options(request: Request, site: TheSite, visitor: Seeing) -> Response:
    """What a browser is to make a passkey for, after the password was told once more."""
    account = await _proved(request, site, visitor, await read_form(request))
    known = site.store.passkeys(account.name)
    if len(known) >= _MOST_PASSKEYS:
        raise Problem(HTTPStatus.CONFLICT, "too_many", f"there are {_MOST_PASSKEYS} passkeys; remove one first")
    options = site.passkeys.to_make(party(request), account.name, known, site.clock.monotonic())
    return Response(options, media_type="application/json")


@router.post("/account/passkeys")
async def put_passkey(request: Request, site: TheSite, visitor: Seeing) -> HTMLResponse:
    """Keep a passkey that a browser has made."""
    form, account = await read_form(request), _own(site, visitor)
    name = form.get("name")[:_LONGEST_NAME] or "passkey"
    try:
        answer = json.loads(form.get("passkey"))
        now, at = site.clock.monotonic(), site.clock.now()
        made = site.passkeys.made(party(request), account.name, answer, now, name=name, at=at)
    except (NotConfirmed, ValueError, TypeError) as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no_passkey", f"no passkey was made: {error}") from None
    site.store.put_passkey(made)
    site.note(visitor.name, "make passkey", name, "done")
    return _page(request, site, visitor, account)


@router.post("/account/passkeys/{passkey}/remove")
async def remove_passkey(request: Request, site: TheSite, visitor: Seeing, passkey: str) -> HTMLResponse:
    """Forget a passkey of one's own."""
    account = _own(site, visitor)
    if not site.store.remove_passkey(account.name, passkey):
        raise not_found("this passkey")
    site.note(visitor.name, "remove passkey", passkey[:8], "done")
    return _page(request, site, visitor, account)


def _own(site: Site, visitor: Visitor) -> Account:
    account = None if visitor.level is None else site.store.account(visitor.name)
    if account is None:
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden", "a token has no account")
    return account


async def _proved(request: Request, site: Site, visitor: Visitor, form: Form) -> Account:
    """One's own account, whose password was told, or whose provider has just let it in; raises `Problem`."""
    account = _own(site, visitor)
    if account.subject is not None:
        session = session_of(request)
        if session is None or site.clock.now() - session.begun_at > _FRESH:
            raise Problem(
                HTTPStatus.FORBIDDEN, "sign_in_anew", "sign out and in again first: you have been here for long"
            )
        return account
    attempt = Try(request, site, account.name)
    if not await is_password(account, (form.all("old") or ("",))[-1]):
        raise Problem(HTTPStatus.FORBIDDEN, "wrong_password", "the password is wrong")
    attempt.is_right()
    return account


def _page(request: Request, site: Site, visitor: Visitor, account: Account) -> HTMLResponse:
    template = "part/passkeys.html" if "hx-request" in request.headers else "account.html"
    here = party(request)
    return page(request, template, visitor, account=account, passkeys=site.store.passkeys(account.name), party=here)
