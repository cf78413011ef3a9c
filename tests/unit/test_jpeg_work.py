"""What decoding a JPEG would cost, told from its headers: whatever would take too long never reaches a decoder."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.jpeg import MOST_MILLISECONDS, Survey, survey
from doorbus.wire.pixels import decode
from support.jpegs import (
    COLOUR,
    END,
    PROGRESSIVE,
    START,
    Jpeg,
    frame,
    narrow,
    note,
    refining,
    segment,
    table,
    usual_progressive,
)

EVEN = ((1, 1),) * 3
SMALL = Jpeg(32, 24).whole().end()
BUSY = {
    "scans that look at everything": refining(7000, 7000, 30),
    "scans that look at little": narrow(7000, 7000),
    "a large progressive photo": usual_progressive(8000, 6000)[:-2] + b"\x55" * 3_000_000 + END,
    "plain scans": Jpeg(7000, 7000, EVEN, pieces=[]).whole().whole().whole().whole().whole().end(),
}
RARE = {
    "arithmetic coding": Jpeg(32, 24, kind=0xC9).whole().end(),
    "progressive with arithmetic coding": Jpeg(32, 24, kind=0xCA).means().details().end(),
    "lossless": Jpeg(32, 24, kind=0xC3).whole().end(),
    "hierarchical": Jpeg(32, 24, kind=0xC5).whole().end(),
    "12 bits": Jpeg(32, 24, kind=0xC1, bits=12).whole().end(),
    "no colour": Jpeg(32, 24, ((1, 1),)).end().replace(frame(32, 24), frame(32, 24, ())),
    "two colours": Jpeg(32, 24, ((1, 1),) * 2).whole().end(),
    "many colours": Jpeg(32, 24, ((1, 1),) * 200).whole().end(),
    "colours of no resolution": SMALL.replace(frame(32, 24), frame(32, 24, ((0, 1), (1, 1), (1, 1)))),
    "colours of too high a resolution": Jpeg(32, 24, ((15, 15), (1, 1), (1, 1))).whole().end(),
    "nothing to see": SMALL.replace(frame(32, 24), frame(0, 24)),
    "a header that breaks off": SMALL.replace(frame(32, 24), frame(32, 24)[:2] + b"\x00\x07" + frame(32, 24)[4:9]),
    "a small size after a huge one": SMALL.replace(frame(32, 24), frame(7000, 7000) + frame(32, 24)),
    "a small size after the picture": Jpeg(7000, 7000).whole().end()[:-2] + frame(32, 24) + END,
    "no size": SMALL.replace(frame(32, 24), b""),
}


@pytest.mark.parametrize("content", BUSY.values(), ids=BUSY)
def test_a_file_that_would_keep_a_decoder_busy_is_refused_before_it_is_decoded(content: bytes) -> None:
    with pytest.raises(Refused, match=r"too_much_work: \d+ megapixels in \d+ scans; send a smaller picture"):
        survey(content).afford()


@pytest.mark.parametrize(
    ("width", "height", "allowed"),
    [
        (10_000, 10_000, "50,000,000 are"),
        (32_001, 1, "32,000 a side are"),
        (1, 65_000, "32,000 a side are"),
        (65_000, 65_000, "32,000 a side are"),
    ],
)
def test_a_picture_of_very_many_pixels_is_refused_whatever_it_holds(width: int, height: int, allowed: str) -> None:
    with pytest.raises(Refused, match=f"too_large: {width}x{height} pixels, {allowed} allowed"):
        survey(SMALL.replace(frame(32, 24), frame(width, height))).afford()


@pytest.mark.parametrize("piece", [note(b""), table(1, b"\x00")], ids=["notes", "tables"])
def test_a_file_of_nothing_but_segments_is_refused(piece: bytes) -> None:
    with pytest.raises(Refused, match="too_much_work: more than 1024 segments"):
        survey(START + piece * 100_000 + SMALL[2:])
    survey(START + piece * 1000 + SMALL[2:]).afford()


@pytest.mark.parametrize("content", RARE.values(), ids=RARE)
def test_kinds_that_no_camera_makes_reach_no_decoder(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        survey(content)
    assert refused.value.reason is Refusal.NOT_A_PICTURE
    assert refused.value.detail


@pytest.mark.parametrize(
    ("photo", "size"),
    [
        (usual_progressive(4032, 3024), 4_000_000),
        (Jpeg(4032, 3024, COLOUR).whole().end(), 8_300_000),
        (Jpeg(8000, 6000, COLOUR).whole().end(), 8_300_000),
    ],
    ids=["12 megapixels, progressive", "12 megapixels", "48 megapixels"],
)
def test_what_phones_take_is_no_work_too_much(photo: bytes, size: int) -> None:
    survey(photo[:-2] + b"\x55" * (size - len(photo)) + END).afford()


def test_pictures_in_cmyk_are_taken() -> None:
    content = Jpeg(64, 48, ((1, 1),) * 4).whole().end()

    assert decode(survey(content)).shape == (48, 64, 3)


FACTORS = st.tuples(st.integers(1, 4), st.integers(1, 4))


def announced(width: int, height: int, components: list[tuple[int, int]], scans: int, size: int) -> Survey:
    """A progressive picture with as many scans of all components, each of so many bytes."""
    numbers = b"".join(bytes((number, 0)) for number in range(1, len(components) + 1))
    scan = segment(0xDA, bytes((len(components),)) + numbers + b"\x00\x3f\x00") + b"\x55" * size
    return survey(START + frame(width, height, components, kind=PROGRESSIVE) + scan * scans + END)


@given(
    width=st.integers(1, 2000),
    height=st.integers(1, 2000),
    components=st.sampled_from([1, 3, 4]).flatmap(lambda count: st.lists(FACTORS, min_size=count, max_size=count)),
    scans=st.integers(1, 5),
    size=st.integers(0, 5000),
)
def test_more_pixels_more_scans_and_more_bytes_are_more_work(
    width: int, height: int, components: list[tuple[int, int]], scans: int, size: int
) -> None:
    plain = announced(width, height, components, scans, size).milliseconds

    assert plain >= width * height * scans * 0.15e-6
    assert announced(width + 32, height, components, scans, size).milliseconds > plain
    assert announced(width, height + 32, components, scans, size).milliseconds > plain
    assert announced(width, height, components, scans + 1, size).milliseconds > plain
    assert announced(width, height, components, scans, size + 1).milliseconds > plain


@given(st.integers(1, 7000), st.integers(1, 7000), st.integers(1, 1000))
def test_no_picture_is_afforded_beyond_the_bound(width: int, height: int, scans: int) -> None:
    seen = announced(width, height, [(1, 1)], scans, 0)
    with contextlib.suppress(Refused):
        seen.afford()
        assert width * height * scans * 0.15e-6 < seen.milliseconds <= MOST_MILLISECONDS
