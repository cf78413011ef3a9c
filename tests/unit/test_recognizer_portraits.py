"""Which part of a frame a portrait shows, and how often there is one."""

from hypothesis import given
from hypothesis import strategies as st

from doorbus_recognizer.portraits import MAX_SIDE, PACE_SECONDS, Pace, around

EDGE = st.floats(-2000, 2000)
LENGTH = st.floats(0, 3000)
SIDE = st.integers(1, 2000)


def test_a_portrait_shows_the_face_and_something_around_it() -> None:
    crop = around((100.0, 80.0, 40.0, 40.0), 640, 480)

    assert crop is not None
    assert (crop.left, crop.upper, crop.right, crop.lower, crop.size) == (90, 70, 150, 130, (60, 60))


def test_a_large_face_is_made_smaller_in_proportion() -> None:
    crop = around((0.0, 0.0, 2000.0, 1000.0), 2000, 1000)

    assert crop is not None
    assert crop.size == (MAX_SIDE, MAX_SIDE // 2)


@given(left=EDGE, upper=EDGE, wide=LENGTH, high=LENGTH, width=SIDE, height=SIDE)
def test_wherever_the_face_the_portrait_is_a_part_of_the_picture(  # noqa: PLR0917  # what is drawn
    left: float, upper: float, wide: float, high: float, width: int, height: int
) -> None:
    crop = around((left, upper, wide, high), width, height)

    if crop is None:
        return
    assert 0 <= crop.left < crop.right <= width
    assert 0 <= crop.upper < crop.lower <= height
    assert all(1 <= side <= MAX_SIDE for side in crop.size)


def test_a_face_beside_the_picture_has_no_portrait() -> None:
    assert around((700.0, 0.0, 40.0, 40.0), 640, 480) is None


def test_each_camera_gets_a_portrait_once_in_a_while() -> None:
    pace = Pace()

    assert pace.due(("front", "porch"), 10.0)
    assert not pace.due(("front", "porch"), 10.0 + PACE_SECONDS / 2)
    assert pace.due(("front", "yard"), 10.0 + PACE_SECONDS / 2)
    assert pace.due(("front", "porch"), 10.0 + PACE_SECONDS)
