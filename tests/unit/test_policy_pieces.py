"""Whether a face that turns is of one piece: what a turn may change, for any face."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from doorbus.wire.messages import Face, Verdict
from doorbus_actuator.policy.glances import Glance
from doorbus_actuator.policy.pieces import of_one_piece

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
degrees = st.floats(-60, 60)
figures = st.one_of(st.none(), st.floats(-90, 90))
similarities = st.floats(0.3, 1.0)


@st.composite
def glances(draw: st.DrawFn) -> Glance:
    face = Face(
        box=(0.0, 0.0, 99.0, 99.0),
        verdict=Verdict.MATCH,
        person="alice",
        similarity=draw(st.one_of(st.none(), similarities)),
        yaw=draw(degrees),
        sides_apart=draw(figures),
        ends_apart=draw(figures),
    )
    return Glance.of(face, NOON, votes=True)


@given(glances(), degrees)
def test_a_face_that_looks_as_it_does_to_the_front_is_of_one_piece_however_it_is_turned(
    glance: Glance, turned: float
) -> None:
    assert of_one_piece([glance] * 3, glance, turned)


@given(st.lists(glances(), min_size=1, max_size=3), glances(), degrees)
def test_what_is_not_said_is_not_asked(home: list[Glance], glance: Glance, turned: float) -> None:
    silent = replace(glance, similarity=None, sides_apart=None, ends_apart=None)
    as_large = replace(silent, size=max(one.size for one in home))
    assert of_one_piece(home, as_large, turned)
    assert of_one_piece([silent], glance, turned)


@given(st.lists(glances(), min_size=1, max_size=3), glances(), degrees, st.floats(0, 60))
def test_the_further_a_head_is_turned_the_more_may_change(
    home: list[Glance], glance: Glance, turned: float, more: float
) -> None:
    assume(of_one_piece(home, glance, turned))
    further = turned + more if turned > 0 else turned - more
    assert of_one_piece(home, glance, further)


@given(glances(), similarities, st.floats(0, 1), degrees)
def test_a_face_that_is_less_like_its_owner_is_never_more_of_one_piece(
    front: Glance, similarity: float, less: float, turned: float
) -> None:
    one = replace(front, similarity=similarity)
    other = replace(front, similarity=similarity * less)
    assert of_one_piece([front], one, turned) >= of_one_piece([front], other, turned)


@given(glances(), st.floats(17, 90), st.sampled_from(["sides_apart", "ends_apart"]), st.sampled_from([1, -1]))
def test_parts_that_tell_another_pose_are_of_another_picture(front: Glance, apart: float, part: str, sign: int) -> None:
    same: dict[str, Any] = {part: 0.0}
    another: dict[str, Any] = {part: sign * apart}
    assert not of_one_piece([replace(front, **same)] * 3, replace(front, **another), 18.0)


@given(glances(), st.floats(0.31, 0.4), st.floats(8.6, 12.0))
def test_a_seam_shows_in_likeness_and_sides_together(front: Glance, less: float, apart: float) -> None:
    told = replace(front, similarity=0.9, sides_apart=0.0)
    unlike = replace(told, similarity=0.9 * (1 - less))
    turned_apart = replace(told, sides_apart=apart)
    assert of_one_piece([told], unlike, 18.0)
    assert of_one_piece([told], turned_apart, 18.0)
    assert not of_one_piece([told], replace(unlike, sides_apart=apart), 18.0)


@given(glances(), st.floats(0.3, 1.0), st.floats(0.0, 0.55))
def test_a_face_that_resembles_nobody_on_its_way_is_of_two_pictures(front: Glance, own: float, share: float) -> None:
    told = replace(front, similarity=own)
    assert not of_one_piece([told] * 3, replace(told, similarity=own * share), 18.0)
