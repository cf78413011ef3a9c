"""What the recorder can be told: DOORBUS_RECORDER__..."""

from pathlib import Path

from pydantic import Field, field_validator

from doorbus.runtime.settings import Section, ServiceSettings
from doorbus.wire.ids import is_slug, listed
from doorbus.wire.messages import Reason
from doorbus_recorder.keeping import GRANTED, Limits, kept_reasons
from doorbus_recorder.review import ReviewLimits, Wanted, wanted_words


class Recorder(Section, Limits, ReviewLimits):
    """Settings of the recorder."""

    keep: str = Field(
        default=GRANTED,
        description="Decisions whose picture is kept: granted, and reasons of denials such as not_live, with commas "
        "between; none when empty. Those of unknown_face show strangers, who were not asked.",
    )
    doors: str = Field(default="", description="Doors whose pictures are kept, with commas between; all when empty.")
    ring_seconds: float = Field(
        default=10.0,
        gt=0,
        le=120,
        description="How long frames are held in memory for a decision to come, in seconds.",
    )
    ring_megabytes: float = Field(
        default=32.0, gt=0, le=4096, description="Most that these frames may be together, in megabytes."
    )

    review: str = Field(
        default="",
        description="Whose faces wait for a person's word: unknown (strangers, who were not asked), unsure (residents "
        "of whom recognizers are not sure), or both with a comma; none when empty. Needs "
        "DOORBUS_RECOGNIZER__REVIEW=true.",
    )

    @field_validator("keep")
    @classmethod
    def _reasons_are_known(cls, text: str) -> str:
        kept_reasons(text)
        return text

    @field_validator("review")
    @classmethod
    def _words_are_known(cls, text: str) -> str:
        wanted_words(text)
        return text

    @field_validator("doors")
    @classmethod
    def _doors_are_ids(cls, text: str) -> str:
        for door in listed(text):
            if not is_slug(door):
                raise ValueError(f"{door!r} is no id of a door, such as front")
        return text

    @property
    def reasons(self) -> frozenset[Reason]:
        """The reasons of decisions whose pictures are kept."""
        return kept_reasons(self.keep)

    @property
    def wanted(self) -> frozenset[Wanted]:
        """Whose faces wait for a person's word."""
        return wanted_words(self.review)

    @property
    def door_ids(self) -> tuple[str, ...]:
        """The doors whose pictures are kept; none when all are."""
        return tuple(dict.fromkeys(listed(self.doors)))


class RecorderSettings(ServiceSettings):
    """Settings of the recorder's process."""

    recorder: Recorder = Recorder()

    @property
    def folder(self) -> Path:
        """Where the pictures are kept."""
        return self.var / "recorder"
