"""Runs TensorFlow Lite models, without TensorFlow. The only importer of ai_edge_litert."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray


class TfliteRunner:
    """One model with one float32 input. Not to be called by two threads at once."""

    def __init__(self, weights: Path, threads: int) -> None:
        self._interpreter = Interpreter(model_path=str(weights), num_threads=threads)
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape that `run` takes, batch first."""
        return tuple(int(size) for size in self._input["shape"])

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The outputs in the model's order, each a copy that stays valid."""
        self._interpreter.set_tensor(self._input["index"], batch)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]
