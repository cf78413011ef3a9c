"""From a picture to the faces on it: detection, mesh, alignment, template, liveness.

`Vision` chains four parts that it knows only as protocols. `build_vision` puts the chosen models behind them; for work
without weights there are those of `doorbus_recognizer.models.fakes`.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from doorbus.assets import Manifest, verify
from doorbus.wire.templates import Template
from doorbus_recognizer.calibration import MOBILEFACENET, Scale, scale_from_distance
from doorbus_recognizer.faces import (
    Box,
    Detection,
    Image,
    Landmarks,
    Located,
    SeenFace,
    eyes_open_of,
    five_points,
    pose_of,
    quality_of,
    size_of,
)
from doorbus_recognizer.models import imaging
from doorbus_recognizer.models.geometry import ARCFACE_POINTS, ARCFACE_SIZE, similarity_transform

WEIGHTS_MANIFEST = Path(__file__).with_name("weights.toml")
STAGES = ("detect", "mesh", "align", "embed", "liveness")
_MIN_MESH_SCORE = 0.5
_WARM_UP_ROUNDS = 4
"""So often callers start together, so that somewhere they do meet in each part."""
_MAX_FACES = 8
"""Faces looked at on one picture, the largest first, so that a crowd or a poster cannot hold up the door."""


class Detector(Protocol):
    """Finds faces."""

    def detect(self, image: Image) -> tuple[Detection, ...]:
        """The faces on a picture."""


class Mesh(Protocol):
    """Puts landmarks on a face."""

    def locate(self, image: Image, detection: Detection) -> Landmarks:
        """The landmarks of a detected face."""


class Embedder(Protocol):
    """Turns a face into a template."""

    @property
    def model_id(self) -> str:
        """Names model, weights and alignment; templates are comparable only where this is equal."""

    def embed(self, image: Image, face: Located) -> Template:
        """Template of a face."""


class LivenessJudge(Protocol):
    """Tells a face from a picture of one."""

    def live(self, image: Image, box: Box) -> float:
        """Probability 0..1 that the face in the box is a live one."""


class Vision:
    """Sees faces. Keeps nothing between pictures; several threads may call at once, `lanes` without waiting.

    Liveness is judged beside mesh and template, which do not wait for it: on two cores that takes a tenth off a frame
    that comes alone.
    """

    def __init__(
        self,
        detector: Detector,
        mesh: Mesh,
        embedder: Embedder,
        liveness: LivenessJudge | None,
        scale: Scale,
        *,
        lanes: int = 1,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._detector = detector
        self._mesh = mesh
        self._embedder = embedder
        self._liveness = liveness
        self._clock = clock
        self._lanes = lanes
        self._beside = ThreadPoolExecutor(lanes, thread_name_prefix="liveness")  # each thread more costs memory
        self.scale = scale

    @property
    def model_id(self) -> str:
        """Names model, weights and alignment, e.g. `MobileFaceNet@d8ba40c0/points.1`.

        Templates of another model are not comparable: a gallery that carries another id has to be refused.
        """
        return self._embedder.model_id

    def see(self, image: Image) -> tuple[tuple[SeenFace, ...], dict[str, float]]:
        """The faces on a picture, largest first, and the milliseconds spent in each of `STAGES`, all faces together.

        A detection on which the mesh finds no face is dropped. The stage `liveness` is the time that it was waited for.
        """
        watch = _Stopwatch(self._clock)
        found = sorted(self._detector.detect(image), key=lambda face: face.box[2] * face.box[3], reverse=True)
        watch.lap("detect")
        faces = tuple(
            face for detection in found[:_MAX_FACES] if (face := self._look(image, detection, watch)) is not None
        )
        return faces, watch.milliseconds

    def warm_up(self) -> None:
        """Runs every part on an empty picture, in all lanes side by side.

        The first run is slower, a broken model shows itself, and the process takes the memory that it will keep.
        """
        with ThreadPoolExecutor(self._lanes) as callers:
            for _ in range(_WARM_UP_ROUNDS):
                list(callers.map(lambda _: self._run_empty(), range(self._lanes)))

    def _run_empty(self) -> None:
        image: Image = np.full((480, 640, 3), 127, dtype=np.uint8)
        detection = Detection(box=(220.0, 140.0, 200.0, 200.0), score=1.0)
        self._detector.detect(image)
        landmarks = self._mesh.locate(image, detection)
        self._describe(image, detection, landmarks, self._judge(image, detection), _Stopwatch(self._clock))

    def _look(self, image: Image, detection: Detection, watch: "_Stopwatch") -> SeenFace | None:
        judging = self._judge(image, detection)
        landmarks = self._mesh.locate(image, detection)
        watch.lap("mesh")
        if landmarks.score < _MIN_MESH_SCORE:
            return None
        return self._describe(image, detection, landmarks, judging, watch)

    def _judge(self, image: Image, detection: Detection) -> Future[float] | None:
        return None if self._liveness is None else self._beside.submit(self._liveness.live, image, detection.box)

    def _describe(
        self,
        image: Image,
        detection: Detection,
        landmarks: Landmarks,
        judging: Future[float] | None,
        watch: "_Stopwatch",
    ) -> SeenFace:
        points = five_points(landmarks)
        aligned = imaging.warp(image, similarity_transform(points, ARCFACE_POINTS), (ARCFACE_SIZE, ARCFACE_SIZE))
        sharpness = imaging.sharpness(aligned)
        pose, size = pose_of(landmarks), size_of(landmarks)
        eyes_open, quality = eyes_open_of(landmarks), quality_of(size, sharpness, pose)
        watch.lap("align")
        template = self._embedder.embed(image, Located(detection=detection, landmarks=landmarks, aligned=aligned))
        watch.lap("embed")
        live = None if judging is None else judging.result()
        watch.lap("liveness")
        return SeenFace(
            box=detection.box,
            score=detection.score,
            points=points,
            pose=pose,
            eyes_open=eyes_open,
            size=size,
            sharpness=sharpness,
            quality=quality,
            template=template,
            live=live,
        )


class _Stopwatch:
    """Adds up the time between laps by the name of the stage that they end."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self.milliseconds = dict.fromkeys(STAGES, 0.0)

    def lap(self, stage: str) -> None:
        now = self._clock()
        self.milliseconds[stage] += (now - self._last) * 1000
        self._last = now


