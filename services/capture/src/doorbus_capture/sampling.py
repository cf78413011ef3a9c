"""Which pictures are worth sending: a motion gate with a hold-over, a keep-alive, and an eye for who waits. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from doorbus_capture.attention import NOBODY_WAITS, Attention

Thumbnail = NDArray[np.uint8]
"""Grey picture of shape (THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH)."""

THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 64, 48
CELL_LEVELS = 10
"""Grey levels (of 256) by which a cell must differ to count as changed.

A cell averages 100 pixels of a 640x480 picture, which brings the noise of a dim webcam (a standard deviation of 10
levels a pixel) down to 1.
"""


class Rules(BaseModel):
    """How often to look, and what to send: a part of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fps: float = Field(default=10.0, gt=0, le=60, description="Frames a second while something moves.")
    challenge_fps: float = Field(
        default=25.0,
        gt=0,
        le=60,
        description="Frames a second while the door asks somebody to blink or to turn; never fewer than fps. With "
        "fewer than 20 a blink is followed by a turn.",
    )
    idle_fps: float = Field(
        default=5.0, gt=0, le=60, description="Pictures a second that are looked at while nothing moves."
    )
    keepalive_seconds: float = Field(
        default=2.0, gt=0, le=3600, description="While nothing moves one frame is sent each so many seconds."
    )
    motion_threshold: float = Field(
        default=0.005,
        ge=0,
        le=1,
        description="Share of the picture, 0 to 1, that must change to count as motion; 0 sends every picture.",
    )
    motion_hold_seconds: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="How long after the last motion every picture is still sent, in seconds.",
    )
    attention_seconds: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="How long every picture is sent after the actuator has seen a face that it could not decide yet, "
        "in seconds; 0 leaves it to motion.",
    )
    doorbell_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="How long every picture is sent after the doorbell has rung, in seconds; 0 leaves it to motion.",
    )


class Why(StrEnum):
    """Why a picture is sent."""

    MOTION = "motion"
    HOLD = "hold"
    ATTENTION = "attention"
    DOORBELL = "doorbell"
    CHALLENGE = "challenge"
    KEEPALIVE = "keepalive"


@dataclass(frozen=True)
class GateState:
    """What the gate remembers. Times are monotonic seconds; None when it has not happened yet."""

    reference: Thumbnail | None = field(default=None, repr=False)
    """Thumbnail of the picture that was sent last, so that slow motion adds up."""
    moved_at: float | None = None
    sent_at: float | None = None


def motion(reference: Thumbnail | None, thumbnail: Thumbnail) -> float:
    """Share of the cells, 0..1, that changed by more than `CELL_LEVELS`; 1 when there is no reference.

    The median change is taken off first, so that the camera's exposure or a cloud is no motion.
    """
    if reference is None:
        return 1.0
    change = thumbnail.astype(np.int16) - reference
    return float(np.mean(np.abs(change - np.median(change)) > CELL_LEVELS))


def sample(
    rules: Rules, state: GateState, thumbnail: Thumbnail, now: float, attention: Attention = NOBODY_WAITS
) -> tuple[GateState, Why | None]:
    """Whether to send a picture.

    Args:
        rules: the settings.
        state: what the last call returned.
        thumbnail: of the picture in question.
        now: when it was taken, in monotonic seconds.
        attention: who waits before the camera.

    Returns:
        The new state, and why to send the picture, or None to suppress it.
    """
    moved = motion(state.reference, thumbnail) >= rules.motion_threshold
    moved_at = now if moved else state.moved_at
    if moved:
        why = Why.MOTION
    elif _holding(rules, moved_at, now):
        why = Why.HOLD
    elif attention.waits(rules.attention_seconds, moved_at, now):
        why = Why.ATTENTION
    elif attention.rings(rules.doorbell_seconds, now):
        why = Why.DOORBELL
    elif attention.asks(now):
        why = Why.CHALLENGE
    elif state.sent_at is None or now - state.sent_at >= rules.keepalive_seconds:
        why = Why.KEEPALIVE
    else:
        return GateState(state.reference, moved_at, state.sent_at), None
    return GateState(thumbnail, moved_at, now), why


def looks_per_second(rules: Rules, state: GateState, now: float, attention: Attention = NOBODY_WAITS) -> float:
    """How many pictures a second to look at from now on."""
    if attention.asks(now):
        return max(rules.challenge_fps, rules.fps)
    awake = (
        _holding(rules, state.moved_at, now)
        or attention.waits(rules.attention_seconds, state.moved_at, now)
        or attention.rings(rules.doorbell_seconds, now)
    )
    return rules.fps if awake else rules.idle_fps


def _holding(rules: Rules, moved_at: float | None, now: float) -> bool:
    return moved_at is not None and now - moved_at <= rules.motion_hold_seconds
