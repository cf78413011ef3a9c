"""How long the models take by themselves: the floor under the stages of a recognizer, for bench/latency.py."""

import statistics
import time
from pathlib import Path

import numpy as np

from doorbus_recognizer.models import blazeface, facemesh, liveness, mobilefacenet
from doorbus_recognizer.models.runtime import Runner
from doorbus_recognizer.models.runtimes import build_runtime
from doorbus_recognizer.settings import RecognizerSettings

_MODELS = {
    "detect": blazeface.FEED,
    "mesh": facemesh.FEED,
    "embed": mobilefacenet.FEED,
    "liveness": liveness.FEED,
}
_ROUNDS = 200
_WARM_UP = 20


def floors(weights: Path) -> dict[str, float]:
    """Median milliseconds of one run of each model, back to back, by the stage that it is the floor of.

    The runtime is the one that recognizers with these settings use.
    """
    own = RecognizerSettings().recognizer
    runtime = build_runtime(
        own.runtime,
        weights,
        threads=own.threads,
        callers=own.lanes,
        device=own.device,
        precision=own.precision,
    )
    return {stage: _median(runtime.load(feed), feed.side) for stage, feed in _MODELS.items()}


def _median(runner: Runner, side: int) -> float:
    pictures = [np.full((side, side, 3), 127, np.uint8)] * runner.at_once
    spans = []
    for _ in range(_WARM_UP + _ROUNDS):
        began = time.perf_counter()
        runner.run(*pictures)
        spans.append((time.perf_counter() - began) * 1000)
    return statistics.median(spans[_WARM_UP:])