_PINNED = {
    "blazeface": "face_detection_back.tflite",
    "dlib": ".deepface/weights/shape_predictor_5_face_landmarks.dat",
    "MobileFaceNet": "MobileFaceNet.tflite",
    "Dlib": ".deepface/weights/dlib_face_recognition_resnet_model_v1.dat",
}
"""Models of the registry whose weights the manifest pins, by detector or embedder name."""


def build_vision(
    *,
    weights_dir: Path,
    model: str = "MobileFaceNet",
    detector: str = "blazeface",
    liveness: bool = True,
    engine: str = "onnx",
    threads: int = 2,
    lanes: int = 1,
) -> Vision:
    """Builds the chain on the chosen models.

    Two threads a model are fastest on two cores: 23 ms against 29 ms with one for a 640x480 frame with one face, one
    after the other, on the machine where this was measured; two frames side by side gain a quarter in throughput.

    Args:
        weights_dir: directory of the weights; deepface's own go to `.deepface/weights` in it.
        model: embedder, by its name in deepface's registry.
        detector: detector, by its name there.
        liveness: whether each face is judged live or not.
        engine: `onnx`, `tensorflow` or `pytorch`: what runs those of deepface's models that have a choice.
        threads: threads that one model may use.
        lanes: how many callers at once the chain is made ready for.

    Raises:
        doorbus_recognizer.models.registry.ModelUnavailable: unknown model, detector or engine, or one whose library or
            weights cannot be had.
        doorbus.assets.AssetError: a pinned file is missing or corrupt; names it and the command that fetches it.
    """
    # The runtimes are loaded here and not above: whoever runs on the fakes needs none of them.
    from doorbus_recognizer.models import facemesh, registry  # noqa: PLC0415
    from doorbus_recognizer.models import liveness as passive  # noqa: PLC0415
    from doorbus_recognizer.models.tflite import TfliteRunner  # noqa: PLC0415

    names = [facemesh.WEIGHTS, *(_PINNED[name] for name in (detector, model) if name in _PINNED)]
    if liveness:
        names.append(passive.WEIGHTS)
    verify(WEIGHTS_MANIFEST, weights_dir, only=names)
    pinned = Manifest.load(WEIGHTS_MANIFEST)
    published = registry.published_distance(model)

    imaging.use_threads(1)
    TfliteRunner.callers = lanes
    registry.configure(weights_dir, registry.Engine(engine), threads)
    vision = Vision(
        detector=registry.build_detector(detector),
        mesh=facemesh.FaceMesh(weights_dir / facemesh.WEIGHTS, threads),
        embedder=registry.build_embedder(
            model,
            registry.Engine(engine),
            pinned.asset(_PINNED[model]).sha256 if model in _PINNED else None,
        ),
        liveness=passive.Liveness(weights_dir / passive.WEIGHTS, threads) if liveness else None,
        scale=MOBILEFACENET if published is None else scale_from_distance(published),
        lanes=lanes,
    )
    vision.warm_up()
    return vision
