"""BlazeFace, the long-range ("back") model: finds faces in a picture of any size.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019. The anchors, the decoding of
boxes and the blending of overlapping ones follow the parameters of MediaPipe's graph for this model.
"""

import numpy as np
from numpy.typing import NDArray

from doorbus_recognizer.faces import Detection, Image
from doorbus_recognizer.models.geometry import Matrix
from doorbus_recognizer.models.imaging import warp
from doorbus_recognizer.models.runtime import Feed, Runtime

WEIGHTS = "face_detection_back.tflite"
MIN_SCORE = 0.5
_SIDE = 256
FEED = Feed(WEIGHTS, _SIDE, mean=127.5, spread=127.5, long=True, wide=True)
_OVERLAP = 0.3
_CELLS = ((16, 2), (8, 6))
"""Cells along a side of each feature map, and anchors in each cell."""
_VALUES = 16
"""Box as centre and size, then six points: right eye, left eye, nose, mouth, right ear, left ear."""

Rows = NDArray[np.float32]


class BlazeFace:
    """Finds faces."""

    def __init__(self, runtime: Runtime) -> None:
        self._runner = runtime.load(FEED)
        self._anchors = anchors()

    def detect(self, image: Image) -> tuple[Detection, ...]:
        """The faces on a picture, most certain first; boxes may reach beyond the picture's edge."""
        height, width = image.shape[:2]
        scale = _SIDE / max(height, width)
        letterbox: Matrix = np.array(
            [
                [scale, 0.0, (_SIDE - width * scale + scale - 1) / 2],
                [0.0, scale, (_SIDE - height * scale + scale - 1) / 2],
            ]
        )
        outputs = self._runner.run(warp(image, letterbox, (_SIDE, _SIDE)))
        boxes = next(output[0] for output in outputs if output.shape[-1] == _VALUES)
        logits = next(output[0, :, 0] for output in outputs if output.shape[-1] == 1)
        shift = letterbox[:, 2]
        return tuple(
            Detection(
                box=(float(x - w / 2), float(y - h / 2), float(w), float(h)),
                score=float(score),
                right_eye=(float(row[4]), float(row[5])),
                left_eye=(float(row[6]), float(row[7])),
            )
            for score, row in decode(boxes, logits, self._anchors)
            for row in (_to_picture(row, scale, shift),)
            for x, y, w, h in (row[:4],)
        )


def anchors() -> Rows:
    """Centres of the 896 anchors, shape (896, 2), as fractions of the input's side."""
    maps = []
    for cells, per_cell in _CELLS:
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        ys, xs = np.meshgrid(centres, centres, indexing="ij")
        maps.append(np.repeat(np.stack((xs.ravel(), ys.ravel()), axis=1), per_cell, axis=0))
    return np.concatenate(maps)


def decode(boxes: Rows, logits: NDArray[np.float32], centres: Rows) -> list[tuple[float, Rows]]:
    """Scores and rows of the faces, in pixels of the model's input.

    Args:
        boxes: shape (896, 16), the model's first output.
        logits: shape (896,), its second.
        centres: the anchors.

    Returns:
        Each face's score and its 16 values: centre, size and six points; overlapping candidates are blended, weighted
        by their scores.
    """
    threshold = np.float32(np.log(MIN_SCORE / (1 - MIN_SCORE)))
    found = np.flatnonzero(logits > threshold)
    found = found[np.argsort(-logits[found])]
    scores = 1 / (1 + np.exp(-logits[found].astype(np.float64).clip(-80, 80)))
    rows = boxes[found].copy()
    rows[:, :2] += centres[found] * _SIDE
    rows[:, 4:] += np.tile(centres[found] * _SIDE, (1, (_VALUES - 4) // 2))
    overlaps = _overlaps(rows)
    left = np.ones(len(found), dtype=bool)
    faces: list[tuple[float, Rows]] = []
    for best in range(len(found)):
        if not left[best]:
            continue
        same = left & (overlaps[best] > _OVERLAP)
        same[best] = True
        left &= ~same
        faces.append((float(scores[best]), np.average(rows[same], axis=0, weights=scores[same])))
    return faces


def _overlaps(rows: Rows) -> Rows:
    """Intersection over union of each box with each."""
    low, high = rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2
    shared = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    intersection = shared.clip(min=0).prod(axis=2)
    area = rows[:, 2:4].prod(axis=1)
    return np.asarray(intersection / np.maximum(area[:, None] + area[None] - intersection, 1e-9), dtype=np.float32)


def _to_picture(row: Rows, scale: float, shift: NDArray[np.float64]) -> Rows:
    moved = row.astype(np.float64) / scale
    moved[:2] -= shift / scale
    moved[4:] -= np.tile(shift / scale, (_VALUES - 4) // 2)
    return moved.astype(np.float32)
