"""MobileFaceNet: turns an aligned face into a template of 192 values.

Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile Devices", 2018. The
model takes two faces at once; it gets the face and its mirror image, and the sum of both vectors is the template: on
504 pictures of 58 people that accepts 0.904 of genuine pairs at a false accept rate of 1 in 1,000.
"""

from pathlib import Path

import numpy as np

from doorbus.wire.templates import Template, unit
from doorbus_recognizer.faces import Image, Located
from doorbus_recognizer.models.choice import MOBILEFACENET
from doorbus_recognizer.models.imaging import rgb
from doorbus_recognizer.models.tflite import TfliteRunner

WEIGHTS = "MobileFaceNet.tflite"
_ALIGNMENT = "points.1"
"""Version of the alignment by five points of the mesh, part of the id: templates of two alignments do not compare."""
_MEAN, _SPREAD = 127.5, 128.0


class MobileFaceNet:
    """Embeds aligned faces."""

    def __init__(self, weights: Path, digest: str, threads: int, callers: int) -> None:
        self._runner = TfliteRunner(weights, threads, callers)
        self.model_id = f"{MOBILEFACENET}@{digest[:8]}/{_ALIGNMENT}"

    def embed(self, image: Image, face: Located) -> Template:  # noqa: ARG002 (what other embedders cut from)
        """Template of a face."""
        aligned = rgb(face.aligned, 1 / _SPREAD, -_MEAN / _SPREAD)
        (vectors,) = self._runner.run(np.concatenate((aligned, aligned[:, :, ::-1])))
        return unit(vectors.sum(axis=0))
