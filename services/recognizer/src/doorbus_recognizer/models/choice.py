"""What settings can choose, and what is said of a choice that cannot be had. Needs no model's library."""

from enum import StrEnum

BLAZEFACE = "blazeface"
MOBILEFACENET = "MobileFaceNet"
CPU = "CPU"


class Engine(StrEnum):
    """What runs deepface's neural networks."""

    ONNX = "onnx"
    TENSORFLOW = "tensorflow"
    PYTORCH = "pytorch"


class RuntimeChoice(StrEnum):
    """What runs our own models."""

    AUTO = "auto"
    """The fastest that is installed."""
    OPENVINO = "openvino"
    LITERT = "litert"


class Precision(StrEnum):
    """What numbers OpenVINO reckons with. Templates of one do not compare with those of another."""

    F32 = "f32"
    BF16 = "bf16"
    F16 = "f16"


class Mirrored(StrEnum):
    """When a face is embedded in the mirror as well, which makes its template more certain."""

    NEEDED = "needed"
    """Where it could change what comes of the face."""
    ALWAYS = "always"


class ModelUnavailable(Exception):  # noqa: N818 (it is a state of affairs that a person has to change)
    """A model is unknown, or something that it needs is not there; the text says what and the way out."""
