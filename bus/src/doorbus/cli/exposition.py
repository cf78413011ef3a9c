"""Health as a page for Prometheus, over HTTP. The only importer of prometheus_client."""

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, UnknownMetricFamily
from prometheus_client.registry import Collector

from doorbus.cli.instances import Instances
from doorbus.wire.figures import meaning

RECOGNIZERS_BUSY = "doorbus_recognizers_busy"
"""The one figure that an autoscaler needs."""
UNTOLD = "A figure of health."
"""What is said of a figure whose meaning nobody has written down."""
_LABELS = ("service", "instance")
_OWN = ("instance_up", "instance_problem", "refused", "refused_total", "recognizers_busy")

Look = Callable[[], Instances | None]
"""What is known now; None while the broker is away."""


class HealthCollector(Collector):
    """Turns what is known of all instances into metrics, each time somebody asks."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def collect(self) -> Iterable[Metric]:
        """The metrics of now; figures of instances that are not up are left out."""
        instances = self._look() or Instances()
        now = time.monotonic()
        up = GaugeMetricFamily("doorbus_instance_up", "1 when it is online and was heard of lately.", labels=_LABELS)
        problem = GaugeMetricFamily("doorbus_instance_problem", "1 when something keeps it from work.", labels=_LABELS)
        refused = CounterMetricFamily("doorbus_refused", "Messages refused.", labels=(*_LABELS, "channel", "reason"))
        figures: dict[str, UnknownMetricFamily] = {}
        for key, heard in sorted(instances.heard.items()):
            is_up = heard.is_up(now)
            up.add_metric(key, is_up)
            if not is_up:
                continue
            problem.add_metric(key, heard.health.problem is not None)
            for name, count in heard.health.refused.items():
                channel, _, reason = name.partition(".")
                refused.add_metric((*key, channel, reason), count)
            for name, value in heard.health.figures.items():
                if re.fullmatch(r"[a-z][a-z0-9_]*", name) and name not in _OWN:
                    told = meaning(name) or UNTOLD
                    family = figures.setdefault(name, UnknownMetricFamily(f"doorbus_{name}", told, labels=_LABELS))
                    family.add_metric(key, value)
        yield from (up, problem, refused, *figures.values())
        busy = instances.recognizers_busy(now)
        if busy is not None:
            yield GaugeMetricFamily(RECOGNIZERS_BUSY, "How many recognizers' worth of work there is.", value=busy)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
        """Say nothing of requests that went well."""


@contextmanager
def serving(host: str, port: int, look: Look) -> Iterator[int]:
    """Answer `GET /metrics` while the context lasts; its value is the port, which `port` 0 leaves open.

    Without the broker the answer is 503: no figures rather than old ones. Raises `OSError` when it cannot listen.
    """
    registry = CollectorRegistry()
    registry.register(HealthCollector(look))
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if look() is None:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"the broker is away\n"]
        page: Iterable[bytes] = metrics(environ, start_response)
        return page

    with make_server(host, port, answer, server_class=_Server, handler_class=_Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
