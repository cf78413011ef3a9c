"""Similarity to confidence: one meaning for every model. Pure.

Confidence is a logistic function of the cosine similarity with two anchors:

- 0.5: one in about 1,000 comparisons of different people is as similar (false accept rate 1e-3);
- 0.8: one in about 10,000 (1e-4), the threshold at which a door opens unless it is set otherwise.

These hold in a gallery of ten people. One of n makes n comparisons for each probe, and the best of more strangers is
more similar: `Scale.among` moves both anchors up by what that makes, so that a confidence means the same for a stranger
before every door.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

_ODDS_AT_SECURE = math.log(0.8 / 0.2)
ANCHORED_AT = 10
"""People of a gallery for which the anchors hold as they are; a smaller one is no reason to ask less."""
_A_DECADE = 0.67
"""How far the anchors move up for ten times as many people, as a share of the span between them.

From a search among means of several samples, at a false positive identification rate of 1e-4 on 947 pictures of 57
people: a cosine of 0.555 among ten people, and 0.067 more for ten times as many, where the span of the default model is
0.10. For other models the share is assumed.
"""


@dataclass(frozen=True)
class Scale:
    """The similarities of one model that stand for the two anchors."""

    likely: float
    """Similarity at confidence 0.5: from here up two templates count as the same person."""
    secure: float
    """Similarity at confidence 0.8; above `likely`."""

    def __post_init__(self) -> None:
        if not self.likely < self.secure:
            raise ValueError(f"likely {self.likely} must be below secure {self.secure}")

    def among(self, people: int) -> Self:
        """The scale for the best of so many people."""
        if people <= ANCHORED_AT:
            return self
        shift = _A_DECADE * self.margin * math.log10(people / ANCHORED_AT)
        return replace(self, likely=self.likely + shift, secure=self.secure + shift)

    def confidence(self, similarity: float) -> float:
        """Confidence 0..1 that two templates of this similarity are of the same person."""
        odds = _ODDS_AT_SECURE * (similarity - self.likely) / (self.secure - self.likely)
        return 1 / (1 + math.exp(-max(-80.0, min(80.0, odds))))

    def similarity(self, confidence: float) -> float:
        """The similarity that gives a confidence between 0 and 1, both excluded."""
        return self.likely + math.log(confidence / (1 - confidence)) * (self.secure - self.likely) / _ODDS_AT_SECURE

    @property
    def margin(self) -> float:
        """By how much the best person should be more similar than the runner-up: the span between the anchors."""
        return self.secure - self.likely


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
