"""What the enroller can be told: DOORBUS_ENROLLER__..."""

from pathlib import Path

from pydantic import Field

from doorbus.runtime.settings import Section, ServiceSettings
from doorbus_enroller.enrolment import Rules


class Enroller(Section):
    """Settings of the enroller."""

    database: Path | None = Field(
        default=None,
        description="SQLite file of the people and their sealed templates; VAR/enroller.db when not given.",
    )
    min_size: float = Field(
        default=32.0,
        ge=0,
        description="Least distance between the outer corners of the eyes, in pixels of the picture.",
    )
    min_sharpness: float = Field(
        default=20.0, ge=0, description="Least sharpness of the face: variance of the Laplacian of the aligned face."
    )
    min_live: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Least liveness, 0 to 1; 0 asks for none, as a picture file may be a photo of a photo.",
    )
    background: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Faces smaller than this share of the largest (0 to 1) stand in the background and do not count.",
    )
    duplicate_margin: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="How much more than the model's same-person similarity, as a share (0 to 1) of the way from there "
        "to 1, a face must resemble somebody else to be refused as that person.",
    )
    max_samples: int = Field(default=10, ge=1, le=100, description="Most samples kept of one person.")
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

    def rules(self) -> Rules:
        """What is asked of a picture."""
        return Rules(
            min_size=self.min_size,
            min_sharpness=self.min_sharpness,
            min_live=self.min_live,
            background=self.background,
            duplicate_margin=self.duplicate_margin,
            max_samples=self.max_samples,
        )


class EnrollerSettings(ServiceSettings):
    """Settings of the enroller's process."""

    enroller: Enroller = Enroller()

    @property
    def database(self) -> Path:
        """Where the people are kept."""
        return self.enroller.database or self.var / "enroller.db"
