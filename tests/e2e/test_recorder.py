"""A recorder as a process beside the others: the picture that led to a grant, and what is left after kills."""

import asyncio
import re
from pathlib import Path

import pytest

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    Outcome,
    Reason,
    Recording,
    Remove,
)
from support.door import CAMERA, DOOR, QUICK_ACTUATOR, Door, at_the_door
from support.jpegs import shot
from support.programs import doorbus


@pytest.mark.timeout(300)
async def test_the_picture_that_let_somebody_in_is_kept_as_it_was_and_goes_with_the_person(
    own_door: Door, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    site, shown = own_door.stack, dict[str, bytes]()
    await site.start(Role.RECORDER, {})
    async with connect(site.broker.transport(Role.VIEWER), [channels.RECORDED]) as viewer:
        async with asyncio.timeout(30):
            decision = None
            while decision is None or decision.outcome is not Outcome.GRANTED:
                picture = shot(jpeg["obama2"])
                shown[await own_door.show(picture)] = picture
                decision = await own_door.decision()
            told: Recording = (await viewer.expect(channels.RECORDED, door=DOOR)).message
    path = tmp_path / "let-in.jpg"
    status, said = await doorbus(site, "recordings", "show", told.recording, path)
    drawn = await doorbus(site, "recordings", "show", told.recording, tmp_path / "drawn.jpg", "--boxes")
    stolen = await doorbus(site, "recordings", "list", "--as", "viewer", "--timeout", "2")
    listed = await doorbus(site, "recordings", "list", "--person", "obama")

    assert (told.person, told.camera, told.frame_id) == ("obama", CAMERA, decision.frame_ids[-1])
    assert (status, drawn[0]) == (0, 0), said
    assert path.read_bytes() == shown[told.frame_id]
    assert (tmp_path / "drawn.jpg").read_bytes() != path.read_bytes()
    assert stolen[0] == 2, "a viewer has no answer"
    assert listed[0] == 0
    assert told.recording in listed[1]

    await own_door.operator.send(Outbound(channels.REMOVE, Remove(), {"person": "obama"}))
    async with asyncio.timeout(20):
        while (left := files_of(site)) and told.recording in " ".join(left):  # noqa: ASYNC110  # files have no event
            await asyncio.sleep(0.05)
    status, said = await doorbus(site, "recordings", "show", told.recording, path)
    assert (status, "unknown_recording" in said) == (1, True)


@pytest.mark.timeout(300)  # the command is started again and again
async def test_a_stranger_waits_as_one_entry_and_is_let_in_once_somebody_has_said_who_it_is(
    fresh_stack: Stack, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    site = fresh_stack
    await site.start_all(
        {
            Role.ACTUATOR: QUICK_ACTUATOR,
            Role.CAPTURE: {"DOORBUS_CAPTURE__SOURCE": "none"},
            Role.RECOGNIZER: {"DOORBUS_RECOGNIZER__REVIEW": "true"},
        }
    )
    await site.start(Role.RECORDER, {"DOORBUS_RECORDER__KEEP": "", "DOORBUS_RECORDER__REVIEW": "unknown"})
    async with at_the_door(site) as door:
        assert (await door.enrol("obama", jpeg["obama"])).error is None
        async with asyncio.timeout(120), door.showing(jpeg["biden"]):
            listed, times = "", 0
            while times < 3:
                status, listed = await doorbus(site, "review", "--into", tmp_path)
                assert status == 0
                times = int((re.search(r"seen (\d+) times", listed) or [0, 0])[1])
        assert await door.refuses(jpeg["biden"]) is Reason.UNKNOWN_FACE
        (entry,) = [line.split()[0] for line in listed.splitlines() if "unknown" in line]
        mistyped = await doorbus(site, "review", "accept", entry, "bidne")
        accepted = await doorbus(site, "review", "accept", entry, "biden", "--new")
        after = await doorbus(site, "review")
        opened = await door.opens_for(jpeg["biden"])

    assert mistyped[0] == 1
    assert "unknown_person" in mistyped[1]
    assert accepted == (0, f"{entry}: ok biden has 1 sample\n")
    assert after[1].startswith("0 faces wait")
    assert opened.person == "biden"
    assert (tmp_path / f"{entry}.jpg").read_bytes().startswith(b"\xff\xd8")


def files_of(site: Stack) -> list[str]:
    return sorted(path.name for path in (site.var / "recorder").glob("*/*"))
