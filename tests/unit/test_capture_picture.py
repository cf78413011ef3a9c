"""Turning, mirroring, cropping, scaling, encoding; and telling a frozen camera."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.codec import Refused
from doorbus_capture.imaging import decode, encode_jpeg, resize, thumbnail
from doorbus_capture.picture import Region, View, fitted
from doorbus_capture.sampling import THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH
from doorbus_capture.sources.fakes import plain
from doorbus_capture.sources.source import Image
from doorbus_capture.stillness import Stillness


def corners() -> Image:
    """A picture 6 wide and 4 high with a number in each corner: 1 2 above, 3 4 below."""
    image = plain(0, 6, 4)
    image[0, 0], image[0, -1], image[-1, 0], image[-1, -1] = 1, 2, 3, 4
    return image


def read(image: Image) -> list[int]:
    """The numbers in the corners, row by row."""
    return [int(image[y, x, 0]) for y in (0, -1) for x in (0, -1)]


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (View(), [1, 2, 3, 4]),
        (View(rotate=90), [3, 1, 4, 2]),
        (View(rotate=180), [4, 3, 2, 1]),
        (View(rotate=270), [2, 4, 1, 3]),
        (View(mirror=True), [2, 1, 4, 3]),
        (View(rotate=90, mirror=True), [1, 3, 2, 4]),
    ],
)
def test_a_camera_mounted_any_way_gives_an_upright_picture(view: View, expected: list[int]) -> None:
    seen = view.apply(corners())
    assert read(seen) == expected
    assert seen.shape[:2] == ((6, 4) if view.rotate in {90, 270} else (4, 6))


def test_the_crop_is_of_the_upright_picture() -> None:
    left_half = View(rotate=90, region=Region(0, 0, 0.5, 1)).apply(corners())
    assert left_half.shape[:2] == (6, 2)
    assert int(left_half[0, 0, 0]) == 3
    assert int(left_half[-1, 0, 0]) == 4


@pytest.mark.parametrize(
    "text", ["", "1", "0,0,1", "0,0,1,1,1", "a,b,c,d", "0,0,0,1", "0.5,0,0.6,1", "-0.1,0,1,1", "nan,0,1,1", "0,0,inf,1"]
)
def test_a_region_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"0\.25,0,0\.5,1|does not lie in the picture"):
        Region.parse(text)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    x, y, width, height = (draw(st.floats(0, 0.999)) for _ in range(4))
    return Region(x, y, max(1e-6, width * (1 - x)), max(1e-6, height * (1 - y)))


@given(st.integers(1, 50), st.integers(1, 50), regions(), st.sampled_from([0, 90, 180, 270]))
def test_any_crop_of_any_picture_leaves_a_picture(width: int, height: int, region: Region, rotate: int) -> None:
    seen = View(rotate=rotate, region=region).apply(plain(0, width, height))
    assert seen.size > 0
    assert seen.shape[0] * seen.shape[1] <= width * height


@given(st.integers(1, 8000), st.integers(1, 8000), st.integers(64, 4000), st.integers(64, 4000))
def test_a_picture_is_made_to_fit_and_never_enlarged(width: int, height: int, most_w: int, most_h: int) -> None:
    w, h = fitted(width, height, most_w, most_h)
    assert 1 <= w <= min(width, most_w)
    assert 1 <= h <= min(height, most_h)
    if width <= most_w and height <= most_h:
        assert (w, h) == (width, height)
    elif min(w, h) > 20:
        assert abs(w / h - width / height) / (width / height) < 0.05


def test_views_of_any_kind_can_be_scaled_and_encoded() -> None:
    seen = View(rotate=90, mirror=True, region=Region(0.1, 0.2, 0.5, 0.5)).apply(plain(100, 640, 480))
    jpeg = encode_jpeg(resize(seen, (120, 160)), 88)
    decoded = decode(jpeg)
    assert decoded.shape == (160, 120, 3)
    assert abs(int(decoded.mean()) - 100) <= 1
    assert thumbnail(seen).shape == (THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH)


PNG = cv2.imencode(".png", plain(3))[1].tobytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"\xff\xd8\xff\xe0", PNG[:8], PNG[:60], PNG[:60] + bytes(20) + PNG[80:]],
)
def test_what_is_no_picture_or_has_lost_a_part_is_refused_and_nothing_is_printed(
    content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Refused):
        decode(content)
    assert capfd.readouterr().err == ""


def test_a_png_is_a_picture() -> None:
    assert np.array_equal(decode(PNG), plain(3))


def test_a_better_quality_is_a_larger_jpeg() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    assert len(encode_jpeg(noise, 50)) < len(encode_jpeg(noise, 95))


def test_a_camera_that_repeats_itself_to_the_bit_is_noticed() -> None:
    state = Stillness().after(plain(7), 10.0)
    for second in range(11, 80):
        state = state.after(plain(7), second)
    assert state.seconds(80.0) == 70.0


def test_a_camera_with_the_least_noise_is_not_frozen() -> None:
    rng = np.random.default_rng(2)
    state = Stillness()
    for second in range(60):
        state = state.after(plain(7) + rng.integers(0, 2, (48, 64, 3)).astype(np.uint8), second)
    assert state.seconds(59.0) == 0.0
