"""Similarity to confidence: one meaning for every model. Pure.

Confidence is a logistic function of the cosine similarity with two anchors:

- 0.5: one in about 1,000 comparisons of different people is as similar (false accept rate 1e-3);
- 0.8: one in about 10,000 (1e-4), the threshold at which a door opens unless it is set otherwise.

These hold in a gallery of ten people. One of n makes n comparisons for each probe, and the best of more strangers is
more similar. `Scale.among` asks for similarities that are as many times rarer, so that a confidence means the same for
a stranger before every door.

How rare a similarity is: templates of different people lie like random directions in `_DIMENSIONS` dimensions, where a
share of about (1 - s^2)^((dimensions - 1) / 2) is more similar than s, the cap of a sphere. Templates of 27 people, 20
women and 7 men, have similarities of mean 0.10 and standard deviation 0.149 within the sexes, and of -0.01 between
them. Of 200 million pairs drawn like that the cap of 34 dimensions asks for 0.005 to 0.016 too much among 100 to 10,000
people; it asks for no less than a cosine of 0.555 among ten people and 0.067 more for ten times as many, which 947
pictures of 57 people asked for from outside, in searches among means of samples. The mean of samples itself changes
little: strangers' similarities to means of 3 vary by 0.152, to single samples by 0.151 (8,880 comparisons).
"""

import math
from dataclasses import dataclass, replace
from typing import Self

_ODDS_AT_SECURE = math.log(0.8 / 0.2)
ANCHORED_AT = 10
"""People of a gallery for which the anchors hold as they are; a smaller one is no reason to ask less."""
_DIMENSIONS = 34
"""For other models than the default one it is assumed."""


@dataclass(frozen=True)
class Scale:
    """The similarities of one model that stand for the two anchors, and the gallery that they are asked in."""

    likely: float
    """Similarity at confidence 0.5 among ten people: from here up two templates count as the same person."""
    secure: float
    """Similarity at confidence 0.8 among ten people; above `likely`."""
    people: int = ANCHORED_AT
    """Of the gallery."""

    def __post_init__(self) -> None:
        if not self.likely < self.secure:
            raise ValueError(f"likely {self.likely} must be below secure {self.secure}")

    def among(self, people: int) -> Self:
        """The scale for the best of so many people."""
        return replace(self, people=max(people, ANCHORED_AT))

    def confidence(self, similarity: float) -> float:
        """Confidence 0..1 that the best of the gallery, so similar, is the same person; never less for a higher one."""
        alike = _root(1 - (1 - similarity * abs(similarity)) * self._rarer)
        odds = _ODDS_AT_SECURE * (alike - self.likely) / (self.secure - self.likely)
        return 1 / (1 + math.exp(-max(-80.0, min(80.0, odds))))

    def similarity(self, confidence: float) -> float:
        """The similarity that gives a confidence between 0 and 1, both excluded."""
        odds = math.log(confidence / (1 - confidence))
        alike = self.likely + odds * (self.secure - self.likely) / _ODDS_AT_SECURE
        return _root(1 - (1 - alike * abs(alike)) / self._rarer)

    @property
    def margin(self) -> float:
        """By how much the best person should be more similar than the runner-up: the span between the anchors.

        It is the smaller, the more people there are, as similarities of strangers crowd together there.
        """
        return self.similarity(0.8) - self.similarity(0.5)

    @property
    def _rarer(self) -> float:
        """By how much smaller 1 - s^2 must be, to be as many times rarer as there are more people."""
        return float((self.people / ANCHORED_AT) ** (2 / (_DIMENSIONS - 1)))


def _root(signed_square: float) -> float:
    return math.copysign(math.sqrt(abs(signed_square)), signed_square)


MOBILEFACENET = Scale(likely=0.50, secure=0.60)
"""From 1,600 pairs of different people (55 pictures of 5 people and the public samples of 3): similarity of mean 0.02
and standard deviation 0.155, of which a normal tail leaves 1e-3 above 0.50 and 1e-4 above 0.60. None of these pairs
came above 0.44, all 278 pairs of the same person above 0.70 (mean 0.87)."""

_LIKELY_SHARE, _SECURE_SHARE = 0.85, 0.70


def scale_from_distance(published: float) -> Scale:
    """Scale for a model of which only the cosine distance is known at which deepface tells people apart.

    That distance was tuned for the fewest errors on as many genuine as impostor pairs, which accepts far more than one
    impostor in 1,000. Confidence 0.5 is put at 85 % of it and 0.8 at 70 %; at the distance itself confidence is 0.2.
    Checked with dlib's ResNet on the pairs named above.

    Args:
        published: `deepface.config.threshold.thresholds[model]["cosine"]`.
    """
    return Scale(likely=1 - _LIKELY_SHARE * published, secure=1 - _SECURE_SHARE * published)
