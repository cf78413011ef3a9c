"""The process of a service, from its first line to its exit status."""

import asyncio
import gc
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog

from doorbus import __version__
from doorbus.runtime.advice import way_out
from doorbus.runtime.broker import transport
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.errors import SetupError, ended
from doorbus.runtime.heartbeat import Heartbeat
from doorbus.runtime.runner import Runner
from doorbus.runtime.service import Service
from doorbus.runtime.settings import ServiceSettings, load
from doorbus.runtime.strays import strays
from doorbus.wire.keyfiles import read_keys
from doorbus.wire.packet import ConnectionLost

_log = structlog.get_logger("doorbus.runtime.process")

S = TypeVar("S", bound=ServiceSettings)

GRACE_SECONDS = 1.0
"""How long threads may go on after the service has said its last word. Nothing interrupts a call into a driver, a
decoder or a model; the process ends without it, with the status that it has."""
_LOOK_SECONDS = 0.01
_KEY_SECONDS = 2.0
"""How often the file of the site key is looked at."""
_ANEW = -1
"""Instead of an exit status: the process is to begin anew, because its site key is another one."""
_CHECK = "--check"


def run(kind: type[S], build: Callable[[S], Service]) -> int:
    """Run the service that `build` makes of the settings until SIGTERM or SIGINT; the exit status.

    2 after one sentence on standard error: it was set up wrongly. 1: it failed, and the log says how. Where threads of
    the service do not end, the process ends here. Site keys that change in their file are taken into use; where all of
    them are new, the process ends in order and begins anew.

    With `--check` on the command line the service does not start: its settings, its secrets and what it is built of are
    tried, then whether the broker lets it in, beside one that is at work; 0 when it could start.
    """
    return ended(lambda: _run(kind, build))


def _run(kind: type[S], build: Callable[[S], Service]) -> int:
    arguments = sys.argv[1:]
    settings = load(kind, [one for one in arguments if one != _CHECK])
    for name, why in strays(kind):
        _log.warning("setting_unknown", name=name, why=why)
    service = build(settings)
    if _CHECK in arguments:
        return asyncio.run(_check(service, settings))
    _settle()
    pool = ThreadPoolExecutor(thread_name_prefix="work")
    runner = asyncio.Runner()
    status = ended(lambda: runner.run(_serve(service, settings, pool)))
    pool.shutdown(wait=False, cancel_futures=True)
    if status == _ANEW:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # this very program
    if not _other_threads_end(GRACE_SECONDS):
        # The interpreter would wait for them however long it takes; and one that comes back from a driver while it
        # shuts down crashes it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    runner.close()
    return status


def _settle() -> None:
    """Leave what there is by now out of later searches for garbage: it stays, and to look at it takes up to 40 ms."""
    gc.collect()
    gc.freeze()


async def _check(service: Service, settings: ServiceSettings) -> int:
    client_id = f"{service.role}-check-{secrets.token_hex(16)}"
    try:
        async with transport(settings, service.role).connect(client_id=client_id, will=None, deliver=lambda _: None):
            return 0
    except ConnectionLost as lost:
        raise SetupError(f"{lost}; {way_out(lost, settings, service.role)}") from None


def _other_threads_end(within: float) -> bool:
    """Whether this is the only thread that is left after so many seconds."""
    until = time.monotonic() + within
    while others := [thread for thread in threading.enumerate() if thread is not threading.current_thread()]:
        if time.monotonic() >= until:
            _log.warning("threads_left_behind", threads=[thread.name for thread in others])
            return False
        time.sleep(_LOOK_SECONDS)
    return True


async def _serve(service: Service, settings: ServiceSettings, pool: ThreadPoolExecutor) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(pool)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _log.info("started", service=service.role, instance=settings.instance, version=__version__)
    path = settings.site_key_path if service.site_keys is not None else None
    another = None if path is None else asyncio.create_task(_other_keys(path, service, stop))
    try:
        heartbeat = Heartbeat.of_process(settings.status_file)
        way = transport(settings, service.role)
        await Runner(service, way, settings, SystemClock(), heartbeat).run(stop)
    except SetupError:
        raise
    except Exception:  # noqa: BLE001  # the last word of a process that cannot go on
        _log.exception("failed", service=service.role)
        return 1
    if another is not None:
        if another.done():
            return _ANEW
        another.cancel()
    _log.info("stopped", service=service.role)
    return 0


async def _other_keys(path: Path, service: Service, stop: asyncio.Event) -> None:
    """Tell the service when the file has other keys; set `stop` and return when it cannot go on with them."""
    known = _keys(path)
    while True:  # a file has no event, wherever it may be mounted from
        await asyncio.sleep(_KEY_SECONDS)
        if (found := _keys(path)) in {None, known}:
            continue
        known = found
        _log.warning("site_key_changed", path=str(path), keys=len(known or ()))
        if not service.hold(known or ()):
            stop.set()
            return


def _keys(path: Path) -> tuple[bytes, ...] | None:
    with suppress(OSError, ValueError):
        return read_keys(path)
    return None
