"""What size, roll, yaw, blur, darkness, noise and JPEG do to finding a face and to telling whose it is.

Every face of the given pictures is set into a frame of 640x480, spoilt by degrees of one thing at a time, and compared
with the template of its person: from their other pictures, or from this one unspoilt where there is no other. A picture
with one face is of the person whose folder it lies in, or whom its file is named after; of a group each is a person.
All is made by moving and changing pixels: a lens, a sensor and a head do it differently.
"""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track
from rich.table import Table

from common import VAR, console, keep
from doorbus.wire.templates import Template, mean
from doorbus_recognizer.calibration import Scale
from doorbus_recognizer.faces import MIN_SHARPNESS, MIN_SIZE, Image, Landmarks
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.vision import Vision
from likenesses import Meshes, faces_in
from staging import HEIGHT, WIDTH, framed, noisy, turned

SIZE = 60.0
"""Pixels between the outer corners of the eyes, where it is not the size that is spoilt."""
SECURE, LIKELY = 0.8, 0.5
"""Confidences: of a face that opens a door unless it is set otherwise, and of one that gets a name."""


@dataclass(frozen=True)
class Subject:
    """A face on one picture."""

    person: str
    picture: Image = field(repr=False)
    centre: tuple[float, float]
    size: float

    def at(self, size: float) -> Image:
        """The picture about the face on a frame, its size changed to this."""
        return framed(self.picture, self.centre, size / self.size)


@dataclass(frozen=True)
class Outcome:
    """What came of all faces at one degree: shares 0 to 1."""

    found: float
    votes: float
    """Found, and large and sharp enough to vote."""
    secure: float
    """Found, and like their person at confidence 0.8: the TAR at that threshold."""
    likely: float
    similarity: float
    """Median of those found."""


def subjects(directories: Iterable[Path], vision: Vision) -> list[Subject]:
    """All faces of all pictures, of those that are large enough to be spoilt."""
    found = []
    for person, picture, face in faces_in(directories, vision):
        middle = face.points.mean(axis=0)
        if face.size >= SIZE / 2:
            found.append(Subject(person, picture, (float(middle[0]), float(middle[1])), face.size))
    if not found:
        raise SystemExit(f"no faces in {', '.join(map(str, directories))}")
    return found


def _small(size: float) -> Callable[[Subject], Image]:
    return lambda one: one.at(size)


def _noised(sigma: float) -> Callable[[Subject], Image]:
    return lambda one: noisy(one.at(SIZE), np.random.default_rng(0), sigma)


def _rolled(degrees: float) -> Callable[[Subject], Image]:
    def spoil(one: Subject) -> Image:
        matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), -degrees, 1.0)
        border = cv2.BORDER_REPLICATE
        return np.asarray(cv2.warpAffine(one.at(SIZE), matrix, (WIDTH, HEIGHT), borderMode=border), dtype=np.uint8)

    return spoil


def _dark(share: float) -> Callable[[Subject], Image]:
    """With the noise that a sensor has in the dark."""
    return lambda one: noisy((one.at(SIZE) * share).astype(np.uint8), np.random.default_rng(0), 2.0)


def _blurred(sigma: float) -> Callable[[Subject], Image]:
    return lambda one: (
        one.at(SIZE) if not sigma else np.asarray(cv2.GaussianBlur(one.at(SIZE), (0, 0), sigma), np.uint8)
    )


