"""Figures of health in the text format of Prometheus. Pure."""

import re
from collections.abc import Iterator

from doorbus.wire.messages import Presence
from doorbus_console.scene import Scene

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text(scene: Scene) -> str:
    """Whether each instance is up and well, what it refused, and its figures."""
    lines: dict[str, list[str]] = {}
    for name, labels, value in _samples(scene):
        shown = ",".join(f'{key}="{_escaped(one)}"' for key, one in labels.items())
        lines.setdefault(name, [f"# TYPE {name} untyped"]).append(f"{name}{{{shown}}} {value:g}")
    return "".join(f"{line}\n" for group in lines.values() for line in group)


def _samples(scene: Scene) -> Iterator[tuple[str, dict[str, str], float]]:
    for (service, instance), (health, _, _) in sorted(scene.services.items()):
        labels = {"service": service, "instance": instance}
        yield "doorbus_instance_up", labels, health.state is Presence.ONLINE
        if health.state is Presence.OFFLINE:
            continue
        yield "doorbus_instance_problem", labels, health.problem is not None
        for name, count in sorted(health.refused.items()):
            channel, _, reason = name.partition(".")
            yield "doorbus_refused_total", {**labels, "channel": channel, "reason": reason}, count
        for name, value in sorted(health.figures.items()):
            if re.fullmatch(r"[a-z][a-z0-9_]*", name):
                yield f"doorbus_{name}", labels, value


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
