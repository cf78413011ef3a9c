"""Notices a camera that goes on sending the same picture: the noise of a sensor never repeats. Pure."""

from dataclasses import dataclass, field

import numpy as np

from doorbus_capture.sources.source import Image

_STEP = 8
"""Every so many rows and columns are compared; noise shows on any of them."""


@dataclass(frozen=True)
class Stillness:
    """Since when the pictures have been the same, in monotonic seconds; None before the first."""

    sample: Image | None = field(default=None, repr=False)
    since: float | None = None

    def after(self, image: Image, now: float) -> "Stillness":
        """The state after one more picture."""
        sample = image[::_STEP, ::_STEP]
        if self.sample is not None and np.array_equal(sample, self.sample):
            return self
        return Stillness(sample.copy(), now)

    def seconds(self, now: float) -> float:
        """How long nothing has changed, not even a little."""
        return 0.0 if self.since is None else now - self.since
