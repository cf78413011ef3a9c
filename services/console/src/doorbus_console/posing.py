"""Whether a picture that somebody takes of themselves would help, and what they are to do. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from doorbus.wire.messages import Enrolment, ErrorCode, Face

NEAR_PIXELS = 50.0
"""Between the outer corners of the eyes: so near a face has nearly the full quality of its size."""
SHARP = 20.0
"""Least variance of the Laplacian of the aligned face, as the enroller asks it."""
ASIDE_DEGREES = 30.0
"""Who looks further aside, up or down does not look into the camera."""
TURNED_DEGREES = 4.0
"""Pictures whose heads are turned by less show one pose."""
COUNTS = 0.5
"""A face that is larger than this share of the largest is no passer-by."""


class Hint(StrEnum):
    """What somebody before a camera is to do."""

    LOOK = "look"
    ALONE = "alone"
    CLOSER = "closer"
    MIDDLE = "middle"
    STILL = "still"
    LIGHT = "light"
    TURN = "turn"
    GOOD = "good"
    """Nothing but to stay so."""
    LIVE = "live"
    SAME = "same"
    """The other pictures show somebody else."""
    KNOWN = "known"
    """Somebody of another name has this face."""
    WAIT = "wait"


_OF_FAULTS = {
    None: Hint.LOOK,
    ErrorCode.NO_FACE: Hint.LOOK,
    ErrorCode.SEVERAL_FACES: Hint.ALONE,
    ErrorCode.TOO_SMALL: Hint.CLOSER,
    ErrorCode.BLURRED: Hint.STILL,
    ErrorCode.TOO_DARK: Hint.LIGHT,
    ErrorCode.NOT_LIVE: Hint.LIVE,
    ErrorCode.NOT_THE_SAME_PERSON: Hint.SAME,
    ErrorCode.ALREADY_SOMEONE_ELSE: Hint.KNOWN,
}


@dataclass(frozen=True)
class Pose:
    """A picture: what to do next, whether the picture can be `used`, and whether its pose is a `fresh` one."""

    hint: Hint
    used: bool = False
    fresh: bool = False
    quality: float = 0.0
    yaw: float = 0.0


def judged(faces: Sequence[Face], width: int, height: int, before: Iterable[float] = ()) -> Pose:
    """What to make of a picture of so many pixels with these faces; `before` is how far the head was turned before."""
    if not faces:
        return Pose(Hint.LOOK)
    face = max(faces, key=_extent)
    if sum(_extent(one) >= COUNTS * _extent(face) for one in faces) > 1:
        return Pose(Hint.ALONE)
    amiss = _amiss(face, width, height)
    if amiss is not None:
        return Pose(amiss)
    yaw = face.yaw or 0.0
    fresh = all(abs(yaw - one) >= TURNED_DEGREES for one in before)
    return Pose(Hint.GOOD if fresh else Hint.TURN, used=True, fresh=fresh, quality=face.quality, yaw=yaw)


def advised(enrolment: Enrolment) -> Hint:
    """What somebody is to do who is being enrolled at a door."""
    if enrolment.error is None and enrolment.taken:
        return Hint.TURN
    return _OF_FAULTS.get(enrolment.error, Hint.WAIT)


def _amiss(face: Face, width: int, height: int) -> Hint | None:
    left, top, wide, high = face.box
    checks = (
        (_extent(face) < NEAR_PIXELS, Hint.CLOSER),
        (left < 0 or top < 0 or left + wide > width or top + high > height, Hint.MIDDLE),
        (max(abs(face.yaw or 0.0), abs(face.pitch or 0.0)) > ASIDE_DEGREES, Hint.LOOK),
        (face.sharpness is not None and face.sharpness < SHARP, Hint.STILL),
    )
    return next((hint for wrong, hint in checks if wrong), None)


def _extent(face: Face) -> float:
    return face.box[2] / 2 if face.size is None else face.size
