"""From a picture to the faces on it: detection, mesh, alignment, template, liveness.

`Vision` chains four parts that it knows only as protocols. `doorbus_recognizer.factory` puts the chosen models behind
them; for work without weights there are those of `doorbus_recognizer.models.fakes`.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import Protocol

import numpy as np

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.templates import Template
from doorbus_recognizer.calibration import Scale
from doorbus_recognizer.faces import (
    Box,
    Detection,
    Image,
    Landmarks,
    Located,
    SeenFace,
    aspect_of,
    eyes_open_of,
    five_points,
    pose_of,
    quality_of,
    size_of,
)
from doorbus_recognizer.matching import Settled
from doorbus_recognizer.models import imaging
from doorbus_recognizer.models.geometry import ARCFACE_POINTS, ARCFACE_SIZE, similarity_transform
from doorbus_recognizer.models.runtime import Runtime

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

    def embed(self, image: Image, face: Located, settled: Settled | None = None) -> Template:
        """Template of a face; raises `Refused` when the model makes none of it.

        One that makes a template more certain by further work leaves that when `settled` says yes to what it has.
        """


class LivenessJudge(Protocol):
    """Tells a face from a picture of one."""

    def live(self, image: Image, box: Box) -> float:
        """Probability 0..1 that the face in the box is a live one."""


class LidGauge(Protocol):
    """Looks at the eyes of a face."""

    def openings(self, image: Image, landmarks: Landmarks) -> tuple[float, float]:
        """Height over width of the open part of the right and of the left one, 0 when they are closed."""


class PoseGauge(Protocol):
    """Looks at the parts of a face."""

    def apart(self, image: Image, landmarks: Landmarks) -> tuple[float, float]:
        """Degrees by which the yaw is more without left than without right, and without above than without below."""


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
        gauge: LidGauge | None = None,
        parts: PoseGauge | None = None,
        lanes: int = 1,
        runtime: Runtime | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._detector = detector
        self._mesh = mesh
        self._embedder = embedder
        self._liveness = liveness
        self._gauge = gauge
        self._parts = parts
        self._clock = clock
        self._lanes = lanes
        self._beside = ThreadPoolExecutor(lanes, thread_name_prefix="liveness")  # each thread more costs memory
        self._runtime = runtime
        self._caller: Callable[[], AbstractContextManager[object]] = nullcontext if runtime is None else runtime.caller
        self.scale = scale

    @property
    def model_id(self) -> str:
        """Names model, weights and alignment, e.g. `MobileFaceNet@d8ba40c0/points.1`.

        Templates of another model are not comparable: a gallery that carries another id has to be refused.
        """
        return self._embedder.model_id

    @property
    def runtime(self) -> str | None:
        """What runs the models, as health calls it."""
        return None if self._runtime is None else self._runtime.name

    @property
    def problem(self) -> str | None:
        """What the runtime could not have as it was asked for, and what it uses instead."""
        return None if self._runtime is None else self._runtime.problem

    def see(
        self, image: Image, settled: Settled | None = None, *, lids: bool = False, parts: bool = False
    ) -> tuple[tuple[SeenFace, ...], dict[str, float]]:
        """The faces on a picture, largest first, and the milliseconds spent in each of `STAGES`, all faces together.

        With `settled` a template may be less certain than it could be, where that says that it does not matter. With
        `lids` it is looked at how far the eyes are open, with `parts` whether parts of a face tell one pose, both as a
        part of the stage `mesh`.

        A detection that is smaller than a pixel, or on which the mesh finds no face, is dropped. The stage `liveness`
        is the time that it was waited for.
        """
        watch = _Stopwatch(self._clock)
        with self._caller():
            faces = [face for face in self._detector.detect(image) if min(face.box[2:]) >= 1]
            found = sorted(faces, key=lambda face: face.box[2] * face.box[3], reverse=True)
            watch.lap("detect")
            looked_at = [
                self._look(image, detection, watch, settled, lids=lids, parts=parts) for detection in found[:_MAX_FACES]
            ]
        return tuple(face for face in looked_at if face is not None), watch.milliseconds

    def template_of(self, aligned: Image) -> Template:
        """The template of a face of which the aligned crop alone is left; raises `Refused` where there is no face.

        Of dlib's ResNet it differs from that of the whole picture by a cosine of 0.02, because forehead and chin are
        cut off; of ours by 0.001 (6 pictures).
        """
        right_eye, left_eye = ARCFACE_POINTS[:2].tolist()
        place = Detection((0.0, 0.0, ARCFACE_SIZE, ARCFACE_SIZE), 1.0, tuple(right_eye), tuple(left_eye))
        landmarks = self._mesh.locate(aligned, place)
        if landmarks.score < _MIN_MESH_SCORE:
            raise Refused(Refusal.NOT_A_PICTURE, "no face on the aligned crop")
        return self._embedder.embed(aligned, Located(landmarks=landmarks, aligned=aligned))

    def close(self) -> None:
        """Let go of all threads, also of those that are still at work; nothing is seen after that. Twice is fine."""
        self._beside.shutdown(wait=False, cancel_futures=True)

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
        if self._gauge is not None:
            self._gauge.openings(image, landmarks)
        if self._parts is not None:
            self._parts.apart(image, landmarks)
        judging = self._judge(image, detection)
        with suppress(Refused):  # where there is no face, an embedder may find no direction
            self._describe(image, detection, landmarks, judging, _Stopwatch(self._clock))

    def _look(
        self,
        image: Image,
        detection: Detection,
        watch: "_Stopwatch",
        settled: Settled | None,
        *,
        lids: bool,
        parts: bool,
    ) -> SeenFace | None:
        place = detection.in_whole_pixels()
        judging = self._judge(image, place)
        landmarks = self._mesh.locate(image, place)
        if landmarks.score < _MIN_MESH_SCORE:
            watch.lap("mesh")
            return None
        openings = self._gauge.openings(image, landmarks) if lids and self._gauge is not None else None
        apart = self._parts.apart(image, landmarks) if parts and self._parts is not None else None
        watch.lap("mesh")
        face = self._describe(image, detection, landmarks, judging, watch, settled=settled)
        if apart is not None:
            face = replace(face, sides_apart=apart[0], ends_apart=apart[1])
        if openings is None:
            return face
        right, left = openings
        return replace(face, lids=(right + left) / 2, lids_apart=abs(right - left))

    def _judge(self, image: Image, detection: Detection) -> Future[float] | None:
        return None if self._liveness is None else self._beside.submit(self._liveness.live, image, detection.box)

    def _describe(
        self,
        image: Image,
        detection: Detection,
        landmarks: Landmarks,
        judging: Future[float] | None,
        watch: "_Stopwatch",
        *,
        settled: Settled | None = None,
    ) -> SeenFace:
        points = five_points(landmarks)
        aligned = imaging.warp(image, similarity_transform(points, ARCFACE_POINTS), (ARCFACE_SIZE, ARCFACE_SIZE))
        sharpness = imaging.sharpness(aligned)
        pose, size = pose_of(landmarks), size_of(landmarks)
        eyes_open, quality = eyes_open_of(landmarks), quality_of(size, sharpness, pose)
        watch.lap("align")
        template = self._embedder.embed(image, Located(landmarks=landmarks, aligned=aligned), settled)
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
            aspect=aspect_of(landmarks),
            aligned=aligned,
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
