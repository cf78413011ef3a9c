"""What the models say of views, kept in a file: what was looked at once need not be again, in this run or the next."""

import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

import acts
import doorbus_recognizer
import staging
from acts import Means, View, shown
from doorbus.wire.messages import Ask, Face
from doorbus_recognizer import faces, vision
from doors import Door
from staging import Likeness, noisy

DRAWS = 2
"""So many times a view is looked at in which nothing is at an angle, each time with noise of its own; others once."""


@dataclass
class Sights:
    """The faces on views of people."""

    door: Door
    sigma: float
    """Of the sensor's noise, in levels of 256."""
    kept: sqlite3.Connection
    known: dict[str, Face | None]
    """By what they were looked at with."""
    looked: int = 0
    """How many were looked at in this run."""

    @classmethod
    def opened(cls, path: Path, door: Door, sigma: float) -> Self:
        """With what was seen in earlier runs by the same models and the same staging."""
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = sqlite3.connect(path, timeout=60)
        kept.execute("CREATE TABLE IF NOT EXISTS faces (key TEXT PRIMARY KEY, face TEXT)")
        rows = kept.execute("SELECT key, face FROM faces").fetchall()
        known = {key: Face.model_validate_json(face) if face else None for key, face in rows}
        return cls(door, sigma, kept, known)

    def face(self, view: View, one: Likeness, other: Likeness, means: Means) -> Face | None:
        """The face on the view where the camera sees it, while the door asks that; None where none is found."""
        ask = Ask.BLINK if means.ask is Ask.BLINK else Ask.TURN_LEFT  # to either side the same is looked at
        key = f"{ask} {self._key(view.in_place, one, other, int(means.random.integers(_draws(view))))}"
        if key not in self.known:
            self.known[key] = self._look(view.in_place, one, other, key, ask)
        face = self.known[key]
        if face is None:
            return None
        left, upper, width, height = face.box
        return face.model_copy(update={"box": (left + view.across, upper + view.down, width, height)})

    def keep(self) -> None:
        """Store what was looked at."""
        self.kept.commit()

    def _key(self, view: View, one: Likeness, other: Likeness, draw: int) -> str:
        uses_other = view.picture.number or (view.over is not None and view.over.number)
        pictures = f"{_digest(one)} {_digest(other) if uses_other else ''}"
        return f"{_MADE} {self.door.vision.model_id} {self.sigma} {pictures} {view} {draw}"

    def _look(self, view: View, one: Likeness, other: Likeness, key: str, ask: Ask) -> Face | None:
        random = np.random.default_rng(int(hashlib.sha256(key.encode()).hexdigest()[:8], 16))
        image = noisy(shown(view, one, other, acts.grey(random)), random, self.sigma)
        face = next(iter(self.door.faces(image, one.template, ask)), None)
        self.kept.execute(
            "INSERT OR REPLACE INTO faces VALUES (?, ?)", (key, "" if face is None else face.model_dump_json())
        )
        self.looked += 1
        return face


def _draws(view: View) -> int:
    hold = view.hold
    return 1 if view.picture.yaw or (hold is not None and (hold.yaw or hold.pitch or hold.bend)) else DRAWS


def _digest(one: Likeness) -> str:
    if id(one) not in _DIGESTS:
        _DIGESTS[id(one)] = hashlib.sha256(one.image.tobytes() + one.template.tobytes()).hexdigest()[:12]
    return _DIGESTS[id(one)]


_DIGESTS: dict[int, str] = {}
_SOURCES = sorted(Path(doorbus_recognizer.__file__).parent.glob("models/*.py"))
_SOURCES += [Path(module.__file__ or "") for module in (staging, faces, vision)]
_MADE = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]
"""Of the code by which views are made and looked at."""
