import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorbus.wire.codec import Refused
from doorbus.wire.messages import Verdict
from doorbus_recognizer.calibration import MOBILEFACENET as SCALE
from doorbus_recognizer.matching import Gallery

LENGTH = 192


def person(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(LENGTH).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def picture(seed: int, similarity: float, shot: int = 0) -> np.ndarray:
    """A template of a person of exactly this similarity to `person(seed)`."""
    base, other = person(seed), person(1_000_000 + 1000 * shot + seed)
    across = other - (other @ base) * base
    towards = similarity * base + np.sqrt(1 - similarity**2) * across / np.linalg.norm(across)
    return np.asarray(towards, dtype=np.float32)


ALICE, BOB = person(1), person(2)


def test_an_enrolled_person_is_matched() -> None:
    gallery = Gallery.build({"alice": [ALICE], "bob": [BOB]}, "m@1")

    match = gallery.match(picture(1, 0.84), SCALE)

    assert (match.verdict, match.person) == (Verdict.MATCH, "alice")
    assert match.similarity == pytest.approx(0.84, abs=1e-5)
    assert match.confidence > 0.95
    assert match.runner_up is not None
    assert match.runner_up < 0.4


def test_a_stranger_is_nobody() -> None:
    match = Gallery.build({"alice": [ALICE], "bob": [BOB]}, "m@1").match(person(3), SCALE)

    assert (match.verdict, match.person) == (Verdict.UNKNOWN, None)
    assert match.confidence < 0.05


def test_in_an_empty_gallery_everybody_is_nobody() -> None:
    for gallery in (Gallery.empty(), Gallery.build({}, None)):
        match = gallery.match(ALICE, SCALE)
        assert (match.verdict, match.similarity, match.runner_up, match.confidence) == (Verdict.UNKNOWN, None, None, 0)


def test_the_only_person_of_a_gallery_has_no_runner_up() -> None:
    match = Gallery.build({"alice": [ALICE]}, "m@1").match(picture(1, 0.8), SCALE)

    assert (match.person, match.runner_up) == ("alice", None)


def test_twins_are_ambiguous_and_not_named() -> None:
    gallery = Gallery.build({"alice": [ALICE], "alicia": [picture(1, 0.95)]}, "m@1")

    match = gallery.match(picture(1, 0.9, shot=5), SCALE)

    assert (match.verdict, match.person) == (Verdict.AMBIGUOUS, None)
    assert match.confidence > 0.9


def test_a_smaller_margin_tells_twins_apart() -> None:
    gallery = Gallery.build({"alice": [ALICE], "alicia": [picture(1, 0.95)]}, "m@1")

    assert gallery.match(ALICE, SCALE, margin=0.01).person == "alice"


def crowd(people: int) -> Gallery:
    """Alice among strangers, to whom she is orthogonal."""
    axes = np.eye(people + 1, dtype=np.float32)
    return Gallery.build({f"p{n}": [axes[n]] for n in range(people)}, "m@1")


def seen_as(people: int, similarity: float, runner_up: float = 0.0) -> np.ndarray:
    probe = np.zeros(people + 1, np.float32)
    probe[0], probe[1] = similarity, runner_up
    probe[people] = np.sqrt(1 - similarity**2 - runner_up**2)
    return probe


def test_among_more_people_somebody_must_be_more_similar_for_the_same_confidence() -> None:
    confidences = [crowd(people).match(seen_as(people, 0.62), SCALE).confidence for people in (10, 100, 1000)]

    assert confidences == sorted(confidences, reverse=True)
    assert confidences[0] > 0.8 > confidences[1] > 0.5 > confidences[2]
    assert crowd(1000).match(seen_as(1000, 0.62), SCALE).verdict is Verdict.UNKNOWN
    assert crowd(1000).match(seen_as(1000, 0.75), SCALE).confidence > 0.8


def test_a_runner_up_who_is_nobody_by_themselves_makes_no_one_ambiguous() -> None:
    many, few = crowd(1000), crowd(10)

    assert many.match(seen_as(1000, 0.68, runner_up=0.6), SCALE).person == "p0"
    assert few.match(seen_as(10, 0.68, runner_up=0.6), SCALE).verdict is Verdict.AMBIGUOUS


@given(people=st.integers(2, 40), similarity=st.floats(0, 0.99), margin=st.sampled_from([None, 0.0, 0.02]))
def test_people_who_are_equally_alike_are_never_told_apart(
    people: int, similarity: float, margin: float | None
) -> None:
    gallery = Gallery.build({f"p{n}": [picture(1, 0.9)] for n in range(people)}, "m@1")

    match = gallery.match(picture(1, similarity, shot=3), SCALE, margin)

    assert match.person is None
    assert match.verdict is (Verdict.AMBIGUOUS if match.confidence >= 0.5 else Verdict.UNKNOWN)


@settings(max_examples=50)
@given(st.integers(2, 300), st.integers(2, 300), st.floats(0.3, 0.99), st.floats(0, 0.9))
def test_who_is_nobody_among_few_is_nobody_among_many(
    one: int, other: int, similarity: float, runner_up: float
) -> None:
    few, many = sorted((one, other))
    runner_up = min(runner_up, similarity, 0.99 * math.sqrt(1 - similarity**2))

    among_many = crowd(many).match(seen_as(many, similarity, runner_up), SCALE)
    among_few = crowd(few).match(seen_as(few, similarity, runner_up), SCALE)

    assert among_many.confidence <= among_few.confidence
    if among_few.verdict is Verdict.UNKNOWN:
        assert among_many.verdict is Verdict.UNKNOWN


def test_somebody_who_resembles_two_people_a_little_is_unknown_and_not_ambiguous() -> None:
    gallery = Gallery.build({"alice": [ALICE], "alicia": [picture(1, 0.95)]}, "m@1")

    assert gallery.match(picture(1, 0.3, shot=7), SCALE).verdict is Verdict.UNKNOWN


def test_several_samples_of_a_person_match_better_than_one() -> None:
    one = Gallery.build({"alice": [picture(1, 0.8, 1)]}, "m@1").match(picture(1, 0.8, 9), SCALE)
    three = Gallery.build({"alice": [picture(1, 0.8, shot) for shot in (1, 2, 3)]}, "m@1").match(
        picture(1, 0.8, 9), SCALE
    )

    assert one.similarity is not None
    assert three.similarity is not None
    assert three.similarity > one.similarity


@settings(max_examples=50)
@given(st.integers(0, 30), st.integers(0, 60), st.floats(-1, 1))
def test_a_match_is_the_most_similar_person_and_beats_the_runner_up_by_the_margin(
    people: int, seed: int, similarity: float
) -> None:
    gallery = Gallery.build({f"p{n}": [person(n)] for n in range(people)}, "m@1")
    probe = picture(seed, similarity)

    match = gallery.match(probe, SCALE)

    expected = sorted((float(person(n) @ probe) for n in range(people)), reverse=True)
    assert match.similarity == (pytest.approx(expected[0], abs=1e-5) if people else None)
    assert match.runner_up == (pytest.approx(expected[1], abs=1e-5) if people > 1 else None)
    assert (match.verdict is Verdict.MATCH) == (match.person is not None)
    if match.person is not None and match.similarity is not None:
        assert match.confidence >= 0.5
        lead = match.similarity - (-1 if match.runner_up is None else match.runner_up)
        assert lead >= SCALE.among(people).margin or (match.runner_up or -1) < SCALE.among(people).similarity(0.5)
        assert float(person(int(match.person[1:])) @ probe) == pytest.approx(match.similarity, abs=1e-5)


def test_ten_thousand_people_are_searched_for_the_one() -> None:
    vectors = np.random.default_rng(0).standard_normal((10_000, LENGTH)).astype(np.float32)
    gallery = Gallery.build({f"p{n}": [vector] for n, vector in enumerate(vectors)}, "m@1", version=7)

    assert gallery.match(vectors[4321], SCALE).person == "p4321"
    assert (len(gallery), gallery.version, gallery.model) == (10_000, 7, "m@1")


@pytest.mark.parametrize(
    "templates",
    [
        [],
        [np.zeros(LENGTH, np.float32)],
        [np.full(LENGTH, np.nan, np.float32)],
        [np.full(LENGTH, np.inf, np.float32)],
        [ALICE, -ALICE],
        [person(5)[:100]],
        [ALICE, ALICE[:100]],
        [np.eye(3, dtype=np.float32)],
    ],
    ids=["none", "zero", "nan", "infinite", "cancel-out", "other-length", "mixed-lengths", "matrix"],
)
def test_a_gallery_of_bad_templates_is_refused_with_the_persons_name(templates: list[np.ndarray]) -> None:
    with pytest.raises(Refused, match="bob"):
        Gallery.build({"alice": [ALICE], "bob": templates}, "m@1")


@pytest.mark.parametrize("probe", [ALICE[:128], np.full(LENGTH, np.nan, np.float32)], ids=["other-length", "nan"])
def test_a_bad_probe_is_refused(probe: np.ndarray) -> None:
    with pytest.raises(Refused):
        Gallery.build({"alice": [ALICE]}, "m@1").match(probe, SCALE)
