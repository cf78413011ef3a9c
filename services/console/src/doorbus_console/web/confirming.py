"""Passkeys that are shown: to sign in, and before a door is unlocked."""

import json
from dataclasses import replace

import structlog
from starlette.requests import Request

from doorbus_console.passkeys import NotConfirmed
from doorbus_console.store import Account, StoreFailed
from doorbus_console.web.guard import party
from doorbus_console.web.site import Site

_log = structlog.get_logger("doorbus.console")


def show(request: Request, site: Site, purpose: str, answer: str) -> Account:
    """The account whose passkey a browser has shown for this purpose; raises `NotConfirmed`."""
    try:
        told = json.loads(answer)
        passkey = site.store.passkey(told["id"])
    except (ValueError, KeyError, TypeError):
        raise NotConfirmed("no passkey was sent") from None
    account = None if passkey is None else site.store.account(passkey.account)
    if passkey is None or account is None:
        raise NotConfirmed("nobody here has this passkey")
    used = site.passkeys.shown(party(request), purpose, passkey, told, site.clock.monotonic())
    try:
        site.store.put_passkey(replace(passkey, used=used))
    except StoreFailed as failed:  # a full disk keeps nobody from their door; each challenge is taken once all the same
        _log.error("passkey_use_not_written", why=str(failed))
    return account


def purpose_of_unlock(account: str, door: str) -> str:
    """What a challenge before an unlock is for."""
    return f"{account} unlocks {door}"
