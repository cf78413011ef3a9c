"""What the enroller can be told: DOORBUS_ENROLLER__..."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from doorbus.runtime.settings import Section, ServiceSettings
from doorbus.wire.one_time import Totp
from doorbus_enroller.enrolment import Rules


class Enroller(Section, Rules):
    """Settings of the enroller."""

    database: Path | None = Field(
        default=None,
        description="SQLite file of the people and their sealed templates; VAR/enroller.db when not given.",
    )
    keep_faces: bool = Field(
        default=True,
        description="Keep the aligned face of each sample, a sealed JPEG of 112 by 112 pixels, so that people can look "
        "at samples; false keeps none of those that come.",
    )
    max_pending: int = Field(
        default=32,
        ge=1,
        le=1000,
        description="Most pictures that wait for a recognizer at once; each is held in memory.",
    )
    embed_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="How long to wait for a recognizer, in seconds; asked a second time at half of it.",
    )
    probe_seconds: float = Field(
        default=4.0,
        ge=0,
        le=300,
        description="How often a test picture is sent to the recognizers, in seconds; health says when none answers it "
        "within as long. 0: never.",
    )
    guest_hours: float = Field(
        default=24.0,
        ge=0,
        le=8784,
        description="How long guests, who are enrolled without a name, may pass, in hours; 0 is for ever.",
    )
    shortest_code: int = Field(
        default=6,
        ge=4,
        le=32,
        description="Least digits or letters of a PIN or tag.",
    )
    retire_seconds: float = Field(
        default=600.0,
        ge=0,
        description="How long no recognizer runs a model before its gallery and templates are deleted, in seconds, "
        "where another model leads; at least 10.",
    )
    totp_secret: SecretStr | None = Field(
        default=None,
        description="Base32 secret, at least 112 bits, of the one-time passwords that enrolling from a camera then "
        "needs, as code or behind the name; the actuator's may be the same. It needs none without it.",
    )

    @field_validator("totp_secret")
    @classmethod
    def _usable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            Totp(secret.get_secret_value())
        return secret


class EnrollerSettings(ServiceSettings):
    """Settings of the enroller's process."""

    enroller: Enroller = Enroller()

    @property
    def database(self) -> Path:
        """Where the people are kept."""
        return self.enroller.database or self.var / "enroller.db"
