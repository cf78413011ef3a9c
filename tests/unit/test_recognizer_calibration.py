import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus_recognizer.calibration import MOBILEFACENET, Scale, scale_from_distance

similarities = st.floats(-1, 1)
distances = st.floats(0.01, 1)
sizes = st.integers(1, 100_000)


def test_the_anchors_have_the_confidence_that_they_stand_for() -> None:
    assert MOBILEFACENET.confidence(MOBILEFACENET.likely) == pytest.approx(0.5)
    assert MOBILEFACENET.confidence(MOBILEFACENET.secure) == pytest.approx(0.8)


@pytest.mark.parametrize("similarity", [0.82, 0.83])
def test_the_similarity_of_two_pictures_of_one_person_is_nearly_certain(similarity: float) -> None:
    assert MOBILEFACENET.confidence(similarity) > 0.95


@pytest.mark.parametrize("similarity", [-0.11, -0.01, 0.25])
def test_the_similarity_of_two_people_is_nearly_excluded(similarity: float) -> None:
    assert MOBILEFACENET.confidence(similarity) < 0.05


@given(similarities, similarities, distances)
def test_more_similar_is_never_less_confident(one: float, other: float, distance: float) -> None:
    for scale in (MOBILEFACENET, scale_from_distance(distance)):
        low, high = sorted((one, other))
        assert 0 <= scale.confidence(low) <= scale.confidence(high) <= 1


@given(st.floats(0.01, 0.99), distances)
def test_a_confidence_leads_back_to_its_similarity(confidence: float, distance: float) -> None:
    scale = scale_from_distance(distance)

    assert scale.confidence(scale.similarity(confidence)) == pytest.approx(confidence)


@given(distances)
def test_the_distance_at_which_deepface_separates_people_is_too_far_for_a_door(distance: float) -> None:
    scale = scale_from_distance(distance)

    assert scale.confidence(1 - distance) == pytest.approx(0.2)
    assert scale.confidence(1) > 0.95
    assert scale.margin > 0


@given(st.integers(1, 10), similarities, distances)
def test_up_to_ten_people_confidence_is_what_the_model_says(people: int, similarity: float, distance: float) -> None:
    scale = scale_from_distance(distance)

    assert scale.among(people).confidence(similarity) == scale.confidence(similarity)


@given(sizes, sizes, similarities, distances)
def test_among_more_people_nobody_is_more_certain(one: int, other: int, similarity: float, distance: float) -> None:
    few, many = sorted((one, other))
    scale = scale_from_distance(distance)

    assert scale.among(many).confidence(similarity) <= scale.among(few).confidence(similarity)


@given(sizes, similarities, similarities, distances)
def test_more_similar_is_never_less_confident_however_many_there_are(
    people: int, one: float, other: float, distance: float
) -> None:
    scale, (low, high) = scale_from_distance(distance).among(people), sorted((one, other))

    assert 0 <= scale.confidence(low) <= scale.confidence(high) <= 1


@given(sizes, st.floats(0.01, 0.99), distances)
def test_a_confidence_leads_back_to_its_similarity_however_many_there_are(
    people: int, confidence: float, distance: float
) -> None:
    scale = scale_from_distance(distance).among(people)

    assert scale.similarity(confidence) < 1
    assert scale.confidence(scale.similarity(confidence)) == pytest.approx(confidence)


@given(sizes, sizes)
def test_among_more_people_a_runner_up_may_be_nearer(one: int, other: int) -> None:
    few, many = sorted((one, other))

    assert 0 < MOBILEFACENET.among(many).margin <= MOBILEFACENET.among(few).margin <= MOBILEFACENET.margin


@given(sizes)
def test_the_same_confidence_is_as_rare_for_a_stranger_however_many_there_are(people: int) -> None:
    """By the law that the similarities of strangers were found to keep: random directions in 34 dimensions."""
    for confidence in (0.5, 0.8):
        asked, at_ten = MOBILEFACENET.among(people).similarity(confidence), MOBILEFACENET.similarity(confidence)
        assert max(people, 10) * _more_alike(asked) == pytest.approx(10 * _more_alike(at_ten))


def _more_alike(similarity: float) -> float:
    return float((1 - similarity**2) ** 16.5)


def test_the_default_model_asks_no_less_than_was_measured_from_outside() -> None:
    for people in (10, 100, 1000, 10_000):
        measured = 0.555 + 0.067 * math.log10(people / 10)
        assert measured <= MOBILEFACENET.among(people).similarity(0.8) <= measured + 0.05


def test_anchors_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"likely 0\.6 must be below secure 0\.6"):
        Scale(likely=0.6, secure=0.6)
