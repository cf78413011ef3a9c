"""Builds detectors and embedders by name through deepface's model registry. The only importer of deepface.

The project's own models are registered beside deepface's and are clients like these, so that they can be used from
deepface as well. Importing this module loads no TensorFlow, PyTorch or pandas; building a model loads what that needs.

deepface keeps one instance of each model and one engine for a process, and finds both through the environment; so do
the clients here: DEEPFACE_HOME is the directory of the weights, OMP_NUM_THREADS the threads of one model.
"""

import contextlib
import os
import threading
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from deepface import __version__ as deepface_version
from deepface.commons import backend_utils
from deepface.config.threshold import thresholds
from deepface.models.Detector import Detector, FacialAreaRegion
from deepface.models.FacialRecognition import FacialRecognition
from deepface.modules import modeling
from deepface.modules.exceptions import UnimplementedError
from numpy.typing import NDArray

from doorbus.wire.templates import Template
from doorbus_recognizer.faces import Detection, Image, Located, Point, five_points
from doorbus_recognizer.models import blazeface, mobilefacenet
from doorbus_recognizer.models.imaging import warp

BLAZEFACE = "blazeface"
MOBILEFACENET = "MobileFaceNet"
_FIVE_POINTS, _LEVEL_EYES = "points.1", "eyes.1"
"""Versions of the two alignments, part of a model's id: a change makes templates of before incomparable."""
_BOX_OVER_MESH = 1.2
"""Side of the box over the longer side of the mesh, about what detectors report."""
_DEFAULT_THREADS = 2


class Engine(StrEnum):
    """What runs deepface's neural networks."""

    ONNX = "onnx"
    TENSORFLOW = "tensorflow"
    PYTORCH = "pytorch"


class ModelUnavailable(Exception):  # noqa: N818 (it is a state of affairs that a person has to change)
    """A model is unknown, or something that it needs is not there; the text says what and the way out."""


class BlazeFaceClient(Detector):  # type: ignore[misc]
    """BlazeFace as a detector of deepface."""

    def __init__(self) -> None:
        self.model = blazeface.BlazeFace(_home() / blazeface.WEIGHTS, _threads())

    def detect_faces(self, img: NDArray[Any]) -> list[FacialAreaRegion]:
        """The faces on a picture in blue, green, red, in whole pixels."""
        return [
            FacialAreaRegion(
                *(round(value) for value in face.box),
                left_eye=_rounded(face.left_eye),
                right_eye=_rounded(face.right_eye),
                confidence=face.score,
            )
            for face in self.model.detect(img)
        ]


class MobileFaceNetClient(FacialRecognition):  # type: ignore[misc]
    """MobileFaceNet as a facial recognition model of deepface."""

    def __init__(self) -> None:
        self.model = mobilefacenet.MobileFaceNet(_home() / mobilefacenet.WEIGHTS, _threads())
        self.model_name = MOBILEFACENET
        self.input_shape = (mobilefacenet.SIDE, mobilefacenet.SIDE)
        self.output_shape = mobilefacenet.LENGTH

    def forward(self, img: NDArray[Any]) -> list[float] | list[list[float]]:
        """Vector of one face or vectors of several, shape (112, 112, 3) each, blue, green, red, values 0..1."""
        faces = np.asarray(img, dtype=np.float32)[..., ::-1] * np.float32(255)
        vectors = [self.model.embed(face).tolist() for face in faces.reshape(-1, *faces.shape[-3:])]
        return vectors[0] if len(vectors) == 1 else vectors


for _task, _name, _client in (
    ("face_detector", BLAZEFACE, BlazeFaceClient),
    ("facial_recognition", MOBILEFACENET, MobileFaceNetClient),
):
    modeling.AVAILABLE_MODELS[_task][_name] = {modeling.ANY: f"{__name__}.{_client.__name__}"}


