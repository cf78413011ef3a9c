"""Who is hard to recognise, and who is hard to tell apart."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Weakness
from doorbus.wire.templates import Template, unit
from doorbus_enroller.care import Looked, close_pairs, examine
from doorbus_enroller.known_faces import KnownFaces
from doorbus_enroller.store import Sample

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def at_angle(degrees: float) -> Template:
    """Templates resemble each other by the cosine of the angle between them."""
    return unit([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def looked(degrees: float, *, number: int = 0, quality: float = 0.9, brightness: float | None = None) -> Looked:
    return Looked(Sample(b"", "M", quality, "p", NOON, brightness, None, number), at_angle(degrees))


GOOD = [looked(0, brightness=0.3), looked(20, brightness=0.5), looked(40, brightness=0.45)]


@pytest.mark.parametrize(
    ("samples", "damaged", "weak"),
    [
        (GOOD, 0, set()),
        (GOOD[:2], 0, {Weakness.FEW_SAMPLES}),
        ([], 0, {Weakness.FEW_SAMPLES}),
        (GOOD, 1, {Weakness.DAMAGED}),
        ([looked(0), looked(20), looked(90)], 0, {Weakness.UNLIKE}),
        ([looked(0, quality=0.2), looked(20, quality=0.4), looked(40, quality=0.1)], 0, {Weakness.POOR_QUALITY}),
        ([looked(0, quality=0.2), looked(20, quality=0.6), looked(40, quality=0.1)], 0, set()),
        ([looked(angle, brightness=0.4 + angle / 1000) for angle in (0, 20, 40)], 0, {Weakness.ONE_LIGHT}),
        ([looked(0, brightness=0.4), looked(20, brightness=0.4), looked(40)], 0, set()),  # of one nobody knows
        ([looked(0), looked(180)], 0, {Weakness.FEW_SAMPLES, Weakness.UNLIKE}),
    ],
)
def test_what_is_weak_about_somebodys_samples_is_named(
    samples: list[Looked], damaged: int, weak: set[Weakness]
) -> None:
    assert set(examine("alice", samples, damaged, 0.5).weaknesses) == weak


def test_each_sample_is_held_against_the_others() -> None:
    one = examine("alice", [looked(0, number=4), looked(10, number=7), looked(80, number=9)], 0, 0.5)

    assert [each.number for each in one.samples] == [4, 7, 9]
    assert [each.likeness for each in one.samples] == [
        pytest.approx(np.cos(np.radians(angle)), abs=1e-6) for angle in (45, 30, 75)
    ]
    assert examine("alice", [looked(0)], 0, 0.5).samples[0].likeness is None


def test_without_a_model_nobody_is_unlike() -> None:
    assert examine("alice", [looked(0), looked(20), looked(90)], 0, None).weaknesses == ()


@given(
    angles=st.dictionaries(st.text("abc", min_size=1, max_size=4), st.floats(0, 180), max_size=30),
    similarity=st.floats(-0.9, 0.99),
)
def test_exactly_the_pairs_that_are_so_similar_are_found_the_closest_first(
    angles: dict[str, float], similarity: float
) -> None:
    faces = KnownFaces()
    for person, angle in angles.items():
        faces.put(person, at_angle(angle), "M")
    pairs, count = close_pairs(faces, similarity)
    there = [*angles]
    expected = {
        frozenset((one, other)): float(at_angle(angles[one]) @ at_angle(angles[other]))
        for number, one in enumerate(there)
        for other in there[number + 1 :]
    }

    assert count >= len(pairs)
    assert [pair.similarity for pair in pairs] == sorted((pair.similarity for pair in pairs), reverse=True)
    found = {frozenset((pair.person, pair.other)) for pair in pairs}
    assert len(found) == len(pairs)
    assert all(expected[pair] >= similarity - 1e-5 for pair in found)
    sure = {pair for pair, value in expected.items() if value > similarity + 1e-5}
    assert len(sure) > len(pairs) or sure <= found


def test_of_many_close_pairs_the_closest_are_named_and_all_are_counted() -> None:
    faces = KnownFaces()
    for number in range(300):
        faces.put(f"p{number}", at_angle(number / 100), "M")
    pairs, count = close_pairs(faces, 0.9)

    assert count == 300 * 299 // 2
    assert len(pairs) == 200
    own, count = close_pairs(faces, 0.9, "p7")
    assert count == 299
    assert {other for pair in own for other in (pair.person, pair.other)} >= {"p6", "p7", "p8"}
    assert all("p7" in {pair.person, pair.other} for pair in own)
    assert close_pairs(faces, 0.9, "nobody") == ((), 0)
    assert close_pairs(KnownFaces(), 0.9) == ((), 0)
