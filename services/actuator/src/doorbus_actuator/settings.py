"""What the actuator can be told, under DOORBUS_ACTUATOR__."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from doorbus.runtime.settings import Section, ServiceSettings
from doorbus.wire.channels import SLUG
from doorbus.wire.hours import Calendar, local_zone
from doorbus_actuator.codes import Totp
from doorbus_actuator.policy import Liveness
from doorbus_actuator.rpi import Active, Numbering

MAX_VOTES = 20


class RelayKind(StrEnum):
    """What moves the bolt."""

    SIMULATED = "simulated"
    RPI = "rpi"


class Actuator(Section):
    """Settings of the actuator. Durations are in seconds on the monotonic clock unless they speak of age."""

    door: Annotated[str, Field(pattern=f"^{SLUG}$")] = Field(default="front", description="Door that it opens.")
    cameras: str = Field(
        default="", description="Cameras that count, as ids with commas between; every camera of the door when empty."
    )
    threshold: float = Field(
        default=0.8, ge=0, le=1, description="Least confidence, 0 to 1; a person's own on the roster takes its place."
    )
    margin: float = Field(
        default=0.05, ge=0, le=2, description="Least lead of the similarity over the second most similar person's."
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
    command_max_age_seconds: float = Field(
        default=5.0, gt=0, le=60, description="Greatest age of a command that says when it was issued, in seconds."
    )
    future_tolerance_seconds: float = Field(
        default=0.5,
        ge=0,
        le=10,
        description="How far in the future a capture or command may be, in seconds: what clocks differ by.",
    )
    liveness: Liveness = Field(
        default=Liveness.PASSIVE,
        description="off; passive: every vote must look alive; challenge: the person must also blink or turn as asked.",
    )
    liveness_threshold: float = Field(default=0.5, ge=0, le=1, description="Least liveness of a vote, 0 to 1.")
    challenge_seconds: float = Field(
        default=8.0, gt=0, le=10, description="Time to do what a challenge asks, in seconds."
    )
    turn_degrees: float = Field(
        default=20.0, gt=0, le=90, description="How far a challenge asks to turn the head, in degrees."
    )
    eyes_closed_below: float = Field(
        default=0.35, ge=0, le=1, description="Eyes less open than this are closed, for a challenge; 0 to 1."
    )
    eyes_open_above: float = Field(
        default=0.6,
        ge=0,
        le=1,
        validate_default=True,
        description="Eyes more open than this are open, for a challenge; 0 to 1.",
    )
    max_hold_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Longest time the door stays unlocked, in seconds, whoever asks."
    )
    unlock_seconds: float = Field(
        default=3.0, gt=0, le=3600, validate_default=True, description="How long the door stays unlocked, in seconds."
    )
    cooldown_seconds: float = Field(
        default=6.0,
        ge=0,
        le=3600,
        description="Time from an unlocking to the next, in seconds; never less than the door was unlocked for.",
    )
    clock_jump_seconds: float = Field(
        default=2.0, gt=0, le=60, description="A step of the time of day that makes it implausible, in seconds."
    )
    clock_settle_seconds: float = Field(
        default=5.0, ge=0, le=600, description="How long faces are denied after such a step, in seconds."
    )
    lockdown: bool = Field(default=False, description="Open for nobody, by face or by command.")
    time_zone: str = Field(
        default_factory=local_zone,
        description="IANA time zone of the opening hours, such as Europe/Berlin; the machine's when not given.",
    )
    country: str | None = Field(
        default=None, description="Country of the public holidays (PH) in opening hours, an ISO 3166 code such as DE."
    )
    hours: str | None = Field(
        default=None,
        description="When faces may open the door, in OpenStreetMap's opening_hours syntax, such as "
        "Mo-Fr 07:00-19:00; PH off; always when not given.",
    )
    totp_secret: SecretStr | None = Field(
        default=None,
        description="Base32 secret of the one-time passwords that commands then need; commands need none without it.",
    )
    relay: RelayKind = Field(
        default=RelayKind.SIMULATED,
        description="simulated: each transition is a line of VAR/relay.jsonl; rpi: a pin of a Raspberry Pi.",
    )
    pin: int = Field(default=17, ge=0, le=40, description="Pin of the relay.")
    numbering: Numbering = Field(
        default=Numbering.BCM, description="What the pin counts: BCM (GPIO number) or BOARD (place on the header)."
    )
    active: Active = Field(default=Active.HIGH, description="Level that energises the relay: high or low.")

    @field_validator("cameras")
    @classmethod
    def _slugs(cls, cameras: str) -> str:
        for camera in filter(None, map(str.strip, cameras.split(","))):
            if not re.fullmatch(SLUG, camera):
                raise ValueError(f"{camera!r} is no camera id ({SLUG})")
        return cameras

    @field_validator("votes")
    @classmethod
    def _fraction(cls, votes: str) -> str:
        match = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})", votes)
        if match is None or not 1 <= int(match[1]) <= int(match[2]) <= MAX_VOTES:
            raise ValueError(f"must be votes/recognitions such as 2/3, from 1/1 to {MAX_VOTES}/{MAX_VOTES}")
        return votes

    @field_validator("eyes_open_above")
    @classmethod
    def _open_is_not_closed(cls, eyes_open_above: float, info: ValidationInfo) -> float:
        if eyes_open_above < info.data.get("eyes_closed_below", 0):
            raise ValueError("must not be below eyes_closed_below")
        return eyes_open_above

    @field_validator("unlock_seconds")
    @classmethod
    def _within_hold(cls, unlock_seconds: float, info: ValidationInfo) -> float:
        if unlock_seconds > info.data.get("max_hold_seconds", unlock_seconds):
            raise ValueError("must not exceed max_hold_seconds")
        return unlock_seconds

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, time_zone: str) -> str:
        Calendar(time_zone)
        return time_zone

    @field_validator("country", "hours", "totp_secret", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("country")
    @classmethod
    def _upper(cls, country: str | None) -> str | None:
        return None if country is None else country.upper()

    @field_validator("hours")
    @classmethod
    def _readable(cls, hours: str | None, info: ValidationInfo) -> str | None:
        if hours is not None and "time_zone" in info.data and "country" in info.data:
            Calendar(info.data["time_zone"], info.data["country"]).hours(hours)
        return hours

    @field_validator("totp_secret")
    @classmethod
    def _usable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            Totp(secret.get_secret_value())
        return secret

    @property
    def camera_ids(self) -> frozenset[str]:
        """The cameras that count; empty when all do."""
        return frozenset(filter(None, map(str.strip, self.cameras.split(","))))

    @property
    def votes_needed(self) -> int:
        """How many recognitions must name the person."""
        return int(self.votes.partition("/")[0])

    @property
    def votes_of(self) -> int:
        """Of how many recognitions."""
        return int(self.votes.partition("/")[2])


class ActuatorSettings(ServiceSettings):
    """All settings of the actuator's process."""

    actuator: Actuator = Actuator()
