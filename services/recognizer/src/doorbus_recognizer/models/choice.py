"""What settings can choose, and what is said of a choice that cannot be had. Needs no model's library."""

from enum import StrEnum

BLAZEFACE = "blazeface"
MOBILEFACENET = "MobileFaceNet"


class Engine(StrEnum):
    """What runs deepface's neural networks."""

    ONNX = "onnx"
    TENSORFLOW = "tensorflow"
    PYTORCH = "pytorch"


class ModelUnavailable(Exception):  # noqa: N818 (it is a state of affairs that a person has to change)
    """A model is unknown, or something that it needs is not there; the text says what and the way out."""
