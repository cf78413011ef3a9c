"""What a source of pictures is to the rest of the service."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Shape (height, width, 3), in blue, green, red."""


HINT = "is the camera reachable, and are path, user and password right?"
"""What to look at first when a stream cannot be opened."""


class SourceError(Exception):
    """The source cannot be opened or read; opening it again later may help. The text says why, without credentials."""


class SourceEnded(SourceError):  # noqa: N818  # the end of a file is what the person asked for, not a fault
    """The source has given all that it has, and is set not to begin again."""


class PictureMissed(SourceError):  # noqa: N818  # what happened
    """This picture could not be had, or a part of it is lost; the source is open still, and the next may be whole."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture and when it was read, on both clocks."""

    image: Image = field(repr=False)
    captured_at: datetime
    at: float
    """Monotonic seconds."""
    label: str | None = None
    """What the sample scene shows; None for real cameras."""


class Source(Protocol):
    """A camera, or what stands for one. All methods are called by one thread, and each may block for ever."""

    def open(self) -> None:
        """Get ready to read; raises `SourceError`."""
        ...

    def skip(self) -> bool:
        """Wait for the next picture and throw it away, for sources whose pictures queue up while nobody reads.

        Returns:
            False where that is not so, because `read` itself makes the picture; nothing was waited for then.

        Raises:
            SourceError: there are no more pictures.
        """
        ...

    def read(self) -> Shot:
        """Wait for the next picture and return it; raises `SourceError`, and `PictureMissed` for this one only."""
        ...

    def close(self) -> None:
        """Let go of the camera. Closing twice, or what was never opened, is fine."""
        ...
