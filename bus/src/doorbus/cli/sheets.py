"""Contact sheets: rows of small faces with a line of text above each, as a PNG. Pillow draws."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from doorbus.files import put

_FACE, _GAP, _TEXT = 112, 8, 20
_FACES_A_ROW = 10


def draw(path: Path, rows: Sequence[tuple[str, Sequence[bytes | None]]]) -> None:
    """Write a sheet; each row is a text and JPEGs, with None for a face that is not kept. Raises `OSError`."""
    wide = max((min(len(faces), _FACES_A_ROW) for _, faces in rows), default=1)
    heights = [_TEXT + max(1, -(-len(faces) // _FACES_A_ROW)) * (_FACE + _GAP) + _GAP for _, faces in rows]
    sheet = Image.new("RGB", (max(640, _GAP + wide * (_FACE + _GAP)), sum(heights) + _GAP), "white")
    pen, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(14), _GAP
    for (text, faces), height in zip(rows, heights, strict=True):
        pen.text((_GAP, top), text, "black", font)
        for number, face in enumerate(faces):
            place = (
                _GAP + number % _FACES_A_ROW * (_FACE + _GAP),
                top + _TEXT + number // _FACES_A_ROW * (_FACE + _GAP),
            )
            sheet.paste(_opened(face), place)
        top += height
    made = io.BytesIO()
    sheet.save(made, "PNG")
    put(path, made.getvalue())


def _opened(face: bytes | None) -> Image.Image:
    """The face; a grey square where there is none."""
    if face is not None:
        try:
            with Image.open(io.BytesIO(face), formats=("JPEG",)) as opened:
                return opened.convert("RGB").resize((_FACE, _FACE))
        except (OSError, ValueError, SyntaxError):
            pass
    return Image.new("RGB", (_FACE, _FACE), (224, 224, 224))
