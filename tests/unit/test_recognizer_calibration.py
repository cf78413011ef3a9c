import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus_recognizer.calibration import MOBILEFACENET, Scale, scale_from_distance

similarities = st.floats(-1, 1)
distances = st.floats(0.01, 1)


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


@given(st.integers(1, 10), distances)
def test_up_to_ten_people_the_anchors_are_those_of_the_model(people: int, distance: float) -> None:
    assert scale_from_distance(distance).among(people) == scale_from_distance(distance)


@given(st.integers(1, 100_000), st.integers(1, 100_000), similarities, distances)
def test_among_more_people_nobody_is_more_certain(one: int, other: int, similarity: float, distance: float) -> None:
    few, many = sorted((one, other))
    scale = scale_from_distance(distance)

    assert scale.among(many).confidence(similarity) <= scale.among(few).confidence(similarity)


def test_ten_times_as_many_people_ask_for_as_much_more_each_time() -> None:
    secure = [MOBILEFACENET.among(people).secure for people in (10, 100, 1000, 10_000)]

    assert secure == pytest.approx([0.6, 0.667, 0.734, 0.801])


def test_anchors_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"likely 0\.6 must be below secure 0\.6"):
        Scale(likely=0.6, secure=0.6)
