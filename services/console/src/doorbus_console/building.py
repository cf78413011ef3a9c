"""Puts a console together."""

import secrets

from doorbus.files import private_folder, put
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.errors import SetupError
from doorbus.runtime.keys import open_keys
from doorbus.wire import channels
from doorbus.wire.signatures import Keyring
from doorbus_console.desk import Desk
from doorbus_console.first import FirstAccount
from doorbus_console.live import Live
from doorbus_console.oidc import OidcProvider
from doorbus_console.server import Server
from doorbus_console.service import ConsoleService
from doorbus_console.sessions import Sessions, Trips
from doorbus_console.settings import ConsoleSettings
from doorbus_console.sqlite_store import SqliteStore
from doorbus_console.web.app import create
from doorbus_console.web.rendering import Pages
from doorbus_console.web.site import Site


def build(settings: ConsoleSettings) -> ConsoleService:
    """The service, its address not yet taken. Raises `SetupError`."""
    clock, live = SystemClock(), Live(portraits="moreillon" in settings.console.compatible)
    desk, secret = Desk(clock.now, secrets.token_hex(16)), signing_secret(settings)
    store = open_store(settings)
    site = Site(
        settings=settings.console,
        live=live,
        desk=desk,
        store=store,
        sessions=Sessions(store, secret),
        trips=Trips(secret),
        first=FirstAccount(settings.folder, settings.console.address),
        pages=Pages(settings.assets),
        clock=clock,
        assets=settings.assets,
        logs=settings.var / "logs",
    )
    if settings.console.oidc.issuer:
        site.provider = OidcProvider(settings.console.oidc, clock)
    server = Server(create(site), settings.console, live, store, site.first)
    return ConsoleService(live, desk, server, clock, keys_of(settings))


def keys_of(settings: ConsoleSettings) -> Keyring:
    """Whose answers about pictures count: anybody's where the console was given no public keys. Raises `SetupError`.

    What it only shows is taken unsigned: those who act by it check who has signed.
    """
    shown = (channels.RECOGNITION, channels.ROSTER_MANIFEST)
    if settings.signers_file is None and not settings.signers_path.exists():
        return Keyring(unasked=frozenset(one.name for one in (*shown, channels.RECOGNISE_REPLY)))
    return open_keys(settings, unasked=shown)


def open_store(settings: ConsoleSettings) -> SqliteStore:
    """Accounts, tokens, sessions and audit."""
    return SqliteStore(settings.folder / "console.db")


def signing_secret(settings: ConsoleSettings) -> str:
    """What signs cookies; made where there is none. Raises `SetupError`."""
    path = settings.folder / "secret"
    try:
        if not path.exists():
            private_folder(path.parent)
            put(path, secrets.token_hex(32) + "\n")
        return path.read_text().strip()
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}; may this user read and write it?") from None
