"""Faces that wait for a person's word: whose they are, and which are the same."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from doorbus.wire.messages import FaceForReview, ListReviews, Verdict
from doorbus.wire.templates import Template, unit
from doorbus_recorder.review import (
    Case,
    ReviewLimits,
    Sighting,
    Wanted,
    begun,
    case_of,
    is_asked_about,
    is_better,
    page_of,
    seen_again,
)
from doorbus_recorder.settings import Recorder

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SAME = 0.5


def face(person: str | None = None, confidence: float = 0.0, quality: float = 0.5) -> FaceForReview:
    verdict = Verdict.UNKNOWN if person is None else Verdict.MATCH
    return FaceForReview(
        box=(0.0, 0.0, 9.0, 9.0), verdict=verdict, person=person, confidence=confidence, quality=quality, template=""
    )


def sighting(template: Template, *, after: float = 0, quality: float = 0.5, model: str = "one") -> Sighting:
    return Sighting("front", "porch", NOW + timedelta(seconds=after), model, SAME, face(quality=quality), template)


def somebody(number: int, noise: Sequence[float] = ()) -> Template:
    """A template of one of several people, who are not alike at all, on one of several pictures."""
    vector = np.zeros(16)
    vector[number] = 1
    vector[8 : 8 + len(noise)] = noise
    return unit(vector)


PICTURES = st.lists(
    st.tuples(st.integers(0, 7), st.lists(st.floats(-0.25, 0.25), min_size=8, max_size=8), st.floats(0, 1)),
    max_size=40,
)


@given(PICTURES)
def test_each_person_is_one_entry_however_often_and_in_whatever_order_they_come(
    seen: Sequence[tuple[int, Sequence[float], float]],
) -> None:
    cases: dict[str, Case] = {}
    for number, (person, noise, quality) in enumerate(seen):
        one = sighting(somebody(person, noise), after=number, quality=quality)
        entry = case_of(one, cases)
        if entry is None:
            cases[f"entry-{person}"] = begun(f"entry-{person}", one, 10)
        else:
            assert entry == f"entry-{person}"
            size = 20 if is_better(one, cases[entry]) else None
            cases[entry] = seen_again(cases[entry], one, size)

    came: dict[str, list[float]] = {}
    for person, _, quality in seen:
        came.setdefault(f"entry-{person}", []).append(quality)
    assert {entry: case.review.count for entry, case in cases.items()} == {
        entry: len(times) for entry, times in came.items()
    }
    assert all(cases[entry].review.quality == max(times) for entry, times in came.items())


def test_faces_of_different_models_are_never_taken_for_the_same() -> None:
    cases = {"a": begun("a", sighting(somebody(1), model="one"), 10)}

    assert case_of(sighting(somebody(1), model="other"), cases) is None
    assert case_of(sighting(somebody(1), model="one"), cases) == "a"
    assert case_of(sighting(unit(np.ones(3)), model="one"), cases) is None


@pytest.mark.parametrize(
    ("wanted", "one", "asked"),
    [
        ("", face(), False),
        ("unknown", face(), True),
        ("unsure", face(), False),
        ("unsure", face("alice", 0.6), True),
        ("unknown", face("alice", 0.6), False),
        ("unsure", face("alice", 0.95), False),
        ("unsure", face("alice", 0.2), False),
        ("unsure, unknown", face("alice", 0.9), True),
    ],
)
def test_only_faces_that_the_owner_names_are_asked_about(wanted: str, one: FaceForReview, *, asked: bool) -> None:
    own = Recorder(review=wanted)

    assert is_asked_about(one, own.wanted, own) is asked
    assert Recorder().wanted == frozenset()


def test_a_word_that_is_none_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValidationError, match="'everybody' is none of unknown, unsure"):
        Recorder(review="everybody")
    assert ReviewLimits().review_max < 1
    assert Recorder(review="UNSURE ,").wanted == {Wanted.UNSURE}


@pytest.mark.parametrize("bounds", [{"review_min": 0.9, "review_max": 0.3}, {"review_min": 0.95}, {"review_max": 0.2}])
def test_bounds_between_which_no_face_can_be_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=r"review_max\n.*must not be less than review_min"):
        Recorder(**bounds)


@given(st.integers(1, 30), st.integers(1, 7))
def test_pages_hold_each_entry_once_those_seen_last_first(number: int, limit: int) -> None:
    cases = [begun(f"e-{each:02}", sighting(somebody(0), after=each % 5), 1) for each in range(number)]
    told, after = list[str](), None
    while True:
        page, after = page_of(cases, ListReviews(limit=limit, after=after))
        told += [each.entry for each in page]
        if after is None:
            break

    assert sorted(told) == [case.review.entry for case in cases]
    moments = {case.review.entry: case.review.at for case in cases}
    assert [moments[each] for each in told] == sorted(moments.values(), reverse=True)
    assert page_of(cases, ListReviews(after="gone-meanwhile")) == ((), None)
