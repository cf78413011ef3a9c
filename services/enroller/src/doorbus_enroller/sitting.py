"""Enrolling from a camera: which of its frames are asked about, and how it ends. Pure."""

from dataclasses import dataclass, replace

from doorbus.wire.messages import ErrorCode, Fault

SPREAD_SECONDS = 1.0
"""Least time between two samples: frames of one moment show one pose, and a template of it thrice is no better."""
MAX_AGE_SECONDS = 2.0
"""Frames older than this, or as far in the future, show who was there and not who is there."""

_FINAL = frozenset({ErrorCode.TOO_MANY_SAMPLES, ErrorCode.OTHER_MODEL, ErrorCode.UNSUPPORTED, ErrorCode.STORAGE_FAILED})
"""What no later frame can put right."""


@dataclass(frozen=True)
class Sitting:
    """A person in front of a camera. Times are monotonic seconds."""

    door: str
    camera: str
    samples: int
    """How many are to be taken."""
    seconds: float
    """How long the person was given."""
    ends_at: float
    taken: int = 0
    seen: int = 0
    """How many frames came."""
    next_at: float = 0.0
    """The next sample is of a frame that came no earlier."""
    asking: bool = False
    """Whether a recognizer looks at a frame."""
    trouble: Fault | None = None
    """Why the last frame that was looked at is no sample."""

    def sees(self, at: float, age: float) -> tuple["Sitting", bool]:
        """A frame came, `age` seconds old: the sitting after it, and whether to ask a recognizer about it."""
        ask = not self.asking and self.next_at <= at < self.ends_at and abs(age) <= MAX_AGE_SECONDS
        return replace(self, seen=self.seen + 1, asking=self.asking or ask), ask

    def took(self, at: float) -> "Sitting":
        """The frame that came at `at` is a sample."""
        return replace(self, taken=self.taken + 1, next_at=at + SPREAD_SECONDS, asking=False, trouble=None)

    def passed_over(self, fault: Fault | None) -> "Sitting":
        """The frame is none, because of `fault`; None when it is one already."""
        return replace(self, asking=False, trouble=fault or self.trouble)

    def over(self, now: float) -> bool:
        """Whether all samples are taken, time is up, or no later frame can help."""
        hopeless = self.trouble is not None and self.trouble.code in _FINAL
        return self.taken >= self.samples or now >= self.ends_at or hopeless

    def outcome(self) -> Fault | None:
        """What was wrong in the end; None when nothing was."""
        if self.taken >= self.samples:
            return None
        place = f"{self.door}/{self.camera}"
        if not self.seen:
            return Fault(
                code=ErrorCode.NO_FRAME,
                message=f"no frame of {place} came within {self.seconds:g} s; is the camera running?",
            )
        why = self.trouble.message if self.trouble else "look at the camera for longer"
        nothing = "; nothing is kept of them" if self.taken else ""
        message = f"{self.taken} of {self.samples} samples within {self.seconds:g} s at {place}{nothing}; {why}"
        code = self.trouble.code if self.trouble and not self.taken else ErrorCode.TOO_FEW_SAMPLES
        return Fault(code=code, message=message)
