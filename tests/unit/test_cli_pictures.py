"""Pictures from files as JPEGs that can be sent."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from doorbus.cli.pictures import NoPicture, as_jpeg

MOST = 8 * 1024 * 1024


def _saved(path: Path, mode: str = "RGB", size: tuple[int, int] = (800, 600), **options: Any) -> Path:
    Image.new(mode, size, 200 if mode == "L" else None).save(path, **options)
    return path


def _opened(jpeg: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(jpeg))
    assert picture.format == "JPEG"
    return picture


def test_a_jpeg_is_sent_as_it_is(tmp_path: Path) -> None:
    path = _saved(tmp_path / "a.jpg")

    assert as_jpeg(path, MOST) == path.read_bytes()


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.bmp", "a.tiff", "a.gif"])
def test_other_kinds_become_jpegs_of_the_same_size(tmp_path: Path, name: str) -> None:
    assert _opened(as_jpeg(_saved(tmp_path / name), MOST)).size == (800, 600)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1"])
def test_what_is_transparent_becomes_white(tmp_path: Path, mode: str) -> None:
    picture = _opened(as_jpeg(_saved(tmp_path / "a.png", mode), MOST))

    assert picture.mode == "RGB"
    assert picture.getpixel((5, 5)) == ((255, 255, 255) if mode in {"RGBA", "LA"} else picture.getpixel((99, 99)))


def test_a_jpeg_that_is_too_large_is_made_smaller(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.effect_noise((6000, 4000), 90).convert("RGB").save(path, quality=98)
    assert path.stat().st_size > MOST

    jpeg = as_jpeg(path, MOST)
    assert len(jpeg) < MOST
    assert _opened(jpeg).size == (2560, 1707)


def test_a_picture_made_anew_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    path = _saved(tmp_path / "a.png", exif=exif)

    assert _opened(as_jpeg(path, MOST)).size == (600, 800)


def test_a_face_cut_out_tightly_gets_a_border(tmp_path: Path) -> None:
    picture = _opened(as_jpeg(_saved(tmp_path / "a.webp", size=(200, 160)), MOST))

    assert picture.size == (300, 260)
    assert picture.getpixel((2, 2)) == (128, 128, 128)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 no picture", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_what_is_no_picture_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(NoPicture, match="no picture that can be read"):
        as_jpeg(path, MOST)


def test_a_file_that_is_gone_or_never_ends_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoPicture, match="No such file"):
        as_jpeg(tmp_path / "gone.jpg", MOST)
    with pytest.raises(NoPicture, match="no picture"):
        as_jpeg(Path("/dev/zero"), 1000)
