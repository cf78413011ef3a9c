"""What runs a neural network, as the models see it: a runtime loads weights, and a runner answers pictures. Pure.

The pictures go in as they are, uint8 in blue, green, red; what a model wants made of them is its `Feed`, and each
runtime does that where it costs least.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Feed:
    """The one input of a model, and the pictures that become it."""

    weights: str
    """Name of the file, .tflite or .onnx."""
    side: int
    """Width and height of a picture in pixels."""
    mean: float = 0.0
    spread: float = 1.0
    """The model sees `(value - mean) / spread` of each value 0 to 255."""
    planar: bool = False
    """True: shape (n, 3, side, side) in blue, green, red. False: shape (n, side, side, 3) in red, green, blue."""
    at_once: int = 1
    """How many pictures the file was made for."""
    long: bool = False
    """Whether it takes some milliseconds, so that callers had better not wait for each other."""
    wide: bool = False
    """Whether all else of a picture waits for it, so that other cores have nothing better to do."""


class Runner(Protocol):
    """One loaded model. Several threads may call at once."""

    at_once: int
    """How many pictures `run` takes: as many as the file was made for, or one where the runtime can change that."""

    def run(self, *pictures: Image) -> list[Rows]:
        """The model's outputs, in its order, each a copy that stays valid; their first axis is that of the pictures."""
        ...


class Runtime(Protocol):
    """Loads models."""

    name: str
    """What health calls it."""
    variant: str
    """What the templates' model id gets at its end; empty where results are those of float32."""

    @property
    def problem(self) -> str | None:
        """What was asked for and could not be had so far, if anything, and what is used in its place."""
        ...

    def caller(self) -> AbstractContextManager[object]:
        """To be held while a picture is looked at, so that the threads are shared out among those that are."""
        ...

    def load(self, feed: Feed) -> Runner:
        """A model, ready to run; raises `ModelUnavailable` when it cannot be."""
        ...
