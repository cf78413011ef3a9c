"""Contact sheets."""

import io
from pathlib import Path

from PIL import Image

from doorbus.cli.sheets import draw


def _face(colour: str) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (112, 112), colour).save(made, "JPEG", quality=95)
    return made.getvalue()


def test_faces_stand_in_rows_below_their_lines_and_only_the_owner_may_look(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    draw(path, [("alice: few samples", [_face("red")]), ("bob | zoë", [_face("blue"), None, b"no picture"] * 4)])

    assert path.stat().st_mode & 0o777 == 0o600
    with Image.open(path) as sheet:
        assert sheet.format == "PNG"
        shown = sheet.convert("RGB")
    colours = [
        shown.getpixel((60, 90)),
        shown.getpixel((60, 240)),
        shown.getpixel((180, 240)),
        shown.getpixel((300, 240)),
    ]
    assert [max(range(3), key=colour.__getitem__) for colour in colours[:2] if isinstance(colour, tuple)] == [0, 2]
    assert colours[2:] == [(224, 224, 224), (224, 224, 224)]
    assert shown.size[0] > 10 * 112


def test_a_sheet_of_nobody_is_a_picture_all_the_same(tmp_path: Path) -> None:
    draw(tmp_path / "sheet.png", [])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"
