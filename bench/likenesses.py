"""Pictures of people, made ready for staging.py: framed alike, with mesh and eyes."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from common import VAR, console
from doorbus.wire.templates import mean
from doorbus_recognizer.faces import Image, Landmarks, SeenFace
from doorbus_recognizer.models import blazeface, facemesh, iris
from doorbus_recognizer.models.choice import RuntimeChoice
from doorbus_recognizer.models.runtimes import build_runtime
from doorbus_recognizer.vision import Vision
from staging import Likeness, framed

PICTURES = {".jpg", ".jpeg", ".png"}


class Meshes:
    """Puts the mesh on the most certain face of a picture."""

    def __init__(self, weights: Path) -> None:
        runtime = build_runtime(RuntimeChoice.AUTO, weights, threads=1, callers=1)
        self._detector, self._mesh = blazeface.BlazeFace(runtime), facemesh.FaceMesh(runtime)
        self._eyes = iris.EyeLids(runtime)

    def of(self, image: Image) -> Landmarks | None:
        """The mesh; None where no face is found."""
        faces = self._detector.detect(image)
        return self._mesh.locate(image, max(faces, key=lambda one: one.score).in_whole_pixels()) if faces else None

    def likeness(self, image: Image, face: SeenFace) -> Likeness:
        """Somebody who looks like that, enrolled with this very picture; raises `ValueError` where no face is found."""
        landmarks = self.of(image)
        if landmarks is None:
            raise ValueError("no face on the picture")
        return Likeness("somebody", image, landmarks, self._eyes.rims(image, landmarks), face.template)


def people_in(directories: Iterable[Path]) -> dict[str, list[Path]]:
    """The pictures below each directory, by person: the folder that they lie in, or else how their name begins."""
    roots, found = list(directories), dict[str, list[Path]]()
    for path in _pictures(roots):
        found.setdefault(_owner(path, roots), []).append(path)
    return found


def _pictures(roots: list[Path]) -> list[Path]:
    return sorted(path for one in roots for path in one.rglob("*") if path.suffix.lower() in PICTURES)


def _owner(path: Path, roots: list[Path]) -> str:
    return re.split(r"[\d_]", path.stem)[0] if path.parent in roots else path.parent.name


def read(path: Path) -> Image | None:
    """The picture in a file, made smaller where it is far larger than a frame; None where it is none."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        return None
    factor = max(image.shape[:2]) / 1200
    if factor > 1:
        size = (round(image.shape[1] / factor), round(image.shape[0] / factor))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    border = max(0, (480 - max(image.shape[:2])) // 2) if max(image.shape[:2]) < 200 else 0
    return np.asarray(cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_REPLICATE), dtype=np.uint8)


def faces_in(directories: Iterable[Path], vision: Vision) -> Iterator[tuple[str, Image, SeenFace]]:
    """Each face of each picture below these directories, with whose it is.

    That is the folder of the picture, or how the file's name begins where it lies in none of its own; each face of a
    group is a person.
    """
    roots = list(directories)
    for path in _pictures(roots):
        image = read(path)
        faces = () if image is None else vision.see(image)[0]
        owner = _owner(path, roots)
        for number, face in enumerate(faces):
            assert image is not None
            yield owner if len(faces) == 1 else f"{path.stem}-{number}", image, face


def likenesses(directories: Iterable[Path], vision: Vision, *, size: float, samples: int = 3) -> list[Likeness]:
    """Each picture with a face, framed so that the outer corners of the eyes are `size` pixels apart.

    `template` is that of the person enrolled with so many others of their pictures, or with that one where there is
    none. Pictures of several people are left out, as nobody says who is who.
    """
    runtime = build_runtime(RuntimeChoice.AUTO, VAR / "weights", threads=1, callers=1)
    detector, mesh, eyes = blazeface.BlazeFace(runtime), facemesh.FaceMesh(runtime), iris.EyeLids(runtime)

    def located(image: Image) -> tuple[Landmarks, tuple[float, float]] | None:
        faces = detector.detect(image)
        if len(faces) != 1:
            return None
        face = faces[0].in_whole_pixels()
        landmarks = mesh.locate(image, face)
        left, top, width, height = face.box
        if min(left, top) <= 0 or left + width >= image.shape[1] or top + height >= image.shape[0]:
            return None  # a part of a face is no visit
        return (landmarks, (left + width / 2, top + height / 2)) if landmarks.score > 0.5 else None

    found = []
    for person, paths in people_in(directories).items():
        framed_ones, templates = [], []
        for path in paths:
            image = read(path)
            first = None if image is None else located(image)
            if image is None or first is None:
                continue
            apart = float(np.linalg.norm(first[0].points[33] - first[0].points[263]))
            frame = framed(image, first[1], size / apart)
            again, seen = located(frame), vision.see(frame)[0]
            if again is None or not seen:
                continue
            framed_ones.append((frame, again[0]))
            templates.append(seen[0].template)
        for number, (frame, landmarks) in enumerate(framed_ones):
            others = [templates[(number + step) % len(templates)] for step in range(1, samples + 1)]
            rims = eyes.rims(frame, landmarks)
            found.append(Likeness(person, frame, landmarks, rims, mean(others)))
    if not found:
        raise SystemExit(f"no faces in {', '.join(map(str, directories))}")
    console.print(f"{len(found)} pictures of {len({one.person for one in found})} people")
    return found
