"""What the rules are measured by. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

RELEASED_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""No working clock is before this: doorbus did not exist."""


class Liveness(StrEnum):
    """How much is asked of a face to count as alive."""

    OFF = "off"
    PASSIVE = "passive"
    """Every vote's `live` is at least the liveness threshold."""
    CHALLENGE = "challenge"
    """Passive, and the person does what the challenge topic asks."""


class Hours(Protocol):
    """Opening hours."""

    def open_at(self, moment: datetime) -> bool:
        """Whether it is open at `moment`."""
        ...


class Codes(Protocol):
    """One-time passwords."""

    def valid(self, code: str, wall: datetime) -> bool:
        """Whether `code` is one of those that hold at `wall`."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What the rules are measured by. Times are in seconds, angles in degrees."""

    door: str
    threshold: float = 0.8
    margin: float = 0.05
    liveness: Liveness = Liveness.PASSIVE
    liveness_threshold: float = 0.5
    votes_needed: int = 2
    votes_of: int = 3
    vote_window: float = 1.5
    max_age: float = 2.0
    future_tolerance: float = 0.5
    command_max_age: float = 5.0
    cooldown: float = 6.0
    unlock_seconds: float = 3.0
    max_hold: float = 30.0
    clock_jump: float = 2.0
    clock_settle: float = 5.0
    challenge_seconds: float = 8.0
    turn_degrees: float = 20.0
    eyes_closed_below: float = 0.35
    eyes_open_above: float = 0.6
    lockdown: bool = False
    hours: Hours | None = None
    codes: Codes | None = None
    released_at: datetime = RELEASED_AT
