"""What the models say of views, kept in a file: what was looked at once need not be again, in this run or the next."""

import cmath
import hashlib
import math
import operator
import sqlite3
from dataclasses import dataclass, replace
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
from staging import HEIGHT, WIDTH, Hold, Likeness, noisy

YAWS, PITCHES = 15.0, 12.5
"""Steps, in degrees, between the ways in which a photo is looked at that is moved in all ways at once."""
FIGURES = (
    "confidence",
    "similarity",
    "size",
    "sharpness",
    "quality",
    "yaw",
    "pitch",
    "roll",
    "lids",
    "lids_apart",
    "sides_apart",
    "ends_apart",
    "aspect",
)
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
        looked_at = self._between if view.between else self._in_place
        face = looked_at(view.in_place, one, other, means)
        if face is None:
            return None
        left, upper, width, height = face.box
        return face.model_copy(update={"box": (left + view.across, upper + view.down, width, height)})

    def _in_place(self, view: View, one: Likeness, other: Likeness, means: Means) -> Face | None:
        ask = Ask.BLINK if means.ask is Ask.BLINK else Ask.TURN_LEFT  # to either side the same is looked at
        key = f"{ask} {self._key(view, one, other, int(means.random.integers(_draws(view))))}"
        if key not in self.known:
            self.known[key] = self._look(view, one, other, key, ask)
        return self.known[key]

    def _between(self, view: View, one: Likeness, other: Likeness, means: Means) -> Face | None:
        """The face between those of the four nearest holds, without roll and as near as it was taken, then moved so."""
        hold = view.hold
        assert hold is not None
        seen = []
        for yaw, near in _nearest(hold.yaw, YAWS):
            for pitch, as_near in _nearest(hold.pitch, PITCHES):
                corner = replace(view, hold=Hold(yaw=yaw, pitch=pitch, bend=hold.bend), between=False)
                seen.append((near * as_near, self._in_place(corner, one, other, means)))
        faces = [(share, face) for share, face in seen if share and face is not None]
        if len(faces) < sum(share > 0 for share, _ in seen):
            return None
        return _held(_mixed(faces), hold)

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


def _nearest(degrees: float, step: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The multiples of a step below and above, and how much each of them counts."""
    below = math.floor(degrees / step) * step
    share = (degrees - below) / step
    return (below, 1 - share), (below + step, share)


def _mixed(faces: list[tuple[float, Face]]) -> Face:
    """The mean of faces, each counted by its share."""
    nearest = max(faces, key=operator.itemgetter(0))[1]
    said = [name for name in FIGURES if all(getattr(face, name) is not None for _, face in faces)]
    means = {name: sum(share * getattr(face, name) for share, face in faces) for name in said}
    box = tuple(sum(share * face.box[side] for share, face in faces) for side in range(4))
    return nearest.model_copy(update={**means, "box": box})


def _held(face: Face, hold: Hold) -> Face:
    """The face rolled about the middle of the frame, and nearer."""
    left, upper, width, height = face.box
    place = complex(left + width / 2 - WIDTH / 2, upper + height / 2 - HEIGHT / 2)
    place *= cmath.rect(hold.nearness, math.radians(hold.roll))
    wide, high = width * hold.nearness, height * hold.nearness
    return face.model_copy(
        update={
            "box": (WIDTH / 2 + place.real - wide / 2, HEIGHT / 2 + place.imag - high / 2, wide, high),
            "size": None if face.size is None else face.size * hold.nearness,
            "roll": None if face.roll is None else face.roll + hold.roll,
        }
    )


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
