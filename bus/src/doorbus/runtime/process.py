"""The process of a service, from its first line to its exit status."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import TypeVar

import structlog

from doorbus import __version__
from doorbus.runtime.broker import transport
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.errors import SetupError, ended
from doorbus.runtime.heartbeat import Heartbeat
from doorbus.runtime.runner import Runner
from doorbus.runtime.service import Service
from doorbus.runtime.settings import ServiceSettings, load

_log = structlog.get_logger("doorbus.runtime.process")

S = TypeVar("S", bound=ServiceSettings)


def run(kind: type[S], build: Callable[[S], Service]) -> int:
    """Run the service that `build` makes of the settings until SIGTERM or SIGINT; the exit status.

    2 after one sentence on standard error: it was set up wrongly. 1: it failed, and the log says how.
    """
    return ended(lambda: _run(kind, build))


def _run(kind: type[S], build: Callable[[S], Service]) -> int:
    settings = load(kind)
    service = build(settings)
    status = ended(lambda: asyncio.run(_serve(service, settings)))
    if service.stuck():  # a thread that returns from a driver into an interpreter shutting down would crash it
        sys.stderr.flush()
        os._exit(status)
    return status


async def _serve(service: Service, settings: ServiceSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _log.info("started", service=service.role, instance=settings.instance, version=__version__)
    try:
        heartbeat = Heartbeat.of_process(settings.status_file)
        way = transport(settings, service.role)
        await Runner(service, way, settings, SystemClock(), heartbeat).run(stop)
    except SetupError:
        raise
    except Exception:  # noqa: BLE001  # the last word of a process that cannot go on
        _log.exception("failed", service=service.role)
        return 1
    _log.info("stopped", service=service.role)
    return 0
