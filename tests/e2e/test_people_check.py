"""`doorbus people --check` on real pictures, and a sample that does not belong there."""

from pathlib import Path

from PIL import Image

from doorbus.local.stack import Stack
from doorbus.wire.channels import Role
from support.programs import doorbus


async def test_weak_people_are_named_and_shown_and_a_sample_can_be_removed(
    fresh_stack: Stack, samples: Path, tmp_path: Path
) -> None:
    site = fresh_stack
    await site.broker.start()
    for role in (Role.ENROLLER, Role.RECOGNIZER):
        await site.start(role, {})
    names = ("obama.jpg", "obama2.jpg", "obama3.jpg")
    status, told = await doorbus(site, "enrol", "obama", *(samples / name for name in names))
    assert status == 0
    assert "obama.jpg: ok obama has 1 sample; samples 1 of 3 advised" in told
    assert told.endswith("obama3.jpg: ok obama has 3 samples\n")
    assert (await doorbus(site, "enrol", "biden", samples / "biden.jpg"))[0] == 0

    status, told = await doorbus(site, "people", "--check")
    assert status == 1
    assert "biden              1        few samples" in told
    assert told.endswith("1 of 2 people are hard to recognise, 0 pairs to tell apart\n")

    sheet = tmp_path / "sheet.png"
    status, told = await doorbus(site, "people", "--sheet", sheet)
    assert status == 1, told
    with Image.open(sheet) as drawn:
        face = drawn.convert("RGB").crop((8, 28, 120, 140))
    assert len(face.getcolors(20000) or ()) > 1000  # a photograph, and no grey square

    status, told = await doorbus(site, "people", "--person", "obama")
    assert (status, told.splitlines()[-2:]) == (
        0,
        ["obama: nothing is weak", "0 of 2 people are hard to recognise, 0 pairs to tell apart"],
    )
    number = told.splitlines()[1].split()[0]
    assert await doorbus(site, "remove", "obama", "--sample", number) == (0, "obama: ok obama has 2 samples\n")
    status, told = await doorbus(site, "remove", "obama", "--sample", number)
    assert (status, told.split()[1]) == (1, "unknown_sample")
