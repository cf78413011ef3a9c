"""What the actuator can be told, under DOORBUS_ACTUATOR__."""

import os
from contextlib import suppress
from datetime import UTC
from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from doorbus.runtime.settings import Section, ServiceSettings
from doorbus.wire.hours import Calendar, LibraryMissingError, local_zone
from doorbus.wire.ids import SLUG, is_slug, listed
from doorbus.wire.messages import Input
from doorbus.wire.one_time import Totp
from doorbus_actuator.input_settings import ExitAction, Inputs
from doorbus_actuator.policy import Measures, Rules
from doorbus_actuator.presets import Preset
from doorbus_actuator.rpi import Active, Numbering

_LONGEST_SOCKET = 107
"""Bytes of a path that the kernel takes for a socket."""


class RelayKind(StrEnum):
    """What moves the bolt."""

    SIMULATED = "simulated"
    RPI = "rpi"
    GPIOD = "gpiod"
    MQTT = "mqtt"
    HTTP = "http"


class Unjournaled(StrEnum):
    """What becomes of a grant that cannot be written down."""

    OPEN = "open"
    DENY = "deny"


class Actuator(Section, Measures):
    """Settings of the actuator."""

    cameras: str = Field(
        default="", description="Cameras that count, as ids with commas between; every camera of the door when empty."
    )
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
        "Mo-Fr 07:00-19:00; PH off; always when not given. Hours over midnight belong to the day on which they "
        "begin; no SH, no times of the sun, no || beside hours over midnight.",
    )
    totp_secret: SecretStr | None = Field(
        default=None,
        description="Base32 secret, at least 112 bits, of the one-time passwords that commands then need; none "
        "without it.",
    )
    unsigned_recognitions: bool = Field(
        default=False,
        description="Take recognitions that nobody has signed, for a recognizer of your own that cannot sign: whoever "
        "has a password of the role recognizer then opens the door.",
    )
    journal_days: float = Field(
        default=90.0, gt=0, le=36500, description="How long entries of the journal are kept, in days."
    )
    journal_mebibytes: float = Field(
        default=32.0, ge=1, le=100_000, description="How large the journal may be, in MiB; then the oldest entries go."
    )
    unjournaled: Unjournaled = Field(
        default=Unjournaled.OPEN,
        description="What happens while the journal cannot be written, as on a full disk: open, or deny, for nobody is "
        "let in unrecorded then. Locking always works.",
    )
    relay: RelayKind = Field(
        default=RelayKind.SIMULATED,
        description="simulated: each transition is a line of VAR/relay.jsonl; rpi: a pin of a Raspberry Pi; gpiod: a "
        "line of a GPIO chip, as every Linux board has; mqtt: a lock or switch on topics of its own; http: by HTTP.",
    )
    pin: int = Field(default=17, ge=0, le=40, description="Pin of the relay.")
    numbering: Numbering = Field(
        default=Numbering.BCM, description="What the pin counts: BCM (GPIO number) or BOARD (place on the header)."
    )
    active: Active = Field(default=Active.HIGH, description="Level that energises the relay: high or low.")
    chip: str = Field(default="/dev/gpiochip0", description="GPIO chip, for gpiod.")
    line: str = Field(default="17", description="Line of the relay on that chip, by offset or name, for gpiod.")
    lock_preset: Preset = Field(
        default=Preset.NONE,
        description="What listens, for mqtt: none (it is all said below), tasmota, shelly (second generation), "
        "zigbee2mqtt, nuki_hub or esphome.",
    )
    lock_device: str | None = Field(
        default=None,
        description="Its name in the preset's topics: Tasmota's topic, Shelly's MQTT prefix, zigbee2mqtt's friendly "
        "name, PREFIX/lock of Nuki Hub, or NODE/lock/NAME of ESPHome.",
    )
    lock_topic: str | None = Field(
        default=None, description="Topic of the orders, for mqtt; the preset's when not given."
    )
    lock_unlock: str | None = Field(
        default=None, description="What is sent to unlock, for mqtt and http; the preset's, or nothing, when not given."
    )
    lock_lock: str | None = Field(default=None, description="What is sent to lock, likewise.")
    lock_state_topic: str | None = Field(
        default=None, description="Topic that confirms, for mqtt; the preset's, or none, when not given."
    )
    lock_unlocked: str | None = Field(
        default=None, description="Words on it that mean unlocked, with commas between; the preset's when not given."
    )
    lock_locked: str | None = Field(default=None, description="Words on it that mean locked, likewise.")
    lock_field: str | None = Field(
        default=None, description="Field of its JSON with the word; the preset's, or the whole text, when not given."
    )
    lock_username: str | None = Field(
        default=None,
        description="User of the broker for these topics, with lock_secret; the actuator's when not given.",
    )
    lock_secret: SecretStr | None = Field(
        default=None, description="Password of lock_username, for mqtt; token that is sent as Bearer, for http."
    )
    lock_url: str | None = Field(default=None, description="Where a POST unlocks, for http.")
    lock_lock_url: str | None = Field(
        default=None, description="Where a POST locks, for http; a lock that locks by itself needs none."
    )
    lock_timeout_seconds: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="How long a lock may take to answer or confirm, in seconds, for mqtt and http.",
    )
    lock_retries: int = Field(
        default=1, ge=0, le=5, description="How often an HTTP call is tried again, after 5xx or no answer."
    )
    inputs: Inputs = Inputs()
    guardian: Path | None = Field(
        default=None,
        description="Socket of a guardian that runs by itself (python -m doorbus_actuator.guard); the actuator starts "
        "one of its own when empty.",
    )

    @field_validator("cameras")
    @classmethod
    def _slugs(cls, cameras: str) -> str:
        for camera in listed(cameras):
            if not is_slug(camera):
                raise ValueError(f"{camera!r} is no camera id ({SLUG})")
        return cameras

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, time_zone: str) -> str:
        Calendar(time_zone)
        return time_zone

    @field_validator("country")
    @classmethod
    def _known_country(cls, country: str | None) -> str | None:
        if country is None:
            return None
        with suppress(LibraryMissingError):  # without it there are no hours
            Calendar("UTC", country.upper()).check()
        return country.upper()

    @field_validator("hours")
    @classmethod
    def _readable(cls, hours: str | None, info: ValidationInfo) -> str | None:
        if hours is not None and "time_zone" in info.data and "country" in info.data:
            Calendar(info.data["time_zone"], info.data["country"]).hours(hours)
        return hours

    @field_validator("lock_url", "lock_lock_url")
    @classmethod
    def _by_http(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return url

    @field_validator("lock_device", "lock_topic", "lock_state_topic")
    @classmethod
    def _no_wildcards(cls, topic: str | None) -> str | None:
        if topic is not None and any(sign in topic for sign in "+#\0\n"):
            raise ValueError("must be one topic, without + and #")
        return topic

    @field_validator("guardian")
    @classmethod
    def _short(cls, guardian: Path | None) -> Path | None:
        if guardian is not None and len(os.fsencode(guardian)) > _LONGEST_SOCKET:
            raise ValueError(f"the path of a socket may have {_LONGEST_SOCKET} bytes at the most")
        return guardian

    @field_validator("totp_secret")
    @classmethod
    def _usable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            Totp(secret.get_secret_value())
        return secret

    @property
    def simulated_inputs(self) -> frozenset[Input]:
        """The inputs that are played."""
        wanted = self.inputs.simulated
        if not (self.relay is RelayKind.SIMULATED if wanted is None else wanted):
            return frozenset()
        return frozenset(one for one, felt in self.inputs.each.items() if not felt.placed)

    @property
    def felt_inputs(self) -> frozenset[Input]:
        """The inputs that the door has."""
        return self.simulated_inputs | {one for one, felt in self.inputs.each.items() if felt.placed}

    @property
    def camera_ids(self) -> frozenset[str]:
        """The cameras that count; empty when all do."""
        return frozenset(listed(self.cameras))

    @property
    def calendar(self) -> Calendar:
        """The calendar by which opening hours are read."""
        return Calendar(self.time_zone, self.country)


def rules_of(settings: Actuator) -> Rules:
    """The policy's rules as the settings have them."""
    return Rules.model_construct(  # of what the settings have checked
        **{name: getattr(settings, name) for name in Measures.model_fields},
        hours=None if settings.hours is None else settings.calendar.hours(settings.hours),
        exit_unlocks=settings.inputs.exit.action is ExitAction.UNLOCK,
        exit_in_lockdown=settings.inputs.exit.in_lockdown,
        relock=settings.inputs.contact.relock,
        zone=settings.calendar.zone if settings.first_in else UTC,
        codes=None if settings.totp_secret is None else Totp(settings.totp_secret.get_secret_value()),
    )


class ActuatorSettings(ServiceSettings):
    """All settings of the actuator's process."""

    actuator: Actuator = Actuator()
