"""Builds detectors and embedders by name through deepface's model registry. The only importer of deepface.

The registry holds deepface's own models and whatever somebody adds to `modeling.AVAILABLE_MODELS`. Importing this
module loads no TensorFlow, PyTorch or pandas; building a model loads what that needs.

deepface keeps one instance of each model and one engine for a process, and finds both through the environment:
DEEPFACE_HOME is the directory of the weights, OMP_NUM_THREADS the threads of one model. Its models of TensorFlow are
for Keras 2, and TF_USE_LEGACY_KERAS has to ask for that before the first is loaded: the detector `retinaface` cannot be
built on Keras 3, and asks too late where another model came first.
"""

import contextlib
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from deepface import __version__ as deepface_version
from deepface.commons import backend_utils
from deepface.config.threshold import thresholds
from deepface.models.Detector import FacialAreaRegion
from deepface.modules import modeling
from deepface.modules.exceptions import UnimplementedError

from doorbus.wire.templates import Template, unit
from doorbus_recognizer.calibration import MOBILEFACENET, Scale, scale_from_distance
from doorbus_recognizer.faces import Detection, Image, Located, Point, five_points
from doorbus_recognizer.matching import Settled
from doorbus_recognizer.models import choice
from doorbus_recognizer.models.choice import Engine, ModelUnavailable
from doorbus_recognizer.models.imaging import warp

_ALIGNMENT = "eyes.1"
"""Version of the alignment by level eyes, part of a model's id: templates of two alignments do not compare."""
_BOX_OVER_MESH = 1.2
"""Side of the box over the longer side of the mesh, about what detectors report."""


class RegisteredDetector:
    """Any detector of the registry. Threads that call at once wait for each other: not every client bears two."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._turn = threading.Lock()

    def detect(self, image: Image) -> tuple[Detection, ...]:
        """The faces on a picture, in the detector's order."""
        with self._turn:
            found = self._client.detect_faces(image)
        return tuple(
            Detection(
                box=(float(face.x), float(face.y), float(face.w), float(face.h)),
                score=float(face.confidence if face.confidence is not None else 1.0),
                right_eye=_point(face.right_eye),
                left_eye=_point(face.left_eye),
            )
            for face in found
        )


class RegisteredEmbedder:
    """An embedder of the registry, which gets its faces the way deepface's own `represent` feeds it.

    A square box is cut out after the picture was turned until the eyes are level, resized and padded to the input's
    shape, and scaled to 0..1 in blue, green, red; no other normalisation, which is deepface's default. deepface's own
    functions do it, so that the thresholds which it publishes hold.

    Box and eyes come from the mesh and not from the detector, which makes the templates independent of it. Measured
    with dlib's ResNet on 60 pictures of 8 people: at deepface's threshold all 278 genuine pairs pass, against 97.8 %
    with the box and eyes of BlazeFace; no impostor pair does either way.
    """

    def __init__(self, client: Any, model_id: str) -> None:
        from deepface.modules import detection, preprocessing  # noqa: PLC0415 (0.3 s that a detector alone is spared)

        self._client = client
        self._turn = threading.Lock()  # not every client bears two callers at once
        self._extract = detection.extract_face
        self._resize = preprocessing.resize_image
        self.model_id = model_id

    def embed(self, image: Image, face: Located, settled: Settled | None = None) -> Template:  # noqa: ARG002 (for those who embed twice)
        """Template of a face."""
        left, top, side = _box(face)
        # deepface surrounds pictures with black before it cuts, so that a box at the edge keeps its shape.
        corner = np.array([left - side, top - side], dtype=np.float64)
        region = warp(image, np.array([[1.0, 0.0, -corner[0]], [0.0, 1.0, -corner[1]]]), (3 * side, 3 * side))
        right_eye, left_eye = np.rint(five_points(face.landmarks)[:2] - corner).astype(int).tolist()
        area = FacialAreaRegion(
            x=side, y=side, w=side, h=side, right_eye=tuple(right_eye), left_eye=tuple(left_eye), confidence=1.0
        )
        extracted = self._extract(
            facial_area=area,
            img=region,
            align=True,
            expand_percentage=0,
            width_border=0,
            height_border=0,
            detector_backend="",
        ).img
        rows, columns = self._client.input_shape
        with self._turn:
            vector = self._client.forward(self._resize(img=extracted / 255, target_size=(columns, rows)))
        return unit(vector)