class RegisteredDetector:
    """Any detector of the registry. Threads that call at once wait for each other: not every client bears two."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._turn = nullcontext() if isinstance(client, BlazeFaceClient) else threading.Lock()

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
            if face.w > 0 and face.h > 0
        )


class AlignedEmbedder:
    """An embedder of the registry that was trained on faces aligned by five points."""

    def __init__(self, client: Any, model_id: str) -> None:
        self._client = client
        self.model_id = model_id

    def embed(self, image: Image, face: Located) -> Template:  # noqa: ARG002 (the other embedder cuts from the picture)
        """Template of a face."""
        return _unit(self._client.forward(face.aligned.astype(np.float32) / np.float32(255)))


class DeepFaceEmbedder:
    """An embedder of the registry that gets its faces the way deepface's own `represent` feeds it.

    A square box is cut out after the picture was turned until the eyes are level, resized and padded to the input's
    shape, and scaled to 0..1 in blue, green, red; no other normalisation, which is deepface's default. deepface's own
    functions do it, so that the thresholds which it publishes hold.

    Box and eyes come from the mesh and not from the detector, which makes the templates independent of it. Measured
    with dlib's ResNet on 60 pictures of 8 people: at deepface's threshold all 278 genuine pairs pass, against 97.8 %
    with the box and eyes of BlazeFace; no impostor pair does either way.
    """

    def __init__(self, client: Any, model_id: str) -> None:
        from deepface.modules import detection, preprocessing  # noqa: PLC0415 (0.3 s that the default stack is spared)

        self._client = client
        self._turn = threading.Lock()  # not every client bears two callers at once
        self._extract = detection.extract_face
        self._resize = preprocessing.resize_image
        self.model_id = model_id

    def embed(self, image: Image, face: Located) -> Template:
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
        return _unit(vector)


def configure(weights_dir: Path, engine: Engine, threads: int) -> None:
    """Tells deepface where the weights lie, which engine to take and how many threads a model may use.

    Raises:
        ModelUnavailable: the engine is not installed, or this process already runs another.
    """
    with contextlib.suppress(OSError):  # read-only is fine where nothing has to be downloaded
        (weights_dir / ".deepface" / "weights").mkdir(parents=True, exist_ok=True)
    os.environ["DEEPFACE_HOME"] = str(weights_dir.resolve())
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ[backend_utils.BACKEND_ENGINE_ENV_VAR] = engine.value
    try:
        running = backend_utils.get_backend_engine()
    except ValueError as error:
        raise ModelUnavailable(str(error)) from error
    if running != engine.value:
        raise ModelUnavailable(f"engine {engine.value}: this process already runs {running}; start another process")


def build_detector(name: str) -> RegisteredDetector:
    """A detector by its name in the registry.

    Raises:
        ModelUnavailable: no such detector, or its library or weights are missing.
    """
    return RegisteredDetector(_build("face_detector", name))


def build_embedder(name: str, engine: Engine, digest: str | None) -> AlignedEmbedder | DeepFaceEmbedder:
    """An embedder by its name in the registry.

    Args:
        name: in the registry.
        engine: that runs it; part of the model's id where the weights are not pinned.
        digest: of the weights where they are pinned.

    Raises:
        ModelUnavailable: no such model, or its library or weights are missing.
    """
    client = _build("facial_recognition", name)
    weights = digest[:8] if digest is not None else f"deepface-{deepface_version}-{engine.value}"
    if name == MOBILEFACENET:
        return AlignedEmbedder(client, f"{name}@{weights}/{_FIVE_POINTS}")
    return DeepFaceEmbedder(client, f"{name}@{weights}/{_LEVEL_EYES}")


def published_distance(model: str) -> float | None:
    """Cosine distance up to which deepface calls two faces one person; None for a model that is not deepface's own."""
    return thresholds[model]["cosine"] if model in thresholds else None


def _build(task: str, name: str) -> Any:
    known = sorted(modeling.AVAILABLE_MODELS[task])
    if name not in known:
        raise ModelUnavailable(f"{task} {name!r}: no such model; there are {', '.join(known)}")
    try:
        return modeling.build_model(task=task, model_name=name)
    except UnimplementedError as error:
        raise ModelUnavailable(f"{task} {name}: {error}") from error
    except ImportError as error:
        raise ModelUnavailable(f"{task} {name} needs a library that is not installed: {error}") from error
    except (ValueError, OSError) as error:
        raise ModelUnavailable(
            f"{task} {name} cannot be built: {error} Its weights belong into {_home() / '.deepface' / 'weights'}"
        ) from error


def _home() -> Path:
    return Path(os.environ["DEEPFACE_HOME"])


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", _DEFAULT_THREADS))


def _box(face: Located) -> tuple[int, int, int]:
    """Left edge, upper edge and side of the square about the mesh."""
    mesh = face.landmarks.points[:, :2]
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    side = max(1, round(float((high - low).max()) * _BOX_OVER_MESH))
    left, top = np.rint((low + high - side) / 2).astype(int).tolist()
    return left, top, side


def _point(value: tuple[float, float] | None) -> Point | None:
    return None if value is None else (float(value[0]), float(value[1]))


def _rounded(value: Point | None) -> tuple[int, int] | None:
    return None if value is None else (round(value[0]), round(value[1]))


def _unit(vector: list[float]) -> Template:
    template = np.asarray(vector, dtype=np.float32)
    return np.asarray(template / np.linalg.norm(template), dtype=np.float32)
