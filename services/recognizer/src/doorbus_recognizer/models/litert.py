"""LiteRT: runs TensorFlow Lite models, without TensorFlow. The only importer of ai_edge_litert.

ONNX models, which it cannot read, run on onnxruntime beside it.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from queue import Empty, LifoQueue

from ai_edge_litert.interpreter import Interpreter

from doorbus_recognizer.models.choice import CPU
from doorbus_recognizer.models.imaging import batch
from doorbus_recognizer.models.runtime import Feed, Image, Rows, Runner

_STANDARD_ERROR = 2
_GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate"


class LiteRt:
    """A runtime on the CPU that knows 32-bit machines as well."""

    name = "litert"
    variant = ""

    def __init__(self, weights: Path, threads: int, callers: int, device: str = CPU) -> None:
        """Run the weights in this directory with `threads` each, made ready for so many `callers` at once."""
        self._weights = weights
        self._threads = threads
        self._callers = callers
        self.problem = None if device == CPU else f"LiteRT has no device {device}, and runs on the CPU"

    def caller(self) -> AbstractContextManager[object]:
        """Nothing: each caller has all threads."""
        return nullcontext()

    def load(self, feed: Feed) -> Runner:
        """A model."""
        weights = self._weights / feed.weights
        if weights.suffix == ".onnx":
            from doorbus_recognizer.models.onnx import OnnxRunner  # noqa: PLC0415 (only where there is such a model)

            return OnnxRunner(weights, feed, self._threads)
        return LiteRtRunner(weights, feed, self._threads, self._callers)


class LiteRtRunner:
    """One model with one float32 input.

    An interpreter serves one caller at a time, so there are as many as there ever were callers at once, `callers` of
    them from the start: what a process needs for them it takes before it works, and not some day in between.
    """

    def __init__(self, weights: Path, feed: Feed, threads: int, callers: int) -> None:
        self.at_once = feed.at_once
        self._feed = feed
        self._weights = weights
        self._threads = threads
        self._idle: LifoQueue[Interpreter] = LifoQueue()  # the last one used is the one in the cache
        with _without_the_greeting():
            first = self._interpreter()
        (self._input,) = first.get_input_details()
        self._outputs = [output["index"] for output in first.get_output_details()]
        for interpreter in (first, *(self._interpreter() for _ in range(1, callers))):
            interpreter.invoke()  # takes the memory that it keeps
            self._idle.put(interpreter)

    def run(self, *pictures: Image) -> list[Rows]:
        """The outputs in the model's order, each a copy that stays valid."""
        try:
            interpreter = self._idle.get_nowait()
        except Empty:
            interpreter = self._interpreter()
        try:
            interpreter.set_tensor(self._input["index"], batch(pictures, self._feed))
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in self._outputs]
        finally:
            self._idle.put(interpreter)

    def _interpreter(self) -> Interpreter:
        interpreter = Interpreter(model_path=str(self._weights), num_threads=self._threads)
        interpreter.allocate_tensors()
        return interpreter


@contextmanager
def _without_the_greeting() -> Iterator[None]:
    """Keeps one line off standard error, which the library writes there as it begins, and cannot be told not to.

    For use before the process has other threads. What else is said meanwhile, up to what a pipe holds, comes after it.
    """
    sys.stderr.flush()
    ours = os.dup(_STANDARD_ERROR)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.dup2(writing, _STANDARD_ERROR)
    os.close(writing)
    try:
        yield
    finally:
        os.dup2(ours, _STANDARD_ERROR)
        os.close(ours)
        with os.fdopen(reading, "rb") as said:
            for line in said:
                if not line.startswith(_GREETING):
                    os.write(_STANDARD_ERROR, line)
