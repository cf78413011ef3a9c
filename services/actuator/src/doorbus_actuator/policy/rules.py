"""What the rules are measured by. Pure."""

import re
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from doorbus.wire.ids import SLUG, is_slug, listed
from doorbus.wire.messages import Slug

RELEASED_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""No working clock is before this: doorbus did not exist."""
MAX_VOTES = 20


class LivenessMode(StrEnum):
    """How much is asked of a face to count as alive."""

    OFF = "off"
    PASSIVE = "passive"
    """Every vote's `live` is at least the liveness threshold."""
    CHALLENGE = "challenge"
    """Passive, and the person does what the challenge topic asks."""


class CommandMode(StrEnum):
    """How much a command that opens has to say."""

    PLAIN = "plain"
    """A bare word will do, and so may be a last will, or a message that came late."""
    DATED = "dated"
    """It says when it was issued, and has an id."""


class Relock(StrEnum):
    """When a pulse ends before its time."""

    NEVER = "never"
    OPENING = "opening"
    CLOSING = "closing"


@runtime_checkable
class Hours(Protocol):
    """Opening hours."""

    def open_at(self, moment: datetime) -> bool:
        """Whether it is open at `moment`."""
        ...


@runtime_checkable
class Codes(Protocol):
    """One-time passwords."""

    def valid(self, code: str, wall: datetime) -> bool:
        """Whether `code` is one of those that hold at `wall`."""
        ...


