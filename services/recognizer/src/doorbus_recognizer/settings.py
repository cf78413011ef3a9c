"""What the recognizer can be told, as DOORBUS_RECOGNIZER__NAME."""

from pathlib import Path

from pydantic import Field, field_validator

from doorbus.runtime.settings import Section, ServiceSettings
from doorbus.wire.ids import is_slug, listed
from doorbus_recognizer.models.choice import BLAZEFACE, CPU, MOBILEFACENET, Engine, Mirrored, Precision, RuntimeChoice


class Recognizer(Section):
    """The recognizer's own settings."""

    model: str = Field(
        default=MOBILEFACENET, description=f"Embedding model: {MOBILEFACENET}, or a name of deepface's registry."
    )
    detector: str = Field(
        default=BLAZEFACE, description=f"Face detector: {BLAZEFACE}, or a name of deepface's registry."
    )
    engine: Engine = Field(
        default=Engine.ONNX,
        description="onnx, tensorflow or pytorch: what runs those of deepface's models that have a choice.",
    )
    runtime: RuntimeChoice = Field(
        default=RuntimeChoice.AUTO,
        description="auto, openvino or litert: what runs our own models; auto takes the fastest that is installed.",
    )
    device: str = Field(
        default=CPU, min_length=1, description="CPU, GPU, NPU or another of OpenVINO's; CPU where it cannot be had."
    )
    precision: Precision = Field(
        default=Precision.F32,
        description="f32, bf16 or f16, on OpenVINO; another than f32 is another model.",
    )
    mirrored: Mirrored = Field(
        default=Mirrored.NEEDED,
        description="needed or always: when the mirror image of a face is embedded, too; always where somebody's "
        "threshold is above 0.9.",
    )
    liveness: bool = Field(
        default=True,
        description="Judge each face live or not; costs about a third of the time. Without it the actuator denies with "
        "liveness_missing, unless its own liveness is off.",
    )
    lanes: int = Field(default=2, ge=1, le=64, description="Frames looked at side by side; at best as many as cores.")
    threads: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Threads that detection may use for a frame that is looked at alone; all else has one. On LiteRT: "
        "that each model may use.",
    )
    weights: Path | None = Field(default=None, description="Directory of the weights; VAR/weights when not given.")
    max_age_seconds: float = Field(
        default=2.0, gt=0, le=60, description="Frames captured longer ago are dropped and counted, in seconds."
    )
    future_tolerance_seconds: float = Field(
        default=0.5, ge=0, le=60, description="How far a camera's clock may run ahead, in seconds."
    )
    margin: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="Lead of the cosine similarity over a second person who would be a match as well, below which the "
        "verdict is ambiguous; the model's when not given, for the default one 0.10 among ten people, less among more.",
    )
    max_picture_bytes: int = Field(default=8_388_608, ge=1024, description="Larger pictures are refused, in bytes.")
    max_picture_pixels: int = Field(
        default=50_000_000, ge=1024, description="Larger pictures are refused before they are decoded, in pixels."
    )
    review: bool = Field(
        default=False,
        description="Send the recorder templates of the faces that are seen, sealed with its key, for its inbox; needs "
        "DOORBUS_RECORDER_KEY_FILE.",
    )
    cameras: str = Field(
        default="",
        description="Cameras whose frames are looked at, as door/camera with commas between, so that a flood under "
        "invented names costs the others nothing; all when empty.",
    )

    @field_validator("cameras")
    @classmethod
    def _topics(cls, cameras: str) -> str:
        for place in listed(cameras):
            door, _, camera = place.partition("/")
            if not (is_slug(door) and is_slug(camera)):
                raise ValueError(f"{place!r} is no door/camera, such as front/porch")
        return cameras

    @property
    def places(self) -> frozenset[str]:
        """The cameras that are looked at, as door/camera; empty when all are."""
        return frozenset(listed(self.cameras))


class RecognizerSettings(ServiceSettings):
    """All settings of the recognizer's process."""

    recognizer: Recognizer = Recognizer()

    @property
    def weights(self) -> Path:
        """Directory of the weights."""
        return self.recognizer.weights or self.var / "weights"
