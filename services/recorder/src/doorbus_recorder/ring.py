"""The frames of the last seconds, and what recognizers have said of them. Pure."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import count

from doorbus.wire.messages import Frame, Recognition

_DIGEST_LENGTH = 32


@dataclass
class Seen:
    """A frame, the camera that has sent it, and what is known of it."""

    door: str
    camera: str
    frame: Frame = field(repr=False)
    at: float
    """When it came, on the monotonic clock."""
    recognition: Recognition | None = None
    keys: set[tuple[str, str]] = field(default_factory=set)
    """By which it can be found."""


class Ring:
    """Frames by door and id: those of the last `seconds`, at most `max_bytes` of them."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._numbers = count()
        self._frames: OrderedDict[int, Seen] = OrderedDict()
        self._by_id: dict[tuple[str, str], int] = {}
        self._by_digest: dict[tuple[str, str, str], int] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, door: str, camera: str, frame: Frame, now: float) -> None:
        """Take in a frame. Another one of an id that is there does not take its place."""
        self.forget(now)
        if (door, frame.frame_id) in self._by_id:
            return
        number = next(self._numbers)
        seen = Seen(door, camera, frame, now)
        self._frames[number] = seen
        self._by_digest[door, camera, _digest(frame.jpeg)] = number
        self._name(number, frame.frame_id)
        self.bytes += len(frame.jpeg)
        while self.bytes > self._max_bytes:
            self._pop()

    def note(self, door: str, camera: str, recognition: Recognition) -> None:
        """Remember what was said of a frame.

        The digest counts before the id: a frame that was sent without one has got another id from the recognizer, and
        somebody else may have sent another picture under the same.
        """
        number = self._by_id.get((door, recognition.frame_id))
        if recognition.digest is not None:
            number = self._by_digest.get((door, camera, recognition.digest))
        seen = None if number is None else self._frames.get(number)
        if number is None or seen is None:
            return
        seen.recognition = recognition
        self._name(number, recognition.frame_id)

    def find(self, door: str, frame_id: str) -> Seen | None:
        """The frame of this id, if it is still there."""
        number = self._by_id.get((door, frame_id))
        return None if number is None else self._frames[number]

    def forget(self, now: float) -> None:
        """Let go of what is too old."""
        while self._frames and next(iter(self._frames.values())).at < now - self._seconds:
            self._pop()

    def _name(self, number: int, frame_id: str) -> None:
        key = (self._frames[number].door, frame_id)
        before = self._by_id.get(key)
        if before is not None and before != number:
            self._frames[before].keys.discard(key)
        self._by_id[key] = number
        self._frames[number].keys.add(key)

    def _pop(self) -> None:
        number, seen = self._frames.popitem(last=False)
        self.bytes -= len(seen.frame.jpeg)
        for key in seen.keys:
            del self._by_id[key]
        digest = (seen.door, seen.camera, _digest(seen.frame.jpeg))
        if self._by_digest.get(digest) == number:
            del self._by_digest[digest]


def _digest(jpeg: bytes) -> str:
    return hashlib.sha256(jpeg).hexdigest()[:_DIGEST_LENGTH]
