import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus_recognizer.faces import (
    Detection,
    Landmarks,
    Pose,
    eyes_open_of,
    five_points,
    pose_of,
    quality_of,
    size_of,
)
from doorbus_recognizer.models.fakes import FakeMesh
from doorbus_recognizer.models.geometry import (
    ARCFACE_POINTS,
    apply,
    invert,
    scale_of,
    similarity_transform,
    square_crop,
)
from doorbus_recognizer.models.imaging import lit
from doorbus_recognizer.models.liveness import surroundings

FRONTAL = FakeMesh().locate(np.zeros((480, 640, 3), np.uint8), Detection(box=(100, 100, 112, 112), score=1.0))
LIDS = ((160, 144), (158, 153), (385, 380), (387, 373))
angles = st.floats(-40, 40)


def turned(yaw: float = 0, pitch: float = 0, roll: float = 0) -> Landmarks:
    """The frontal face, turned: up or down first, then to its left or right, then to a shoulder."""
    y, p, r = np.radians((yaw, pitch, roll))
    up = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    left = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    shoulder = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    centre = FRONTAL.points.mean(axis=0)
    return Landmarks(points=(FRONTAL.points - centre) @ (shoulder @ left @ up).T + centre, score=1.0)


def blinking(openness: float) -> Landmarks:
    points = FRONTAL.points.copy()
    for upper, lower in LIDS:
        middle = (points[upper] + points[lower]) / 2
        points[upper], points[lower] = (middle + (points[i] - middle) * openness for i in (upper, lower))
    return Landmarks(points=points, score=1.0)


@given(angles)
def test_yaw_is_the_angle_to_the_persons_own_left(angle: float) -> None:
    face = turned(yaw=angle)

    assert pose_of(face).yaw == pytest.approx(angle, abs=1e-6)
    assert pose_of(face).pitch == pytest.approx(pose_of(FRONTAL).pitch, abs=1e-6)


def test_the_nose_of_somebody_who_looks_to_their_left_points_to_the_right_of_the_picture() -> None:
    points = FRONTAL.points.copy()
    points[[1, 4], 2] -= 20  # the nose stands out towards the camera
    nose = Landmarks(points=points, score=1.0)
    centre = FRONTAL.points.mean(axis=0)
    y = np.radians(30)
    left = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    face = Landmarks(points=(nose.points - centre) @ left.T + centre, score=1.0)

    assert pose_of(face).yaw == pytest.approx(30)
    assert face.points[1, 0] > face.points[[10, 152], 0].mean()


@given(angles)
def test_pitch_grows_by_what_the_head_is_raised(angle: float) -> None:
    assert pose_of(turned(pitch=angle)).pitch - pose_of(FRONTAL).pitch == pytest.approx(angle, abs=1e-6)


@given(angles, angles)
def test_tilting_the_head_to_a_shoulder_changes_no_angle(yaw: float, roll: float) -> None:
    assert pose_of(turned(yaw=yaw, roll=roll)).yaw == pytest.approx(yaw, abs=1e-6)
    assert pose_of(turned(yaw=yaw, roll=roll)).pitch == pytest.approx(pose_of(FRONTAL).pitch, abs=1e-6)


def test_eyes_go_from_open_to_closed_in_a_blink() -> None:
    values = [eyes_open_of(blinking(openness)) for openness in (1, 0.75, 0.5, 0.1)]

    assert values == sorted(values, reverse=True)
    assert values[0] == 1
    assert values[-1] == 0


@given(angles, angles)
def test_turning_the_head_does_not_close_the_eyes(yaw: float, roll: float) -> None:
    assert eyes_open_of(turned(yaw=yaw, roll=roll)) == pytest.approx(eyes_open_of(FRONTAL))


def test_size_is_the_distance_between_the_outer_corners_of_the_eyes() -> None:
    expected = ARCFACE_POINTS[1, 0] - ARCFACE_POINTS[0, 0] + 16

    assert size_of(FRONTAL) == pytest.approx(expected, abs=0.1)


def test_a_large_sharp_frontal_face_is_of_full_quality_and_each_lack_costs() -> None:
    ahead = Pose(yaw=0, pitch=0)

    assert quality_of(80, 500, ahead) == 1
    assert quality_of(30, 500, ahead) == pytest.approx(0.5)
    assert quality_of(80, 25, ahead) == pytest.approx(0.5)
    assert quality_of(80, 500, Pose(yaw=30, pitch=0)) == pytest.approx(0.75)
    assert quality_of(80, 500, Pose(yaw=0, pitch=-70)) == 0


@given(st.floats(0, 1000), st.floats(0, 5000), st.floats(-180, 180), st.floats(-90, 90))
def test_quality_is_between_nothing_and_all(size: float, sharpness: float, yaw: float, pitch: float) -> None:
    assert 0 <= quality_of(size, sharpness, Pose(yaw, pitch)) <= 1


@given(st.floats(-3, 3), st.floats(0.1, 10), st.floats(-500, 500), st.floats(-500, 500))
def test_alignment_finds_how_a_face_was_turned_scaled_and_moved(angle: float, scale: float, x: float, y: float) -> None:
    moved = apply(
        np.array(
            [[scale * np.cos(angle), -scale * np.sin(angle), x], [scale * np.sin(angle), scale * np.cos(angle), y]]
        ),
        ARCFACE_POINTS,
    )

    back = similarity_transform(moved, ARCFACE_POINTS)

    assert apply(back, moved) == pytest.approx(ARCFACE_POINTS, abs=1e-6)
    assert apply(invert(back), ARCFACE_POINTS) == pytest.approx(moved, abs=1e-6)
    assert scale_of(back) == pytest.approx(1 / scale)


def test_a_turned_square_comes_upright() -> None:
    matrix = square_crop(centre=(50, 40), side=20, angle=np.pi / 2, size=100)

    corners = apply(matrix, np.array([[60.0, 30.0], [50.0, 40.0]]))  # its right upper corner, and its centre

    assert corners == pytest.approx(np.array([[0, 0], [50, 50]]), abs=1e-9)


def test_the_five_points_of_a_frontal_face_lie_where_models_expect_them() -> None:
    assert five_points(FRONTAL) - 100 == pytest.approx(ARCFACE_POINTS, abs=1e-6)


@given(
    st.tuples(st.floats(-500, 2000), st.floats(-500, 2000), st.floats(-5, 3000), st.floats(-5, 3000)),
    st.integers(1, 1000),
    st.integers(1, 1000),
)
def test_the_crop_for_liveness_lies_in_the_picture_and_is_never_empty(
    box: tuple[float, float, float, float], width: int, height: int
) -> None:
    left, top, right, bottom = surroundings(box, width, height)

    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


@given(light=st.floats(1, 255), level=st.floats(1, 200), most=st.floats(1, 10))
def test_a_dark_crop_is_brightened_as_far_as_is_asked_and_no_further(light: float, level: float, most: float) -> None:
    image = np.full((8, 8, 3), round(light), dtype=np.uint8)

    seen = float(lit(image, level, most).mean())

    assert seen >= float(image.mean())
    assert seen <= max(level, float(image.mean())) + 1
    assert seen == pytest.approx(max(float(image.mean()), min(level, most * float(image.mean()))), abs=1)
