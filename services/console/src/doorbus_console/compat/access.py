"""Who may make the calls of other programs: a token, or an address that goes without; never a browser's session."""

from http import HTTPStatus
from ipaddress import ip_address

from fastapi import Request

from doorbus_console import tokens
from doorbus_console.rights import Right, Scope, Visitor
from doorbus_console.settings import networks
from doorbus_console.web.guard import Needs, by_token, cross_site, same_origin, shown_token
from doorbus_console.web.problems import Problem
from doorbus_console.web.site import site_of


class NeedsToken(Needs):
    """Lets in whose token has the right's scope, and those whose address is trusted.

    These programs change things by GET and know no forms of ours, so that a session would let any page do so.
    """

    async def __call__(self, request: Request) -> Visitor:
        """The visitor; raises `Problem`."""
        site = site_of(request)
        secret = request.headers.get("x-api-key") or _bare_token(request) or shown_token(request)
        if secret is not None:
            visitor = by_token(request, secret)
        elif _trusted(request, site.settings.trusted):
            if not same_origin(request):
                raise cross_site()
            assert request.client is not None
            visitor = Visitor(f"address {request.client.host}", scopes=frozenset(Scope))
        else:
            visitor = None
        if visitor is None:
            headers = {"WWW-Authenticate": 'Basic realm="doorbus"'}
            raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "send a token", headers)
        if not visitor.may(self.right):
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden", f"{visitor.name} may not do this")
        return visitor


def _bare_token(request: Request) -> str | None:
    """A token that is all of the header, as clients of Double Take send theirs."""
    given = request.headers.get("authorization", "")
    return given if given.startswith(tokens.PREFIX) else None


def _trusted(request: Request, setting: str) -> bool:
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    return any(address in network for network in networks(setting))


SEE, OPEN, RECOGNISE, PEOPLE, WATCH = (
    NeedsToken(right) for right in (Right.SEE, Right.OPEN, Right.RECOGNISE, Right.PEOPLE, Right.WATCH)
)