class Measures(BaseModel):
    """What the rules are measured by, as far as it can be written down: the settings begin with it.

    Durations are on the monotonic clock unless they speak of age.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    door: Slug = Field(default="front", description="Door that it opens.")
    threshold: float = Field(
        default=0.8, ge=0, le=1, description="Least confidence, 0 to 1; a person's own on the roster takes its place."
    )
    margin: float = Field(
        default=0.05,
        ge=0,
        le=2,
        description="Least lead of the cosine similarity over the second most similar person's.",
    )
    min_size: float = Field(
        default=32.0,
        ge=0,
        description="Least size of a face that votes: pixels of the frame between the outer corners of the eyes.",
    )
    min_sharpness: float = Field(
        default=20.0,
        ge=0,
        description="Least sharpness of a face that votes: variance of the Laplacian of the aligned face.",
    )
    # That of a face from the front which has just the least size and sharpness, rounded up.
    min_quality: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Least quality of a face that votes, 0 to 1: size, sharpness and frontal pose together.",
    )
    background: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Faces smaller than this share of the largest on the frame (0 to 1) do not vote.",
    )
    votes: str = Field(
        default="2/3",
        description="How many of how many recognitions in a row, of one camera, must name the person, such as 2/3.",
    )
    vote_window_seconds: float = Field(
        default=1.5, gt=0, le=30, description="Greatest distance between the captures of the votes, in seconds."
    )
    max_age_seconds: float = Field(
        default=2.0, gt=0, le=60, description="Greatest age of a frame at the decision, in seconds since its capture."
    )
    commands: CommandMode = Field(
        default=CommandMode.PLAIN,
        description="plain: UNLOCK will do; dated: commands that open must have issued_at and id, as those of "
        "doorbus, Home Assistant and the Node-RED flows have.",
    )
    command_max_age_seconds: float = Field(
        default=5.0, gt=0, le=60, description="Greatest age of a command that says when it was issued, in seconds."
    )
    future_tolerance_seconds: float = Field(
        default=0.5,
        ge=0,
        le=10,
        description="How far in the future a capture or command may be, in seconds: what clocks differ by.",
    )
    liveness: LivenessMode = Field(
        default=LivenessMode.PASSIVE,
        description="off; passive: every vote must look alive; challenge: the person must also blink or turn as asked.",
    )
    liveness_threshold: float = Field(default=0.5, ge=0, le=1, description="Least liveness of a vote, 0 to 1.")
    challenge_seconds: float = Field(
        default=8.0, gt=0, le=10, description="Time to do what a challenge asks, in seconds; 10 at most."
    )
    challenges: int = Field(
        default=1, ge=1, le=3, description="How many challenges must be met one after the other, 1 to 3."
    )
    turn_degrees: float = Field(
        default=18.0,
        gt=0,
        le=90,
        description="How far a challenge asks to turn the head from how the person looks to the front, in degrees.",
    )
    eyes_closed_below: float = Field(
        default=0.55,
        ge=0,
        le=1,
        description="Eyes less open than this share of how far the person's own are open count as closed in a "
        "challenge; 0 to 1.",
    )
    eyes_open_above: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Eyes more open than this share of how far the person's own are open count as open in a "
        "challenge; 0 to 1.",
    )
    too_close: float = Field(
        default=0.4,
        gt=0,
        le=1,
        description="Faces higher than this share of the frame are too close to be judged live or not (0 to 1).",
    )
    readers: str = Field(
        default="",
        description="Keypads and readers of tags that count, with commas between; all when empty, which then also "
        "pause together after twelve wrong codes.",
    )
    codes_alone: bool = Field(
        default=False,
        description="A PIN or tag opens without a face, too: the way in when the camera fails. Who needs two factors "
        "needs them still.",
    )
    second_factor_seconds: float = Field(
        default=20.0, gt=0, le=120, description="How long after a face its code may come, in seconds."
    )
    passback_seconds: float = Field(
        default=0.0,
        ge=0,
        le=86400,
        description="How long somebody who was let in is not let in again (timed anti-passback), in seconds; 0: no "
        "such rule.",
    )
    first_in: str = Field(
        default="",
        description="Group of which somebody must have come in on a day before anybody else may; no such rule when "
        "empty.",
    )
    max_hold_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Longest time the door stays unlocked, in seconds, whoever asks."
    )
    hold_open_seconds: float = Field(
        default=0.0,
        ge=0,
        le=86400,
        description="Longest time that a command may hold the door open, in seconds, where that is longer than "
        "max_hold_seconds; 0: no longer.",
    )
    unlock_seconds: float = Field(
        default=3.0, gt=0, le=3600, validate_default=True, description="How long the door stays unlocked, in seconds."
    )
    cooldown_seconds: float = Field(
        default=6.0,
        ge=0,
        le=3600,
        description="Time from an unlocking to the next one by a face, and from one by a command to the next by a "
        "command, in seconds, unless that holds an unlocked door for longer; never less than the door was held for.",
    )
    out_of_view_seconds: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="How long somebody who was let in must be out of view before their frames are decided on again, in "
        "seconds; 0 decides on all. Longer than the cameras' KEEPALIVE_SECONDS.",
    )
    clock_jump_seconds: float = Field(
        default=2.0, gt=0, le=60, description="A step of the time of day that makes it implausible, in seconds."
    )
    clock_settle_seconds: float = Field(
        default=5.0, ge=0, le=600, description="How long faces are denied after such a step, in seconds."
    )
    lockdown: bool = Field(
        default=False, description="Open for nobody, by face or by command, whatever the lockdown topic says."
    )

    @field_validator("votes")
    @classmethod
    def _fraction(cls, votes: str) -> str:
        match = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})", votes)
        if match is None or not 1 <= int(match[1]) <= int(match[2]) <= MAX_VOTES:
            raise ValueError(f"must be votes/recognitions such as 2/3, from 1/1 to {MAX_VOTES}/{MAX_VOTES}")
        return votes

    @field_validator("unlock_seconds")
    @classmethod
    def _within_hold(cls, unlock_seconds: float, info: ValidationInfo) -> float:
        if unlock_seconds > info.data.get("max_hold_seconds", unlock_seconds):
            raise ValueError("must not exceed max_hold_seconds")
        return unlock_seconds

    @property
    def longest_hold(self) -> float:
        """The longest that the door may stay unlocked at all, in seconds."""
        return max(self.max_hold_seconds, self.hold_open_seconds)

    @field_validator("readers")
    @classmethod
    def _readers(cls, readers: str) -> str:
        for reader in listed(readers):
            if not is_slug(reader):
                raise ValueError(f"{reader!r} is no id of a reader ({SLUG})")
        return readers

    @field_validator("first_in")
    @classmethod
    def _a_group(cls, first_in: str) -> str:
        if first_in and not is_slug(first_in):
            raise ValueError(f"{first_in!r} is no id of a group ({SLUG})")
        return first_in

    @property
    def reader_ids(self) -> frozenset[str]:
        """The readers that count; empty when all do."""
        return frozenset(listed(self.readers))

    @property
    def votes_needed(self) -> int:
        """How many recognitions must name the person."""
        return int(self.votes.partition("/")[0])

    @property
    def votes_of(self) -> int:
        """Of how many recognitions in a row these may be."""
        return int(self.votes.partition("/")[2])


class Rules(Measures):
    """All that the rules are measured by."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    zone: tzinfo = UTC
    """Whose midnight begins a day."""
    hours: Hours | None = None
    """When faces may open the door; always if None."""
    codes: Codes | None = None
    """The one-time passwords that commands need; none if None."""
    exit_unlocks: bool = True
    """Whether the exit button opens the door; else it only says that somebody leaves."""
    exit_in_lockdown: bool = True
    """Whether it does so in lockdown, too."""
    relock: Relock = Relock.NEVER
    """Whether the door is locked as soon as somebody has opened it, or shut it again."""
    released_at: datetime = RELEASED_AT
