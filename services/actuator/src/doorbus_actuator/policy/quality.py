"""How large and how clear a face is seen, as far as its recognizer says so. Pure.

`size` and `sharpness` are younger than the rest of a recognition, and `quality` need not be sent: what is not said is
not asked, but for the size, of which the box says enough.
"""

from collections.abc import Iterable

from doorbus.wire.messages import Face, Recognition
from doorbus_actuator.policy.rules import Rules

SIZE_OF_BOX = 0.5
"""Least size of a face as a share of the width of its box.

Measured with BlazeFace on 62 pictures of 8 people and copies of them, shrunk down to 33 px: 0.54 to 0.74.
"""


def size_of(face: Face) -> float:
    """Pixels between the outer corners of the eyes."""
    return face.box[2] * SIZE_OF_BOX if face.size is None else face.size


def largest_of(faces: Iterable[Face]) -> float:
    """The size of the largest face, whoever it is; 0 without one."""
    return max(map(size_of, faces), default=0.0)


def too_close(rules: Rules, recognition: Recognition, face: Face) -> bool:
    """Whether the face fills so much of the frame that what surrounds it, which tells a print or screen, is not on it.

    The liveness model looks at 2.7 times the box, which does not fit from 0.37 of the height on.
    """
    return recognition.height is not None and face.box[3] > rules.too_close * recognition.height


def at_the_edge(recognition: Recognition, face: Face) -> bool:
    """Whether the face touches an edge of the frame, as far as the recognizer says how large that is."""
    left, upper, width, height = face.box
    if recognition.width is None or recognition.height is None:
        return False
    return min(left, upper) <= 0 or left + width >= recognition.width or upper + height >= recognition.height


def sharp_enough(rules: Rules, face: Face) -> bool:
    """Whether the face is as sharp as is asked."""
    return face.sharpness is None or face.sharpness >= rules.min_sharpness


def good_enough(rules: Rules, face: Face) -> bool:
    """Whether the face serves for recognition as well as is asked."""
    return "quality" not in face.model_fields_set or face.quality >= rules.min_quality
