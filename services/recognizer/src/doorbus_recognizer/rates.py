"""Error rates of recognition, from templates by person. Pure.

ISO/IEC 19795-1: a false accept rate (FAR) is of single comparisons of different people, a true accept rate (TAR) of the
same person's; a false positive identification rate (FPIR) is of searches by people who are not in the gallery, a true
positive identification rate (TPIR) of those who are, found first and above the threshold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doorbus.wire.templates import Template, mean
from doorbus_recognizer.calibration import Scale

Values = NDArray[np.float64]
People = Mapping[str, Sequence[Template]]


@dataclass(frozen=True)
class Rate:
    """What share of the genuine passes at a threshold, and what that rests on."""

    wrong: float
    """The share of the others that passes, at most."""
    threshold: float
    right: float
    behind: float
    """How many of the others pass: with fewer than about ten the threshold is a guess."""


def pairs(people: People) -> tuple[Values, Values]:
    """Similarities of all pairs of pictures: of the same person, and of different ones."""
    names = [name for name, templates in people.items() for _ in templates]
    vectors = np.stack([template for templates in people.values() for template in templates]).astype(np.float64)
    similarities = vectors @ vectors.T
    same = np.array(names)[:, np.newaxis] == np.array(names)[np.newaxis]
    upper = np.triu(np.ones_like(same), 1)
    return similarities[same & upper], similarities[~same & upper]


def searches(people: People, samples: int) -> tuple[Values, Values]:
    """Similarities of searches among everybody enrolled with so many samples: own ones, and of strangers to the best.

    Each picture is a probe once: against its person, enrolled with others of their pictures, among all the rest, where
    -1 stands for one that is more similar to somebody else; and as a stranger's, with its person left out. People with
    too few pictures are not enrolled.
    """
    enrolled = {name: mean(templates[:samples]) for name, templates in people.items() if len(templates) >= samples}
    own, strangers = [], []
    for name, templates in people.items():
        others = np.array([vector for other, vector in enrolled.items() if other != name], dtype=np.float64)
        for number, probe in enumerate(templates):
            best = float((others @ probe).max()) if len(others) else -1.0
            strangers.append(best)
            rest = [*templates[:number], *templates[number + 1 :]]
            if len(rest) >= samples:
                similarity = float(mean(rest[:samples]) @ probe)
                own.append(similarity if similarity > best else -1.0)
    return np.array(own), np.array(strangers)


def rate_at(right: Values, wrong: Values, share: float) -> Rate:
    """The rate at the lowest threshold that so small a share of the wrong ones passes."""
    ordered = np.sort(wrong)[::-1]
    allowed = int(share * len(ordered))
    threshold = float(np.nextafter(ordered[min(allowed, len(ordered) - 1)], 2.0))
    return Rate(share, threshold, float((right >= threshold).mean()), float(allowed))


SETTINGS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Thresholds of confidence that a site may choose from."""
DEFAULT_SETTING = 0.8
RULE_OF_THREE = 3.0
"""Where none of n was seen, fewer than 3 in n are likely: with 95 % certainty."""
ENOUGH = 1e-4
"""False positive identification rate that a threshold is to stand for."""


def shares(values: Values, scale: Scale, people: int) -> list[float]:
    """What share of these similarities reaches each of `SETTINGS` in a gallery of so many people."""
    here = scale.among(people)
    return [float((values >= here.similarity(setting)).mean()) for setting in SETTINGS]


def advised(strangers: Values, scale: Scale, people: int) -> float | None:
    """The lowest of `SETTINGS` that lets no stranger in; None where each does.

    Not below the default, unless there are strangers enough to say that fewer than `ENOUGH` would come in there.
    """
    enough = RULE_OF_THREE / len(strangers) <= ENOUGH
    passing = zip(SETTINGS, shares(strangers, scale, people), strict=True)
    return next((one for one, share in passing if not share and (enough or one >= DEFAULT_SETTING)), None)
