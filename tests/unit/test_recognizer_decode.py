import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.codec import Refusal, Refused
from doorbus_recognizer.decode import ENOUGH_PIXELS, Limits, decode
from doorbus_recognizer.models.imaging import encode_jpeg
from support.jpegs import refining

WIDTH, HEIGHT = 96, 64


def scene(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Blue on the left, red on the right, brighter towards the bottom."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[:, : width // 2, 0] = 200
    image[:, width // 2 :, 2] = 200
    image[:, :, 1] = np.linspace(0, 100, height, dtype=np.uint8)[:, None]
    return image


JPEG = encode_jpeg(scene())


def announcing(width: int, height: int) -> bytes:
    """The JPEG with another size in its frame header."""
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]


def reason(content: bytes, limits: Limits | None = None) -> Refusal:
    with pytest.raises(Refused) as refused:
        decode(content, limits or Limits())
    return refused.value.reason


def test_a_jpeg_becomes_the_picture_in_blue_green_red() -> None:
    decoded = decode(JPEG)

    assert decoded.reduction == 1
    assert decoded.image.shape == (HEIGHT, WIDTH, 3)
    assert decoded.image.dtype == np.uint8
    assert np.abs(decoded.image[:, 5].astype(int) - scene()[:, 5]).max() < 12


def test_a_grey_jpeg_becomes_a_picture_of_three_channels() -> None:
    grey = cv2.imencode(".jpg", scene()[:, :, 1])[1].tobytes()

    assert decode(grey).image.shape == (HEIGHT, WIDTH, 3)


def test_nothing_is_refused_as_empty() -> None:
    assert reason(b"") is Refusal.EMPTY


@pytest.mark.parametrize(
    "content",
    [
        b"UNLOCK",
        b"\x00" * 5000,
        b"\xff\xd8",
        cv2.imencode(".png", scene())[1].tobytes(),
        cv2.imencode(".bmp", scene())[1].tobytes(),
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + b"\x11" * 100 + b"\xff\xd9",
        announcing(0, 0),
        JPEG.replace(b"\xff\xc0", b"\xff\xe0"),
    ],
    ids=["text", "zeros", "marker-only", "png", "bmp", "start-and-end", "garbage-inside", "no-size", "no-frame-header"],
)
def test_what_is_no_jpeg_is_refused(content: bytes) -> None:
    assert reason(content) in {Refusal.NOT_A_PICTURE, Refusal.TRUNCATED}


@given(st.integers(2, len(JPEG) - 1))
def test_a_jpeg_that_was_cut_off_anywhere_is_refused_as_truncated(cut: int) -> None:
    assert reason(JPEG[:cut]) is Refusal.TRUNCATED


def test_a_file_of_too_many_bytes_is_refused_unseen() -> None:
    assert reason(JPEG + b"\x00" * 50_000_000) is Refusal.TOO_LARGE


def test_a_small_file_that_announces_a_huge_picture_is_refused_before_it_is_decoded() -> None:
    assert reason(announcing(60_000, 60_000)) is Refusal.TOO_LARGE
    assert reason(JPEG, Limits(pixels=WIDTH * HEIGHT - 1)) is Refusal.TOO_LARGE
    assert decode(JPEG, Limits(bytes=len(JPEG), pixels=WIDTH * HEIGHT)).reduction == 1


def test_a_picture_that_would_take_long_is_refused_before_it_is_decoded() -> None:
    assert reason(refining(7000, 7000, 30)) is Refusal.TOO_MUCH_WORK
    assert decode(refining(96, 64, 3)).image.shape == (64, 96, 3)


def test_a_picture_of_which_a_part_is_lost_is_refused() -> None:
    assert reason(JPEG[:-40] + b"\xff\xd9") is Refusal.NOT_A_PICTURE


def test_a_picture_far_larger_than_needed_comes_smaller() -> None:
    content = encode_jpeg(scene(3000, 2001))

    decoded = decode(content)

    assert ENOUGH_PIXELS * 4 <= 3000 * 2001
    assert decoded.reduction == 2
    assert decoded.image.shape == (1001, 1500, 3)
