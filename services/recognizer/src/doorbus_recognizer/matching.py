"""Open-set matching: whose face is this, if anybody's? Pure.

A probe is compared with one vector a person, `doorbus.wire.templates.mean`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.messages import GalleryEntry, Verdict
from doorbus.wire.templates import Template, from_gallery, mean, unit
from doorbus_recognizer.calibration import Scale

MATCH_CONFIDENCE = 0.5
"""Confidence from which a face gets a name; what the name may open is for the actuator to decide."""


MIRRORED_APART = 0.1
"""By how much the similarity of a face and of face and mirror image together may differ.

At most 0.093 for 592 faces of 11 people, plain and distorted, against the plain ones; 0.054 at similarities above 0.7.
"""
SURE_CONFIDENCE = 0.9
"""A face may be settled without its mirror image when thresholds up to here are out of reach."""

_EQUAL = 1e-5
"""Similarities that differ by less are the same, but for the rounding of float32."""

Settled = Callable[[Template], bool]
"""Whether a template says already what comes of a face."""


@dataclass(frozen=True)
class Match:
    """What matching says of one face."""

    verdict: Verdict
    person: str | None
    """Named only when the verdict is `match`."""
    similarity: float | None
    """Cosine similarity to the most similar person, -1..1; None for an empty gallery."""
    runner_up: float | None
    """The same of the second person; None where there is none."""
    confidence: float
    """Calibrated confidence 0..1 that the face is the most similar person's, of all in the gallery."""


@dataclass(frozen=True)
class Block:
    """Some people of a gallery: those of one shard."""

    people: tuple[str, ...]
    vectors: NDArray[np.float32] = field(repr=False)
    """Shape (people, length), unit vectors."""

    @classmethod
    def read(cls, entries: tuple[GalleryEntry, ...]) -> Self:
        """The people of a shard as the enroller published them; raises `Refused` when they make no sense."""
        return cls.build({one.person: tuple(map(from_gallery, one.templates)) for one in entries if one.templates})

    @classmethod
    def build(cls, people: Mapping[str, Sequence[ArrayLike]]) -> Self:
        """The block of these people, at least one template each.

        Raises:
            Refused: names the person whose templates are none, of another length, not finite, or cancel out.
        """
        vectors: list[Template] = []
        for person, templates in people.items():
            try:
                vectors.append(mean(templates))
            except Refused as refused:
                raise Refused(refused.reason, f"{person}: {refused.detail}") from None
            if len(vectors[-1]) != len(vectors[0]):
                lengths = f"{len(vectors[-1])} values, the others have {len(vectors[0])}"
                raise Refused(Refusal.WRONG_SHAPE, f"{person}: template of {lengths}")
        return cls(tuple(people), np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32))


@dataclass(frozen=True)
class Gallery:
    """All people, ready to be compared with; never changed, replaced as a whole."""

    model: str | None
    """Id of the model that made the templates; None for an empty gallery, which goes with every model."""
    version: int
    people: tuple[str, ...]
    _vectors: NDArray[np.float32] = field(repr=False)
    """Shape (people, length), unit vectors."""

    @classmethod
    def empty(cls) -> Self:
        """The gallery before anybody is enrolled."""
        return cls(model=None, version=0, people=(), _vectors=np.zeros((0, 0), dtype=np.float32))

    @classmethod
    def build(cls, people: Mapping[str, Sequence[ArrayLike]], model: str | None, version: int = 0) -> Self:
        """A gallery of these people's templates; see `Block.build`."""
        return cls.of((Block.build(people),), model, version)

    @classmethod
    def of(cls, blocks: Iterable[Block], model: str | None, version: int = 0) -> Self:
        """A gallery of all people of these blocks.

        Args:
            blocks: each with people of its own.
            model: id of the model that made the templates.
            version: of the snapshot that they come from.

        Raises:
            Refused: the templates of two blocks differ in length.
        """
        filled = [block for block in blocks if block.people]
        lengths = {block.vectors.shape[1] for block in filled}
        if len(lengths) > 1:
            raise Refused(Refusal.WRONG_SHAPE, f"templates of {', '.join(map(str, sorted(lengths)))} values")
        empty = np.zeros((0, 0), dtype=np.float32)
        stacked = np.concatenate([block.vectors for block in filled]) if filled else empty
        stacked.setflags(write=False)
        people = tuple(person for block in filled for person in block.people)
        return cls(model=model, version=version, people=people, _vectors=stacked)

    def __len__(self) -> int:
        return len(self.people)

    def match(self, probe: Template, scale: Scale, margin: float | None = None) -> Match:
        """Who the probe is.

        `unknown` when nobody is similar enough for so many people; `ambiguous` when two people are, and nearly alike.

        Args:
            probe: template from the gallery's model.
            scale: calibration of that model.
            margin: by how much the best person's similarity must exceed that of a runner-up who would be a match as
                well; the scale's own among so many people when None. Equals are a tie, however small it is.

        Raises:
            Refused: the probe is not finite or of another length.
        """
        if not self.people:
            return Match(Verdict.UNKNOWN, person=None, similarity=None, runner_up=None, confidence=0.0)
        checked = unit(probe)
        if len(checked) != self._vectors.shape[1]:
            lengths = f"{len(checked)} values for a gallery of {self._vectors.shape[1]}"
            raise Refused(Refusal.WRONG_SHAPE, f"probe of {lengths}")
        # Not `@`, which wakes a thread on every core: they wait for each other, and for the models' threads.
        similarities = np.einsum("ij,j->i", self._vectors, checked)
        best = int(similarities.argmax())
        similarity = _cosine(similarities[best])
        runner_up = None
        if len(self.people) > 1:
            similarities[best] = -np.inf
            runner_up = _cosine(similarities.max())
        here = scale.among(len(self.people))
        confidence = here.confidence(similarity)
        needed = max(_EQUAL, here.margin if margin is None else margin)
        rivalled = runner_up is not None and here.confidence(runner_up + _EQUAL) >= MATCH_CONFIDENCE
        if confidence < MATCH_CONFIDENCE:
            verdict = Verdict.UNKNOWN
        elif runner_up is not None and rivalled and similarity - runner_up < needed:
            verdict = Verdict.AMBIGUOUS
        else:
            verdict = Verdict.MATCH
        person = self.people[best] if verdict is Verdict.MATCH else None
        return Match(verdict, person=person, similarity=similarity, runner_up=runner_up, confidence=confidence)

    def settled(self, match: Match, scale: Scale, margin: float | None = None) -> bool:
        """Whether the template of a face and its mirror image would lead to the same match as that of the face alone.

        So it is when all that hangs on the similarity is more than `MIRRORED_APART` away: the verdict, the person, and
        every threshold of confidence up to `SURE_CONFIDENCE`.

        Args:
            match: of the template of the face alone, in this gallery.
            scale: calibration of the model.
            margin: as in `match`.
        """
        here = scale.among(len(self.people))
        likely = here.similarity(MATCH_CONFIDENCE)
        if match.similarity is None or match.similarity + MIRRORED_APART < likely:
            return True
        lead = math.inf if match.runner_up is None else match.similarity - match.runner_up
        needed = here.margin if margin is None else margin
        far_ahead = lead - 2 * MIRRORED_APART >= needed
        return far_ahead and match.similarity - MIRRORED_APART >= here.similarity(SURE_CONFIDENCE)


def _cosine(value: np.float32) -> float:
    return min(1.0, max(-1.0, float(value)))