def _packed(quality: float) -> Callable[[Subject], Image]:
    def spoil(one: Subject) -> Image:
        _, jpeg = cv2.imencode(".jpg", one.at(SIZE), [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8)

    return spoil


class _Turning:
    """Turns heads, for which it has to find their meshes first."""

    def __init__(self) -> None:
        self._meshes = Meshes(VAR / "weights")
        self._known: dict[int, Landmarks | None] = {}

    def by(self, degrees: float) -> Callable[[Subject], Image]:
        def spoil(one: Subject) -> Image:
            frame = one.at(SIZE)
            landmarks = self._known.setdefault(id(one), self._meshes.of(frame))
            return frame if landmarks is None or not degrees else turned(frame, landmarks, degrees)

        return spoil


def conditions() -> dict[str, tuple[str, dict[float, Callable[[Subject], Image]]]]:
    """What is done to the faces, by degrees: the unit, and how."""
    turning = _Turning()
    return {
        "size": ("px between the eyes", {size: _small(size) for size in (80, 60, 48, 40, 32, 24, 20, 16, 12, 8)}),
        "roll": ("degrees", {degrees: _rolled(degrees) for degrees in (0, 15, 30, 45, 60, 90, 135, 180)}),
        "yaw": ("degrees", {degrees: turning.by(degrees) for degrees in (0, 10, 20, 30, 40, 50, 60)}),
        "blur": ("px, sigma", {sigma: _blurred(sigma) for sigma in (0, 1, 1.5, 2, 3, 4, 6)}),
        "darkness": ("of the light", {share: _dark(share) for share in (1, 0.5, 0.25, 0.12, 0.06, 0.03)}),
        "noise": ("levels, sigma", {sigma: _noised(sigma) for sigma in (0, 5, 10, 20, 40, 60)}),
        "JPEG": ("quality", {quality: _packed(quality) for quality in (95, 70, 50, 30, 20, 10, 5)}),
    }


def references(every: list[Subject], vision: Vision) -> list[Template | None]:
    """The template that each is compared with; None where even the unspoilt face is not found."""
    own = [_seen(vision, one.at(SIZE)) for one in every]
    named = list(zip(every, own, strict=True))
    compared = []
    for one, (template, _, _) in named:
        others = [
            other[0] for who, other in named if who.person == one.person and who is not one and other[0] is not None
        ]
        compared.append(mean(others) if others else template)
    return compared


def _seen(vision: Vision, frame: Image) -> tuple[Template | None, float, float]:
    """Template, size and sharpness of the face in the middle of a frame; none where none is found there."""
    faces = vision.see(frame)[0]
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    near = min(faces, key=lambda face: float(np.linalg.norm(face.points.mean(axis=0) - middle)), default=None)
    if near is None or np.linalg.norm(near.points.mean(axis=0) - middle) > max(near.size, 10):
        return None, 0.0, 0.0
    return near.template, near.size, near.sharpness


def outcome(
    every: list[Subject], compared: list[Template], spoil: Callable[[Subject], Image], vision: Vision, scale: Scale
) -> Outcome:
    """Spoil all and look at them."""
    similar, votes = [], 0
    for one, reference in zip(every, compared, strict=True):
        template, size, sharpness = _seen(vision, spoil(one))
        if template is None:
            continue
        similar.append(float(template @ reference))
        votes += size >= MIN_SIZE and sharpness >= MIN_SHARPNESS
    secure, likely, count = scale.similarity(SECURE), scale.similarity(LIKELY), len(every)
    return Outcome(
        found=len(similar) / count,
        votes=votes / count,
        secure=sum(value >= secure for value in similar) / count,
        likely=sum(value >= likely for value in similar) / count,
        similarity=float(np.median(similar)) if similar else float("nan"),
    )


def _tell(name: str, unit: str, outcomes: dict[float, Outcome]) -> None:
    table = Table(title=f"{name} ({unit})", title_justify="left")
    for column in ("", "found", "may vote", "own at 0.8", "own at 0.5", "similarity"):
        table.add_column(column, justify="right")
    for degree, one in outcomes.items():
        shares = (one.found, one.votes, one.secure, one.likely)
        table.add_row(f"{degree:g}", *(f"{share:.2f}" for share in shares), f"{one.similarity:.2f}")
    console.print(table)


def draw(path: Path, measured: dict[str, tuple[str, dict[float, Outcome]]]) -> None:
    """A panel for each condition: the share found in blue, that at 0.8 in green, and that which may vote in grey."""
    wide, high, margin, columns = 300, 190, 34, 4
    rows = -(-len(measured) // columns)
    plot = np.full((rows * high + 24, columns * wide, 3), 255, np.uint8)
    colours = {"found": (190, 90, 30), "may vote": (150, 150, 150), "own at 0.8": (60, 140, 40)}
    for panel, (name, (unit, outcomes)) in enumerate(measured.items()):
        left, top = panel % columns * wide + margin, panel // columns * high + margin
        width, height = wide - margin - 14, high - margin - 30
        _text(plot, f"{name}, {unit}", (left, top - 12))
        for share in (0.0, 0.5, 1.0):
            row = round(top + height * (1 - share))
            cv2.line(plot, (left, row), (left + width, row), (220, 220, 220), 1)
            _text(plot, f"{share:g}", (left - 26, row + 4))
        across = np.linspace(left, left + width, len(outcomes)).round().astype(int)
        for (label, colour), shares in zip(
            colours.items(),
            zip(*((one.found, one.votes, one.secure) for one in outcomes.values()), strict=True),
            strict=True,
        ):
            points = [(int(x), round(top + height * (1 - share))) for x, share in zip(across, shares, strict=True)]
            cv2.polylines(
                plot, [np.array(points, np.int32)], isClosed=False, color=colour, thickness=2, lineType=cv2.LINE_AA
            )
            _text(plot, label, (margin + list(colours).index(label) * 110, plot.shape[0] - 8), colour)
        for x, degree in zip(across, outcomes, strict=True):
            _text(plot, f"{degree:g}", (int(x) - 8, top + height + 16))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), plot)


def _text(plot: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int] = (80, 80, 80)) -> None:
    cv2.putText(plot, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="*", default=[VAR / "samples"], help="default: the samples")
    parser.add_argument("--plot", type=Path, default=VAR / "bench" / "conditions.png")
    given = parser.parse_args()
    vision = build_vision(weights_dir=VAR / "weights", liveness=False)
    given_ones = subjects(given.pictures, vision)
    pairs = [(one, ref) for one, ref in zip(given_ones, references(given_ones, vision), strict=True) if ref is not None]
    every, compared = [one for one, _ in pairs], [reference for _, reference in pairs]
    people = len({one.person for one in every})
    console.print(f"{len(every)} faces of {people} people, their eyes {SIZE:g} px apart where not told otherwise")
    measured = {}
    for name, (unit, degrees) in track(conditions().items(), "conditions", console=console, transient=True):
        outcomes = {degree: outcome(every, compared, spoil, vision, vision.scale) for degree, spoil in degrees.items()}
        measured[name] = (unit, outcomes)
        _tell(name, unit, outcomes)
    draw(given.plot, measured)
    console.print(f"drawn: {given.plot}")
    figures = {
        name: {f"{degree:g}": vars(one) for degree, one in outcomes.items()} for name, (_, outcomes) in measured.items()
    }
    keep("conditions", {"faces": len(every), "people": people, "conditions": figures})


if __name__ == "__main__":
    main()
