"""`doorbus-console token`, `tokens`, `revoke` and `link`: what is done on the console's own machine."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import load
from doorbus_console import tokens
from doorbus_console.building import open_store
from doorbus_console.first import FirstAccount
from doorbus_console.rights import Scope
from doorbus_console.settings import ConsoleSettings
from doorbus_console.store import Deed, Store, StoreFailed

NAMES = ("token", "tokens", "revoke", "link")


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status. Raises `SetupError`."""
    given = _parser().parse_args(arguments)
    settings = load(ConsoleSettings, [])
    store = open_store(settings)
    try:
        return _do(given, settings, store)
    except StoreFailed as failed:
        raise SetupError(str(failed)) from None
    finally:
        store.close()


def _do(given: argparse.Namespace, settings: ConsoleSettings, store: Store) -> int:
    now = datetime.now(UTC)
    if given.command == "token":
        scopes = frozenset(Scope(one) for text in given.scope for one in text.split(",") if one)
        until = None if given.days is None else now + timedelta(days=given.days)
        try:
            _print(tokens.new(store, given.name, scopes, until, replace=given.replace))
        except tokens.NameTaken:
            raise SetupError(
                f"{given.name}: there is such a token, and whoever has it would be shut out; give another name, or "
                f"--replace to end it"
            ) from None
        store.note(Deed(now, "command line", "make token", given.name, " ".join(sorted(scopes))))
    elif given.command == "tokens":
        for one in store.tokens():
            ends = "never ends" if one.expires_at is None else f"until {one.expires_at:%Y-%m-%d %H:%M} UTC"
            _print(f"{one.name}: {' '.join(one.scopes)}, {ends}")
    elif given.command == "revoke":
        if not store.remove_token(given.name):
            raise SetupError(f"{given.name}: no such token; doorbus-console tokens lists them")
        store.note(Deed(now, "command line", "remove token", given.name, "done"))
    else:
        first = FirstAccount(settings.folder, settings.console.address)
        first.used()
        more = bool(store.accounts())
        first.offer(more=more)
        store.note(Deed(now, "command line", "make link", "one more admin" if more else "first account", "done"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="doorbus-console", description="Without a command: run the console.")
    commands = parser.add_subparsers(dest="command", required=True)
    token = commands.add_parser("token", help="make a token for a program, and print it once, alone on its line")
    token.add_argument("name", type=_name, help="what it is for")
    token.add_argument(
        "--scope", type=_scopes, nargs="+", action="extend", required=True, help=f"some of {', '.join(Scope)}"
    )
    token.add_argument("--days", type=_days, help="how long it is good for; without this it does not end")
    token.add_argument("--replace", action="store_true", help="end the token that has this name")
    commands.add_parser("tokens", help="list the tokens, which are not shown again")
    commands.add_parser("revoke", help="take a token away").add_argument("name")
    commands.add_parser("link", help="print a link by which one more admin account is made")
    return parser


def _name(text: str) -> str:
    if not 0 < len(text) <= 64 or not text.isprintable():  # noqa: PLR2004  # a name for people
        raise argparse.ArgumentTypeError("1 to 64 printable characters")
    return text


def _scopes(text: str) -> str:
    unknown = {one for one in text.split(",") if one} - set(Scope)
    if unknown or not text.strip(","):
        raise argparse.ArgumentTypeError(f"{text!r}: the scopes are {', '.join(Scope)}")
    return text


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days < 36500:  # noqa: PLR2004  # a century
        raise argparse.ArgumentTypeError("more than 0")
    return days


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
