"""What somebody is told who takes pictures of themselves."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Course, Enrolment, ErrorCode, Face, Verdict
from doorbus_console.posing import Hint, advised, judged

WIDTH, HEIGHT = 640, 480


def face(**fields: Any) -> Face:
    given = {"box": (200, 100, 200, 200), "verdict": Verdict.UNKNOWN, "size": 90, "sharpness": 200, "quality": 0.9}
    return Face(**{**given, "yaw": 0, "pitch": 0, **fields})


PASSER_BY = face(box=(0, 0, 40, 40), size=20)


@pytest.mark.parametrize(
    ("faces", "hint"),
    [
        ([], Hint.LOOK),
        ([face()], Hint.GOOD),
        ([face(), PASSER_BY], Hint.GOOD),
        ([face(), face(box=(0, 0, 90, 90))], Hint.ALONE),
        ([face(size=30)], Hint.CLOSER),
        ([face(size=None, box=(10, 10, 60, 60))], Hint.CLOSER),
        ([face(box=(500, 100, 200, 200))], Hint.MIDDLE),
        ([face(yaw=50)], Hint.LOOK),
        ([face(pitch=-40)], Hint.LOOK),
        ([face(sharpness=5)], Hint.STILL),
    ],
)
def test_a_picture_that_does_not_help_says_why(faces: Sequence[Face], hint: Hint) -> None:
    assert judged(faces, WIDTH, HEIGHT).hint is hint


def test_who_holds_the_head_as_before_is_asked_to_turn_it() -> None:
    same, turned = judged([face(yaw=1)], WIDTH, HEIGHT, (0,)), judged([face(yaw=12)], WIDTH, HEIGHT, (0,))

    assert (same.hint, same.used, same.fresh) == (Hint.TURN, True, False)
    assert (turned.hint, turned.used, turned.fresh) == (Hint.GOOD, True, True)


@given(
    st.lists(
        st.builds(
            face,
            box=st.tuples(*[st.floats(-100, 800)] * 2, *[st.floats(0, 800)] * 2),
            size=st.none() | st.floats(0, 400),
            yaw=st.none() | st.floats(-90, 90),
            pitch=st.none() | st.floats(-90, 90),
            sharpness=st.none() | st.floats(0, 1000),
        ),
        max_size=3,
    ),
    st.lists(st.floats(-90, 90), max_size=3),
)
def test_a_picture_is_used_when_nothing_is_asked_but_to_hold_still_or_turn(
    faces: Sequence[Face], before: Sequence[float]
) -> None:
    pose = judged(faces, WIDTH, HEIGHT, before)

    assert pose.used == (pose.hint in {Hint.GOOD, Hint.TURN})
    assert pose.fresh == (pose.hint is Hint.GOOD)


@pytest.mark.parametrize(
    ("taken", "error", "hint"),
    [
        (0, None, Hint.LOOK),
        (1, None, Hint.TURN),
        (1, ErrorCode.TOO_SMALL, Hint.CLOSER),
        (1, ErrorCode.TOO_DARK, Hint.LIGHT),
        (0, ErrorCode.STORAGE_FAILED, Hint.WAIT),
    ],
)
def test_who_is_enrolled_at_a_door_is_told_what_is_wrong_with_the_last_frame(
    taken: int, error: ErrorCode | None, hint: Hint
) -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    told = Enrolment(
        text="t", course=Course.UNDER_WAY, action="capture", at=at, person="a", taken=taken, asked=3, error=error
    )

    assert advised(told) is hint
