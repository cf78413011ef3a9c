"""Runs ONNX models on the CPU. The only importer of onnxruntime."""

from pathlib import Path

import onnxruntime

from doorbus_recognizer.models.imaging import batch
from doorbus_recognizer.models.runtime import Feed, Image, Rows


class OnnxRunner:
    """One model with one float32 input."""

    def __init__(self, weights: Path, feed: Feed, threads: int) -> None:
        self.at_once = feed.at_once
        self._feed = feed
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Idle workers that spin take the core from the next model of the chain: on two cores 40 ms against 25.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, *pictures: Image) -> list[Rows]:
        """The outputs in the model's order."""
        return list(self._session.run(None, {self._input: batch(pictures, self._feed)}))
