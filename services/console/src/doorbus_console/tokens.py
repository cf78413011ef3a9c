"""Tokens of programs: made once, kept as digests."""

import hashlib
import secrets
from datetime import datetime

from doorbus_console.rights import Scope, Visitor
from doorbus_console.store import Store, Token

PREFIX = "doorbus_"


class NameTaken(Exception):  # noqa: N818  # an answer, not an error of the program
    """There is a token of that name, which would end."""


def new(
    store: Store, name: str, scopes: frozenset[Scope], expires_at: datetime | None, *, replace: bool = False
) -> str:
    """Make a token and keep its digest; with `replace` one of the same name ends. Raises `NameTaken`, `StoreFailed`."""
    if not replace and any(one.name == name for one in store.tokens()):
        raise NameTaken(name)
    secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
    store.put_token(Token(name, _digest(secret), tuple(sorted(scopes)), expires_at))
    return secret


def visitor(store: Store, secret: str, now: datetime) -> Visitor | None:
    """Whose token this is; None when it is nobody's, or has expired. Raises `StoreFailed`."""
    token = store.token(_digest(secret))
    if token is None or (token.expires_at is not None and token.expires_at <= now):
        return None
    return Visitor(f"token {token.name}", scopes=frozenset(token.scopes))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