class Registry:
    """deepface's registry, with the weights' directory, the engine and the threads of a model that it is to use."""

    def __init__(self, weights_dir: Path, engine: Engine, threads: int) -> None:
        """Tell deepface.

        Raises:
            ModelUnavailable: the engine is not installed, or this process already runs another.
        """
        self._home = weights_dir / ".deepface" / "weights"
        self._engine = engine
        with contextlib.suppress(OSError):  # read-only is fine where nothing has to be downloaded
            self._home.mkdir(parents=True, exist_ok=True)
        os.environ["DEEPFACE_HOME"] = str(weights_dir.resolve())
        os.environ["OMP_NUM_THREADS"] = str(threads)
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        os.environ[backend_utils.BACKEND_ENGINE_ENV_VAR] = engine.value
        try:
            running = backend_utils.get_backend_engine()
        except ValueError as error:
            raise ModelUnavailable(str(error)) from error
        if running != engine.value:
            raise ModelUnavailable(f"engine {engine.value}: this process already runs {running}; start another process")

    def detector(self, name: str) -> RegisteredDetector:
        """A detector; raises `ModelUnavailable` when there is none of that name, or it cannot be built."""
        return RegisteredDetector(
            self._build("face_detector", name, choice.BLAZEFACE, lambda client: client.detect_faces(_empty(480, 640)))
        )

    def embedder(self, name: str, digest: str | None) -> RegisteredEmbedder:
        """An embedder; raises `ModelUnavailable` when there is none of that name, or it cannot be built.

        Args:
            name: in the registry.
            digest: of the weights where they are pinned; part of the model's id, as else deepface's version and engine.
        """
        client = self._build(
            "facial_recognition",
            name,
            choice.MOBILEFACENET,
            lambda client: client.forward(_empty(*client.input_shape) / 255),
        )
        weights = digest[:8] if digest is not None else f"deepface-{deepface_version}-{self._engine.value}"
        return RegisteredEmbedder(client, f"{name}@{weights}/{_ALIGNMENT}")

    def scale(self, embedder: str) -> Scale:
        """Scale by the distance that deepface publishes for an embedder; the default model's where there is none."""
        return scale_from_distance(thresholds[embedder]["cosine"]) if embedder in thresholds else MOBILEFACENET

    def _build(self, task: str, name: str, our_own: str, use: Callable[[Any], object]) -> Any:
        """The model, built and used once: some load their weights only then, or do not look at what they load."""
        if name not in modeling.AVAILABLE_MODELS[task]:
            known = sorted({our_own, *modeling.AVAILABLE_MODELS[task]})
            raise ModelUnavailable(f"{task} {name!r}: no such model; there are {', '.join(known)}")
        try:
            client = modeling.build_model(task=task, model_name=name)
            use(client)
        except UnimplementedError as error:
            raise ModelUnavailable(f"{task} {name}: {error}") from error
        except Exception as error:  # what a model that is not ours raises is not ours to know
            if _wants_library(error):
                raise ModelUnavailable(f"{task} {name} needs a library that is not installed: {error}") from error
            raise ModelUnavailable(f"{task} {name} cannot be built: {self._way_out(error)}") from error
        return client

    def _way_out(self, error: Exception) -> str:
        """Which file has to be put where, after what the exception and the one behind it say."""
        home = self._home.resolve()
        said = f"{error} {error.__cause__ or ''}".strip()
        named = re.search(rf"{re.escape(str(home))}/([\w-]+(?:\.[a-z0-9]+)+)", said)
        if named is None:
            return f"{said} Its weights belong into {home}, where a damaged file has to be replaced or removed"
        file = home / named.group(1)
        if file.exists():
            return f"{file} is damaged, or another model's: replace it, or remove it to have it fetched. {said}"
        return f"its weights {file.name} could not be fetched: put them into {home}. {error}"


def _wants_library(error: BaseException) -> bool:
    """Whether an import failed, which some models report as something else."""
    return isinstance(error, ImportError) or isinstance(error.__cause__, ImportError)


def _empty(rows: int, columns: int) -> Image:
    return np.full((rows, columns, 3), 127, dtype=np.uint8)


def _box(face: Located) -> tuple[int, int, int]:
    """Left edge, upper edge and side of the square about the mesh."""
    mesh = face.landmarks.points[:, :2]
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    side = max(1, round(float((high - low).max()) * _BOX_OVER_MESH))
    left, top = np.rint((low + high - side) / 2).astype(int).tolist()
    return left, top, side


def _point(value: tuple[float, float] | None) -> Point | None:
    return None if value is None else (float(value[0]), float(value[1]))
