"""The accounts and tokens of others."""

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from doorbus_console import tokens
from doorbus_console.identity import NAME
from doorbus_console.rights import Level, Right, Scope, Visitor
from doorbus_console.web.admission import account_of
from doorbus_console.web.forms import read_form
from doorbus_console.web.guard import Needs
from doorbus_console.web.pages import page
from doorbus_console.web.problems import Problem, not_found
from doorbus_console.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

TheSite = Annotated[Site, Depends(site_of)]
Administering = Annotated[Visitor, Depends(Needs(Right.ADMINISTER))]


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
    account = await account_of(form, level, doors, may_lack_password=site.provider is not None)
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


@router.post("/tokens")
async def put_token(request: Request, site: TheSite, visitor: Administering) -> HTMLResponse:
    """Make a token, and show it once."""
    form = await read_form(request)
    scopes = frozenset(scope for scope in Scope if scope.value in form.all("scope"))
    days = int(form.get("days")) if re.fullmatch(r"[0-9]{1,5}", form.get("days")) else 0
    if not scopes or not NAME.fullmatch(form.get("name")):
        detail = "give a name of a-z, 0-9, . _ @ and -, and at least one scope"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", detail)
    until = site.clock.now() + timedelta(days=days) if days else None
    try:
        secret = tokens.new(site.store, form.get("name"), scopes, until)
    except tokens.NameTaken:
        raise Problem(HTTPStatus.CONFLICT, "there_already", "there is such a token; remove it first") from None
    site.note(visitor.name, "make token", form.get("name"), " ".join(sorted(scopes)))
    return _accounts(request, site, visitor, secret=secret)


@router.post("/tokens/{name}/remove")
async def remove_token(request: Request, site: TheSite, visitor: Administering, name: str) -> HTMLResponse:
    """Take a token away."""
    if not site.store.remove_token(name):
        raise not_found(f"token {name}")
    site.note(visitor.name, "remove token", name, "done")
    return _accounts(request, site, visitor)


def _accounts(request: Request, site: Site, visitor: Visitor, secret: str | None = None) -> HTMLResponse:
    values: Mapping[str, Any] = {
        "accounts": site.store.accounts(),
        "tokens": site.store.tokens(),
        "secret": secret,
        "doors": site.doors_of(visitor),
        "scopes": tuple(Scope),
        "levels": tuple(Level),
        "now": site.clock.now(),
        "provider": site.provider is not None,
    }
    template = "part/accounts.html" if "hx-request" in request.headers else "accounts.html"
    return page(request, template, visitor, **values)
