"""Listens for browsers and programs. The only importer of uvicorn."""

import asyncio
import gc
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
import uvicorn
from starlette.types import ASGIApp

from doorbus.runtime.errors import SetupError
from doorbus_console.first import FirstAccount
from doorbus_console.live import Live
from doorbus_console.settings import Console, networks
from doorbus_console.store import Store

_log = structlog.get_logger("doorbus.console")
_BACKLOG = 256


class _Uvicorn(uvicorn.Server):
    """Leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """Answers at one address, in the event loop of the service."""

    def __init__(self, app: ASGIApp, settings: Console, live: Live, store: Store, first: FirstAccount) -> None:
        self._app = app
        self._settings = settings
        self._live = live
        self._store = store
        self._first = first
        self._socket: socket.socket | None = None

    async def open(self) -> None:
        """Take hold of the address, and offer the first account where there is none. Raises `SetupError`."""
        settings = self._settings
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        try:
            self._socket = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise SetupError(
                f"DOORBUS_CONSOLE__HOST={settings.host}, DOORBUS_CONSOLE__PORT={settings.port}: "
                f"{os.strerror(error.errno or 0)}; give an address of this machine and a port that no other program has"
            ) from None
        if not self._store.accounts():
            self._first.offer()

    def problem(self) -> str | None:
        """Why accounts and the audit cannot be written, if so."""
        return self._store.problem()

    async def run(self) -> None:
        """Answer until cancelled."""
        assert self._socket is not None, "not open"
        gc.collect()
        gc.freeze()  # what was imported stays: to look through it each time takes 50 ms, in which nobody is answered
        server = _Uvicorn(self._config())
        serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        _log.info("listening", address=self._settings.address)
        try:
            await asyncio.shield(serving)
        finally:
            self._live.ended.set()
            self._live.tell(("broker",))
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await serving

    async def close(self) -> None:
        """Let go of the address. Closing twice is fine."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _config(self) -> uvicorn.Config:
        settings = self._settings
        return uvicorn.Config(
            self._app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,  # addresses may hold tokens
            server_header=False,
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=[str(one) for one in networks(settings.proxies)],
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=15,
            backlog=_BACKLOG,
        )
