"""How often strangers open a door, by the number of people enrolled, at confidence 0.8 and with the mean of samples.

The given pictures say how alike people are: mean and spread of the similarities of different people, and how alike the
pictures of one are. No pictures are enough for rates of one in 10,000 among 10,000 people, so people are made up:
random directions with a direction in common, of so many dimensions that their similarities have that mean and spread.
Tails beyond those of the pictures are what that makes of them. FPIR is the share of strangers' faces that are named at
the threshold; an opening takes two of three frames that name the same person. TPIR is the share of residents' faces.

A folder below DIR, or the beginning of a file's name, is a person; each face of a group is one. Nobody says who is on
groups: faces there that are more alike than --same are taken for one person, and counted once.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from common import VAR, console, keep, show
from doorbus.wire.templates import Template
from doorbus_recognizer.calibration import Scale
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.vision import Vision
from likenesses import faces_in

Vectors = NDArray[np.float32]
FRAMES, NEEDED = 3, 2
"""Of a visit, and how many of them must name the person."""
BATCH = 1000
MOST = 192
"""Dimensions of a template."""


@dataclass(frozen=True)
class Likeness:
    """How alike templates are."""

    people: int
    left_out: int
    mean: float
    """Of the similarities of different people, the first picture of each."""
    spread: float
    """Standard deviation of the same."""
    highest: float
    own: float
    """Mean similarity of two pictures of one person."""

    @property
    def dimensions(self) -> int:
        """Of the made-up people."""
        return min(MOST, max(2, round(((1 - self.mean) / self.spread) ** 2)))


def measured(directories: list[Path], vision: Vision, same: float) -> Likeness:
    """How alike the people on these pictures are."""
    pictures: dict[str, list[Template]] = defaultdict(list)
    for person, _, face in faces_in(directories, vision):
        pictures[person].append(face.template)
    first: dict[str, Template] = {}
    for person, templates in pictures.items():
        if all(float(templates[0] @ other) < same for other in first.values()):
            first[person] = templates[0]
    different = np.array([float(one @ other) for one, other in combinations(first.values(), 2)])
    own = [float(one @ other) for templates in pictures.values() for one, other in combinations(templates, 2)]
    if not len(different) or not own:
        raise SystemExit("it takes pictures of two people, and two of one of them")
    return Likeness(
        len(first),
        len(pictures) - len(first),
        float(different.mean()),
        float(different.std()),
        float(different.max()),
        float(np.mean(own)),
    )


class Crowd:
    """Made-up people."""

    def __init__(self, like: Likeness, random: np.random.Generator) -> None:
        self._like = like
        self._random = random

    def people(self, number: int) -> Vectors:
        """What makes each of them themselves."""
        spread = _unit(self._random.standard_normal((number, self._like.dimensions), np.float32))
        common = np.full((number, 1), np.sqrt(max(0.0, self._like.mean)), np.float32)
        return np.hstack((common, np.sqrt(1 - max(0.0, self._like.mean)) * spread))

    def templates(self, people: Vectors) -> Vectors:
        """One more picture of each: so much of what is theirs, and as much else as anybody's."""
        share = np.float32(self._like.own)
        return np.asarray(np.sqrt(share) * people + np.sqrt(1 - share) * self.people(len(people)), np.float32)

    def enrolled(self, people: Vectors, samples: int) -> Vectors:
        """The mean of so many pictures of each."""
        return _unit(sum(_unit(self.templates(people)) for _ in range(samples)))


def _unit(vectors: Vectors | int) -> Vectors:
    given = np.asarray(vectors, np.float32)
    return np.asarray(given / np.linalg.norm(given, axis=1, keepdims=True), np.float32)


def strangers(crowd: Crowd, gallery: Vectors, number: int, threshold: float) -> tuple[float, float]:
    """The share of strangers' faces that are named, and of their visits that would open."""
    named = opened = 0
    for _ in range(number // BATCH):
        who = crowd.people(BATCH)
        votes = []
        for _ in range(FRAMES):
            found = _unit(crowd.templates(who)) @ gallery.T
            best = found.argmax(axis=1)
            votes.append(np.where(found[np.arange(BATCH), best] >= threshold, best, -1))
        named += sum(int((vote >= 0).sum()) for vote in votes)
        agree = [(one >= 0) & (one == other) for one, other in combinations(votes, NEEDED)]
        opened += int(np.any(agree, axis=0).sum())
    return named / (FRAMES * number), opened / number


def residents(crowd: Crowd, people: Vectors, gallery: Vectors, here: Scale, number: int) -> tuple[float, float]:
    """The share of residents' faces that reach confidence 0.8, and that are ambiguous."""
    chosen = np.arange(number) % len(people)
    found = _unit(crowd.templates(people[chosen])) @ gallery.T
    own = found[np.arange(number), chosen].copy()
    found[np.arange(number), chosen] = -1
    rival = found.max(axis=1)
    rivalled = (rival >= here.similarity(0.5)) & (np.abs(own - rival) < here.margin)
    right = (own >= here.similarity(0.8)) & (own > rival) & ~rivalled
    return float(right.mean()), float(rivalled.mean())


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--people", type=int, nargs="*", default=[10, 100, 1000, 10_000])
    parser.add_argument("--samples", type=int, default=3, help="with which everybody is enrolled; default 3")
    parser.add_argument("--strangers", type=int, default=20_000, help="for each number of people; default 20000")
    parser.add_argument("--galleries", type=int, default=5, help="that share the strangers, as galleries differ, too")
    parser.add_argument("--same", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    vision = build_vision(weights_dir=VAR / "weights", liveness=False, threads=1)
    like = measured(given.pictures, vision, given.same)
    console.print(
        f"{like.people} people ({like.left_out} taken for one of them): similarities of {like.mean:.3f} +- "
        f"{like.spread:.3f}, {like.highest:.3f} at most; of one person {like.own:.2f}; {like.dimensions} dimensions"
    )
    crowd = Crowd(like, np.random.default_rng(given.seed))
    rows: dict[str, dict[str, float]] = {}
    for number in track(given.people, "galleries", console=console, transient=True):
        here = vision.scale.among(number)
        each = max(BATCH, given.strangers // given.galleries)
        found = []
        for _ in range(given.galleries):
            people = crowd.people(number)
            gallery = crowd.enrolled(people, given.samples)
            said = strangers(crowd, gallery, each, here.similarity(0.8))
            found.append((*said, *residents(crowd, people, gallery, here, BATCH)))
        fpir, opened, tpir, ambiguous = np.mean(found, axis=0)
        rows[f"{number:,} people"] = {
            "similarity at 0.8": here.similarity(0.8),
            "FPIR per 10,000": 1e4 * fpir,
            "openings per 10,000": 1e4 * opened,
            "TPIR": tpir,
            "ambiguous": ambiguous,
        }
    show(f"made-up people, {given.samples} samples each, {given.strangers} strangers", rows, "", digits=3)
    keep("strangers", {"likeness": vars(like) | {"dimensions": like.dimensions}, "galleries": rows})


if __name__ == "__main__":
    main()
