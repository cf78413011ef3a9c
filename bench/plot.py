"""A plot of the memory of several processes over time, as SVG."""

import math
from collections.abc import Mapping
from html import escape

from growth import MINUTE, Samples

_COLOURS = ("#1d4ed8", "#b45309", "#15803d", "#be123c", "#7c3aed", "#0e7490", "#a16207", "#6b7280")
_WIDTH, _HEIGHT = 900, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 670, 60, 370
_LIMIT = 6.0
"""The plot shows at most so many percent to each side."""
_STYLE = """
    .page { fill: #ffffff; stroke: #d0d7de; }
    .axis { stroke: #6b7280; stroke-width: 1; }
    .grid { stroke: #9ca3af; stroke-width: 0.5; stroke-dasharray: 3 4; }
    .allowed { fill: #15803d; opacity: 0.1; }
    .warm { fill: #6b7280; opacity: 0.12; }
    polyline { fill: none; stroke-width: 1.6; }
    text { font-family: "Segoe UI", "Helvetica Neue", Helvetica, Arial, sans-serif; font-size: 12px; fill: #374151; }
    .title { font-size: 15px; font-weight: 600; }
    .centre { text-anchor: middle; }
    .end { text-anchor: end; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d; }
      text { fill: #d1d5db; }
    }
"""


def plot(
    title: str, courses: Mapping[str, Samples], before: Mapping[str, float], *, warm_up: float, allowed: float
) -> str:
    """An SVG with a line for each process: its memory in percent of what it was after the warm-up (`before`, in MiB).

    `warm_up` is in seconds; growth up to `allowed` percent is marked as such.
    """
    relative = {
        name: [(at, (mib / before[name] - 1) * 100) for at, mib in samples] for name, samples in courses.items()
    }
    end = max(at for samples in relative.values() for at, _ in samples)
    reach = max(abs(percent) for samples in relative.values() for at, percent in samples if at >= warm_up)
    span = min(_LIMIT, max(allowed + 1, math.ceil(reach)))

    def x(at: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * at / end, 1)

    def y(percent: float) -> float:
        inside = max(-span, min(span, percent))
        return round((_TOP + _BOTTOM) / 2 - (_BOTTOM - _TOP) / 2 * inside / span, 1)

    zero = y(0)
    parts = [
        f'<rect class="page" x="1" y="1" width="{_WIDTH - 2}" height="{_HEIGHT - 2}" rx="10"/>',
        f'<text class="title" x="{_LEFT}" y="32">{escape(title)}</text>',
        f'<rect class="warm" x="{_LEFT}" y="{_TOP}" width="{x(warm_up) - _LEFT}" height="{_BOTTOM - _TOP}"/>',
        f'<rect class="allowed" x="{_LEFT}" y="{y(allowed)}" width="{_RIGHT - _LEFT}" height="{zero - y(allowed)}"/>',
        f'<text x="{_LEFT + 6}" y="{_TOP + 16}">warm-up</text>',
        f'<text class="end" x="{_RIGHT - 6}" y="{y(allowed) + 14}">allowed: {allowed:g} %</text>',
        f'<line class="axis" x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{_BOTTOM}"/>',
        f'<line class="axis" x1="{_LEFT}" y1="{_BOTTOM}" x2="{_RIGHT}" y2="{_BOTTOM}"/>',
        f'<text class="centre" x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 38}">minutes</text>',
    ]
    for percent in range(-math.floor(span), math.floor(span) + 1):
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y(percent)}" x2="{_RIGHT}" y2="{y(percent)}"/>')
        parts.append(f'<text class="end" x="{_LEFT - 8}" y="{y(percent) + 4}">{percent:+d} %</text>')
    minutes = end / MINUTE
    step = max(1, round(minutes / 6))
    parts += [
        f'<text class="centre" x="{x(minute * MINUTE)}" y="{_BOTTOM + 18}">{minute}</text>'
        for minute in range(0, math.floor(minutes) + 1, step)
    ]
    for number, (name, samples) in enumerate(relative.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{x(at)},{y(percent)}" for at, percent in samples)
        parts.append(f'<polyline stroke="{colour}" points="{points}"/>')
        row = _TOP + 14 + number * 24
        parts.append(
            f'<line stroke="{colour}" stroke-width="3" x1="{_RIGHT + 20}" y1="{row}" x2="{_RIGHT + 44}" y2="{row}"/>'
        )
        parts.append(f'<text x="{_RIGHT + 52}" y="{row + 4}">{escape(name)}: {before[name]:.0f} MiB</text>')
    body = "\n  ".join(parts)
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">\n'
        f'  <title id="title">{escape(title)}</title>\n  <style>{_STYLE}  </style>\n  {body}\n</svg>\n'
    )
