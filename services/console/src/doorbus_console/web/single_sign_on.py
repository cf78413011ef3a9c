"""Signing in at an OpenID Connect provider."""

from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import QueryParams

from doorbus_console.identity import Identity, NotAdmitted, admitted, roles
from doorbus_console.oidc import NotProven, Provider, Unreachable
from doorbus_console.sessions import TRIP, Trip
from doorbus_console.store import Account
from doorbus_console.web.admission import address_of, is_told, welcome
from doorbus_console.web.entrance import local, sign_in_page
from doorbus_console.web.guard import party
from doorbus_console.web.problems import not_found
from doorbus_console.web.site import Site, site_of
from doorbus_console.words import NOT_ADMITTED, _

router = APIRouter(include_in_schema=False)
TheSite = Annotated[Site, Depends(site_of)]
_log = structlog.get_logger("doorbus.console")
_COOKIE = "doorbus_trip"
_PATH = "/login/oidc"
_BACK = f"{_PATH}/callback"


@router.get(_PATH)
async def leave(request: Request, site: TheSite) -> Response:
    """Send a browser to the provider."""
    where = local(request.query_params.get("next", ""))
    try:
        begun = await _provider(site).begin(_back(request))
    except Unreachable as error:
        return _silent(request, where, error)
    trip = Trip(begun.state, begun.nonce, begun.verifier, where)
    cookie = _cookie(request, site.trips.begin(trip, site.clock.now()), int(TRIP.total_seconds()))
    return RedirectResponse(begun.url, HTTPStatus.SEE_OTHER, {"Set-Cookie": cookie})


@router.get(_BACK)
async def come_back(request: Request, site: TheSite) -> Response:
    """Sign in whom the provider has sent back."""
    provider, told = _provider(site), request.query_params
    trip = site.trips.back(request.cookies.get(_COOKIE, ""), told.get("state", ""), site.clock.now())
    if trip is None or told.get("iss", site.settings.oidc.issuer).rstrip("/") != site.settings.oidc.issuer.rstrip("/"):
        said = _("This was not begun by this browser of late. Please sign in once more.")
        return sign_in_page(request, "", said, HTTPStatus.UNAUTHORIZED)
    try:
        identity = await provider.identity(_back(request), _code(told), trip.nonce, trip.verifier)
        account = _admitted(site, identity)
    except Unreachable as error:
        answer = _silent(request, trip.where, error)
    except NotProven as error:
        _tell(site, request, "?", str(error))
        said = _("The provider has not confirmed who you are. Please sign in once more, or in another way.")
        answer = sign_in_page(request, trip.where, said, HTTPStatus.UNAUTHORIZED)
    except NotAdmitted as error:
        _tell(site, request, identity.name or "?", error.why.value)
        answer = sign_in_page(request, trip.where, NOT_ADMITTED[error.why], HTTPStatus.FORBIDDEN)
    else:
        site.note(account.name, "sign in", f"through {site.settings.oidc.issuer} from {address_of(request)}", "done")
        answer = welcome(request, site, account.name, trip.where)
    answer.headers.append("Set-Cookie", _cookie(request, "", 0))
    return answer


def _admitted(site: Site, identity: Identity) -> Account:
    """The account of somebody, kept as the provider has it now; raises `NotAdmitted`."""
    oidc = site.settings.oidc
    known = site.store.account_of(identity.subject)
    try:
        account = admitted(identity, known, site.store.account(identity.name), roles(oidc.roles), oidc.unknown)
    except NotAdmitted:
        if known is not None:
            site.store.remove_sessions(known.name)
        raise
    if account != known:
        site.store.put_account(account)
        site.note(
            account.name, "make account" if known is None else "change account", account.name, account.level.value
        )
    return account


def _code(told: QueryParams) -> str:
    """What the provider has sent somebody back with; raises `NotProven` where it has refused them."""
    code = told.get("code")
    if not code or "error" in told:
        raise NotProven(told.get("error", "no code"))
    return code


def _provider(site: Site) -> Provider:
    if site.provider is None:
        raise not_found("a provider to sign in at")
    return site.provider


def _back(request: Request) -> str:
    return f"{party(request).origin}{_BACK}"


def _cookie(request: Request, value: str, seconds: int) -> str:
    tail = "; Secure" if request.url.scheme == "https" else ""
    return f"{_COOKIE}={value}; Path={_PATH}; HttpOnly; SameSite=Lax; Max-Age={seconds}{tail}"


def _silent(request: Request, where: str, error: Unreachable) -> Response:
    _log.warning("provider_unreachable", why=str(error))
    said = _("The provider does not answer. Please sign in in another way, or try again later.")
    return sign_in_page(request, where, said, HTTPStatus.SERVICE_UNAVAILABLE)


def _tell(site: Site, request: Request, name: str, why: str) -> None:
    address = address_of(request)
    if is_told(site, "oidc", address):
        site.note(name, "sign in", f"through {site.settings.oidc.issuer} from {address}: {why}", "refused")
