"""The recognizer that the settings ask for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from doorbus.assets import AssetError, AssetList, verify
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.errors import SetupError
from doorbus.runtime.floor import Floor
from doorbus.runtime.keys import open_keys
from doorbus.runtime.site_key import open_recorder_seal, open_seal
from doorbus.wire.channels import Role
from doorbus_recognizer import calibration
from doorbus_recognizer.calibration import Scale
from doorbus_recognizer.memory import give_back
from doorbus_recognizer.models import blazeface, facemesh, imaging, iris, mobilefacenet
from doorbus_recognizer.models import liveness as passive
from doorbus_recognizer.models.choice import (
    BLAZEFACE,
    CPU,
    MOBILEFACENET,
    Engine,
    ModelUnavailable,
    Precision,
    RuntimeChoice,
)
from doorbus_recognizer.models.runtime import Runtime
from doorbus_recognizer.models.runtimes import build_runtime
from doorbus_recognizer.service import RecognizerService
from doorbus_recognizer.settings import RecognizerSettings
from doorbus_recognizer.vision import Detector, Embedder, Vision

if TYPE_CHECKING:
    from doorbus_recognizer.models.registry import Registry

WEIGHTS_MANIFEST = Path(__file__).with_name("weights.toml")
_PINNED = {
    BLAZEFACE: blazeface.WEIGHTS,
    "dlib": ".deepface/weights/shape_predictor_5_face_landmarks.dat",
    MOBILEFACENET: mobilefacenet.WEIGHTS,
    "Dlib": ".deepface/weights/dlib_face_recognition_resnet_model_v1.dat",
}
"""Weights that the manifest pins, by the name of the detector or embedder."""


_PARTS = {"model", "detector", "engine", "liveness", "threads", "lanes", "runtime", "device", "precision"}


def build_service(settings: RecognizerSettings) -> RecognizerService:
    """The service with its models built; raises `SetupError` when one, or a key, cannot be had."""
    own, name, portraits = settings.recognizer, settings.instance, settings.homeassistant.portraits
    seal, keys = open_seal(settings), open_keys(settings, Role.RECOGNIZER)
    review = open_recorder_seal(settings) if own.review else None
    try:
        parts = own.model_dump(include=_PARTS)
        eyes = build_vision(weights_dir=settings.weights, **parts)
    except (AssetError, ModelUnavailable) as error:
        raise SetupError(
            f"DOORBUS_RECOGNIZER__MODEL, __DETECTOR, __ENGINE, __RUNTIME, __PRECISION or __WEIGHTS: {error}"
        ) from None
    clock = SystemClock()
    floor = Floor(settings.floors, "gallery", settings.root, clock)
    return RecognizerService(
        eyes, seal, keys, own, floor, instance=name, clock=clock, portraits=portraits, review=review
    )


def build_vision(
    *,
    weights_dir: Path,
    model: str = MOBILEFACENET,
    detector: str = BLAZEFACE,
    liveness: bool = True,
    engine: Engine = Engine.ONNX,
    threads: int = 2,
    lanes: int = 1,
    runtime: RuntimeChoice = RuntimeChoice.AUTO,
    device: str = CPU,
    precision: Precision = Precision.F32,
) -> Vision:
    """Builds the chain on the chosen models. Our own are built here, all others by deepface's registry.

    On LiteRT two threads a model are fastest on two cores: 23 ms against 29 ms with one for a 640x480 frame with one
    face, one after the other, on the machine where this was measured; two frames side by side gain a quarter in
    throughput.

    Args:
        weights_dir: directory of the weights; deepface's own go to `.deepface/weights` in it.
        model: embedder; ours, or one by its name in deepface's registry.
        detector: detector; ours, or one by its name there.
        liveness: whether each face is judged live or not.
        engine: what runs those of deepface's models that have a choice.
        threads: threads that one model may use.
        lanes: how many callers at once the chain is made ready for.
        runtime: what runs our own models.
        device: where OpenVINO runs them; the CPU where that cannot be had.
        precision: which numbers OpenVINO reckons with.

    Raises:
        ModelUnavailable: unknown model, detector or engine, or one or a runtime whose library or weights cannot be had.
        AssetError: a pinned file is missing or corrupt; names it and the command that fetches it.
    """
    names = [facemesh.WEIGHTS, iris.WEIGHTS, *(_PINNED[name] for name in (detector, model) if name in _PINNED)]
    verify(WEIGHTS_MANIFEST, weights_dir, only=[*names, *([passive.WEIGHTS] if liveness else [])])

    give_back()
    imaging.use_threads(1)
    ours = build_runtime(runtime, weights_dir, threads=threads, callers=lanes, device=device, precision=precision)
    means = _Means(weights_dir, engine, threads, ours)
    embedder, scale = means.embedder(model)
    mesh = facemesh.FaceMesh(ours)
    vision = Vision(
        detector=means.detector(detector),
        mesh=mesh,
        embedder=embedder,
        liveness=passive.PassiveLiveness(ours) if liveness else None,
        scale=scale,
        gauge=iris.EyeLids(ours),
        parts=mesh,
        lanes=lanes,
        runtime=ours,
    )
    vision.warm_up()
    return vision


@dataclass(frozen=True)
class _Means:
    """What models are built with."""

    weights: Path
    engine: Engine
    threads: int
    runtime: Runtime

    def detector(self, name: str) -> Detector:
        if name == BLAZEFACE:
            return blazeface.BlazeFace(self.runtime)
        return self._registry().detector(name)

    def embedder(self, name: str) -> tuple[Embedder, Scale]:
        pinned = AssetList.load(WEIGHTS_MANIFEST).asset(_PINNED[name]).sha256 if name in _PINNED else None
        if name == MOBILEFACENET and pinned is not None:
            return mobilefacenet.MobileFaceNet(self.runtime, pinned), calibration.MOBILEFACENET
        registry = self._registry()
        return registry.embedder(name, pinned), registry.scale(name)

    def _registry(self) -> "Registry":
        from doorbus_recognizer.models.registry import Registry  # noqa: PLC0415 (deepface, only for who chooses it)

        return Registry(self.weights, self.engine, self.threads)
