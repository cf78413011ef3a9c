"""Pictures that are no JPEGs: PNG, BMP and WebP, whole ones, and nothing that a library writes to standard error."""

import contextlib
import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorbus.wire import exif
from doorbus.wire.codec import Refusal, Refused
from doorbus_capture.imaging import decode
from doorbus_capture.sources.source import Image

START = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [
    (depth, colour)
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items()
    for depth in depths
]
WHOLE, INTERLACED = (
    ((0, 0, 1, 1),),
    ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def rows(width: int, height: int, bits: int, passes: Sequence[tuple[int, int, int, int]] = WHOLE) -> bytes:
    """What the data of a PNG are: noise, with a filter before each row."""
    noise, data = np.random.default_rng(7), b""
    for left, top, across, down in passes:
        columns, lines = -(-(width - left) // across), -(-(height - top) // down)
        for line in range(lines if columns > 0 else 0):
            data += bytes((line % 5,)) + noise.bytes(-(-columns * bits // 8))
    return data


def png(
    width: int = 23,
    height: int = 17,
    depth: int = 8,
    colour: int = 2,
    *,
    interlaced: bool = False,
    data: bytes | None = None,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    if data is None:
        data = zlib.compress(rows(width, height, depth * SAMPLES[colour], INTERLACED if interlaced else WHOLE))
    palette = chunk(b"PLTE", np.random.default_rng(8).bytes(3 << depth)) if colour == 3 else b""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return START + chunk(b"IHDR", header) + before + palette + chunk(b"IDAT", data) + after + chunk(b"IEND", b"")


def as_opencv_sees(content: bytes) -> Image:
    seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert seen is not None
    return seen.astype(np.uint8)


def encoded(ending: str, width: int = 40, height: int = 30, *options: int) -> bytes:
    noise = np.random.default_rng(9).integers(0, 255, (height, width, 3), dtype=np.uint8)
    content: bytes = cv2.imencode(ending, noise, options)[1].tobytes()
    return content


LOSSY_WEBP = encoded(".webp", 40, 30, cv2.IMWRITE_WEBP_QUALITY, 80)


def refusal(content: bytes) -> Refusal:
    with pytest.raises(Refused) as refused:
        decode(content)
    assert refused.value.detail
    return refused.value.reason


@pytest.mark.parametrize(("depth", "colour"), KINDS)
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("width", "height"), [(23, 17), (1, 1), (5, 2)])
def test_a_png_of_any_kind_is_the_picture_that_opencv_sees(
    depth: int, colour: int, width: int, height: int, *, interlaced: bool
) -> None:
    content = png(width, height, depth, colour, interlaced=interlaced)

    assert np.array_equal(decode(content), as_opencv_sees(content))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_png_stands_upright_as_its_exif_says(orientation: int) -> None:
    content = png(before=chunk(b"eXIf", exif.saying(orientation)[len(exif.START) :]))

    assert np.array_equal(decode(content), as_opencv_sees(content))


ODD = {
    "a colour profile that is none": chunk(b"iCCP", b"x\0\0" + zlib.compress(b"nonsense")),
    "an empty colour profile": chunk(b"iCCP", b""),
    "transparency that is none": chunk(b"tRNS", bytes(50)),
    "exif that is none": chunk(b"eXIf", b"nonsense"),
    "a palette that is none": chunk(b"PLTE", bytes(10)),
    "an animation": chunk(b"acTL", struct.pack(">II", 1000, 0)),
    "what nobody knows": chunk(b"XXXX", bytes(10)),
}


@pytest.mark.parametrize("note", ODD.values(), ids=ODD)
def test_notes_in_a_png_do_not_matter_and_nothing_is_said_of_them(
    note: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert np.array_equal(decode(png(before=note)), decode(png()))
    assert np.array_equal(decode(png(after=note)), decode(png()))
    assert capfd.readouterr().err == ""


ROWS = rows(23, 17, 24)
LOST = {
    "rows are missing": png(data=zlib.compress(ROWS[:-100])),
    "rows too many": png(data=zlib.compress(ROWS + ROWS)),
    "data that break off": png(data=zlib.compress(ROWS)[:-100]),
    "data and something else": png(data=zlib.compress(ROWS) + b"more"),
    "no data": png(data=b""),
    "nonsense": png(data=b"nonsense" * 20),
    "a filter that there is not": png(data=zlib.compress(b"\x09" + ROWS[1:])),
    "3 bits": png(depth=3, data=b""),
    "no width": png(0, 17, data=zlib.compress(b"")),
    "a width that no decoder takes": png(1_000_001, 1),
    "no header": START + chunk(b"IDAT", zlib.compress(ROWS)) + chunk(b"IEND", b""),
    "no palette": png(depth=8, colour=3).replace(chunk(b"PLTE", np.random.default_rng(8).bytes(768)), b""),
    "a wrong checksum": png()[:60] + b"\0\0\0\0" + png()[64:],
    "no end": png()[:-12],
    "a BMP cut off": encoded(".bmp")[:2000],
    "a BMP's beginning": encoded(".bmp")[:20],
    "a BMP of no height": encoded(".bmp")[:22] + bytes(4) + encoded(".bmp")[26:],
    "a WebP cut off": encoded(".webp")[:-100],
    "a WebP's beginning": encoded(".webp")[:16],
    "a GIF": b"GIF89a" + bytes(100),
    "a TIFF": encoded(".tiff"),
    "a JPEG 2000": encoded(".jp2", 640, 480),
    "text": b"no picture",
    "nothing": b"",
}


@pytest.mark.parametrize("content", LOST.values(), ids=LOST)
def test_what_is_no_whole_picture_is_refused_in_words_and_nothing_else_is_said(
    content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert refusal(content) is Refusal.NOT_A_PICTURE
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "content",
    [
        png(30_000, 30_000, data=b""),
        png(2200, 2200, 16, 6, data=b""),
        png(4000, 4000, 1, 0, data=b""),
        encoded(".bmp")[:18] + struct.pack("<ii", 30_000, -30_000) + encoded(".bmp")[26:],
        LOSSY_WEBP[:26] + struct.pack("<HH", 16_000, 16_000) + LOSSY_WEBP[30:],
        encoded(".webp")[:21] + b"\xff\xff\xff\x0f" + encoded(".webp")[25:],
        b"RIFF" + struct.pack("<I", 60) + b"WEBPVP8X" + bytes(8) + b"\xff\x3f\0\xff\x3f\0" + bytes(60),
    ],
    ids=["png", "png of 16 bits", "png of 1 bit", "bmp", "webp with loss", "webp without loss", "extended webp"],
)
def test_a_small_file_that_announces_a_huge_picture_is_refused_before_it_is_decoded(content: bytes) -> None:
    assert refusal(content) is Refusal.TOO_MUCH_WORK


def test_a_png_that_unpacks_to_more_than_it_announces_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)

    assert len(bomb) < 250_000
    assert refusal(png(data=bomb)) is Refusal.NOT_A_PICTURE


@pytest.mark.parametrize("content", [encoded(".bmp"), encoded(".webp"), LOSSY_WEBP], ids=["bmp", "webp", "lossy webp"])
def test_bmp_and_webp_are_pictures(content: bytes) -> None:
    assert np.array_equal(decode(content), as_opencv_sees(content))


@settings(max_examples=300)
@given(st.data())
def test_damaged_pictures_are_pictures_or_typed_refusals(drawn: st.DataObject) -> None:
    content = bytearray(drawn.draw(st.sampled_from([png(), png(colour=3), encoded(".bmp"), encoded(".webp")])))
    for _ in range(drawn.draw(st.integers(1, 5))):
        content[drawn.draw(st.integers(0, min(len(content), 80) - 1))] = drawn.draw(st.integers(0, 255))

    with contextlib.suppress(Refused):
        assert decode(bytes(content)).ndim == 3
