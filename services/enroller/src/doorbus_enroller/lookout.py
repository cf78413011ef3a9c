"""Whether recognizers answer at all. Pure.

Frames that nobody looks at, and pictures that nobody embeds, are missed by nobody but the person at the door. So a
picture of nothing is sent now and then, and whatever a recognizer answers counts as a sign of life.
"""

import base64
from dataclasses import dataclass, replace

PICTURE = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////"
    "////////wAALCABAAEABAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AAAAAAAAAAAAAAAAA"
    "AAAAAP/Z"
)
"""A grey JPEG of 64 by 64 pixels."""


@dataclass(frozen=True)
class Lookout:
    """What is known of the recognizers; times are monotonic seconds, `every` is the pause between two pictures."""

    every: float
    asked_at: float | None = None
    """When the oldest picture that has no answer yet was sent."""
    due_at: float = 0.0

    def connected(self, now: float) -> "Lookout":
        """Begin anew: what was sent before a connection was lost may never be answered."""
        return replace(self, asked_at=None, due_at=now + self.every)

    def asked(self, now: float) -> "Lookout":
        """A picture was sent."""
        return replace(self, asked_at=now if self.asked_at is None else self.asked_at, due_at=now + self.every)

    def answered(self) -> "Lookout":
        """A recognizer answered something."""
        return replace(self, asked_at=None)

    def silent(self, now: float) -> bool:
        """Whether an answer is overdue."""
        return self.asked_at is not None and now - self.asked_at >= self.every
