"""Whether a JPEG is whole, by its structure (`jpeg`) and by what the decoder says (`pixels`)."""

import contextlib
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.jpeg import survey
from doorbus.wire.pixels import Pixels, decode
from support.jpegs import END, Jpeg, segment

SCAN = b"\xff\xda"


def scene() -> Pixels:
    """A street in fog: smooth, with some noise, as a camera has it."""
    random = np.random.default_rng(5)
    ys, xs = np.mgrid[0:240, 0:320]
    image = np.stack([xs / 2, ys / 2, (xs + ys) / 4], axis=-1) + random.normal(0, 4, (240, 320, 3))
    clear: Pixels = np.clip(image + 40 * np.sin(xs / 9)[..., None], 0, 255).astype(np.uint8)
    return clear


def encoded(image: Pixels, *options: int) -> bytes:
    content: bytes = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85, *options])[1].tobytes()
    return content


def as_opencv_sees(content: bytes) -> Pixels:
    seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert seen is not None
    return seen.astype(np.uint8)


SCENE = scene()
PLAIN = encoded(SCENE)
KINDS = {
    "plain": PLAIN,
    "optimised": encoded(SCENE, cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    "progressive": encoded(SCENE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "with restarts": encoded(SCENE, cv2.IMWRITE_JPEG_RST_INTERVAL, 20),
    "grey": encoded(SCENE[:, :, 1]),
    "4:4:4": encoded(SCENE, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
}


def pixels(content: bytes, reduction: int = 1) -> Pixels:
    return decode(survey(content), reduction)


def refusal(content: bytes) -> Refusal:
    with pytest.raises(Refused) as refused:
        pixels(content)
    return refused.value.reason


def data(content: bytes) -> int:
    """Where the picture's data begins."""
    return content.index(SCAN) + 14


@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS)
def test_a_whole_jpeg_of_any_kind_is_the_picture_that_opencv_sees(content: bytes) -> None:
    assert np.array_equal(pixels(content), as_opencv_sees(content))


@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_jpeg_that_was_cut_off_and_closed_again_is_no_picture(content: bytes, share: float) -> None:
    begin = data(content)
    cut = begin + int(share * (len(content) - begin))

    assert refusal(content[:cut] + END) is Refusal.NOT_A_PICTURE


@given(st.integers(data(PLAIN), len(PLAIN) - 16))
def test_wherever_it_was_cut_off_it_is_no_picture(cut: int) -> None:
    assert refusal(PLAIN[:cut] + END) is Refusal.NOT_A_PICTURE
    assert refusal(PLAIN[:cut]) is Refusal.TRUNCATED
    assert refusal(PLAIN[:cut] + PLAIN) is Refusal.TRUNCATED


@given(st.data())
def test_zeros_in_place_of_any_part_are_no_picture(drawn: st.DataObject) -> None:
    begin = drawn.draw(st.integers(data(PLAIN), len(PLAIN) - 40))
    length = drawn.draw(st.integers(34, len(PLAIN) - begin))

    assert refusal(PLAIN[:begin] + bytes(length) + PLAIN[begin + length :]) in {
        Refusal.NOT_A_PICTURE,
        Refusal.TRUNCATED,  # the end marker is gone as well
    }


@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS)
def test_zeros_from_somewhere_on_are_no_picture_of_any_kind(content: bytes) -> None:
    begin = data(content)
    middle = (begin + len(content)) // 2

    assert refusal(content[:middle] + bytes(len(content) - 2 - middle) + END) is Refusal.NOT_A_PICTURE


def test_a_progressive_jpeg_whose_last_scans_are_missing_is_no_picture() -> None:
    content = KINDS["progressive"]
    last = content.rindex(SCAN)

    assert refusal(content[:last] + END) is Refusal.NOT_A_PICTURE


@pytest.mark.parametrize("option", [cv2.IMWRITE_JPEG_OPTIMIZE, cv2.IMWRITE_JPEG_PROGRESSIVE])
def test_a_picture_of_one_colour_may_be_nothing_but_zeros(option: int) -> None:
    wall = encoded(np.full((960, 1280, 3), 128, np.uint8), option, 1)

    assert bytes(64) in wall
    assert np.unique(pixels(wall)).tolist() == [128]


@pytest.mark.parametrize("extra", [1, 4, 11])
def test_a_few_bytes_of_padding_before_a_marker_are_no_loss(extra: int) -> None:
    """As several webcams write them, in every picture."""
    padded = PLAIN[:-2] + bytes(extra) + END
    restarts = KINDS["with restarts"]
    at = restarts.index(b"\xff\xd3")

    assert np.array_equal(pixels(padded), pixels(PLAIN))
    assert np.array_equal(pixels(restarts[:at] + bytes(extra) + restarts[at:]), pixels(restarts))


def test_what_a_camera_puts_between_the_segments_or_behind_the_end_does_not_matter() -> None:
    noted = PLAIN[:2] + b"\xff\xfe\x00\x06note" + bytes(600) + PLAIN[2:] + b"maker notes" * 10

    assert np.array_equal(pixels(noted), pixels(PLAIN))


def remarkable(content: bytes) -> dict[str, bytes]:
    """The picture with headers that a decoder warns of, but understands."""
    version, scan = content.index(b"JFIF\0") + 5, content.index(SCAN) + 11
    return {
        "an unknown version": content[:version] + b"\x03" + content[version + 1 :],
        "a broken colour profile": content[:2] + segment(0xE2, b"ICC_PROFILE\0\x05\x03nonsense") + content[2:],
        "an unknown transform": content[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\x07") + content[2:],
        "a scan of not all": content[:scan] + b"\x01\x3f\x00" + content[scan + 3 :],
    }


@pytest.mark.parametrize("name", remarkable(PLAIN))
def test_a_remark_about_a_header_is_no_loss_and_hides_none(name: str) -> None:
    lost = remarkable(PLAIN[: len(PLAIN) // 2] + END)

    assert np.array_equal(pixels(remarkable(PLAIN)[name]), pixels(PLAIN))
    assert refusal(lost[name]) is Refusal.NOT_A_PICTURE


@pytest.mark.parametrize("length", range(16))
@pytest.mark.parametrize("kind", [b"JFIF\0", b"Adobe"])
def test_headers_that_break_off_do_not_matter(kind: bytes, length: int) -> None:
    broken = segment(0xE0 if kind == b"JFIF\0" else 0xEE, (kind + bytes(11))[:length])

    assert np.array_equal(pixels(PLAIN[:2] + broken + PLAIN[2:]), pixels(PLAIN))


def test_padding_in_cmyk_is_refused_rather_than_decoded_to_chance() -> None:
    """The conversion to colours, which comes last, does not happen where the decoder had a remark."""
    cmyk = Jpeg(64, 48, ((1, 1),) * 4).whole().end()

    assert refusal(cmyk[:-2] + b"\x55" * 12 + END) is Refusal.NOT_A_PICTURE


def test_a_jpeg_without_huffman_tables_is_one_with_the_usual_ones() -> None:
    """As in the streams of webcams."""
    bare = PLAIN
    while (at := bare.find(b"\xff\xc4")) >= 0:
        bare = bare[:at] + bare[at + 2 + int.from_bytes(bare[at + 2 : at + 4], "big") :]

    assert np.array_equal(pixels(bare), pixels(PLAIN))
    assert refusal(bare[:-2000] + bytes(1998) + END) is Refusal.NOT_A_PICTURE


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_picture_stands_upright_as_its_orientation_says(orientation: int, order: str) -> None:
    tiff = struct.pack(
        f"{order}2sHIHHHIHHI", b"II" if order == "<" else b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0
    )
    body = b"Exif\0\0" + tiff
    turned = PLAIN[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + PLAIN[2:]

    assert np.array_equal(pixels(turned), as_opencv_sees(turned))


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_a_picture_may_come_smaller(reduction: int) -> None:
    small = pixels(PLAIN, reduction)

    assert small.shape == (240 // reduction, 320 // reduction, 3)
    assert np.abs(small.mean(axis=(0, 1)) - SCENE.mean(axis=(0, 1))).max() < 3


@pytest.mark.parametrize("name", ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"])
def test_a_face_that_is_grey_from_the_eyes_down_is_no_picture(samples: Path, name: str) -> None:
    content = (samples / name).read_bytes()

    assert pixels(content).shape[2] == 3
    assert refusal(content[: len(content) // 3] + END) is Refusal.NOT_A_PICTURE


@given(st.binary(max_size=400), st.sampled_from([b"", PLAIN[:2], PLAIN[:200], PLAIN[:700]]))
def test_arbitrary_bytes_are_a_picture_or_a_typed_refusal(noise: bytes, start: bytes) -> None:
    with contextlib.suppress(Refused):
        assert pixels(start + noise + END).ndim == 3


def test_no_word_of_the_decoder_reaches_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    refusal(PLAIN[:3000] + END)
    pixels(PLAIN[:-2] + bytes(5) + END)

    assert capfd.readouterr().err == ""
