"""Templates: their bytes on the bus and on disk, what they are sealed for, and which one stands for a person. Pure.

A template is made by a recognizer, travels sealed to the enroller in its reply, is kept sealed by the enroller, and
comes back to all recognizers in the gallery, whose shards are sealed as a whole. Whoever reads one gets it at unit
length.

This is the only module of the bus that needs numpy, which the extra `templates` installs. Only recognizer, enroller and
recorder import it.
"""

import base64
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.purposes import of_sample
from doorbus.wire.snapshot import Sealing

Template = NDArray[np.float32]
"""Vector of unit length that stands for a face; comparable only within one model."""

_FLOATS = np.dtype("<f4")
_SHORTEST = float(np.finfo(np.float32).eps)
"""A vector shorter than this is rounding errors and has no direction."""
_REPLY = "embedding"
_REVIEW = "face for review"


def unit(values: ArrayLike) -> Template:
    """The vector at unit length.

    Raises:
        Refused: it is no vector, not finite, or has no direction.
    """
    vector = np.asarray(values, dtype=np.float64)
    length = math.sqrt(vector.dot(vector)) if vector.ndim == 1 else 0.0
    if not math.isfinite(length) or length < _SHORTEST:
        raise Refused(Refusal.WRONG_SHAPE, f"no finite vector with a direction, shape {vector.shape}")
    return (vector / length).astype(np.float32)


def mean(templates: Iterable[ArrayLike]) -> Template:
    """The one vector that stands for the person whose templates these are: their mean, at unit length.

    On the pictures that the recognizer's calibration names, with three samples a person, it tells genuine from impostor
    better than the most similar sample does: 1st percentile of genuine similarities 0.784 against 0.775, 99.9th of
    impostor ones 0.387 against 0.433.

    Raises:
        Refused: there is none, they are of several lengths, one of them is no template, or they cancel each other out.
    """
    units = [unit(template) for template in templates]
    if len({len(one) for one in units}) != 1:
        raise Refused(Refusal.WRONG_SHAPE, f"{len(units)} templates, which have to be at least one and of one length")
    return unit(np.sum(units, axis=0))


def to_reply(template: Template, seal: Sealing) -> str:
    """A template as it stands in a recognizer's reply."""
    return _text(seal.seal(_bytes(template), _REPLY))


def from_reply(text: str, seal: Sealing) -> Template:
    """The template that stands in a recognizer's reply; raises `Refused`."""
    return _template(seal.unseal(from_base64(text), _REPLY))


def to_review(template: Template, seal: Sealing) -> str:
    """A template as it goes to the recorder, whose seal this is."""
    return _text(seal.seal(_bytes(template), _REVIEW))


def from_review(text: str, seal: Sealing) -> Template:
    """The template that came to the recorder; raises `Refused`."""
    return _template(seal.unseal(from_base64(text), _REVIEW))


def to_store(template: Template, person: str, seal: Sealing) -> bytes:
    """A template as the enroller keeps it: worth nothing under another person's name."""
    return seal.seal(_bytes(template), of_sample(person))


def from_store(data: bytes, person: str, seal: Sealing) -> Template:
    """The template that the enroller kept of a person; raises `Refused`."""
    return _template(seal.unseal(data, of_sample(person)))


def to_gallery(template: Template) -> str:
    """A template as it stands in an entry of the gallery, which is sealed by the shard."""
    return _text(_bytes(template))


def from_gallery(text: str) -> Template:
    """The template that stands in an entry of the gallery; raises `Refused`."""
    return _template(from_base64(text))


def _bytes(template: Template) -> bytes:
    return template.astype(_FLOATS).tobytes()


def _template(data: bytes) -> Template:
    if len(data) % _FLOATS.itemsize:
        raise Refused(Refusal.WRONG_SHAPE, f"a template of {len(data)} bytes is not made of float32 values")
    return unit(np.frombuffer(data, _FLOATS))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """The bytes that a text stands for; raises `Refused`."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused(Refusal.WRONG_SHAPE, "no base64") from None
